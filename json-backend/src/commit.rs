//! Several files that get their contents as one: written aside, named by a commit record, moved.
//!
//! It owns the order of a commit, and what each failure leaves behind. It does not own the record's
//! form (see `commit_record`), nor what an open does about a record that it finds (see `recover`).
//!
//! The steps: (0) if an attempt before failed in 3 or later, its record is put in its place once more;
//! (1) each new content is written and synced under a temp name beside its target; (2) the directories
//! of the temps are synced; (3) the record that names them is written, synced and renamed to
//! `larder.commit`; (4) the store's directory is synced: **the commit point**; (5) what earlier attempts
//! left is removed; (6) each temp is renamed to its target; (7) the directories of the targets are
//! synced; (8) the record is removed.
//!
//! So whoever finds a record finds every temp that it names whole, or moved already.
//!
//! | fails at                          | what is there afterwards                        | why the next attempt is right |
//! |-----------------------------------|-------------------------------------------------|-------------------------------|
//! | 0                                 | what the attempt before left, and nothing else  | as after that one. Nothing new is written until this works, so attempts that go on failing do not fill the disk |
//! | 1, 2, or the record before its rename | the old contents; the temps of this attempt are removed; record and temps of an earlier attempt are as they were | it begins anew, with new temps: nothing under a failed sync is trusted |
//! | 3, the rename; 4                  | the old contents; the record is there, or will be after a crash, or not; its temps stay | it has a record again, whatever it writes, and that replaces this one in one rename. Until that is durable a crash may bring back either, or none, and each names temps that are whole |
//! | 5 is not a failure: what cannot be removed is swept at the next open | | |
//! | 6, 7                              | some contents old, some new; the record, durable; the temps that were not moved | as above. The record stands for all targets, and so does the next one, because all of them are still dirty |
//! | 8                                 | the new contents, durable; the record, whose temps are all gone | as above; a crash before that finds a record that has nothing left to do |
//! | a crash before 4 is done          | the old contents, or a record for the new ones  | the open moves what a record names; the sweep removes the rest |
//! | a crash after it                  | the record, and each file old or new            | the open finishes: a temp that is gone was moved |
//!
//! **No plain publish while a record may come back.** Recovery would put the record's older content over
//! the newer one. So as long as an attempt may have left one, also a single file goes by record. (With
//! the callers of today there is none: what failed together is still dirty together.)
//!
//! **The removal in 8 is not synced.** The record may come back in a crash, until something else syncs
//! the directory. All its temps are durably gone by then, because 7 was done before, and no later temp
//! has the name of one of them, because names are random. So such a record names nothing that is there,
//! and it does no harm to targets that were published since, by themselves or by another record.
//!
//! **Where a failed sync of a directory loses names for good** and a later one says `Ok`, a temp of an
//! attempt that failed may come back although it was moved or removed. No record names it any more; the
//! sweep removes it.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::Xxh3;

use crate::commit_record::{COMMIT_FILE, Entry, text};
use crate::disk::{Disk, DiskError, Identity, PRIVATE_MODE, parent_of};
use crate::publish::{Kept, Prepared, Unpublished, in_place, is_in_place, publish};

/// Writes a content; it is called once an attempt.
pub(crate) type Content<'a> = Box<dyn Fn(&mut dyn Write) -> io::Result<()> + 'a>;

/// One file of a commit.
pub(crate) struct Piece<'a> {
    /// The file; if it is a link, the one it leads to is replaced.
    pub(crate) target: PathBuf,
    /// The permission bits, if there is no such file yet.
    pub(crate) mode: u32,
    /// The new content.
    pub(crate) content: Content<'a>,
}

/// A commit that failed.
#[derive(Debug)]
pub(crate) struct Uncommitted {
    pub(crate) error: DiskError,
    /// Which piece it failed at, if it was at one.
    pub(crate) piece: Option<usize>,
    /// The pieces whose targets have the new content all the same, durable or not: they are ours.
    pub(crate) replaced: Vec<(usize, Identity)>,
}

