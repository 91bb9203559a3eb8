//! That a long log is moved into the database while the store is open, and does not grow for ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use larder_core::backend::Journal;
use larder_core::{Backend as _, Durability, Options, RepositoryExt as _};
use serde_json::{Value, json};

use super::{Did, note, open, open_with, probed};
use crate::checkpoint::{Checkpointer, LONG_LOG, PAGES, checkpoint};
use crate::connection::{Role, open as connect};
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
    let (dir, script) = (tempfile::tempdir().unwrap(), Arc::default());
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

/// As long as somebody reads what is in it the log cannot begin anew. Where it has grown for long that is
/// waited for, and else nobody.
#[test]
fn readers_are_waited_for_where_the_log_is_very_long_and_nowhere_else() {
    let dir = tempfile::tempdir().unwrap();
    let (store, notes) = open(&Parts::real(), dir.path());
    notes.save(note("a")).unwrap().wait().unwrap();
    let reader = store.database().reader().unwrap();
    reader
        .execute_batch("BEGIN; SELECT count(*) FROM notes")
        .unwrap();
    let mut connection = connect(store.database().path(), Role::Writer).unwrap();
    let waits = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&waits);
    connection
        .busy_handler(Some(move |_| {
            asked.store(true, Ordering::SeqCst);
            false
        }))
        .unwrap();
    let suspended = AtomicBool::new(false);
    for (pages, wanted) in [(1, false), (LONG_LOG - 1, false), (LONG_LOG, true)] {
        checkpoint(&connection, store.journal(), &suspended, pages).unwrap();
        let waited = waits.swap(false, Ordering::SeqCst);
        assert_eq!(waited, wanted, "for {pages} pages");
        let (frames, moved) = log(&store);
        assert!(frames > 0 && frames == moved, "{moved} of {frames} frames");
    }
}

/// Its writes are visible to every process that is started later, and wait for no disk.
#[test]
fn a_store_that_promises_nothing_of_a_loss_of_power_syncs_nothing_and_writes_nothing_twice() {
    let (dir, script) = (tempfile::tempdir().unwrap(), Arc::default());
    let options = Options {
        durability: Durability::ProcessCrash,
        ..Options::default()
    };
    let (store, notes) = open_with(&probed(&script), dir.path(), options);
    // What is found is made durable once: nobody knows who wrote it.
    script.lock().did.clear();
    for id in ["a", "b"] {
        notes.save(note(id)).unwrap().wait().unwrap();
    }
    store.flush().wait().unwrap();
    assert_eq!(script.lock().did, Vec::<Did>::new());
}

#[test]
fn a_log_that_stays_long_is_tried_again_when_it_has_grown_by_as_much() {
    let checkpointer = Checkpointer::new("data.db".into(), Arc::new(Journal::memory()));
    let mut due = Vec::new();
    for pages in [
        PAGES - 1,
        PAGES,
        PAGES,
        PAGES,
        2 * PAGES - 1,
        2 * PAGES,
        3 * PAGES - 1,
    ] {
        due.push(checkpointer.is_due(pages));
    }
    assert_eq!(due, [false, true, false, false, false, true, false]);
    // It has begun anew.
    let due = [1, PAGES - 1, PAGES].map(|pages| checkpointer.is_due(pages));
    assert_eq!(due, [false, false, true]);
}

#[test]
fn a_checkpointer_takes_its_thread_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _notes) = open(&Parts::real(), dir.path());
    let journal = Arc::new(Journal::memory());
    let path = store.database().path().to_owned();
    let checkpointer = Checkpointer::new(path, Arc::clone(&journal));
    checkpointer.log_is(PAGES);
    assert_eq!(Arc::strong_count(&journal), 3, "the thread has one, too");
    drop(checkpointer);
    assert_eq!(Arc::strong_count(&journal), 1);
}
