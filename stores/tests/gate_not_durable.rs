//! Gates and runs that cannot be made durable, and can be later.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

use std::path::Path;

use larder::{ErrorKind, Store, StoreConfig};
use larder_stores::event::RunOutcome;
use larder_stores::gate::{Decider, Decision, GateKind, GateOptions, GateStatus, Gates, NewGate};
use larder_stores::monitor_run::{MonitorRuns, RunOptions, RunStatus};
use larder_stores::session::Provider;
use larder_stores::{Bus, Error, Event, Options, Told};

/// A store that gives up a flush at the first failure.
fn store(data: &Path) -> Store {
    let mut config = StoreConfig::new(format!("json:{}", data.display()));
    config.flush_attempts = Some(1);
    config.drop_timeout = Some(std::time::Duration::ZERO);
    Store::open(config).unwrap()
}

fn not_durable(error: Error) -> String {
    match error {
        Error::NotDurable { id, source, .. } => {
            assert_eq!(source.kind(), ErrorKind::NotDurable);
            id
        }
        other => panic!("{other:?}"),
    }
}

fn approval() -> NewGate {
    NewGate::new("s", Provider::Claude, GateKind::BinaryApproval, "?")
}

#[test]
fn nobody_is_asked_and_no_receipt_resolves_before_it_is_on_disk() {
    let dir = tempfile::tempdir().unwrap();
    let (data, away) = (dir.path().join("data"), dir.path().join("away"));
    let store = store(&data);
    let bus = Bus::new();
    let mut events = bus.subscribe(8);
    let options = GateOptions::from(Options::new().bus(bus));
    let gates = Gates::open(&store, options.clone()).unwrap();
    let gate = gates.create(approval()).unwrap();
    let mut receipt = gates.receipt(&gate.id).unwrap();
    assert!(matches!(events.try_next(), Some(Told::Event(event)) if event.name() == "gateCreated"));

    // The disk is gone.
    std::fs::rename(&data, &away).unwrap();
    let decide = || gates.decide(&gate.id, Decision::Approve, Decider::Discord);
    assert_eq!(not_durable(decide().unwrap_err()), gate.id);
    let Some(Told::Event(event)) = events.try_next() else {
        panic!("it is told: nobody will do it again");
    };
    assert!(matches!(&*event, Event::GateResolved { gate_id, .. } if *gate_id == gate.id));
    // Whoever waits for it is not told that it was approved, and neither is who comes too late.
    let Error::Larder(error) = receipt.try_get().unwrap_err() else {
        panic!("another error");
    };
    assert_eq!(error.kind(), ErrorKind::NotDurable);
    let late = gates.decide(&gate.id, Decision::Reject, Decider::Terminal);
    assert_eq!(not_durable(late.unwrap_err()), gate.id);
    let made = not_durable(gates.create(approval()).unwrap_err());
    assert_eq!(
        gates.get(&made).unwrap().unwrap().status,
        GateStatus::Pending
    );
    assert!(events.try_next().is_none());

    // The disk is back.
    std::fs::rename(&away, &data).unwrap();
    assert_eq!(decide().unwrap().version, 2);
    assert_eq!(receipt.wait().unwrap().status, GateStatus::Approved);
    assert!(events.try_next().is_none());
    drop((gates, receipt));
    store.close().wait().unwrap();
    drop(store);
    let store = self::store(&data);
    let gates = Gates::open(&store, options).unwrap();
    let gate = gates.get(&gate.id).unwrap().unwrap();
    assert_eq!(gate.status, GateStatus::Approved);
    assert_eq!(gates.at_start().resumed.len(), 1);
}

#[test]
fn a_run_that_is_not_on_disk_is_said_not_to_be() {
    let dir = tempfile::tempdir().unwrap();
    let (data, away) = (dir.path().join("data"), dir.path().join("away"));
    let store = store(&data);
    let runs = MonitorRuns::open(&store, RunOptions::new("bot")).unwrap();
    std::fs::rename(&data, &away).unwrap();
    let id = not_durable(runs.begin("s", "goal", 6).unwrap_err());
    let run = runs.get(&id).unwrap().unwrap();
    assert_eq!(run.status, RunStatus::Running);
    let finish = || runs.finish(&id, RunOutcome::Completed);
    assert_eq!(not_durable(finish().unwrap_err()), id);
    assert_eq!(not_durable(finish().unwrap_err()), id);
    std::fs::rename(&away, &data).unwrap();
    assert_eq!(finish().unwrap().status, RunStatus::Completed);
}
