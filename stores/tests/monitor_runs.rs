//! Monitor runs: what they promise, on every backend.
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
#[path = "monitor_runs/retain.rs"]
mod retain;

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use backends::{Place, on_every_backend};
use larder::{Query, RepositoryExt as _};
use larder_stores::event::RunOutcome;
use larder_stores::monitor_run::{
    Checkpoint, Lease, MonitorRun, MonitorRuns, RunOptions, RunStatus, RunsOnStart,
};
use larder_stores::{Bus, Error, Event, Options, SerialIds, SetClock, Told};
use retain::{a_session_has_one_that_runs, what_is_over_goes_but_for_the_newest};

const LEASE: u64 = 10_000;

on_every_backend![
    a_run_begins_goes_on_and_ends,
    a_run_that_is_given_is_durable,
    another_run_abandons_the_one_before,
    an_end_is_the_end,
    iterations_only_go_on,
    a_start_abandons_what_nobody_drives,
    a_start_resumes_what_nobody_drives,
    a_start_does_not_touch_what_others_drive,
    what_is_driven_here_is_not_reconciled,
    a_lease_lapses_unless_it_is_renewed,
    nobody_touches_what_another_drives,
    a_run_of_another_program_is_nobodys,
    two_begin_at_once,
    a_transaction_of_the_callers,
    events_come_after_the_fact_and_in_order,
    ids_differ,
    a_session_has_one_that_runs,
    what_is_over_goes_but_for_the_newest,
];

struct Setup {
    place: Place,
    clock: Arc<SetClock>,
    bus: Bus,
    runs: MonitorRuns,
}

impl Setup {
    fn new(place: Place) -> Self {
        let clock = Arc::new(SetClock::new(1_000));
        let bus = Bus::new();
        let runs = MonitorRuns::open(place.store(), options("bot", &clock, &bus)).unwrap();
        Self {
            place,
            clock,
            bus,
            runs,
        }
    }

    /// The program ends, and one of this name starts.
    fn restart(self, owner: &str, on_start: RunsOnStart) -> Self {
        let Self {
            mut place,
            clock,
            bus,
            runs,
        } = self;
        drop(runs);
        place.reopen();
        let options = options(owner, &clock, &bus).on_start(on_start);
        let runs = MonitorRuns::open(place.store(), options).unwrap();
        Self {
            place,
            clock,
            bus,
            runs,
        }
    }

    /// Another program on the same store.
    fn other(&self, owner: &str, on_start: RunsOnStart) -> MonitorRuns {
        let options = options(owner, &self.clock, &self.bus).on_start(on_start);
        MonitorRuns::open(self.place.store(), options).unwrap()
    }

    fn status(&self, run: &MonitorRun) -> RunStatus {
        self.runs.get(&run.id).unwrap().unwrap().status
    }
}

fn options(owner: &str, clock: &Arc<SetClock>, bus: &Bus) -> RunOptions {
    let base = Options::new()
        .clock(Arc::clone(clock))
        .ids(SerialIds::default())
        .bus(bus.clone());
    RunOptions::new(owner)
        .options(base)
        .lease(Duration::from_millis(LEASE))
}

fn lease(owner: &str, until: u64) -> Lease {
    Lease {
        owner: owner.to_owned(),
        until,
    }
}

fn ids(runs: &[Arc<MonitorRun>]) -> Vec<&str> {
    runs.iter().map(|run| &*run.id).collect()
}

