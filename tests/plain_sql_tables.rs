//! Tables that are not as a program left them: another index set, another schema, dropped triggers
//! and indexes. The next open makes of them what it needs, and no record is lost.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test says what is wrong by panicking"
)]

mod sql;

use std::collections::BTreeSet;
use std::sync::Arc;

use larder::prelude::*;
use larder::{
    AnyRepository, Collection, Condition, Document, ErrorKind, IssueKind, Key, OnInvalid, Query,
    Target, Test,
};
use serde_json::{Value, json};
use sql::{Db, SECRET, agrees, bad, count, doc, each, integrity, is_the_issue, rejected, session};

type Set = fn(Collection<Document>) -> Collection<Document>;

/// Index sets that programs may have, over the same records.
const SETS: [(&str, Set); 10] = [
    ("none", |it| it),
    ("one", |it| it.index("category")),
    ("unique", |it| it.unique("channel").index("category")),
    ("turned", |it| it.index("category").unique("channel")),
    ("more", |it| {
        it.unique("channel")
            .index("category")
            .index("turn")
            .index("a.b")
    }),
    ("list", |it| it.multi("tags").index("turn")),
    ("compound", |it| {
        it.compound(&["category", "turn"])
            .index("turn")
            .multi("tags")
    }),
    ("unique over two", |it| {
        it.compound_unique(&["category", "turn"])
    }),
    ("unique with conflicts", |it| {
        it.unique("category").multi("tags")
    }),
    ("not unique any more", |it| it.index("channel").index("id")),
];

fn collection(set: Set) -> Collection<Document> {
    set(Collection::named("notes"))
}

fn open(db: &Db, set: Set) -> (Store, AnyRepository<Document>) {
    let store = db.store();
    let notes = store.collection(collection(set));
    (store, notes.unwrap_or_else(|error| panic!("{error:?}")))
}

fn parse(value: &Value) -> Document {
    Document::parse(&value.to_string()).unwrap()
}

fn notes() -> Vec<Value> {
    let note = |n: u32| {
        let mut note = json!({
            "id": format!("r{n:02}"),
            "channel": format!("c{}", (n * 7) % 40),
            "category": format!("cat{}", n % 5),
            "tags": (0..n % 4).map(|tag| format!("t{tag}")).collect::<Vec<_>>(),
            "a": {"b": n.is_multiple_of(3)},
        });
        // Some have no turn, some have none that counts.
        if n % 6 == 1 {
            note["turn"] = Value::Null;
        } else if n % 6 > 1 {
            note["turn"] = json!(n / 4);
        }
        note
    };
    (0..40).map(note).collect()
}

fn id(note: &Value) -> String {
    note["id"].as_str().unwrap().to_owned()
}

/// The keys of a record in an index.
fn keys(note: &Value, paths: &[String], multi: bool) -> Vec<Key> {
    let at = |path: &str| note.pointer(path).cloned().unwrap_or_default();
    match paths {
        [one] if multi => match at(one) {
            Value::Array(elements) if !elements.is_empty() => {
                let keys = elements.iter().map(|it| Key::from_json(it).unwrap());
                keys.collect::<BTreeSet<_>>().into_iter().collect()
            }
            _ => vec![Key::None],
        },
        [one] => vec![Key::from_json(&at(one)).unwrap()],
        several => {
            let parts = several
                .iter()
                .map(|path| Key::from_json(&at(path)).unwrap());
            vec![Key::Compound(parts.collect::<Arc<[Key]>>())]
        }
    }
}

/// What stays of these records, and what does not.
fn survivors(set: Set, notes: &[Value]) -> (Vec<Value>, Vec<Value>) {
    let definition = collection(set).definition().unwrap();
    let (mut stay, mut go): (Vec<Value>, Vec<Value>) = (Vec::new(), Vec::new());
    let unique: Vec<_> = definition.indexes.iter().filter(|it| it.unique).collect();
    for note in notes {
        let taken = unique.iter().any(|index| {
            let key = &keys(note, &index.fields, false)[0];
            let others = stay.iter().map(|it| keys(it, &index.fields, false));
            key.is_enforced() && others.into_iter().any(|other| other[0] == *key)
        });
        if taken { &mut go } else { &mut stay }.push(note.clone());
    }
    (stay, go)
}

