//! Files that are no stores, and stores that a crash left behind: what `sqlite:` makes of them.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test says what is wrong by panicking"
)]

mod sql;

use larder::prelude::*;
use larder::{ErrorKind, Query};
use rusqlite::Connection;
use sql::{Db, Session, agrees, open, session};

/// Opening must refuse, either way, and leave every byte as it is.
#[track_caller]
fn is_refused(db: &Db, kind: ErrorKind) -> larder::Error {
    let before = db.files();
    let mut errors = Vec::new();
    for read_only in [true, false] {
        let error = Store::open(db.config().read_only(read_only)).unwrap_err();
        assert_eq!(error.kind(), kind, "read_only={read_only}: {error}");
        assert!(error.path().is_some(), "{error:?}");
        let after = db.files();
        let names = |files: &std::collections::BTreeMap<std::path::PathBuf, Vec<u8>>| {
            files.keys().cloned().collect::<Vec<_>>()
        };
        assert_eq!(names(&after), names(&before), "read_only={read_only}");
        assert!(after == before, "a file was changed, read_only={read_only}");
        errors.push(error);
    }
    errors.remove(1)
}

/// The files of a database as a program that crashed leaves them: with a log.
fn crashed(from: &Db) -> Db {
    let to = Db::new();
    for (path, bytes) in from.files() {
        std::fs::write(to.dir().join(path.file_name().unwrap()), bytes).unwrap();
    }
    assert!(
        std::fs::metadata(log(&to)).unwrap().len() > 0,
        "there is no log"
    );
    to
}

fn log(db: &Db) -> std::path::PathBuf {
    db.dir().join("data.db-wal")
}

#[test]
fn a_file_that_is_no_database_is_refused_and_not_touched() {
    let others: [&[u8]; 7] = [
        b"hello world\n",
        b"{\"larder\":1}",
        b"\n",
        b"SQLite for",
        b"SQLite format 4\0 and so on",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        &[0; 4096],
    ];
    for bytes in others {
        let db = Db::new();
        std::fs::write(db.path(), bytes).unwrap();
        is_refused(&db, ErrorKind::Unrecognized);
    }
}

#[test]
fn a_database_of_another_program_is_refused_and_not_touched() {
    for mode in ["DELETE", "WAL"] {
        for id in [0, 7] {
            let db = Db::new();
            db.edit(&format!(
                "PRAGMA journal_mode = {mode}; PRAGMA application_id = {id}; \
                 CREATE TABLE sessions(id, doc); INSERT INTO sessions VALUES('a', '{{}}')"
            ));
            let error = is_refused(&db, ErrorKind::Unrecognized);
            assert!(error.to_string().contains("another program"), "{error}");
        }
    }
}

#[test]
fn a_database_that_another_program_left_in_a_crash_is_refused_and_not_touched() {
    let other = Db::new();
    let connection = other.sql();
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; CREATE TABLE theirs(x); INSERT INTO theirs VALUES(1)",
        )
        .unwrap();
    let db = crashed(&other);
    drop(connection);
    is_refused(&db, ErrorKind::Unrecognized);
    assert_eq!(sql::count(&db.sql(), "FROM theirs"), 1);
}

#[test]
fn a_directory_is_refused() {
    let db = Db::new();
    std::fs::create_dir(db.path()).unwrap();
    let error = is_refused(&db, ErrorKind::Io);
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("directory"), "{source}");
    assert_eq!(std::fs::read_dir(db.path()).unwrap().count(), 0);
}

#[test]
fn a_file_of_no_length_is_a_new_store() {
    let db = Db::new();
    std::fs::write(db.path(), b"").unwrap();
    let (store, sessions) = db.open();
    assert!(sessions.load_report().is_clean());
    sessions.save(session("a")).unwrap().wait().unwrap();
    store.close().wait().unwrap();
    drop((store, sessions));
    assert_eq!(agrees(&db.open().1), ["a"]);
}

#[test]
fn what_is_not_there_is_created_with_its_directories_but_not_by_who_only_reads() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("new/more/data.db");
    let url = format!("sqlite:{}", file.display());
    let error = Store::open(format!("{url}?read_only=true")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io, "{error}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    let sessions = Store::open(&url).unwrap().repository::<Session>().unwrap();
    assert_eq!(sessions.count(Query::all()).unwrap(), 0);
    assert!(file.is_file());
}

#[test]
fn a_file_that_was_cut_to_nothing_beside_its_log_is_refused_and_not_touched() {
    let whole = Db::new();
    let (_store, sessions) = whole.open();
    sessions.save(session("a")).unwrap().wait().unwrap();
    let db = crashed(&whole);
    std::fs::write(db.path(), b"").unwrap();
    let log_before = std::fs::read(log(&db)).unwrap();
    let error = is_refused(&db, ErrorKind::Unrecognized);
    assert!(error.to_string().contains("log"), "{error}");
    assert_eq!(std::fs::read(log(&db)).unwrap(), log_before);
    // Nor is one made for a log whose database is gone.
    std::fs::remove_file(db.path()).unwrap();
    let error = Store::open(db.config()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unrecognized, "{error}");
    assert_eq!(std::fs::read(log(&db)).unwrap(), log_before);
    assert_eq!(db.files().len(), 1, "a database was made");
}

