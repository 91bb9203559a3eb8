//! Random histories of sessions on a disk that forgets, with a loss of power after any verb, driven by
//! `larder_testkit::model`: it shows how a store over `Repository` is driven, too.
//!
//! Owns what must be left after a crash. What each verb answers and tells is `session_model.rs`; a crash
//! within a verb is `crash.rs`.
#![allow(missing_docs, reason = "a test crate")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::time::Duration;

use larder::sim::{Budget, SimDisk};
use larder::{Options as StoreOptions, Query, RepositoryExt as _, Store};
use larder_figures::{Kind, Proof};
use larder_stores::session::{Mode, NewSession, Provider, Sessions};
use larder_stores::{Error, Options, SetClock};
use larder_testkit::model::{self, End, Machine, Place};
use proptest::prelude::*;

/// The disk that is there now, and how often the power went.
#[derive(Default)]
struct Power(RefCell<(SimDisk, usize)>);

impl Place for Power {
    type Store = Store;

    fn open(&self) -> Store {
        let options = StoreOptions {
            // Only what is waited for is written.
            debounce: Duration::from_hours(1),
            ..StoreOptions::default()
        };
        Store::from(self.0.borrow().0.open("/data", options).unwrap())
    }

    fn flush(&self, store: &Store) {
        store.flush().wait().unwrap();
    }

    fn close(&self, store: &Store) {
        store.close().wait().unwrap();
    }

    fn keeps(&self) -> bool {
        true
    }

    fn crashes(&self) -> bool {
        true
    }

    /// Of what may be left, another one each time.
    fn crash(&self) {
        let (disk, crashes) = &mut *self.0.borrow_mut();
        *crashes += 1;
        let budget = Budget {
            exhaustive: 32,
            samples: 8,
            seed: *crashes as u64,
        };
        let images = disk.at(disk.steps()).unwrap().images(&budget);
        *disk = images[(*crashes * 7) % images.len()].boot_remembering();
    }
}

const CHANNELS: [&str; 3] = ["c0", "c1", "c2"];
const MODES: [Mode; 3] = [Mode::Auto, Mode::Plan, Mode::Normal];

#[derive(Clone, Debug)]
enum Verb {
    /// Waits by itself.
    Create(usize),
    /// The others are awaited, if so. They are of one of the sessions that are live.
    SetMode(prop::sample::Index, usize, bool),
    Move(prop::sample::Index, usize, bool),
    End(prop::sample::Index, bool),
    Archive(prop::sample::Index, bool),
}

/// What is to be seen: the channel and mode of the live ones, and the archive.
#[derive(Clone, Debug, Default, PartialEq)]
struct Seen {
    live: BTreeMap<String, (String, Mode)>,
    archived: BTreeSet<String>,
}

impl Seen {
    fn of(sessions: &Sessions) -> Self {
        let live = sessions.find(Query::all()).unwrap();
        let live = live
            .iter()
            .map(|it| (it.id.clone(), (it.channel_id.clone(), it.mode)));
        let archived = sessions.archived().find(Query::all()).unwrap();
        Self {
            live: live.collect(),
            archived: archived.iter().map(|it| it.id.clone()).collect(),
        }
    }

    fn pick(&self, index: prop::sample::Index) -> Option<String> {
        let ids: Vec<&String> = self.live.keys().collect();
        (!ids.is_empty()).then(|| ids[index.index(ids.len())].clone())
    }
}

struct Expected {
    sessions: Sessions,
    now: Seen,
    /// What was durable for certain, and what was after each write since then.
    states: Vec<Seen>,
}

impl Expected {
    fn open(store: &Store) -> Sessions {
        Sessions::open(store, Options::new().clock(SetClock::new(7))).unwrap()
    }

    /// What one verb without a mistake did is what a crash may leave from here on.
    fn written<R>(&mut self, write: larder::Write<R>, awaited: bool) {
        if awaited {
            assert!(write.wait().is_ok());
            self.states.clear();
        } else {
            write.detach();
        }
        self.states.push(self.now.clone());
    }
}

impl Machine<Store> for Expected {
    type Step = Verb;

    fn steps() -> BoxedStrategy<Verb> {
        let (one, waits) = (any::<prop::sample::Index>, any::<bool>);
        let (channel, mode) = (|| 0..CHANNELS.len(), || 0..MODES.len());
        prop_oneof![
            4 => channel().prop_map(Verb::Create),
            3 => (one(), mode(), waits()).prop_map(|(i, mode, w)| Verb::SetMode(i, mode, w)),
            3 => (one(), channel(), waits()).prop_map(|(i, to, w)| Verb::Move(i, to, w)),
            1 => (one(), waits()).prop_map(|(i, w)| Verb::End(i, w)),
            2 => (one(), waits()).prop_map(|(i, w)| Verb::Archive(i, w)),
        ]
        .boxed()
    }