fn a_run_begins_goes_on_and_ends(place: Place) {
    let it = Setup::new(place);
    let run = it.runs.begin("fix", "make CI green", 6).unwrap();
    let expected = MonitorRun {
        id: "fix:1000:1".to_owned(),
        session_id: "fix".to_owned(),
        goal: "make CI green".to_owned(),
        iteration: 0,
        max_iterations: 6,
        status: RunStatus::Running,
        started_at: 1_000,
        last_checkpoint_at: 1_000,
        last_rationale: None,
        last_worker_summary: None,
        lease: Some(lease("bot", 1_000 + LEASE)),
    };
    assert_eq!(*run, expected);
    it.clock.set(2_000);
    let note = Checkpoint::at(1).rationale("why").worker_summary("done");
    it.runs.checkpoint(&run.id, note).unwrap().detach();
    it.clock.set(3_000);
    let note = Checkpoint::at(2).rationale("because");
    let noted = it.runs.checkpoint(&run.id, note).unwrap().wait().unwrap();
    let expected = MonitorRun {
        iteration: 2,
        last_checkpoint_at: 3_000,
        last_rationale: Some("because".to_owned()),
        last_worker_summary: Some("done".to_owned()),
        lease: Some(lease("bot", 3_000 + LEASE)),
        ..expected
    };
    assert_eq!(*noted, expected);
    it.clock.set(4_000);
    let done = it.runs.finish(&run.id, RunOutcome::Blocked).unwrap();
    let expected = MonitorRun {
        status: RunStatus::Blocked,
        last_checkpoint_at: 4_000,
        lease: None,
        ..expected
    };
    assert_eq!(*done, expected);
    let it = it.restart("bot", RunsOnStart::AbandonOnly);
    assert_eq!(it.runs.of_session("fix").unwrap(), [done]);
    assert!(it.runs.of_session("other").unwrap().is_empty());
}

fn a_run_that_is_given_is_durable(place: Place) {
    let it = Setup::new(place);
    let durable = || {
        let health = it.place.store().health();
        health.durable == health.applied
    };
    let run = it.runs.begin("s", "goal", 6).unwrap();
    assert!(durable());
    it.runs.begin("s", "goal", 6).unwrap();
    assert!(durable());
    it.runs.finish(&run.id, RunOutcome::Abandoned).unwrap();
    assert!(durable());
    it.other("bot", RunsOnStart::ResumeWithGoal);
    assert!(durable());
}

fn another_run_abandons_the_one_before(place: Place) {
    let it = Setup::new(place);
    let first = it.runs.begin("s", "goal", 6).unwrap();
    let beside = it.runs.begin("other", "goal", 6).unwrap();
    it.clock.set(2_000);
    let second = it.runs.begin("s", "another goal", 6).unwrap();
    let first = it.runs.get(&first.id).unwrap().unwrap();
    assert_eq!((first.status, &first.lease), (RunStatus::Abandoned, &None));
    // It says how far it came, and not when it was found out.
    assert_eq!(first.last_checkpoint_at, 1_000);
    assert_eq!(ids(&it.runs.running().unwrap()), [&beside.id, &second.id]);
    assert_eq!(
        ids(&it.runs.of_session("s").unwrap()),
        [&first.id, &second.id]
    );
    // Its owner is told.
    let late = it
        .runs
        .checkpoint(&first.id, Checkpoint::at(1))
        .unwrap_err();
    assert_eq!(
        late.to_string(),
        "the monitor run \"s:1000:1\" is abandoned already"
    );
}

fn an_end_is_the_end(place: Place) {
    let it = Setup::new(place);
    let run = it.runs.begin("s", "goal", 6).unwrap();
    let done = it.runs.finish(&run.id, RunOutcome::Completed).unwrap();
    it.clock.set(2_000);
    let again = it.runs.finish(&run.id, RunOutcome::Completed).unwrap();
    assert_eq!(again, done);
    for outcome in [
        RunOutcome::Failed,
        RunOutcome::Blocked,
        RunOutcome::Abandoned,
    ] {
        let late = it.runs.finish(&run.id, outcome).unwrap_err();
        let completed = RunStatus::Completed;
        assert!(matches!(late, Error::RunEnded { status, .. } if status == completed));
    }
    let late = it.runs.checkpoint(&run.id, Checkpoint::at(1)).unwrap_err();
    assert!(matches!(late, Error::RunEnded { .. }));
    let missing = it.runs.finish("x", RunOutcome::Completed).unwrap_err();
    assert_eq!(missing.to_string(), "there is no monitor run \"x\"");
    let missing = it.runs.checkpoint("x", Checkpoint::at(1)).unwrap_err();
    assert!(matches!(missing, Error::NotFound { .. }));
}

