//! The connections of an open store.
//!
//! Owns [`Database`]: the one connection that writes, those that read beside it, and transactions.
//! It does not know what is in the tables.

use std::fmt;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use larder_core::{Error, ErrorKind, Result};
use parking_lot::{ArcMutexGuard, Mutex, RawMutex};
use rusqlite::Connection;

use crate::combine::Queue;
use crate::connection::{Role, move_log_at_the_end, open};
use crate::error::SqliteError;
use crate::mirror::data_version;

/// So many idle connections are kept for readers; more are opened while more read at once.
pub(crate) const KEPT_READERS: usize = 8;

/// The connections of an open store.
pub(crate) struct Database {
    path: PathBuf,
    readers: Role,
    /// `None` in a store that was opened for reading, and in one that was closed.
    writer: Arc<Mutex<Option<Connection>>>,
    pool: Mutex<Pool>,
    queue: Queue,
    /// Never one of the pool: each connection counts for itself.
    observer: Mutex<Observer>,
}

/// The connection that is asked whether somebody committed, and never another while the store is open:
/// what two of them say cannot be compared.
#[derive(Default)]
struct Observer {
    connection: Option<Connection>,
    closed: bool,
}

#[derive(Default)]
struct Pool {
    idle: Vec<Connection>,
    closed: bool,
    /// Whether the last connection may move the log into the database.
    moves_log: bool,
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl Database {
    /// The database at this path, written by this connection.
    pub(crate) fn writable(path: PathBuf, writer: Connection) -> Self {
        Self {
            path,
            readers: Role::Reader,
            writer: Arc::new(Mutex::new(Some(writer))),
            pool: Mutex::default(),
            queue: Queue::default(),
            observer: Mutex::default(),
        }
    }

    /// The database at this path, for reading.
    pub(crate) fn read_only(path: PathBuf, first: Connection) -> Self {
        let pool = Pool {
            idle: vec![first],
            ..Pool::default()
        };
        Self {
            path,
            readers: Role::ReadOnly,
            writer: Arc::default(),
            pool: Mutex::new(pool),
            queue: Queue::default(),
            observer: Mutex::default(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Those who wait for their turn to write.
    pub(crate) fn queue(&self) -> &Queue {
        &self.queue
    }

    /// A connection for reading, which nobody else uses meanwhile. There is always one to be had, so
    /// a filter that reads the store while a query runs does not wait for that query.
    pub(crate) fn reader(&self) -> Result<Reader<'_>> {
        let idle = {
            let mut pool = self.pool.lock();
            if pool.closed {
                return Err(closed());
            }
            pool.idle.pop()
        };
        let connection = match idle {
            Some(connection) => connection,
            None => open(&self.path, self.readers)?,
        };
        Ok(Reader {
            connection: Some(connection),
            database: self,
        })
    }

    /// Does something in one write transaction: all of it is kept if it gives `Some`, none of it if
    /// it gives `None`, an error, or panics. Whoever calls this holds the store's turn.
    pub(crate) fn write<R, E: From<Error>>(
        &self,
        act: impl FnOnce(&Connection) -> Result<Option<R>, E>,
    ) -> Result<Option<R>, E> {
        let writer = self.writer.lock();
        let connection = writer.as_ref().ok_or_else(closed)?;
        let transaction = Transaction::begin(connection).map_err(Error::from)?;
        let result = act(connection)?;
        if result.is_some() {
            transaction.commit().map_err(Error::from)?;
        }
        Ok(result)
    }

    /// The connection that writes, for a transaction in which others take part. Whoever calls this
    /// holds the store's turn.
    pub(crate) fn lend(&self) -> Result<Lent> {
        let writer = self.writer.lock_arc();
        if writer.is_none() {
            return Err(closed());
        }
        Ok(Lent { writer })
    }

    /// Does something with the connection that writes.
    #[cfg(test)]
    pub(crate) fn with_writer<R>(&self, act: impl FnOnce(&mut Connection) -> R) -> Option<R> {
        self.writer.lock().as_mut().map(act)
    }

    /// How many connections for reading wait to be used again.
    #[cfg(test)]
    pub(crate) fn idle(&self) -> usize {
        self.pool.lock().idle.len()
    }

    /// Has this told how many pages are in the log, after each commit.
    pub(crate) fn watch_log(&self, tell: impl Fn(i32) + Send + 'static) {
        if let Some(writer) = self.writer.lock().as_mut() {
            // Cannot fail on a connection that is open.
            let _ = writer.wal_hook(Some(move |_: &mut _, pages: i32| {
                tell(pages);
                Ok(())
            }));
        }
    }

    /// Does something while nobody, in whatever process, writes to the database.
    pub(crate) fn hold_still<R>(&self, act: impl FnOnce() -> Result<R>) -> Result<R> {
        let writer = self.writer.lock();
        let connection = writer.as_ref().ok_or_else(closed)?;
        let _transaction = Transaction::begin(connection)?;
        act()
    }

    /// How many frames SQLite believes are in the log, up to the last commit.
    pub(crate) fn log_frames(&self) -> Result<u64> {
        let reader = self.reader()?;
        let frames = reader.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| {
            row.get::<_, i64>(1)
        });
        let frames = frames.map_err(SqliteError::sql("ask for the length of the log"))?;
        Ok(u64::try_from(frames).unwrap_or(0))
    }

    /// A number that is another one after any other connection has committed, whosever it is.
    pub(crate) fn revision(&self) -> Result<u64> {
        let mut observer = self.observer.lock();
        if observer.closed {
            return Err(closed());
        }
        let connection = match observer.connection.take() {
            Some(connection) => connection,
            None => open(&self.path, self.readers)?,
        };
        let version = data_version(observer.connection.insert(connection))?;
        Ok(version.cast_unsigned())
    }

    /// Whether there is a connection that writes.
    pub(crate) fn is_writable(&self) -> bool {
        self.readers == Role::Reader
    }

    /// Closes the connections, and those that are in use when they come back. The last one moves the
    /// log into the database if this says that the log can be trusted; else it stays where it is.
    pub(crate) fn close(&self, log_is_trusted: bool) {
        let idle = {
            let mut pool = self.pool.lock();
            pool.closed = true;
            pool.moves_log = log_is_trusted;
            std::mem::take(&mut pool.idle)
        };
        drop(idle);
        let observer = {
            let mut observer = self.observer.lock();
            observer.closed = true;
            observer.connection.take()
        };
        drop(observer);
        // Last, so that it is the writer that moves the log into the database.
        let Some(writer) = self.writer.lock().take() else {
            return;
        };
        if log_is_trusted {
            move_log_at_the_end(&writer);
        }
        if let Err((_, error)) = writer.close() {
            tracing::warn!(target: "larder::close", %error, "a connection could not be closed");
        }
    }
}

fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the store was closed")
}

/// The connection that writes, as long as this is there.
pub(crate) struct Lent {
    writer: ArcMutexGuard<RawMutex, Option<Connection>>,
}

impl Lent {
    pub(crate) fn connection(&self) -> Result<&Connection> {
        self.writer.as_ref().ok_or_else(closed)
    }

