//! Random histories of monitor runs, of two owners that restart, with a clock: the rules hold after
//! every step.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::needless_pass_by_value,
    missing_docs,
    reason = "a test fails by panicking"
)]

mod backends;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use backends::{Place, on_every_backend};
use larder::Query;
use larder_stores::event::RunOutcome;
use larder_stores::monitor_run::{
    Checkpoint, MonitorRun, MonitorRuns, Reconciled, RunOptions, RunStatus, RunsOnStart,
};
use larder_stores::{Error, Options, SetClock};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

const LEASE: u64 = 1_000;
const OWNERS: [&str; 2] = ["bot-a", "bot-b"];

on_every_backend![the_rules_hold,];

/// Runs are meant by a number, modulo how many there are.
#[derive(Clone, Debug)]
enum Step {
    Begin(usize, u8),
    Checkpoint(usize, usize, u64),
    Finish(usize, usize, RunOutcome),
    Reconcile(usize),
    Wait(u64),
    /// One of the owners starts anew, and the other goes on.
    Restart(usize, RunsOnStart),
    /// The whole store is closed, so both do.
    Reopen(RunsOnStart),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let owner = || 0..2_usize;
    let run = || 0..30_usize;
    let outcome = prop_oneof![
        Just(RunOutcome::Completed),
        Just(RunOutcome::Blocked),
        Just(RunOutcome::Failed),
        Just(RunOutcome::Abandoned),
    ];
    let on_start = || {
        prop_oneof![
            Just(RunsOnStart::AbandonOnly),
            Just(RunsOnStart::ResumeWithGoal)
        ]
    };
    let step = prop_oneof![
        6 => (owner(), 0..3_u8).prop_map(|(owner, session)| Step::Begin(owner, session)),
        6 => (owner(), run(), 0..5_u64)
            .prop_map(|(owner, run, iteration)| Step::Checkpoint(owner, run, iteration)),
        3 => (owner(), run(), outcome)
            .prop_map(|(owner, run, outcome)| Step::Finish(owner, run, outcome)),
        2 => owner().prop_map(Step::Reconcile),
        4 => prop_oneof![0..LEASE, Just(LEASE - 1), Just(LEASE), Just(1)].prop_map(Step::Wait),
        1 => (owner(), on_start()).prop_map(|(owner, it)| Step::Restart(owner, it)),
        1 => on_start().prop_map(Step::Reopen),
    ];
    prop::collection::vec(step, 1..40)
}

type Seen = BTreeMap<String, Arc<MonitorRun>>;

struct Run {
    place: Place,
    clock: Arc<SetClock>,
    owners: Vec<MonitorRuns>,
    seen: Seen,
    now: u64,
}

/// Who holds a run at a moment.
fn holder(run: &MonitorRun, now: u64) -> Option<&str> {
    let lease = run.lease.as_ref()?;
    (run.status == RunStatus::Running && lease.until > now).then_some(&*lease.owner)
}

impl Run {
    fn new(scheme: &str) -> Self {
        let place = Place::new(scheme);
        let clock = Arc::new(SetClock::new(LEASE));
        let owners = OWNERS.map(|owner| open(&place, &clock, owner, RunsOnStart::AbandonOnly));
        Self {
            owners: owners.into(),
            place,
            clock,
            seen: Seen::new(),
            now: LEASE,
        }
    }

    fn look(&self) -> Seen {
        let all = self.owners[0].find(Query::all()).unwrap();
        all.into_iter().map(|run| (run.id.clone(), run)).collect()
    }

    fn meant(&self, number: usize) -> Option<Arc<MonitorRun>> {
        let count = self.seen.len().max(1);
        self.seen.values().nth(number % count).cloned()
    }

    fn is_held_by_other(&self, run: &MonitorRun, owner: usize) -> bool {
        holder(run, self.now).is_some_and(|holder| holder != OWNERS[owner])
    }

