//! Random histories of sessions, with restarts, against a model: ids and channels are unique, every
//! answer and every event is the expected one, and nothing that lives at run time survives.
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

use backends::{Place, on_every_backend};
use larder::{Query, RepositoryExt as _};
use larder_stores::bus::Subscription;
use larder_stores::session::{Mode, NewSession, Provider, Session, Sessions, Step, WorkflowStatus};
use larder_stores::{Bus, Error, Event, Options, SetClock, Told};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

on_every_backend![histories_are_as_expected,];

const LABELS: [&str; 4] = ["x", "X-2", "?", "y y"];
const CHANNELS: [&str; 5] = ["c0", "c1", "c2", "c3", "c4"];
const MODES: [Mode; 4] = [Mode::Auto, Mode::Plan, Mode::Normal, Mode::Monitor];
const REASONS: [&str; 2] = ["push?", "release?"];

#[derive(Clone, Debug)]
enum Change {
    Mode(usize),
    BeginTurn,
    EndTurn,
    Resolved(bool),
    Await(usize),
    Work,
    Move(usize),
}

#[derive(Clone, Debug)]
enum Act {
    Create(usize, usize),
    /// A change of one of the sessions that are there.
    Change(prop::sample::Index, Change),
    End(prop::sample::Index),
    Archive(prop::sample::Index),
}

#[derive(Clone, Debug)]
enum Move {
    Act(Act),
    /// All of these or none; and if so, whether the closure refuses at its end.
    Together(Vec<Act>, bool),
    Restart,
}

fn act() -> impl Strategy<Value = Act> {
    let change = prop_oneof![
        (0..MODES.len()).prop_map(Change::Mode),
        Just(Change::BeginTurn),
        Just(Change::EndTurn),
        any::<bool>().prop_map(Change::Resolved),
        (0..REASONS.len()).prop_map(Change::Await),
        Just(Change::Work),
        (0..CHANNELS.len()).prop_map(Change::Move),
    ];
    prop_oneof![
        4 => (0..LABELS.len(), 0..CHANNELS.len()).prop_map(|(l, c)| Act::Create(l, c)),
        6 => (any::<prop::sample::Index>(), change).prop_map(|(i, c)| Act::Change(i, c)),
        1 => any::<prop::sample::Index>().prop_map(Act::End),
        1 => any::<prop::sample::Index>().prop_map(Act::Archive),
    ]
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let step = prop_oneof![
        8 => act().prop_map(Move::Act),
        3 => (prop::collection::vec(act(), 1..5), any::<bool>())
            .prop_map(|(acts, refuse)| Move::Together(acts, refuse)),
        1 => Just(Move::Restart),
    ];
    prop::collection::vec(step, 1..40)
}

#[derive(Clone, Debug, PartialEq)]
struct Expected {
    channel: &'static str,
    mode: Mode,
    turn: u64,
    resolved: bool,
    generating: bool,
    waits_for: Option<&'static str>,
}

#[derive(Clone, Debug, Default)]
struct Model {
    sessions: BTreeMap<String, Expected>,
    archived: BTreeSet<String>,
    /// In the order in which they are to be told.
    events: Vec<Event>,
}

/// Why something is refused: the session that has the channel, or that there is no session.
type Refusal = Option<String>;

impl Model {
    fn pick(&self, index: prop::sample::Index) -> Option<String> {
        let ids: Vec<&String> = self.sessions.keys().collect();
        (!ids.is_empty()).then(|| ids[index.index(ids.len())].clone())
    }

    fn holder(&self, channel: &str) -> Option<String> {
        let mut all = self.sessions.iter();
        all.find(|(_, it)| it.channel == channel)
            .map(|(id, _)| id.clone())
    }

    fn create(&mut self, label: usize, channel: usize) -> Result<(), Refusal> {
        let channel = CHANNELS[channel];
        if let Some(holder) = self.holder(channel) {
            return Err(Some(holder));
        }
        let stem = ["x", "x-2", "session", "y-y"][label];
        let mut id = stem.to_owned();
        let mut number = 1;
        while self.sessions.contains_key(&id) || self.archived.contains(&id) {
            number += 1;
            id = format!("{stem}-{number}");
        }
        self.events.push(Event::SessionCreated {
            session_id: id.clone(),
            channel_id: channel.to_owned(),
            parent_channel_id: None,
        });
        let session = Expected {
            channel,
            mode: Mode::Normal,
            turn: 0,
            resolved: false,
            generating: false,
            waits_for: None,
        };
        assert!(self.sessions.insert(id, session).is_none());
        Ok(())
    }