/// That exactly these records are there, and that every index finds them.
#[track_caller]
fn holds(records: &AnyRepository<Document>, wanted: &[Value]) {
    let found = records.find(Query::all()).unwrap();
    let found: Vec<Value> = found.iter().map(|it| it.value()).collect();
    assert_eq!(found, wanted);
    for index in records.collection().indexes() {
        let paths: Vec<String> = index.paths().iter().map(ToString::to_string).collect();
        let of = |note: &Value| keys(note, &paths, index.is_multi());
        let all: BTreeSet<Key> = wanted.iter().flat_map(of).collect();
        for key in all {
            let query = Condition::new(
                Target::Index(index.name().to_owned().into()),
                Test::Is(key.clone()),
            );
            let found = records.find(query.clone()).unwrap();
            let found: Vec<String> = found.iter().map(|it| id(&it.value())).collect();
            let right = wanted.iter().filter(|note| of(note).contains(&key));
            let right: Vec<String> = right.map(id).collect();
            assert_eq!(found, right, "{query} in {}", index.name());
            assert_eq!(records.count(query.clone()).unwrap(), right.len() as u64);
            assert_eq!(records.explain(query).unwrap().index(), Some(index.name()));
        }
    }
}

/// That the tables are what the index set needs, and no more.
#[track_caller]
fn has_tables_for(db: &Db, set: Set) {
    let connection = db.sql();
    assert_eq!(integrity(&connection), "ok");
    let definition = collection(set).definition().unwrap();
    let columns = definition.indexes.iter().filter(|it| !it.multi);
    let columns: usize = columns.map(|it| it.fields.len()).sum();
    let table = count(&connection, "FROM pragma_table_info('notes')");
    assert_eq!(table, 3 + i64::try_from(columns).unwrap());
    let lists = definition.indexes.iter().filter(|it| it.multi).count();
    let sql = "FROM sqlite_schema WHERE type = 'table' AND name GLOB 'notes.*'";
    assert_eq!(count(&connection, sql), i64::try_from(lists).unwrap());
    assert_eq!(count(&connection, "FROM notes WHERE larder = 0"), 0);
    if lists > 0 {
        let orphans = "FROM \"notes.tags\" WHERE id NOT IN (SELECT id FROM notes)";
        assert_eq!(count(&connection, orphans), 0, "keys without a record");
    }
}

#[test]
fn a_program_with_another_index_set_finds_the_same_records() {
    let pairs = SETS
        .iter()
        .flat_map(|from| SETS.iter().map(move |to| (from, to)));
    let pairs = pairs.map(|(from, to)| (format!("from {} to {}", from.0, to.0), from.1, to.1));
    each(
        pairs,
        |(name, ..)| name,
        |(_, from, to)| {
            let db = Db::new();
            let (stay, _) = survivors(*from, &notes());
            let (store, records) = open(&db, *from);
            records
                .save_all(stay.iter().map(parse))
                .unwrap()
                .wait()
                .unwrap();
            holds(&records, &stay);
            store.close().wait().unwrap();
            has_tables_for(&db, *from);

            let (stay, go) = survivors(*to, &stay);
            let (store, records) = open(&db, *to);
            holds(&records, &stay);
            let report = records.load_report();
            assert_eq!(report.count_of(IssueKind::UniqueViolation), go.len());
            assert_eq!(report.dropped(), go.len());
            let kept: BTreeSet<Vec<u8>> = rejected(&store).into_iter().collect();
            let wanted = go.iter().map(|it| it.to_string().into_bytes());
            assert_eq!(kept, wanted.collect());
            let definition = collection(*to).definition().unwrap();
            assert_eq!(store.definition("notes").unwrap(), definition);
            // And goes on from there.
            records.delete("r00").unwrap().wait().unwrap();
            holds(&records, &stay[1..]);
            records.save(parse(&stay[0])).unwrap().wait().unwrap();
            holds(&records, &stay);
            store.close().wait().unwrap();
            has_tables_for(&db, *to);
        },
    );
}

