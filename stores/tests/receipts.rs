//! Receipts of gates: they resolve whatever becomes of the gate, and once.
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

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use backends::{Place, on_every_backend};
use larder::{ErrorKind, RepositoryExt as _};
use larder_stores::gate::{
    Decider, Decision, Gate, GateKind, GateOptions, GateStatus, Gates, NewGate, ResolvedBy,
};
use larder_stores::session::Provider;
use larder_stores::{Bus, Error, Event, Options, SetClock, Told};

/// How often two deciders race for one gate.
const RACES: usize = 1_000;

on_every_backend![
    it_resolves_when_the_gate_is_decided,
    it_resolves_when_the_gate_expires,
    it_resolves_when_the_gate_is_invalidated,
    it_resolves_when_it_was_decided_before,
    it_resolves_when_the_gate_is_archived_already,
    it_resolves_by_whatever_handle,
    waiting_ends_with_its_time,
    waiting_ends_with_the_gate,
    waiting_ends_with_the_store,
    two_deciders_race,
];

fn gates(place: &Place, clock: &Arc<SetClock>, bus: &Bus) -> Gates {
    let options = Options::new().clock(Arc::clone(clock)).bus(bus.clone());
    Gates::open(place.store(), GateOptions::from(options)).unwrap()
}

fn setup(place: &Place) -> (Gates, Arc<SetClock>) {
    let clock = Arc::new(SetClock::new(1_000));
    (gates(place, &clock, &Bus::new()), clock)
}

fn approval() -> NewGate {
    NewGate::new(
        "fix-login",
        Provider::Claude,
        GateKind::BinaryApproval,
        "Push to main?",
    )
}

fn kind(error: Error) -> ErrorKind {
    match error {
        Error::Larder(error) => error.kind(),
        other => panic!("{other}"),
    }
}

/// Whether everybody who waits, in both ways, is told of this gate.
fn all_are_told(gates: &Gates, id: &str, act: impl FnOnce()) -> Arc<Gate> {
    let start = Barrier::new(3);
    thread::scope(|scope| {
        let blocking = scope.spawn(|| {
            let mut receipt = gates.receipt(id).unwrap();
            assert!(receipt.try_get().unwrap().is_none());
            start.wait();
            let gate = receipt.wait().unwrap();
            // And the same from then on.
            assert_eq!(receipt.try_get().unwrap().unwrap(), gate);
            assert_eq!(receipt.wait().unwrap(), gate);
            gate
        });
        let awaiting = scope.spawn(|| {
            let receipt = gates.receipt(id).unwrap();
            start.wait();
            pollster::block_on(receipt).unwrap()
        });
        start.wait();
        act();
        let gate = blocking.join().unwrap();
        assert_eq!(awaiting.join().unwrap(), gate);
        gate
    })
}

fn it_resolves_when_the_gate_is_decided(place: Place) {
    let (gates, _) = setup(&place);
    let gate = gates.create(approval()).unwrap();
    let told = all_are_told(&gates, &gate.id, || {
        // Others do not matter.
        let other = gates.create(approval()).unwrap();
        gates.invalidate(&other.id).unwrap();
        gates.bind_message(&gate.id, "m").unwrap().detach();
        gates
            .decide(&gate.id, Decision::Approve, Decider::Discord)
            .unwrap();
    });
    assert_eq!((told.status, told.version), (GateStatus::Approved, 3));
}

fn it_resolves_when_the_gate_expires(place: Place) {
    let (gates, clock) = setup(&place);
    let gate = gates.create(approval()).unwrap();
    let told = all_are_told(&gates, &gate.id, || {
        clock.set(301_000);
        gates.expire_due(301_000).unwrap();
    });
    assert_eq!(told.resolved_by, Some(ResolvedBy::Timeout));

    // Who waits lets its own gate expire: nobody else does.
    let gate = gates.create(approval()).unwrap();
    let mut receipt = gates.receipt(&gate.id).unwrap();
    let waiter = thread::spawn(move || receipt.wait().unwrap());
    clock.advance(300_000);
    assert_eq!(waiter.join().unwrap().status, GateStatus::Expired);
    let gate = gates.create(approval()).unwrap();
    clock.advance(300_000);
    let receipt = gates.receipt(&gate.id).unwrap();
    let told = pollster::block_on(receipt).unwrap();
    assert_eq!(told.status, GateStatus::Expired);
}

