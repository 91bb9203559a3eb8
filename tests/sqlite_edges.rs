//! Edges at which a database could answer otherwise than memory does, and two stores on one file.
//!
//! Each was found by somebody who read the code and asked "what if". What plain SQL does to a store
//! is `plain_sql*.rs`.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a test says what is wrong by panicking, and puts files where it needs them"
)]

#[path = "sqlite_edges/beside_the_row.rs"]
mod beside_the_row;
#[path = "sqlite_edges/later.rs"]
mod later;
#[path = "sqlite_edges/within.rs"]
mod within;

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use larder::prelude::*;
use larder::{
    AnyRepository, Collection, Condition, Data, Document, ErrorKind, Key, Migrations, Query, Store,
    StoreConfig, Target, Test,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

fn database(dir: &Path) -> Store {
    Store::open(format!("sqlite:{}/data.db", dir.display())).unwrap()
}

/// The same collection in memory and in a database.
fn both<T: Data>(dir: &Path, collection: &Collection<T>) -> [AnyRepository<T>; 2] {
    let memory = Store::open("memory:").unwrap();
    [memory, database(dir)].map(|store| store.collection(collection.clone()).unwrap())
}

fn at(path: &str, test: Test) -> Condition<Value> {
    Condition::new(Target::field(path), test)
}

/// The records that an index has under a key.
fn by(index: &'static str, key: Key) -> Condition<Value> {
    Condition::new(Target::Index(index.into()), Test::Is(key))
}

/// Another program, which knows nothing of ours.
fn plain(dir: &Path) -> rusqlite::Connection {
    rusqlite::Connection::open(dir.join("data.db")).unwrap()
}

/// The type of a column, as SQLite has it.
fn kind_of(dir: &Path, table: &str, column: &str) -> String {
    let kind = "SELECT type FROM pragma_table_info(?) WHERE name = ?";
    let found = plain(dir).query_row(kind, [table, column], |row| row.get(0));
    found.unwrap()
}

#[test]
fn a_column_that_another_store_made_wider_is_read_and_written_as_it_is_now() {
    let dir = tempfile::tempdir().unwrap();
    let schema = json!({"type": "object", "properties": {"n": {"type": "integer"}}});
    let numbers = Collection::<Value>::named("numbers")
        .index("n")
        .schema(schema);
    let stores = [database(dir.path()), database(dir.path())];
    let [a, b] = stores.map(|store| store.collection(numbers.clone()).unwrap());
    a.save(json!({"id": "a", "n": 1})).unwrap().wait().unwrap();
    b.save(json!({"id": "b", "n": u64::MAX}))
        .unwrap()
        .wait()
        .unwrap();
    for records in [&a, &b] {
        let found = records.find(at("n", Test::Is(Key::int(u64::MAX)))).unwrap();
        assert_eq!(found.len(), 1);
    }
    a.save(json!({"id": "c", "n": u64::MAX - 1}))
        .unwrap()
        .wait()
        .unwrap();
    let larger = Test::Range(
        std::ops::Bound::Excluded(Key::int(1)),
        std::ops::Bound::Unbounded,
    );
    for records in [&a, &b] {
        let found = records.find(at("n", larger.clone())).unwrap();
        assert_eq!(found.len(), 2);
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "pairs")]
struct Pair {
    #[record(id)]
    id: String,
    #[record(unique)]
    pair: (String, Option<u32>),
}

#[test]
fn a_unique_pair_with_a_none_in_it_is_held_to_nothing() {
    let dir = tempfile::tempdir().unwrap();
    for records in both(dir.path(), &Collection::<Pair>::of()) {
        let pair = |id: &str, second| Pair {
            id: id.to_owned(),
            pair: ("x".to_owned(), second),
        };
        for (id, second) in [("a", None), ("b", None), ("c", Some(1))] {
            records.save(pair(id, second)).unwrap().wait().unwrap();
        }
        let taken = records.save(pair("d", Some(1))).unwrap_err();
        assert_eq!(taken.kind(), ErrorKind::UniqueViolation);
        let find = |second| {
            records
                .find(Pair::PAIR.is(&("x".to_owned(), second)))
                .unwrap()
        };
        assert_eq!(find(None).len(), 2);
        assert_eq!(find(Some(1)).len(), 1);
        assert_eq!(records.find(Pair::PAIR.is_none()).unwrap().len(), 0);
        let ordered = records
            .find(Query::all().order_by(Pair::PAIR.desc()))
            .unwrap();
        let ids: Vec<&str> = ordered.iter().map(|record| record.id.as_str()).collect();
        assert_eq!(ids, ["c", "a", "b"]);
    }
}

#[test]
fn a_query_for_more_keys_than_a_statement_takes_is_answered() {
    let dir = tempfile::tempdir().unwrap();
    let numbers = Collection::<Value>::named("numbers")
        .compound(&["x", "y"])
        .index("n");
    for records in both(dir.path(), &numbers) {
        let two = [
            json!({"id": "a", "x": 1, "y": 2, "n": 3}),
            json!({"id": "b", "n": 9_999}),
        ];
        records.save_all(two).unwrap().wait().unwrap();
        let pairs = |n: u64| {
            let pair = |x| Key::Compound(Arc::new([Key::int(x), Key::int(2)]));
            Test::AnyOf((0..n).map(pair).collect())
        };
        for n in [300, 1_100, 3_000] {
            let target = Target::Index("x+y".into());
            let found = records.find(Condition::new(target, pairs(n))).unwrap();
            assert_eq!(found.len(), 1, "{n}");
        }
        let all = || at("n", Test::AnyOf((0..4_900_u64).map(Key::int).collect()));
        let query = (0..7).fold(Query::all(), |query, _| query.and(all()));
        assert_eq!(records.find(query).unwrap().len(), 1);
        let many = Test::AnyOf((0..12_000_u64).map(Key::int).collect());
        assert_eq!(records.find(at("n", many)).unwrap().len(), 2);
    }
}

#[test]
fn a_field_without_an_index_is_compared_as_in_memory() {
    let dir = tempfile::tempdir().unwrap();
    let texts = [
        r#"{"id":"a","x":10000000000000000000000000000000000000000}"#,
        r#"{"id":"b","x":"a\u0000b"}"#,
        r#"{"id":"c","":7}"#,
        r#"{"id":"d","x":"\u00e9"}"#,
        r#"{"id":"e","x":-0}"#,
        r#"{"id":"f","x":[1,"z"]}"#,
        r#"{"id":"g","x":true}"#,
        r#"{"id":"h","x":5.0}"#,
        r#"{"id":"i","x":{"0":"in"}}"#,
    ];
    let tests = [
        ("/x", Test::Is(Key::float(1e40).unwrap())),
        ("/x", Test::Is(Key::text("a\0b"))),
        ("/", Test::Is(Key::int(7))),
        ("/x", Test::Is(Key::text("é"))),
        ("/x", Test::Is(Key::int(0))),
        ("/x", Test::Is(Key::int(1))),
        ("/x", Test::Is(Key::int(5))),
        ("/x", Test::Is(Key::Bool(true))),
        ("/x", Test::Is(Key::text("z"))),
        ("/x/0", Test::Is(Key::text("in"))),
        ("/x", Test::StartsWith(String::new())),
        ("/x", Test::IsNone),
    ];
    let [memory, database] = both(dir.path(), &Collection::<Document>::named("texts"));
    for records in [&memory, &database] {
        let documents = texts.map(|text| Document::parse(text).unwrap());
        records.save_all(documents).unwrap().wait().unwrap();
    }
    for (path, test) in tests {
        let find = |records: &AnyRepository<Document>| -> Vec<String> {
            let condition = Condition::new(Target::field(path), test.clone());
            let found = records.find(condition).unwrap();
            found
                .iter()
                .map(|record| record.text().to_owned())
                .collect()
        };
        assert_eq!(find(&database), find(&memory), "{path} {test:?}");
    }
}

mod before {
    use super::*;

    #[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Record)]
    #[record(collection = "modes")]
    pub(super) struct Mode {
        #[record(id)]
        pub(super) id: String,
        #[record(index)]
        #[serde(default = "old")]
        pub(super) mode: String,
    }

    fn old() -> String {
        "old".to_owned()
    }
}

mod after {
    use super::*;

    #[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Record)]
    #[record(collection = "modes")]
    pub(super) struct Mode {
        #[record(id)]
        pub(super) id: String,
        #[record(index)]
        #[serde(default = "new")]
        pub(super) mode: String,
    }

    fn new() -> String {
        "new".to_owned()
    }
}

#[test]
fn a_default_that_changes_with_the_schema_is_a_key_of_rows_without_the_field() {
    let dir = tempfile::tempdir().unwrap();
    let store = database(dir.path());
    drop(store.repository::<before::Mode>().unwrap());
    store.close().wait().unwrap();
    drop(store);
    let other = plain(dir.path());
    other
        .execute(
            "INSERT INTO modes(id, doc) VALUES('a', '{\"id\":\"a\"}')",
            [],
        )
        .unwrap();
    drop(other);
    let store = database(dir.path());
    let modes = store.repository::<before::Mode>().unwrap();
    assert_eq!(modes.find(before::Mode::MODE.is("old")).unwrap().len(), 1);
    store.close().wait().unwrap();
    drop((store, modes));
    let modes = database(dir.path()).repository::<after::Mode>().unwrap();
    assert_eq!(modes.find(after::Mode::MODE.is("new")).unwrap().len(), 1);
    assert_eq!(modes.find(after::Mode::MODE.is("old")).unwrap().len(), 0);
}

#[test]
fn a_refused_record_makes_no_column_wider() {
    let dir = tempfile::tempdir().unwrap();
    let schema = json!({"type": "object", "properties": {"n": {"type": "integer"}}});
    let numbers = Collection::<Value>::named("numbers")
        .index("n")
        .schema(schema);
    let records = database(dir.path()).collection(numbers).unwrap();
    records
        .save(json!({"id": "a", "n": 1}))
        .unwrap()
        .wait()
        .unwrap();
    let refused = records
        .insert(json!({"id": "a", "n": u64::MAX}))
        .unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::AlreadyExists);
    assert_eq!(kind_of(dir.path(), "numbers", "n"), "INTEGER");
}

