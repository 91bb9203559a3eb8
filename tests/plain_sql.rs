//! What a person with SQL sees in a store, and what the next open makes of his changes.
//!
//! Changes while the store is open are `plain_sql_live.rs`; tables that were changed themselves, and
//! files that are no stores, are `plain_sql_tables.rs`.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test says what is wrong by panicking"
)]

mod sql;

use larder::prelude::*;
use larder::{Collection, Document, ErrorKind, OnInvalid};
use rusqlite::Connection;
use serde_json::json;
use sql::{
    Bad, Db, Session, agrees, bad, doc, each, good, ids, is_the_issue, open, rejected, session,
};

/// How SQLite says that it serves a query.
fn plan(connection: &Connection, query: &str) -> String {
    let mut explain = connection
        .prepare(&format!("EXPLAIN QUERY PLAN {query}"))
        .unwrap();
    let lines = explain.query_map(["x"], |row| row.get::<_, String>(3));
    let lines: Vec<String> = lines.unwrap().map(Result::unwrap).collect();
    lines.join("\n")
}

/// The ids and the channels that a query gives.
fn pairs(connection: &Connection, query: &str, key: &str) -> Vec<(String, String)> {
    let mut select = connection.prepare(query).unwrap();
    let rows = select.query_map([key], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.unwrap().map(Result::unwrap).collect()
}

fn types(connection: &Connection) -> Vec<(String, String)> {
    let sql = "SELECT name, type FROM pragma_table_info('sessions') ORDER BY cid";
    let mut select = connection.prepare(sql).unwrap();
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.unwrap().map(Result::unwrap).collect()
}

/// What people can ask, of a store with the sessions `a` and `b` in two categories.
fn can_be_asked(db: &Db) {
    let connection = db.sql();
    let query = "SELECT id, channelId FROM sessions WHERE categoryId = ?";
    let found = pairs(&connection, query, "second");
    assert_eq!(found, [("b".to_owned(), "c-b".to_owned())]);
    for query in [
        query,
        "SELECT id FROM sessions WHERE channelId = ?",
        "SELECT id FROM sessions WHERE turn > ?",
        "SELECT id FROM sessions WHERE id = ?",
        "SELECT id FROM \"sessions.tags\" WHERE key = ?",
        "SELECT sessions.id, doc FROM \"sessions.tags\" JOIN sessions USING(id) WHERE key = ?",
    ] {
        let plan = plan(&connection, query);
        assert!(
            plan.contains("SEARCH") && plan.contains("INDEX"),
            "{query}: {plan}"
        );
        assert!(!plan.contains("SCAN"), "{query}: {plan}");
    }
    let plan = plan(&connection, query);
    assert!(
        plan.contains("USING INDEX sessions by categoryId"),
        "{plan}"
    );

    let types = types(&connection);
    for (column, wanted) in [
        ("id", "TEXT"),
        ("doc", "TEXT"),
        ("channelId", "TEXT"),
        ("categoryId", "TEXT"),
        ("turn", "INTEGER"),
        ("open", "INTEGER"),
    ] {
        let found = types.iter().find(|(name, _)| name == column);
        assert_eq!(
            found.map(|(_, kind)| kind.as_str()),
            Some(wanted),
            "{column}"
        );
    }
    let row = |sql: &str| -> Vec<String> {
        let mut select = connection.prepare(sql).unwrap();
        let rows = select.query_map([], |row| row.get::<_, String>(0));
        rows.unwrap().map(Result::unwrap).collect()
    };
    let kinds = "SELECT typeof(channelId) || ' ' || typeof(turn) || ' ' || typeof(open) || ' ' || open \
                 FROM sessions WHERE id = 'b'";
    assert_eq!(row(kinds), ["text integer integer 1"]);
    let keys = "SELECT key FROM \"sessions.tags\" WHERE id = 'b' ORDER BY key";
    assert_eq!(row(keys), ["t", "t-b"]);
    let names = "SELECT name FROM larder_collections";
    assert_eq!(row(names), ["sessions"]);
    db.is_sound();
}

fn two() -> [Session; 2] {
    let second = Session {
        category_id: "second".to_owned(),
        ..session("b")
    };
    [session("a"), second]
}

#[test]
fn typed_records_are_found_by_plain_sql() {
    let db = Db::new();
    let (store, sessions) = db.open();
    sessions.save_all(two()).unwrap().wait().unwrap();
    // While it is open, and after.
    can_be_asked(&db);
    store.close().wait().unwrap();
    can_be_asked(&db);
}

#[test]
fn records_without_a_type_are_found_by_plain_sql() {
    let db = Db::new();
    let store = db.store();
    let text = json!({"type": "string"});
    let collection = Collection::named("sessions")
        .unique("channelId")
        .index("categoryId")
        .index("turn")
        .index("open")
        .multi("tags")
        .schema(json!({"type": "object", "properties": {
            "id": text, "channelId": text, "categoryId": text, "turn": {"type": "integer"},
            "open": {"type": "boolean"}, "tags": {"type": "array", "items": text},
        }}));
    let sessions = store.collection::<Document>(collection).unwrap();
    let documents = two().map(|it| Document::parse(&serde_json::to_string(&it).unwrap()).unwrap());
    sessions.save_all(documents).unwrap().wait().unwrap();
    can_be_asked(&db);
    store.close().wait().unwrap();
    can_be_asked(&db);
}

#[test]
fn a_new_store_may_be_read_by_its_owner_only() {
    let db = Db::filled();
    if cfg!(unix) {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(db.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn a_bad_row_is_in_quarantine_at_the_next_open_with_its_bytes_and_one_issue() {
    each(
        bad(),
        |bad| &bad.sql,
        |bad| {
            let db = Db::filled();
            let before = db.rows();
            db.edit(&bad.sql);
            let (store, sessions) = db.open();
            is_the_issue(sessions.load_report().issues(), bad);
            is_the_issue(store.load_report().issues(), bad);
            assert_eq!(agrees(&sessions), bad.stay, "{}", bad.sql);
            assert_eq!(rejected(&store), [&*bad.bytes], "{}", bad.sql);
            store.close().wait().unwrap();

            let rows = db.rows();
            for (id, doc) in &before {
                let name = std::str::from_utf8(id).unwrap();
                if bad.stay.contains(&name) {
                    assert_eq!(rows.get(id), Some(doc), "{}: {name} was touched", bad.sql);
                }
            }
            db.is_sound();
            // It is told once, and kept.
            let (store, sessions) = db.open();
            assert!(sessions.load_report().is_clean(), "{}", bad.sql);
            assert_eq!(rejected(&store), [&*bad.bytes]);
            assert_eq!(agrees(&sessions), bad.stay);
        },
    );
}

#[test]
fn all_bad_rows_at_once_are_told_one_by_one() {
    let db = Db::filled();
    let schema = format!("{{\"id\":\"d\",\"turn\":\"{}\"}}", sql::SECRET);
    let edits = [
        format!("UPDATE sessions SET doc = '{schema}' WHERE id = 'd'"),
        "UPDATE sessions SET doc = 'no' WHERE id = 'c'".to_owned(),
        format!(
            "INSERT INTO sessions(id, doc) VALUES('e', '{}')",
            doc("e", "c-a")
        ),
        format!(
            "INSERT INTO sessions(id, doc) VALUES('f', '{}')",
            doc("f", "c-f")
        ),
        format!(
            "INSERT INTO sessions(id, doc) VALUES('g', '{}')",
            doc("g", "c-f")
        ),
    ];
    db.edit(&edits.join(";"));
    let (store, sessions) = db.open();
    let report = sessions.load_report();
    let told: Vec<_> = report.issues().iter().map(|issue| issue.id()).collect();
    assert_eq!(told.len(), 4);
    for id in ["c", "d", "e", "g"] {
        assert!(told.contains(&Some(id)), "{id} is not in {told:?}");
    }
    assert_eq!(agrees(&sessions), ["a", "b", "f"]);
    let mut kept = rejected(&store);
    kept.sort();
    let mut wanted = [schema, "no".to_owned(), doc("e", "c-a"), doc("g", "c-f")];
    wanted.sort();
    assert_eq!(kept, wanted.map(String::into_bytes));
    drop((store, sessions));
    db.is_sound();
}

#[test]
fn a_good_change_is_found_under_its_new_keys_at_the_next_open_and_not_under_the_old() {
    each(
        good(),
        |(sql, _)| sql,
        |(sql, there)| {
            let db = Db::filled();
            db.edit(sql);
            let docs = db.rows();
            let (store, sessions) = db.open();
            assert!(
                sessions.load_report().is_clean(),
                "{sql}: {}",
                store.load_report()
            );
            assert_eq!(agrees(&sessions), *there, "{sql}");
            assert_eq!(rejected(&store), Vec::<Vec<u8>>::new(), "{sql}");
            store.close().wait().unwrap();
            db.is_sound();
            assert_eq!(db.rows(), docs, "{sql}: a document was touched");
        },
    );
}

#[test]
fn records_whose_unique_keys_were_exchanged_both_stay() {
    let exchanged = |from: &[&str], to: &[&str]| -> String {
        let sets = from.iter().zip(to).map(|(id, channel)| {
            let doc = doc(id, &format!("c-{channel}"));
            format!("UPDATE sessions SET doc = '{doc}' WHERE id = '{id}'")
        });
        sets.collect::<Vec<_>>().join(";")
    };
    for (from, to) in [
        (&["a", "b"][..], &["b", "a"][..]),
        (&["a", "b", "c", "d"], &["b", "c", "d", "a"]),
        (&["a", "b", "c", "d"], &["d", "a", "b", "c"]),
        // One goes where another was.
        (&["a", "d"], &["d", "x"]),
        (&["d", "a"], &["a", "x"]),
    ] {
        let db = Db::filled();
        db.edit(&exchanged(from, to));
        let (store, sessions) = db.open();
        assert!(store.load_report().is_clean(), "{}", store.load_report());
        assert_eq!(agrees(&sessions), ["a", "b", "c", "d"]);
        for (id, channel) in from.iter().zip(to) {
            let channel = format!("c-{channel}");
            assert_eq!(ids(&sessions, Session::CHANNEL_ID.is(&channel)), [*id]);
        }
        drop((store, sessions));
        db.is_sound();
    }
}

#[test]
fn a_store_that_is_opened_for_reading_shows_the_right_view_and_writes_nothing() {
    each(
        bad(),
        |bad| &bad.sql,
        |bad| {
            let db = Db::filled();
            db.edit(&bad.sql);
            let before = db.files();
            for _ in 0..2 {
                let (store, sessions) = open(db.config().read_only(true));
                assert_eq!(agrees(&sessions), bad.stay, "{}", bad.sql);
                is_the_issue(sessions.load_report().issues(), bad);
                is_the_issue(store.load_report().issues(), bad);
                assert_eq!(rejected(&store), [&*bad.bytes], "{}", bad.sql);
                let refused = sessions.save(session("z")).unwrap_err();
                assert_eq!(refused.kind(), ErrorKind::ReadOnly);
                let refused = store.purge_quarantine(&[]).unwrap_err();
                assert_eq!(refused.kind(), ErrorKind::ReadOnly);
                store.close().wait().unwrap();
            }
            assert_eq!(db.files(), before, "{}", bad.sql);
        },
    );
    each(
        good(),
        |(sql, _)| sql,
        |(sql, there)| {
            let db = Db::filled();
            db.edit(sql);
            let before = db.files();
            let (store, sessions) = open(db.config().read_only(true));
            assert_eq!(agrees(&sessions), *there, "{sql}");
            assert!(store.load_report().is_clean(), "{sql}");
            drop((store, sessions));
            assert_eq!(db.files(), before, "{sql}");
        },
    );
}

#[test]
fn a_store_that_is_told_to_reject_opens_whole_or_not_at_all() {
    each(
        bad(),
        |bad| &bad.sql,
        |bad| {
            for read_only in [true, false] {
                let db = Db::filled();
                db.edit(&bad.sql);
                let before = db.files();
                let config = db.config().on_invalid(OnInvalid::Reject);
                let store = Store::open(config.read_only(read_only)).unwrap();
                let error = store.repository::<Session>().unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Rejected, "{}: {error}", bad.sql);
                assert!(!error.to_string().contains(sql::SECRET), "{error}");
                store.close().wait().unwrap();
                drop(store);
                assert_eq!(db.files(), before, "{}", bad.sql);
                // Whoever takes it as it is still gets everything.
                let (store, _sessions) = db.open();
                assert_eq!(rejected(&store), [&*bad.bytes]);
            }
        },
    );
}

#[test]
fn a_record_comes_back_from_quarantine_when_it_is_put_right() {
    let bad: Bad = bad().into_iter().find(|bad| bad.id == Some("e")).unwrap();
    let db = Db::filled();
    db.edit(&bad.sql);
    let (store, sessions) = db.open();
    let [entry] = store.quarantine().unwrap().try_into().unwrap();
    let refused = sessions.restore(&entry).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::UniqueViolation);
    sessions.delete("a").unwrap().wait().unwrap();
    sessions.restore(&entry).unwrap().wait().unwrap();
    let keys = [entry.key().to_owned()];
    assert_eq!(store.purge_quarantine(&keys).unwrap(), 1);
    drop((store, sessions));
    let (store, sessions) = db.open();
    assert_eq!(agrees(&sessions), ["b", "c", "d", "e"]);
    assert_eq!(rejected(&store), Vec::<Vec<u8>>::new());
}

/// A copy of the row `b`, under another id than the document's.
const COPY: &str = "CREATE TEMP TABLE copy AS SELECT * FROM sessions WHERE id = 'b'; \
    UPDATE copy SET id = 'e', channelId = 'c-e'; \
    INSERT INTO sessions SELECT * FROM copy";

#[test]
fn a_row_that_was_copied_with_all_its_columns_is_verified_like_others() {
    let db = Db::filled();
    db.edit(COPY);
    let (store, sessions) = db.open();
    assert_eq!(agrees(&sessions), ["a", "b", "c", "d"]);
    assert_eq!(rejected(&store).len(), 1);
    drop((store, sessions));
    db.is_sound();
}

#[test]
fn a_store_that_was_written_out_as_sql_edited_and_read_in_again_is_verified() {
    let from = Db::filled();
    let to = Db::new();
    let (source, target) = (from.sql(), to.sql());
    let texts = |sql: &str| -> Vec<String> {
        let mut select = source.prepare(sql).unwrap();
        let rows = select.query_map([], |row| row.get(0));
        rows.unwrap().map(Result::unwrap).collect()
    };
    // As the shell's `.dump` does it: tables, rows, and then everything that hangs on them.
    let objects = |kinds: &str| {
        let sql = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND type";
        texts(&format!("{sql} {kinds} ORDER BY rowid"))
    };
    let path = from.path();
    let path = path.to_str().unwrap();
    target.execute("ATTACH ?1 AS source", [path]).unwrap();
    for table in objects("= 'table'") {
        target.execute_batch(&table).unwrap();
    }
    for table in texts("SELECT name FROM sqlite_schema WHERE type = 'table'") {
        let copy = format!("INSERT INTO main.\"{table}\" SELECT * FROM source.\"{table}\"");
        target.execute_batch(&copy).unwrap();
    }
    let edit = "UPDATE main.sessions SET doc = replace(doc, '\"cat\"', '\"other\"') WHERE id = 'b'; \
                UPDATE main.sessions SET doc = replace(doc, 'c-c', 'c-a') WHERE id = 'c'";
    target.execute_batch(edit).unwrap();
    for object in objects("<> 'table'") {
        target.execute_batch(&object).unwrap();
    }
    drop((source, target));

    let (store, sessions) = to.open();
    assert_eq!(agrees(&sessions), ["a", "b", "d"]);
    assert_eq!(rejected(&store).len(), 1);
    drop((store, sessions));
    to.is_sound();
}
