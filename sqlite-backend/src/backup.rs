//! The database as it was before the records of a collection were migrated.
//!
//! Owns [`Backup`]: a copy of the whole database beside it, `data.db.sessions.v1-<utc>.db`. It is a
//! store: the program that wrote the records opens it.

use std::fs;
use std::path::{Path, PathBuf};

use larder_core::Error;
use larder_core::backend::utc_stamp;

use crate::connection::{Role, open};
use crate::error::SqliteError;
use crate::file::sync_dir;

/// A copy of the database. It goes with this, unless it is kept.
#[derive(Debug)]
pub(crate) struct Backup {
    path: PathBuf,
    kept: bool,
}

impl Backup {
    /// Copies the database, durably. Whoever calls this holds SQLite's write lock, so that nobody
    /// changes anything between the copy and what comes after it.
    pub(crate) fn make(database: &Path, collection: &str, version: u32) -> Result<Self, Error> {
        let dir = database.parent().unwrap_or(database);
        let fail = |error| SqliteError::io("make a backup before the migration", database)(error);
        // Aside and then named, so that what has the name is whole.
        let copy = tempfile::Builder::new()
            .prefix(".larder-")
            .suffix(".tmp")
            .tempfile_in(dir)
            .map_err(fail)?;
        let name = copy.path().to_str().ok_or_else(|| {
            fail(std::io::Error::new(
                std::io::ErrorKind::InvalidFilename,
                "the path is not UTF-8",
            ))
        })?;
        // A connection of its own: the one that writes is in a transaction.
        open(database, Role::ReadOnly)?
            .execute("VACUUM INTO ?1", [name])
            .map_err(SqliteError::sql("make a backup before the migration"))?;
        copy.as_file().sync_all().map_err(fail)?;
        let mut copy = copy.into_temp_path();
        for number in 1_u32.. {
            let path = named(database, collection, version, number);
            match copy.persist_noclobber(&path) {
                Ok(()) => {
                    sync_dir(dir).map_err(fail)?;
                    return Ok(Self { path, kept: false });
                }
                Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => {
                    copy = error.path;
                }
                Err(error) => return Err(fail(error.error).into()),
            }
        }
        Err(fail(std::io::ErrorKind::AlreadyExists.into()).into())
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The migration was made: it stays.
    pub(crate) fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Backup {
    #[expect(
        clippy::disallowed_methods,
        reason = "a copy that nothing came of; the database itself is as it was"
    )]
    fn drop(&mut self) {
        if !self.kept
            && let Err(error) = fs::remove_file(&self.path)
        {
            let path = self.path.display();
            tracing::debug!(target: "larder::load", %path, %error, "a backup of no use stays behind");
        }
    }
}

fn named(database: &Path, collection: &str, version: u32, number: u32) -> PathBuf {
    let utc = utc_stamp();
    let again = if number > 1 {
        format!("-{number}")
    } else {
        String::new()
    };
    let mut name = database.as_os_str().to_owned();
    name.push(format!(".{collection}.v{version}-{utc}{again}.db"));
    PathBuf::from(name)
}