fn it_resolves_when_the_gate_is_invalidated(place: Place) {
    let (gates, _) = setup(&place);
    let gate = gates.create(approval()).unwrap();
    let told = all_are_told(&gates, &gate.id, || {
        gates.invalidate(&gate.id).unwrap();
    });
    assert_eq!(told.status, GateStatus::Invalidated);
}

fn it_resolves_when_it_was_decided_before(mut place: Place) {
    let (before, clock) = setup(&place);
    let approved = before.create(approval()).unwrap();
    let overdue = before.create(approval()).unwrap();
    before
        .decide(&approved.id, Decision::Approve, Decider::Terminal)
        .unwrap();
    drop(before);
    place.reopen();
    clock.set(301_000);
    let gates = gates(&place, &clock, &Bus::new());
    let told = gates.receipt(&approved.id).unwrap().wait().unwrap();
    assert_eq!(told.status, GateStatus::Approved);
    let told = pollster::block_on(gates.receipt(&overdue.id).unwrap()).unwrap();
    assert_eq!(told.status, GateStatus::Expired);
}

fn it_resolves_when_the_gate_is_archived_already(place: Place) {
    let (gates, _) = setup(&place);
    let gate = gates.create(approval()).unwrap();
    let mut blocking = gates.receipt(&gate.id).unwrap();
    let awaited = gates.receipt(&gate.id).unwrap();
    gates
        .decide(&gate.id, Decision::Reject, Decider::Terminal)
        .unwrap();
    gates.archive(0).unwrap().wait().unwrap();
    assert!(gates.get(&gate.id).unwrap().is_none());
    assert_eq!(
        blocking.try_get().unwrap().unwrap().status,
        GateStatus::Rejected
    );
    assert_eq!(blocking.wait().unwrap().status, GateStatus::Rejected);
    let awaited = pollster::block_on(awaited).unwrap();
    assert_eq!(awaited.status, GateStatus::Rejected);
    let later = gates.receipt(&gate.id).unwrap().wait().unwrap();
    assert_eq!(later.status, GateStatus::Rejected);
}

fn it_resolves_by_whatever_handle(place: Place) {
    let (first, clock) = setup(&place);
    let second = gates(&place, &clock, &Bus::new());
    let gate = first.create(approval()).unwrap();
    let told = all_are_told(&first, &gate.id, || {
        let store = place.store();
        // Nobody is told by `committed`.
        let decided = store.try_transaction(|tx| {
            second.decide_in(tx, &gate.id, Decision::Approve, Decider::Terminal)
        });
        decided.unwrap().detach();
    });
    assert_eq!(told.status, GateStatus::Approved);
}

fn waiting_ends_with_its_time(place: Place) {
    let (gates, _) = setup(&place);
    let gate = gates.create(approval()).unwrap();
    let mut receipt = gates.receipt(&gate.id).unwrap();
    let over = receipt.wait_timeout(Duration::from_millis(1)).unwrap_err();
    assert_eq!(kind(over), ErrorKind::Timeout);
    let over = receipt.wait_timeout(Duration::ZERO).unwrap_err();
    assert_eq!(kind(over), ErrorKind::Timeout);
    assert_eq!(gates.pending().unwrap(), [Arc::clone(&gate)]);
    gates
        .decide(&gate.id, Decision::Approve, Decider::Discord)
        .unwrap();
    let told = receipt.wait_timeout(Duration::ZERO).unwrap();
    assert_eq!(told.status, GateStatus::Approved);
}

fn waiting_ends_with_the_gate(place: Place) {
    let (gates, _) = setup(&place);
    let gate = gates.create(approval()).unwrap();
    let mut blocking = gates.receipt(&gate.id).unwrap();
    let awaited = gates.receipt(&gate.id).unwrap();
    let repository = place.store().repository::<Gate>().unwrap();
    repository.delete(&gate.id).unwrap().detach();
    let gone = blocking.wait().unwrap_err();
    assert!(matches!(gone, Error::NotFound { .. }), "{gone}");
    let gone = pollster::block_on(awaited).unwrap_err();
    assert!(matches!(gone, Error::NotFound { .. }), "{gone}");
}

