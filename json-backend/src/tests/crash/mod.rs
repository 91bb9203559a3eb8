//! Promise 3, proved: what is found after any crash is the state after some prefix of the store's
//! writes, and it holds every one that was acknowledged.
//!
//! Owns [`Story`], a store on a simulated disk whose writes and acknowledgements are written down, and
//! [`Proof`], which looks at what every crash of it may leave. The committer writes only when somebody
//! waits, so a story asks the disk the same in every run.
//!
//! `LARDER_PROOF=long` looks at more of the survivors; the ordinary run takes a sample where there are
//! many.

mod faults;
mod faults_everywhere;
mod kills;
mod migration;
mod prefix;
mod recovery;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use larder_core::{Backend, BackendExt, Collection, ErrorKind, Options, Query, RepositoryExt};
use larder_figures::Kind;
use serde_json::{Value, json};

use crate::sim::{Budget, Image, SimDisk};
use crate::{JsonRepository, JsonStore};

/// Where the store is.
pub(super) const DIR: &str = "/store";

pub(super) const NOTES: usize = 0;
pub(super) const ZEBRAS: usize = 1;
const NAMES: [&str; 2] = ["notes", "zebras"];

/// The records of both collections.
pub(super) type State = [BTreeMap<String, Value>; 2];

pub(super) fn options() -> Options {
    Options {
        // No window that a test lives to see the end of, and every failure is told at once.
        debounce: Duration::from_hours(1),
        flush_attempts: 1,
        ..Options::default()
    }
}

pub(super) fn read_only() -> Options {
    Options {
        read_only: true,
        ..options()
    }
}

pub(super) fn at(name: &str) -> PathBuf {
    Path::new(DIR).join(name)
}

pub(super) fn open(disk: &SimDisk, options: Options) -> larder_core::Result<JsonStore> {
    disk.open(DIR, options)
}

fn repositories(store: &JsonStore) -> [JsonRepository<Value>; 2] {
    NAMES.map(|name| store.collection(Collection::named(name)).unwrap())
}

fn records(store: &JsonStore) -> State {
    repositories(store).map(|repository| {
        let all = repository.find(Query::all()).unwrap();
        all.iter()
            .map(|record| {
                let id = record["id"].as_str().unwrap();
                (id.to_owned(), (**record).clone())
            })
            .collect()
    })
}

/// Opens the store, reads both collections, and closes it again.
pub(super) fn read(disk: &SimDisk, options: Options) -> State {
    let read_only = options.read_only;
    let store = match open(disk, options) {
        Ok(store) => store,
        // The directory's own name was not durable yet.
        Err(error) if read_only && error.kind() == ErrorKind::Io => return State::default(),
        Err(error) => panic!("the store opens: {error}: {error:?}"),
    };
    let state = records(&store);
    assert!(store.load_report().is_clean(), "{:?}", store.load_report());
    store.close().wait().unwrap();
    state
}

/// A store, what was written to it, and what was acknowledged when.
pub(super) struct Story {
    pub(super) disk: SimDisk,
    pub(super) store: JsonStore,
    repositories: [JsonRepository<Value>; 2],
    /// The state after each write, from the one before the first.
    pub(super) states: Vec<State>,
    /// After how many calls of the disk how many writes were acknowledged.
    pub(super) acks: Vec<(usize, usize)>,
}

impl Story {
    pub(super) fn begin(disk: SimDisk) -> Self {
        Self::go_on(disk, vec![State::default()], 0)
    }

    /// With `zebras.json` a link into another directory, whose names are synced by themselves.
    pub(super) fn begin_linked() -> Self {
        let disk = SimDisk::new();
        disk.put_dir(Path::new(DIR));
        disk.put_dir(Path::new("/elsewhere"));
        disk.put_link(&at("zebras.json"), Path::new("/elsewhere/zebras.json"));
        Self::begin(disk)
    }

    /// A store in which the last of these states is found, and so many writes were acknowledged.
    pub(super) fn go_on(disk: SimDisk, states: Vec<State>, acked: usize) -> Self {
        Self::with(disk, options(), states, acked)
    }

