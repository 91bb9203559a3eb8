//! What a loss of power leaves of acts that change several collections: all of the act or nothing of
//! it, whatever call of the disk was the last, also if the power goes again while the store is opened.
//!
//! Owns the acts. What the simulated disk may forget is told in `larder::sim`; the same transactions on
//! a database are held by the tests of that backend.
#![allow(missing_docs, reason = "a test crate")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says how much was looked at"
)]

use std::collections::BTreeSet;
use std::time::Duration;

use larder::sim::{Budget, Image, SimDisk};
use larder::{Options as StoreOptions, Query, RepositoryExt as _, Store};
use larder_figures::{Kind, Proof};
use larder_stores::gate::{Decider, Decision, GateKind, GateOptions, Gates, NewGate};
use larder_stores::monitor_run::{MonitorRuns, RunOptions, RunsOnStart};
use larder_stores::session::{NewSession, Provider, Sessions, Step};
use larder_stores::{Error, Options, SerialIds, SetClock};

const DIR: &str = "/data";

/// The stores, as a program has them.
struct All {
    store: Store,
    sessions: Sessions,
    gates: Gates,
    runs: MonitorRuns,
}

impl All {
    fn open(disk: &SimDisk) -> Self {
        let options = StoreOptions {
            // Nothing is written but when somebody waits, so that every run asks the disk the same.
            debounce: Duration::from_hours(1),
            ..StoreOptions::default()
        };
        let store = Store::from(disk.open(DIR, options).unwrap());
        let base = || {
            Options::new()
                .clock(SetClock::new(1_000))
                .ids(SerialIds::default())
        };
        let runs = RunOptions::new("bot").on_start(RunsOnStart::ResumeWithGoal);
        let all = Self {
            sessions: Sessions::open(&store, base()).unwrap(),
            gates: Gates::open(&store, GateOptions::from(base())).unwrap(),
            runs: MonitorRuns::open(&store, runs.options(base())).unwrap(),
            store,
        };
        let report = all.store.load_report();
        assert!(report.is_clean(), "{report:?}");
        all
    }

    /// What is there, one line a record.
    fn seen(&self) -> Vec<String> {
        let sessions = self.sessions.find(Query::all()).unwrap();
        let archived = self.sessions.archived().find(Query::all()).unwrap();
        let gates = self.gates.find(Query::all()).unwrap();
        let runs = self.runs.find(Query::all()).unwrap();
        let sessions = sessions
            .iter()
            .map(|it| format!("session {} {:?}", it.id, it.workflow_state.status));
        let archived = archived.iter().map(|it| format!("archived {}", it.id));
        let gates = gates
            .iter()
            .map(|it| format!("gate {} {} v{}", it.id, it.status, it.version));
        let runs = runs.iter().map(|it| format!("run {} {}", it.id, it.status));
        sessions.chain(archived).chain(gates).chain(runs).collect()
    }

    fn close(&self) {
        self.store.close().wait().unwrap();
    }
}

fn session(label: &str) -> NewSession {
    NewSession::new(Provider::Claude, label)
        .channel(format!("channel-{label}"))
        .category("cat")
        .project("atlas")
        .directory("/srv/atlas")
}

fn question(session: &str) -> NewGate {
    NewGate::new(
        session,
        Provider::Claude,
        GateKind::BinaryApproval,
        "May I push?",
    )
}

fn is_long() -> bool {
    std::env::var("LARDER_PROOF").is_ok_and(|value| value == "long")
}

fn budget() -> Budget {
    Budget {
        exhaustive: if is_long() { 256 } else { 16 },
        samples: if is_long() { 128 } else { 6 },
        seed: 11,
    }
}

/// What the store has after a loss of power, looked at twice; and after another one at any moment
/// while it was opened.
fn found(image: &Image, again: bool, cuts: &mut u64) -> Vec<String> {
    let disk = image.boot_remembering();
    let all = All::open(&disk);
    let seen = all.seen();
    all.close();
    let all = All::open(&disk);
    assert_eq!(all.seen(), seen, "a second open finds something else");
    all.close();
    let is_unfinished = image
        .bytes(std::path::Path::new("/data/larder.commit"))
        .is_some();
    if again && is_unfinished {
        let every = if is_long() { 1 } else { 5 };
        for step in (0..=disk.steps()).step_by(every) {
            let budget = Budget {
                exhaustive: 2,
                samples: 1,
                seed: 3,
            };
            for image in disk.at(step).unwrap().images(&budget) {
                *cuts += 1;
                assert_eq!(found(&image, false, cuts), seen, "a second loss of power");
            }
        }
    }
    seen
}

