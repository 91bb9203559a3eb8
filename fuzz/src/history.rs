//! Bytes as a history of writes, crashes and restarts.
//!
//! Owns [`history`]: each three bytes are a step. Ids and keys are few, so that they meet.

use std::collections::BTreeMap;
use std::time::Duration;

use larder::sim::{Budget, SimDisk};
use larder::{
    AnyRepository, Collection, ErrorKind, Op, Options, Query, Repository as _, RepositoryExt as _,
    Store,
};
use serde_json::{Value, json};

const DIR: &str = "/data";
const NAMES: [&str; 2] = ["notes", "zebras"];

/// The records of both collections.
type State = [BTreeMap<String, Value>; 2];

/// The steps after which somebody has waited are never lost; of the others a crash keeps the first.
pub fn history(bytes: &[u8]) {
    let mut run = Run::new();
    // More would say no more, and keeps a fuzzer from trying others.
    for step in bytes.chunks_exact(3).take(40) {
        run.step(step[0], step[1], step[2]);
    }
    run.crash(0);
    run.close();
}

struct Run {
    disk: SimDisk,
    store: Store,
    repositories: [AnyRepository<Value>; 2],
    /// What may be found after a crash, from what was acknowledged on to what is there.
    states: Vec<State>,
    /// Numbers the writes, so that no two records are equal.
    writes: u64,
}

impl Run {
    fn new() -> Self {
        let disk = SimDisk::new();
        let (store, repositories) = open(&disk);
        Self {
            disk,
            store,
            repositories,
            states: vec![State::default()],
            writes: 0,
        }
    }

    fn step(&mut self, verb: u8, which: u8, what: u8) {
        let collection = usize::from(which & 1);
        let id = format!("r{}", (which >> 1) % 5);
        let repository = self.repositories[collection].clone();
        match verb % 10 {
            0 | 1 => self.write(collection, &id, what, false),
            2 => self.write(collection, &id, what, true),
            3 => {
                let deleted = repository.delete(&id).unwrap().into_visible().unwrap();
                let mut next = self.now().clone();
                assert_eq!(deleted.as_deref(), next[collection].remove(&id).as_ref());
                self.states.push(next);
            }
            4 => self.both(&id, what),
            5 => {
                repository.clear().unwrap().detach();
                let mut next = self.now().clone();
                next[collection].clear();
                self.states.push(next);
            }
            6 | 7 => {
                self.store.flush().wait().unwrap();
                self.acknowledged();
            }
            8 => {
                self.close();
                self.acknowledged();
                self.reopen();
            }
            _ => self.crash(what),
        }
        self.look();
    }

    fn now(&self) -> &State {
        self.states.last().unwrap()
    }

    /// All of it is durable by now.
    fn acknowledged(&mut self) {
        self.states.drain(..self.states.len() - 1);
    }

    fn record(&mut self, id: &str, what: u8) -> Value {
        self.writes += 1;
        // Some keys are of several records, and then only one may be there.
        json!({"id": id, "key": what % 7, "write": self.writes, "fill": "x".repeat(usize::from(what))})
    }

    fn write(&mut self, collection: usize, id: &str, what: u8, is_insert: bool) {
        let record = self.record(id, what);
        let op = if is_insert { Op::insert } else { Op::save };
        let answer = self.repositories[collection].apply(vec![op(record.clone())]);
        let now = &self.now()[collection];
        let holder = now
            .iter()
            .find(|(other, it)| *other != id && it["key"] == record["key"]);
        let refusal = if is_insert && now.contains_key(id) {
            Some(ErrorKind::AlreadyExists)
        } else {
            holder.map(|_| ErrorKind::UniqueViolation)
        };
        match (answer, refusal) {
            (Ok(write), None) => {
                write.detach();
                let mut next = self.now().clone();
                next[collection].insert(id.to_owned(), record);
                self.states.push(next);
            }
            (Err(error), Some(kind)) => assert_eq!(error.kind(), kind, "{error}"),
            (answer, refusal) => panic!("{answer:?} where {refusal:?} is right"),
        }
    }

    /// A record into both collections, or into neither.
    fn both(&mut self, id: &str, what: u8) {
        let record = self.record(id, what);
        let done = self.store.transaction(|tx| {
            for name in NAMES {
                tx.collection::<Value>(name)?.save(record.clone())?;
            }
            Ok(())
        });
        let is_taken = self.now().iter().any(|records| {
            let mut others = records.iter().filter(|(other, _)| *other != id);
            others.any(|(_, it)| it["key"] == record["key"])
        });
        match done {
            Ok(write) => {
                assert!(!is_taken, "a key was given twice");
                write.detach();
                let mut next = self.now().clone();
                for records in &mut next {
                    records.insert(id.to_owned(), record.clone());
                }
                self.states.push(next);
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::UniqueViolation);
                assert!(is_taken, "{error}");
            }
        }
    }

    /// The power goes: now, or within the last calls of the disk. The machine starts again with one of
    /// the disks that may be left.
    fn crash(&mut self, what: u8) {
        let before = self.disk.steps();
        // A flush in which it goes, too.
        let flushing = what & 1 == 1;
        if flushing {
            self.store.flush().wait().unwrap();
        }
        let calls = self.disk.steps() - before;
        let step = before
            + if calls == 0 {
                0
            } else {
                usize::from(what >> 1) % calls
            };
        let budget = Budget {
            exhaustive: 1,
            samples: 2,
            seed: self.writes.wrapping_mul(257).wrapping_add(u64::from(what)),
        };
        let images = self.disk.at(step).unwrap().images(&budget);
        let image = &images[usize::from(what) % images.len()];
        // The process is gone, and nothing of it reaches the new disk.
        self.disk = image.boot_remembering();
        self.reopen();
        let found = self.found();
        let at = self.states.iter().rposition(|state| *state == found);
        let Some(at) = at else {
            panic!("after a crash: {found:?} is none of {:?}", self.states);
        };
        // What was found is durable: a second look must find the same.
        self.states = vec![self.states[at].clone()];
    }

    fn reopen(&mut self) {
        let (store, repositories) = open(&self.disk);
        self.store = store;
        self.repositories = repositories;
        let report = self.store.load_report();
        assert!(report.is_clean(), "{report:?}");
    }

    fn close(&self) {
        self.store.close().wait().unwrap();
    }

    fn found(&self) -> State {
        self.repositories.each_ref().map(|repository| {
            let all = repository.find(Query::all()).unwrap();
            let records = all.iter().map(|record| {
                let id = record["id"].as_str().unwrap_or_default();
                (id.to_owned(), Value::clone(record))
            });
            records.collect()
        })
    }

    /// What is visible is what was written.
    fn look(&self) {
        assert_eq!(self.found(), *self.now());
    }
}

fn open(disk: &SimDisk) -> (Store, [AnyRepository<Value>; 2]) {
    let options = Options {
        debounce: Duration::from_hours(1),
        flush_attempts: 1,
        ..Options::default()
    };
    let store = Store::from(disk.open(DIR, options).unwrap());
    let repositories = NAMES.map(|name| {
        let collection = Collection::<Value>::named(name).unique("key");
        store.collection(collection).unwrap()
    });
    (store, repositories)
}
