//! Compare-and-swap under load: many who change one record, and none of their changes is lost.
//!
//! Each change adds one, so every number between the first and the last is the work of exactly one
//! of them: what each got is put together and has to be all of the numbers, each once.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

mod peer;

use std::sync::Arc;

use larder::prelude::*;
use larder::{AnyRepository, Error, ErrorKind, Query, Result};
use peer::{Peer, other, role, say};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const THREADS: u64 = 8;
const EACH: u64 = 1_000;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "counters")]
struct Counter {
    #[record(id)]
    id: String,
    #[record(index)]
    value: u64,
}

/// What was counted, one for each number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "stubs")]
struct Stub {
    #[record(id)]
    id: String,
    #[record(unique)]
    number: u64,
}

fn counter(value: u64) -> Counter {
    Counter {
        id: "one".to_owned(),
        value,
    }
}

fn stub(number: u64) -> Stub {
    Stub {
        id: format!("{number:06}"),
        number,
    }
}

struct Setup {
    url: String,
    store: Store,
    counters: AnyRepository<Counter>,
    stubs: AnyRepository<Stub>,
    _dir: tempfile::TempDir,
}

impl Setup {
    fn new(scheme: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = match scheme {
            "json" => format!("json:{}", dir.path().display()),
            "sqlite" => format!("sqlite:{}", dir.path().join("data.db").display()),
            _ => "memory:".to_owned(),
        };
        let store = Store::open(&url).unwrap();
        let it = Self {
            counters: store.repository().unwrap(),
            stubs: store.repository().unwrap(),
            store,
            url,
            _dir: dir,
        };
        it.counters.insert(counter(0)).unwrap().detach();
        it
    }

    /// Everybody at once, `EACH` times; gives every number that somebody got, in order.
    fn all_at_once(&self, add: impl Fn(&Self) -> u64 + Sync) -> Vec<u64> {
        let start = std::sync::Barrier::new(usize::try_from(THREADS).unwrap());
        let mut numbers: Vec<u64> = std::thread::scope(|threads| {
            let threads: Vec<_> = (0..THREADS)
                .map(|_| {
                    threads.spawn(|| {
                        start.wait();
                        (0..EACH).map(|_| add(self)).collect::<Vec<u64>>()
                    })
                })
                .collect();
            let got = threads.into_iter().map(|thread| thread.join().unwrap());
            got.flat_map(|got| {
                // Whoever comes later never gets an earlier number.
                assert!(got.is_sorted());
                got
            })
            .collect()
        });
        numbers.sort_unstable();
        numbers
    }

    /// Every number is somebody's, and the last is there, now and after a restart.
    fn ends_right(self, numbers: &[u64]) {
        assert_eq!(numbers, (1..=THREADS * EACH).collect::<Vec<u64>>());
        let all = [Arc::new(counter(THREADS * EACH))];
        assert_eq!(self.counters.find(Query::all()).unwrap(), all);
        if self.url == "memory:" {
            return;
        }
        self.store.close().wait().unwrap();
        let store = Store::open(&self.url).unwrap();
        let counters = store.repository::<Counter>().unwrap();
        assert_eq!(counters.find(Query::all()).unwrap(), all);
        assert!(store.load_report().is_clean());
    }
}