    pub(super) fn with(disk: SimDisk, options: Options, states: Vec<State>, acked: usize) -> Self {
        let store = open(&disk, options).unwrap();
        let repositories = repositories(&store);
        Self {
            disk,
            store,
            repositories,
            states,
            acks: vec![(0, acked)],
        }
    }

    /// Saves a record whose content is found nowhere else, and waits for nothing.
    pub(super) fn put(&mut self, collection: usize, id: &str, bytes: usize) {
        let number = self.states.len();
        let record = json!({"id": id, "write": number, "fill": "x".repeat(bytes)});
        let saved = self.repositories[collection].save(record.clone()).unwrap();
        saved.detach();
        self.then(|state| {
            state[collection].insert(id.to_owned(), record);
        });
    }

    pub(super) fn delete(&mut self, collection: usize, id: &str) {
        self.repositories[collection].delete(id).unwrap().detach();
        self.then(|state| {
            state[collection].remove(id);
        });
    }

    /// Saves a record into both collections, in one transaction.
    pub(super) fn both(&mut self, id: &str) {
        let record = json!({"id": id, "write": self.states.len()});
        let write = self.store.transaction(|tx| {
            for name in NAMES {
                tx.collection::<Value>(name)?.save(record.clone())?;
            }
            Ok(())
        });
        write.unwrap().detach();
        self.then(|state| {
            for collection in state {
                collection.insert(id.to_owned(), record.clone());
            }
        });
    }

    pub(super) fn then(&mut self, change: impl FnOnce(&mut State)) {
        let mut state = self.states.last().unwrap().clone();
        change(&mut state);
        self.states.push(state);
    }

    /// Waits for everything that was written.
    pub(super) fn flush(&mut self) {
        self.try_flush().unwrap();
    }

    pub(super) fn try_flush(&mut self) -> larder_core::Result<()> {
        self.store.flush().wait()?;
        self.acks.push((self.disk.steps(), self.states.len() - 1));
        Ok(())
    }

    /// What the store itself gives, broken disk or not.
    pub(super) fn visible(&self) -> State {
        records(&self.store)
    }

    /// How many writes were acknowledged after so many calls of the disk.
    pub(super) fn acked(&self, step: usize) -> usize {
        let before = self.acks.iter().filter(|(at, _)| *at <= step);
        before.map(|(_, acked)| *acked).max().unwrap()
    }

    pub(super) fn close(&self) {
        self.store.close().wait().unwrap();
    }
}

/// How much of one thing is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// One open finds the right state.
    Found,
    /// And an open for reading finds the same, a second open finds the same, and the store works on.
    GoesOn,
}

/// Counts what was looked at, so that nothing is looked at twice.
pub(super) struct Proof {
    name: &'static str,
    depth: Depth,
    pub(super) budget: Budget,
    /// Of which history, how the disk is, and how many writes must be there.
    known: BTreeSet<(usize, u64, usize)>,
    histories: usize,
    /// In how many of the images a commit was there to be finished.
    pub(super) unfinished: usize,
    figures: larder_figures::Proof,
}

pub(super) fn is_long() -> bool {
    std::env::var("LARDER_PROOF").is_ok_and(|value| value == "long")
}

impl Proof {
    pub(super) fn new(name: &'static str, depth: Depth) -> Self {
        let budget = if is_long() {
            Budget {
                exhaustive: 4_096,
                samples: 1_024,
                seed: 7,
            }
        } else {
            Budget {
                exhaustive: 128,
                samples: 64,
                seed: 7,
            }
        };
        Self {
            name,
            depth,
            budget,
            known: BTreeSet::new(),
            histories: 1,
            unfinished: 0,
            figures: larder_figures::Proof::begin("JSON under a loss of power", name),
        }
    }

    /// What comes is another history: a disk that was found after the one before may be wrong here.
    fn next_history(&mut self) {
        self.histories += 1;
    }

    /// Looks at every crash of a story, after each call of the disk from this one on.
    pub(super) fn every_crash(&mut self, story: &Story, from: usize) {
        for step in from..=story.disk.steps() {
            let cut = story.disk.at(step).unwrap();
            for image in cut.images(&self.budget) {
                self.image(&image, &story.states, story.acked(step), step);
            }
        }
    }

