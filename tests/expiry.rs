//! Expiry and retention: the same on every backend, and the same as in a naive model.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use larder::prelude::*;
use larder::{AnyRepository, Collection, Data, Error, ErrorKind, Query, Retention};
use proptest::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[path = "expiry/histories.rs"]
mod histories;
#[path = "expiry/meddler.rs"]
mod meddler;
#[path = "expiry/retention.rs"]
mod retention;

use histories::{
    purges_are_those_of_a_model, retentions_are_those_of_a_model, whatever_happens_meanwhile,
};
use meddler::Meddler;
use retention::{a_retention_is_among_all_of_a_query, the_newest_are_kept, the_young_are_kept};

/// With an index on its expiry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "codes")]
struct Code {
    #[record(id)]
    id: String,
    #[record(index, expires)]
    #[serde(rename = "t")]
    expires_at: Option<u64>,
    #[record(index)]
    group: bool,
    rank: Option<u64>,
}

/// Without one, and before the epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "leases")]
struct Lease {
    #[record(id)]
    id: String,
    #[record(expires)]
    until: i64,
    #[record(index)]
    rank: Option<u64>,
}

/// By a function.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "visits", expires = Self::ends)]
struct Visit {
    #[record(id)]
    id: String,
    seconds: Option<u64>,
}

impl Visit {
    fn ends(&self) -> Option<SystemTime> {
        self.seconds.map(|s| UNIX_EPOCH + Duration::from_secs(s))
    }
}

fn code(id: &str, expires_at: Option<u64>) -> Code {
    Code {
        id: id.into(),
        expires_at,
        group: false,
        rank: None,
    }
}

fn at(millis: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(millis)
}

/// A store of one backend.
struct Setup {
    url: String,
    store: Store,
    _dir: tempfile::TempDir,
}

impl Setup {
    fn new(scheme: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = match scheme {
            "json" => format!("json:{}?debounce=1h", dir.path().display()),
            "sqlite" => format!("sqlite:{}", dir.path().join("data.db").display()),
            _ => "memory:".to_owned(),
        };
        let store = Store::open(&url).unwrap();
        Self {
            url,
            store,
            _dir: dir,
        }
    }

    /// Closes and opens again; a store in memory stays as it is.
    fn reopen(self) -> Self {
        if self.url == "memory:" {
            return self;
        }
        self.store.close().wait().unwrap();
        let store = Store::open(&self.url).unwrap();
        Self { store, ..self }
    }

    fn codes(&self, codes: impl IntoIterator<Item = Code>) -> AnyRepository<Code> {
        let repository = self.store.repository().unwrap();
        repository.save_all(codes).unwrap().detach();
        repository
    }
}

fn ids<T: Data>(records: &[Arc<T>]) -> Vec<String> {
    let id = |record: &Arc<T>| serde_json::to_value(&**record).unwrap()["id"].clone();
    records
        .iter()
        .map(|record| id(record).as_str().unwrap().to_owned())
        .collect()
}

