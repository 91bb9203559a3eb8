//! Plain SQL on a store's database while the store is open: the next read or write sees it, verified.
//!
//! Changes while it is closed are `plain_sql.rs`.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test says what is wrong by panicking"
)]

mod sql;

use larder::prelude::*;
use larder::{AnyRepository, ErrorKind, Query};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sql::{
    Bad, Db, Session, agrees, bad, doc, each, good, ids, is_the_issue, open, rejected, session,
};

/// Every id and channel that there is in some test.
const NAMES: [&str; 9] = ["", "a", "a0", "b", "bb", "c", "d", "e", "x"];

type Verb = fn(&AnyRepository<Session>, &[&str]);

/// What may be the first to meet a changed row, and what it must say.
const VERBS: [(&str, Verb); 8] = [
    ("find", |sessions, there| {
        assert_eq!(ids(sessions, Query::all()), there);
    }),
    ("find with a filter", |sessions, there| {
        assert_eq!(ids(sessions, Query::all().filter(|_| true)), there);
    }),
    ("count", |sessions, there| {
        let counted = sessions.count(Query::all()).unwrap();
        assert_eq!(counted, there.len() as u64);
    }),
    ("get", |sessions, there| {
        for id in NAMES {
            let found = sessions.get(id).unwrap();
            assert_eq!(found.is_some(), there.contains(&id), "get {id:?}");
        }
    }),
    ("find by a key", |sessions, there| {
        let found = ids(sessions, Session::CATEGORY_ID.any_of(["cat", "other"]));
        assert_eq!(found, there);
    }),
    ("find by a key of a list", |sessions, there| {
        let found = ids(sessions, Session::TAGS.any_of(["t", "new"]));
        assert_eq!(found, there);
    }),
    ("explain", |sessions, _| {
        assert_eq!(
            sessions.explain(Session::TURN.is(1)).unwrap().index(),
            Some("turn")
        );
    }),
    ("update", |sessions, there| {
        for id in NAMES {
            let updated = sessions.update(id, |session| session.note = None);
            let updated = updated.unwrap().wait().unwrap();
            assert_eq!(updated.is_some(), there.contains(&id), "update {id:?}");
        }
    }),
];

#[test]
fn a_bad_row_is_out_of_the_view_at_the_next_call_whichever_that_is() {
    each(
        bad(),
        |bad| &bad.sql,
        |bad| {
            for (verb, call) in VERBS {
                let db = Db::filled();
                let (store, sessions) = db.open();
                assert_eq!(sessions.count(Query::all()).unwrap(), 4);
                db.edit(&bad.sql);
                call(&sessions, &bad.stay);
                assert_eq!(agrees(&sessions), bad.stay, "after {verb}");
                is_the_issue(store.load_report().issues(), bad);
                assert_eq!(rejected(&store), [&*bad.bytes], "after {verb}");
                drop((store, sessions));
                db.is_sound();
            }
        },
    );
}

#[test]
fn a_good_change_is_seen_at_the_next_call_whichever_that_is() {
    each(
        good(),
        |(sql, _)| sql,
        |(sql, there)| {
            for (verb, call) in VERBS {
                let db = Db::filled();
                let (store, sessions) = db.open();
                assert_eq!(sessions.count(Query::all()).unwrap(), 4);
                db.edit(sql);
                call(&sessions, there);
                assert_eq!(agrees(&sessions), *there, "after {verb}");
                assert!(store.load_report().is_clean(), "after {verb}");
                drop((store, sessions));
                db.is_sound();
            }
        },
    );
}

#[test]
fn a_write_beside_a_bad_row_moves_it_away_and_is_made() {
    each(
        bad(),
        |bad| &bad.sql,
        |bad| {
            let db = Db::filled();
            let (store, sessions) = db.open();
            db.edit(&bad.sql);
            sessions.save(session("x")).unwrap().wait().unwrap();
            let mut there = bad.stay.clone();
            there.push("x");
            assert_eq!(agrees(&sessions), there);
            is_the_issue(store.load_report().issues(), bad);
            assert_eq!(rejected(&store), [&*bad.bytes]);
        },
    );
}

type Write = fn(&AnyRepository<Session>) -> larder::Result<()>;

/// Writes to the very row that went bad, and whether the record is there then.
const OVER: [(&str, Write, bool); 6] = [
    ("save", |it| it.save(session("b"))?.wait().map(drop), true),
    (
        "insert",
        |it| it.insert(session("b"))?.wait().map(drop),
        true,
    ),
    (
        "save_all",
        |it| it.save_all([session("x"), session("b")])?.wait().map(drop),
        true,
    ),
    (
        "delete",
        |it| {
            assert!(it.delete("b")?.wait()?.is_none(), "it was not in the view");
            Ok(())
        },
        false,
    ),
    (
        "replace",
        |it| {
            let read = std::sync::Arc::new(session("b"));
            let refused = it.replace(&read, session("b")).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::Conflict);
            Ok(())
        },
        false,
    ),
    (
        "clear",
        |it| {
            assert_eq!(it.clear()?.wait()?, 3);
            Ok(())
        },
        false,
    ),
];

