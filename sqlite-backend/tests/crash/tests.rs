//! The tests: which histories, and how many of their crashes.
//!
//! An ordinary run takes two to three minutes. `LARDER_PROOF=long` has more histories, more of what a crash
//! may leave after each call, and every fault.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::child::{DATABASE, MARKS};
use super::disk::Disk;
use super::images::Budget;
use super::plan::{End, Plan, State};
use super::proof::{Also, Counts, Proof, Task, check, clear, is_long, workplace};
use super::recording::{Call, Fault, Recorder};
use super::story::Story;

pub(crate) type Test = fn(&Recorder) -> Counts;

/// The one of which every state is left by a second loss of power.
pub(crate) const SECOND_CUT: &str = "also_in_a_crash_while_a_crash_is_recovered_from";

pub(crate) const ALL: [(&str, Test); 9] = [
    (
        "after_any_crash_a_prefix_is_found_with_all_that_was_acknowledged",
        prefix,
    ),
    (
        "also_while_the_store_moves_its_log_into_the_database",
        checkpoints,
    ),
    (
        "also_when_the_rest_of_the_log_cannot_be_moved",
        super::torn::rest,
    ),
    ("also_when_threads_share_a_sync", threads),
    ("also_in_a_process_after_one_that_was_killed", processes),
    ("also_with_a_rollback_journal", journal),
    (SECOND_CUT, second_cut),
    (
        "what_is_under_a_failed_call_does_not_count_until_it_is_written_anew",
        faults,
    ),
    (
        "a_store_that_promises_nothing_of_a_loss_of_power_is_whole_after_one",
        whole,
    ),
];

/// So many in an ordinary run, so many in a long one.
pub(crate) fn or_long<N>(ordinary: N, long: N) -> N {
    if is_long() { long } else { ordinary }
}

/// All that a crash may leave up to so many, and else so many; more in a long run.
pub(crate) fn budget(exhaustive: usize, samples: usize) -> Budget {
    let more = or_long(1, 6);
    Budget {
        exhaustive: exhaustive * more,
        samples: samples * more,
    }
}

/// A disk, and the processes that have used it, one after the other.
pub(crate) struct Machine<'r> {
    recorder: &'r Recorder,
    place: tempfile::TempDir,
    disk: Disk,
    story: Story,
}

impl<'r> Machine<'r> {
    pub(crate) fn new(recorder: &'r Recorder) -> Self {
        let machine = Self {
            recorder,
            place: workplace(),
            disk: Disk::new(),
            story: Story::new(State::default()),
        };
        clear(&machine.dir());
        machine
    }

    fn dir(&self) -> PathBuf {
        self.place.path().join("disk")
    }

    /// Runs a process, and looks at the crashes after each of its calls, as many as `budget` says.
    pub(crate) fn run(
        &mut self,
        plan: &Plan,
        fault: Option<Fault>,
        proof: &mut Proof,
        budget: impl Fn(&[Call], usize) -> Option<Budget>,
    ) -> Vec<Call> {
        let calls = self.recorder.run(plan, &self.dir(), fault);
        let bounds = self.story.add(plan, &calls);
        let states = self.story.states();
        proof.every_crash(&mut self.disk, &calls, &bounds, &states, |at| {
            budget(&calls, at)
        });
        // The log tells all that became of the files.
        let is_ours = |path: &str| path == MARKS || path.ends_with("-shm");
        let difference = self.disk.seen().difference(&self.dir(), is_ours);
        assert_eq!(difference, None, "the log is not complete");
        calls
    }
}

/// From the creation of the store on. It is closed and opened again, and another program moves the log
/// now and then, so that it begins anew.
fn prefix(recorder: &Recorder) -> Counts {
    let mut proof = Proof::new("a history");
    for seed in 0..or_long(1, 12) {
        let plan = Plan {
            seed,
            from: 1,
            to: 24,
            awaited: 8,
            reopens: Some(9),
            checkpoints: Some(4),
            ..Plan::default()
        };
        Machine::new(recorder).run(&plan, None, &mut proof, |_, _| Some(budget(24, 5)));
    }
    proof.end()
}