fn waiting_ends_with_the_store(place: Place) {
    let (gates, _) = setup(&place);
    let gate = gates.create(approval()).unwrap();
    let mut blocking = gates.receipt(&gate.id).unwrap();
    let awaited = gates.receipt(&gate.id).unwrap();
    let waiters = [
        thread::spawn(move || blocking.wait().unwrap_err()),
        thread::spawn(move || pollster::block_on(awaited).unwrap_err()),
    ];
    place.store().close().wait().unwrap();
    for waiter in waiters {
        assert_eq!(kind(waiter.join().unwrap()), ErrorKind::Closed);
    }
}

/// Each gate is decided by one of two, the other is told by whom, and whoever waits is told once.
fn two_deciders_race(place: Place) {
    let clock = Arc::new(SetClock::new(1_000));
    let bus = Bus::new();
    let mut events = bus.subscribe(2 * RACES);
    let gates = gates(&place, &clock, &bus);
    let ids: Vec<String> = place
        .store()
        .try_transaction(|tx| {
            (0..RACES)
                .map(|_| Ok::<_, Error>(gates.create_in(tx, approval())?.record().id.clone()))
                .collect()
        })
        .unwrap()
        .wait()
        .unwrap();
    let start = Barrier::new(3);
    let race = |decision: Decision, by: Decider| {
        let decide = |id: &String| {
            start.wait();
            gates.decide(id, decision.clone(), by)
        };
        ids.iter().map(decide).collect::<Vec<_>>()
    };
    let (yes, no, told) = thread::scope(|scope| {
        let yes = scope.spawn(|| race(Decision::Approve, Decider::Discord));
        let no = scope.spawn(|| race(Decision::Reject, Decider::Terminal));
        let waiter = scope.spawn(|| {
            let wait = |id: &String| {
                let mut receipt = gates.receipt(id).unwrap();
                start.wait();
                receipt.wait().unwrap()
            };
            ids.iter().map(wait).collect::<Vec<_>>()
        });
        (
            yes.join().unwrap(),
            no.join().unwrap(),
            waiter.join().unwrap(),
        )
    });
    let mut wins = [0, 0];
    for ((yes, no), told) in yes.into_iter().zip(no).zip(told) {
        let (status, by, winner, loser) = match (yes, no) {
            (Ok(gate), Err(error)) => (GateStatus::Approved, ResolvedBy::Discord, gate, error),
            (Err(error), Ok(gate)) => (GateStatus::Rejected, ResolvedBy::Terminal, gate, error),
            other => panic!("{other:?}"),
        };
        wins[usize::from(status == GateStatus::Rejected)] += 1;
        assert_eq!((winner.status, winner.resolved_by), (status, Some(by)));
        assert_eq!((&winner, winner.version), (&told, 2));
        let Error::GateResolved {
            id,
            status: lost_to,
            by: whom,
            at,
            version,
        } = loser
        else {
            panic!("{loser}");
        };
        assert_eq!((id, lost_to, whom), (winner.id.clone(), status, Some(by)));
        assert_eq!((at, version), (Some(1_000), 2));
        // Listeners are told once, and of nothing else.
        match events.try_next() {
            Some(Told::Event(event)) => match &*event {
                Event::GateResolved { gate_id, .. } => assert_eq!(*gate_id, winner.id),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }
    assert!(events.try_next().is_none());
    assert_eq!(wins[0] + wins[1], RACES);
}

/// Another handle on the database is as another process: no change of its is told here.
#[test]
fn another_process_decides() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", dir.path().join("data.db").display());
    let open = || Gates::open(&larder::Store::open(&url).unwrap(), GateOptions::default()).unwrap();
    let (ours, theirs) = (open(), open());
    let first = ours.create(approval()).unwrap();
    let second = ours.create(approval()).unwrap();
    let start = Barrier::new(2);
    let told = thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            let mut receipt = ours.receipt(&first.id).unwrap();
            start.wait();
            receipt.wait().unwrap()
        });
        start.wait();
        let decided = theirs.decide(&first.id, Decision::Approve, Decider::Discord);
        assert_eq!(waiter.join().unwrap(), decided.unwrap());
        let mut receipt = ours.receipt(&second.id).unwrap();
        theirs.invalidate(&second.id).unwrap();
        receipt.try_get().unwrap().unwrap()
    });
    assert_eq!(told.status, GateStatus::Invalidated);
    let late = ours.decide(&first.id, Decision::Reject, Decider::Terminal);
    assert!(matches!(
        late,
        Err(Error::GateResolved {
            by: Some(ResolvedBy::Discord),
            ..
        })
    ));
}