#[test]
fn an_empty_file_has_no_records_for_who_only_reads() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data.db");
    std::fs::write(&path, "").unwrap();
    let url = format!("sqlite:{}", path.display());
    let store = Store::open(StoreConfig::new(url).read_only(true)).unwrap();
    let records = store.collection(Collection::<Value>::named("c")).unwrap();
    assert_eq!(records.find(Query::all()).unwrap().len(), 0);
    assert!(store.collections().unwrap().is_empty());
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 0);
}

#[test]
fn a_snapshot_is_the_store_of_one_moment() {
    let (dir, copies) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = database(dir.path());
    let pairs = store.repository::<Pair>().unwrap();
    let pair = |id: &str| Pair {
        id: id.to_owned(),
        pair: (id.to_owned(), Some(1)),
    };
    pairs.save(pair("a")).unwrap().wait().unwrap();
    assert!(store.snapshot(copies.path().join("data.db")).unwrap());
    pairs.save(pair("b")).unwrap().wait().unwrap();
    pairs.delete("a").unwrap().wait().unwrap();
    let copy = database(copies.path());
    let found = copy
        .repository::<Pair>()
        .unwrap()
        .find(Query::all())
        .unwrap();
    assert_eq!(
        found
            .iter()
            .map(|record| record.id.as_str())
            .collect::<Vec<_>>(),
        ["a"]
    );
    assert!(copy.load_report().is_clean());
    let again = store.snapshot(copies.path().join("data.db")).unwrap_err();
    assert!(
        again.operation().is_some() || again.to_string().contains("copy"),
        "{again}"
    );
    assert!(!Store::open("memory:").unwrap().snapshot("x").unwrap());
}

#[test]
fn verifying_finds_what_was_changed_together_with_its_mark() {
    let dir = tempfile::tempdir().unwrap();
    let store = database(dir.path());
    let pairs = store.repository::<Pair>().unwrap();
    let pair = |id: &str| Pair {
        id: id.to_owned(),
        pair: (id.to_owned(), Some(1)),
    };
    pairs
        .save_all([pair("a"), pair("b")])
        .unwrap()
        .wait()
        .unwrap();
    let report = store.verify("pairs").unwrap();
    assert!(report.is_clean() && report.records() == 2, "{report}");
    let other = plain(dir.path());
    other
        .execute(
            "UPDATE pairs SET doc = '{\"id\":\"a\"}', larder = 2 WHERE id = 'a'",
            [],
        )
        .unwrap();
    let report = store.verify("pairs").unwrap();
    assert_eq!((report.records(), report.dropped()), (1, 1));
    assert_eq!(report.issues()[0].id(), Some("a"));
    assert!(store.quarantine().unwrap().is_empty(), "it only tells");
    assert_eq!(
        store.verify("others").unwrap_err().kind(),
        ErrorKind::Config
    );
}