/// The commits of one store, one after the other.
#[derive(Debug)]
pub(crate) struct Commits {
    dir: PathBuf,
    sync: bool,
    /// What the last attempt left that failed at the rename of its record or later. `None`: no record
    /// can come back that names anything.
    left: Option<Left>,
}

/// An attempt whose record a crash may bring back.
#[derive(Debug)]
struct Left {
    /// The text of the record.
    record: String,
    /// What it names.
    temps: Vec<PathBuf>,
    /// What records before it name; one of those may come back until this one is durable.
    older: Vec<PathBuf>,
}

impl Commits {
    /// Of the store in this directory, in which no record is left: an open has finished it.
    pub(crate) fn new(dir: PathBuf, sync: bool) -> Self {
        Self {
            dir,
            sync,
            left: None,
        }
    }

    /// Replaces the contents of all these files, or of none, as far as anybody can tell after a crash.
    ///
    /// After a failure it is called again with at least the same files, whose contents may be newer.
    ///
    /// # Errors
    /// See the table above for what each leaves behind.
    pub(crate) fn commit(
        &mut self,
        disk: &dyn Disk,
        pieces: &[Piece<'_>],
    ) -> Result<Vec<Identity>, Uncommitted> {
        match (pieces, &self.left) {
            ([], _) => Ok(Vec::new()),
            ([alone], None) => publish(disk, &alone.target, self.sync, alone.mode, &*alone.content)
                .map(|identity| vec![identity])
                .map_err(of_one),
            _ => self.commit_by_record(disk, pieces),
        }
    }

    fn commit_by_record(
        &mut self,
        disk: &dyn Disk,
        pieces: &[Piece<'_>],
    ) -> Result<Vec<Identity>, Uncommitted> {
        let nowhere = |error| at(None, error);
        if let Some(left) = &mut self.left {
            let again = prepare(disk, &self.dir, self.sync, &left.record).map_err(nowhere)?;
            again.put(disk, self.sync).map_err(|f| nowhere(f.error))?;
            remove(disk, &std::mem::take(&mut left.older));
        }
        let mut temps = Temps {
            disk,
            kept: Vec::with_capacity(pieces.len()),
        };
        let mut entries = Vec::with_capacity(pieces.len());
        for (number, piece) in pieces.iter().enumerate() {
            let entry = temps
                .write(piece, self.sync)
                .map_err(|error| at(Some(number), error))?;
            entries.push(entry);
        }
        self.sync_dirs(disk, &temps.kept).map_err(nowhere)?;
        let record = text(&self.dir, &entries).map_err(nowhere)?;
        let prepared = prepare(disk, &self.dir, self.sync, &record).map_err(nowhere)?;

        // From here on a crash may bring back the record, whatever the rename answers.
        let kept = std::mem::take(&mut temps.kept);
        let older = self.left.take().map_or_else(Vec::new, |left| left.temps);
        let left = self.left.insert(Left {
            record,
            temps: kept.iter().map(|kept| kept.temp.clone()).collect(),
            older,
        });
        prepared
            .put(disk, self.sync)
            .map_err(|failed| nowhere(failed.error))?;

        // And from here on no other one.
        remove(disk, &std::mem::take(&mut left.older));
        let mut replaced = Vec::with_capacity(kept.len());
        let ended = self.put_all(disk, &kept, &mut replaced).and_then(|()| {
            disk.remove(&self.dir.join(COMMIT_FILE)).map_err(nowhere)?;
            self.left = None;
            Ok(())
        });
        match ended {
            Ok(()) => Ok(replaced.into_iter().map(|(_, identity)| identity).collect()),
            Err(failed) => Err(Uncommitted { replaced, ..failed }),
        }
    }

    /// Moves every temp into its place, durably.
    fn put_all(
        &self,
        disk: &dyn Disk,
        kept: &[Kept],
        replaced: &mut Vec<(usize, Identity)>,
    ) -> Result<(), Uncommitted> {
        for (number, one) in kept.iter().enumerate() {
            let moved = disk.rename(&one.temp, &one.target);
            if moved.is_ok() || is_in_place(disk, &one.target, &one.written) {
                replaced.push((number, one.written));
            }
            moved.map_err(|error| at(Some(number), error))?;
        }
        self.sync_dirs(disk, kept)
            .map_err(|error| at(None, error))?;
        for (number, identity) in replaced.iter_mut() {
            if let Some(one) = kept.get(*number) {
                *identity = in_place(disk, &one.target, *identity)
                    .map_err(|error| at(Some(*number), error))?;
            }
        }
        Ok(())
    }

    /// Syncs the directories in which these are; each once.
    fn sync_dirs(&self, disk: &dyn Disk, kept: &[Kept]) -> Result<(), DiskError> {
        if !self.sync {
            return Ok(());
        }
        let dirs: BTreeSet<&Path> = kept.iter().map(|kept| parent_of(&kept.target)).collect();
        dirs.into_iter().try_for_each(|dir| disk.sync_dir(dir))
    }
}

/// The temps of an attempt that has no record yet. They go with it.
struct Temps<'a> {
    disk: &'a dyn Disk,
    kept: Vec<Kept>,
}

impl Temps<'_> {
    fn write(&mut self, piece: &Piece<'_>, sync: bool) -> Result<Entry, DiskError> {
        let mut hash = Xxh3::new();
        let mut bytes = 0;
        let prepared = Prepared::write(self.disk, &piece.target, sync, piece.mode, |out| {
            (piece.content)(&mut Digesting {
                out,
                hash: &mut hash,
                bytes: &mut bytes,
            })
        })?;
        let kept = prepared.keep()?;
        let entry = Entry {
            temp: kept.temp.clone(),
            target: kept.target.clone(),
            bytes,
            digest: hash.digest(),
        };
        self.kept.push(kept);
        Ok(entry)
    }
}

