//! The order of calls, and what each failure leaves behind.

#![allow(
    clippy::disallowed_methods,
    reason = "a test plays other programs, too"
)]

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::disk::{Disk, DiskError, Identity, PRIVATE_MODE};
use crate::publish::{copy_aside, ensure_dir, publish, sweep};
use crate::real_disk::RealDisk;
use crate::tests::{EACCES, EEXIST, ENOSPC, ProbeDisk};

/// A directory `store` whose name shows in the recorded calls.
fn store() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("store");
    fs::create_dir(&store).unwrap();
    (dir, store)
}

fn put(disk: &dyn Disk, target: &Path, bytes: &[u8], sync: bool) -> Result<Identity, DiskError> {
    Ok(publish(disk, target, sync, PRIVATE_MODE, |out| {
        out.write_all(bytes)
    })?)
}

#[test]
fn calls_come_in_the_only_safe_order() {
    let (_dir, store) = store();
    let target = store.join("a.json");
    let disk = ProbeDisk::default();
    let identity = put(&disk, &target, b"one", true).unwrap();
    assert_eq!(
        disk.take_calls(),
        [
            "create_temp store",
            "write TEMP",
            "sync TEMP",
            "rename a.json",
            "sync_dir store"
        ]
    );
    assert_eq!(Some(identity), RealDisk.identity(&target).unwrap());
    assert_eq!(identity.len, 3);
    put(&disk, &target, b"two", false).unwrap();
    assert_eq!(
        disk.take_calls(),
        ["create_temp store", "write TEMP", "rename a.json"]
    );
    assert_eq!(fs::read(&target).unwrap(), b"two");
    // Large content passes a buffer of a megabyte.
    put(&disk, &target, &vec![b'x'; 3 << 20], true).unwrap();
    assert_eq!(fs::metadata(&target).unwrap().len(), 3 << 20);
}

#[test]
fn every_failure_leaves_old_or_new_content_and_no_temp_file() {
    for (name, content) in [
        ("create_temp", "old"),
        ("write", "old"),
        ("sync", "old"),
        ("rename", "old"),
        ("sync_dir", "new"),
    ] {
        let (_dir, store) = store();
        let target = store.join("a.json");
        put(&RealDisk, &target, b"old", true).unwrap();
        let disk = ProbeDisk::default();
        disk.fail(name, u32::MAX, ENOSPC);
        let error = put(&disk, &target, b"new", true).unwrap_err();
        assert_eq!((error.op, error.kind()), (name, io::ErrorKind::StorageFull));
        assert_eq!(fs::read_to_string(&target).unwrap(), content, "{name}");
        assert_eq!(RealDisk.list(&store).unwrap(), ["a.json"], "{name}");
        put(&RealDisk, &target, b"again", true).unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "again");
    }
    let (_dir, store) = store();
    let failing = publish(&RealDisk, &store.join("a"), true, PRIVATE_MODE, |out| {
        out.write_all(b"half")?;
        Err(io::Error::other("no more"))
    });
    assert_eq!(failing.unwrap_err().error.source.to_string(), "no more");
    assert!(RealDisk.list(&store).unwrap().is_empty());
}

#[cfg(unix)]
#[test]
fn permissions_and_links_are_kept() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let (dir, store) = store();
    let target = store.join("a.json");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    put(&RealDisk, &target, b"one", true).unwrap();
    assert_eq!(mode(&target), 0o600);
    for bits in [0o644, 0o666, 0o400, 0o640] {
        fs::set_permissions(&target, fs::Permissions::from_mode(bits)).unwrap();
        assert_eq!(
            put(&RealDisk, &target, b"two", true).unwrap().mode,
            Some(bits)
        );
        assert_eq!(mode(&target), bits);
    }
    // The temp file is made where the link leads, so the rename stays in one file system.
    let link = dir.path().join("link.json");
    symlink("store/a.json", &link).unwrap();
    let disk = ProbeDisk::default();
    put(&disk, &link, b"three", true).unwrap();
    assert_eq!(disk.take_calls().first().unwrap(), "create_temp store");
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read(&target).unwrap(), b"three");
    let dangling = dir.path().join("dangling.json");
    symlink("store/new.json", &dangling).unwrap();
    put(&RealDisk, &dangling, b"four", true).unwrap();
    assert_eq!(fs::read(store.join("new.json")).unwrap(), b"four");
    let disk = ProbeDisk::default();
    let error = put(&disk, dir.path(), b"x", true).unwrap_err();
    assert_eq!(
        (error.op, error.kind()),
        ("replace", io::ErrorKind::InvalidInput)
    );
    assert!(
        disk.take_calls().is_empty(),
        "a directory is no file to replace"
    );
}

