//! When a write is durable: the order of disk calls, who flushes when, closing and dropping.

use std::time::Duration;

use larder_core::{
    Backend, Collection, Durability, ErrorKind, Options, Query, Repository, RepositoryExt,
};
use serde_json::Value;

use super::{EIO, ENOSPC, ProbeDisk, note, notes, on_disk, open, save};

/// A window that no test lives to see the end of: only a waiter flushes.
fn patient() -> Options {
    Options {
        debounce: Duration::from_hours(1),
        ..Options::default()
    }
}

#[test]
fn an_awaited_save_returns_after_file_and_directory_are_synced() {
    let dir = tempfile::tempdir().unwrap();
    let disk = ProbeDisk::default();
    let store = open(&disk, dir.path(), patient());
    let notes = notes(&store);
    save(&notes, 1);
    notes.flush().wait().unwrap();
    disk.take_calls();

    notes.save(note(2)).unwrap().wait().unwrap();

    let directory = format!(
        "sync_dir {}",
        dir.path().file_name().unwrap().to_str().unwrap()
    );
    let create = directory.replace("sync_dir", "create_temp");
    assert_eq!(
        disk.take_calls(),
        [
            create.as_str(),
            "write TEMP",
            "sync TEMP",
            "rename notes.json",
            directory.as_str()
        ]
    );
}

#[test]
fn a_flush_of_two_collections_names_both_contents_durably_before_it_moves_one() {
    let dir = tempfile::tempdir().unwrap();
    let disk = ProbeDisk::default();
    let store = open(&disk, dir.path(), patient());
    let notes = notes(&store);
    let zebras = store
        .collection(larder_core::Collection::named("zebras"))
        .unwrap();
    // The first flush writes the definitions, too.
    save(&notes, 0);
    zebras.save(note(0)).unwrap().wait().unwrap();
    save(&notes, 1);
    zebras.save(note(2)).unwrap().detach();
    disk.take_calls();
    store.flush().wait().unwrap();

    let name = dir.path().file_name().unwrap().to_str().unwrap();
    let (create, directory) = (format!("create_temp {name}"), format!("sync_dir {name}"));
    let aside = [create.as_str(), "write TEMP", "sync TEMP", "keep TEMP"];
    let record = [
        create.as_str(),
        "write TEMP",
        "sync TEMP",
        "rename larder.commit",
    ];
    let moved = ["rename notes.json", "rename zebras.json"];
    let expected = [
        &aside[..],
        &aside[..],
        &[directory.as_str()],
        &record[..],
        &[directory.as_str()],
        &moved[..],
        &[directory.as_str(), "remove larder.commit"],
    ];
    assert_eq!(disk.take_calls(), expected.concat());
    assert_eq!(on_disk(dir.path()), ["n0000", "n0001"]);

    // One alone needs no record.
    save(&notes, 3);
    store.flush().wait().unwrap();
    assert_eq!(disk.count("rename"), 1);
}

/// A directory for a store, and another in which the file of its zebras is.
#[cfg(unix)]
fn zebras_elsewhere() -> (tempfile::TempDir, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let target = elsewhere.path().join("mine.json");
    std::fs::write(&target, "[]").unwrap();
    std::os::unix::fs::symlink(&target, dir.path().join("zebras.json")).unwrap();
    (dir, elsewhere)
}

#[cfg(unix)]
#[test]
fn a_flush_of_two_collections_keeps_permissions_and_links() {
    use std::os::unix::fs::PermissionsExt as _;
    let (dir, elsewhere) = zebras_elsewhere();
    let target = elsewhere.path().join("mine.json");
    let bits = std::fs::Permissions::from_mode(0o640);
    std::fs::set_permissions(&target, bits).unwrap();
    let store = open(&ProbeDisk::default(), dir.path(), patient());
    let zebras = store
        .collection(larder_core::Collection::named("zebras"))
        .unwrap();
    save(&notes(&store), 1);
    zebras.save(note(2)).unwrap().detach();
    store.flush().wait().unwrap();
    let meta = std::fs::symlink_metadata(dir.path().join("zebras.json")).unwrap();
    assert!(meta.is_symlink());
    let text = std::fs::read_to_string(&target).unwrap();
    assert!(text.starts_with('[') && text.contains("n0002"), "{text}");
    let mode = std::fs::metadata(&target).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
    assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 1);
}