macro_rules! on_every_backend {
    ($($name:ident,)*) => {
        mod memory { $(#[test] fn $name() { super::$name("memory"); })* }
        mod json { $(#[test] fn $name() { super::$name("json"); })* }
        mod sqlite { $(#[test] fn $name() { super::$name("sqlite"); })* }
    };
}

on_every_backend![
    a_purge_removes_what_has_expired_and_nothing_else,
    to_the_millisecond,
    beyond_what_any_clock_shows,
    by_a_function,
    what_is_no_time_never_expires,
    an_index_serves_a_purge,
    reads_leave_out_what_has_expired_before_they_count,
    without_an_expiry_it_is_an_error,
    a_wrong_field_is_refused_at_the_open,
    the_definition_does_not_say_it,
    a_purge_is_one_write_and_durable_when_awaited,
    in_a_transaction,
    extended_meanwhile_it_stays,
    a_purge_against_threads_that_extend,
    the_newest_are_kept,
    the_young_are_kept,
    a_retention_is_among_all_of_a_query,
    purges_are_those_of_a_model,
    retentions_are_those_of_a_model,
    whatever_happens_meanwhile,
];

fn a_purge_removes_what_has_expired_and_nothing_else(scheme: &str) {
    let it = Setup::new(scheme);
    let codes = it.codes([
        code("a", Some(5)),
        code("b", Some(6)),
        code("c", None),
        code("d", Some(0)),
    ]);
    let live = codes.live(at(5)).unwrap();
    assert_eq!(ids(&live.find(Query::all()).unwrap()), ["b", "c"]);
    assert_eq!(codes.count(Query::all()).unwrap(), 4);
    let removed = codes.purge_expired(at(5)).unwrap().wait().unwrap();
    assert_eq!(ids(&removed), ["a", "d"]);
    assert_eq!(*removed[0], code("a", Some(5)));
    // A clock that went back finds nothing that has not expired by it.
    let earlier = codes.purge_expired(at(4)).unwrap().wait().unwrap();
    assert!(earlier.is_empty());
    assert_eq!(ids(&codes.find(Query::all()).unwrap()), ["b", "c"]);
}

fn to_the_millisecond(scheme: &str) {
    let it = Setup::new(scheme);
    let leases = it.store.repository::<Lease>().unwrap();
    for until in [-2, -1, 0, 1] {
        let id = format!("at {until}");
        let lease = Lease {
            id,
            until,
            rank: None,
        };
        leases.save(lease).unwrap().detach();
    }
    let nanos = Duration::from_nanos;
    for (now, live) in [
        (UNIX_EPOCH - nanos(2_000_001), 4),
        (UNIX_EPOCH - nanos(2_000_000), 3),
        (UNIX_EPOCH - nanos(1), 2),
        (UNIX_EPOCH, 1),
        (UNIX_EPOCH + nanos(999_999), 1),
        (UNIX_EPOCH + nanos(1_000_000), 0),
    ] {
        let view = leases.live(now).unwrap();
        assert_eq!(view.count(Query::all()).unwrap(), live, "{now:?}");
        assert_eq!(view.get("at 1").unwrap().is_some(), live > 0);
        let expired = leases.collection().expiry().unwrap().expired_at(now);
        assert_eq!(leases.count(expired).unwrap(), 4 - live, "{now:?}");
    }
}

fn beyond_what_any_clock_shows(scheme: &str) {
    let it = Setup::new(scheme);
    let codes = it.codes([code("a", Some(u64::MAX)), code("b", Some(1 << 63))]);
    let leases = it.store.repository::<Lease>().unwrap();
    for (id, until) in [("a", i64::MIN), ("b", i64::MAX)] {
        let id = id.into();
        leases
            .save(Lease {
                id,
                until,
                rank: None,
            })
            .unwrap()
            .detach();
    }
    let removed = leases.purge_expired(at(0)).unwrap().wait().unwrap();
    assert_eq!(ids(&removed), ["a"]);
    let far = UNIX_EPOCH + Duration::from_secs(i64::MAX.unsigned_abs() / 2);
    let before = codes.purge_expired(at(1 << 62)).unwrap().wait().unwrap();
    assert!(before.is_empty());
    let removed = codes.purge_expired(far).unwrap().wait().unwrap();
    assert_eq!(ids(&removed), ["a", "b"]);
    let old = Retention::younger_than(at(0), Duration::MAX, Lease::UNTIL);
    assert!(leases.plan_retention(&old).unwrap().is_empty());
    let old = Retention::younger_than(far, Duration::ZERO, Lease::UNTIL);
    assert_eq!(ids(&leases.plan_retention(&old).unwrap()), ["b"]);
}

fn by_a_function(scheme: &str) {
    let it = Setup::new(scheme);
    let visits = it.store.repository::<Visit>().unwrap();
    for (id, seconds) in [("a", Some(1)), ("b", Some(2)), ("c", None)] {
        let id = id.into();
        visits.save(Visit { id, seconds }).unwrap().detach();
    }
    let live = visits.live(at(1_999)).unwrap();
    assert_eq!(live.count(Query::all()).unwrap(), 2);
    let removed = visits.purge_expired(at(1_999)).unwrap().wait().unwrap();
    assert_eq!(ids(&removed), ["a"]);
    let removed = visits.purge_expired(at(2_000)).unwrap().wait().unwrap();
    assert_eq!(ids(&removed), ["b"]);
}

/// Times, and what is none, under `at.ms`.
fn odd_notes() -> Vec<Value> {
    [
        json!(1),
        json!(1.0),
        json!(-1),
        json!(1.5),
        json!("1"),
        json!(true),
        json!(null),
        json!([1]),
        json!({"a": 1}),
        json!(3),
    ]
    .into_iter()
    .enumerate()
    .map(|(n, ms)| json!({"id": n.to_string(), "at": {"ms": ms}}))
    .chain([json!({"id": "x"})])
    .collect()
}

fn what_is_no_time_never_expires(scheme: &str) {
    let collection = || Collection::<Value>::named("notes").expires_at("at.ms");
    // An index over lists takes whatever a field holds, but for objects.
    for (name, collection) in [
        ("none", collection()),
        ("multi", collection().multi("/at/ms")),
    ] {
        let it = Setup::new(scheme);
        let notes = it.store.collection(collection).unwrap();
        for note in odd_notes() {
            let object = note["at"]["ms"].is_object();
            let saved = notes.save(note);
            assert_eq!(saved.is_ok(), name == "none" || !object);
            let _ = saved.map(larder::Write::detach);
        }
        let all = notes.count(Query::all()).unwrap();
        let live = notes.live(at(2)).unwrap();
        assert_eq!(live.count(Query::all()).unwrap(), all - 3, "{name}");
        let removed = notes.purge_expired(at(2)).unwrap().wait().unwrap();
        assert_eq!(ids(&removed), ["0", "1", "2"], "{name}");
    }
}

fn an_index_serves_a_purge(scheme: &str) {
    let it = Setup::new(scheme);
    let codes = it.codes((0..100).map(|n| code(&n.to_string(), (n > 9).then_some(n))));
    let plan = |now| {
        let expired = codes.collection().expiry().unwrap().expired_at(now);
        codes.explain(expired).unwrap()
    };
    assert_eq!(plan(at(12)).index(), Some("t"));
    assert_eq!(plan(at(12)).rows_read, 3);
    // So does one that was declared by its path.
    let notes = Collection::<Value>::named("notes")
        .index("t")
        .expires_at("t");
    let notes = it.store.collection(notes).unwrap();
    let expired = notes.collection().expiry().unwrap().expired_at(at(1));
    assert_eq!(notes.explain(expired).unwrap().index(), Some("t"));
}

fn reads_leave_out_what_has_expired_before_they_count(scheme: &str) {
    let it = Setup::new(scheme);
    let codes = it.codes((0..20_u64).map(|n| Code {
        rank: Some(n * 7 % 20),
        group: n % 2 == 1,
        ..code(&format!("{n:02}"), (n % 3 != 0).then_some(n))
    }));
    let live = codes.live(at(10)).unwrap();
    // Even and live: 00 06 12 18 without an expiry, 14 16 after 10.
    let even = || Code::GROUP.is(false);
    assert_eq!(live.count(even()).unwrap(), 6);
    let by_rank = even().order_by(Code::RANK.desc());
    let all = ids(&live.find(by_rank.clone()).unwrap());
    // Their ranks are 18, 12, 6, 4, 2 and 0.
    assert_eq!(all, ["14", "16", "18", "12", "06", "00"]);
    let mut query = by_rank.limit(4);
    let first = live.page(query.clone()).unwrap();
    assert_eq!(ids(&first.records), all[..4]);
    query = query.after(first.next.unwrap());
    let second = live.page(query).unwrap();
    assert_eq!(ids(&second.records), all[4..]);
    assert!(second.next.is_none());
    let first = live.find_first(Code::GROUP.is(true)).unwrap().unwrap();
    assert_eq!(first.id, "03");
    assert!(live.get("05").unwrap().is_none());
    assert!(live.get("11").unwrap().is_some());
    assert!(live.get("nobody").unwrap().is_none());
    let plan = live.explain(even()).unwrap();
    assert_eq!((plan.index(), plan.rows_read), (Some("group"), 10));
}

fn without_an_expiry_it_is_an_error(scheme: &str) {
    let it = Setup::new(scheme);
    let plain = Collection::<Value>::named("plain");
    let plain = it.store.collection(plain).unwrap();
    plain.save(json!({"id": "a"})).unwrap().detach();
    let error = plain.purge_expired(at(1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(error.collection(), Some("plain"));
    assert_eq!(error.operation(), Some("purge_expired"));
    let error = plain.live(at(1)).unwrap_err();
    assert_eq!(
        (error.kind(), error.operation()),
        (ErrorKind::Config, Some("live"))
    );
    assert_eq!(plain.count(Query::all()).unwrap(), 1);
}

fn a_wrong_field_is_refused_at_the_open(scheme: &str) {
    let it = Setup::new(scheme);
    let wrong = Collection::<Value>::named("wrong").expires_at("/a~2");
    let error = it.store.collection(wrong).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(error.collection(), Some("wrong"));
    let notes = it
        .store
        .collection(Collection::<Value>::named("notes"))
        .unwrap();
    let wrong = Retention::younger_than(at(1), Duration::ZERO, "/a~2");
    let error = notes.plan_retention(&wrong).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidQuery);
}

fn the_definition_does_not_say_it(scheme: &str) {
    let it = Setup::new(scheme);
    let notes = || Collection::<Value>::named("notes").index("t");
    let saved = it.store.collection(notes().expires_at("t")).unwrap();
    saved.save(json!({"id": "a"})).unwrap().wait().unwrap();
    drop(saved);
    let with = it.store.definition("notes").unwrap();
    assert_eq!(with, notes().definition().unwrap());
    let it = it.reopen();
    let saved = it.store.collection(notes().expires_at("u")).unwrap();
    saved.save(json!({"id": "b"})).unwrap().wait().unwrap();
    assert_eq!(it.store.definition("notes").unwrap(), with);
}

fn a_purge_is_one_write_and_durable_when_awaited(scheme: &str) {
    let it = Setup::new(scheme);
    let codes = it.codes((0..5).map(|n| code(&n.to_string(), Some(n))));
    let before = it.store.health().applied;
    let write = codes.purge_expired(at(2)).unwrap();
    assert_eq!(it.store.health().applied, before + 1);
    assert_eq!(write.wait().unwrap().len(), 3);
    assert!(!it.store.health().is_dirty());
    // One that finds nothing is none.
    codes.purge_expired(at(2)).unwrap().wait().unwrap();
    assert_eq!(it.store.health().applied, before + 1);
    drop(codes);
    let it = it.reopen();
    assert_eq!(ids(&it.codes([]).find(Query::all()).unwrap()), ["3", "4"]);
}

fn in_a_transaction(scheme: &str) {
    let it = Setup::new(scheme);
    let codes = it.codes((0..6).map(|n| Code {
        rank: Some(n),
        ..code(&n.to_string(), Some(n))
    }));
    let refused = it.store.transaction(|tx| {
        assert_eq!(tx.of::<Code>()?.purge_expired(at(9))?.len(), 6);
        Err::<(), _>(Error::new(ErrorKind::Internal, "on purpose"))
    });
    assert!(refused.is_err());
    let removed = it
        .store
        .transaction(|tx| {
            let codes = tx.of::<Code>()?;
            // It sees what the transaction wrote.
            codes.save(code("0", Some(100)))?;
            codes.save(code("new", Some(1)))?;
            assert!(codes.purge_expired(at(0))?.is_empty());
            let expired = codes.purge_expired(at(1))?;
            let live = Code::expiry().expect("derived").live_at(at(2));
            assert_eq!(codes.count(live)?, 4);
            let newest = Retention::newest(2, Code::RANK);
            Ok((expired, codes.retain(&newest)?))
        })
        .unwrap()
        .wait()
        .unwrap();
    assert_eq!(ids(&removed.0), ["1", "new"]);
    assert_eq!(ids(&removed.1), ["3", "2"]);
    assert_eq!(ids(&codes.find(Query::all()).unwrap()), ["0", "4", "5"]);
}

fn extended_meanwhile_it_stays(scheme: &str) {
    let it = Setup::new(scheme);
    let codes = it.codes((0..4).map(|n| code(&n.to_string(), Some(n))));
    let meddler = Meddler::new(codes.clone(), move |codes| {
        codes
            .update("1", |code| code.expires_at = Some(50))
            .unwrap()
            .detach();
        codes.delete("2").unwrap().detach();
        codes.save(code("new", Some(1))).unwrap().detach();
    });
    let removed = meddler.purge_expired(at(3)).unwrap().wait().unwrap();
    assert_eq!(ids(&removed), ["0", "3", "new"]);
    assert_eq!(ids(&codes.find(Query::all()).unwrap()), ["1"]);
    assert_eq!(codes.get("1").unwrap().unwrap().expires_at, Some(50));
}

fn a_purge_against_threads_that_extend(scheme: &str) {
    const RECORDS: usize = 60;
    let it = Setup::new(scheme);
    let codes = it.codes((0..RECORDS).map(|n| code(&n.to_string(), Some(1))));
    let done = AtomicBool::new(false);
    let (extended, removed) = std::thread::scope(|threads| {
        let extending = threads.spawn(|| {
            let extend = |n: &usize| {
                let extended = codes
                    .update(&n.to_string(), |code| code.expires_at = Some(9))
                    .unwrap();
                extended.into_visible().unwrap().is_some()
            };
            let extended: Vec<usize> = (0..RECORDS).rev().filter(extend).collect();
            done.store(true, Ordering::SeqCst);
            extended
        });
        let purging = threads.spawn(|| {
            let mut removed = Vec::new();
            loop {
                let last = done.load(Ordering::SeqCst);
                let purged = codes.purge_expired(at(1)).unwrap().into_visible().unwrap();
                removed.extend(ids(&purged).iter().map(|id| id.parse::<usize>().unwrap()));
                if last {
                    return removed;
                }
            }
        });
        (extending.join().unwrap(), purging.join().unwrap())
    });
    // Each was extended and is there, or was removed once and is gone.
    let there = codes.find(Query::all()).unwrap();
    assert!(there.iter().all(|code| code.expires_at == Some(9)));
    assert_eq!(there.len(), extended.len());
    let mut all = [extended, removed].concat();
    all.sort_unstable();
    assert!(all.iter().copied().eq(0..RECORDS));
}
