//! The bare database that most ways commit to: its tables, how a record is put, and how its log is
//! kept short.
//!
//! When the log is synced is up to the ways.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;

use crate::rows::{RECORDS, Row, row};

/// The log may grow to this before it is checkpointed: 4 MB in pages.
const LOG_PAGES: u64 = 1_000;

/// How a record is put.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Upsert {
    /// One `INSERT .. ON CONFLICT DO UPDATE` that sets every column. SQLite writes the pages of
    /// every index again, also where nothing changed: three or four pages a save.
    Plain,
    /// First an `UPDATE` of the document alone, where the indexed columns are what they were: one
    /// page a save. The other one only if that changed no row.
    Narrow,
}

const PLAIN: &str = r#"
    INSERT INTO sessions(id, doc, larder, "channelId", "categoryId") VALUES(?1, ?2, 0, ?3, ?4)
    ON CONFLICT(id) DO UPDATE SET doc = excluded.doc, larder = excluded.larder,
        "channelId" = excluded."channelId", "categoryId" = excluded."categoryId""#;

const NARROW: &str = r#"
    UPDATE sessions SET doc = ?2, larder = 0
    WHERE id = ?1 AND "channelId" IS ?3 AND "categoryId" IS ?4"#;

pub(crate) fn put(connection: &Connection, row: &Row, upsert: Upsert) {
    let parameters = (&row.id, &row.doc, &row.channel, &row.category);
    let run = |sql| {
        let mut statement = connection.prepare_cached(sql).unwrap();
        statement.execute(parameters).unwrap()
    };
    if upsert == Upsert::Plain || run(NARROW) == 0 {
        run(PLAIN);
    }
}

pub(crate) fn create(path: &Path) {
    let connection = Connection::open(path).unwrap();
    connection
        .execute_batch(
            r#"
            PRAGMA journal_mode = WAL;
            CREATE TABLE sessions(
                id TEXT NOT NULL PRIMARY KEY, doc TEXT NOT NULL,
                larder INTEGER NOT NULL DEFAULT 0, "channelId" TEXT, "categoryId" TEXT) STRICT;
            CREATE UNIQUE INDEX sessions_channel ON sessions("channelId");
            CREATE INDEX sessions_category ON sessions("categoryId", id);
            CREATE TABLE barrier(id INTEGER PRIMARY KEY, sequence INTEGER NOT NULL) STRICT;
            INSERT INTO barrier VALUES(1, 0);
            BEGIN"#,
        )
        .unwrap();
    for number in 0..RECORDS {
        put(&connection, &row(number, 0), Upsert::Plain);
    }
    connection
        .execute_batch("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)")
        .unwrap();
}

pub(crate) fn connect(path: &Path, synchronous: &str) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection.busy_timeout(Duration::from_secs(10)).unwrap();
    connection
        .pragma_update(None, "synchronous", synchronous)
        .unwrap();
    // The log is opened by the first read, not by the open.
    connection
        .query_row("SELECT count(*) FROM barrier", (), |_| Ok(()))
        .unwrap();
    connection
}

pub(crate) fn run(connection: &Connection, sql: &str) {
    let mut statement = connection.prepare_cached(sql).unwrap();
    statement.execute(()).unwrap();
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}

/// The connection that writes, and the thread that keeps its log short.
pub(crate) struct Database {
    pub(crate) writer: Arc<Mutex<Connection>>,
    upsert: Upsert,
    /// Pages that the log may have got since its thread was last woken, roughly.
    pages: AtomicU64,
    wake: Option<SyncSender<()>>,
    checkpoints: Option<JoinHandle<()>>,
}

impl Database {
    pub(crate) fn open(path: &Path, synchronous: &str, upsert: Upsert) -> Self {
        let writer = connect(path, synchronous);
        writer
            .pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()))
            .unwrap();
        let writer = Arc::new(Mutex::new(writer));
        let (wake, woken) = sync_channel(1);
        let other = connect(path, "NORMAL");
        let thread = std::thread::spawn({
            let writer = Arc::clone(&writer);
            move || keep_log_short(&other, &writer, &woken)
        });
        Self {
            writer,
            upsert,
            pages: AtomicU64::new(0),
            wake: Some(wake),
            checkpoints: Some(thread),
        }
    }

    /// Commits the rows as one transaction. `then` runs while nobody else can commit.
    pub(crate) fn commit<T>(&self, rows: &[Row], then: impl FnOnce() -> T) -> T {
        let writer = lock(&self.writer);
        if let [row] = rows {
            put(&writer, row, self.upsert);
        } else {
            run(&writer, "BEGIN IMMEDIATE");
            for row in rows {
                put(&writer, row, self.upsert);
            }
            run(&writer, "COMMIT");
        }
        let answer = then();
        drop(writer);
        self.grown(rows.len() as u64);
        answer
    }

    /// Wakes the thread of the checkpoints each time the log has about [`LOG_PAGES`] more.
    fn grown(&self, rows: u64) {
        let pages = rows * if self.upsert == Upsert::Plain { 3 } else { 1 };
        let before = self.pages.fetch_add(pages, Ordering::Relaxed);
        if before / LOG_PAGES != (before + pages) / LOG_PAGES
            && let Some(wake) = &self.wake
        {
            // Full: it is awake.
            let _ = wake.try_send(());
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.wake = None;
        if let Some(thread) = self.checkpoints.take() {
            thread.join().unwrap();
        }
    }
}

/// Most of the log is copied while others write. As long as they do, that alone never ends: a log
/// starts again only when all of it is in the database, and what came meanwhile is not. So the
/// short rest is copied while nobody writes.
fn keep_log_short(connection: &Connection, writer: &Mutex<Connection>, woken: &Receiver<()>) {
    while woken.recv().is_ok() {
        if checkpoint(connection) >= LOG_PAGES {
            let quiet = lock(writer);
            checkpoint(connection);
            drop(quiet);
        }
    }
}

/// How many pages the log has.
fn checkpoint(connection: &Connection) -> u64 {
    connection
        .query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |row| {
            row.get::<_, i64>(1)
        })
        .map_or(0, |pages| pages.try_into().unwrap_or(0))
}