/// Who had the file before may have been killed before he synced its directory, and what is read here is
/// what the next write is kept beside.
#[cfg(unix)]
#[test]
fn a_file_that_is_a_link_is_opened_when_the_directory_it_is_in_is_durable() {
    use std::os::unix::fs::symlink;
    let (dir, elsewhere) = zebras_elsewhere();
    // Nothing is there, not even the directory; so there is nothing to be durable.
    symlink(
        elsewhere.path().join("gone/mine.json"),
        dir.path().join("yaks.json"),
    )
    .unwrap();
    let disk = ProbeDisk::default();
    let store = open(&disk, dir.path(), patient());
    let collection = |name| store.collection::<Value>(Collection::named(name));
    disk.fail("sync_dir", 1, EIO);
    let error = collection("zebras").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    for name in ["zebras", "yaks"] {
        let found = collection(name).unwrap().find(Query::all()).unwrap();
        assert_eq!(found.len(), 0, "{name}");
    }
}

#[test]
fn the_acknowledgement_waits_for_the_directory() {
    let dir = tempfile::tempdir().unwrap();
    let disk = ProbeDisk::default();
    let store = open(&disk, dir.path(), patient());
    let notes = notes(&store);
    // The first flush writes the definition, too.
    notes.save(note(0)).unwrap().wait().unwrap();
    disk.take_calls();
    disk.hold("sync_dir");
    let mut write = notes.save(note(1)).unwrap();
    let waited = std::thread::scope(|scope| {
        let waiter = scope.spawn(move || write.wait_timeout(Duration::from_hours(1)));
        disk.until_held();
        disk.until_called("rename notes.json", 1);
        assert!(
            !waiter.is_finished(),
            "acknowledged before the directory was synced"
        );
        assert_eq!(
            on_disk(dir.path()),
            ["n0000", "n0001"],
            "renamed, but not acknowledged"
        );
        disk.let_go();
        waiter.join().unwrap()
    });
    assert_eq!(waited.unwrap()["id"], "n0001");
}

#[test]
fn without_syncs_a_process_crash_is_survived_and_nothing_is_synced() {
    let dir = tempfile::tempdir().unwrap();
    let disk = ProbeDisk::default();
    let options = Options {
        durability: Durability::ProcessCrash,
        ..patient()
    };
    let store = open(&disk, dir.path(), options);
    notes(&store).save(note(1)).unwrap().wait().unwrap();
    assert_eq!(disk.count("sync"), 0);
    assert_eq!(on_disk(dir.path()), ["n0001"]);
}

#[test]
fn a_thousand_detached_saves_make_one_flush() {
    let dir = tempfile::tempdir().unwrap();
    let disk = ProbeDisk::default();
    let store = open(&disk, dir.path(), patient());
    let notes = notes(&store);
    for number in 0..1000 {
        save(&notes, number);
    }
    assert_eq!(
        disk.count("rename notes.json"),
        0,
        "flushed within the window"
    );
    store.flush().wait().unwrap();
    assert_eq!(disk.count("rename notes.json"), 1);
    assert_eq!(on_disk(dir.path()).len(), 1000);
}

#[test]
fn the_window_ends_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let disk = ProbeDisk::default();
    let options = Options {
        debounce: Duration::from_millis(5),
        ..Options::default()
    };
    let store = open(&disk, dir.path(), options);
    save(&notes(&store), 1);
    disk.until_called("rename notes.json", 1);
    assert_eq!(store.health().applied, 1);
}

