//! The files of the other program: read, saved, and left as they were.
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
use std::path::Path;

use fixture::{damages, dropped, fixture};
use larder::{Query, Repository as _, RepositoryExt as _, Store};
use larder_stores::session::{Mode, Session, Sessions};
use larder_stores::{Kept, Options};
use serde_json::Value;

/// The records of a file in its order, each as the text it has in it, without white space.
fn records(file: &Path) -> Vec<Kept> {
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

fn texts(records: &[Kept]) -> Vec<&str> {
    records.iter().map(Kept::as_str).collect()
}

fn id(record: &Kept) -> String {
    let record: Value = record.read().unwrap();
    record["id"].as_str().unwrap().to_owned()
}

fn open(url: &str) -> (Store, Sessions) {
    let store = Store::open(url).unwrap();
    let sessions = Sessions::open(&store, Options::new()).unwrap();
    (store, sessions)
}

/// A JSON store whose `sessions.json` is this file.
fn copy(file: &Path) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    #[expect(clippy::disallowed_methods, reason = "another program wrote this file")]
    std::fs::copy(file, dir.path().join("sessions.json")).unwrap();
    dir
}

fn json(dir: &tempfile::TempDir) -> String {
    format!("json:{}", dir.path().display())
}

fn all(sessions: &Sessions) -> Vec<Session> {
    let all = sessions.find(Query::all()).unwrap();
    all.iter().map(|it| Session::clone(it)).collect()
}

fn save_and_close(store: Store, sessions: Sessions, every: Vec<Session>) {
    let saved = sessions.repository().save_all(every).unwrap();
    saved.wait().unwrap();
    store.close().wait().unwrap();
    drop((store, sessions));
}

/// In the order of their ids, as a store gives them.
fn by_id(mut records: Vec<Kept>) -> Vec<Kept> {
    records.sort_by_key(id);
    records
}

#[test]
fn a_file_that_is_saved_is_what_it_was() {
    let original = fixture("workspacecord/sessions.json");
    let dir = copy(&original);
    let (store, sessions) = open(&json(&dir));
    assert!(store.load_report().is_clean(), "{:?}", store.load_report());
    let every = all(&sessions);
    assert_eq!(every.len(), 60);
    sessions
        .repository()
        .save_all(every)
        .unwrap()
        .wait()
        .unwrap();
    let file = dir.path().join("sessions.json");
    let same = || std::fs::read(&file).unwrap() == std::fs::read(&original).unwrap();
    // Each is also changed, which is in the file, and changed back, one by one.
    for session in all(&sessions) {
        sessions.begin_turn(&session.id).unwrap().wait().unwrap();
        assert!(!same());
        let back = sessions.update(&session.id, |it| *it = session.clone());
        back.unwrap().wait().unwrap();
    }
    store.close().wait().unwrap();
    assert_eq!(texts(&records(&file)), texts(&records(&original)));
    // More than was promised: the form of the whole is the other program's, too.
    assert!(same());
}

#[test]
fn through_a_database_it_is_what_it_was() {
    let original = fixture("workspacecord/sessions.json");
    let from = copy(&original);
    let (_, sessions) = open(&json(&from));
    let every = all(&sessions);

    let to = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", to.path().join("data.db").display());
    let (store, sessions) = open(&url);
    save_and_close(store, sessions, every);
    let (store, sessions) = open(&url);
    assert!(store.load_report().is_clean());
    let every = all(&sessions);
    save_and_close(store, sessions, every.clone());
    // The texts in the database.
    let store = Store::open(&url).unwrap();
    let documents = store.documents("sessions").unwrap().find(Query::all());
    let documents: Vec<Kept> = documents
        .unwrap()
        .iter()
        .map(|it| serde_json::from_str(&serde_json::to_string(&**it).unwrap()).unwrap())
        .collect();
    let original = by_id(records(&original));
    assert_eq!(texts(&documents), texts(&original));

    let back = tempfile::tempdir().unwrap();
    let (store, sessions) = open(&json(&back));
    save_and_close(store, sessions, every);
    let store = Store::open(json(&back)).unwrap();
    let documents = store.documents("sessions").unwrap().find(Query::all());
    for (document, original) in documents.unwrap().iter().zip(&original) {
        assert_eq!(
            serde_json::to_string(&**document).unwrap(),
            original.as_str()
        );
    }
}

