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
use larder::{Collection, Document, IssueKind, Query};
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
    let dir = tempfile::tempdir().unwrap();
    for (name, _) in COLLECTIONS {
        let file = format!("{name}.json");
        #[expect(
            clippy::disallowed_methods,
            reason = "another program wrote these files"
        )]
        std::fs::copy(fixtures().join(folder).join(&file), dir.path().join(&file)).unwrap();
    }
    let store = Store::open(format!("json:{}", dir.path().display())).unwrap();
    (dir, store)
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
