//! Connections, and how each is set up.
//!
//! Owns the settings that durability and sharing rest on, the wait for other processes, and telling
//! a store of ours from another program's database.

use std::path::Path;
use std::time::Duration;

use larder_core::Durability;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::ddl::BOOKKEEPING;
use crate::error::SqliteError;
use crate::names::Quoted;

/// "Lard", so that `file` and others can tell what the database is.
const APPLICATION_ID: i64 = 0x4c61_7264;
/// The version of the tables that the store keeps for itself.
const FORMAT: i64 = 1;

/// A log that was once longer than this is cut when it begins anew.
const LOG_LIMIT: i64 = 64 << 20;
/// How much of the database the writer keeps in memory, in KiB: SQLite's own 2 MB hold the upper pages
/// of a few indexes only, and each page that is not there is a call to the system under the write lock.
const WRITER_CACHE: i64 = 16 << 10;
/// Statements that stay prepared, per connection.
const CACHED_STATEMENTS: usize = 128;

/// The longest pause between two looks at a database that somebody else holds.
const LONGEST_PAUSE: Duration = Duration::from_millis(2);
/// After so many pauses (about half a minute) the caller is told.
const PAUSES: i32 = 15_000;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The one that writes.
    Writer,
    /// One that reads beside the writer.
    Reader,
    /// One of a store that was opened for reading only.
    ReadOnly,
}

/// How a database keeps a crash from tearing it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Journaling {
    /// A write-ahead log: commits are visible at once, and durable when the log is synced.
    Log,
    /// A rollback journal: each commit is durable before it is visible.
    Rollback,
}

/// Opens the database; the file must be there.
pub(crate) fn open(path: &Path, role: Role) -> Result<Connection, SqliteError> {
    // No URI: a path is a path. No mutex of SQLite's: a connection is used by one thread at a time.
    let access = match role {
        Role::ReadOnly => OpenFlags::SQLITE_OPEN_READ_ONLY,
        Role::Writer | Role::Reader => OpenFlags::SQLITE_OPEN_READ_WRITE,
    };
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = Connection::open_with_flags(path, flags);
    let mut connection = opened.map_err(SqliteError::sql("open the database"))?;
    set_up(&mut connection, role).map_err(SqliteError::sql("set up the connection"))?;
    Ok(connection)
}

/// Lets a connection, if it is the last one, move the log into the database when it is closed.
pub(crate) fn move_log_at_the_end(connection: &Connection) {
    // If it cannot be set the log stays, and the next one who opens the database finds it.
    let _ = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false);
}

fn set_up(connection: &mut Connection, role: Role) -> rusqlite::Result<()> {
    connection.busy_handler(Some(wait))?;
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    // Checkpoints are the checkpointer's, and one is made when the last connection of a store is closed
    // whose log can be trusted. Of its own accord SQLite would make that one always.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    // Else a statement whose plan might be another for other values (with an order beside a key, or with
    // a limit) is prepared anew after they were cleared, which is whenever it goes back to the cache.
    // Source: https://www.sqlite.org/queryplanner-ng.html#qpstab.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "journal_size_limit", LOG_LIMIT)?;
    // On macOS a plain fsync leaves data in the drive's cache.
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    if role == Role::Writer {
        // Negative: KiB and not pages.
        connection.pragma_update(None, "cache_size", -WRITER_CACHE)?;
    }
    if role == Role::Reader {
        connection.pragma_update(None, "query_only", true)?;
    }
    Ok(())
}

/// Waits for somebody else's lock. SQLite's own way doubles its pauses up to a tenth of a second,
/// and whoever waits longest then comes last.
#[expect(
    clippy::disallowed_methods,
    reason = "SQLite has no event to wait for: another process lets go without telling"
)]
fn wait(pauses: i32) -> bool {
    if pauses >= PAUSES {
        return false;
    }
    let pause = Duration::from_micros(50 << pauses.clamp(0, 6));
    std::thread::sleep(pause.min(LONGEST_PAUSE));
    true
}

fn pragma(connection: &Connection, name: &str) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, name, |row| row.get(0))
}