/// Small pages, so that the log is soon so long that the store moves it by itself, while others write.
fn checkpoints(recorder: &Recorder) -> Counts {
    let mut proof = Proof::new("its own checkpoints");
    proof.faulty = true;
    for seed in 0..or_long(1, 3) {
        let plan = Plan {
            seed,
            from: 1,
            to: 450,
            threads: 2,
            awaited: 4,
            page: Some(512),
            faulty: true,
            ..Plan::default()
        };
        let near = |calls: &[Call], at: usize| {
            let moves = calls[at.saturating_sub(12)..=at]
                .iter()
                .any(|call| is_of_database(calls, call));
            (moves && at.is_multiple_of(or_long(6, 2))).then(|| budget(8, 4))
        };
        let calls = Machine::new(recorder).run(&plan, None, &mut proof, near);
        let begun = calls.iter().filter(|call| is_begun_anew(&calls, call));
        assert!(begun.count() >= 2, "the log was never begun anew");

        // The first sync of the database is that of its creation, the next that of a checkpoint. Before
        // its first write comes the sync of the log.
        let first = calls.iter().rposition(|call| is_begun_anew(&calls, call));
        let log = number_of(&calls, "-wal");
        let is_sync = |call: &&Call| matches!(call, Call::Begin { id, .. } if Some(*id) == log);
        let syncs = calls[..first.unwrap_or_default()]
            .iter()
            .filter(is_sync)
            .count();
        for (name, first) in [
            ("data.db", 2),
            ("-wal", syncs - 1),
            ("data.db", 3),
            ("-wal", syncs),
        ]
        .into_iter()
        .take(or_long(2, 4))
        {
            let fault = Fault::of_sync(name, first);
            let mut machine = Machine::new(recorder);
            machine.run(&plan, Some(fault), &mut proof, |calls, at| {
                let is_after = calls[at.saturating_sub(4_000)..=at]
                    .iter()
                    .any(Call::failed);
                is_after.then(|| near(calls, at)).flatten()
            });
            machine.run(&plan.next(), None, &mut proof, near);
        }
    }
    proof.end()
}

/// The number of a file in a log.
fn number_of(calls: &[Call], ends: &str) -> Option<u64> {
    calls.iter().find_map(|call| match call {
        Call::Name { path, id } | Call::Found { path, id } if path.ends_with(ends) => Some(*id),
        _ => None,
    })
}

/// Whether a call writes to the database itself, or syncs it.
pub(crate) fn is_of_database(calls: &[Call], call: &Call) -> bool {
    // It is made under another name.
    let number = number_of(calls, DATABASE).or_else(|| {
        let is_move = |call: &&Call| matches!(call, Call::Move { to, .. } if to == DATABASE);
        match calls.iter().find(is_move) {
            Some(Call::Move { from, .. }) => number_of(calls, from),
            _ => None,
        }
    });
    matches!(call, Call::Write { id, .. } | Call::Begin { id, .. } if Some(*id) == number)
}

/// Whether a call writes the header of the log.
pub(crate) fn is_begun_anew(calls: &[Call], call: &Call) -> bool {
    let number = number_of(calls, "-wal");
    matches!(call, Call::Write { id, offset: 0, .. } if Some(*id) == number)
}

/// Threads that wait at once: what is committed during a sync is not in it.
fn threads(recorder: &Recorder) -> Counts {
    let mut proof = Proof::new("threads");
    for seed in 0..or_long(2, 16) {
        let plan = Plan {
            seed,
            from: 1,
            to: 40,
            threads: 4,
            awaited: 12,
            eager: seed % 2 == 1,
            ..Plan::default()
        };
        Machine::new(recorder).run(&plan, None, &mut proof, |calls, at| {
            (is_turn(&calls[at]) || at.is_multiple_of(4)).then(|| budget(8, 2))
        });
    }
    proof.end()
}

/// Whether a call may change what must be there, or what may.
fn is_turn(call: &Call) -> bool {
    !matches!(
        call,
        Call::Write { .. } | Call::Begin { .. } | Call::BeginDir { .. }
    )
}

