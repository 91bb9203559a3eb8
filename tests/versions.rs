//! Records of other versions: migrated, or not touched. The same on JSON and SQLite.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::needless_pass_by_value,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a test fails by panicking"
)]

#[path = "versions/newer.rs"]
mod newer;
#[path = "versions/setup.rs"]
mod setup;

use std::path::PathBuf;

use larder::prelude::*;
use larder::{
    Action, Collection, Document, ErrorKind, Issue, IssueKind, MigrationError, Migrations,
    OnInvalid, OnNewer, Quarantined, Query,
};
use newer::{
    Third, newer_data_is_refused_and_not_touched, newer_data_opens_for_reading_where_so_configured,
    what_newer_data_refuses_has_a_quarantine,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use setup::{First, Fourth, Setup};

macro_rules! on_both_backends {
    ($($name:ident,)*) => {
        mod json { $(#[test] fn $name() { super::$name(super::Setup::new("json")); })* }
        mod sqlite { $(#[test] fn $name() { super::$name(super::Setup::new("sqlite")); })* }
    };
}

on_both_backends![
    three_versions_in_one_open,
    the_backup_opens_with_the_old_type,
    a_second_open_migrates_nothing,
    a_dry_run_writes_nothing,
    a_step_that_is_missing_refuses_the_open,
    a_failing_record_refuses_the_open_where_so_configured,
    newer_data_is_refused_and_not_touched,
    newer_data_opens_for_reading_where_so_configured,
    what_newer_data_refuses_has_a_quarantine,
    without_migrations_older_data_is_taken_as_it_is,
    what_is_not_valid_after_a_migration_is_in_quarantine_as_it_was,
    a_migration_that_changes_the_id_is_refused,
    spelling_and_order_of_what_is_not_changed_stay,
    unique_keys_of_migrated_records_are_told_apart,
    a_unique_key_that_moves_on_stands_in_nobodys_way,
    an_empty_collection_has_a_version_too,
];

fn three_versions_in_one_open(it: Setup) {
    let it = it.of_first();
    let store = it.open();
    let sessions = store.repository::<Fourth>().unwrap();
    let found = sessions.find(Query::all()).unwrap();
    let names: Vec<&str> = found.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["ONE", "THREE"]);
    assert_eq!(sessions.count(Fourth::TAGS.is("old")).unwrap(), 2);
    assert!(
        sessions
            .find_one(Fourth::NAME.is("THREE"))
            .unwrap()
            .is_some()
    );

    let report = sessions.load_report();
    let [migrated] = report.migrated() else {
        panic!("{report:?}");
    };
    assert_eq!((migrated.from, migrated.to, migrated.records), (1, 4, 2));
    let [issue] = report.issues() else {
        panic!("{report:?}");
    };
    assert_eq!(issue.kind(), IssueKind::Migration);
    assert_eq!(issue.action(), Action::Dropped);
    assert_eq!(issue.id(), Some("b"));
    assert!(issue.to_string().contains("it is cursed"), "{issue}");
    let quarantine = store.quarantine().unwrap();
    assert_eq!(quarantine.len(), 1);
    assert_eq!(
        quarantine[0].bytes(),
        br#"{"id":"b","label":"cursed","turns":1.0}"#
    );
    store.close().wait().unwrap();
    assert_eq!(
        it.documents(),
        [
            r#"{"id":"a","turns":1.0,"name":"ONE","tags":["old"]}"#,
            r#"{"id":"c","turns":1.0,"name":"THREE","tags":["old"]}"#,
        ]
    );
}

fn the_backup_opens_with_the_old_type(it: Setup) {
    let it = it.of_first();
    let store = it.open();
    store.repository::<Fourth>().unwrap();
    let backup = store.load_report().migrated()[0].backup.clone().unwrap();
    store.close().wait().unwrap();

    let old = Store::open(format!("{}:{}", it.scheme, backup.display())).unwrap();
    let sessions = old.repository::<First>().unwrap();
    assert!(sessions.load_report().is_clean());
    let labels: Vec<String> = sessions
        .find(Query::all())
        .unwrap()
        .iter()
        .map(|it| it.label.clone())
        .collect();
    assert_eq!(labels, ["one", "cursed", "three"]);
    // And it is a store that can be written.
    sessions.delete("b").unwrap().wait().unwrap();
    old.close().wait().unwrap();
}

fn a_second_open_migrates_nothing(it: Setup) {
    let it = it.of_first();
    it.open().repository::<Fourth>().unwrap();
    let before = it.files();
    for _ in 0..2 {
        let store = it.open();
        let sessions = store.repository::<Fourth>().unwrap();
        let report = sessions.load_report();
        assert!(report.is_clean() && report.migrated().is_empty());
        assert_eq!(sessions.count(Query::all()).unwrap(), 2);
        store.close().wait().unwrap();
    }
    let names = |files: &[(PathBuf, Vec<u8>)]| -> Vec<PathBuf> {
        files.iter().map(|(path, _)| path.clone()).collect()
    };
    assert_eq!(names(&it.files()), names(&before));
    assert_eq!(it.open().quarantine().unwrap().len(), 1);
}

fn a_dry_run_writes_nothing(it: Setup) {
    let it = it.of_first();
    let before = it.files();
    let store = Store::open(it.config().read_only(true)).unwrap();
    let sessions = store.repository::<Fourth>().unwrap();
    assert_eq!(sessions.get("a").unwrap().unwrap().name, "ONE");
    let report = store.load_report();
    let [migrated] = report.migrated() else {
        panic!("{report:?}");
    };
    assert_eq!(
        (
            migrated.from,
            migrated.to,
            migrated.records,
            &migrated.backup
        ),
        (1, 4, 2, &None)
    );
    assert_eq!(report.count_of(IssueKind::Migration), 1);
    assert_eq!(store.quarantine().unwrap().len(), 1);
    store.close().wait().unwrap();
    drop((sessions, store));
    let unchanged = |files: Vec<(PathBuf, Vec<u8>)>| -> Vec<(PathBuf, Vec<u8>)> {
        let beside = |path: &PathBuf| path.to_str().unwrap().ends_with("-wal");
        files
            .into_iter()
            .filter(|(path, _)| !beside(path))
            .collect()
    };
    assert_eq!(unchanged(it.files()), unchanged(before));
    // The old program goes on.
    let store = it.open();
    assert!(
        store
            .repository::<First>()
            .unwrap()
            .get("b")
            .unwrap()
            .is_some()
    );
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "sessions", version = 4, migrations = with_a_hole)]
struct Holed {
    #[record(id)]
    id: String,
}

fn with_a_hole() -> Migrations {
    Migrations::new().step(1, |_| Ok(())).step(3, |_| Ok(()))
}

fn a_step_that_is_missing_refuses_the_open(it: Setup) {
    let it = it.of_first();
    let before = it.documents();
    let store = it.open();
    let error = store.repository::<Holed>().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    let text = error.to_string();
    assert!(
        text.contains("from 2") || text.contains("version 2"),
        "{text}"
    );
    drop(store);
    assert_eq!(it.documents(), before);
    assert!(
        it.open()
            .repository::<First>()
            .unwrap()
            .load_report()
            .is_clean()
    );
}

fn a_failing_record_refuses_the_open_where_so_configured(it: Setup) {
    let it = it.of_first();
    let store = Store::open(it.config().on_invalid(OnInvalid::Reject)).unwrap();
    let error = store.repository::<Fourth>().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected);
    drop(store);
    let store = it.open();
    assert!(store.quarantine().unwrap().is_empty());
    assert_eq!(
        store
            .repository::<First>()
            .unwrap()
            .count(Query::all())
            .unwrap(),
        3
    );
    drop(store);
    // Nothing is left behind that somebody would take for a backup.
    let leftovers = it
        .files()
        .into_iter()
        .filter(|(path, _)| path.to_str().unwrap().contains(".v1-"));
    assert_eq!(leftovers.count(), 0);
}

fn without_migrations_older_data_is_taken_as_it_is(it: Setup) {
    let it = it.of_first();
    let store = it.open();
    let sessions = store.repository::<Third>().unwrap();
    assert!(sessions.load_report().is_clean());
    assert_eq!(sessions.count(Query::all()).unwrap(), 3);
    store.close().wait().unwrap();
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "sessions", version = 2, migrations = to_strict)]
struct Strict {
    #[record(id)]
    id: String,
    count: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

fn to_strict() -> Migrations {
    Migrations::new().step(1, |record| {
        record["count"] = match record["label"].as_str() {
            Some("one") => json!(1),
            // Not valid.
            _ => json!("many"),
        };
        // Not valid either, but optional.
        record["note"] = json!(7);
        Ok(())
    })
}

fn what_is_not_valid_after_a_migration_is_in_quarantine_as_it_was(it: Setup) {
    let it = it.of_first();
    let store = Store::open(it.config().on_invalid(OnInvalid::Repair)).unwrap();
    let sessions = store.repository::<Strict>().unwrap();
    // It was migrated, and then mended.
    assert_eq!(sessions.get("a").unwrap().unwrap().count, 1);
    assert_eq!(sessions.count(Query::all()).unwrap(), 1);
    let report = sessions.load_report();
    assert_eq!((report.dropped(), report.repaired()), (2, 1));
    assert_eq!(report.count_of(IssueKind::Migration), 2);
    // Step by step, for programs; it is kept with the original.
    let entries = store.quarantine().unwrap();
    let kept = entries.iter().map(larder::Quarantined::issue);
    for issue in report.issues().iter().chain(kept) {
        let repairs: Vec<String> = issue.repairs().iter().map(ToString::to_string).collect();
        let wanted: &[&str] = match issue.id() {
            Some("a") => &["/note: removed"],
            _ => &[],
        };
        assert_eq!(repairs, wanted, "{issue}");
    }
    let mut bytes: Vec<String> = store
        .quarantine()
        .unwrap()
        .iter()
        .map(|entry| String::from_utf8(entry.bytes().to_vec()).unwrap())
        .collect();
    bytes.sort();
    assert_eq!(
        bytes,
        [
            r#"{"id":"a","label":"one","turns":1.0}"#,
            r#"{"id":"b","label":"cursed","turns":1.0}"#,
            r#"{"id":"c","label":"three","turns":1.0}"#,
        ]
    );
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "sessions", version = 2, migrations = to_renamed)]
struct Renamed {
    #[record(id)]
    id: String,
}

fn to_renamed() -> Migrations {
    Migrations::new().step(1, |record| {
        if record["id"] == "b" {
            record["id"] = json!("z");
        }
        if record["id"] == "c" {
            return Err(MigrationError::new("not this one"));
        }
        Ok(())
    })
}

fn a_migration_that_changes_the_id_is_refused(it: Setup) {
    let it = it.of_first();
    let store = it.open();
    let sessions = store.repository::<Renamed>().unwrap();
    let ids: Vec<String> = sessions
        .find(Query::all())
        .unwrap()
        .iter()
        .map(|it| it.id.clone())
        .collect();
    assert_eq!(ids, ["a"]);
    let report = sessions.load_report();
    assert_eq!(report.count_of(IssueKind::Migration), 2);
    assert_eq!(store.quarantine().unwrap().len(), 2);
}

fn spelling_and_order_of_what_is_not_changed_stay(it: Setup) {
    let store = it.open();
    let text =
        r#"{"z":1e3,"id":"a","big":12345678901234567890123,"in":{"b":1.50,"a":[2.0,3]},"x":1}"#;
    let first = Collection::<Document>::named("sessions");
    let notes = store.collection(first).unwrap();
    notes.save(Document::parse(text).unwrap()).unwrap().detach();
    store.close().wait().unwrap();
    let store = it.open();
    let migrations = Migrations::new().step(1, |record| {
        record["x"] = json!(2);
        record["in"]["a"][1] = json!(4);
        Ok(())
    });
    let second = Collection::<Document>::named("sessions")
        .with_version(2)
        .with_migrations(migrations);
    let found = store.collection(second).unwrap().get("a").unwrap().unwrap();
    assert_eq!(
        found.text(),
        r#"{"z":1e3,"id":"a","big":12345678901234567890123,"in":{"b":1.50,"a":[2.0,4]},"x":2}"#
    );
}

fn unique_keys_of_migrated_records_are_told_apart(it: Setup) {
    let store = it.open();
    let first = Collection::<Value>::named("sessions").unique("key");
    let notes = store.collection(first).unwrap();
    notes.save(json!({"id": "a", "key": "x"})).unwrap().detach();
    notes.save(json!({"id": "b", "key": "X"})).unwrap().detach();
    notes.save(json!({"id": "c", "key": 7})).unwrap().detach();
    store.close().wait().unwrap();
    let store = it.open();
    let migrations = Migrations::new().step(1, |record| {
        if let Some(key) = record["key"].as_str() {
            record["key"] = key.to_lowercase().into();
        }
        Ok(())
    });
    let second = Collection::<Value>::named("sessions")
        .unique("key")
        .with_version(2)
        .with_migrations(migrations);
    let notes = store.collection(second).unwrap();
    assert_eq!(notes.count(Query::all()).unwrap(), 2);
    let report = notes.load_report();
    assert_eq!(report.count_of(IssueKind::UniqueViolation), 1);
    let quarantine = store.quarantine().unwrap();
    assert_eq!(quarantine.len(), 1);
    let was: Value = serde_json::from_slice(quarantine[0].bytes()).unwrap();
    assert_eq!(was, json!({"id": "b", "key": "X"}));
}

fn a_unique_key_that_moves_on_stands_in_nobodys_way(it: Setup) {
    let store = it.open();
    let first = Collection::<Value>::named("sessions").unique("key");
    let notes = store.collection(first).unwrap();
    for (id, key) in [("a", 1), ("b", 2), ("c", 3)] {
        notes.save(json!({"id": id, "key": key})).unwrap().detach();
    }
    store.close().wait().unwrap();
    let store = it.open();
    // Each takes the key that the next one had.
    let migrations = Migrations::new().step(1, |record| {
        record["key"] = (record["key"].as_u64().ok_or("no key")? + 1).into();
        Ok(())
    });
    let second = Collection::<Value>::named("sessions")
        .unique("key")
        .with_version(2)
        .with_migrations(migrations);
    let notes = store.collection(second).unwrap();
    assert!(notes.load_report().is_clean(), "{:?}", notes.load_report());
    let found = notes.find(Query::all()).unwrap();
    let keys: Vec<u64> = found.iter().map(|it| it["key"].as_u64().unwrap()).collect();
    assert_eq!(keys, [2, 3, 4]);
    let taken = notes.insert(json!({"id": "d", "key": 3})).unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::UniqueViolation);
}

