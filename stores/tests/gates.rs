//! Gates: what they promise, on every backend.
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
#[path = "gates/together.rs"]
mod together;

use std::collections::BTreeMap;
use std::sync::Arc;

use backends::{Place, on_every_backend};
use larder::{Query, RepositoryExt as _};
use larder_stores::bus::Pending;
use larder_stores::event::GateOutcome;
use larder_stores::gate::{
    Decider, Decision, Gate, GateKind, GateOptions, GateStatus, Gates, GatesOnStart, NewGate,
    ResolvedAction, ResolvedBy,
};
use larder_stores::session::{NewSession, Provider, Session, Sessions, Step, WorkflowStatus};
use larder_stores::{Bus, Clock as _, Error, Event, Options, SerialIds, SetClock, Told};
use together::{
    a_session_and_its_gate_are_made_as_one, a_session_that_ends_takes_its_gates_along,
    a_session_waits_for_a_gate_and_takes_the_answer, a_transaction_of_the_callers,
    events_come_after_the_fact_and_in_order,
};

const FIVE_MINUTES: u64 = 300_000;

on_every_backend![
    a_gate_that_is_given_is_durable,
    a_gate_is_decided_once,
    the_same_decision_again_is_no_error,
    a_decision_that_does_not_fit_is_refused,
    it_expires_at_its_time_and_not_before,
    only_blocking_remote_ones_expire,
    who_decides_too_late_lets_it_expire,
    a_restart_does_not_give_more_time,
    a_restart_may_invalidate_all,
    a_message_is_bound,
    resolved_ones_are_archived,
    a_transaction_of_the_callers,
    a_session_and_its_gate_are_made_as_one,
    a_session_that_ends_takes_its_gates_along,
    a_session_waits_for_a_gate_and_takes_the_answer,
    events_come_after_the_fact_and_in_order,
    ids_differ,
    what_is_not_there_is_said,
];

struct Setup {
    place: Place,
    clock: Arc<SetClock>,
    bus: Bus,
    gates: Gates,
}

impl Setup {
    fn new(place: Place) -> Self {
        let clock = Arc::new(SetClock::new(1_000));
        let bus = Bus::new();
        let gates = Gates::open(place.store(), options(&clock, &bus)).unwrap();
        Self {
            place,
            clock,
            bus,
            gates,
        }
    }

    /// The program ends, and starts again.
    fn restart(self, on_start: GatesOnStart) -> Self {
        let Self {
            mut place,
            clock,
            bus,
            gates,
        } = self;
        drop(gates);
        place.reopen();
        let options = options(&clock, &bus).on_start(on_start);
        let gates = Gates::open(place.store(), options).unwrap();
        Self {
            place,
            clock,
            bus,
            gates,
        }
    }

    fn counts(&self) -> BTreeMap<GateStatus, u64> {
        let counts = self.gates.counts().unwrap();
        counts.into_iter().filter(|(_, count)| *count > 0).collect()
    }
}

fn options(clock: &Arc<SetClock>, bus: &Bus) -> GateOptions {
    Options::new()
        .clock(Arc::clone(clock))
        .ids(SerialIds::default())
        .bus(bus.clone())
        .into()
}

fn question(kind: GateKind) -> NewGate {
    NewGate::new("fix-login", Provider::Claude, kind, "Push to main?")
}

fn approval() -> NewGate {
    question(GateKind::BinaryApproval)
}

/// How a gate was resolved, as the loser of a race is told.
fn winner(error: Error) -> (GateStatus, Option<ResolvedBy>, u64) {
    match error {
        Error::GateResolved {
            status,
            by,
            version,
            ..
        } => (status, by, version),
        other => panic!("{other}"),
    }
}

fn a_gate_that_is_given_is_durable(place: Place) {
    let it = Setup::new(place);
    let durable = || {
        let health = it.place.store().health();
        health.durable == health.applied
    };
    let gate = it
        .gates
        .create(
            approval()
                .turn(3)
                .detail("more")
                .related_command("git push"),
        )
        .unwrap();
    assert!(durable());
    assert_eq!(gate.id, "gate_1000_1");
    assert_eq!((gate.version, gate.status), (1, GateStatus::Pending));
    it.gates
        .decide(&gate.id, Decision::Approve, Decider::Discord)
        .unwrap();
    assert!(durable());
    let other = it.gates.create(approval()).unwrap();
    it.gates.invalidate(&other.id).unwrap();
    assert!(durable());
    it.gates.create(approval()).unwrap();
    it.gates.expire_due(1_000 + FIVE_MINUTES).unwrap();
    assert!(durable());
}

