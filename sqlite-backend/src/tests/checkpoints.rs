//! That a long log is moved into the database while the store is open, and does not grow for ever.

use std::thread;

use larder_core::{Backend as _, RepositoryExt as _};
use serde_json::{Value, json};

use super::{open, probed};
use crate::file::log_path;
use crate::store::Parts;
use crate::{SqliteRepository, SqliteStore};

/// How many frames the log has, and how many of them are in the database.
fn log(store: &SqliteStore) -> (i64, i64) {
    let reader = store.database().reader().unwrap();
    let counted = reader.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| {
        Ok((row.get(1)?, row.get(2)?))
    });
    counted.unwrap()
}

/// Some ten megabytes, in one transaction.
fn write_much(notes: &SqliteRepository<Value>) {
    let fill = "x".repeat(100_000);
    let records = (0..100).map(|n| json!({"id": format!("n{n:03}"), "fill": fill}));
    notes.save_all(records).unwrap().wait().unwrap();
}

fn until_all_is_moved(store: &SqliteStore) {
    loop {
        let (frames, moved) = log(store);
        if frames == moved {
            return;
        }
        thread::yield_now();
    }
}

#[test]
fn a_long_log_is_moved_and_begins_anew_as_often_as_it_is_long() {
    let dir = tempfile::tempdir().unwrap();
    let (store, notes) = open(&Parts::real(), dir.path());
    for _ in 0..3 {
        notes.save(json!({"id": "short"})).unwrap().wait().unwrap();
        let (frames, moved) = log(&store);
        assert!(frames < 100, "{frames} frames");
        assert_eq!(moved, 0, "a short log stays where it is");
        write_much(&notes);
        until_all_is_moved(&store);
    }
    let path = store.database().path().to_owned();
    store.close().wait().unwrap();
    drop((store, notes));
    assert!(!log_path(&path).exists(), "somebody has it open still");
}

/// What is in the log is not on the disk: a crash while it is moved would tear the database.
#[test]
fn a_log_that_cannot_be_synced_is_moved_when_it_was_written_anew() {
    let (dir, script) = (tempfile::tempdir().unwrap(), std::sync::Arc::default());
    let (store, notes) = open(&probed(&script), dir.path());
    write_much(&notes);
    until_all_is_moved(&store);
    script.lock().failing = u32::MAX;
    notes
        .save(json!({"id": "short"}))
        .unwrap()
        .wait()
        .unwrap_err();
    for _ in 0..3 {
        let fill = "x".repeat(4_000_000);
        let record = json!({"id": "long", "fill": fill});
        notes.save(record).unwrap().wait().unwrap_err();
        assert_eq!(log(&store).1, 0, "moved, and not known to be durable");
    }
    script.lock().failing = 0;
    store.flush().wait().unwrap();
    until_all_is_moved(&store);
}