    fn change(&mut self, id: &str, change: &Change) -> Result<(), Refusal> {
        if let Change::Move(channel) = change
            && let Some(holder) = self.holder(CHANNELS[*channel])
            && holder != id
        {
            return Err(Some(holder));
        }
        let session = self.sessions.get_mut(id).unwrap();
        let before = session.clone();
        match change {
            Change::Mode(mode) => session.mode = MODES[*mode],
            Change::BeginTurn => {
                session.turn += 1;
                session.resolved = false;
                session.generating = true;
            }
            Change::EndTurn => session.generating = false,
            Change::Resolved(resolved) => session.resolved = *resolved,
            Change::Await(reason) => session.waits_for = Some(REASONS[*reason]),
            Change::Work => session.waits_for = None,
            Change::Move(channel) => session.channel = CHANNELS[*channel],
        }
        if before.mode != session.mode {
            self.events.push(Event::SessionModeChanged {
                session_id: id.to_owned(),
                before: before.mode,
                now: session.mode,
            });
        }
        if session.waits_for.is_some() && before.waits_for != session.waits_for {
            self.events.push(Event::SessionAwaitingHuman {
                session_id: id.to_owned(),
                turn: session.turn,
                reason: session.waits_for.map(str::to_owned),
            });
        }
        Ok(())
    }

    fn end(&mut self, id: &str, archived: bool) {
        let session = self.sessions.remove(id).unwrap();
        self.events.push(Event::SessionEnded {
            session_id: id.to_owned(),
            channel_id: session.channel.to_owned(),
            archived,
        });
        if archived {
            self.archived.insert(id.to_owned());
        }
    }
}

fn new(label: usize, channel: usize) -> NewSession {
    NewSession::new(Provider::Codex, LABELS[label])
        .channel(CHANNELS[channel])
        .category("cat")
        .project("atlas")
        .directory("/srv")
}

fn refusal(error: Error) -> Refusal {
    match error {
        Error::Taken { holder, .. } => Some(holder),
        Error::NotFound { .. } => None,
        other => panic!("{other:?}"),
    }
}