fn a_gate_is_decided_once(place: Place) {
    let it = Setup::new(place);
    let gate = it.gates.create(approval()).unwrap();
    it.clock.set(2_000);
    let decided = it
        .gates
        .decide(&gate.id, Decision::Reject, Decider::Terminal)
        .unwrap();
    let expected = Gate {
        version: 2,
        status: GateStatus::Rejected,
        resolved_at: Some(2_000),
        resolved_by: Some(ResolvedBy::Terminal),
        resolved_action: Some(ResolvedAction::Reject),
        ..Gate::clone(&gate)
    };
    assert_eq!(*decided, expected);
    let late = it
        .gates
        .decide(&gate.id, Decision::Approve, Decider::Discord)
        .unwrap_err();
    assert_eq!(
        late.to_string(),
        "the gate \"gate_1000_1\" is rejected already, by terminal"
    );
    let told = (GateStatus::Rejected, Some(ResolvedBy::Terminal), 2);
    assert_eq!(winner(late), told);
    assert_eq!(winner(it.gates.invalidate(&gate.id).unwrap_err()), told);
    let it = it.restart(GatesOnStart::ResumePending);
    assert_eq!(*it.gates.get(&gate.id).unwrap().unwrap(), expected);
    let late = it
        .gates
        .decide(&gate.id, Decision::Approve, Decider::Terminal);
    assert_eq!(winner(late.unwrap_err()), told);
    assert!(it.gates.expire_due(u64::MAX).unwrap().is_empty());
}

fn the_same_decision_again_is_no_error(place: Place) {
    let it = Setup::new(place);
    let first = it.gates.create(question(GateKind::TextQuestion)).unwrap();
    let answer = || Decision::Answer("blue".to_owned());
    let decided = it
        .gates
        .decide(&first.id, answer(), Decider::Terminal)
        .unwrap();
    assert_eq!(decided.status, GateStatus::Approved);
    assert_eq!(decided.answer_text.as_deref(), Some("blue"));
    let it = it.restart(GatesOnStart::ResumePending);
    it.clock.set(9_000);
    // By whomever: the gate says who was first.
    let again = it.gates.decide(&first.id, answer(), Decider::Discord);
    assert_eq!(again.unwrap(), decided);
    let other = Decision::Answer("green".to_owned());
    let late = it.gates.decide(&first.id, other, Decider::Terminal);
    let told = (GateStatus::Approved, Some(ResolvedBy::Terminal), 2);
    assert_eq!(winner(late.unwrap_err()), told);

    let second = it.gates.create(approval()).unwrap();
    let void = it.gates.invalidate(&second.id).unwrap();
    assert_eq!(
        (void.status, void.resolved_by),
        (GateStatus::Invalidated, None)
    );
    assert_eq!(it.gates.invalidate(&second.id).unwrap(), void);
}

fn a_decision_that_does_not_fit_is_refused(place: Place) {
    let it = Setup::new(place);
    let text = || Decision::Answer("yes".to_owned());
    let refused = |new: NewGate, decision, by| {
        let gate = it.gates.create(new).unwrap();
        let refused = it.gates.decide(&gate.id, decision, by);
        assert!(matches!(refused, Err(Error::Refused { .. })), "{refused:?}");
        assert_eq!(it.gates.get(&gate.id).unwrap().unwrap(), gate);
        gate
    };
    refused(approval(), text(), Decider::Terminal);
    refused(question(GateKind::Notification), text(), Decider::Discord);
    refused(
        question(GateKind::TextQuestion),
        Decision::Approve,
        Decider::Terminal,
    );
    let local = refused(
        approval().remote(false),
        Decision::Approve,
        Decider::Discord,
    );
    it.gates
        .decide(&local.id, Decision::Approve, Decider::Terminal)
        .unwrap();
    // Who is late hears who won, and not that he could not have.
    let late = it
        .gates
        .decide(&local.id, Decision::Reject, Decider::Discord);
    assert_eq!(winner(late.unwrap_err()).0, GateStatus::Approved);
}

