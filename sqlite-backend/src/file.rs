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

/// The resolved path of a database that may be opened; a new one is created, empty. If it is to be
/// written and to survive a loss of power, the directory it is in is durable after this.
pub(crate) fn prepare(path: &Path, create: bool, sync: bool) -> Result<PathBuf, SqliteError> {
    let absolute = std::path::absolute(path).map_err(SqliteError::io("use this path", path))?;
    match fs::metadata(&absolute) {
        Ok(found) if found.is_dir() => {
            let source = io::Error::new(io::ErrorKind::IsADirectory, "it is a directory");
            return Err(SqliteError::io("open the database", absolute)(source));
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound && create => {
            if fs::symlink_metadata(&absolute).is_ok() {
                let why = "it is a symbolic link that leads to nothing";
                let source = io::Error::new(io::ErrorKind::NotFound, why);
                return Err(SqliteError::io("open the database", absolute)(source));
            }
            look(&absolute)?;
            make(&absolute, sync)?;
        }
        Err(error) => return Err(SqliteError::io("open the database", absolute)(error)),
    }
    let path = fs::canonicalize(&absolute).map_err(SqliteError::io("resolve", &absolute))?;
    let len = look(&path)?;
    if let (Some(dir), true) = (path.parent(), create && sync) {
        // Also where both were there before: who created them may have crashed before this.
        if len == 0 {
            // A log without its database is not to be found: SQLite's own sync of the directory may
            // fail, and nobody is told.
            sync_dir(dir).map_err(SqliteError::io("sync the directory", dir))?;
        }
        sync_name(dir)?;
    }
    Ok(path)
}

/// Creates an empty file, which only its owner may read, and the directories it is in.
fn make(path: &Path, sync: bool) -> Result<(), SqliteError> {
    let missing: Vec<&Path> = path
        .ancestors()
        .skip(1)
        .take_while(|dir| !dir.as_os_str().is_empty() && !dir.exists())
        .collect();
    // From the outermost on, and none before the one that it is in is durable: so whoever comes after a
    // crash or a failure has only one name to make durable, that of the innermost one that is there.
    for dir in missing.into_iter().rev() {
        if let (Some(parent), true) = (dir.parent(), sync) {
            sync_name(parent)?;
        }
        match fs::create_dir(dir) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(SqliteError::io("create the directory", dir)(error));
            }
            _ => {}
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

/// Refuses what SQLite would take for a new database and is none: a file that is too short, and one
/// that is empty or not there and has a log, which SQLite would remove. Gives the file's length.
fn look(path: &Path) -> Result<u64, SqliteError> {
    // The log first: whoever makes a database meanwhile makes its log last.
    let log = length(&log_path(path)).map_err(SqliteError::io("read the log", log_path(path)))?;
    let len = length(path).map_err(SqliteError::io("open the database", path))?;
    let path = || path.to_owned();
    match len {
        0 if log > 0 => Err(SqliteError::CutOff { path: path() }),
        1..SMALLEST => Err(SqliteError::TooShort { path: path() }),
        _ => Ok(len),
    }
}

/// The length of a file; none if it is not there.
fn length(path: &Path) -> io::Result<u64> {
    match fs::metadata(path) {
        Ok(found) => Ok(found.len()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}

/// Makes the name of a directory durable, in the directory it is in.
fn sync_name(dir: &Path) -> Result<(), SqliteError> {
    let fail = |error| SqliteError::io("sync the directory of", dir)(error);
    let resolved = fs::canonicalize(dir).map_err(fail)?;
    match resolved.parent().map_or(Ok(()), sync_dir) {
        // Somebody who may not read that one did not create this one either.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            tracing::debug!(dir = %dir.display(), "the directory cannot be synced in its parent");
            Ok(())
        }
        other => other.map_err(fail),
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