#[test]
fn what_a_crash_left_half_written_is_swept() {
    let (_dir, store) = store();
    fs::write(store.join(".larder-abc123.tmp"), "half").unwrap();
    fs::write(store.join("notes.tmp"), "somebody's").unwrap();
    assert_eq!(sweep(&RealDisk, &store).unwrap(), 1);
    assert_eq!(RealDisk.list(&store).unwrap(), ["notes.tmp"]);
}

#[test]
fn store_directories_are_made_durable_in_their_parents() {
    let (_dir, store) = store();
    let disk = ProbeDisk::default();
    ensure_dir(&disk, &store.join("a/b"), true).unwrap();
    // First the one that is there, whose name nobody may have made durable.
    let calls = disk.take_calls();
    assert_eq!(calls[1..], ["sync_dir store", "sync_dir a"], "{calls:?}");
    ensure_dir(&disk, &store.join("a/b"), true).unwrap();
    assert_eq!(disk.take_calls(), ["sync_dir a"]);
    ensure_dir(&disk, &store.join("a/b"), false).unwrap();
    assert!(disk.take_calls().is_empty());
}

#[test]
fn a_parent_that_may_not_be_looked_into_was_made_by_somebody_else() {
    let (_dir, store) = store();
    let disk = ProbeDisk::default();
    disk.fail("sync_dir", 1, EACCES);
    ensure_dir(&disk, &store, true).unwrap();
    disk.fail("sync_dir", 1, ENOSPC);
    let error = ensure_dir(&disk, &store, true).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
}

#[test]
fn a_name_that_is_taken_in_the_last_moment_is_left_alone_and_another_error_is_told() {
    let (_dir, store) = store();
    let copy = |disk: &ProbeDisk| copy_aside(disk, &store, "a.json", "corrupt", b"one", true);
    let disk = ProbeDisk::default();
    disk.fail("create", 1, ENOSPC);
    let error = copy(&disk).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert_eq!(disk.count("create a.json"), 1);
    disk.fail("create", 1, EEXIST);
    let made = copy(&disk).unwrap();
    assert!(made.path.to_str().unwrap().ends_with("Z-2"), "{made:?}");
    assert_eq!(RealDisk.list(&store).unwrap().len(), 1);
}

#[test]
fn copies_are_made_once_and_never_over_another() {
    let (_dir, store) = store();
    let copy = |tag: &str, bytes: &[u8]| {
        copy_aside(&RealDisk, &store, "a.json", tag, bytes, true).unwrap()
    };
    let first = copy("corrupt", b"one");
    assert!(first.created);
    let name = first.path.file_name().unwrap().to_str().unwrap().to_owned();
    assert!(
        name.starts_with("a.json.corrupt-20") && name.ends_with('Z'),
        "{name}"
    );
    assert_eq!(name.len(), "a.json.corrupt-20261120T233345Z".len());
    let again = copy("corrupt", b"one");
    assert!(!again.created && again.path == first.path);
    assert!(copy("foreign", b"one").created);
    // In one second the names collide, and a copy of the same length is not the same copy.
    let paths: Vec<_> = [b"two", b"six", b"ten"]
        .map(|bytes| copy("corrupt", bytes).path)
        .into();
    for (path, bytes) in paths.iter().zip([b"two", b"six", b"ten"]) {
        assert_eq!(fs::read(path).unwrap(), bytes);
    }
    assert_eq!(fs::read(&first.path).unwrap(), b"one");
    assert_eq!(RealDisk.list(&store).unwrap().len(), 5);
}

#[test]
fn racing_copies_are_all_kept() {
    let (_dir, store) = store();
    std::thread::scope(|scope| {
        for number in 0..8u8 {
            let store = &store;
            scope.spawn(move || {
                copy_aside(&RealDisk, store, "a.json", "corrupt", &[number; 9], false).unwrap()
            });
        }
    });
    let mut found: Vec<_> = RealDisk
        .list(&store)
        .unwrap()
        .into_iter()
        .map(|name| fs::read(store.join(name)).unwrap())
        .collect();
    found.sort();
    assert_eq!(
        found,
        (0..8u8).map(|number| vec![number; 9]).collect::<Vec<_>>()
    );
}
