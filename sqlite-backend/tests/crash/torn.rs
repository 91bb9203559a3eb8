//! A checkpoint that has to leave a part of the log, and one after it that fails at the rest.
//!
//! SQLite counts what was moved, and syncs the database only when all of the log was. If that sync fails, what
//! was moved before is counted, is not moved again, and may not be on the disk. Then the log is all there is,
//! and it must not begin anew before somebody has opened the database again.

use super::plan::Plan;
use super::proof::{Counts, Proof};
use super::recording::{Call, Fault, Recorder};
use super::tests::{Machine, budget, is_begun_anew, is_of_database, or_long};

/// Somebody reads while the log is moved for the first time, and no more when the store moves it.
pub(crate) fn rest(recorder: &Recorder) -> Counts {
    let mut proof = Proof::new("a checkpoint of the rest");
    proof.faulty = true;
    for seed in 0..or_long(1, 4) {
        let plan = Plan {
            seed,
            from: 1,
            to: 330,
            threads: 1,
            awaited: 8,
            page: Some(512),
            reads: Some((60, 120)),
            faulty: true,
            ..Plan::default()
        };
        // The first is of its creation.
        let fault = Fault::of_sync("data.db", 2);
        let mut machine = Machine::new(recorder);
        let calls = machine.run(&plan, Some(fault), &mut proof, |calls, at| {
            let failed = calls[..=at].iter().position(Call::failed)?;
            let is_turn = at == failed || is_begun_anew(calls, &calls[at]);
            (is_turn || is_now_and_then(calls, at)).then(|| budget(8, 4))
        });
        // What is moved while somebody reads is not synced.
        let is_try = |call: &&Call| matches!(call, Call::Mark(mark) if mark == "try 120");
        let mut early = calls.iter().take_while(|call| !is_try(call));
        let moved = early.clone().filter(|call| is_of_database(&calls, call));
        assert!(moved.count() > 20, "next to nothing was moved before");
        assert!(!early.any(Call::failed), "it failed at the beginning");
        machine.run(&plan.next(), None, &mut proof, |calls, at| {
            is_now_and_then(calls, at).then(|| budget(4, 2))
        });
    }
    proof.end()
}

/// One of many calls that write to the database.
fn is_now_and_then(calls: &[Call], at: usize) -> bool {
    at.is_multiple_of(or_long(16, 2)) && is_of_database(calls, &calls[at])
}