/// Each process finds what the one before left on its way to the disk.
fn processes(recorder: &Recorder) -> Counts {
    let mut proof = Proof::new("processes that are killed");
    for seed in 0..or_long(1, 8) {
        let mut machine = Machine::new(recorder);
        for process in 0..4 {
            let plan = Plan {
                seed,
                from: process * 5 + 1,
                to: process * 5 + 5,
                awaited: 5,
                end: if process < 3 {
                    End::Killed
                } else {
                    End::Closed
                },
                ..Plan::default()
            };
            machine.run(&plan, None, &mut proof, |_, _| Some(budget(12, 3)));
        }
    }
    proof.end()
}

/// While its database is made a sync fails once: SQLite then has no log, and a rollback journal
/// instead, as on a disk that several machines share.
fn journal(recorder: &Recorder) -> Counts {
    let mut proof = Proof::new("a rollback journal");
    for seed in 0..or_long(1, 6) {
        let plan = Plan {
            seed,
            from: 1,
            to: 8,
            awaited: 8,
            ..Plan::default()
        };
        let fault = Fault::of_sync("data.db", 1);
        let mut machine = Machine::new(recorder);
        let calls = machine.run(&plan, Some(fault), &mut proof, |_, _| Some(budget(8, 2)));
        assert_eq!(number_of(&calls, "-wal"), None, "there is a log after all");
    }
    proof.end()
}

/// What a crash left is opened by a process under the recorder, in some of them with a disk that fails,
/// and the power goes again.
fn second_cut(recorder: &Recorder) -> Counts {
    let plan = Plan {
        seed: 2,
        from: 1,
        to: 14,
        awaited: 8,
        reopens: Some(7),
        checkpoints: Some(4),
        ..Plan::default()
    };
    let cuts = Arc::new(AtomicUsize::new(0));
    let (counted, again) = (Arc::clone(&cuts), recorder.clone());
    let cut: Also = Arc::new(move |task, dir, found| {
        if counted.fetch_add(1, Ordering::Relaxed) >= or_long(30, 400) {
            return 0;
        }
        cut_again(&again, task, dir, found)
    });
    let mut proof = Proof::and("crashes in a recovery", &cut);
    Machine::new(recorder).run(&plan, None, &mut proof, |_, _| Some(budget(8, 2)));
    let counts = proof.end();
    assert!(cuts.load(Ordering::Relaxed) > 20, "no recovery was cut off");
    counts
}

/// Opens an image in which this was found, writes a little, and looks at the crashes meanwhile; gives how
/// many there were.
fn cut_again(recorder: &Recorder, task: &Task, dir: &Path, found: &State) -> usize {
    task.image.put(dir);
    let faulty = task.image.fingerprint().is_multiple_of(2);
    let fault = Fault::of_sync("-wal", 1);
    let plan = Plan {
        from: 1_000,
        to: 1_001,
        awaited: 16,
        faulty,
        ..Plan::default()
    };
    let calls = recorder.run(&plan, dir, faulty.then_some(fault));
    // What was found once is found again: it was all durable.
    let mut story = Story::new(found.clone());
    let bounds = story.add(&plan, &calls);
    let states = story.states();
    let mut disk = Disk::of(&task.image.dirs, &task.image.files);
    let mut known = BTreeSet::new();
    for (number, call) in calls.iter().enumerate() {
        disk.apply(call);
        if !is_turn(call) && !number.is_multiple_of(5) {
            continue;
        }
        let now = bounds[number + 1];
        for image in disk.images(budget(8, 2), number as u64) {
            if !known.insert((image.fingerprint(), now.acked, now.begun)) {
                continue;
            }
            clear(dir);
            let again = Task {
                image,
                states: Arc::clone(&states),
                least: now.acked,
                most: now.begun,
                closely: false,
                faulty,
                after: format!("{}, and again after call {number}, {call}", task.after),
            };
            let checked = catch_unwind(AssertUnwindSafe(|| check(&again, dir)));
            assert!(checked.is_ok(), "{}", again.after);
        }
    }
    known.len()
}

