//! Files that are too large, and what an image and the quarantine keep in memory.

use std::time::Duration;

use larder_core::{Backend, Collection, ErrorKind, Options, Repository, RepositoryExt};
use serde_json::{Value, json};

use super::{ENOSPC, ProbeDisk, note, notes, on_disk, open};
use crate::{JsonRepository, JsonStore};

#[test]
fn a_file_above_the_limit_is_refused_before_it_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let file = std::fs::File::create(dir.path().join("notes.json")).unwrap();
    file.set_len(600_000_000).unwrap();
    let store = open(&ProbeDisk::default(), dir.path(), Options::default());
    let error = store
        .collection::<Value>(Collection::named("notes"))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    assert!(
        error
            .path()
            .is_some_and(|path| path.ends_with("notes.json"))
    );
    assert_eq!(
        std::fs::metadata(dir.path().join("notes.json"))
            .unwrap()
            .len(),
        600_000_000
    );
}

#[test]
fn loaded_and_new_texts_make_one_file_however_much_is_rewritten() {
    let dir = tempfile::tempdir().unwrap();
    let disk = ProbeDisk::default();
    let store = open(&disk, dir.path(), Options::default());
    notes(&store)
        .save_all((0..200).map(note))
        .unwrap()
        .wait()
        .unwrap();
    drop(store);

    let store = open(&disk, dir.path(), Options::default());
    let notes = notes(&store);
    let mut expected: Vec<String> = (0..200).map(|n| format!("n{n:04}")).collect();
    // Past the half, the loaded text is let go; every flush must write the same records.
    for number in 0..150_u32 {
        if number % 3 == 0 {
            notes.delete(&format!("n{number:04}")).unwrap().detach();
            expected.retain(|id| *id != format!("n{number:04}"));
        } else {
            notes
                .save(json!({"id": format!("n{number:04}"), "new": true}))
                .unwrap()
                .detach();
        }
        if number % 10 == 0 {
            notes.flush().wait().unwrap();
            assert_eq!(on_disk(dir.path()), expected);
        }
    }
    notes.flush().wait().unwrap();
    assert_eq!(on_disk(dir.path()), expected);
}

#[test]
fn new_records_come_last_in_a_bare_array_in_the_order_in_which_they_came() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("notes.json");
    std::fs::write(&file, "[{\"id\":\"m\"},{\"id\":\"k\"},{\"id\":\"l\"}]").unwrap();
    let store = open(&ProbeDisk::default(), dir.path(), Options::default());
    let notes = store
        .collection::<Value>(Collection::named("notes"))
        .unwrap();
    for id in ["z", "b", "a", "y"] {
        notes.save(json!({"id": id})).unwrap().detach();
    }
    store.flush().wait().unwrap();
    let order = ["m", "k", "l", "z", "b", "a", "y"];
    assert_eq!(on_disk(dir.path()), order);
    // Whoever was there keeps his place; who comes again is new.
    notes
        .save(json!({"id": "m", "new": true}))
        .unwrap()
        .detach();
    notes.delete("b").unwrap().detach();
    notes.save(json!({"id": "b"})).unwrap().wait().unwrap();
    let order = ["m", "k", "l", "z", "a", "y", "b"];
    assert_eq!(on_disk(dir.path()), order);
}

/// A store whose file has a record and two that are rejected.
fn with_two_rejected(
    dir: &tempfile::TempDir,
    disk: &ProbeDisk,
    options: Options,
) -> (JsonStore, JsonRepository<Value>) {
    let text = "[{\"id\":\"a\"},{\"no\":\"id\"},{\"no\":\"id either\"}]";
    std::fs::write(dir.path().join("notes.json"), text).unwrap();
    let store = open(disk, dir.path(), options);
    let notes = store.collection(Collection::named("notes")).unwrap();
    (store, notes)
}

/// Purges one of the two; gives the key of the other.
fn purge_one(store: &JsonStore) -> String {
    let entries = store.quarantine().unwrap();
    assert_eq!(entries.len(), 2);
    let keys = [entries[0].key().to_owned()];
    assert_eq!(store.purge_quarantine(&keys).unwrap(), 1);
    assert_eq!(store.purge_quarantine(&keys).unwrap(), 0);
    entries[1].key().to_owned()
}

fn quarantined(store: &JsonStore) -> Vec<String> {
    let entries = store.quarantine().unwrap();
    entries.iter().map(|entry| entry.key().to_owned()).collect()
}

#[test]
fn what_waits_to_be_put_in_quarantine_can_be_purged_as_long_as_the_store_is_open() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        debounce: Duration::from_hours(1),
        ..Options::default()
    };
    let (store, notes) = with_two_rejected(&dir, &ProbeDisk::default(), options);
    let other = purge_one(&store);
    notes.save(json!({"id": "b"})).unwrap().wait().unwrap();
    assert_eq!(quarantined(&store), [&*other]);
    store.close().wait().unwrap();
    let error = store.purge_quarantine(&[other]);
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Closed);
}

#[test]
fn what_cannot_be_put_in_quarantine_yet_can_be_purged_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let disk = ProbeDisk::default();
    disk.fail("create_temp", u32::MAX, ENOSPC);
    let (store, notes) = with_two_rejected(&dir, &disk, Options::default());
    let other = purge_one(&store);
    assert_eq!(quarantined(&store), [&*other]);
    disk.heal();
    notes.save(json!({"id": "b"})).unwrap().wait().unwrap();
    assert_eq!(quarantined(&store), [&*other], "it is in its file now");
}