    /// Looks at one disk that a crash may leave.
    pub(super) fn image(&mut self, image: &Image, states: &[State], acked: usize, step: usize) {
        let what = (self.histories, image.fingerprint(), acked);
        if !self.known.insert(what) {
            return;
        }
        let is_unfinished = image.bytes(&at("larder.commit")).is_some();
        self.unfinished += usize::from(is_unfinished);
        let name = self.name;
        let for_reading = (self.depth == Depth::GoesOn || is_unfinished).then(|| {
            let disk = image.boot();
            let found = read(&disk, read_only());
            assert_nothing_written(&disk);
            found
        });
        let disk = image.boot();
        let found = read(&disk, options());
        assert!(
            states[acked..].contains(&found),
            "{name}: after call {step}, with {acked} writes acknowledged, no prefix: {}",
            describe(&found, states)
        );
        if let Some(for_reading) = for_reading {
            assert_eq!(for_reading, found, "{name}: after call {step}, for reading");
        }
        if self.depth == Depth::Found {
            return;
        }
        let mut story = Story::go_on(disk, vec![found.clone()], 0);
        assert_eq!(story.visible(), found, "{name}: {step}: a second open");
        story.put(NOTES, "later", 10);
        story.put(ZEBRAS, "later", 10);
        story.flush();
        story.put(ZEBRAS, "last", 10);
        story.flush();
        story.close();
        let last = story.states.last().unwrap();
        assert_eq!(read(&story.disk, options()), *last, "{name}: {step}: later");
    }

    /// How many states were looked at.
    pub(super) fn states(&self) -> usize {
        self.known.len()
    }

    /// Says how much was looked at.
    pub(super) fn end(self) {
        self.end_with(&[]);
    }

    /// And what else there was.
    pub(super) fn end_with(self, others: &[(Kind, usize)]) {
        let disks: BTreeSet<u64> = self.known.iter().map(|(_, disk, _)| *disk).collect();
        println!(
            "{}: {} different disks, {} states with a commit to be finished",
            self.name,
            disks.len(),
            self.unfinished
        );
        let states = self.states();
        self.end_of(states, others);
    }

    /// Where the states were looked at by somebody else.
    pub(super) fn end_of(self, states: usize, others: &[(Kind, usize)]) {
        println!("{}: {states} crash states checked", self.name);
        assert!(states > 0);
        let states = (Kind::CrashStates, states);
        let all = [states].into_iter().chain(others.iter().copied());
        let all: Vec<_> = all.map(|(kind, count)| (kind, count as u64)).collect();
        self.figures.done(&all);
    }
}

/// Which writes of which collection are there: the values alone would be unreadable.
fn describe(found: &State, states: &[State]) -> String {
    let numbers = |state: &State| {
        state.each_ref().map(|records| {
            let all = records.values().map(|record| record["write"].to_string());
            all.collect::<Vec<_>>().join(" ")
        })
    };
    let prefixes: Vec<_> = states.iter().map(numbers).collect();
    format!("{:?} of {prefixes:?}", numbers(found))
}

pub(super) fn assert_nothing_written(disk: &SimDisk) {
    let reading = ["resolve", "identity", "read", "list", "lock"];
    for call in disk.calls() {
        let kind = call.split(' ').next().unwrap_or_default();
        assert!(reading.contains(&kind), "written: {call}");
    }
}

/// Proves of any change of `notes` and `zebras` that it is found whole or not at all after a crash,
/// and whole once a flush after it was acknowledged.
pub(super) fn all_or_nothing(name: &'static str, before: fn(&JsonStore), change: fn(&JsonStore)) {
    let disk = SimDisk::new();
    let mut story = Story::begin(disk);
    before(&story.store);
    story.states.push(records(&story.store));
    story.flush();
    let from = story.disk.steps();
    change(&story.store);
    story.store.flush().wait().unwrap();
    let after = read(
        &story.disk.at(story.disk.steps()).unwrap().killed(),
        options(),
    );
    story.states.push(after);
    story.acks.push((story.disk.steps(), 2));
    let mut proof = Proof::new(name, Depth::GoesOn);
    proof.every_crash(&story, from);
    assert!(proof.unfinished > 0, "{name}: no record was ever needed");
    proof.end();
}