    fn fresh(store: &Store) -> Self {
        Self {
            sessions: Self::open(store),
            now: Seen::default(),
            states: vec![Seen::default()],
        }
    }

    fn apply(&mut self, verb: &Verb) {
        if let Verb::Create(channel) = verb {
            let channel = CHANNELS[*channel];
            let new = NewSession::new(Provider::Claude, "it")
                .channel(channel)
                .category("cat")
                .project("atlas")
                .directory("/srv");
            match self.sessions.create(new) {
                Ok(it) => {
                    let known = self.now.archived.contains(&it.id);
                    assert!(!known && !self.now.live.contains_key(&it.id), "{}", it.id);
                    let there = (it.channel_id.clone(), it.mode);
                    self.now.live.insert(it.id.clone(), there);
                    // What it gave survives, and so does everything before it.
                    self.states = vec![self.now.clone()];
                }
                Err(Error::Taken { holder, .. }) => assert_eq!(self.now.live[&holder].0, channel),
                Err(other) => panic!("{other:?}"),
            }
            return;
        }
        let (Verb::SetMode(index, ..)
        | Verb::Move(index, ..)
        | Verb::End(index, _)
        | Verb::Archive(index, _)) = verb
        else {
            return;
        };
        let Some(id) = self.now.pick(*index) else {
            return;
        };
        match verb {
            Verb::SetMode(_, mode, awaited) => {
                let write = self.sessions.set_mode(&id, MODES[*mode]).unwrap();
                self.now.live.get_mut(&id).unwrap().1 = MODES[*mode];
                self.written(write, *awaited);
            }
            Verb::Move(_, channel, awaited) => {
                let channel = CHANNELS[*channel];
                match self
                    .sessions
                    .update(&id, |it| it.channel_id = channel.into())
                {
                    Ok(write) => {
                        channel.clone_into(&mut self.now.live.get_mut(&id).unwrap().0);
                        self.written(write, *awaited);
                    }
                    Err(Error::Taken { holder, .. }) => {
                        assert_eq!(self.now.live[&holder].0, channel);
                    }
                    Err(other) => panic!("{other:?}"),
                }
            }
            Verb::End(_, awaited) => {
                let write = self.sessions.end(&id).unwrap();
                self.now.live.remove(&id);
                self.written(write, *awaited);
            }
            Verb::Archive(_, awaited) => {
                let write = self.sessions.archive(&id).unwrap();
                self.now.live.remove(&id);
                self.now.archived.insert(id);
                self.written(write, *awaited);
            }
            Verb::Create(_) => {}
        }
    }

    fn check(&self) {
        let seen = Seen::of(&self.sessions);
        assert_eq!(seen, self.now);
        let channels: BTreeSet<&String> = seen.live.values().map(|(channel, _)| channel).collect();
        assert_eq!(channels.len(), seen.live.len(), "two have one channel");
        for id in seen.live.keys() {
            assert!(!seen.archived.contains(id), "{id} is live and archived");
        }
    }

    fn flushed(&mut self) {
        self.states = vec![self.now.clone()];
    }

    fn reopened(&mut self, store: &Store, end: End) {
        self.sessions = Self::open(store);
        if end == End::Crashed {
            let seen = Seen::of(&self.sessions);
            let left = self.states.contains(&seen);
            assert!(left, "{seen:#?} is none of {:#?}", self.states);
            self.now = seen;
        }
        self.states = vec![self.now.clone()];
    }
}

#[test]
fn a_loss_of_power_after_any_verb_leaves_what_was_acknowledged() {
    let is_long = std::env::var("LARDER_PROOF").is_ok_and(|it| it == "long");
    let cases = if is_long { 4_000 } else { 40 };
    let proof = Proof::begin("model of sessions", "losing power");
    let ran = model::drive::<_, Expected>(Power::default, cases);
    let _ = writeln!(std::io::stderr(), "sessions, losing power: {ran}");
    assert!(ran.crashes > 0 && ran.reopens > 0, "{ran}");
    proof.done(&[
        (Kind::Histories, ran.histories),
        (Kind::CrashStates, ran.crashes),
    ]);
}