#[test]
fn what_is_written_over_a_bad_row_does_not_destroy_it() {
    let over_b = bad()
        .into_iter()
        .filter(|bad| bad.id == Some("b") && bad.stay.len() == 3);
    each(
        over_b,
        |bad| &bad.sql,
        |bad| {
            for (write, call, is_there) in OVER {
                let db = Db::filled();
                let (store, sessions) = db.open();
                db.edit(&bad.sql);
                call(&sessions).unwrap_or_else(|error| panic!("{write}: {error:?}"));
                let there = agrees(&sessions);
                assert_eq!(there.iter().any(|id| id == "b"), is_there, "{write}");
                assert_eq!(rejected(&store), [&*bad.bytes], "{write}");
                is_the_issue(store.load_report().issues(), bad);
                drop((store, sessions));
                db.is_sound();
            }
        },
    );
}

#[test]
fn unique_keys_are_those_of_the_changed_rows() {
    let db = Db::filled();
    let (_store, sessions) = db.open();
    let doc = doc("b", "c-z");
    db.edit(&format!("UPDATE sessions SET doc = '{doc}' WHERE id = 'b'"));
    let with = |id: &str, channel: &str| Session {
        channel_id: channel.to_owned(),
        ..session(id)
    };
    let refused = sessions.save(with("x", "c-z")).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::UniqueViolation);
    assert_eq!(refused.current::<Session>().unwrap().id, "b");
    sessions.save(with("y", "c-b")).unwrap().wait().unwrap();
    assert_eq!(agrees(&sessions), ["a", "b", "c", "d", "y"]);
}

#[test]
fn a_row_that_others_replaced_by_its_key_leaves_nothing_in_the_way() {
    let db = Db::filled();
    let (_store, sessions) = db.open();
    // The record `b` goes, as SQLite replaces rows: without a word to triggers.
    let doc = doc("e", "c-b");
    db.edit(&format!(
        "INSERT OR REPLACE INTO sessions(id, doc, channelId) VALUES('e', '{doc}', 'c-b')"
    ));
    let again = Session {
        channel_id: "c-again".to_owned(),
        tags: vec!["t-b".to_owned(), "else".to_owned()],
        ..session("b")
    };
    sessions.save(again).unwrap().wait().unwrap();
    assert_eq!(agrees(&sessions), ["a", "b", "c", "d", "e"]);
    db.is_sound();
}

#[test]
fn what_others_have_not_committed_is_not_seen_and_a_write_waits_for_them() {
    let db = Db::filled();
    let (_store, sessions) = db.open();
    let other = db.sql();
    let doc = doc("b", "c-z");
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let update = "UPDATE sessions SET doc = ?1 WHERE id = 'b'";
    other.execute(update, [&doc]).unwrap();
    assert_eq!(*sessions.get("b").unwrap().unwrap(), session("b"));
    assert_eq!(agrees(&sessions), ["a", "b", "c", "d"]);
    std::thread::scope(|scope| {
        let write = scope.spawn(|| sessions.update("b", |session| session.turn = 3)?.wait());
        other.execute_batch("COMMIT").unwrap();
        let written = write.join().unwrap().unwrap().unwrap();
        assert_eq!((&*written.channel_id, written.turn), ("c-z", 3));
    });
    assert_eq!(agrees(&sessions), ["a", "b", "c", "d"]);
}

#[test]
fn a_store_that_is_open_for_reading_sees_changes_too_and_writes_nothing() {
    each(
        bad(),
        |bad| &bad.sql,
        |bad| {
            for (verb, call) in &VERBS[..7] {
                let db = Db::filled();
                let (store, sessions) = open(db.config().read_only(true));
                assert_eq!(sessions.count(Query::all()).unwrap(), 4);
                db.edit(&bad.sql);
                let before = db.files();
                call(&sessions, &bad.stay);
                assert_eq!(agrees(&sessions), bad.stay, "after {verb}");
                assert_eq!(rejected(&store), [&*bad.bytes], "after {verb}");
                is_the_issue(store.load_report().issues(), bad);
                drop((store, sessions));
                assert_eq!(db.files(), before, "after {verb}");
            }
        },
    );
    each(
        good(),
        |(sql, _)| sql,
        |(sql, there)| {
            let db = Db::filled();
            let (store, sessions) = open(db.config().read_only(true));
            db.edit(sql);
            assert_eq!(agrees(&sessions), *there);
            assert!(store.load_report().is_clean());
            // And back: what was bad or unknown is so no longer.
            let (writer, written) = db.open();
            assert_eq!(agrees(&written), *there);
            written.save(session("x")).unwrap().wait().unwrap();
            let mut with_x = there.to_vec();
            with_x.push("x");
            assert_eq!(agrees(&sessions), with_x);
            drop((writer, written));
            assert_eq!(agrees(&sessions), with_x);
        },
    );
}

