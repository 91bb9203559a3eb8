//! One test for each of the traps that careful stores on SQLite have fallen into.

use std::sync::Arc;

use larder_core::{Backend as _, ErrorKind, Options, Query, Repository as _, RepositoryExt as _};
use parking_lot::Mutex;

use super::{Did, Script, crash, note, notes, open, open_with, probed, refuse_commits};
use crate::SqliteStore;
use crate::connection::{Journaling, Role, journal, open as connect};
use crate::file::log_path;
use crate::store::Parts;

fn script() -> Arc<Mutex<Script>> {
    Arc::default()
}

fn take(script: &Arc<Mutex<Script>>) -> Vec<Did> {
    std::mem::take(&mut script.lock().did)
}

/// Closing the connection after a failure and committing again on a new one commits nothing, and
/// acknowledges it.
#[test]
fn trap_1_a_commit_that_failed_is_made_again_on_the_same_connection() {
    let (dir, script) = (tempfile::tempdir().unwrap(), script());
    let (store, notes) = open(&probed(&script), dir.path());
    notes.save(note("a")).unwrap().wait().unwrap();
    refuse_commits(&store, true);
    let applied = store.health().applied;
    for _ in 0..3 {
        notes.save(note("b")).unwrap_err();
        notes.delete("a").map(|_| ()).unwrap_err();
    }
    assert_eq!(store.health().applied, applied, "nothing was acknowledged");
    assert_eq!(notes.find(Query::all()).unwrap().len(), 1);
    refuse_commits(&store, false);
    take(&script);
    notes.save(note("b")).unwrap().wait().unwrap();
    assert_eq!(
        take(&script),
        [Did::Sync],
        "the commit wrote something to sync"
    );
    assert_eq!(notes.find(Query::all()).unwrap().len(), 2);
}

/// What was under a failed sync is in memory only, and a second sync of the same bytes says `Ok`
/// and does nothing.
#[test]
fn trap_2_after_a_failed_sync_nothing_counts_until_it_was_written_anew() {
    let (dir, script) = (tempfile::tempdir().unwrap(), script());
    let (store, notes) = open(&probed(&script), dir.path());
    notes.save(note("a")).unwrap().wait().unwrap();
    take(&script);
    script.lock().failing = 1;
    notes.save(note("b")).unwrap().wait().unwrap();
    assert_eq!(take(&script), [Did::FailToSync, Did::Rewrite, Did::Sync]);

    // Once more, and the log cannot be written anew either: nobody is told that it is durable.
    let mut watch = store.watch_health().unwrap();
    script.lock().failing = u32::MAX;
    let error = notes.save(note("c")).unwrap().wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotDurable);
    assert!(!take(&script).contains(&Did::Sync));
    assert!(notes.get("c").unwrap().is_some(), "visible, and pending");
    assert!(store.health().is_dirty());
    let told = watch.wait(std::time::Duration::from_hours(1)).unwrap();
    assert!(!told.is_healthy(), "{told}");
    script.lock().failing = 0;
    store.flush().wait().unwrap();
    assert_eq!(take(&script), [Did::Rewrite, Did::Sync]);
    assert!(store.health().is_healthy());
}

#[test]
fn trap_2_what_the_system_has_lost_meanwhile_is_not_acknowledged() {
    let (dir, script) = (tempfile::tempdir().unwrap(), script());
    let (_store, notes) = open(&probed(&script), dir.path());
    notes.save(note("a")).unwrap().wait().unwrap();
    {
        let mut script = script.lock();
        script.failing = 1;
        script.lost_frames = 1;
    }
    let error = notes.save(note("b")).unwrap().wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotDurable);
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("cannot be read back"), "{cause}");
}