#[test]
fn of_a_damaged_file_the_rest_is_what_it_was() {
    let original = fixture("workspacecord-damaged/sessions.json");
    let damages = damages("sessions");
    let dropped = dropped(&damages);

    let dir = copy(&original);
    let (store, sessions) = open(&json(&dir));
    let report = store.load_report();
    let found: BTreeSet<u64> = report
        .issues()
        .iter()
        .filter(|issue| issue.is_drop())
        .map(|issue| issue.position().record.unwrap())
        .collect();
    assert_eq!(found, dropped, "{report:?}");
    for session in all(&sessions) {
        let other = match session.mode {
            Mode::Auto => Mode::Plan,
            _ => Mode::Auto,
        };
        sessions.set_mode(&session.id, other).unwrap().detach();
        sessions
            .set_mode(&session.id, session.mode)
            .unwrap()
            .detach();
    }
    store.close().wait().unwrap();

    // Not every record of the damaged file is an object.
    let raw = std::fs::read(&original).unwrap();
    let raw: Vec<Value> = serde_json::from_slice(&raw).unwrap();
    let kept: Vec<u64> = (0..raw.len() as u64)
        .filter(|index| !dropped.contains(index))
        .collect();
    let text = std::fs::read_to_string(&original).unwrap();
    let all: Vec<&serde_json::value::RawValue> = serde_json::from_str(&text).unwrap();
    let original: BTreeMap<String, Kept> = kept
        .iter()
        .map(|index| {
            let text = all[usize::try_from(*index).unwrap()].get();
            let record: Kept = serde_json::from_str(text).unwrap();
            (id(&record), record)
        })
        .collect();
    let saved = by_id(records(&dir.path().join("sessions.json")));
    let original: Vec<Kept> = original.into_values().collect();
    assert_eq!(texts(&saved), texts(&original));
    // The field that nobody knows is among them.
    let mut unknown = damages
        .iter()
        .filter(|damage| damage["kind"] == "unknown-field");
    assert!(unknown.any(|damage| kept.contains(&damage["index"].as_u64().unwrap())));
}

/// With every field there is, in the order in which the other program writes them.
const FULL: &str = r#"{"id":"a","channelId":"c","categoryId":"k","projectName":"p","agentLabel":"A",
"provider":"codex","providerSessionId":"x","model":"m","type":"subagent","parentChannelId":"c0",
"subagentDepth":2,"directory":"/srv","mode":"monitor","agentPersona":"dry","verbose":true,
"claudePermissionMode":"bypass","codexSandboxMode":"danger-full-access","codexApprovalPolicy":"on-failure",
"codexBypass":false,"codexNetworkAccessEnabled":true,"codexWebSearchMode":"cached","monitorGoal":"g",
"monitorProviderSessionId":"y","workflowState":{"status":"awaiting_human","iteration":3,"updatedAt":5,
"lastHook":"h","lastWorkerSummary":"s","lastMonitorRationale":"r","awaitingHumanReason":"w",
"lastWorkerReport":{"z":1.0,"a":[1e3,"\u00e9 "]},"lastMonitorDecision":{},"nextProofContract":{"b":null,"a":0}},
"createdAt":1,"lastActivity":2,"messageCount":4,"totalCost":0.125,"currentTurn":6,"humanResolved":true,
"currentInteractionMessageId":"i","statusCardMessageId":"j","lastInboundMessageId":"l",
"discoverySource":"codex-log","lastObservedState":"busy","lastObservedEventKey":"e","lastObservedAt":7,
"lastObservedCwd":"/srv/x","remoteHumanControl":true,"activeHumanGateId":"gate_1_a"}"#;

#[test]
fn every_field_has_its_place() {
    let full: Kept = serde_json::from_str(FULL).unwrap();
    let session: Session = full.read().unwrap();
    assert_eq!(serde_json::to_string(&session).unwrap(), full.as_str());
    let fields: Value = full.read().unwrap();
    let schema = std::fs::read(fixture("session.schema.json")).unwrap();
    let schema: Value = serde_json::from_slice(&schema).unwrap();
    let known =
        |of: &Value| -> BTreeSet<String> { of.as_object().unwrap().keys().cloned().collect() };
    assert_eq!(known(&fields), known(&schema["properties"]));
    let state = &schema["properties"]["workflowState"]["properties"];
    assert_eq!(known(&fields["workflowState"]), known(state));

    // The same through both kinds of file.
    let dir = tempfile::tempdir().unwrap();
    for url in [
        format!("json:{}", dir.path().join("json").display()),
        format!("sqlite:{}", dir.path().join("data.db").display()),
    ] {
        let (store, sessions) = open(&url);
        sessions
            .repository()
            .save(session.clone())
            .unwrap()
            .wait()
            .unwrap();
        store.close().wait().unwrap();
        drop((store, sessions));
        let (store, sessions) = open(&url);
        assert!(store.load_report().is_clean());
        let read = sessions.get("a").unwrap().unwrap();
        assert_eq!(serde_json::to_string(&*read).unwrap(), full.as_str());
        sessions.archive("a").unwrap().wait().unwrap();
        let archived = sessions.archived().get("a").unwrap().unwrap();
        assert_eq!(archived.session, session);
    }
}