/// A record with a field that is never on disk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "jobs", version = 1)]
struct Job {
    #[record(id)]
    id: String,
    #[record(unique)]
    name: String,
    #[record(index)]
    state: String,
    #[serde(skip)]
    running: u32,
}

fn job(id: &str, running: u32) -> Job {
    Job {
        id: id.to_owned(),
        name: format!("n-{id}"),
        state: "new".to_owned(),
        running,
    }
}

fn jobs(store: &Store) -> AnyRepository<Job> {
    store.repository().unwrap()
}

/// What every way of reading says of a job's run-time field.
#[track_caller]
fn running(jobs: &AnyRepository<Job>, id: &str) -> u32 {
    let got = jobs.get(id).unwrap().unwrap();
    let name = got.name.clone();
    let found = [
        jobs.find_one(Job::NAME.is(&name)).unwrap().unwrap(),
        jobs.find(Query::all().filter({
            let id = id.to_owned();
            move |job: &Job| job.id == id
        }))
        .unwrap()
        .remove(0),
    ];
    for other in found {
        assert_eq!(other, got);
    }
    got.running
}

#[test]
fn run_time_fields_are_there_while_the_store_is_open_and_reset_afterwards() {
    let db = Db::new();
    let store = db.store();
    let kept = jobs(&store);
    let saved = kept.save(job("a", 1)).unwrap();
    assert_eq!(running(&kept, "a"), 1);
    assert_eq!(saved.wait().unwrap().running, 1);
    assert_eq!(running(&kept, "a"), 1);
    // The same JSON with another field beside it.
    kept.save(job("a", 2)).unwrap().wait().unwrap();
    assert_eq!(running(&kept, "a"), 2);
    kept.update("a", |job| job.running += 1).unwrap().detach();
    assert_eq!(running(&kept, "a"), 3);
    let read = kept.get("a").unwrap().unwrap();
    kept.replace(&read, job("a", 4)).unwrap().wait().unwrap();
    assert_eq!(running(&kept, "a"), 4);
    // A write that is refused changes nothing, here neither.
    let twin = Job {
        name: "n-a".to_owned(),
        ..job("b", 9)
    };
    let refused = kept.save_all([job("a", 5), twin]).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::UniqueViolation);
    assert_eq!(running(&kept, "a"), 4);
    kept.insert(job("a", 6)).unwrap_err();
    assert_eq!(running(&kept, "a"), 4);
    // Another handle on the same collection knows, too.
    assert_eq!(running(&jobs(&store.clone()), "a"), 4);
    // Gone is gone.
    kept.delete("a").unwrap().wait().unwrap();
    kept.save(job("a", 0)).unwrap().wait().unwrap();
    assert_eq!(running(&kept, "a"), 0);

    kept.save(job("a", 7)).unwrap().wait().unwrap();
    assert_eq!(running(&kept, "a"), 7);
    store.close().wait().unwrap();
    drop((store, kept));
    assert_eq!(running(&jobs(&db.store()), "a"), 0);
}

#[test]
fn run_time_fields_are_lost_when_somebody_else_writes_the_record() {
    let db = Db::new();
    let store = db.store();
    let kept = jobs(&store);
    kept.save_all([job("a", 1), job("b", 2)])
        .unwrap()
        .wait()
        .unwrap();
    db.edit("UPDATE jobs SET doc = replace(doc, 'new', 'done') WHERE id = 'a'");
    let changed = kept.get("a").unwrap().unwrap();
    assert_eq!((&*changed.state, changed.running), ("done", 0));
    assert_eq!((running(&kept, "a"), running(&kept, "b")), (0, 2));
    // As another process that has the store open would.
    let other = db.store();
    let others = jobs(&other);
    assert_eq!(running(&others, "b"), 0);
    let save = others.update("b", |job| "done".clone_into(&mut job.state));
    save.unwrap().wait().unwrap();
    assert_eq!(running(&kept, "b"), 0);
    kept.save(job("b", 3)).unwrap().wait().unwrap();
    assert_eq!((running(&kept, "b"), running(&others, "b")), (3, 0));
}

#[test]
fn an_issue_is_told_once_however_often_the_row_goes_bad() {
    let db = Db::filled();
    let (store, sessions) = db.open();
    let bad: Vec<Bad> = bad();
    for (round, bad) in bad[..3].iter().enumerate() {
        db.edit(&bad.sql);
        assert_eq!(agrees(&sessions), bad.stay);
        assert_eq!(store.load_report().issues().len(), round + 1);
        sessions.save(session("b")).unwrap().wait().unwrap();
        assert_eq!(agrees(&sessions), ["a", "b", "c", "d"]);
    }
    assert_eq!(store.quarantine().unwrap().len(), 3);
}
