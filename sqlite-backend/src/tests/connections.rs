//! What becomes of a connection that somebody still has, or has left in a transaction.

use larder_core::{Backend as _, ErrorKind, Repository as _, RepositoryExt as _};
use serde_json::json;

use super::{note, open};
use crate::connection::{Role, open as connect};
use crate::database::KEPT_READERS;
use crate::file::log_path;
use crate::store::Parts;

#[test]
fn who_reads_while_the_store_is_closed_moves_the_log_when_he_is_done() {
    let dir = tempfile::tempdir().unwrap();
    let (store, notes) = open(&Parts::real(), dir.path());
    notes.save(note("a")).unwrap().wait().unwrap();
    let log = log_path(store.database().path());
    let reader = store.database().reader().unwrap();
    store.close().wait().unwrap();
    let count = |sql| reader.query_row(sql, [], |row| row.get::<_, u32>(0));
    assert_eq!(count("SELECT count(*) FROM notes").unwrap(), 1);
    assert!(log.exists(), "he may need it");
    drop(reader);
    assert!(!log.exists(), "nobody has the database open");
    assert_eq!(
        store.database().reader().err().map(|error| error.kind()),
        Some(ErrorKind::Closed)
    );
    drop(notes);
}

#[test]
fn a_transaction_that_could_not_be_ended_is_undone_by_who_begins_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let (store, notes) = open(&Parts::real(), dir.path());
    notes.save(note("a")).unwrap().wait().unwrap();
    let left = store
        .database()
        .with_writer(|writer| writer.execute_batch("BEGIN IMMEDIATE; DELETE FROM notes"));
    left.unwrap().unwrap();
    notes.save(note("b")).unwrap().wait().unwrap();
    assert!(notes.get("a").unwrap().is_some());
    assert!(notes.get("b").unwrap().is_some());
}

#[test]
fn a_write_that_was_refused_keeps_no_other_process_from_writing() {
    let dir = tempfile::tempdir().unwrap();
    let (store, notes) = open(&Parts::real(), dir.path());
    notes.save(note("a")).unwrap().wait().unwrap();
    let taken = json!({"id": "b", "name": "n-a", "tags": ["new"]});
    let error = notes.save(taken).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UniqueViolation);
    let other = connect(store.database().path(), Role::Writer).unwrap();
    other.busy_timeout(std::time::Duration::ZERO).unwrap();
    other.execute_batch("BEGIN IMMEDIATE; COMMIT").unwrap();
}

#[test]
fn so_many_connections_are_kept_as_are_used_at_once_and_no_more_than_a_few() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _notes) = open(&Parts::real(), dir.path());
    let database = store.database();
    let at_once = |readers: usize| {
        let used: Vec<_> = (0..readers).map(|_| database.reader().unwrap()).collect();
        drop(used);
        database.idle()
    };
    assert_eq!(at_once(3), 3);
    // One that has read all at one moment is as good as before.
    let read = database.reader().unwrap().snapshot(|connection| {
        let count = connection.query_row("SELECT count(*) FROM notes", [], |row| row.get(0));
        Ok::<u32, larder_core::Error>(count.unwrap())
    });
    assert_eq!(read.unwrap(), 0);
    assert_eq!(database.idle(), 3);
    assert_eq!(at_once(KEPT_READERS + 2), KEPT_READERS);
    assert_eq!(at_once(1), KEPT_READERS);
}

#[cfg(target_os = "linux")]
#[test]
fn a_store_that_was_closed_has_nothing_open() {
    let dir = tempfile::tempdir().unwrap();
    let (store, notes) = open(&Parts::real(), dir.path());
    notes.save(note("a")).unwrap().wait().unwrap();
    let ours = || {
        let open = std::fs::read_dir("/proc/self/fd").unwrap();
        let files = open.filter_map(|it| std::fs::read_link(it.unwrap().path()).ok());
        let root = dir.path().canonicalize().unwrap();
        files.filter(|it| it.starts_with(&root)).count()
    };
    assert!(ours() > 0);
    store.close().wait().unwrap();
    assert_eq!(ours(), 0);
}
