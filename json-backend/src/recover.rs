//! What an open does about a commit record that it finds.
//!
//! It owns looking at a record and finishing it, and making durable what is found. How a record comes
//! to be there is told in `commit`.
//!
//! A record means that the commit point may have been reached, so what it names is the state of the
//! store. A temp that it names is moved into place; one that is gone was moved already. So to finish
//! twice, or to be cut short and begin again, comes to the same. Everything is looked at before
//! anything is moved: a record or a temp that is not as it was written refuses the open, and nothing
//! was touched.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

use crate::commit_record::{COMMIT_FILE, Entry, parse, within};
use crate::disk::{Disk, DiskError, parent_of};
use crate::error::JsonError;

/// A record has a line a file; one that is larger than this is something else.
const MAX_BYTES: u64 = 16 << 20;

/// A record that was found.
#[derive(Debug)]
pub(crate) struct Found {
    /// Which contents are to be moved still: from where, by the file that they belong in.
    pub(crate) pending: BTreeMap<PathBuf, PathBuf>,
    /// Where the files are that it names, moved or not.
    dirs: BTreeSet<PathBuf>,
}

/// The record in this directory, if there is one, with every content that it still waits for verified.
///
/// # Errors
/// [`JsonError::NewerFormat`], [`JsonError::OddCommit`], [`JsonError::OddTemp`], or what the disk says.
pub(crate) fn look(disk: &dyn Disk, dir: &Path) -> Result<Option<Found>, JsonError> {
    let path = dir.join(COMMIT_FILE);
    let bytes = match disk.read(&path, MAX_BYTES) {
        Ok(contents) => contents.bytes,
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) if error.is_too_large() => {
            let reason = "it is too large".to_owned();
            return Err(JsonError::OddCommit { path, reason });
        }
        Err(error) => return Err(error.into()),
    };
    let mut found = Found {
        pending: BTreeMap::new(),
        dirs: BTreeSet::new(),
    };
    for entry in parse(dir, &path, &bytes)? {
        if is_pending(disk, dir, &entry)? {
            found
                .pending
                .insert(entry.target.clone(), entry.temp.clone());
        }
        found.dirs.insert(parent_of(&entry.target).to_owned());
    }
    Ok(Some(found))
}

/// Whether this content is still under its temp name, and as it was written.
fn is_pending(disk: &dyn Disk, dir: &Path, entry: &Entry) -> Result<bool, JsonError> {
    let odd = || JsonError::OddTemp {
        path: entry.temp.clone(),
        target: entry.target.clone(),
    };
    match disk.read(&entry.temp, entry.bytes) {
        Ok(contents)
            if contents.bytes.len() as u64 == entry.bytes
                && xxh3_64(&contents.bytes) == entry.digest =>
        {
            Ok(true)
        }
        Ok(_) => Err(odd()),
        Err(error) if error.is_too_large() => Err(odd()),
        Err(error) if error.is_not_found() => {
            // Moved already. Unless the directory is another one than ours, and is not there at all,
            // or empty because nothing is mounted on it: then there is all of it still to be done.
            if within(dir, &entry.target).is_none() && disk.identity(&entry.target)?.is_none() {
                let missing = io::ErrorKind::NotFound.into();
                return Err(DiskError::new("find", &entry.target, missing).into());
            }
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

/// Makes durable what is visible in this directory, and finishes what the record in it says, if there is
/// one; answers how many files it moved.
///
/// Only the owner of the directory's lock may call it. Whatever fails or is cut short is done again by
/// the next open, because the record is removed last.
///
/// # Errors
/// As [`look`], or what the disk says.
pub(crate) fn finish(disk: &dyn Disk, dir: &Path, sync: bool) -> Result<Option<usize>, JsonError> {
    if sync {
        // Whoever had the store before may have been killed between a rename and this, without a loss
        // of power. What is found is where the next writes begin, so it must not be lost when they are
        // kept: neither a file that was replaced by itself, nor the record before what it moves.
        disk.sync_dir(dir)?;
    }
    let Some(found) = look(disk, dir)? else {
        return Ok(None);
    };
    for (target, temp) in &found.pending {
        disk.rename(temp, target)?;
    }
    if sync {
        // Also where nothing was moved now: who moved it may have been killed before syncing.
        for dir in &found.dirs {
            disk.sync_dir(dir)?;
        }
    }
    // Not synced, for the reason given in `commit`.
    disk.remove(&dir.join(COMMIT_FILE))?;
    Ok(Some(found.pending.len()))
}

/// The same for a file that is a link into another directory, before it is read.
pub(crate) fn settle(disk: &dyn Disk, dir: &Path, path: &Path) -> Result<(), DiskError> {
    let target = disk.resolve(path)?;
    let elsewhere = parent_of(&target);
    if elsewhere == dir {
        return Ok(());
    }
    match disk.sync_dir(elsewhere) {
        // Then there is no file either.
        Err(error) if error.is_not_found() => Ok(()),
        other => other,
    }
}