#[test]
fn a_newer_format_is_refused_and_not_touched() {
    let db = Db::filled();
    db.edit("PRAGMA user_version = 2");
    is_refused(&db, ErrorKind::NewerVersion);
    // The same with its last words still in the log.
    let other = Db::filled();
    let (store, sessions) = other.open();
    other
        .sql()
        .execute_batch("PRAGMA user_version = 2")
        .unwrap();
    let db = crashed(&other);
    drop((store, sessions));
    is_refused(&db, ErrorKind::NewerVersion);
}

#[test]
fn a_table_of_another_program_in_a_store_is_not_taken_over() {
    for make in [
        "CREATE TABLE sessions(id TEXT PRIMARY KEY, doc TEXT)",
        "CREATE TABLE Sessions(x)",
        "CREATE VIEW sessions AS SELECT 1 AS id, 2 AS doc",
    ] {
        let db = Db::new();
        db.store().close().wait().unwrap();
        db.edit(make);
        let before = db.files();
        let store = db.store();
        let error = store.repository::<Session>().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unrecognized, "{make}: {error}");
        store.close().wait().unwrap();
        drop(store);
        assert_eq!(db.files(), before, "{make}");
    }
}

#[test]
fn what_a_crash_left_is_all_there_for_who_writes_and_for_who_only_reads() {
    let whole = Db::filled();
    let (_store, sessions) = whole.open();
    sessions.save(session("e")).unwrap().wait().unwrap();
    sessions.delete("a").unwrap().wait().unwrap();
    let db = crashed(&whole);
    let before = db.files();
    let (store, read) = open(db.config().read_only(true));
    assert_eq!(agrees(&read), ["b", "c", "d", "e"]);
    store.close().wait().unwrap();
    drop((store, read));
    assert!(db.files() == before, "reading changed a file");
    let (store, written) = db.open();
    assert_eq!(agrees(&written), ["b", "c", "d", "e"]);
    written.save(session("f")).unwrap().wait().unwrap();
    store.close().wait().unwrap();
    drop((store, written));
    assert_eq!(agrees(&db.open().1), ["b", "c", "d", "e", "f"]);
    db.is_sound();
}

#[test]
fn a_log_whose_end_is_torn_loses_no_more_than_its_end() {
    let whole = Db::filled();
    let (store, sessions) = whole.open();
    for n in 0..20 {
        let one = session(&format!("n{n:02}"));
        sessions.save(one).unwrap().wait().unwrap();
    }
    let db = crashed(&whole);
    drop((store, sessions));
    let log_bytes = std::fs::read(log(&db)).unwrap();
    for part in 1..8 {
        let torn = crashed_copy(&db, &log_bytes[..log_bytes.len() * part / 8]);
        let found = agrees(&torn.open().1);
        let added = found.len() - 4;
        let wanted: Vec<String> = ["a", "b", "c", "d"]
            .map(str::to_owned)
            .into_iter()
            .chain((0..added).map(|n| format!("n{n:02}")))
            .collect();
        assert_eq!(found, wanted, "not a prefix of what was saved");
        torn.is_sound();
    }
}

fn crashed_copy(of: &Db, log_bytes: &[u8]) -> Db {
    let to = Db::new();
    std::fs::copy(of.path(), to.path()).unwrap();
    std::fs::write(log(&to), log_bytes).unwrap();
    to
}

#[test]
fn a_store_that_another_program_keeps_locked_can_be_read() {
    let db = Db::filled();
    let other: Connection = db.sql();
    other
        .execute_batch("BEGIN IMMEDIATE; DELETE FROM sessions")
        .unwrap();
    let (store, sessions) = open(db.config().read_only(true));
    assert_eq!(agrees(&sessions), ["a", "b", "c", "d"]);
    drop((store, sessions));
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(agrees(&db.open().1), ["a", "b", "c", "d"]);
}

/// Who was stopped in the middle of a change with a rollback journal leaves half of it, and what undoes
/// it; so it may be while a database is made.
#[test]
fn half_a_change_is_undone_by_who_may_write_and_told_to_who_may_not() {
    let db = Db::new();
    let (store, sessions) = open(db.config());
    sessions.save(session("a")).unwrap().wait().unwrap();
    store.close().wait().unwrap();
    drop((store, sessions));

    let stopped = Db::new();
    let connection = Connection::open(db.path()).unwrap();
    let mode = "PRAGMA journal_mode = DELETE; PRAGMA cache_size = 1; BEGIN IMMEDIATE;
        CREATE TABLE more (x); INSERT INTO more
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
        SELECT hex(randomblob(200)) FROM n";
    connection.execute_batch(mode).unwrap();
    for (path, bytes) in db.files() {
        std::fs::write(stopped.dir().join(path.file_name().unwrap()), bytes).unwrap();
    }
    assert!(stopped.dir().join("data.db-journal").exists());

    let before = stopped.files();
    let error = Store::open(stopped.config().read_only(true)).unwrap_err();
    assert!(
        error.to_string().contains("open it once for writing"),
        "{error}"
    );
    assert!(stopped.files() == before, "a file was changed");
    let (store, sessions) = open(stopped.config());
    assert_eq!(sessions.count(Query::all()).unwrap(), 1);
    store.close().wait().unwrap();
    Store::open(stopped.config().read_only(true)).unwrap();
}
