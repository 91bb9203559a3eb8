//! `larder import --as`: what it takes is what the stores can load, and they find it as their own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a helper of a test that cannot go on fails the test"
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{Case, STORE, fixture, id, records};
use larder::{Issue, Query, Record, Repository as _, RepositoryExt as _, Violation};
use larder_stores::Options;
use larder_stores::gate::{Gate, GateOptions, Gates};
use larder_stores::monitor_run::{MonitorRun, MonitorRuns, RunOptions};
use larder_stores::project::{Project, Projects};
use larder_stores::session::{Session, Sessions};
use serde_json::Value;

const SQLITE: &str = "sqlite:./data.db";
const BOTH: [&str; 2] = [STORE, SQLITE];

/// No files of another program are there for these: two as the store makes them, one with a field that
/// it does not know, each with another order of fields.
const PROJECTS: &str = r#"[
  {"name": "atlas", "id": "p-1", "path": "/srv/atlas", "later": {"z": 1.0, "a": []},
   "skills": {"b": "1", "a": "2"}, "mcpServers": [{"url": "x", "args": []}],
   "createdAt": 1, "updatedAt": 2, "discordCategoryId": "c-1"},
  {"id": "p-2", "name": "beacon", "path": "/srv/beacon", "skills": {}, "mcpServers": [],
   "createdAt": 3, "updatedAt": 3}
]"#;

/// The clean records of a type, in a file.
fn clean<T: Record>(case: &Case) -> String {
    let name = T::COLLECTION;
    if name == Project::COLLECTION {
        return case.file("projects-in.json", PROJECTS).to_owned();
    }
    fixture(&format!("workspacecord/{name}.json"))
}

/// What of a store says what a collection is, and what was verified.
fn bookkeeping(case: &Case, store: &str, collection: &str) -> Vec<String> {
    if store == STORE {
        let definition = case.read(&format!("data/{collection}.collection.json"));
        return vec![String::from_utf8(definition).unwrap()];
    }
    let database = rusqlite::Connection::open(case.path("data.db")).unwrap();
    let mut kept = database
        .prepare("SELECT version, fingerprint, definition, layout FROM larder_collections WHERE name = ?1")
        .unwrap();
    let row = kept
        .query_row([collection], |row| {
            let version: i64 = row.get(0)?;
            let texts = (1..4).map(|column| row.get::<_, String>(column));
            Ok((version, texts.collect::<Result<Vec<_>, _>>()?))
        })
        .unwrap();
    let mut all = row.1;
    all.push(row.0.to_string());
    let mut tables = database
        .prepare("SELECT sql FROM sqlite_schema WHERE tbl_name LIKE ?1 || '%' ORDER BY name")
        .unwrap();
    let tables = tables
        .query_map([collection], |row| row.get::<_, Option<String>>(0))
        .unwrap();
    all.extend(tables.filter_map(Result::unwrap));
    all
}