#[test]
fn one_store_goes_through_all_index_sets_with_changes_in_between() {
    let db = Db::new();
    let mut there = notes();
    let (store, records) = open(&db, SETS[2].1);
    records
        .save_all(there.iter().map(parse))
        .unwrap()
        .wait()
        .unwrap();
    drop((store, records));
    for (round, (_, set)) in SETS.iter().chain(SETS[..8].iter().rev()).enumerate() {
        // A row of the other program's while nobody looks.
        let new =
            json!({"id": format!("s{round:02}"), "channel": format!("s{round}"), "tags": ["t0"]});
        db.edit(&format!(
            "INSERT INTO notes(id, doc) VALUES('{}', '{new}'); \
             UPDATE notes SET doc = json_set(doc, '$.turn', {round}) WHERE id = 'r03'",
            id(&new)
        ));
        there.push(new);
        let changed = there.iter_mut().find(|note| note["id"] == "r03");
        if let Some(changed) = changed {
            changed["turn"] = json!(round);
        }
        (there, _) = survivors(*set, &there);
        let (store, records) = open(&db, *set);
        holds(&records, &there);
        drop((store, records));
        has_tables_for(&db, *set);
    }
}

#[test]
fn other_indexes_are_no_matter_to_who_only_reads() {
    for (_, from) in SETS {
        for (_, to) in SETS {
            let db = Db::new();
            let (stay, _) = survivors(from, &notes());
            let (store, records) = open(&db, from);
            records
                .save_all(stay.iter().map(parse))
                .unwrap()
                .wait()
                .unwrap();
            store.close().wait().unwrap();
            drop((store, records));
            let before = db.files();
            let store = Store::open(db.config().read_only(true)).unwrap();
            let records = store.collection(collection(to)).unwrap();
            let (stay, go) = survivors(to, &stay);
            holds(&records, &stay);
            assert_eq!(rejected(&store).len(), go.len());
            drop((store, records));
            assert_eq!(db.files(), before);
        }
    }
}

fn with_schema(version: u32, schema: &Value) -> Collection<Document> {
    let collection = Collection::named("notes")
        .unique("channel")
        .index("category");
    collection
        .multi("tags")
        .with_version(version)
        .schema(schema.clone())
}

