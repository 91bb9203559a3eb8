//! The files of the program that these stores are for: they load, and saved again they are the same.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

mod fixture;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::path::Path;

use fixture::{damages, dropped, fixture};
use larder::prelude::*;
use larder::{Query, Record};
use larder_stores::gate::{Decider, Decision, Gate, GateKind, GateOptions, GateStatus, Gates};
use larder_stores::monitor_run::{MonitorRun, MonitorRuns, RunOptions};
use serde_json::Value;
use serde_json::value::RawValue;

/// A JSON store over a copy of one file.
fn store_over(path: &str) -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let file = fixture(path);
    let bytes = std::fs::read(&file).unwrap();
    #[expect(clippy::disallowed_methods, reason = "another program wrote this file")]
    std::fs::write(dir.path().join(file.file_name().unwrap()), bytes).unwrap();
    let store = json_store(dir.path());
    (dir, store)
}

fn json_store(dir: &Path) -> Store {
    Store::open(format!("json:{}", dir.display())).unwrap()
}

/// Without what stands between the parts of the JSON; else to the letter.
fn compact(json: &str) -> String {
    let mut in_string = false;
    let mut is_escaped = false;
    let is_part = |c: &char| {
        let is_part = in_string || !c.is_whitespace();
        if *c == '"' && !is_escaped {
            in_string = !in_string;
        }
        is_escaped = *c == '\\' && !is_escaped;
        is_part
    };
    json.chars().filter(is_part).collect()
}

/// The records of a bare array, by their ids.
fn records(file: &Path) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(file).unwrap();
    let records: Vec<&RawValue> = serde_json::from_str(&text).unwrap();
    let all = records.iter().map(|record| {
        let value: Value = serde_json::from_str(record.get()).unwrap();
        (
            value["id"].as_str().unwrap().to_owned(),
            compact(record.get()),
        )
    });
    all.collect()
}

fn all<T: Record + Clone>(store: &Store) -> Vec<T> {
    let repository = store.repository::<T>().unwrap();
    let report = repository.load_report();
    assert!(report.is_clean(), "{report:?}");
    let all = repository.find(Query::all()).unwrap();
    all.iter().map(|record| T::clone(record)).collect()
}

fn save_all<T: Record>(store: &Store, records: Vec<T>) {
    let repository = store.repository::<T>().unwrap();
    repository.save_all(records).unwrap().wait().unwrap();
}

fn round_trip<T: Record + Clone + Debug + PartialEq>() {
    let name = format!("{}.json", T::COLLECTION);
    let path = format!("workspacecord/{name}");
    let original = records(&fixture(&path));
    assert_eq!(original.len(), 60);

    // In place: all of them are saved over themselves, then taken out and put back, so that nothing
    // of the file is left.
    let (dir, store) = store_over(&path);
    let loaded = all::<T>(&store);
    save_all(&store, loaded.clone());
    let file = dir.path().join(&name);
    assert_eq!(records(&file), original);
    let repository = store.repository::<T>().unwrap();
    assert_eq!(repository.clear().unwrap().wait().unwrap(), 60);
    assert_eq!(records(&file).len(), 0);
    save_all(&store, loaded.clone());
    assert_eq!(records(&file), original);
    drop(repository);
    store.close().wait().unwrap();

    // Through a database.
    let url = format!("sqlite:{}", dir.path().join("data.db").display());
    for _ in 0..2 {
        let store = Store::open(&url).unwrap();
        save_all(&store, loaded.clone());
        store.close().wait().unwrap();
        let store = Store::open(&url).unwrap();
        assert_eq!(all::<T>(&store), loaded);
        store.close().wait().unwrap();
    }
    let database = Store::open(&url).unwrap();
    let other = tempfile::tempdir().unwrap();
    #[expect(
        clippy::disallowed_methods,
        reason = "a file as the other program begins it"
    )]
    std::fs::write(other.path().join(&name), "[]").unwrap();
    let store = json_store(other.path());
    save_all(&store, all::<T>(&database));
    store.close().wait().unwrap();
    assert_eq!(records(&other.path().join(&name)), original);
}