/// A process that is started later trusts what is in the log, whatever happened to the one before.
#[test]
fn trap_2_a_log_that_is_found_is_written_anew_before_anything_is_acknowledged() {
    let (dir, other, script) = (
        tempfile::tempdir().unwrap(),
        tempfile::tempdir().unwrap(),
        script(),
    );
    let (_store, notes) = open(&Parts::real(), dir.path());
    notes.save(note("a")).unwrap().wait().unwrap();
    crash(dir.path(), other.path());

    script.lock().failing = 1;
    let path = other.path().join("data.db");
    let refused = SqliteStore::open_with(&probed(&script), &path, Options::default());
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Io);
    assert_eq!(take(&script), [Did::Rewrite, Did::FailToSync]);

    crash(dir.path(), other.path());
    let (store, found) = open(&probed(&script), other.path());
    assert_eq!(take(&script)[..2], [Did::Rewrite, Did::Sync]);
    assert!(found.get("a").unwrap().is_some());
    store.close().wait().unwrap();
    // Closed cleanly, there is no log to be found.
    drop((store, found));
    let (_store, _found) = open(&probed(&script), other.path());
    assert!(!take(&script).contains(&Did::Rewrite));
}

/// SQLite moves the log into the database when the last connection is closed, after a sync of its own
/// that says `Ok`. If the frames are lost all the same, a crash meanwhile tears the database.
#[test]
fn trap_2_a_log_that_cannot_be_trusted_is_not_moved_by_who_gives_up() {
    let (dir, other, script) = (
        tempfile::tempdir().unwrap(),
        tempfile::tempdir().unwrap(),
        script(),
    );
    let (_store, first) = open(&Parts::real(), dir.path());
    first.save(note("a")).unwrap().wait().unwrap();
    crash(dir.path(), other.path());
    let path = other.path().join("data.db");
    let files = || [path.clone(), log_path(&path)].map(|path| std::fs::read(path).unwrap());
    let before = files();
    // One who cannot make durable what he finds.
    script.lock().failing = 1;
    SqliteStore::open_with(&probed(&script), &path, Options::default()).unwrap_err();
    assert!(files() == before, "it was moved, or is gone");

    // One who can, and then not.
    let options = Options {
        flush_attempts: 1,
        ..Options::default()
    };
    let store = SqliteStore::open_with(&probed(&script), &path, options).unwrap();
    let found = notes(&store);
    script.lock().failing = u32::MAX;
    found.save(note("b")).unwrap().wait().unwrap_err();
    store.close().wait().unwrap_err();
    drop((store, found));
    let [database, log] = files();
    assert!(database == before[0] && log.len() > before[1].len());

    // The next one finds it, and one who closes as he should leaves none.
    script.lock().failing = 0;
    let (store, found) = open(&probed(&script), other.path());
    assert!(found.get("b").unwrap().is_some());
    store.close().wait().unwrap();
    assert!(!log_path(&path).exists());
}

/// The pragma answers before its own commit, and may answer what is not so.
#[test]
fn trap_3_the_journal_mode_is_what_a_later_read_says() {
    let dir = tempfile::tempdir().unwrap();
    let (store, notes) = open(&Parts::real(), dir.path());
    notes.save(note("a")).unwrap().wait().unwrap();
    let other = connect(store.database().path(), Role::Reader).unwrap();
    let mode: String = other
        .pragma_query_value(None, "journal_mode", |row| row.get(0))
        .unwrap();
    assert_eq!(mode, "wal");
    // A database in memory cannot have a log, whatever is asked for.
    let memory = rusqlite::Connection::open_in_memory().unwrap();
    assert_eq!(journal(&memory, None).unwrap(), Journaling::Rollback);
}