#[test]
fn writes_during_a_flush_share_the_next_one() {
    let dir = tempfile::tempdir().unwrap();
    let disk = ProbeDisk::default();
    let store = open(&disk, dir.path(), patient());
    let notes = notes(&store);
    notes.save(note(9)).unwrap().wait().unwrap();
    disk.take_calls();
    disk.hold("rename");
    std::thread::scope(|scope| {
        let first = notes.save(note(0)).unwrap();
        let first = scope.spawn(move || first.wait());
        disk.until_held();
        // The flush under way does not keep anybody from writing and reading.
        let others: Vec<_> = (1..=8)
            .map(|number| notes.save(note(number)).unwrap())
            .collect();
        assert_eq!(notes.count(larder_core::Query::all()).unwrap(), 10);
        let others: Vec<_> = others
            .into_iter()
            .map(|write| scope.spawn(move || write.wait()))
            .collect();
        disk.let_go();
        first.join().unwrap().unwrap();
        for other in others {
            other.join().unwrap().unwrap();
        }
    });
    // Somebody may have come to wait only after the second flush had begun.
    let flushes = disk.count("rename notes.json");
    assert!(
        (2..=3).contains(&flushes),
        "{flushes} flushes for nine waiters"
    );
    assert_eq!(on_disk(dir.path()).len(), 10);
}

#[test]
fn dropping_without_closing_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let disk = ProbeDisk::default();
    let store = open(&disk, dir.path(), patient());
    let notes = notes(&store);
    for number in 0..100 {
        save(&notes, number);
    }
    drop(store);
    assert_eq!(
        on_disk(dir.path()).len(),
        0,
        "a repository keeps its store open"
    );
    drop(notes);
    assert_eq!(on_disk(dir.path()).len(), 100);
    // And the lock is free again.
    open(&disk, dir.path(), patient());
}

#[test]
fn closing_flushes_lets_the_lock_go_and_refuses_what_comes_after() {
    let dir = tempfile::tempdir().unwrap();
    let disk = ProbeDisk::default();
    let store = open(&disk, dir.path(), patient());
    let notes = notes(&store);
    save(&notes, 1);
    store.close().wait().unwrap();
    assert_eq!(on_disk(dir.path()), ["n0001"]);
    assert_eq!(notes.save(note(2)).unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(notes.get("n0001").unwrap_err().kind(), ErrorKind::Closed);
    store.close().wait().expect("closing again is no error");
    open(&disk, dir.path(), patient());
}

#[test]
fn a_closing_that_cannot_flush_says_so_and_can_be_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let disk = ProbeDisk::default();
    let options = Options {
        flush_attempts: 2,
        ..patient()
    };
    let store = open(&disk, dir.path(), options);
    let notes = notes(&store);
    save(&notes, 1);
    disk.fail("create_temp", u32::MAX, ENOSPC);

    let error = store.close().wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotDurable);
    let cause = std::error::Error::source(&error)
        .expect("a cause")
        .to_string();
    assert!(cause.contains("create_temp"), "{cause}");
    // Nothing was given up: the store works on, and closes once the disk does.
    assert!(notes.get("n0001").unwrap().is_some());
    save(&notes, 2);
    disk.heal();
    store.close().wait().unwrap();
    assert_eq!(on_disk(dir.path()), ["n0001", "n0002"]);
}

#[test]
fn a_write_can_be_awaited_by_any_executor_or_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let disk = ProbeDisk::default();
    let store = open(&disk, dir.path(), patient());
    let notes = notes(&store);
    drop(notes.save(note(1)).unwrap());
    let saved = pollster::block_on(async { notes.save(note(2)).unwrap().await }).unwrap();
    assert_eq!(saved["id"], "n0002");
    assert_eq!(on_disk(dir.path()), ["n0001", "n0002"]);
}
