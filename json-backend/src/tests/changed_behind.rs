//! Somebody else changes the files of an open store.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use larder_core::backend::{Committer, Medium as _};
use larder_core::{
    Backend, Collection, ErrorKind, IssueKind, OnExternalChange, Options, Repository, RepositoryExt,
};
use serde_json::Value;

use super::{ProbeDisk, note, notes, on_disk, open};
use crate::JsonStore;
use crate::disk::Disk as _;
use crate::lock::{LOCK_FILE, LockMode};
use crate::medium::JsonMedium;
use crate::sim::{Fault, SimDisk};

fn options(on_external_change: OnExternalChange) -> Options {
    Options {
        debounce: Duration::from_hours(1),
        on_external_change,
        flush_attempts: 1,
        ..Options::default()
    }
}

fn copies(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut copies: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.to_str()
                .is_some_and(|path| path.contains("notes.json.foreign-"))
        })
        .collect();
    copies.sort();
    copies
}

#[test]
fn a_foreign_version_is_kept_and_reported_before_it_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let disk = ProbeDisk::default();
    let store = open(&disk, dir.path(), options(OnExternalChange::KeepCopy));
    let notes = notes(&store);
    notes.save(note(1)).unwrap().wait().unwrap();
    let foreign = "[{\"id\":\"theirs\"}]";
    std::fs::write(dir.path().join("notes.json"), foreign).unwrap();

    notes.save(note(2)).unwrap().wait().unwrap();
    assert_eq!(on_disk(dir.path()), ["n0001", "n0002"]);
    let copies = copies(dir.path());
    assert_eq!(copies.len(), 1);
    assert_eq!(std::fs::read_to_string(&copies[0]).unwrap(), foreign);
    assert_eq!(store.load_report().count_of(IssueKind::ExternalChange), 1);

    // Our own writes are not foreign.
    notes.save(note(3)).unwrap().wait().unwrap();
    assert_eq!(store.load_report().count_of(IssueKind::ExternalChange), 1);
}

#[test]
fn a_file_that_appears_where_there_was_none_is_foreign() {
    let dir = tempfile::tempdir().unwrap();
    let disk = ProbeDisk::default();
    let store = open(&disk, dir.path(), options(OnExternalChange::KeepCopy));
    let notes = notes(&store);
    std::fs::write(dir.path().join("notes.json"), "something").unwrap();
    notes.save(note(1)).unwrap().wait().unwrap();
    assert_eq!(
        std::fs::read_to_string(&copies(dir.path())[0]).unwrap(),
        "something"
    );
}

#[test]
fn a_removed_file_is_written_anew_and_reported() {
    let dir = tempfile::tempdir().unwrap();
    let disk = ProbeDisk::default();
    let store = open(&disk, dir.path(), options(OnExternalChange::KeepCopy));
    let notes = notes(&store);
    notes.save(note(1)).unwrap().wait().unwrap();
    std::fs::remove_file(dir.path().join("notes.json")).unwrap();
    notes.save(note(2)).unwrap().wait().unwrap();
    assert_eq!(on_disk(dir.path()), ["n0001", "n0002"]);
    assert_eq!(store.load_report().count_of(IssueKind::ExternalChange), 1);
}

#[test]
fn a_store_that_is_told_to_refuse_replaces_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let disk = ProbeDisk::default();
    let store = open(&disk, dir.path(), options(OnExternalChange::Refuse));
    let notes = notes(&store);
    notes.save(note(1)).unwrap().wait().unwrap();
    let ours = std::fs::read(dir.path().join("notes.json")).unwrap();
    std::fs::rename(dir.path().join("notes.json"), dir.path().join("ours")).unwrap();
    std::fs::write(dir.path().join("notes.json"), "theirs").unwrap();

    let error = notes.save(note(2)).unwrap().wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotDurable);
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("changed by someone else"), "{cause}");
    assert_eq!(
        std::fs::read_to_string(dir.path().join("notes.json")).unwrap(),
        "theirs"
    );
    assert!(notes.get("n0002").unwrap().is_some(), "visible and pending");

    // Put back what was there, and the flush goes through.
    std::fs::rename(dir.path().join("ours"), dir.path().join("notes.json")).unwrap();
    assert_eq!(std::fs::read(dir.path().join("notes.json")).unwrap(), ours);
    store.flush().wait().unwrap();
    assert_eq!(on_disk(dir.path()), ["n0001", "n0002"]);
}

#[test]
fn a_file_that_is_not_to_be_replaced_keeps_the_other_dirty_ones_as_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let disk = ProbeDisk::default();
    let store = open(&disk, dir.path(), options(OnExternalChange::Refuse));
    let notes = notes(&store);
    let ants = store
        .collection(larder_core::Collection::named("ants"))
        .unwrap();
    notes.save(note(1)).unwrap().wait().unwrap();
    ants.save(note(1)).unwrap().wait().unwrap();
    let before = std::fs::read(dir.path().join("ants.json")).unwrap();
    std::fs::write(dir.path().join("notes.json"), "theirs").unwrap();

    // `ants` comes first, and is looked at first.
    ants.save(note(2)).unwrap().detach();
    notes.save(note(2)).unwrap().detach();
    disk.take_calls();
    let error = store.flush().wait().unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("notes"), "{cause}");
    assert_eq!(disk.take_calls(), Vec::<String>::new());
    assert_eq!(std::fs::read(dir.path().join("ants.json")).unwrap(), before);

    std::fs::remove_file(dir.path().join("notes.json")).unwrap();
    assert!(store.flush().wait().is_err(), "gone is changed, too");
}