fn it_expires_at_its_time_and_not_before(place: Place) {
    let it = Setup::new(place);
    let gate = it.gates.create(approval()).unwrap();
    it.clock.set(2_000);
    let later = it.gates.create(approval()).unwrap();
    let due = 1_000 + FIVE_MINUTES;
    assert_eq!(it.gates.due(&gate), Some(due));
    assert_eq!(it.gates.next_due().unwrap(), Some(due));
    assert!(it.gates.expire_due(due - 1).unwrap().is_empty());
    let expired = it.gates.expire_due(due).unwrap();
    assert_eq!(expired.len(), 1);
    let told = (GateStatus::Expired, Some(ResolvedBy::Timeout), Some(due));
    let gate = it.gates.get(&gate.id).unwrap().unwrap();
    assert_eq!((gate.status, gate.resolved_by, gate.resolved_at), told);
    assert_eq!((gate.version, &gate), (2, &expired[0]));
    assert_eq!(it.gates.pending().unwrap(), [later]);
    assert_eq!(it.gates.next_due().unwrap(), Some(due + 1_000));
    assert!(it.gates.expire_due(due).unwrap().is_empty());
}

fn only_blocking_remote_ones_expire(place: Place) {
    let it = Setup::new(place);
    let open = it.gates.create(approval().blocking(false)).unwrap();
    it.gates.create(approval().remote(false)).unwrap();
    assert_eq!(it.gates.due(&open), None);
    assert_eq!(it.gates.next_due().unwrap(), None);
    assert!(it.gates.expire_due(u64::MAX).unwrap().is_empty());
    it.clock.set(u64::MAX);
    it.gates
        .decide(&open.id, Decision::Approve, Decider::Discord)
        .unwrap();

    // And none, if the store says so.
    let never = GateOptions::default().expiry(None);
    let gates = Gates::open(it.place.store(), never).unwrap();
    gates.create(approval()).unwrap();
    assert!(gates.expire_due(u64::MAX).unwrap().is_empty());
}

fn who_decides_too_late_lets_it_expire(place: Place) {
    let it = Setup::new(place);
    let gate = it.gates.create(approval()).unwrap();
    it.clock.set(1_000 + FIVE_MINUTES - 1);
    let other = it.gates.create(approval()).unwrap();
    it.gates
        .decide(&other.id, Decision::Approve, Decider::Discord)
        .unwrap();
    it.clock.advance(1);
    // In a transaction of the caller's it stays as it is: that would be taken back anyway.
    let refused = it.place.store().try_transaction(|tx| {
        it.gates
            .decide_in(tx, &gate.id, Decision::Approve, Decider::Discord)
    });
    assert!(matches!(refused, Err(Error::Refused { .. })));
    assert_eq!(it.gates.pending().unwrap(), [Arc::clone(&gate)]);
    let late = it
        .gates
        .decide(&gate.id, Decision::Approve, Decider::Discord);
    let told = (GateStatus::Expired, Some(ResolvedBy::Timeout), 2);
    assert_eq!(winner(late.unwrap_err()), told);
    assert!(it.gates.pending().unwrap().is_empty());
}

fn a_restart_does_not_give_more_time(place: Place) {
    let it = Setup::new(place);
    let first = it.gates.create(approval()).unwrap();
    it.clock.set(200_000);
    let second = it.gates.create(approval()).unwrap();
    let it = it.restart(GatesOnStart::ResumePending);
    assert_eq!(it.gates.at_start().resumed, [first.clone(), second.clone()]);
    assert!(it.gates.at_start().expired.is_empty());
    assert_eq!(it.gates.due(&first), Some(1_000 + FIVE_MINUTES));
    it.clock.set(1_000 + FIVE_MINUTES);
    let it = it.restart(GatesOnStart::ResumePending);
    assert_eq!(it.gates.at_start().resumed, [second]);
    let expired = &it.gates.at_start().expired;
    assert_eq!((expired.len(), &expired[0].id), (1, &first.id));
    assert_eq!(expired[0].resolved_by, Some(ResolvedBy::Timeout));
    assert!(it.gates.at_start().invalidated.is_empty());
}

fn a_restart_may_invalidate_all(place: Place) {
    let it = Setup::new(place);
    let decided = it.gates.create(approval()).unwrap();
    it.gates
        .decide(&decided.id, Decision::Approve, Decider::Discord)
        .unwrap();
    it.gates.create(approval()).unwrap();
    it.gates.create(approval().blocking(false)).unwrap();
    let it = it.restart(GatesOnStart::InvalidateAll);
    assert!(it.gates.at_start().resumed.is_empty());
    let invalidated = &it.gates.at_start().invalidated;
    assert_eq!(invalidated.len(), 2);
    for gate in invalidated {
        let by = Some(ResolvedBy::Restart);
        assert_eq!(
            (gate.status, gate.resolved_by),
            (GateStatus::Invalidated, by)
        );
        assert_eq!(gate.version, 2);
    }
    let counts = BTreeMap::from([(GateStatus::Approved, 1), (GateStatus::Invalidated, 2)]);
    assert_eq!(it.counts(), counts);
    let it = it.restart(GatesOnStart::InvalidateAll);
    assert!(it.gates.at_start().invalidated.is_empty());
    assert_eq!(it.counts(), counts);
}

