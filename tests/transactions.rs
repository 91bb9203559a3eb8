//! Transactions through the facade: the same on every backend.
//!
//! What a backend by itself promises of them is in the conformance kit (`testkit/src/cases/`).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::needless_pass_by_value,
    missing_docs,
    reason = "a test fails by panicking"
)]

#[path = "transactions/nested.rs"]
mod nested;
#[path = "transactions/setup.rs"]
mod setup;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use larder::prelude::*;
use larder::{Collection, ErrorKind, Migrations, Query};
use nested::{
    a_nested_write_does_not_join_others_who_wait, what_is_open_is_given_while_another_thread_opens,
    whoever_waits_inside_is_told,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use setup::{Gate, Session, Setup, gate, session};

macro_rules! on_every_backend {
    ($($name:ident,)*) => {
        mod memory { $(#[test] fn $name() { super::$name(super::Setup::new("memory")); })* }
        mod json { $(#[test] fn $name() { super::$name(super::Setup::new("json")); })* }
        mod sqlite { $(#[test] fn $name() { super::$name(super::Setup::new("sqlite")); })* }
    };
}

on_every_backend![
    both_or_neither,
    a_record_that_reads_the_store_when_it_goes_is_let_go,
    a_refused_verb_changes_nothing_and_the_rest_stays,
    a_panic_takes_everything_back,
    a_nested_write_does_not_join_others_who_wait,
    what_is_open_is_given_while_another_thread_opens,
    whoever_waits_inside_is_told,
    a_closed_collection_is_named,
    the_result_is_durable_when_awaited,
    it_is_one_after_the_other,
];

fn both_or_neither(it: Setup) {
    it.store
        .transaction(|tx| {
            tx.insert(session("s", "c"))?;
            tx.insert(gate("g", "s"))
        })
        .unwrap()
        .wait()
        .unwrap();
    let before = it.sequence();
    let error = it
        .store
        .transaction(|tx| {
            tx.delete::<Session>("s")?;
            tx.save(session("s2", "c"))?;
            tx.delete::<Gate>("g")?;
            tx.insert(gate("g2", "s"))?;
            tx.insert(gate("g2", "s"))
        })
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert_eq!(error.collection(), Some("gates"));
    assert_eq!(it.sequence(), before);
    assert_eq!(it.ids(), (vec!["s".into()], vec!["g".into()]));
    let it = it.reopen();
    assert_eq!(it.ids(), (vec!["s".into()], vec!["g".into()]));
}

/// Looks at the store when it goes.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "lasts")]
struct Last {
    #[record(id)]
    id: String,
    #[serde(skip)]
    looks: Option<Looks>,
}

#[derive(Clone)]
struct Looks(Arc<dyn Fn() + Send + Sync>);

impl std::fmt::Debug for Looks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Looks")
    }
}

impl Drop for Looks {
    fn drop(&mut self) {
        (self.0)();
    }
}

fn a_record_that_reads_the_store_when_it_goes_is_let_go(it: Setup) {
    let lasts = it.store.repository::<Last>().unwrap();
    let there = lasts.clone();
    let look: Arc<dyn Fn() + Send + Sync> = Arc::new(move || {
        let _ = there.get("b");
    });
    let last = |id: &str| Last {
        id: id.into(),
        looks: Some(Looks(Arc::clone(&look))),
    };
    for id in ["a", "b", "c"] {
        let saved = lasts.save(last(id)).unwrap().wait().unwrap();
        assert!(saved.looks.is_some());
    }
    let write = it.store.transaction(|tx| {
        tx.save(last("a"))?;
        tx.delete::<Last>("b").map(drop)
    });
    write.unwrap().detach();
    let write = it.store.transaction(|tx| tx.of::<Last>()?.clear());
    assert_eq!(write.unwrap().wait().unwrap(), 2);
}

fn a_refused_verb_changes_nothing_and_the_rest_stays(it: Setup) {
    it.sessions.save(session("s", "c")).unwrap().detach();
    it.store
        .transaction(|tx| {
            tx.insert(gate("g", "s"))?;
            let all = tx.of::<Session>()?;
            // The last of three is refused, so none of them is made.
            let refused = all.save_all([session("x", "1"), session("y", "2"), session("z", "1")]);
            assert_eq!(refused.unwrap_err().kind(), ErrorKind::UniqueViolation);
            assert_eq!(all.count(Query::all())?, 1);
            assert!(all.find_one(Session::CHANNEL.is("1"))?.is_none());
            all.insert(session("w", "1"))?;
            let bad = all.save(session("", "3")).unwrap_err();
            assert_eq!(bad.kind(), ErrorKind::InvalidId);
            Ok(())
        })
        .unwrap()
        .wait()
        .unwrap();
    let it = it.reopen();
    assert_eq!(it.ids(), (vec!["s".into(), "w".into()], vec!["g".into()]));
}

fn a_panic_takes_everything_back(it: Setup) {
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _ = it.store.transaction(|tx| {
            tx.insert(session("s", "c"))?;
            assert!(tx.get::<Session>("s")?.is_none(), "on purpose");
            Ok(())
        });
    }));
    assert!(panicked.is_err());
    assert_eq!(it.ids(), (vec![], vec![]));
    // The store goes on.
    it.sessions.save(session("s", "c")).unwrap().wait().unwrap();
    it.store
        .transaction(|tx| tx.insert(gate("g", "s")))
        .unwrap()
        .wait()
        .unwrap();
}

fn a_closed_collection_is_named(it: Setup) {
    #[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Record)]
    #[record(collection = "others")]
    struct Other {
        #[record(id)]
        id: String,
    }
    let error = it
        .store
        .transaction(|tx| tx.save(Other { id: "o".into() }))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(error.collection(), Some("others"));
    assert!(error.message().contains("not open"), "{error}");
    let error = it
        .store
        .transaction(|tx| tx.collection::<Value>("gates").map(|_| ()))
        .unwrap_err();
    assert!(error.message().contains("another record type"), "{error}");
}

fn the_result_is_durable_when_awaited(it: Setup) {
    pollster::block_on(async {
        it.store
            .transaction(|tx| {
                tx.insert(session("s", "c"))?;
                tx.insert(gate("g", "s"))
            })
            .unwrap()
            .await
            .unwrap();
    });
    assert!(!it.store.health().is_dirty());
    let it = it.reopen();
    assert_eq!(it.ids(), (vec!["s".into()], vec!["g".into()]));
}

fn it_is_one_after_the_other(it: Setup) {
    it.sessions.save(session("s", "c")).unwrap().detach();
    let stop = AtomicBool::new(false);
    std::thread::scope(|threads| {
        // The sum over both collections never changes, whenever somebody looks within a transaction.
        let looking = threads.spawn(|| {
            let mut looks = 0;
            while !stop.load(Ordering::SeqCst) || looks == 0 {
                let sum = it
                    .store
                    .transaction(|tx| {
                        let turns = tx.get::<Session>("s")?.unwrap().turns;
                        Ok(u64::from(turns) == tx.count::<Gate>(Query::all())?)
                    })
                    .unwrap()
                    .into_visible()
                    .unwrap();
                assert!(sum);
                looks += 1;
            }
        });
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let it = &it;
                threads.spawn(move || {
                    for n in 0..50 {
                        it.store
                            .transaction(|tx| {
                                tx.update::<Session>("s", |s| s.turns += 1)?;
                                tx.insert(gate(&format!("{writer}-{n}"), "s"))
                            })
                            .unwrap()
                            .detach();
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.join().unwrap();
        }
        stop.store(true, Ordering::SeqCst);
        looking.join().unwrap();
    });
    assert_eq!(it.sessions.get("s").unwrap().unwrap().turns, 200);
    let it = it.reopen();
    assert_eq!(it.gates.count(Query::all()).unwrap(), 200);
}
