//! Contention within one process and between processes.

#![allow(
    clippy::disallowed_methods,
    reason = "a test plays other programs, too"
)]

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::lock::{LOCK_FILE, LockError, LockMode, acquire, read_holder};

const CHILD: &str = "LARDER_LOCK_TEST_FILE";

#[test]
fn a_second_writer_is_told_who_the_first_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(LOCK_FILE);
    let first = acquire(&path, LockMode::Exclusive).unwrap();
    assert!(first.is_current());
    for mode in [LockMode::Exclusive, LockMode::Shared] {
        let error = acquire(&path, mode).unwrap_err();
        let LockError::Held {
            by,
            same_process: true,
            ..
        } = &error
        else {
            panic!("{error:?}")
        };
        if cfg!(unix) {
            let by = by.as_ref().unwrap();
            assert_eq!(by.pid, std::process::id());
            assert!(by.since.ends_with('Z') && by.since.len() == 20);
            assert!(
                error.to_string().contains(&format!("(pid {})", by.pid)),
                "{error}"
            );
        }
    }
    drop(first);
    // The file stays, without a holder.
    assert_eq!(fs::read(&path).unwrap(), b"");
    drop(acquire(&path, LockMode::Exclusive).unwrap());
}

#[test]
fn readers_share_and_keep_writers_out() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(LOCK_FILE);
    let one = acquire(&path, LockMode::Shared).unwrap();
    let two = acquire(&path, LockMode::Shared).unwrap();
    let error = acquire(&path, LockMode::Exclusive).unwrap_err();
    assert!(
        matches!(
            error,
            LockError::HeldByReaders {
                same_process: true,
                ..
            }
        ),
        "{error:?}"
    );
    drop(one);
    assert!(acquire(&path, LockMode::Exclusive).is_err());
    drop(two);
    acquire(&path, LockMode::Exclusive).unwrap();
}

#[test]
fn text_of_a_crashed_holder_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(LOCK_FILE);
    let stale = format!(
        "{{\"pid\":1,\"since\":\"x\",\"program\":\"{}\"}}\n",
        "x".repeat(200)
    );
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&path)
        .unwrap()
        .write_all(stale.as_bytes())
        .unwrap();
    let lock = acquire(&path, LockMode::Exclusive).unwrap();
    if cfg!(unix) {
        assert_eq!(read_holder(&path).unwrap().pid, std::process::id());
    }
    drop(lock);
    assert!(read_holder(&path).is_none());
}

#[cfg(unix)]
#[test]
fn a_replaced_lock_file_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(LOCK_FILE);
    let first = acquire(&path, LockMode::Exclusive).unwrap();
    let moved = dir.path().join("moved");
    fs::rename(&path, &moved).unwrap();
    assert!(!first.is_current());
    let second = acquire(&path, LockMode::Exclusive).unwrap();
    assert!(second.is_current() && !first.is_current());
}

#[cfg(unix)]
#[test]
fn a_link_is_no_lock_file() {
    let dir = tempfile::tempdir().unwrap();
    let (path, victim) = (dir.path().join(LOCK_FILE), dir.path().join("victim"));
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&victim)
        .unwrap()
        .write_all(b"keep")
        .unwrap();
    std::os::unix::fs::symlink("victim", &path).unwrap();
    for mode in [LockMode::Exclusive, LockMode::Shared] {
        assert!(matches!(
            acquire(&path, mode),
            Err(LockError::NotAFile { .. })
        ));
    }
    assert_eq!(fs::read(&victim).unwrap(), b"keep");
    fs::create_dir(dir.path().join("sub")).unwrap();
    assert!(matches!(
        acquire(&dir.path().join("sub"), LockMode::Shared),
        Err(LockError::NotAFile { .. })
    ));
}

#[test]
fn a_missing_directory_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("none").join(LOCK_FILE);
    for mode in [LockMode::Exclusive, LockMode::Shared] {
        let Err(LockError::Disk(error)) = acquire(&path, mode) else {
            panic!()
        };
        assert!(error.is_not_found());
    }
}

/// Run by the test below in a process of its own; on its own it has nothing to hold.
#[test]
fn child_process_holds_the_lock() {
    let Some(path) = std::env::var_os(CHILD) else {
        return;
    };
    let lock = acquire(Path::new(&path), LockMode::Exclusive).unwrap();
    println!("\nlocked");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    if line.trim() == "crash" {
        std::process::abort();
    }
    drop(lock);
}

#[test]
fn another_process_is_told_apart_and_a_crash_frees_the_lock() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(LOCK_FILE);
    for end in ["crash", "close"] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture"])
            .arg(format!("{}::child_process_holds_the_lock", module()))
            .env(CHILD, &path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        assert!(out.lines().any(|line| line.unwrap() == "locked"));
        let error = acquire(&path, LockMode::Exclusive).unwrap_err();
        let LockError::Held {
            by,
            same_process: false,
            ..
        } = error
        else {
            panic!("{error:?}")
        };
        if cfg!(unix) {
            assert_eq!(by.unwrap().pid, child.id());
        }
        writeln!(child.stdin.take().unwrap(), "{end}").unwrap();
        child.wait().unwrap();
        // The crash leaves text, but no lock.
        drop(acquire(&path, LockMode::Exclusive).unwrap());
    }
}

/// This module's path as the test runner names it: without the crate.
fn module() -> &'static str {
    module_path!().split_once("::").unwrap().1
}
