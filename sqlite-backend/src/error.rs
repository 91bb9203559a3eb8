//! What can go wrong in this backend, before it becomes the error that users see.
//!
//! Owns [`SqliteError`] and its one way into [`larder_core::Error`]. No type of the database stands
//! in a public signature: SQLite's own words are the source of the error.

use std::io;
use std::path::PathBuf;

use larder_core::{Error, ErrorKind};
use rusqlite::ErrorCode;

/// Why this backend refuses or fails.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SqliteError {
    #[error("SQLite could not {doing}")]
    Sql {
        doing: &'static str,
        source: rusqlite::Error,
    },
    #[error("could not {doing}")]
    Io {
        doing: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("the file is not a SQLite database; it was not touched. Move it away, or name another")]
    TooShort { path: PathBuf },
    #[error(
        "the database file is empty or missing, but its write-ahead log is not: the file was cut off or \
         removed, and SQLite would discard the log. Nothing was touched; keep a copy of what is there \
         before anything else"
    )]
    CutOff { path: PathBuf },
    #[error("the database belongs to another program; it was not touched. Name another file")]
    Foreign { path: PathBuf },
    #[error(
        "the store was written in format {found}, this program knows format 1; it was not touched"
    )]
    NewerFormat { path: PathBuf, found: i64 },
    #[error(
        "the records are of version {found}, this program knows version {known}; they were not \
         touched"
    )]
    NewerVersion { found: u32, known: u32 },
    #[error("the collection {other:?} is there, whose name differs only in case")]
    OtherCase { other: String },
    #[error("the database has a table of this name that is not a collection; it was not touched")]
    ForeignTable,
    #[error(
        "the table of the collection is gone: someone else removed or renamed it. Put it back from \
         a backup, or delete the collection's row in larder_collections to begin anew"
    )]
    TableGone,
    #[error("what the database says of the collection cannot be read: {reason}")]
    Bookkeeping { reason: String },
    #[error(
        "another program changed the indexes, the schema or the version of the collection while it \
         was open here; open the store anew"
    )]
    LayoutChanged,
    #[error(
        "part of the write-ahead log that was to be written anew after a failed sync cannot be \
         read back: what was visible and not durable may be lost. Open the store anew"
    )]
    LogLost { path: PathBuf },
    #[error(
        "an error in the transaction made SQLite roll back all of it; nothing of it is kept, and \
         nothing more can be done in it"
    )]
    RolledBack,
    #[error(
        "this program was built with SQLite {version}, whose write-ahead log can lose a commit \
         (fixed in 3.51.3); build it with a newer one, or with the feature `bundled`"
    )]
    OldSqlite { version: &'static str },
}

impl SqliteError {
    pub(crate) fn sql(doing: &'static str) -> impl FnOnce(rusqlite::Error) -> Self {
        move |source| Self::Sql { doing, source }
    }

    pub(crate) fn io(
        doing: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            doing,
            path,
            source,
        }
    }
}

/// SQLite's code for a failure, if it is one of SQLite's.
pub(crate) fn code(error: &rusqlite::Error) -> Option<ErrorCode> {
    error.sqlite_error_code()
}

/// Whether a unique index refused a row.
pub(crate) fn is_unique(error: &rusqlite::Error) -> bool {
    error
        .sqlite_error()
        .is_some_and(|error| error.extended_code == rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE)
}

