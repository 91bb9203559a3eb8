//! Gates and what goes with them: transactions of the caller, sessions, events.

use super::*;

pub(crate) fn a_transaction_of_the_callers(place: Place) {
    let it = Setup::new(place);
    let mut events = it.bus.subscribe(64);
    let store = it.place.store();
    let failed: Result<larder::Write<()>, Error> = store.try_transaction(|tx| {
        let gate = it.gates.create_in(tx, approval())?;
        it.gates.create_in(tx, approval())?.committed(); // against the rule
        let id = &gate.record().id;
        let decided = it
            .gates
            .decide_in(tx, id, Decision::Approve, Decider::Discord)?;
        assert_eq!(decided.record().version, 2);
        let again = it
            .gates
            .decide_in(tx, id, Decision::Reject, Decider::Discord);
        again.map(drop)
    });
    assert_eq!(winner(failed.unwrap_err()).0, GateStatus::Approved);
    assert!(it.gates.find(Query::all()).unwrap().is_empty());

    let made = store
        .try_transaction(|tx| it.gates.create_in(tx, approval()))
        .unwrap()
        .wait()
        .unwrap();
    let id = made.record().id.clone();
    let mut told = Vec::new();
    while let Some(Told::Event(event)) = events.try_next() {
        told.push(event);
    }
    assert_eq!(told.len(), 1, "only what broke the rule: {told:?}");
    made.committed();
    let created = Event::GateCreated {
        session_id: "fix-login".to_owned(),
        gate_id: id.clone(),
        is_blocking: true,
    };
    assert!(matches!(events.try_next(), Some(Told::Event(event)) if *event == created));
    let same = store
        .try_transaction(|tx| {
            it.gates.invalidate_in(tx, &id)?.committed();
            it.gates.invalidate_in(tx, &id)
        })
        .unwrap();
    assert_eq!(same.wait().unwrap().committed().version, 2);
}

pub(crate) fn a_session_and_its_gate_are_made_as_one(mut place: Place) {
    let clock = Arc::new(SetClock::new(1_000));
    let bus = Bus::new();
    let mut events = bus.subscribe(64);
    let shared = Options::new().clock(Arc::clone(&clock)).bus(bus.clone());
    let sessions = Sessions::open(place.store(), shared).unwrap();
    let gates = Gates::open(place.store(), options(&clock, &bus)).unwrap();
    let new = |channel: &str| {
        NewSession::new(Provider::Claude, "Fix login")
            .channel(channel)
            .category("cat")
            .project("atlas")
            .directory("/srv/atlas")
    };
    let both = |channel: &str| {
        let made = place.store().try_transaction(|tx| {
            let gate = gates.create_in(tx, approval())?;
            let session = sessions.create_in(tx, new(channel))?;
            Ok::<_, Error>((session, gate))
        });
        let (session, gate) = made?.wait()?;
        Ok::<_, Error>((session.committed(), gate.committed()))
    };
    let (session, gate) = both("c-1").unwrap();
    assert_eq!(gate.session_id, session.id);
    // The channel is taken, so there is no second gate either.
    assert!(matches!(both("c-1"), Err(Error::Taken { .. })));
    let names: Vec<&str> = std::iter::from_fn(|| match events.try_next()? {
        Told::Event(event) => Some(event.name()),
        Told::Missed(lost) => panic!("{lost} were missed"),
    })
    .collect();
    assert_eq!(names, ["gateCreated", "sessionCreated"]);
    drop((sessions, gates));
    place.reopen();
    let gates = Gates::open(place.store(), options(&clock, &bus)).unwrap();
    assert_eq!(gates.find(Query::all()).unwrap(), [gate]);
}

pub(crate) fn a_session_that_ends_takes_its_gates_along(place: Place) {
    let it = Setup::new(place);
    let ours = it.gates.create(approval()).unwrap();
    let decided = it.gates.create(approval()).unwrap();
    it.gates
        .decide(&decided.id, Decision::Reject, Decider::Discord)
        .unwrap();
    let others = NewGate::new("other", Provider::Codex, GateKind::Notification, "Done");
    let others = it.gates.create(others).unwrap();
    let store = it.place.store();
    let ended = store.try_transaction(|tx| it.gates.invalidate_session_in(tx, "fix-login"));
    let ended: Vec<_> = ended.unwrap().wait().unwrap();
    let ended: Vec<_> = ended.into_iter().map(Pending::committed).collect();
    assert_eq!((ended.len(), &ended[0].id), (1, &ours.id));
    assert_eq!(it.gates.pending().unwrap(), [others]);
}