fn iterations_only_go_on(place: Place) {
    let it = Setup::new(place);
    let run = it.runs.begin("s", "goal", 6).unwrap();
    it.runs
        .checkpoint(&run.id, Checkpoint::at(3))
        .unwrap()
        .detach();
    it.runs
        .checkpoint(&run.id, Checkpoint::at(3))
        .unwrap()
        .detach();
    let refused = it.runs.checkpoint(&run.id, Checkpoint::at(2)).unwrap_err();
    assert!(matches!(refused, Error::Refused { .. }), "{refused}");
    assert_eq!(it.runs.get(&run.id).unwrap().unwrap().iteration, 3);
}

fn a_start_abandons_what_nobody_drives(place: Place) {
    let it = Setup::new(place);
    let first = it.runs.begin("a", "goal", 6).unwrap();
    let second = it.runs.begin("b", "goal", 6).unwrap();
    let done = it.runs.begin("c", "goal", 6).unwrap();
    it.runs.finish(&done.id, RunOutcome::Completed).unwrap();
    // Of the same name, so that it need not wait for the lease.
    let it = it.restart("bot", RunsOnStart::AbandonOnly);
    let mut abandoned = ids(&it.runs.at_start().abandoned);
    abandoned.sort_unstable();
    assert_eq!(abandoned, [&first.id, &second.id]);
    assert!(it.runs.at_start().candidates.is_empty());
    assert!(it.runs.running().unwrap().is_empty());
    assert_eq!(it.status(&first), RunStatus::Abandoned);
    assert_eq!(it.status(&done), RunStatus::Completed);
}

fn a_start_resumes_what_nobody_drives(place: Place) {
    let it = Setup::new(place);
    let run = it.runs.begin("a", "make CI green", 6).unwrap();
    let note = Checkpoint::at(2).rationale("why");
    it.runs.checkpoint(&run.id, note).unwrap().wait().unwrap();
    it.clock.set(5_000);
    let it = it.restart("bot", RunsOnStart::ResumeWithGoal);
    let [candidate] = &*it.runs.at_start().candidates else {
        panic!("{:?}", it.runs.at_start());
    };
    assert_eq!(
        (&candidate.id, &*candidate.goal),
        (&run.id, "make CI green")
    );
    assert_eq!(
        (candidate.iteration, candidate.status),
        (2, RunStatus::Running)
    );
    assert_eq!(candidate.lease, Some(lease("bot", 5_000 + LEASE)));
    assert_eq!(candidate.last_checkpoint_at, 1_000);
    assert!(it.runs.at_start().abandoned.is_empty());
    it.runs
        .checkpoint(&run.id, Checkpoint::at(3))
        .unwrap()
        .detach();
    it.runs.finish(&run.id, RunOutcome::Completed).unwrap();
    let it = it.restart("bot", RunsOnStart::ResumeWithGoal);
    assert!(it.runs.at_start().candidates.is_empty());
}

fn a_start_does_not_touch_what_others_drive(place: Place) {
    let it = Setup::new(place);
    let run = it.runs.begin("s", "goal", 6).unwrap();
    for on_start in [RunsOnStart::AbandonOnly, RunsOnStart::ResumeWithGoal] {
        it.clock.set(1_000 + LEASE - 1);
        let other = it.other("other", on_start);
        assert_eq!(other.at_start().held, [Arc::clone(&run)]);
        assert!(other.at_start().abandoned.is_empty());
        assert!(other.at_start().candidates.is_empty());
        assert_eq!(other.reconcile().unwrap().held, [Arc::clone(&run)]);
    }
    assert_eq!(it.runs.get(&run.id).unwrap().unwrap(), run);
    // When the lease has lapsed, it does.
    let other = it.other("other", RunsOnStart::ResumeWithGoal);
    it.clock.set(1_000 + LEASE);
    let found = other.reconcile().unwrap();
    assert_eq!(ids(&found.candidates), [&run.id]);
    assert_eq!(
        found.candidates[0].lease,
        Some(lease("other", 1_000 + 2 * LEASE))
    );
    // And now the first is told that it lost its run.
    for lost in [
        it.runs.checkpoint(&run.id, Checkpoint::at(1)).unwrap_err(),
        it.runs.finish(&run.id, RunOutcome::Failed).unwrap_err(),
        it.runs.begin("s", "another", 6).unwrap_err(),
    ] {
        let Error::RunHeld { id, owner, until } = lost else {
            panic!("{lost}");
        };
        assert_eq!((id, owner), (run.id.clone(), "other".to_owned()));
        assert_eq!(until, 1_000 + 2 * LEASE);
    }
    assert_eq!(it.runs.of_session("s").unwrap().len(), 1);
}

