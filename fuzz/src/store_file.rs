//! Bytes as the file of a collection.
//!
//! Owns [`store_file`]. What is to be found there is `oracle.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

use larder::sim::SimDisk;
use larder::{
    AnyRepository, Collection, Document, ErrorKind, IssueKind, Options, Query, RepositoryExt as _,
    Result, Store,
};
use serde_json::Value;

use crate::oracle::{COLLECTION, Expected, expected};

const DIR: &str = "/data";
const FILE: &str = "notes.json";

/// Opens a store in which the file of a collection has these bytes, reads it, writes to it and opens it
/// again.
pub fn store_file(bytes: &[u8]) {
    let disk = SimDisk::new();
    disk.put_dir(Path::new(DIR));
    disk.put_file(&Path::new(DIR).join(FILE), bytes);

    let (store, notes) = match open(&disk) {
        Ok(opened) => opened,
        Err(error) => return refused(&disk, bytes, error.kind()),
    };
    let found = records(&notes);
    let report = store.load_report();
    let replaced: BTreeSet<&str> = report
        .issues()
        .iter()
        .filter(|issue| issue.kind() == IssueKind::DuplicateId)
        .filter_map(|issue| issue.id())
        .collect();
    holds(&expected(bytes), &found, &replaced);
    // Opening writes nothing over the file.
    assert_eq!(
        in_file(&disk).as_deref(),
        Some(bytes),
        "the file was written over"
    );

    // What was read is still there after a write, and after the next open.
    notes.save(document("fuzz-new")).unwrap().wait().unwrap();
    store.close().wait().unwrap();
    if !report.is_clean() {
        // What was not understood is in the copy of the file, or in quarantine.
        let rejected = store.quarantine();
        let is_copied = disk
            .files(Path::new(DIR))
            .iter()
            .any(|(name, content)| name != OsStr::new(FILE) && content == bytes);
        let is_kept = rejected.is_ok_and(|entries| !entries.is_empty());
        let issues = report.issues();
        let nothing_lost = issues
            .iter()
            .all(|issue| issue.action() == larder::Action::Kept);
        assert!(is_copied || is_kept || nothing_lost, "gone: {issues:?}");
    }
    drop((notes, store));
    let (store, notes) = open(&disk).unwrap();
    let mut again = records(&notes);
    if !found.contains_key("fuzz-new") {
        assert!(again.remove("fuzz-new").is_some(), "the new record is lost");
        assert_eq!(again, found, "the second open finds something else");
    }
    assert!(store.load_report().is_clean(), "{:?}", store.load_report());
    store.close().wait().unwrap();
}

fn open(disk: &SimDisk) -> Result<(Store, AnyRepository<Document>)> {
    let options = Options {
        debounce: Duration::from_hours(1),
        flush_attempts: 1,
        ..Options::default()
    };
    let store = Store::from(disk.open(DIR, options)?);
    let notes = store.collection(Collection::<Document>::named(COLLECTION))?;
    Ok((store, notes))
}

fn records(notes: &AnyRepository<Document>) -> BTreeMap<String, Value> {
    let all = notes.find(Query::all()).unwrap();
    let read = all.iter().map(|note| {
        let value: Value = serde_json::from_str(note.text()).unwrap();
        let id = value["id"].as_str().unwrap_or_default().to_owned();
        (id, value)
    });
    read.collect()
}

/// `replaced` are the ids of records that were dropped because a later one has the same.
fn holds(expected: &Expected, found: &BTreeMap<String, Value>, replaced: &BTreeSet<&str>) {
    for (id, record) in &expected.records {
        if expected.may_be_replaced.contains(id) && replaced.contains(id.as_str()) {
            assert!(
                found.contains_key(id),
                "{id:?} is lost with its replacement"
            );
            continue;
        }
        assert_eq!(found.get(id), Some(record), "{id:?} is lost");
    }
    for id in found.keys().filter(|_| expected.exactly) {
        let is_known = expected.records.contains_key(id) || expected.unsaid.contains(id);
        assert!(is_known, "{id:?} comes from nowhere");
    }
}

/// A file that is not to be opened is not to be touched.
fn refused(disk: &SimDisk, bytes: &[u8], kind: ErrorKind) {
    let known = [
        ErrorKind::Unrecognized,
        ErrorKind::NewerVersion,
        ErrorKind::TooLarge,
        ErrorKind::Config,
    ];
    assert!(known.contains(&kind), "{kind:?}");
    assert!(
        !expected(bytes).exactly,
        "an array of records is refused: {kind:?}"
    );
    assert_eq!(in_file(disk).as_deref(), Some(bytes), "refused and touched");
}

fn in_file(disk: &SimDisk) -> Option<Vec<u8>> {
    disk.files(Path::new(DIR)).remove(OsStr::new(FILE))
}

fn document(id: &str) -> Document {
    Document::parse(&format!("{{\"id\":\"{id}\"}}")).unwrap()
}
