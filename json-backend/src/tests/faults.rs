//! A disk that fails: what is told to whom, and that nothing is forgotten.

use std::time::Duration;

use larder_core::{Backend, ErrorKind, HealthState, Options, Repository, RepositoryExt};

use super::{EIO, ENOSPC, ProbeDisk, note, notes, on_disk, open, save};

fn eager() -> Options {
    Options {
        debounce: Duration::from_hours(1),
        flush_attempts: 2,
        ..Options::default()
    }
}

#[test]
fn a_failing_disk_keeps_the_store_dirty_and_the_flush_comes_when_it_works() {
    for call in ["create_temp", "write", "sync", "rename", "sync_dir"] {
        let dir = tempfile::tempdir().unwrap();
        let disk = ProbeDisk::default();
        let store = open(&disk, dir.path(), eager());
        let notes = notes(&store);
        let mut watch = store.watch_health().expect("a disk can fail");
        disk.fail(call, u32::MAX, ENOSPC);

        let error = notes.save(note(1)).unwrap().wait().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotDurable, "{call}");
        assert!(error.is_transient());
        let health = store.health();
        assert!(
            matches!(health.state, HealthState::Failing { .. }),
            "{call}: {health}"
        );
        assert!(health.is_dirty(), "{call}");
        assert!(watch.wait(Duration::from_mins(1)).is_some(), "{call}");
        assert!(
            notes.get("n0001").unwrap().is_some(),
            "{call}: visible all the same"
        );

        disk.heal();
        notes
            .save(note(2))
            .unwrap()
            .wait()
            .unwrap_or_else(|error| panic!("{call}: {error}"));
        let health = store.health();
        assert!(
            health.is_healthy() && !health.is_dirty(),
            "{call}: {health}"
        );
        assert_eq!(on_disk(dir.path()), ["n0001", "n0002"], "{call}");
    }
}

#[test]
fn the_store_recovers_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let disk = ProbeDisk::default();
    let store = open(
        &disk,
        dir.path(),
        Options {
            debounce: Duration::ZERO,
            ..eager()
        },
    );
    let mut watch = store.watch_health().unwrap();
    disk.fail("sync", 3, EIO);
    save(&notes(&store), 1);
    // Nobody waits for the write: the committer alone tries until it works.
    loop {
        let health = watch
            .wait(Duration::from_mins(1))
            .expect("the health changes");
        if health.is_healthy() {
            break;
        }
    }
    assert_eq!(on_disk(dir.path()), ["n0001"]);
}

#[test]
fn after_a_failed_sync_a_new_file_is_written_from_memory() {
    let dir = tempfile::tempdir().unwrap();
    let disk = ProbeDisk::default();
    let store = open(&disk, dir.path(), eager());
    let notes = notes(&store);
    // The first flush writes the definition, too.
    notes.save(note(0)).unwrap().wait().unwrap();
    disk.take_calls();
    disk.fail("sync", 1, EIO);
    notes.save(note(1)).unwrap().wait().unwrap();
    let calls: Vec<String> = disk.take_calls();
    let names: Vec<&str> = calls
        .iter()
        .filter_map(|call| call.split(' ').next())
        .collect();
    let once = ["create_temp", "write", "sync"];
    let whole = ["create_temp", "write", "sync", "rename", "sync_dir"];
    assert_eq!(names, [&once[..], &whole[..]].concat());
}

#[test]
fn a_dirty_collection_that_cannot_be_written_keeps_the_others_as_old_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let disk = ProbeDisk::default();
    let store = open(&disk, dir.path(), eager());
    let notes = notes(&store);
    let other = store
        .collection(larder_core::Collection::named("zebras"))
        .unwrap();
    save(&notes, 1);
    other.save(note(7)).unwrap().detach();
    // `notes.json` becomes something that no file can replace.
    std::fs::create_dir(dir.path().join("notes.json")).unwrap();
    let error = store.flush().wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotDurable);
    let cause = std::error::Error::source(&error).expect("a cause");
    assert!(cause.to_string().contains("notes"), "{cause}");
    // What is found after a crash is a prefix, so the later write is not there before the earlier.
    assert!(!dir.path().join("zebras.json").exists());
    std::fs::remove_dir(dir.path().join("notes.json")).unwrap();
    store.flush().wait().unwrap();
    assert_eq!(on_disk(dir.path()), ["n0001"]);
    assert!(dir.path().join("zebras.json").exists());
    assert!(!dir.path().join("larder.commit").exists());
}

#[test]
fn what_cannot_be_put_in_quarantine_keeps_no_record_of_another_collection_from_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("notes.json"), "[{\"no\":\"id\"}]").unwrap();
    // A directory where the quarantine should be.
    std::fs::create_dir(dir.path().join("notes.quarantine.ndjson")).unwrap();
    let disk = ProbeDisk::default();
    let store = open(&disk, dir.path(), eager());
    let notes = notes(&store);
    assert_eq!(notes.load_report().dropped(), 1);
    let other = store
        .collection(larder_core::Collection::named("zebras"))
        .unwrap();
    other.save(note(7)).unwrap().detach();
    assert!(store.flush().wait().is_err(), "the quarantine is pending");
    assert!(dir.path().join("zebras.json").exists());
    std::fs::remove_dir(dir.path().join("notes.quarantine.ndjson")).unwrap();
    store.flush().wait().unwrap();
    assert!(dir.path().join("notes.quarantine.ndjson").is_file());
}