fn what_is_driven_here_is_not_reconciled(place: Place) {
    let it = Setup::new(place);
    let run = it.runs.begin("s", "goal", 6).unwrap();
    let found = it.runs.reconcile().unwrap();
    assert!(found.abandoned.is_empty() && found.held.is_empty() && found.candidates.is_empty());
    it.clock.set(1_000 + LEASE);
    let found = it.runs.reconcile().unwrap();
    assert_eq!(ids(&found.abandoned), [&run.id]);
}

fn a_lease_lapses_unless_it_is_renewed(place: Place) {
    let it = Setup::new(place);
    let renewed = it.runs.begin("a", "goal", 6).unwrap();
    let silent = it.runs.begin("b", "goal", 6).unwrap();
    it.clock.set(1_000 + LEASE / 2);
    it.runs
        .checkpoint(&renewed.id, Checkpoint::at(0))
        .unwrap()
        .detach();
    it.clock.set(1_000 + LEASE);
    let other = it.other("other", RunsOnStart::AbandonOnly);
    assert_eq!(ids(&other.at_start().held), [&renewed.id]);
    assert_eq!(ids(&other.at_start().abandoned), [&silent.id]);
    // Who is late, but before anybody has taken it, goes on.
    it.clock.set(1_000 + 3 * LEASE);
    it.runs
        .checkpoint(&renewed.id, Checkpoint::at(1))
        .unwrap()
        .detach();
    assert_eq!(ids(&other.reconcile().unwrap().held), [&renewed.id]);
}

fn nobody_touches_what_another_drives(place: Place) {
    let it = Setup::new(place);
    let run = it.runs.begin("s", "goal", 6).unwrap();
    let other = it.other("other", RunsOnStart::AbandonOnly);
    let held = other.finish(&run.id, RunOutcome::Failed).unwrap_err();
    assert_eq!(
        held.to_string(),
        "the monitor run \"s:1000:1\" is held by \"bot\", until 11000 ms since the epoch"
    );
    assert!(matches!(
        other.begin("s", "goal", 6),
        Err(Error::RunHeld { .. })
    ));
    it.clock.set(1_000 + LEASE);
    let second = other.begin("s", "goal", 6).unwrap();
    assert_eq!(it.status(&run), RunStatus::Abandoned);
    assert_eq!(ids(&it.runs.running().unwrap()), [&second.id]);
}

/// Without a lease, and with more running runs than there may be.
fn a_run_of_another_program_is_nobodys(place: Place) {
    let it = Setup::new(place);
    let of = |id: &str, session_id: &str, started_at| MonitorRun {
        id: id.to_owned(),
        session_id: session_id.to_owned(),
        goal: "goal".to_owned(),
        iteration: 1,
        max_iterations: 6,
        status: RunStatus::Running,
        started_at,
        last_checkpoint_at: started_at,
        last_rationale: None,
        last_worker_summary: None,
        lease: None,
    };
    let repository = it.place.store().repository::<MonitorRun>().unwrap();
    let theirs = [
        of("a:1", "a", 1),
        of("a:2", "a", 2),
        of("a:0", "a", 0),
        of("b:1", "b", 1),
    ];
    repository.save_all(theirs).unwrap().detach();
    drop(repository);
    let it = it.restart("bot", RunsOnStart::ResumeWithGoal);
    assert_eq!(ids(&it.runs.at_start().candidates), ["a:2", "b:1"]);
    assert_eq!(ids(&it.runs.at_start().abandoned), ["a:1", "a:0"]);
    // One that somebody drives already is none to resume.
    let repository = it.place.store().repository::<MonitorRun>().unwrap();
    repository.save(of("a:9", "a", 9)).unwrap().detach();
    let found = it.runs.reconcile().unwrap();
    assert!(found.candidates.is_empty());
    assert_eq!(ids(&found.abandoned), ["a:9"]);
    assert_eq!(ids(&it.runs.running().unwrap()), ["b:1", "a:2"]);
}