fn a_message_is_bound(place: Place) {
    let it = Setup::new(place);
    let gate = it.gates.create(approval()).unwrap();
    let bound = it
        .gates
        .bind_message(&gate.id, "m-1")
        .unwrap()
        .wait()
        .unwrap();
    assert_eq!((bound.version, bound.status), (2, GateStatus::Pending));
    let again = it
        .gates
        .bind_message(&gate.id, "m-1")
        .unwrap()
        .wait()
        .unwrap();
    assert_eq!(again, bound);
    let it = it.restart(GatesOnStart::ResumePending);
    let found = it.gates.find(Gate::DISCORD_MESSAGE_ID.is("m-1")).unwrap();
    assert_eq!(found, [bound]);
    it.gates.bind_message(&gate.id, "m-2").unwrap().detach();
    let decided = it
        .gates
        .decide(&gate.id, Decision::Approve, Decider::Discord)
        .unwrap();
    assert_eq!(decided.version, 4);
    assert_eq!(decided.discord_message_id.as_deref(), Some("m-2"));
    let late = it.gates.bind_message(&gate.id, "m-3").unwrap_err();
    let told = (GateStatus::Approved, Some(ResolvedBy::Discord), 4);
    assert_eq!(winner(late), told);
}

fn resolved_ones_are_archived(place: Place) {
    let it = Setup::new(place);
    let ids: Vec<String> = (0..6)
        .map(|_| it.gates.create(approval()).unwrap().id.clone())
        .collect();
    for (at, id) in (0_u64..).zip(ids.iter().take(5).rev()) {
        it.clock.set(2_000 + at);
        it.gates
            .decide(id, Decision::Approve, Decider::Terminal)
            .unwrap();
    }
    let archived = it.gates.archive(2).unwrap().wait().unwrap();
    let archived: Vec<&str> = archived.iter().map(|gate| &*gate.id).collect();
    assert_eq!(archived, [&*ids[2], &*ids[3], &*ids[4]]);
    // Who is late hears what became of it, and who said the same is content.
    let late = it
        .gates
        .decide(&ids[3], Decision::Reject, Decider::Discord)
        .unwrap_err();
    let told = (GateStatus::Approved, Some(ResolvedBy::Terminal), 2);
    assert_eq!(winner(late), told);
    let same = it
        .gates
        .decide(&ids[3], Decision::Approve, Decider::Discord)
        .unwrap();
    assert_eq!(same.resolved_by, Some(ResolvedBy::Terminal));
    assert!(it.gates.get(&ids[3]).unwrap().is_none());
    let it = it.restart(GatesOnStart::ResumePending);
    let counts = BTreeMap::from([(GateStatus::Pending, 1), (GateStatus::Approved, 2)]);
    assert_eq!(it.counts(), counts);
    let store = it.place.store();
    let archived = store.try_transaction(|tx| it.gates.archive_in(tx, 0));
    assert_eq!(archived.unwrap().wait().unwrap().len(), 2);
    assert_eq!(it.counts(), BTreeMap::from([(GateStatus::Pending, 1)]));
    let put_away = it.gates.archived().find(Query::all()).unwrap();
    let statuses = put_away.iter().map(|it| it.gate.status);
    assert_eq!(statuses.collect::<Vec<_>>(), [GateStatus::Approved; 5]);
    assert!(put_away.iter().all(|it| it.archived_at == 2_004));
}

fn ids_differ(place: Place) {
    let it = Setup::new(place);
    let first = it.gates.create(approval()).unwrap();
    // Ids begin anew, and the clock stands.
    let it = it.restart(GatesOnStart::ResumePending);
    let second = it.gates.create(approval()).unwrap();
    assert_eq!([&*first.id, &*second.id], ["gate_1000_1", "gate_1000_2"]);
    let repository = it.place.store().repository::<Gate>().unwrap();
    assert_eq!(repository.count(Query::all()).unwrap(), 2);
}

fn what_is_not_there_is_said(place: Place) {
    let it = Setup::new(place);
    let errors = [
        it.gates
            .decide("x", Decision::Approve, Decider::Terminal)
            .unwrap_err(),
        it.gates.invalidate("x").unwrap_err(),
        it.gates.bind_message("x", "m").unwrap_err(),
        it.gates.receipt("x").unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.to_string(), "there is no gate \"x\"");
    }
    assert!(it.gates.get("x").unwrap().is_none());
}
