//! Random histories of gates, with restarts and a clock that may go back: the rules hold after every
//! step.
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

use std::collections::BTreeMap;
use std::sync::Arc;

use backends::{Place, on_every_backend};
use larder::Query;
use larder_stores::gate::{
    Decider, Decision, Gate, GateKind, GateOptions, GateStatus, Gates, GatesOnStart, NewGate,
    Receipt, ResolvedBy,
};
use larder_stores::session::Provider;
use larder_stores::{Error, Options, SetClock};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

const FIVE_MINUTES: u64 = 300_000;

on_every_backend![the_rules_hold,];

/// Gates are meant by a number, modulo how many there are.
#[derive(Clone, Debug)]
enum Step {
    Create {
        kind: GateKind,
        blocking: bool,
        remote: bool,
    },
    Decide {
        gate: usize,
        decision: Decision,
        by: Decider,
    },
    Invalidate(usize),
    Bind(usize, u8),
    Expire,
    InvalidateSession(bool),
    Archive(usize),
    Wait(u64),
    TurnBack(u64),
    Restart(GatesOnStart),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let kind = prop_oneof![
        4 => Just(GateKind::BinaryApproval),
        1 => Just(GateKind::TextQuestion),
        1 => Just(GateKind::Notification),
    ];
    let decision = prop_oneof![
        3 => Just(Decision::Approve),
        3 => Just(Decision::Reject),
        1 => Just(Decision::Answer("blue".to_owned())),
        1 => Just(Decision::Answer("red".to_owned())),
    ];
    let by = prop_oneof![Just(Decider::Terminal), Just(Decider::Discord)];
    let on_start = prop_oneof![
        3 => Just(GatesOnStart::ResumePending),
        1 => Just(GatesOnStart::InvalidateAll),
    ];
    let usually = || prop::bool::weighted(0.8);
    let step = prop_oneof![
        6 => (kind, usually(), usually()).prop_map(|(kind, blocking, remote)| Step::Create {
            kind,
            blocking,
            remote,
        }),
        6 => (0..20_usize, decision, by).prop_map(|(gate, decision, by)| Step::Decide {
            gate,
            decision,
            by,
        }),
        1 => (0..20_usize).prop_map(Step::Invalidate),
        2 => (0..20_usize, 0..3_u8).prop_map(|(gate, message)| Step::Bind(gate, message)),
        3 => Just(Step::Expire),
        1 => any::<bool>().prop_map(Step::InvalidateSession),
        1 => (0..4_usize).prop_map(Step::Archive),
        // Often to the very millisecond.
        4 => prop_oneof![
            0..FIVE_MINUTES,
            Just(1),
            Just(FIVE_MINUTES - 1),
            Just(FIVE_MINUTES),
        ].prop_map(Step::Wait),
        1 => (1..FIVE_MINUTES).prop_map(Step::TurnBack),
        2 => on_start.prop_map(Step::Restart),
    ];
    prop::collection::vec(step, 1..40)
}

type Seen = BTreeMap<String, Arc<Gate>>;

struct Run {
    place: Place,
    clock: Arc<SetClock>,
    gates: Gates,
    /// One for each gate that was made since the last start.
    receipts: BTreeMap<String, Receipt>,
    seen: Seen,
    now: u64,
    sessions: usize,
}

impl Run {
    fn new(scheme: &str) -> Self {
        let place = Place::new(scheme);
        let now = 10 * FIVE_MINUTES;
        let clock = Arc::new(SetClock::new(now));
        Self {
            gates: open(&place, &clock, GatesOnStart::ResumePending),
            place,
            clock,
            receipts: BTreeMap::new(),
            seen: Seen::new(),
            now,
            sessions: 0,
        }
    }

    fn set(&mut self, now: u64) {
        self.now = now;
        self.clock.set(now);
    }

    fn look(&self) -> Seen {
        let all = self.gates.find(Query::all()).unwrap();
        all.into_iter()
            .map(|gate| (gate.id.clone(), gate))
            .collect()
    }

    fn meant(&self, number: usize) -> Option<Arc<Gate>> {
        let count = self.seen.len().max(1);
        self.seen.values().nth(number % count).cloned()
    }

    fn is_due(&self, gate: &Gate) -> bool {
        let expires = gate.is_blocking && gate.supports_remote_decision;
        expires && self.now >= gate.created_at + FIVE_MINUTES
    }

    fn go(&mut self, step: &Step) {
        match step {
            Step::Create {
                kind,
                blocking,
                remote,
            } => {
                self.sessions += 1;
                let session = format!("s-{}", self.sessions % 2);
                let new = NewGate::new(session, Provider::Codex, *kind, "?")
                    .blocking(*blocking)
                    .remote(*remote);
                let gate = self.gates.create(new).unwrap();
                assert_eq!((gate.version, gate.created_at), (1, self.now));
                let receipt = self.gates.receipt(&gate.id).unwrap();
                self.receipts.insert(gate.id.clone(), receipt);
            }
            Step::Decide { gate, decision, by } => {
                if let Some(gate) = self.meant(*gate) {
                    self.decide(&gate, decision, *by);
                }
            }
            Step::Invalidate(gate) => {
                if let Some(gate) = self.meant(*gate) {
                    let result = self.gates.invalidate(&gate.id);
                    let may = matches!(gate.status, GateStatus::Pending | GateStatus::Invalidated);
                    assert_eq!(result.is_ok(), may);
                }
            }
            Step::Bind(gate, message) => {
                if let Some(gate) = self.meant(*gate) {
                    let message = format!("m-{message}");
                    let result = self.gates.bind_message(&gate.id, &message);
                    assert_eq!(result.is_ok(), gate.status == GateStatus::Pending);
                }
            }
            Step::Expire => {
                let expired = self.gates.expire_due(self.now).unwrap();
                let due = self.seen.values();
                let due = due.filter(|it| it.status == GateStatus::Pending && self.is_due(it));
                assert_eq!(expired.len(), due.count());
            }
            Step::InvalidateSession(which) => {
                let session = format!("s-{}", u8::from(*which));
                let store = self.place.store();
                let ended =
                    store.try_transaction(|tx| self.gates.invalidate_session_in(tx, &session));
                ended.unwrap().detach();
            }
            Step::Archive(keep) => {
                // What is found to be resolved by then is given, archived or not.
                let resolved = self.seen.values().filter(|it| it.status.is_terminal());
                let archived = self.gates.archive(*keep).unwrap().into_visible().unwrap();
                assert_eq!(archived.len(), resolved.count().saturating_sub(*keep));
            }
            Step::Wait(by) => self.set(self.now + by),
            Step::TurnBack(by) => self.set(self.now - by),
            Step::Restart(on_start) => self.restart(*on_start),
        }
    }