/// Of a session what the model knows of one.
fn seen(session: &Session) -> Expected {
    let one_of = |all: &[&'static str], text: &str| *all.iter().find(|it| **it == text).unwrap();
    let waits_for = session.workflow_state.awaiting_human_reason.as_deref();
    Expected {
        channel: one_of(&CHANNELS, &session.channel_id),
        mode: session.mode,
        turn: session.current_turn,
        resolved: session.human_resolved,
        generating: session.is_generating,
        waits_for: waits_for.map(|reason| one_of(&REASONS, reason)),
    }
}

/// The change as a method of the record, for a transaction.
fn apply(session: &mut Session, change: &Change) {
    match change {
        Change::Mode(mode) => session.set_mode(MODES[*mode]),
        Change::BeginTurn => session.begin_turn(7),
        Change::EndTurn => session.end_turn(7, 0.5),
        Change::Resolved(resolved) => session.set_human_resolved(*resolved),
        Change::Await(reason) => session.advance(7, Step::await_human(REASONS[*reason])),
        Change::Work => session.advance(7, Step::to(WorkflowStatus::WorkerRunning)),
        Change::Move(channel) => session.channel_id = CHANNELS[*channel].into(),
    }
}

struct Run {
    place: Place,
    sessions: Sessions,
    events: Subscription,
    model: Model,
}

fn open(place: &Place) -> (Sessions, Subscription) {
    let bus = Bus::new();
    let events = bus.subscribe(4096);
    let options = Options::new().clock(SetClock::new(7)).bus(bus);
    (Sessions::open(place.store(), options).unwrap(), events)
}

impl Run {
    fn new(place: Place) -> Self {
        let (sessions, events) = open(&place);
        Self {
            place,
            sessions,
            events,
            model: Model::default(),
        }
    }

    fn act(&mut self, act: &Act) {
        let sessions = &self.sessions;
        let model = &mut self.model;
        let (found, expected) = match act {
            Act::Create(label, channel) => {
                let found = sessions.create(new(*label, *channel)).map(drop);
                (found, model.create(*label, *channel))
            }
            Act::Change(index, change) => {
                let Some(id) = model.pick(*index) else {
                    return;
                };
                let id = id.as_str();
                let found = match change {
                    Change::Mode(mode) => sessions.set_mode(id, MODES[*mode]),
                    Change::BeginTurn => sessions.begin_turn(id),
                    Change::EndTurn => sessions.end_turn(id, 0.5),
                    Change::Resolved(resolved) => sessions.set_human_resolved(id, *resolved),
                    Change::Await(reason) => {
                        sessions.advance(id, Step::await_human(REASONS[*reason]))
                    }
                    Change::Work => sessions.advance(id, Step::to(WorkflowStatus::WorkerRunning)),
                    Change::Move(_) => sessions.update(id, |it| apply(it, change)),
                };
                (found.map(drop), model.change(id, change))
            }
            Act::End(index) | Act::Archive(index) => {
                let Some(id) = model.pick(*index) else {
                    return;
                };
                let is_end = matches!(act, Act::End(_));
                model.end(&id, !is_end);
                let found = if is_end {
                    sessions.end(&id).map(drop)
                } else {
                    sessions.archive(&id).map(drop)
                };
                (found, Ok(()))
            }
        };
        assert_eq!(found.map_err(refusal), expected, "{act:?}");
    }

    fn together(&mut self, acts: &[Act], refuse: bool) {
        let sessions = &self.sessions;
        let mut model = self.model.clone();
        let done = self.place.store().try_transaction(|tx| {
            let mut pending = Vec::new();
            let mut away = Vec::new();
            for act in acts {
                let (found, expected) = match act {
                    Act::Create(label, channel) => (
                        sessions.create_in(tx, new(*label, *channel)),
                        model.create(*label, *channel),
                    ),
                    Act::Change(index, change) => {
                        let Some(id) = model.pick(*index) else {
                            continue;
                        };
                        (
                            sessions.update_in(tx, &id, |it| apply(it, change)),
                            model.change(&id, change),
                        )
                    }
                    Act::End(index) => {
                        let Some(id) = model.pick(*index) else {
                            continue;
                        };
                        model.end(&id, false);
                        (sessions.end_in(tx, &id), Ok(()))
                    }
                    Act::Archive(index) => {
                        let Some(id) = model.pick(*index) else {
                            continue;
                        };
                        model.end(&id, true);
                        away.push(sessions.archive_in(tx, &id)?);
                        continue;
                    }
                };
                // What is refused changes nothing, and the rest goes on.
                match found {
                    Ok(done) => {
                        assert_eq!(expected, Ok(()), "{act:?}");
                        pending.push(done);
                    }
                    Err(error) => assert_eq!(expected, Err(refusal(error)), "{act:?}"),
                }
            }
            if refuse {
                return Err(Error::NotFound {
                    what: "reason",
                    id: String::new(),
                });
            }
            Ok((pending, away))
        });
        assert_eq!(done.is_err(), refuse);
        if let Ok(write) = done {
            let (pending, away) = write.into_visible().unwrap();
            for it in away {
                it.committed();
            }
            for it in pending.into_iter().rev() {
                it.committed();
            }
            self.model = model;
        }
    }

    fn restart(&mut self) {
        self.check_events();
        self.place.reopen();
        (self.sessions, self.events) = open(&self.place);
        if self.place.keeps() {
            let all = self.model.sessions.values_mut();
            all.for_each(|session| session.generating = false);
        }
    }

    fn check(&self) {
        let all = self.sessions.find(Query::all()).unwrap();
        let found: Vec<(&str, Expected)> = all.iter().map(|it| (&*it.id, seen(it))).collect();
        let expected = self.model.sessions.iter();
        let expected: Vec<(&str, Expected)> =
            expected.map(|(id, it)| (&**id, it.clone())).collect();
        assert_eq!(found, expected);
        let archived = self.sessions.archived().find(Query::all()).unwrap();
        let archived: Vec<&str> = archived.iter().map(|it| &*it.id).collect();
        let expected: Vec<&str> = self.model.archived.iter().map(|id| &**id).collect();
        assert_eq!(archived, expected);
        for channel in CHANNELS {
            let found = self.sessions.in_channel(channel).unwrap();
            let found = found.map(|it| it.id.clone());
            assert_eq!(found, self.model.holder(channel), "{channel}");
        }
    }

    /// Of each session in order; those of different sessions in some order.
    fn check_events(&mut self) {
        let by_session = |events: Vec<Event>| {
            let mut sessions: BTreeMap<String, Vec<Event>> = BTreeMap::new();
            for event in events {
                let of = sessions.entry(event.session_id().to_owned());
                of.or_default().push(event);
            }
            sessions
        };
        let told = std::iter::from_fn(|| self.events.try_next())
            .map(|told| match told {
                Told::Event(event) => Event::clone(&event),
                Told::Missed(lost) => panic!("{lost} missed"),
            })
            .collect();
        let expected = std::mem::take(&mut self.model.events);
        assert_eq!(by_session(told), by_session(expected));
        assert!(format!("{:?}", self.sessions.bus()).contains("waiting_sessions: 0"));
    }
}

fn histories_are_as_expected(place: Place) {
    let scheme = place.scheme().to_owned();
    let long = std::env::var("LARDER_PROOF").is_ok_and(|it| it == "long");
    let cases = match &*scheme {
        "memory" => 200,
        // Every session that is created waits for the disk.
        _ => 16,
    } * if long { 40 } else { 1 };
    let mut runner = TestRunner::new(Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    });
    let histories = runner.run(&moves(), |moves| {
        let mut run = Run::new(Place::new(&scheme));
        for step in moves {
            match step {
                Move::Act(act) => run.act(&act),
                Move::Together(acts, refuse) => run.together(&acts, refuse),
                Move::Restart => run.restart(),
            }
            run.check();
        }
        run.restart();
        run.check();
        Ok(())
    });
    histories.unwrap();
}