impl From<SqliteError> for Error {
    fn from(error: SqliteError) -> Self {
        let message = error.to_string();
        match error {
            SqliteError::Sql { doing, source } => of_sql(doing, source),
            SqliteError::Io {
                path,
                source,
                doing: _,
            } => Self::new(ErrorKind::Io, message)
                .with_path(path)
                .with_source(source)
                .transient(true),
            SqliteError::TooShort { path }
            | SqliteError::CutOff { path }
            | SqliteError::Foreign { path } => {
                Self::new(ErrorKind::Unrecognized, message).with_path(path)
            }
            SqliteError::NewerFormat { path, .. } => {
                Self::new(ErrorKind::NewerVersion, message).with_path(path)
            }
            SqliteError::NewerVersion { .. } => Self::new(ErrorKind::NewerVersion, message),
            SqliteError::OtherCase { .. } | SqliteError::OldSqlite { .. } => {
                Self::new(ErrorKind::Config, message)
            }
            SqliteError::ForeignTable
            | SqliteError::TableGone
            | SqliteError::Bookkeeping { .. } => Self::new(ErrorKind::Unrecognized, message),
            SqliteError::LayoutChanged => Self::new(ErrorKind::ExternalChange, message),
            SqliteError::LogLost { path } => Self::new(ErrorKind::Io, message).with_path(path),
            SqliteError::RolledBack => Self::new(ErrorKind::Io, message).transient(true),
        }
    }
}

fn of_sql(doing: &'static str, source: rusqlite::Error) -> Error {
    let (kind, why, transient) = match code(&source) {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => (
            ErrorKind::Locked,
            "another process held the database for too long",
            true,
        ),
        // The index of the log is a file, too.
        code if code == Some(ErrorCode::DiskFull) || is_full(&source) => (
            ErrorKind::Io,
            "the disk is full; nothing was changed, and it works again when there is space",
            true,
        ),
        Some(ErrorCode::NotADatabase) => (
            ErrorKind::Unrecognized,
            "the file is not a SQLite database, or is damaged at its very beginning; it was not \
             touched. Move it away, or name another",
            false,
        ),
        Some(ErrorCode::DatabaseCorrupt) => (
            ErrorKind::Io,
            "the database is damaged; copy the file and its -wal before anything else, then try \
             `.recover` of the sqlite3 shell",
            false,
        ),
        Some(ErrorCode::ReadOnly) if is_unfinished(&source) => (
            ErrorKind::Io,
            "somebody was stopped in the middle of a change, which only a writer can undo; open it once \
             for writing",
            true,
        ),
        Some(ErrorCode::ReadOnly) => (
            ErrorKind::Io,
            "the database, or its directory, may not be written",
            true,
        ),
        Some(ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => (
            ErrorKind::Io,
            "the file or its directory may not be opened",
            true,
        ),
        Some(ErrorCode::SystemIoFailure) => (ErrorKind::Io, "the disk refused", true),
        Some(ErrorCode::TooBig) => (ErrorKind::TooLarge, "a value is too large", false),
        Some(ErrorCode::SchemaChanged) => (
            ErrorKind::ExternalChange,
            "another program changed the database's tables; open the store anew",
            false,
        ),
        _ if is_missing_object(&source) => (
            ErrorKind::ExternalChange,
            "another program changed the collection's table; open the store anew",
            false,
        ),
        _ => (ErrorKind::Internal, "SQLite refused a statement", false),
    };
    Error::new(kind, format!("could not {doing}: {why}"))
        .with_source(source)
        .transient(transient)
}

/// Whether there is no space for the shared memory of the log.
fn is_full(error: &rusqlite::Error) -> bool {
    error
        .sqlite_error()
        .is_some_and(|error| error.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE)
}

/// Whether what is there is the half of a change, with what undoes it beside.
fn is_unfinished(error: &rusqlite::Error) -> bool {
    use rusqlite::ffi::{SQLITE_READONLY_RECOVERY, SQLITE_READONLY_ROLLBACK};
    error.sqlite_error().is_some_and(|error| {
        [SQLITE_READONLY_ROLLBACK, SQLITE_READONLY_RECOVERY].contains(&error.extended_code)
    })
}

/// Whether a table or a column that was there is not there any more.
fn is_missing_object(error: &rusqlite::Error) -> bool {
    let message = match error {
        rusqlite::Error::SqlInputError { msg, .. } => msg,
        rusqlite::Error::SqliteFailure(_, Some(message)) => message,
        _ => return false,
    };
    message.contains("no such table") || message.contains("no such column")
}