/// Imported, the records are in the store as if its own program had made the collection.
fn is_its_own<T: Record>() {
    let name = T::COLLECTION;
    for to in BOTH {
        let case = Case::new();
        let file = clean::<T>(&case);
        let count = if name == "projects" { 2 } else { 60 };
        let ran = case.import_as(&file, to, name, &[]).ended(0);
        assert_eq!(ran.out(), format!("{count} records kept, 0 dropped\n"));
        assert_eq!(ran.stderr, "");

        let typed = Case::new();
        let store = typed.open(to);
        let repository = store.repository::<T>().unwrap();
        store.reject(Vec::new()).unwrap().wait().unwrap();
        drop(repository);
        store.close().wait().unwrap();
        drop(store);
        let kept = bookkeeping(&case, to, name);
        assert_eq!(kept, bookkeeping(&typed, to, name), "{name} on {to}");

        // Nothing is left to be done, verified or written when the type comes.
        let watch = (to == SQLITE).then(|| {
            let database = rusqlite::Connection::open(case.path("data.db")).unwrap();
            let unverified = format!("SELECT count(*) FROM \"{name}\" WHERE larder <> 1");
            let count: i64 = database
                .query_row(&unverified, [], |row| row.get(0))
                .unwrap();
            assert_eq!(count, 0, "{name}");
            database
        });
        let version = || {
            let database = watch.as_ref()?;
            let pragma = "PRAGMA data_version";
            Some(
                database
                    .query_row(pragma, [], |row| row.get::<_, i64>(0))
                    .unwrap(),
            )
        };
        let before = version();
        let store = case.open(to);
        let repository = store.repository::<T>().unwrap();
        let report = repository.load_report();
        assert!(report.is_clean(), "{report}");
        assert_eq!(version(), before, "{name}");
        if to == SQLITE {
            assert_eq!(report.records(), 0, "{name} was verified anew");
        }
        assert_eq!(repository.count(Query::all()).unwrap(), count);
        store.close().wait().unwrap();
        drop((repository, store));
        assert_eq!(bookkeeping(&case, to, name), kept);

        // To the letter, in id order.
        let mut texts = match name {
            "projects" => {
                let raw: Vec<&serde_json::value::RawValue> =
                    serde_json::from_str(PROJECTS).unwrap();
                raw.iter().map(|it| common::compact(it.get())).collect()
            }
            _ => records(&format!("workspacecord/{name}.json")),
        };
        texts.sort_by_key(|record| id(record));
        let export = case
            .run(&["export", to, name, "--format", "ndjson"])
            .ended(0);
        assert_eq!(export.out().lines().collect::<Vec<_>>(), texts);
        assert_eq!(case.run(&["check", to]).ended(0).stderr, "");
    }
}

#[test]
fn sessions_are_the_stores_own() {
    is_its_own::<Session>();
}

#[test]
fn gates_are_the_stores_own() {
    is_its_own::<Gate>();
}

#[test]
fn monitor_runs_are_the_stores_own() {
    is_its_own::<MonitorRun>();
}

#[test]
fn projects_are_the_stores_own() {
    is_its_own::<Project>();
}

/// By its index, this query finds this record.
fn is_found(sessions: &Sessions, index: &str, query: Query<Session>, id: &str) {
    let plan = sessions.repository().explain(query.clone()).unwrap();
    assert_eq!(plan.index(), Some(index));
    let found = sessions.find(query).unwrap();
    assert!(found.iter().any(|session| session.id == id), "{id}");
}

#[test]
fn the_stores_open_and_find_by_their_indexes() {
    for to in BOTH {
        let case = Case::new();
        case.import_as(&clean::<Session>(&case), to, "sessions", &[])
            .ended(0);
        case.import_as(&clean::<Gate>(&case), to, "gates", &[])
            .ended(0);
        case.import_as(&clean::<MonitorRun>(&case), to, "monitor-runs", &[])
            .ended(0);
        case.import_as(&clean::<Project>(&case), to, "projects", &[])
            .ended(0);
        let store = case.open(to);
        let sessions = Sessions::open(&store, Options::new()).unwrap();
        let gates = Gates::open(&store, GateOptions::default().expiry(None)).unwrap();
        let runs = MonitorRuns::open(&store, RunOptions::new("bot")).unwrap();
        let projects = Projects::open(&store, Options::new()).unwrap();
        assert!(store.load_report().is_clean(), "{}", store.load_report());

        let all = sessions.find(Query::all()).unwrap();
        assert_eq!(all.len(), 60);
        for it in &all {
            let is_found = |index, query| is_found(&sessions, index, query, &it.id);
            is_found("channelId", Session::CHANNEL_ID.is(&*it.channel_id).into());
            is_found("categoryId", Session::CATEGORY_ID.is(&*it.category_id));
            is_found("lastActivity", Session::LAST_ACTIVITY.is(it.last_activity));
            if let Some(named) = &it.provider_session_id {
                let provider = Session::BY_PROVIDER.is((it.provider, &**named));
                is_found("BY_PROVIDER", provider);
            }
        }

        // What was pending or running when it was imported is so still: the start of the stores, just
        // now, was the first.
        let count = |fixture: &str, status: &str| {
            let of_status = format!("\"status\":\"{status}\"");
            let all = records(fixture);
            all.iter().filter(|it| it.contains(&of_status)).count()
        };
        let pending = count("workspacecord/gates.json", "pending");
        let running = count("workspacecord/monitor-runs.json", "running");
        assert!(pending > 0 && running > 0);
        assert_eq!(gates.at_start().resumed.len(), pending);
        assert_eq!(runs.at_start().abandoned.len(), running);
        let one = projects.repository.find_one(Project::PATH.is("/srv/atlas"));
        assert_eq!(one.unwrap().unwrap().id, "p-1");
        store.close().wait().unwrap();
    }
}