    /// Begins a transaction.
    pub(crate) fn begin(&self) -> Result<Transaction<'_>> {
        Ok(Transaction::begin(self.connection()?)?)
    }
}

/// A connection that goes back to where it came from.
pub(crate) struct Reader<'d> {
    connection: Option<Connection>,
    database: &'d Database,
}

impl Reader<'_> {
    /// Does something that sees the database as it is at one moment.
    pub(crate) fn snapshot<R, E: From<Error>>(
        &self,
        act: impl FnOnce(&Connection) -> Result<R, E>,
    ) -> Result<R, E> {
        let begun = self
            .prepare_cached("BEGIN")
            .and_then(|mut begin| begin.execute([]));
        begun
            .map_err(SqliteError::sql("begin to read"))
            .map_err(Error::from)?;
        let _end = End(self);
        act(self)
    }
}

impl Deref for Reader<'_> {
    type Target = Connection;

    #[expect(clippy::expect_used, reason = "it is there until the drop")]
    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("there until it is dropped")
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        let mut pool = self.database.pool.lock();
        let keep = !pool.closed && pool.idle.len() < KEPT_READERS;
        match self.connection.take() {
            // One whose transaction could not be ended holds the log: it is not kept.
            Some(connection) if keep && connection.is_autocommit() => pool.idle.push(connection),
            other => {
                let moves_log = pool.moves_log;
                drop(pool);
                if let (true, Some(connection)) = (moves_log, &other) {
                    move_log_at_the_end(connection);
                }
                drop(other);
            }
        }
    }
}

/// Ends a transaction that only read.
struct End<'c>(&'c Connection);

impl Drop for End<'_> {
    fn drop(&mut self) {
        roll_back(self.0);
    }
}

/// A write transaction; it is rolled back unless it is committed.
pub(crate) struct Transaction<'c> {
    connection: &'c Connection,
}

impl<'c> Transaction<'c> {
    fn begin(connection: &'c Connection) -> Result<Self, SqliteError> {
        // Left open by a rollback that failed.
        if !connection.is_autocommit() {
            roll_back(connection);
        }
        connection
            .prepare_cached("BEGIN IMMEDIATE")
            .and_then(|mut begin| begin.execute([]))
            .map_err(SqliteError::sql("begin to write"))?;
        Ok(Self { connection })
    }

    /// By `execute`, whose error is the commit's: one that gives rows would hide it.
    pub(crate) fn commit(self) -> Result<(), SqliteError> {
        if self.connection.is_autocommit() {
            return Err(SqliteError::RolledBack);
        }
        self.connection
            .prepare_cached("COMMIT")
            .and_then(|mut commit| commit.execute([]))
            .map_err(SqliteError::sql("commit"))?;
        Ok(())
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        // After a commit there is none any more.
        roll_back(self.connection);
    }
}

/// On the same connection: one that is closed and opened anew forgets what failed.
fn roll_back(connection: &Connection) {
    if connection.is_autocommit() {
        return;
    }
    // One that cannot be ended is ended by whoever begins the next. Nothing is logged: others wait, and
    // a log may be kept in this very store.
    let _ = connection
        .prepare_cached("ROLLBACK")
        .and_then(|mut rollback| rollback.execute([]));
}