/// Of a damaged file exactly those records are dropped that are damaged.
fn damaged<T: Record>() {
    let name = T::COLLECTION;
    let expected = dropped(&damages(name));
    let (_dir, store) = store_over(&format!("workspacecord-damaged/{name}.json"));
    let report = store.repository::<T>().unwrap().load_report();
    let dropped: BTreeSet<u64> = report
        .issues()
        .iter()
        .filter(|issue| issue.is_drop())
        .map(|issue| issue.position().record.unwrap())
        .collect();
    assert_eq!(dropped, expected);
}

#[test]
fn gates_are_saved_as_they_were() {
    round_trip::<Gate>();
}

#[test]
fn damaged_gates_are_dropped() {
    damaged::<Gate>();
}

#[test]
fn monitor_runs_are_saved_as_they_were() {
    round_trip::<MonitorRun>();
}

#[test]
fn damaged_monitor_runs_are_dropped() {
    damaged::<MonitorRun>();
}

/// Abandoned, they are without a lease as they were before.
#[test]
fn a_start_changes_nothing_but_the_status() {
    let path = "workspacecord/monitor-runs.json";
    let (dir, store) = store_over(path);
    let runs = MonitorRuns::open(&store, RunOptions::new("bot")).unwrap();
    assert_eq!(runs.at_start().abandoned.len(), 7);
    store.close().wait().unwrap();
    let expected = records(&fixture(path)).into_iter().map(|(id, record)| {
        let abandoned = r#""status":"abandoned""#;
        (id, record.replace(r#""status":"running""#, abandoned))
    });
    let now = records(&dir.path().join("monitor-runs.json"));
    assert_eq!(now, expected.collect());
}

/// What the store changes in a record of another program is what it has to, and nothing else.
#[test]
fn a_gate_of_another_program_is_decided() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("gates.json");
    let gate = r#"{"provider":"codex","sessionId":"s","type":"binary_approval","isBlocking":true,"supportsRemoteDecision":true,"later":{"b":1,"a":[]},"summary":"?","turn":1,"id":"gate_5_a","version":1,"createdAt":5,"status":"pending"}"#;
    #[expect(clippy::disallowed_methods, reason = "another program wrote this file")]
    std::fs::write(&file, format!("[{gate}]")).unwrap();
    let store = json_store(dir.path());
    let gates = Gates::open(&store, GateOptions::default().expiry(None)).unwrap();
    assert_eq!(gates.at_start().resumed.len(), 1);
    gates
        .decide("gate_5_a", Decision::Reject, Decider::Discord)
        .unwrap();
    store.close().wait().unwrap();
    let text = records(&file).remove("gate_5_a").unwrap();
    let now: Value = serde_json::from_str(&text).unwrap();
    let mut expected: Value = serde_json::from_str(gate).unwrap();
    expected["version"] = 2.into();
    expected["status"] = "rejected".into();
    expected["resolvedBy"] = "discord".into();
    expected["resolvedAction"] = "reject".into();
    expected["resolvedAt"] = now["resolvedAt"].clone();
    assert_eq!(now, expected);
    assert!(now["resolvedAt"].is_u64());
}

/// What may be left out has the meaning that the samples' description gives it.
#[test]
fn what_is_left_out_is_the_default() {
    let gate = r#"{"sessionId":"s","provider":"claude","type":"notification","summary":"?","turn":1,"id":"g","version":1,"createdAt":5,"status":"approved","resolvedBy":"timeout"}"#;
    let gate: Gate = serde_json::from_str(gate).unwrap();
    assert!(gate.is_blocking && gate.supports_remote_decision);
    assert_eq!(
        (gate.kind, gate.status),
        (GateKind::Notification, GateStatus::Approved)
    );
}