impl Drop for Temps<'_> {
    fn drop(&mut self) {
        let temps: Vec<PathBuf> = self.kept.drain(..).map(|kept| kept.temp).collect();
        remove(self.disk, &temps);
    }
}

/// A record, ready to be put in its place.
fn prepare(disk: &dyn Disk, dir: &Path, sync: bool, text: &str) -> Result<Prepared, DiskError> {
    Prepared::write(disk, &dir.join(COMMIT_FILE), sync, PRIVATE_MODE, |out| {
        out.write_all(text.as_bytes())
    })
}

/// Takes length and digest of what passes through.
struct Digesting<'a> {
    out: &'a mut dyn Write,
    hash: &'a mut Xxh3,
    bytes: &'a mut u64,
}

impl Write for Digesting<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.hash.update(bytes);
        *self.bytes += bytes.len() as u64;
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Removes temps that nothing names any more, as far as that can be done: the next open's sweep gets
/// those of the store's own directory that stay.
fn remove(disk: &dyn Disk, temps: &[PathBuf]) {
    for temp in temps {
        if let Err(error) = disk.remove(temp) {
            tracing::debug!(target: "larder::flush", %error, "a temp file stays behind");
        }
    }
}

fn at(piece: Option<usize>, error: DiskError) -> Uncommitted {
    Uncommitted {
        error,
        piece,
        replaced: Vec::new(),
    }
}

fn of_one(failed: Unpublished) -> Uncommitted {
    Uncommitted {
        error: failed.error,
        piece: Some(0),
        replaced: failed
            .replaced
            .map(|identity| (0, *identity))
            .into_iter()
            .collect(),
    }
}

#[cfg(test)]
#[path = "commit_tests.rs"]
mod tests;