/// What fails.
struct Target {
    /// `sync` or `write`.
    call: &'static str,
    /// How the file's name ends.
    name: &'static str,
    /// About how often it is called.
    last: usize,
    /// Each how many of these fails in an ordinary run, and in how many ways.
    ordinary: (usize, usize),
}

const fn target(
    call: &'static str,
    name: &'static str,
    last: usize,
    ordinary: (usize, usize),
) -> Target {
    Target {
        call,
        name,
        last,
        ordinary,
    }
}

const EVERYTHING: [Target; 5] = [
    target("sync", "-wal", 20, (1, 2)),
    target("sync", "data.db", 4, (1, 2)),
    target("sync", "/", 12, (1, 1)),
    target("write", "-wal", 70, (18, 1)),
    target("write", "data.db", 24, (6, 1)),
];
/// Those under which a database may be torn, whatever becomes of names.
const CONTENTS: [Target; 2] = [
    target("sync", "-wal", 8, (1, 2)),
    target("sync", "data.db", 4, (2, 1)),
];

/// How often in a row it fails, and how the process ends.
const WAYS: [(usize, End); 4] = [
    (1, End::Closed),
    (3, End::Killed),
    (1, End::Killed),
    (3, End::Closed),
];

/// Each of these fails, and the process goes on or is killed; then comes another.
fn every_fault(recorder: &Recorder, proof: &mut Proof, plan: &Plan, targets: &[Target]) {
    proof.faulty = true;
    for target in targets {
        let (stride, ways) = or_long(target.ordinary, (1, WAYS.len()));
        for first in (1..=target.last).step_by(stride) {
            // Where only one is taken, the one and the other in turn.
            let turn = if ways == 1 { first / stride % 2 } else { 0 };
            for (times, end) in WAYS.into_iter().skip(turn).take(ways) {
                let fault = Fault {
                    call: target.call,
                    name: target.name,
                    first,
                    times,
                };
                a_fault(recorder, proof, plan, fault, end);
            }
        }
    }
}

fn a_fault(recorder: &Recorder, proof: &mut Proof, plan: &Plan, fault: Fault, end: End) {
    let mut machine = Machine::new(recorder);
    let failing = Plan {
        faulty: true,
        end,
        ..plan.clone()
    };
    machine.run(&failing, Some(fault), proof, |calls, at| {
        let is_after = calls[..=at].iter().any(Call::failed);
        is_after.then(|| at_times(calls, at)).flatten()
    });
    machine.run(&plan.next(), None, proof, at_times);
}

/// A little, after some of the calls; more while the database itself is written.
fn at_times(calls: &[Call], at: usize) -> Option<Budget> {
    if is_of_database(calls, &calls[at]) && at.is_multiple_of(or_long(2, 1)) {
        return Some(Budget {
            exhaustive: 4,
            samples: or_long(3, 6),
        });
    }
    let is_looked_at = is_turn(&calls[at]) || at.is_multiple_of(or_long(6, 2));
    is_looked_at.then_some(Budget {
        exhaustive: 2,
        samples: 1,
    })
}

/// A call fails, once or several times, and what is under it counts no more than it should.
fn faults(recorder: &Recorder) -> Counts {
    let mut proof = Proof::new("faults");
    let plan = Plan {
        seed: 11,
        from: 1,
        to: 6,
        awaited: 10,
        reopens: Some(3),
        ..Plan::default()
    };
    every_fault(recorder, &mut proof, &plan, &EVERYTHING);
    let counts = proof.end();
    assert!(counts.failed > 30, "next to nothing failed");
    counts
}

/// Nothing is promised of the last writes, but that the database can be read: a checkpoint must not trust
/// a log whose sync has failed.
fn whole(recorder: &Recorder) -> Counts {
    let mut proof = Proof::new("no promise");
    let plan = Plan {
        seed: 11,
        from: 1,
        to: 6,
        awaited: 10,
        reopens: Some(3),
        process_crash: true,
        ..Plan::default()
    };
    every_fault(recorder, &mut proof, &plan, &CONTENTS);
    proof.end()
}
