//! A checkpoint that has to leave a part of the log, and one after it that fails at the rest.
//!
//! SQLite counts what was moved, and syncs the database only when all of the log was. If that sync fails, what
//! was moved before is counted, is not moved again, and may not be on the disk. Then the log is all there is,
//! and it must not begin anew before somebody has opened the database again.

use super::plan::Plan;
use super::proof::{Counts, Proof};
use super::recording::{Call, Fault, Recorder};
use super::tests::{Machine, budget, is_begun_anew, is_of_database, or_long};

/// Somebody reads while the store moves its log for the first time, and no more when it does for the second.
pub(crate) fn rest(recorder: &Recorder) -> Counts {
    let mut proof = Proof::new("a checkpoint of the rest");
    proof.faulty = true;
    for seed in 0..or_long(1, 4) {
        let plan = Plan {
            seed,
            from: 1,
            to: 560,
            threads: 1,
            awaited: 8,
            page: Some(512),
            reads: Some((60, 320)),
            faulty: true,
            ..Plan::default()
        };
        // The first is of its creation.
        let fault = Fault {
            call: "sync",
            name: "data.db",
            first: 2,
            times: 1,
        };
        let mut machine = Machine::new(recorder);
        let calls = machine.run(&plan, Some(fault), &mut proof, |calls, at| {
            let failed = calls[..=at].iter().position(Call::failed)?;
            let is_turn = at == failed || is_begun_anew(calls, &calls[at]);
            (is_turn || is_now_and_then(calls, at)).then(|| budget(8, 4))
        });
        let failed = calls.iter().position(Call::failed).unwrap();
        let moved = calls[..failed].iter();
        let moved = moved.filter(|call| is_of_database(&calls, call)).count();
        assert!(moved > 100, "next to nothing was moved before");
        let next = Plan {
            from: plan.to + 1,
            to: plan.to + 2,
            page: None,
            reads: None,
            faulty: false,
            ..plan
        };
        machine.run(&next, None, &mut proof, |calls, at| {
            is_now_and_then(calls, at).then(|| budget(4, 2))
        });
    }
    proof.end()
}

/// One of many calls that write to the database.
fn is_now_and_then(calls: &[Call], at: usize) -> bool {
    at.is_multiple_of(or_long(16, 2)) && is_of_database(calls, &calls[at])
}