    fn decide(&self, gate: &Gate, decision: &Decision, by: Decider) {
        let text = gate.kind == GateKind::TextQuestion;
        let fits = match decision {
            Decision::Approve => !text,
            Decision::Reject => true,
            Decision::Answer(_) => text,
        } && (by == Decider::Terminal || gate.supports_remote_decision);
        let result = self.gates.decide(&gate.id, decision.clone(), by);
        match (gate.status, result) {
            (GateStatus::Pending, Err(Error::GateResolved { status, .. })) => {
                assert!(self.is_due(gate));
                assert_eq!(status, GateStatus::Expired);
            }
            (GateStatus::Pending, Err(Error::Refused { .. })) => {
                assert!(!fits && !self.is_due(gate));
            }
            (GateStatus::Pending, Ok(decided)) => {
                assert!(fits && !self.is_due(gate));
                assert_eq!(decided.version, gate.version + 1);
            }
            // Not again, but in the same way.
            (_, Ok(decided)) => assert_eq!(*decided, *gate),
            (before, Err(Error::GateResolved { status, .. })) => assert_eq!(status, before),
            (_, Err(other)) => panic!("{other}"),
        }
    }

    fn restart(&mut self, on_start: GatesOnStart) {
        self.receipts.clear();
        let pending = self.seen.values().filter(|it| !it.status.is_terminal());
        let (due, remaining): (Vec<_>, Vec<_>) =
            pending.cloned().partition(|gate| self.is_due(gate));
        // All handles go with it.
        self.gates = open(&Place::new("memory"), &self.clock, on_start);
        self.place.reopen();
        self.gates = open(&self.place, &self.clock, on_start);
        let found = self.gates.at_start();
        let counts = match on_start {
            GatesOnStart::ResumePending => [remaining.len(), due.len(), 0],
            GatesOnStart::InvalidateAll => [0, 0, due.len() + remaining.len()],
        };
        let found = [&found.resumed, &found.expired, &found.invalidated];
        assert_eq!(found.map(Vec::len), counts);
    }

    /// The rules.
    fn check(&mut self, step: &Step) {
        let now = self.look();
        for (id, gate) in &now {
            match self.seen.get(id) {
                None => {
                    assert!(matches!(step, Step::Create { .. }));
                    assert_eq!((gate.version, gate.status), (1, GateStatus::Pending));
                }
                Some(before) if before == gate => {}
                Some(before) => {
                    assert!(!before.status.is_terminal(), "{before:?} -> {gate:?}");
                    assert_eq!(gate.version, before.version + 1);
                    if gate.status == GateStatus::Expired {
                        assert!(self.is_due(gate), "{gate:?} at {}", self.now);
                        assert_eq!(gate.resolved_by, Some(ResolvedBy::Timeout));
                    }
                    let resolved = gate.resolved_at.is_some();
                    assert_eq!(resolved, gate.status.is_terminal());
                }
            }
            if let Some(receipt) = self.receipts.get_mut(id)
                && gate.status.is_terminal()
            {
                assert_eq!(receipt.try_get().unwrap().as_ref(), Some(gate));
            }
        }
        for (id, gone) in self.seen.iter().filter(|(id, _)| !now.contains_key(*id)) {
            assert!(matches!(step, Step::Archive(_)));
            assert!(gone.status.is_terminal(), "{gone:?}");
            // Its receipt gives it still.
            if let Some(receipt) = self.receipts.get_mut(id) {
                assert_eq!(receipt.try_get().unwrap().as_ref(), Some(gone));
            }
        }
        let overdue = now.values().filter(|it| !it.status.is_terminal());
        let overdue = overdue.filter(|gate| self.is_due(gate)).count();
        match step {
            Step::Expire | Step::Restart(GatesOnStart::ResumePending) => assert_eq!(overdue, 0),
            Step::Restart(GatesOnStart::InvalidateAll) => {
                assert!(now.values().all(|gate| gate.status.is_terminal()));
            }
            _ => {}
        }
        self.seen = now;
    }
}

fn open(place: &Place, clock: &Arc<SetClock>, on_start: GatesOnStart) -> Gates {
    let options = Options::new().clock(Arc::clone(clock));
    Gates::open(place.store(), GateOptions::from(options).on_start(on_start)).unwrap()
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
            run.go(step);
            run.check(step);
        }
        Ok(())
    };
    TestRunner::new(config).run(&steps(), run).unwrap();
}