#[test]
fn a_program_with_another_schema_finds_what_is_invalid_in_quarantine() {
    let text = json!({"properties": {"category": {"type": "string"}, "tags": {"items": {"type": "string"}}}});
    let strict =
        json!({"required": ["turn"], "properties": {"turn": {"type": "integer"}, "a": true}});
    let wide = json!({"properties": {"category": {"type": ["string", "integer"]}}});
    let number = json!({"properties": {"category": {"type": "integer"}}});
    let schemas = [&text, &strict, &wide, &number];
    for from in [&text, &wide, &json!({})] {
        for (to, on_invalid) in schemas
            .into_iter()
            .flat_map(|it| [(it, OnInvalid::Drop), (it, OnInvalid::Reject)])
        {
            let db = Db::new();
            let mut all = notes();
            for note in &mut all {
                note["note"] = json!(SECRET);
            }
            let store = db.store();
            let records = store.collection(with_schema(1, from)).unwrap();
            records
                .save_all(all.iter().map(parse))
                .unwrap()
                .wait()
                .unwrap();
            store.close().wait().unwrap();
            drop((store, records));
            let before = db.files();
            let valid = |note: &Value| match () {
                () if *to == strict => note["turn"].is_u64(),
                () => *to != number,
            };
            let (stay, go): (Vec<_>, Vec<_>) = all.into_iter().partition(valid);

            let reader = Store::open(db.config().read_only(true)).unwrap();
            holds(&reader.collection(with_schema(1, to)).unwrap(), &stay);
            drop(reader);
            assert_eq!(db.files(), before);

            let store = Store::open(db.config().on_invalid(on_invalid)).unwrap();
            let opened = store.collection(with_schema(1, to));
            if on_invalid == OnInvalid::Reject && !go.is_empty() {
                assert_eq!(opened.unwrap_err().kind(), ErrorKind::Rejected);
                store.close().wait().unwrap();
                drop(store);
                assert_eq!(db.files(), before);
                continue;
            }
            let records = opened.unwrap();
            holds(&records, &stay);
            let dropped = records.load_report().count_of(IssueKind::Schema);
            assert_eq!(dropped, go.len());
            let kept: BTreeSet<Vec<u8>> = rejected(&store).into_iter().collect();
            assert_eq!(
                kept,
                go.iter().map(|it| it.to_string().into_bytes()).collect()
            );
            store.close().wait().unwrap();
            drop((store, records));
            // Known to be good from now on.
            let records = db.store().collection(with_schema(1, to)).unwrap();
            assert!(records.load_report().is_clean());
            holds(&records, &stay);
        }
    }
}

#[test]
fn records_of_a_newer_version_are_refused_and_not_touched() {
    let db = Db::new();
    let store = db.store();
    let records = store.collection(with_schema(7, &json!({}))).unwrap();
    records.save(parse(&notes()[0])).unwrap().wait().unwrap();
    store.close().wait().unwrap();
    drop((store, records));
    let before = db.files();
    for read_only in [true, false] {
        let store = Store::open(db.config().read_only(read_only)).unwrap();
        let error = store.collection(with_schema(6, &json!({}))).unwrap_err();
        assert_eq!(
            error.kind(),
            ErrorKind::NewerVersion,
            "read_only={read_only}: {error}"
        );
        assert_eq!(error.collection(), Some("notes"));
        store.close().wait().unwrap();
        drop(store);
        assert_eq!(db.files(), before);
    }
    let records = db.store().collection(with_schema(8, &json!({}))).unwrap();
    holds(&records, &notes()[..1]);
}

/// What somebody may drop of the tables of `sessions`.
const DROPS: [&str; 9] = [
    "DROP TRIGGER \"sessions changed\"",
    "DROP TRIGGER \"sessions deleted\"",
    "DROP INDEX \"sessions unverified\"",
    "DROP INDEX \"sessions by channelId\"",
    "DROP INDEX \"sessions by categoryId\"",
    "DROP INDEX \"sessions.tags by key\"",
    "DROP TABLE \"sessions.tags\"; DROP TRIGGER \"sessions deleted\"; DROP TRIGGER \"sessions changed\"; \
     DROP TRIGGER \"sessions replaced by insert\"; DROP TRIGGER \"sessions replaced by update\"",
    "DROP INDEX \"sessions by turn\"; DROP TRIGGER \"sessions changed\"; DROP TRIGGER \"sessions deleted\"",
    "UPDATE sessions SET larder = 0; DROP INDEX \"sessions unverified\"",
];