macro_rules! on_every_backend {
    ($($name:ident,)*) => {
        mod memory { $(#[test] fn $name() { super::$name(super::Setup::new("memory")); })* }
        mod json { $(#[test] fn $name() { super::$name(super::Setup::new("json")); })* }
        mod sqlite { $(#[test] fn $name() { super::$name(super::Setup::new("sqlite")); })* }
    };
}

on_every_backend![
    no_replace_is_lost,
    no_update_is_lost,
    no_replace_in_a_transaction_is_lost,
    no_update_in_a_transaction_is_lost,
];

/// One more, by compare-and-swap: again, on the record that the error carries, until it is done.
fn swap(
    counters: &AnyRepository<Counter>,
    replace: impl Fn(&Arc<Counter>, Counter) -> Result<Arc<Counter>>,
) -> u64 {
    let mut read = counters.get("one").unwrap().unwrap();
    loop {
        if read.value.is_multiple_of(8) {
            // Somebody else may be faster now, also where a swap takes next to no time.
            std::thread::yield_now();
        }
        match replace(&read, counter(read.value + 1)) {
            Ok(now) => {
                assert_eq!(now.value, read.value + 1);
                return now.value;
            }
            Err(error) => read = later(&read, &error),
        }
    }
}

/// What a conflict carries: what somebody else has made of it since it was read.
fn later(read: &Counter, error: &Error) -> Arc<Counter> {
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    let current = error.current::<Counter>().unwrap();
    assert!(current.value > read.value, "{current:?} after {read:?}");
    current
}

fn replace(counters: &AnyRepository<Counter>) -> u64 {
    swap(counters, |read, new| {
        counters.replace(read, new)?.into_visible()
    })
}

fn update(counters: &AnyRepository<Counter>) -> u64 {
    let write = counters.update("one", |it| it.value += 1);
    write.unwrap().into_visible().unwrap().unwrap().value
}

/// Reads outside, and swaps in a transaction that gives a stub for the number.
fn replace_in_transaction(it: &Setup) -> u64 {
    swap(&it.counters, |read, new| {
        let write = it.store.transaction(|tx| {
            // First, so that a conflict has something to take back.
            tx.insert(stub(new.value))?;
            tx.replace(read, new)
        });
        match write {
            Ok(write) => write.into_visible(),
            // Somebody has that stub already: so the swap would be too late, too.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                let now = it.counters.get("one")?.unwrap();
                Err(Error::new(ErrorKind::Conflict, "a stub is gone").with_current(now))
            }
            Err(error) => Err(error),
        }
    })
}

fn no_replace_is_lost(it: Setup) {
    let numbers = it.all_at_once(|it| replace(&it.counters));
    it.ends_right(&numbers);
}

fn no_update_is_lost(it: Setup) {
    let numbers = it.all_at_once(|it| update(&it.counters));
    it.ends_right(&numbers);
}

fn no_replace_in_a_transaction_is_lost(it: Setup) {
    let numbers = it.all_at_once(replace_in_transaction);
    assert_eq!(it.stubs.count(Query::all()).unwrap(), THREADS * EACH);
    it.ends_right(&numbers);
}

fn no_update_in_a_transaction_is_lost(it: Setup) {
    let numbers = it.all_at_once(|it| {
        let write = it.store.transaction(|tx| {
            let now = tx.update::<Counter>("one", |it| it.value += 1)?.unwrap();
            // There is one for each so far: the transactions come one after the other.
            assert_eq!(tx.count::<Stub>(Query::all())?, now.value - 1);
            tx.insert(stub(now.value))
        });
        write.unwrap().into_visible().unwrap().number
    });
    assert_eq!(it.stubs.count(Query::all()).unwrap(), THREADS * EACH);
    it.ends_right(&numbers);
}

/// In one process: each way to add one in turn, `EACH` times in all. Gives the numbers.
fn add(store: &Store) -> Vec<u64> {
    let counters = store.repository::<Counter>().unwrap();
    let ways = (0..EACH).map(|n| match n % 3 {
        0 => replace(&counters),
        1 => update(&counters),
        _ => {
            let write = store.transaction(|tx| {
                let read = tx.get::<Counter>("one")?.unwrap();
                tx.replace(&read, counter(read.value + 1))
            });
            write.unwrap().into_visible().unwrap().value
        }
    });
    ways.collect()
}

#[test]
fn two_processes_lose_nothing() {
    if let Some(db) = role() {
        let store = Store::open(format!("sqlite:{db}")).unwrap();
        store.repository::<Counter>().unwrap();
        say("ready");
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).unwrap();
        let numbers = add(&store);
        store.close().wait().unwrap();
        let numbers: Vec<String> = numbers.iter().map(u64::to_string).collect();
        return say(&numbers.join(" "));
    }
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("data.db");
    let store = Store::open(format!("sqlite:{}", db.display())).unwrap();
    let counters = store.repository::<Counter>().unwrap();
    counters.insert(counter(0)).unwrap().wait().unwrap();
    let mut peer = Peer::new(other("two_processes_lose_nothing", &db));
    peer.hears("ready");
    peer.tell("go");
    let mut numbers = add(&store);
    let theirs = peer.says();
    numbers.extend(
        theirs
            .split(' ')
            .map(|number| number.parse::<u64>().unwrap()),
    );
    peer.ends_well();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=2 * EACH).collect::<Vec<u64>>());
    assert_eq!(counters.get("one").unwrap().unwrap().value, 2 * EACH);
}
