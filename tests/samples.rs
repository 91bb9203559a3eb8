//! Files of a real program, clean and damaged, opened in place as a store: exactly the damaged
//! records are dropped.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test says what is wrong by panicking"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use larder::prelude::*;
use larder::{Action, Collection, Document, IssueKind, OnInvalid, Query, StoreConfig};
use serde_json::Value;

const COLLECTIONS: [(&str, &str); 3] = [
    ("sessions", "session.schema.json"),
    ("gates", "gate.schema.json"),
    ("monitor-runs", "monitor-run.schema.json"),
];

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn json(path: &str) -> Value {
    serde_json::from_slice(&std::fs::read(fixtures().join(path)).unwrap()).unwrap()
}

/// A store over a copy of one folder of the samples.
fn open(folder: &str) -> (tempfile::TempDir, Store) {
    let dir = copy(folder);
    let store = Store::open(format!("json:{}", dir.path().display())).unwrap();
    (dir, store)
}

fn copy(folder: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, _) in COLLECTIONS {
        let file = format!("{name}.json");
        #[expect(
            clippy::disallowed_methods,
            reason = "another program wrote these files"
        )]
        std::fs::copy(fixtures().join(folder).join(&file), dir.path().join(&file)).unwrap();
    }
    dir
}

fn collection(name: &str, schema: &str) -> Collection<Document> {
    let collection = Collection::named(name).schema(json(schema));
    match name {
        "sessions" => collection.unique("channelId").index("categoryId"),
        _ => collection.index("sessionId").index("status"),
    }
}

#[test]
fn clean_files_load_without_an_issue() {
    let (_dir, store) = open("workspacecord");
    for (name, schema) in COLLECTIONS {
        let records = store.collection(collection(name, schema)).unwrap();
        assert_eq!(records.count(Query::all()).unwrap(), 60, "{name}");
        assert!(
            records.load_report().is_clean(),
            "{name}: {:?}",
            records.load_report()
        );
    }
    assert!(store.quarantine().unwrap().is_empty());
}

#[test]
fn damaged_files_lose_exactly_what_is_damaged_and_keep_its_bytes() {
    let expected = json("workspacecord-damaged/expected.json");
    let (dir, store) = open("workspacecord-damaged");
    for (name, schema) in COLLECTIONS {
        let records = store.collection(collection(name, schema)).unwrap();
        // "unless repaired" is a drop for a store that does not repair.
        let dropped: BTreeSet<u64> = expected[name]
            .as_array()
            .unwrap()
            .iter()
            .filter(|damage| damage["dropped"] != false)
            .map(|damage| damage["index"].as_u64().unwrap())
            .collect();
        let report = records.load_report();
        let found: BTreeSet<u64> = report
            .issues()
            .iter()
            .filter(|issue| issue.is_drop())
            .map(|issue| issue.position().record.unwrap())
            .collect();
        assert_eq!(found, dropped, "{name}");
        assert_eq!(report.records(), 60 - dropped.len() as u64, "{name}");

        // What was dropped is in quarantine, byte for byte.
        let text = std::fs::read_to_string(dir.path().join(format!("{name}.json"))).unwrap();
        let raw: Vec<&serde_json::value::RawValue> = serde_json::from_str(&text).unwrap();
        let wanted: BTreeSet<(u64, &[u8])> = dropped
            .iter()
            .map(|index| {
                (
                    *index,
                    raw[usize::try_from(*index).unwrap()].get().as_bytes(),
                )
            })
            .collect();
        let kept = store.quarantine().unwrap();
        let kept: BTreeSet<(u64, &[u8])> = kept
            .iter()
            .filter(|entry| entry.collection() == name)
            .map(|entry| (entry.issue().position().record.unwrap(), entry.bytes()))
            .collect();
        assert_eq!(kept, wanted, "{name}");

        // A field that nobody knows is no reason to drop a record, and it is still there.
        let mut unknown = expected[name].as_array().unwrap().iter();
        let unknown = unknown
            .find(|damage| damage["kind"] == "unknown-field")
            .unwrap();
        let unknown = raw[usize::try_from(unknown["index"].as_u64().unwrap()).unwrap()].get();
        let original: Value = serde_json::from_str(unknown).unwrap();
        let id = original["id"].as_str().unwrap();
        assert_eq!(
            records.get(id).unwrap().unwrap().value(),
            original,
            "{name}"
        );

        // Of two records with one id the later stays.
        let twice = report
            .issues()
            .iter()
            .find(|issue| issue.kind() == IssueKind::DuplicateId);
        let id = twice.unwrap().id().unwrap();
        let mut last = raw
            .iter()
            .map(|raw| serde_json::from_str::<Value>(raw.get()).unwrap());
        let last = last.rfind(|record| record["id"] == id).unwrap();
        assert_eq!(records.get(id).unwrap().unwrap().value(), last, "{name}");
    }
}

