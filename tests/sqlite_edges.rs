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
    let other = rusqlite::Connection::open(dir.path().join("data.db")).unwrap();
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
    let other = rusqlite::Connection::open(dir.path().join("data.db")).unwrap();
    let kind: String = other
        .query_row(
            "SELECT type FROM pragma_table_info('numbers') WHERE name = 'n'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(kind, "INTEGER");
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
    let other = rusqlite::Connection::open(dir.path().join("data.db")).unwrap();
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

/// What an old program wrote, which knows `label`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "notes")]
struct Labelled {
    #[record(id)]
    id: String,
    label: String,
}

/// As the new program knows it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "notes", version = 2, migrations = to_named)]
struct Named {
    #[record(id)]
    id: String,
    name: String,
}

fn to_named() -> Migrations {
    Migrations::new().step(1, |record| {
        let fields = record.as_object_mut().ok_or("not an object")?;
        let label = fields.remove("label").ok_or("there is no label")?;
        fields.insert("name".into(), label);
        Ok(())
    })
}

#[test]
fn an_old_program_does_not_judge_what_a_new_one_has_migrated_meanwhile() {
    let dir = tempfile::tempdir().unwrap();
    let first = database(dir.path());
    let label = Labelled {
        id: "a".into(),
        label: "x".into(),
    };
    let notes = first.repository::<Labelled>().unwrap();
    notes.save(label.clone()).unwrap().detach();
    first.close().wait().unwrap();

    let old = database(dir.path());
    let labelled = old.repository::<Labelled>().unwrap();
    let new = database(dir.path());
    let named = new.repository::<Named>().unwrap();
    // It cannot read the record, and that is no reason to move it to quarantine.
    let refused = labelled.get("a").unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ExternalChange);
    let refused = labelled.find(Query::all()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ExternalChange);
    let refused = old.transaction(|tx| tx.get::<Labelled>("a")).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ExternalChange);
    let refused = labelled.save(label).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ExternalChange);
    assert_eq!(named.get("a").unwrap().unwrap().name, "x");
    assert!(new.quarantine().unwrap().is_empty());
}

#[test]
fn an_old_program_writes_nothing_to_a_newer_version_of_the_same_schema() {
    let dir = tempfile::tempdir().unwrap();
    let old = database(dir.path());
    let notes = Collection::<Value>::named("notes");
    let euros = old.collection(notes.clone()).unwrap();
    euros.save(json!({"id": "a", "price": 1})).unwrap().detach();
    let migrations = Migrations::new().step(1, |record| {
        record["price"] = (record["price"].as_u64().ok_or("no price")? * 100).into();
        Ok(())
    });
    let new = database(dir.path());
    let notes = notes.with_version(2).with_migrations(migrations);
    let cents = new.collection(notes).unwrap();
    let refused = euros.save(json!({"id": "b", "price": 2})).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ExternalChange);
    let found = cents.find(Query::all()).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["price"], 100);
}

/// What a row does not hold has to be kept apart from what a transaction may yet take back.
#[test]
fn a_transaction_shows_its_run_time_fields_to_nobody_before_its_end() {
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Record)]
    #[record(collection = "lamps")]
    struct Lamp {
        #[record(id)]
        id: String,
        #[serde(skip)]
        on: bool,
    }
    let lamp = |id: &str, on| Lamp { id: id.into(), on };
    let dir = tempfile::tempdir().unwrap();
    // One that was there when the store was opened, and one that was saved since.
    let lamps = database(dir.path()).repository::<Lamp>().unwrap();
    lamps.save(lamp("old", true)).unwrap().wait().unwrap();
    drop(lamps);
    let store = database(dir.path());
    let lamps = store.repository::<Lamp>().unwrap();
    lamps.save(lamp("new", false)).unwrap().wait().unwrap();
    let all_are = |on| {
        let found = lamps.find(Query::all()).unwrap();
        assert!(found.iter().all(|it| it.on == on), "{found:?}");
        assert_eq!(found.len(), 2);
    };
    all_are(false);
    let taken_back = store.try_transaction(|tx| {
        tx.save(lamp("old", true))?;
        tx.save(lamp("new", true))?;
        assert!(tx.find::<Lamp>(Query::all())?.iter().all(|it| it.on));
        all_are(false);
        Err::<(), _>(larder::Error::new(ErrorKind::Internal, "on purpose"))
    });
    assert!(taken_back.is_err());
    all_are(false);
    let made = store.transaction(|tx| {
        tx.save(lamp("old", true))?;
        tx.save(lamp("new", true))
    });
    made.unwrap().wait().unwrap();
    all_are(true);
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "bags")]
struct Bag {
    #[record(id)]
    id: String,
    items: HashSet<u32>,
}

#[test]
fn a_set_that_was_read_is_what_is_stored_whatever_its_order() {
    let dir = tempfile::tempdir().unwrap();
    let bags = database(dir.path()).repository::<Bag>().unwrap();
    let bag = Bag {
        id: "a".into(),
        items: (0..20).collect(),
    };
    bags.save(bag).unwrap().detach();
    // It is tried until nobody else has changed the record since it was read.
    bags.update("a", |bag| bag.items.extend([20]))
        .unwrap()
        .detach();
    let read = bags.get("a").unwrap().unwrap();
    assert_eq!(read.items, (0..=20).collect());
    let mut other = Bag::clone(&read);
    other.items.remove(&0);
    bags.replace(&read, other.clone()).unwrap().detach();
    let late = bags.replace(&read, other).unwrap_err();
    assert_eq!(late.kind(), ErrorKind::Conflict);

    // A list has an order, and who changes it has changed the record.
    let lists = Collection::<Value>::named("lists");
    let lists = database(dir.path()).collection(lists).unwrap();
    lists
        .save(json!({"id": "a", "items": [1, 2]}))
        .unwrap()
        .detach();
    let read = lists.get("a").unwrap().unwrap();
    lists
        .save(json!({"id": "a", "items": [2, 1]}))
        .unwrap()
        .detach();
    let late = lists.replace(&read, json!({"id": "a"})).unwrap_err();
    assert_eq!(late.kind(), ErrorKind::Conflict);
}