#[test]
fn a_dirty_collection_whose_rejected_bytes_are_nowhere_safe_is_not_written_and_no_other_dirty_one()
{
    let dir = tempfile::tempdir().unwrap();
    let before = "[{\"no\":\"id\"}]";
    std::fs::write(dir.path().join("notes.json"), before).unwrap();
    std::fs::create_dir(dir.path().join("notes.quarantine.ndjson")).unwrap();
    let store = open(&ProbeDisk::default(), dir.path(), eager());
    let other = store
        .collection(larder_core::Collection::named("zebras"))
        .unwrap();
    save(&notes(&store), 1);
    other.save(note(7)).unwrap().detach();
    assert!(store.flush().wait().is_err());
    let now = std::fs::read_to_string(dir.path().join("notes.json")).unwrap();
    assert_eq!(now, before);
    assert!(!dir.path().join("zebras.json").exists());
    std::fs::remove_dir(dir.path().join("notes.quarantine.ndjson")).unwrap();
    store.flush().wait().unwrap();
    assert_eq!(on_disk(dir.path()), ["n0001"]);
    assert!(dir.path().join("zebras.json").exists());
}

#[test]
fn rejected_bytes_are_safe_before_the_file_is_written_over() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(
        dir.path().join("notes.json"),
        "[{\"id\":\"a\"},{\"no\":\"id\"},{\"id\":",
    )
    .unwrap();
    let before = std::fs::read(dir.path().join("notes.json")).unwrap();
    let disk = ProbeDisk::default();
    disk.fail("create_temp", u32::MAX, ENOSPC);
    // A disk that is full does not keep the store from opening ...
    let store = open(&disk, dir.path(), eager());
    let notes = notes(&store);
    assert_eq!(notes.load_report().dropped(), 2);
    assert_eq!(store.quarantine().unwrap().len(), 2);
    // ... but nothing is written over as long as the copy cannot be made.
    assert!(notes.save(note(1)).unwrap().wait().is_err());
    assert_eq!(
        std::fs::read(dir.path().join("notes.json")).unwrap(),
        before
    );

    disk.heal();
    disk.take_calls();
    store.flush().wait().unwrap();
    let calls = disk.take_calls();
    let at = |what: &str| {
        calls
            .iter()
            .position(|call| call.starts_with(what))
            .unwrap()
    };
    assert!(at("create notes.json.corrupt-") < at("rename notes.quarantine.ndjson"));
    assert!(at("rename notes.quarantine.ndjson") < at("rename notes.json"));
    assert_eq!(on_disk(dir.path()), ["a", "n0001"]);
}

#[test]
fn a_read_error_is_not_an_empty_store() {
    let dir = tempfile::tempdir().unwrap();
    let disk = ProbeDisk::default();
    let store = open(&disk, dir.path(), eager());
    notes(&store).save(note(1)).unwrap().wait().unwrap();
    store.close().wait().unwrap();

    let store = open(&disk, dir.path(), eager());
    disk.fail("read", 1, EIO);
    let error = store
        .collection::<serde_json::Value>(larder_core::Collection::named("notes"))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.is_transient());
    // The failure is not remembered as an empty collection.
    assert!(notes(&store).get("n0001").unwrap().is_some());
}

#[test]
fn a_definition_that_cannot_be_written_keeps_no_record_from_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let disk = ProbeDisk::default();
    let store = open(&disk, dir.path(), eager());
    let notes = notes(&store);
    disk.fail("rename", 1, EIO);
    notes.save(note(1)).unwrap().wait().unwrap();
    assert_eq!(on_disk(dir.path()), ["n0001"]);
    assert!(!dir.path().join("notes.collection.json").exists());
    notes.save(note(2)).unwrap().wait().unwrap();
    assert!(dir.path().join("notes.collection.json").exists());
}

#[test]
fn waiting_again_asks_again() {
    let dir = tempfile::tempdir().unwrap();
    let disk = ProbeDisk::default();
    let store = open(&disk, dir.path(), eager());
    let mut write = notes(&store).save(note(1)).unwrap();
    disk.fail("create_temp", u32::MAX, ENOSPC);
    let hour = Duration::from_hours(1);
    assert_eq!(
        write.wait_timeout(hour).unwrap_err().kind(),
        ErrorKind::NotDurable
    );
    let attempts = disk.count("create_temp");
    assert_eq!(
        write.wait_timeout(hour).unwrap_err().kind(),
        ErrorKind::NotDurable
    );
    assert!(disk.count("create_temp") > attempts, "nothing was tried");
    disk.heal();
    write.wait_timeout(hour).unwrap();
}

#[test]
fn debug_shows_no_record() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&ProbeDisk::default(), dir.path(), eager());
    let notes = notes(&store);
    let secret = serde_json::json!({"id": "a", "token": "hunter2"});
    notes.save(secret).unwrap().wait().unwrap();
    let pending = serde_json::json!({"id": "b", "token": "hunter2"});
    notes.save(pending).unwrap().detach();
    assert!(!format!("{store:?} {notes:?}").contains("hunter2"));
}

#[test]
fn dropping_on_a_broken_disk_ends_in_bounded_time_and_lets_the_lock_go() {
    let dir = tempfile::tempdir().unwrap();
    let disk = ProbeDisk::default();
    let options = Options {
        drop_timeout: Duration::ZERO,
        ..eager()
    };
    let store = open(&disk, dir.path(), options);
    let write = notes(&store).save(note(1)).unwrap();
    disk.fail("sync", u32::MAX, EIO);
    drop(store);
    // Whoever still waits is told.
    assert_eq!(write.wait().unwrap_err().kind(), ErrorKind::NotDurable);
    disk.heal();
    open(&disk, dir.path(), eager());
}