/// The ids in the damaged file that a repairing load keeps: those of a strict one, and of each record
/// that is kept "unless repaired". And the ids of the latter.
fn kept_when_repaired(name: &str, expected: &Value) -> (BTreeSet<String>, BTreeSet<String>) {
    let records = json(&format!("workspacecord-damaged/{name}.json"));
    let id = |record: &Value| record["id"].as_str().unwrap_or_default().to_owned();
    let damage = |position: usize| {
        let all = expected[name].as_array().unwrap().iter();
        let mut here = all.filter(|damage| damage["index"] == position);
        here.next()
            .map_or(&Value::Bool(false), |damage| &damage["dropped"])
    };
    let records = records.as_array().unwrap().iter().enumerate();
    let kept: Vec<(usize, &Value)> = records
        .filter(|(position, _)| *damage(*position) != true)
        .collect();
    let mended = kept
        .iter()
        .filter(|(position, _)| *damage(*position) != false);
    let mended = mended.map(|(_, record)| id(record)).collect();
    (kept.iter().map(|(_, record)| id(record)).collect(), mended)
}

/// Checks a store of the damaged samples that was opened so as to repair.
fn repaired(name: &str, store: &Store, schema: &str, expected: &Value) {
    let records = store.collection(collection(name, schema)).unwrap();
    let (kept, mended) = kept_when_repaired(name, expected);
    assert!(!mended.is_empty());
    let found: BTreeSet<String> = records
        .find(Query::all())
        .unwrap()
        .iter()
        .map(|record| record.value()["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(found, kept, "{name}");
    let report = records.load_report();
    let issues = report.issues().iter();
    let repairs: BTreeSet<String> = issues
        .filter(|issue| issue.action() == Action::Repaired)
        .map(|issue| {
            // It says where, and what was done.
            assert_eq!(issue.kind(), IssueKind::Schema);
            assert!(issue.message().contains(": removed"), "{issue}");
            assert!(
                issue.message().contains(issue.violations()[0].path()),
                "{issue}"
            );
            issue.id().unwrap().to_owned()
        })
        .collect();
    assert_eq!(repairs, mended, "{name}");
    // The original is kept.
    let quarantine = store.quarantine().unwrap();
    for id in &mended {
        let original = quarantine
            .iter()
            .filter(|entry| entry.collection() == name && entry.issue().id() == Some(id))
            .map(|entry| serde_json::from_slice::<Value>(entry.bytes()).unwrap())
            .next()
            .unwrap();
        let now = records.get(id).unwrap().unwrap().value();
        let (original, now) = (original.as_object().unwrap(), now.as_object().unwrap());
        assert_eq!(now.len(), original.len() - 1, "{name} {id}");
        assert!(now.iter().all(|(key, value)| original[key] == *value));
    }
}

#[test]
fn damaged_files_lose_less_when_they_are_repaired() {
    let expected = json("workspacecord-damaged/expected.json");
    let dir = copy("workspacecord-damaged");
    let url = format!("json:{}", dir.path().display());
    let store = Store::open(StoreConfig::new(&url).on_invalid(OnInvalid::Repair)).unwrap();
    for (name, schema) in COLLECTIONS {
        repaired(name, &store, schema, &expected);
    }
    store.close().wait().unwrap();
    // It is mended on the disk as well: whoever is strict finds nothing wrong, and all that was
    // dropped or mended is in quarantine once.
    let before = store_of(&url).quarantine().unwrap().len();
    let store = store_of(&url);
    for (name, schema) in COLLECTIONS {
        let records = store.collection(collection(name, schema)).unwrap();
        let (kept, _) = kept_when_repaired(name, &expected);
        assert_eq!(records.count(Query::all()).unwrap(), kept.len() as u64);
        assert!(
            records.load_report().is_clean(),
            "{:?}",
            records.load_report()
        );
    }
    assert_eq!(store.quarantine().unwrap().len(), before);
}

fn store_of(url: &str) -> Store {
    Store::open(url).unwrap()
}

#[test]
fn damaged_rows_lose_less_when_they_are_repaired() {
    let expected = json("workspacecord-damaged/expected.json");
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", dir.path().join("data.db").display());
    for (name, schema) in COLLECTIONS {
        // As another program put them there: without the schema everything with an id is a record.
        let store = store_of(&url);
        let rows = store.collection(Collection::<Value>::named(name)).unwrap();
        for record in json(&format!("workspacecord-damaged/{name}.json"))
            .as_array()
            .unwrap()
        {
            if record["id"].as_str().is_some_and(|id| !id.is_empty()) {
                rows.save(record.clone()).unwrap().detach();
            }
        }
        store.close().wait().unwrap();
        let config = StoreConfig::new(&url).on_invalid(OnInvalid::Repair);
        let store = Store::open(config).unwrap();
        repaired(name, &store, schema, &expected);
        store.close().wait().unwrap();
        let records = store_of(&url);
        let records = records.collection(collection(name, schema)).unwrap();
        assert!(
            records.load_report().is_clean(),
            "{:?}",
            records.load_report()
        );
    }
}