/// A statement that writes and gives rows is ended by who has read enough of them, and with it the
/// commit, whose failure nobody is told.
#[test]
fn trap_4_a_commit_that_fails_is_told_and_no_statement_hides_it() {
    let dir = tempfile::tempdir().unwrap();
    let (store, notes) = open(&Parts::real(), dir.path());
    refuse_commits(&store, true);
    assert!(notes.save(note("a")).is_err());
    assert!(notes.save_all([note("a"), note("b")]).is_err());
    assert!(store.reject(Vec::new()).is_err());
    assert!(store.purge_quarantine(&[]).is_err());
    assert_eq!(notes.find(Query::all()).unwrap().len(), 0);
    for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            let source = std::fs::read_to_string(&path).unwrap();
            assert!(!source.contains("RETURNING"), "{}", path.display());
        }
    }
}

/// SQLite syncs the directory of a new log and does not look whether that worked.
#[test]
fn trap_5_the_directory_is_synced_before_the_first_acknowledgement() {
    let (dir, script) = (tempfile::tempdir().unwrap(), script());
    script.lock().failing_dir = 2;
    let (_store, notes) = open(&probed(&script), dir.path());
    take(&script);
    notes.save(note("a")).unwrap().wait().unwrap();
    assert_eq!(take(&script), [Did::SyncDir, Did::Sync]);
    assert_eq!(script.lock().failing_dir, 0, "it was tried until it worked");
    notes.save(note("b")).unwrap().wait().unwrap();
    assert_eq!(take(&script), [Did::Sync], "once is enough");
}

/// With a rollback journal, FULL does not sync the directory after the journal is removed; a journal
/// that comes back undoes the last commit.
#[test]
fn trap_6_a_rollback_journal_is_used_with_extra() {
    let (dir, script) = (tempfile::tempdir().unwrap(), script());
    let parts = Parts {
        unsafe_for_log: |_| Some("a network"),
        ..probed(&script)
    };
    let (store, first) = open(&parts, dir.path());
    let setting = |name: &str| {
        store
            .database()
            .with_writer(|writer| {
                writer.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0))
            })
            .unwrap()
            .unwrap()
    };
    assert_eq!(setting("journal_mode"), "delete".to_owned().into());
    assert_eq!(setting("synchronous"), 3.into());
    first.save(note("a")).unwrap().wait().unwrap();
    let again = first.update("a", |note| note["tags"] = "x".into());
    again.unwrap().wait().unwrap();
    assert!(take(&script).is_empty(), "there is no log");
    store.close().wait().unwrap();
    drop((store, first));
    let (store, first) = open(&parts, dir.path());
    assert_eq!(first.get("a").unwrap().unwrap()["tags"], "x");
    // Back on a disk of this machine it is a log again.
    store.close().wait().unwrap();
    drop((store, first));
    let (store, first) = open(&Parts::real(), dir.path());
    assert_eq!(first.find(Query::all()).unwrap().len(), 1);
    drop(notes(&store));
}

/// Before 3.51.3 a checkpoint beside a writer that begins the log anew may lose pages.
#[test]
fn trap_7_an_sqlite_with_the_race_is_refused() {
    assert!(rusqlite::version_number() >= 3_051_003);
    let dir = tempfile::tempdir().unwrap();
    let parts = Parts {
        sqlite: 3_051_002,
        ..Parts::real()
    };
    let path = dir.path().join("data.db");
    let error = SqliteStore::open_with(&parts, &path, Options::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("3.51.3"), "{error}");
    assert!(!path.exists(), "nothing was created");
    let parts = Parts {
        sqlite: 3_051_003,
        ..Parts::real()
    };
    open(&parts, dir.path());
}

/// To wake another thread and to be woken by it takes as long as a sync of a log.
#[test]
fn who_waits_syncs_the_log_himself() {
    let (dir, script) = (tempfile::tempdir().unwrap(), script());
    let options = Options {
        debounce: std::time::Duration::from_hours(1),
        ..Options::default()
    };
    let (_store, notes) = open_with(&probed(&script), dir.path(), options);
    script.lock().threads.clear();
    for id in ["a", "b"] {
        notes.save(note(id)).unwrap().wait().unwrap();
    }
    let own = std::thread::current().id();
    assert_eq!(script.lock().threads, [own, own]);
}
