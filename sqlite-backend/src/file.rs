//! The database file before SQLite opens it.
//!
//! Owns what SQLite leaves to its caller: directories that are missing, permissions of a new file,
//! syncing the directory, and whether the file system is one on which a write-ahead log works.
//!
//! Nothing here opens the database file itself: to close a descriptor on it would drop the locks that
//! this process holds on it for another store. Source:
//! <https://www.sqlite.org/howtocorrupt.html>, 2.2.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::error::SqliteError;

/// The file of the write-ahead log, which SQLite names after the resolved path.
pub(crate) fn log_path(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push("-wal");
    PathBuf::from(name)
}

/// The resolved path of a database that may be opened; a new one is created, empty.
pub(crate) fn prepare(path: &Path, create: bool, sync: bool) -> Result<PathBuf, SqliteError> {
    let absolute = std::path::absolute(path).map_err(SqliteError::io("use this path", path))?;
    let len = match fs::metadata(&absolute) {
        Ok(found) if found.is_dir() => {
            let source = io::Error::new(io::ErrorKind::IsADirectory, "it is a directory");
            return Err(SqliteError::io("open the database", absolute)(source));
        }
        Ok(found) => found.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound && create => {
            if fs::symlink_metadata(&absolute).is_ok() {
                let why = "it is a symbolic link that leads to nothing";
                let source = io::Error::new(io::ErrorKind::NotFound, why);
                return Err(SqliteError::io("open the database", absolute)(source));
            }
            make(&absolute, sync)?;
            0
        }
        Err(error) => return Err(SqliteError::io("open the database", absolute)(error)),
    };
    let path = fs::canonicalize(&absolute).map_err(SqliteError::io("resolve", &absolute))?;
    look(&path, len)?;
    Ok(path)
}

/// Creates an empty file, which only its owner may read, and the directories it is in.
fn make(path: &Path, sync: bool) -> Result<(), SqliteError> {
    let missing: Vec<&Path> = path
        .ancestors()
        .skip(1)
        .take_while(|dir| !dir.as_os_str().is_empty() && !dir.exists())
        .collect();
    if let Some(dir) = missing.first() {
        fs::create_dir_all(dir).map_err(SqliteError::io("create the directory", *dir))?;
        for made in &missing {
            if let (Some(parent), true) = (made.parent(), sync) {
                sync_dir(parent).map_err(SqliteError::io("sync the directory", parent))?;
            }
        }
    }
    let fail = |error| SqliteError::io("create the database", path)(error);
    let dir = path.parent().unwrap_or(path);
    // Aside and then named: the file itself is opened by nobody but SQLite. A new one may be read by
    // its owner only.
    let new = tempfile::NamedTempFile::new_in(dir).map_err(fail)?;
    match new.into_temp_path().persist_noclobber(path) {
        Ok(()) => Ok(()),
        // Somebody else was faster, and that is as good.
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(fail(error.error)),
    }
}

/// The smallest page there is: no database is smaller. SQLite takes a file of one byte for an empty
/// one.
const SMALLEST: u64 = 512;

/// Refuses what SQLite would take for a new database and is none: a file that is too short, and an
/// empty one that has a log, which SQLite would remove.
fn look(path: &Path, len: u64) -> Result<(), SqliteError> {
    if len >= SMALLEST {
        return Ok(());
    }
    if len > 0 {
        return Err(SqliteError::TooShort {
            path: path.to_owned(),
        });
    }
    match fs::metadata(log_path(path)) {
        Ok(log) if log.len() > 0 => Err(SqliteError::CutOff {
            path: path.to_owned(),
        }),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(SqliteError::io("read the log", log_path(path))(error)),
    }
}

/// Makes the names in a directory durable.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(dir)?.sync_all()
    } else {
        // Windows has no such call: NTFS keeps its names in a journal of its own.
        Ok(())
    }
}

/// Why a write-ahead log does not work here, if it does not: its index is shared memory, which
/// processes on two machines do not share. Source: <https://www.sqlite.org/wal.html>, "WAL does not
/// work over a network filesystem".
#[cfg(target_os = "linux")]
pub(crate) fn unsafe_for_log(path: &Path) -> Option<&'static str> {
    // Magic numbers of statfs(2).
    match rustix::fs::statfs(path).ok()?.f_type {
        0x6969 => Some("NFS"),
        0x517B => Some("SMB"),
        0xFE53_4D42 => Some("SMB2"),
        0xFF53_4D42 => Some("CIFS"),
        0x0102_1997 => Some("9P"),
        0x00C3_6400 => Some("Ceph"),
        0x5346_414F | 0x6B41_4653 => Some("AFS"),
        0x7375_7245 => Some("Coda"),
        0x0BD0_0BD0 => Some("Lustre"),
        0x0116_1970 => Some("GFS2"),
        0x7461_636F => Some("OCFS2"),
        _ => None,
    }
}

/// Elsewhere SQLite itself must find out, when it asks for shared memory.
#[cfg(not(target_os = "linux"))]
pub(crate) fn unsafe_for_log(_path: &Path) -> Option<&'static str> {
    None
}