#[test]
fn a_directory_that_cannot_be_synced_makes_our_own_file_no_foreign_one() {
    for on_external_change in [OnExternalChange::Refuse, OnExternalChange::KeepCopy] {
        let dir = tempfile::tempdir().unwrap();
        let disk = ProbeDisk::default();
        let store = open(&disk, dir.path(), options(on_external_change));
        let notes = notes(&store);
        notes.save(note(1)).unwrap().wait().unwrap();
        // The rename goes through, and the new name is not known to be durable.
        disk.fail("sync_dir", 1, super::EIO);
        assert!(notes.save(note(2)).unwrap().wait().is_err());
        assert_eq!(on_disk(dir.path()), ["n0001", "n0002"]);
        notes.save(note(3)).unwrap().wait().unwrap();
        assert_eq!(on_disk(dir.path()).len(), 3);
        assert_eq!(
            copies(dir.path()).len(),
            0,
            "our own version was copied as a foreign one"
        );
        assert!(store.load_report().is_clean());
    }
}

/// A store with a note in each of these collections, and another that is not flushed yet.
fn about_to_flush(disk: &SimDisk, policy: OnExternalChange, names: &[&'static str]) -> JsonStore {
    disk.put_dir(Path::new("/store"));
    let store = disk.open("/store", options(policy)).unwrap();
    for number in 1..3 {
        store.flush().wait().unwrap();
        for name in names {
            let notes = store.collection::<Value>(Collection::named(*name)).unwrap();
            notes.save(note(number)).unwrap().detach();
        }
    }
    store
}

/// A file system that is reached over a network may do as it was told and lose the answer.
#[test]
fn a_rename_that_fails_makes_our_own_file_no_foreign_one_whether_it_was_made_or_not() {
    for names in [&["notes"][..], &["notes", "zebras"]] {
        let disk = SimDisk::new();
        let store = about_to_flush(&disk, OnExternalChange::Refuse, names);
        let before = disk.steps();
        store.flush().wait().unwrap();
        let calls = disk.calls();
        let renames = (before..calls.len()).filter(|at| calls[*at].starts_with("rename "));
        // Where there are two, the record is renamed as well.
        let renames: Vec<usize> = renames.collect();
        assert_eq!(renames.len(), names.len() * 2 - 1, "{calls:?}");
        for (at, done) in renames.iter().flat_map(|at| [(at, false), (at, true)]) {
            for policy in [OnExternalChange::Refuse, OnExternalChange::KeepCopy] {
                let disk = SimDisk::new();
                let store = about_to_flush(&disk, policy, names);
                let fault = Fault {
                    times: 1,
                    errno: super::EIO,
                    done,
                };
                disk.fail_from(at + 1, fault);
                // Who waits is told, unless the next attempt has come to its end before he looks.
                let _ = store.flush().wait();
                assert_eq!(disk.failed(), ["rename"], "{names:?} {at} {done}");
                store.flush().wait().unwrap();
                assert!(store.load_report().is_clean(), "{:?}", store.load_report());
                let files = disk.files(Path::new("/store"));
                let foreign =
                    |name: &std::ffi::OsString| name.to_string_lossy().contains(".foreign-");
                assert!(!files.keys().any(foreign), "{:?}", files.keys());
            }
        }
    }
}

#[test]
fn a_deleted_lock_file_is_taken_anew_before_anything_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let disk = ProbeDisk::default();
    let store = open(&disk, dir.path(), options(OnExternalChange::KeepCopy));
    let notes = notes(&store);
    std::fs::remove_file(dir.path().join("larder.lock")).unwrap();
    // Another store can open now: the lock keeps nobody out.
    let other = open(&disk, dir.path(), options(OnExternalChange::KeepCopy));
    let error = notes.save(note(1)).unwrap().wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotDurable);
    assert!(
        !dir.path().join("notes.json").exists(),
        "written without a lock"
    );
    // When the other is gone, ours goes on.
    drop(other);
    store.flush().wait().unwrap();
    assert_eq!(on_disk(dir.path()), ["n0001"]);
}

#[test]
fn a_purge_that_comes_when_the_store_was_let_go_takes_no_lock_again() {
    let dir = tempfile::tempdir().unwrap();
    let disk = ProbeDisk::default();
    let options = Options::default();
    let lock = || disk.lock(&dir.path().join(LOCK_FILE), LockMode::Exclusive);
    let held = lock().unwrap();
    let mut medium = None;
    let committer = Committer::start(options.committer(), |progress| {
        let disk = Arc::new(disk.clone());
        let dir = dir.path().to_owned();
        let made = Arc::new(JsonMedium::new(disk, dir, &options, held, progress));
        medium = Some(Arc::clone(&made));
        made
    });
    let medium = medium.unwrap();
    assert_eq!(medium.purge(&["notes".to_owned()], &[]).unwrap(), 0);
    medium.release();
    let error = medium.purge(&["notes".to_owned()], &[]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
    lock().expect("nobody has it");
    drop(committer);
}