/// Proves that an act is done or not, and that it is done once it was acknowledged.
fn done_or_not(name: &str, before: fn(&All), act: fn(&All)) {
    let proof = Proof::begin("acts over several stores", name);
    let disk = SimDisk::new();
    let all = All::open(&disk);
    before(&all);
    all.store.flush().wait().unwrap();
    let (from, old) = (disk.steps(), all.seen());
    act(&all);
    let (until, new) = (disk.steps(), all.seen());
    assert_ne!(old, new, "{name}: nothing was done");
    let (mut known, mut kept, mut cuts) = (BTreeSet::new(), [0, 0], 0);
    for step in from..=until {
        for image in disk.at(step).unwrap().images(&budget()) {
            if !known.insert((image.fingerprint(), step == until)) {
                continue;
            }
            let seen = found(&image, true, &mut cuts);
            assert!(
                seen == new || (seen == old && step < until),
                "{name}: after call {step} of {from}..{until}\nfound {seen:#?}\nold {old:#?}\nnew {new:#?}"
            );
            kept[usize::from(seen == new)] += 1;
        }
    }
    println!(
        "{name}: {} crash states: {kept:?} without and with it",
        known.len()
    );
    assert!(kept.iter().all(|kept| *kept > 0), "{name}: {kept:?}");
    let states = known.len() as u64 + cuts;
    proof.done(&[(Kind::CrashStates, states), (Kind::SecondCuts, cuts)]);
}

#[test]
fn a_session_and_its_gate_are_there_together_or_not_at_all() {
    done_or_not(
        "session and gate",
        |all| {
            all.sessions.create(session("other")).unwrap();
        },
        |all| {
            let made = all.store.try_transaction(|tx| {
                let session = all.sessions.create_in(tx, session("new"))?;
                let gate = all.gates.create_in(tx, question(&session.record().id))?;
                Ok::<_, Error>((session, gate))
            });
            let (session, gate) = made.unwrap().wait().unwrap();
            session.committed();
            gate.committed();
        },
    );
}

#[test]
fn the_first_session_of_a_store_and_its_gate_are_there_together_or_not_at_all() {
    done_or_not(
        "the first session and gate",
        |_| {},
        |all| {
            let made = all.store.try_transaction(|tx| {
                let session = all.sessions.create_in(tx, session("new"))?;
                all.gates.create_in(tx, question(&session.record().id))
            });
            made.unwrap().wait().unwrap().committed();
        },
    );
}

#[test]
fn a_gate_is_decided_and_its_session_goes_on_or_neither() {
    done_or_not(
        "decided and gone on",
        |all| {
            all.sessions.create(session("it")).unwrap();
            all.gates.create(question("it")).unwrap();
        },
        |all| {
            let gate = &all.gates.pending().unwrap()[0];
            let done = all.store.try_transaction(|tx| {
                let step = Step::to(larder_stores::session::WorkflowStatus::WorkerRunning);
                let session = all
                    .sessions
                    .update_in(tx, "it", |it| it.advance(2_000, step))?;
                let gate =
                    all.gates
                        .decide_in(tx, &gate.id, Decision::Approve, Decider::Terminal)?;
                Ok::<_, Error>((session, gate))
            });
            let (session, gate) = done.unwrap().wait().unwrap();
            session.committed();
            gate.committed();
        },
    );
}

#[test]
fn a_session_is_live_with_its_gate_pending_or_archived_with_it_void() {
    done_or_not(
        "archived",
        |all| {
            all.sessions.create(session("it")).unwrap();
            all.gates.create(question("it")).unwrap();
        },
        |all| {
            let done = all.store.try_transaction(|tx| {
                all.gates.invalidate_session_in(tx, "it")?;
                all.sessions.archive_in(tx, "it")
            });
            done.unwrap().wait().unwrap().committed();
        },
    );
}

#[test]
fn a_run_begins_and_the_earlier_one_is_abandoned_or_neither() {
    done_or_not(
        "the next run",
        |all| {
            all.runs.begin("it", "green", 6).unwrap();
        },
        |all| {
            all.runs.begin("it", "greener", 6).unwrap();
        },
    );
}