pub(crate) fn events_come_after_the_fact_and_in_order(place: Place) {
    let it = Setup::new(place);
    let mut events = it.bus.subscribe(64);
    let a = it.gates.create(approval()).unwrap();
    let b = it.gates.create(approval().blocking(false)).unwrap();
    for _ in 0..2 {
        it.gates
            .decide(&a.id, Decision::Approve, Decider::Discord)
            .unwrap();
    }
    it.gates.bind_message(&b.id, "m").unwrap().detach();
    it.gates.invalidate(&b.id).unwrap();
    let created = |gate: &Gate| Event::GateCreated {
        session_id: "fix-login".to_owned(),
        gate_id: gate.id.clone(),
        is_blocking: gate.is_blocking,
    };
    let resolved = |gate: &Gate, outcome| Event::GateResolved {
        session_id: "fix-login".to_owned(),
        gate_id: gate.id.clone(),
        outcome,
    };
    let expected = [
        created(&a),
        created(&b),
        resolved(&a, GateOutcome::Approved),
        resolved(&b, GateOutcome::Invalidated),
    ];
    for expected in expected {
        let Some(Told::Event(event)) = events.try_next() else {
            panic!("nothing instead of {expected:?}");
        };
        assert_eq!(*event, expected);
    }
    assert!(events.try_next().is_none());
}

pub(crate) fn a_session_waits_for_a_gate_and_takes_the_answer(place: Place) {
    let it = Setup::new(place);
    let shared = Options::new()
        .clock(Arc::clone(&it.clock))
        .bus(it.bus.clone());
    let sessions = Sessions::open(it.place.store(), shared).unwrap();
    let new = NewSession::new(Provider::Claude, "Fix login")
        .channel("c-1")
        .category("cat")
        .project("atlas")
        .directory("/srv/atlas");
    let id = sessions.create(new).unwrap().id.clone();
    let look = |session: &Session| {
        (
            session.active_human_gate_id.clone(),
            session.workflow_state.awaiting_human_reason.clone(),
            session.human_resolved,
        )
    };
    let ask = || {
        let made = it.place.store().try_transaction(|tx| {
            let gate = it.gates.create_in(tx, approval())?;
            let now = sessions.now();
            let waits = sessions.update_in(tx, &id, |it| it.await_gate(now, gate.record()))?;
            Ok::<_, Error>((gate, waits))
        });
        let (gate, waits) = made.unwrap().wait().unwrap();
        let gate = gate.committed();
        let asks = Some(gate.summary.clone());
        assert_eq!(look(&waits.committed()).0.as_ref(), Some(&gate.id));
        assert_eq!(look(&sessions.get(&id).unwrap().unwrap()).1, asks);
        gate
    };
    let answer = |gate: &Gate| {
        let taken = sessions.take_answer(&id, gate).unwrap();
        look(&taken.wait().unwrap())
    };
    let reason = |gate: &Gate| Some(gate.summary.clone());

    let approved = ask();
    let pending = (Some(approved.id.clone()), reason(&approved), false);
    assert_eq!(answer(&approved), pending, "it is not decided yet");
    let other = it.gates.create(approval()).unwrap();
    let other = it
        .gates
        .decide(&other.id, Decision::Approve, Decider::Discord);
    assert_eq!(answer(&other.unwrap()), pending, "it asked something else");
    let decided = it
        .gates
        .decide(&approved.id, Decision::Approve, Decider::Discord);
    assert_eq!(answer(&decided.unwrap()), (None, reason(&approved), true));
    let step = Step::to(WorkflowStatus::WorkerRunning);
    sessions.advance(&id, step).unwrap().detach();

    // Nobody has answered what has expired.
    let expired = ask();
    it.clock.advance(FIVE_MINUTES);
    let due = it.gates.expire_due(it.clock.now()).unwrap();
    assert_eq!((due.len(), &due[0].id), (1, &expired.id));
    assert_eq!(answer(&due[0]), (None, reason(&expired), false));
    let waits = sessions.await_gate(&id, &expired).unwrap().wait().unwrap();
    assert_eq!(look(&waits).0.as_ref(), Some(&expired.id));
}