/// What a report says of the records that were dropped, by their place in the file.
fn dropped(issues: &[Issue]) -> BTreeMap<u64, (String, Vec<Violation>)> {
    let drops = issues.iter().filter(|issue| issue.is_drop());
    drops
        .map(|issue| {
            let what = (issue.kind().to_string(), issue.violations().to_vec());
            (issue.position().record.unwrap(), what)
        })
        .collect()
}

fn issues(report: &Value, key: &str) -> Vec<Issue> {
    serde_json::from_value(report[key].clone()).unwrap()
}

/// What the type drops when the file is its collection's.
fn dropped_by_the_type<T: Record>(text: &[u8]) -> BTreeMap<u64, (String, Vec<Violation>)> {
    let case = Case::new();
    case.file(&format!("data/{}.json", T::COLLECTION), text);
    let store = case.open(STORE);
    let report = store.repository::<T>().unwrap().load_report();
    dropped(report.issues())
}

/// What is damaged is dropped, for the reason for which the type drops it, and nothing else.
fn drops_what_the_type_drops<T: Record>() {
    let name = T::COLLECTION;
    let path = format!("workspacecord-damaged/{name}.json");
    let file = fixture(&path);
    let by_type = dropped_by_the_type::<T>(&std::fs::read(&file).unwrap());
    let expected = std::fs::read(fixture("workspacecord-damaged/expected.json")).unwrap();
    let expected: Value = serde_json::from_slice(&expected).unwrap();
    let expected = expected[name].as_array().unwrap().iter();
    let expected: BTreeSet<u64> = expected
        .filter(|entry| entry["dropped"] != false)
        .map(|entry| entry["index"].as_u64().unwrap())
        .collect();
    for to in BOTH {
        let case = Case::new();
        let report = case.import_as(&file, to, name, &["--json"]).ended(1).json();
        let drops = dropped(&issues(&report, "issues"));
        assert_eq!(drops, by_type, "{name} on {to}");
        assert_eq!(drops.keys().copied().collect::<BTreeSet<_>>(), expected);
        assert_eq!(report["kept"], 60 - drops.len());

        let store = case.open(to);
        let report = store.repository::<T>().unwrap().load_report();
        assert!(report.is_clean(), "{report}");
        store.close().wait().unwrap();
        // With what nobody knows, where it stood.
        let mut kept: Vec<String> = records(&path)
            .into_iter()
            .zip(0..)
            .filter_map(|(record, place)| (!drops.contains_key(&place)).then_some(record))
            .collect();
        kept.sort_by_key(|record| id(record));
        let export = case
            .run(&["export", to, name, "--format", "ndjson"])
            .ended(0);
        assert_eq!(export.out().lines().collect::<Vec<_>>(), kept);
    }
}

#[test]
fn damaged_sessions_are_dropped() {
    drops_what_the_type_drops::<Session>();
}

#[test]
fn damaged_gates_are_dropped() {
    drops_what_the_type_drops::<Gate>();
}

#[test]
fn damaged_monitor_runs_are_dropped() {
    drops_what_the_type_drops::<MonitorRun>();
}