#[test]
fn a_dropped_trigger_or_index_is_noticed_and_what_it_would_have_told_is_found() {
    let cases = DROPS.iter().flat_map(|drop| {
        let good = sql::good()
            .into_iter()
            .map(|(sql, there)| (sql, there.to_vec(), None));
        let bad = bad()
            .into_iter()
            .map(|bad| (bad.sql.clone(), bad.stay.clone(), Some(bad)));
        // Without the unique index nothing is replaced by its key.
        let replaces = |sql: &str| drop.contains("by channelId") && sql.contains("OR REPLACE");
        good.chain(bad)
            .filter(move |(edit, ..)| !replaces(edit))
            .map(move |(edit, there, bad)| (format!("{drop}; {edit}"), there, bad))
    });
    each(
        cases,
        |(sql, ..)| sql,
        |(sql, there, bad)| {
            let db = Db::filled();
            db.edit(sql);
            let before = db.files();
            let (store, sessions) = sql::open(db.config().read_only(true));
            assert_eq!(agrees(&sessions), *there, "for reading");
            drop((store, sessions));
            assert_eq!(db.files(), before);

            let (store, sessions) = db.open();
            assert_eq!(agrees(&sessions), *there);
            match bad {
                Some(bad) => {
                    is_the_issue(sessions.load_report().issues(), bad);
                    assert_eq!(rejected(&store), [&*bad.bytes]);
                }
                None => assert!(store.load_report().is_clean()),
            }
            drop((store, sessions));
            db.is_sound();
            // It watches again.
            db.edit("DELETE FROM sessions");
            db.edit(&format!(
                "INSERT INTO sessions(id, doc) VALUES('e', '{}')",
                doc("e", "c-a")
            ));
            assert_eq!(agrees(&db.open().1), ["e"]);
            db.is_sound();
        },
    );
}

#[test]
fn keys_of_a_list_that_others_changed_are_put_right_at_the_next_open() {
    let edits = [
        "DELETE FROM \"sessions.tags\" WHERE id = 'b'",
        "DELETE FROM \"sessions.tags\"",
        "INSERT INTO \"sessions.tags\"(id, key) VALUES('b', 'new')",
        "UPDATE \"sessions.tags\" SET key = 'new' WHERE key = 't-b'",
    ];
    each(
        edits,
        |sql| sql,
        |sql| {
            let db = Db::filled();
            db.edit(sql);
            let (store, sessions) = db.open();
            assert_eq!(agrees(&sessions), ["a", "b", "c", "d"]);
            drop((store, sessions));
            db.is_sound();
        },
    );
}

#[test]
fn a_table_that_is_gone_or_another_is_refused_and_nothing_is_lost() {
    for sql in [
        "ALTER TABLE sessions RENAME TO elsewhere",
        "DROP TABLE sessions",
        "DELETE FROM larder_collections",
    ] {
        let db = Db::filled();
        db.edit(sql);
        let before = db.files();
        let store = db.store();
        let error = store.repository::<sql::Session>().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unrecognized, "{sql}: {error}");
        store.close().wait().unwrap();
        drop(store);
        assert_eq!(db.files(), before, "{sql}");
    }
}

#[test]
fn more_in_the_table_than_we_put_there_is_no_matter() {
    for sql in [
        "ALTER TABLE sessions ADD COLUMN mine TEXT; UPDATE sessions SET mine = 'x' WHERE id = 'b'",
        "CREATE INDEX mine ON sessions(turn, open)",
        "CREATE TABLE mine(x); CREATE VIEW view AS SELECT * FROM sessions",
        "VACUUM",
        "PRAGMA journal_mode = DELETE",
        "PRAGMA application_id = 0; PRAGMA user_version = 0",
        "CREATE TRIGGER mine AFTER UPDATE ON sessions BEGIN SELECT 1; END",
    ] {
        let db = Db::filled();
        db.edit(sql);
        let (store, sessions) = db.open();
        assert!(store.load_report().is_clean(), "{sql}");
        assert_eq!(agrees(&sessions), ["a", "b", "c", "d"], "{sql}");
        sessions.save(session("x")).unwrap().wait().unwrap();
        sessions
            .update("b", |it| it.turn = 3)
            .unwrap()
            .wait()
            .unwrap();
        sessions.delete("a").unwrap().wait().unwrap();
        assert_eq!(agrees(&sessions), ["b", "c", "d", "x"], "{sql}");
        drop((store, sessions));
        db.is_sound();
    }
}