fn two_begin_at_once(place: Place) {
    let it = Setup::new(place);
    let start = Barrier::new(4);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                start.wait();
                for _ in 0..25 {
                    it.runs.begin("s", "goal", 6).unwrap();
                    assert_eq!(it.runs.running().unwrap().len(), 1);
                }
            });
        }
    });
    let runs = it.runs.find(Query::all()).unwrap();
    assert_eq!(runs.len(), 100);
    let running = runs.iter().filter(|run| !run.status.is_terminal());
    assert_eq!(running.count(), 1);
}

fn a_transaction_of_the_callers(place: Place) {
    let it = Setup::new(place);
    let first = it.runs.begin("s", "goal", 6).unwrap();
    let mut events = it.bus.subscribe(64);
    let store = it.place.store();
    let failed: Result<larder::Write<()>, Error> = store.try_transaction(|tx| {
        let second = it.runs.begin_in(tx, "s", "goal", 6)?;
        let id = &second.record().id;
        it.runs.checkpoint_in(tx, id, Checkpoint::at(1))?;
        let ended = it.runs.finish_in(tx, id, RunOutcome::Completed)?;
        assert_eq!(ended.record().iteration, 1);
        it.runs.checkpoint_in(tx, id, Checkpoint::at(2))?;
        Ok(())
    });
    assert!(matches!(failed, Err(Error::RunEnded { .. })));
    assert_eq!(it.runs.find(Query::all()).unwrap(), [first]);
    assert!(events.try_next().is_none());
    let begun = store.try_transaction(|tx| it.runs.begin_in(tx, "s", "goal", 6));
    let begun = begun.unwrap().wait().unwrap();
    assert!(events.try_next().is_none());
    begun.committed();
    assert!(matches!(events.try_next(), Some(Told::Event(_))));
}

fn events_come_after_the_fact_and_in_order(place: Place) {
    let it = Setup::new(place);
    let mut events = it.bus.subscribe(64);
    let first = it.runs.begin("s", "goal", 6).unwrap();
    let second = it.runs.begin("s", "goal", 6).unwrap();
    it.runs
        .checkpoint(&second.id, Checkpoint::at(1))
        .unwrap()
        .detach();
    for _ in 0..2 {
        it.runs.finish(&second.id, RunOutcome::Failed).unwrap();
    }
    let third = it.runs.begin("s", "goal", 6).unwrap();
    it.other("bot", RunsOnStart::ResumeWithGoal);
    it.other("bot", RunsOnStart::AbandonOnly);
    let started = |run: &MonitorRun| Event::MonitorRunStarted {
        session_id: "s".to_owned(),
        run_id: run.id.clone(),
    };
    let ended = |run: &MonitorRun, outcome| Event::MonitorRunEnded {
        session_id: "s".to_owned(),
        run_id: run.id.clone(),
        outcome,
    };
    let expected = [
        started(&first),
        ended(&first, RunOutcome::Abandoned),
        started(&second),
        ended(&second, RunOutcome::Failed),
        started(&third),
        ended(&third, RunOutcome::Abandoned),
    ];
    for expected in expected {
        let Some(Told::Event(event)) = events.try_next() else {
            panic!("nothing instead of {expected:?}");
        };
        assert_eq!(*event, expected);
    }
    assert!(events.try_next().is_none());
}

fn ids_differ(place: Place) {
    let it = Setup::new(place);
    it.runs.begin("s", "goal", 6).unwrap();
    // Ids begin anew, and the clock stands.
    let it = it.restart("bot", RunsOnStart::AbandonOnly);
    it.runs.begin("s", "goal", 6).unwrap();
    assert_eq!(
        ids(&it.runs.of_session("s").unwrap()),
        ["s:1000:1", "s:1000:2"]
    );
}