/// Refuses a database that is another program's, or of a newer format. Touches nothing.
pub(crate) fn recognize(connection: &Connection, path: &Path) -> Result<(), SqliteError> {
    let fail = || SqliteError::sql("read the database");
    let id = pragma(connection, "application_id").map_err(fail())?;
    if id == APPLICATION_ID {
        let found = pragma(connection, "user_version").map_err(fail())?;
        if found > FORMAT {
            return Err(SqliteError::NewerFormat {
                path: path.to_owned(),
                found,
            });
        }
        return Ok(());
    }
    // A store that went through a dump has lost its number, and a new one has none yet.
    let (ours, all): (i64, i64) = connection
        .query_row(
            "SELECT coalesce(sum(name = 'larder_collections'), 0), count(*) FROM sqlite_schema",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .map_err(fail())?;
    if ours == 0 && all > 0 {
        return Err(SqliteError::Foreign {
            path: path.to_owned(),
        });
    }
    Ok(())
}

/// Whether a database has the tables of a store.
pub(crate) fn is_store(connection: &Connection) -> Result<bool, SqliteError> {
    connection
        .query_row(
            "SELECT count(*) FROM sqlite_schema WHERE name = 'larder_collections'",
            [],
            |row| row.get::<_, i64>(0),
        )
        .map(|found| found > 0)
        .map_err(SqliteError::sql("read the database"))
}

/// Turns the write-ahead log on, where it works.
pub(crate) fn journal(
    connection: &Connection,
    unsafe_for_log: Option<&str>,
) -> Result<Journaling, SqliteError> {
    let fail = || SqliteError::sql("turn on the write-ahead log");
    let ask = |wanted: Option<&str>| -> rusqlite::Result<String> {
        match wanted {
            Some(mode) => {
                connection.pragma_update_and_check(None, "journal_mode", mode, |row| row.get(0))
            }
            None => connection.pragma_query_value(None, "journal_mode", |row| row.get(0)),
        }
    };
    if unsafe_for_log.is_none() {
        ask(Some("WAL")).map_err(fail())?;
        // The answer comes before the change is committed: only what is said after a real read
        // counts.
        is_store(connection)?;
        if ask(None).map_err(fail())?.eq_ignore_ascii_case("wal") {
            return Ok(Journaling::Log);
        }
    }
    tracing::warn!(
        target: "larder::open",
        file_system = unsafe_for_log,
        "a write-ahead log does not work here; with a rollback journal every write waits for the \
         disk, and readers wait for writers"
    );
    ask(Some("DELETE")).map_err(fail())?;
    // FULL would not sync the directory after the journal is removed, and a journal that comes back
    // undoes the last commit. Source: https://www.sqlite.org/pragma.html#pragma_synchronous, EXTRA.
    connection
        .pragma_update(None, "synchronous", "EXTRA")
        .map_err(fail())?;
    Ok(Journaling::Rollback)
}

/// Makes the tables that the store keeps for itself, if they are not there.
pub(crate) fn found(connection: &Connection) -> Result<(), SqliteError> {
    let make = || -> rusqlite::Result<()> {
        if pragma(connection, "application_id")? == APPLICATION_ID {
            return Ok(());
        }
        let transaction = rusqlite::Transaction::new_unchecked(
            connection,
            rusqlite::TransactionBehavior::Immediate,
        )?;
        transaction.execute_batch(BOOKKEEPING)?;
        doubt_all(&transaction)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", FORMAT)?;
        transaction.commit()
    };
    make().map_err(SqliteError::sql("make the tables of the store"))
}

/// A store that went through a dump, which may have been edited, says of every row that it is good.
fn doubt_all(connection: &Connection) -> rusqlite::Result<()> {
    let tables: Vec<String> = connection
        .prepare(
            "SELECT t.name FROM larder_collections c JOIN sqlite_schema t ON t.name = c.name \
             WHERE t.type = 'table'",
        )?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for table in tables {
        connection.execute_batch(&format!("UPDATE {} SET larder = 0", Quoted(&table)))?;
    }
    Ok(())
}

/// Whether an acknowledged write waits for the disk.
pub(crate) fn syncs(durability: Durability) -> bool {
    durability == Durability::PowerLoss
}
