//! Transactions: the same on every backend.
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
use larder::{Collection, Condition, Error, ErrorKind, Migrations, Query, Target, Test};
use nested::{
    a_nested_one_is_an_error, a_nested_write_does_not_join_others_who_wait,
    what_is_open_is_given_while_another_thread_opens, whoever_waits_inside_is_told,
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
    it_sees_what_it_wrote,
    queries_see_what_it_wrote,
    others_see_nothing_before_its_end,
    a_record_that_reads_the_store_when_it_goes_is_let_go,
    errors_name_the_collection,
    a_refused_verb_changes_nothing_and_the_rest_stays,
    a_panic_takes_everything_back,
    a_nested_one_is_an_error,
    a_nested_write_does_not_join_others_who_wait,
    what_is_open_is_given_while_another_thread_opens,
    whoever_waits_inside_is_told,
    it_is_one_write,
    a_closed_collection_is_named,
    an_error_of_the_callers_own_comes_back,
    run_time_fields_stay,
    collections_without_types_take_part,
    the_result_is_durable_when_awaited,
    replace_is_about_what_the_transaction_sees,
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

fn it_sees_what_it_wrote(it: Setup) {
    it.sessions.save(session("s", "c")).unwrap().detach();
    let seen = it
        .store
        .transaction(|tx| {
            assert_eq!(tx.get::<Session>("s")?.unwrap().turns, 0);
            tx.update::<Session>("s", |s| s.turns += 1)?;
            tx.update::<Session>("s", |s| s.turns += 1)?;
            assert!(tx.update::<Session>("x", |s| s.turns += 1)?.is_none());
            assert_eq!(tx.get::<Session>("s")?.unwrap().turns, 2);
            // A unique key that was given up is free.
            tx.delete::<Session>("s")?;
            assert!(tx.get::<Session>("s")?.is_none());
            tx.insert(session("t", "c"))?;
            let taken = tx.insert(session("u", "c")).unwrap_err();
            assert_eq!(taken.kind(), ErrorKind::UniqueViolation);
            assert_eq!(taken.current::<Session>().unwrap().id, "t");
            tx.of::<Session>()?.clear()?;
            assert_eq!(tx.count::<Session>(Query::all())?, 0);
            tx.insert(session("v", "c"))?;
            tx.get::<Session>("v")
        })
        .unwrap()
        .wait()
        .unwrap();
    assert_eq!(seen.unwrap().id, "v");
    assert_eq!(it.ids().0, ["v"]);
    assert_eq!(
        it.sessions
            .find_one(Session::CHANNEL.is("c"))
            .unwrap()
            .unwrap()
            .id,
        "v"
    );
}

fn queries_see_what_it_wrote(it: Setup) {
    for (id, channel) in [("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")] {
        it.sessions.save(session(id, channel)).unwrap().detach();
    }
    let ids =
        |found: Vec<Arc<Session>>| -> Vec<String> { found.iter().map(|s| s.id.clone()).collect() };
    it.store
        .transaction(|tx| {
            tx.delete::<Session>("b")?;
            tx.update::<Session>("c", |s| s.channel = "0".into())?;
            tx.save(session("e", "5"))?;
            assert_eq!(ids(tx.find::<Session>(Query::all())?), ["a", "c", "d", "e"]);
            assert_eq!(ids(tx.find(Session::TAGS.is("t"))?), ["a", "c", "d", "e"]);
            assert_eq!(ids(tx.find(Session::TAGS.is("5"))?), ["e"]);
            assert!(tx.find_one(Session::CHANNEL.is("3"))?.is_none());
            assert_eq!(tx.find_one(Session::CHANNEL.is("0"))?.unwrap().id, "c");
            let by_channel = Query::all().order_by(Session::CHANNEL.asc()).limit(2);
            assert_eq!(ids(tx.find(by_channel.clone())?), ["c", "a"]);
            let down = Query::all().order_by(Session::CHANNEL.desc()).limit(3);
            assert_eq!(ids(tx.find(down)?), ["e", "d", "a"]);
            let range = Session::CHANNEL.range("1".to_owned()..).limit(2);
            assert_eq!(ids(tx.find(range)?), ["a", "d"]);
            let odd = Query::all().filter(|s: &Session| s.id != "d");
            assert_eq!(tx.count(odd)?, 3);
            assert_eq!(tx.count::<Session>(Query::all().limit(3))?, 3);
            let after_a = it.sessions.cursor_after(&by_channel, &session("a", "1"))?;
            assert_eq!(ids(tx.find(by_channel.after(after_a))?), ["d", "e"]);
            Ok(())
        })
        .unwrap()
        .wait()
        .unwrap();
    assert_eq!(it.ids().0, ["a", "c", "d", "e"]);
}

fn others_see_nothing_before_its_end(it: Setup) {
    it.store
        .transaction(|tx| {
            tx.insert(session("s", "c"))?;
            assert!(it.sessions.get("s")?.is_none());
            assert_eq!(it.sessions.count(Query::all())?, 0);
            std::thread::scope(|threads| {
                let other = threads.spawn(|| it.sessions.get("s").unwrap().is_none());
                assert!(other.join().unwrap());
            });
            Ok(())
        })
        .unwrap()
        .detach();
    assert!(it.sessions.get("s").unwrap().is_some());
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

fn errors_name_the_collection(it: Setup) {
    let query =
        || Query::<Session>::from(Condition::new(Target::Index("none".into()), Test::IsNone));
    it.store
        .transaction(|tx| {
            for refused in [
                tx.find(query()).map(drop),
                tx.count(query()).map(drop),
                tx.insert(session("", "c")).map(drop),
            ] {
                assert_eq!(refused.unwrap_err().collection(), Some("sessions"));
            }
            Ok(())
        })
        .unwrap()
        .detach();
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

fn it_is_one_write(it: Setup) {
    let before = it.sequence();
    let write = it
        .store
        .transaction(|tx| {
            tx.insert(session("s", "c"))?;
            tx.insert(session("t", "d"))?;
            tx.insert(gate("g", "s"))
        })
        .unwrap();
    assert_eq!(it.sequence(), before + 1);
    write.wait().unwrap();
    // One that only reads, or changes nothing, is none.
    let read = it.store.transaction(|tx| {
        tx.delete::<Gate>("nobody")?;
        tx.get::<Session>("s")
    });
    assert!(read.unwrap().wait().unwrap().is_some());
    assert_eq!(it.sequence(), before + 1);
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

fn an_error_of_the_callers_own_comes_back(it: Setup) {
    #[derive(Debug, PartialEq)]
    enum Mine {
        Refused(u8),
        Store(ErrorKind),
    }
    impl From<Error> for Mine {
        fn from(error: Error) -> Self {
            Self::Store(error.kind())
        }
    }
    let refused = it.store.try_transaction(|tx| -> Result<(), Mine> {
        tx.insert(session("s", "c"))?;
        Err(Mine::Refused(7))
    });
    assert_eq!(refused.unwrap_err(), Mine::Refused(7));
    let refused = it.store.try_transaction(|tx| -> Result<(), Mine> {
        tx.insert(session("s", "c"))?;
        tx.insert(session("s", "c"))?;
        Ok(())
    });
    assert_eq!(refused.unwrap_err(), Mine::Store(ErrorKind::AlreadyExists));
    assert_eq!(it.ids().0.len(), 0);
}

fn run_time_fields_stay(it: Setup) {
    it.store
        .transaction(|tx| {
            tx.insert(session("s", "c"))?;
            assert!(tx.get::<Session>("s")?.unwrap().live);
            tx.update::<Session>("s", |s| s.turns = 1)?;
            assert!(tx.find_one(Session::CHANNEL.is("c"))?.unwrap().live);
            // What is refused leaves them as they are.
            let mut other = session("s", "c");
            other.live = false;
            let all = tx.of::<Session>()?;
            assert!(all.save_all([other, session("x", "c")]).is_err());
            assert!(tx.get::<Session>("s")?.unwrap().live);
            Ok(())
        })
        .unwrap()
        .wait()
        .unwrap();
    assert!(it.sessions.get("s").unwrap().unwrap().live);
    let taken_back = it.store.transaction(|tx| {
        tx.update::<Session>("s", |s| s.live = false)?;
        Err::<(), _>(Error::new(ErrorKind::Internal, "on purpose"))
    });
    assert!(taken_back.is_err());
    assert!(it.sessions.get("s").unwrap().unwrap().live);
}

fn collections_without_types_take_part(it: Setup) {
    let notes = it
        .store
        .collection(Collection::<Value>::named("notes").unique("n"))
        .unwrap();
    it.store
        .transaction(|tx| {
            let notes = tx.collection::<Value>("notes")?;
            notes.save(json!({"id": "a", "n": 1}))?;
            // Of another type than before: a column that was made for numbers has to be wider.
            notes.save(json!({"id": "b", "n": "two"}))?;
            notes.save(json!({"id": "c", "n": true}))?;
            let taken = notes.save(json!({"id": "d", "n": true})).unwrap_err();
            assert_eq!(taken.kind(), ErrorKind::UniqueViolation);
            tx.insert(session("s", "c"))
        })
        .unwrap()
        .wait()
        .unwrap();
    assert_eq!(notes.count(Query::all()).unwrap(), 3);
    assert_eq!(it.sessions.count(Query::all()).unwrap(), 1);
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

fn replace_is_about_what_the_transaction_sees(it: Setup) {
    let saved = it.sessions.save(session("s", "c")).unwrap().wait().unwrap();
    it.store
        .transaction(|tx| {
            let mut next = Session::clone(&saved);
            next.turns = 1;
            let now = tx.replace(&saved, next.clone())?;
            next.turns = 2;
            let conflict = tx.replace(&saved, next.clone()).unwrap_err();
            assert_eq!(conflict.kind(), ErrorKind::Conflict);
            assert_eq!(conflict.current::<Session>().unwrap().turns, 1);
            tx.replace(&now, next)
        })
        .unwrap()
        .wait()
        .unwrap();
    assert_eq!(it.sessions.get("s").unwrap().unwrap().turns, 2);
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