    /// Does a step, and gives whose it was, if it was one's.
    fn go(&mut self, step: &Step) -> Option<usize> {
        match step {
            Step::Begin(owner, session) => {
                let session = format!("s-{session}");
                let mut of_session = self.seen.values().filter(|it| it.session_id == session);
                let held = of_session.any(|run| self.is_held_by_other(run, *owner));
                match self.owners[*owner].begin(&session, "goal", 6) {
                    Ok(run) => assert!(!held && holder(&run, self.now) == Some(OWNERS[*owner])),
                    Err(Error::RunHeld { .. }) => assert!(held),
                    Err(other) => panic!("{other}"),
                }
                Some(*owner)
            }
            Step::Checkpoint(owner, run, iteration) => {
                let run = self.meant(*run)?;
                let held = self.is_held_by_other(&run, *owner);
                match self.owners[*owner].checkpoint(&run.id, Checkpoint::at(*iteration)) {
                    Ok(write) => {
                        let noted = write.into_visible().unwrap();
                        assert_eq!(holder(&noted, self.now), Some(OWNERS[*owner]));
                        assert!(!held && run.status == RunStatus::Running);
                    }
                    Err(Error::RunEnded { status, .. }) => {
                        assert!(run.status == status && status.is_terminal());
                    }
                    Err(Error::RunHeld { .. }) => assert!(held),
                    Err(Error::Refused { .. }) => assert!(*iteration < run.iteration),
                    Err(other) => panic!("{other}"),
                }
                Some(*owner)
            }
            Step::Finish(owner, run, outcome) => {
                let run = self.meant(*run)?;
                let held = self.is_held_by_other(&run, *owner);
                let wanted = RunStatus::from(*outcome);
                match self.owners[*owner].finish(&run.id, *outcome) {
                    Ok(_) => {
                        assert!(
                            !held && (run.status == RunStatus::Running || run.status == wanted)
                        );
                    }
                    Err(Error::RunEnded { status, .. }) => {
                        assert!(run.status == status && status != wanted);
                    }
                    Err(Error::RunHeld { .. }) => assert!(held),
                    Err(other) => panic!("{other}"),
                }
                Some(*owner)
            }
            Step::Reconcile(owner) => {
                let found = self.owners[*owner].reconcile().unwrap();
                self.check_found(&found, *owner);
                Some(*owner)
            }
            Step::Wait(by) => {
                self.now += by;
                self.clock.set(self.now);
                None
            }
            Step::Restart(owner, on_start) => {
                self.owners[*owner] = open(&self.place, &self.clock, OWNERS[*owner], *on_start);
                let found = self.owners[*owner].at_start().clone();
                self.check_found(&found, *owner);
                Some(*owner)
            }
            Step::Reopen(on_start) => {
                self.owners.clear();
                self.place.reopen();
                for owner in OWNERS {
                    let owner = open(&self.place, &self.clock, owner, *on_start);
                    self.owners.push(owner);
                }
                None
            }
        }
    }

    /// After a look at all that is running, nothing runs that nobody drives.
    fn check_found(&self, found: &Reconciled, owner: usize) {
        for run in self.look().values() {
            if run.status == RunStatus::Running {
                assert!(holder(run, self.now).is_some(), "{run:?} at {}", self.now);
            }
        }
        for run in &found.held {
            assert!(self.is_held_by_other(run, owner));
        }
        for run in &found.candidates {
            assert_eq!(holder(run, self.now), Some(OWNERS[owner]));
        }
        for run in &found.abandoned {
            assert_eq!(run.status, RunStatus::Abandoned);
        }
    }

    /// The rules.
    fn check(&mut self, owner: Option<usize>) {
        let now = self.look();
        for (id, before) in &self.seen {
            let run = &now[id];
            if before.status.is_terminal() {
                assert_eq!(run, before, "it is over");
            }
            if owner.is_some_and(|owner| self.is_held_by_other(before, owner)) {
                assert_eq!(run, before, "somebody else drives it");
            }
            assert!(run.iteration >= before.iteration);
            assert_eq!(run.started_at, before.started_at);
        }
        let mut sessions = BTreeSet::new();
        for run in now.values() {
            assert_eq!(run.lease.is_some(), run.status == RunStatus::Running);
            if run.status == RunStatus::Running {
                assert!(sessions.insert(&run.session_id), "two run: {run:?}");
            }
        }
        self.seen = now;
    }
}

fn open(place: &Place, clock: &Arc<SetClock>, owner: &str, on_start: RunsOnStart) -> MonitorRuns {
    let options = RunOptions::new(owner)
        .options(Options::new().clock(Arc::clone(clock)))
        .lease(Duration::from_millis(LEASE))
        .on_start(on_start);
    MonitorRuns::open(place.store(), options).unwrap()
}

fn the_rules_hold(place: Place) {
    let config = Config {
        cases: if place.keeps() { 40 } else { 300 },
        failure_persistence: None,
        ..Config::default()
    };
    let run = |steps: Vec<Step>| {
        let mut run = Run::new(place.scheme());
        for step in &steps {
            let owner = run.go(step);
            run.check(owner);
        }
        Ok(())
    };
    TestRunner::new(config).run(&steps(), run).unwrap();
}