fn an_empty_collection_has_a_version_too(it: Setup) {
    let it = it.of_first();
    let store = it.open();
    store
        .repository::<Fourth>()
        .unwrap()
        .clear()
        .unwrap()
        .detach();
    store.close().wait().unwrap();
    if it.scheme == "json" {
        // The definition beside it says so as well.
        let records = it.dir.path().join("data").join("sessions.json");
        std::fs::remove_file(records).unwrap();
    }
    let store = it.open();
    let error = store.repository::<First>().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NewerVersion);
    drop(store);
    let store = Store::open(it.config().on_newer(OnNewer::ReadOnly)).unwrap();
    let sessions = store.repository::<First>().unwrap();
    assert_eq!(sessions.count(Query::all()).unwrap(), 0);
    let record = First {
        id: "a".into(),
        label: "x".into(),
        turns: 0.0,
    };
    let refused = sessions.save(record).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::NewerVersion);
}

/// A bare array says no version; the definition beside it does.
#[test]
fn a_bare_array_is_migrated_once_and_stays_one() {
    let it = Setup::new("json");
    let dir = it.dir.path().join("data");
    std::fs::create_dir(&dir).unwrap();
    let array = "[\n  {\n    \"id\": \"a\",\n    \"label\": \"one\",\n    \"turns\": 1\n  }\n]\n";
    std::fs::write(dir.join("sessions.json"), array).unwrap();
    let store = it.open();
    let sessions = store.repository::<Fourth>().unwrap();
    assert_eq!(sessions.get("a").unwrap().unwrap().name, "ONE");
    let backup = sessions.load_report().migrated()[0].backup.clone().unwrap();
    store.close().wait().unwrap();
    assert_eq!(
        std::fs::read_to_string(backup.join("sessions.json")).unwrap(),
        array
    );
    let now = std::fs::read_to_string(dir.join("sessions.json")).unwrap();
    assert!(
        now.starts_with("[\n  {\n    \"id\": \"a\",\n    \"turns\": 1,\n    \"name\": \"ONE\""),
        "{now}"
    );
    let store = it.open();
    let sessions = store.repository::<Fourth>().unwrap();
    assert!(sessions.load_report().is_clean() && sessions.load_report().migrated().is_empty());
    assert_eq!(sessions.get("a").unwrap().unwrap().name, "ONE");
}
