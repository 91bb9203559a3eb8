//! The one way a file gets its content: written aside, synced, renamed into place, directory synced.
//!
//! It owns that order, and what each failure leaves behind. It does not own what is written (see
//! `format`), how several files get theirs as one (see `commit`), nor how a call reaches the system
//! (see `real_disk`).
//!
//! | fails at                         | what is there afterwards                                      |
//! |----------------------------------|---------------------------------------------------------------|
//! | resolving, creating the temp file | the old content; nothing of ours                              |
//! | writing, syncing the temp file   | the old content; the temp file is removed                     |
//! | renaming                         | the old content; the temp file is removed                     |
//! | syncing the directory            | the new content, visible, but not known to be durable         |
//! | a crash anywhere                 | old or new content, whole; perhaps a temp file (see [`sweep`]) |
//!
//! After any of them a retry calls [`publish`] again, which writes a new temp file from memory: a
//! file whose fsync failed once may hold less than was written, whatever a second fsync says.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use larder_core::backend::utc_stamp;

use crate::disk::{
    Access, Disk, DiskError, Identity, PRIVATE_MODE, TempFile, is_temp_name, parent_of,
};

/// Large writes cost fewer calls, and a simulated disk fewer crash points.
const BUFFER: usize = 1 << 20;

/// How many copies of one name may be made in one second.
const MAX_SUFFIX: u32 = 10_000;

/// Replaces the content of `target` by what `write` writes, whole or not at all.
///
/// With `sync` the new content is durable when this returns `Ok`; without, it is visible, and a
/// power loss may leave the old content or, on some file systems, an empty file. The permission
/// bits of an existing target are kept, and a new file gets `mode`. If `target` is a symbolic
/// link, the file it leads to is replaced and the link stays.
///
/// # Errors
/// See the table above for what each leaves behind.
pub(crate) fn publish(
    disk: &dyn Disk,
    target: &Path,
    sync: bool,
    mode: u32,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<Identity, Unpublished> {
    Prepared::write(disk, target, sync, mode, write)?.put(disk, sync)
}

/// A new content, written beside the file that it is to replace, where nobody looks. Dropping it
/// removes it.
#[derive(Debug)]
pub(crate) struct Prepared {
    temp: Box<dyn TempFile>,
    target: PathBuf,
    written: Identity,
}

/// A new content under a temp name that stays until somebody moves or removes it.
#[derive(Debug)]
pub(crate) struct Kept {
    /// Its name.
    pub(crate) temp: PathBuf,
    /// The file that it is to replace, links followed.
    pub(crate) target: PathBuf,
    /// What it is, under either name.
    pub(crate) written: Identity,
}

impl Prepared {
    /// The first half of [`publish`]: up to and including the sync of the temp file.
    ///
    /// # Errors
    /// Nothing of it is left, as far as the temp file can be removed.
    pub(crate) fn write(
        disk: &dyn Disk,
        target: &Path,
        sync: bool,
        mode: u32,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<Self, DiskError> {
        let target = disk.resolve(target)?;
        let access = match disk.identity(&target)? {
            Some(there) if there.is_file => Access::Like(there),
            Some(_) => {
                let source =
                    io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file");
                return Err(DiskError::new("replace", target, source));
            }
            None => Access::New(mode),
        };
        let mut temp = disk.create_temp(parent_of(&target), &access)?;
        fill(temp.as_mut(), sync, write)?;
        if sync {
            temp.sync()?;
        }
        // Looked at before the rename: what is there afterwards may already be somebody else's.
        let written = temp.identity()?;
        Ok(Self {
            temp,
            target,
            written,
        })
    }

    /// The second half: into place, and the directory synced.
    pub(crate) fn put(self, disk: &dyn Disk, sync: bool) -> Result<Identity, Unpublished> {
        let Self {
            temp,
            target,
            written,
        } = self;
        let ours = |error| Unpublished {
            error,
            replaced: Some(Box::new(written)),
        };
        if let Err(error) = temp.close_and_rename(&target) {
            return Err(if is_in_place(disk, &target, &written) {
                ours(error)
            } else {
                error.into()
            });
        }
        if sync {
            disk.sync_dir(parent_of(&target)).map_err(ours)?;
        }
        in_place(disk, &target, written).map_err(ours)
    }

    /// Leaves it under its temp name.
    pub(crate) fn keep(self) -> Result<Kept, DiskError> {
        Ok(Kept {
            temp: self.temp.close_and_keep()?,
            target: self.target,
            written: self.written,
        })
    }
}

/// Whether a file is in its place although the rename failed: a file system that is reached over a
/// network may do as it was told and lose the answer.
pub(crate) fn is_in_place(disk: &dyn Disk, target: &Path, written: &Identity) -> bool {
    matches!(disk.identity(target), Ok(Some(there)) if there.same_version(written))
}

/// The identity of a file that was moved into place. Windows may set the time of the last write only
/// when the file is closed, so there it is looked at once more.
pub(crate) fn in_place(
    disk: &dyn Disk,
    target: &Path,
    written: Identity,
) -> Result<Identity, DiskError> {
    if cfg!(unix) {
        return Ok(written);
    }
    Ok(disk.identity(target)?.unwrap_or(written))
}

/// A publish that failed, and whether the target is ours all the same.
#[derive(Debug)]
pub(crate) struct Unpublished {
    pub(crate) error: DiskError,
    /// The new content is visible, but not known to be durable.
    pub(crate) replaced: Option<Box<Identity>>,
}

impl From<DiskError> for Unpublished {
    fn from(error: DiskError) -> Self {
        Self {
            error,
            replaced: None,
        }
    }
}

impl From<Unpublished> for DiskError {
    fn from(failed: Unpublished) -> Self {
        failed.error
    }
}

/// Writes through a buffer, and gives back the disk's own error where there was one: `Write` can
/// only carry an `io::Error`, which would lose the path.
fn fill(
    temp: &mut dyn TempFile,
    sync: bool,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), DiskError> {
    let path = temp.path().to_path_buf();
    let mut sink = Sink {
        temp,
        sync,
        failed: None,
    };
    let result = {
        let mut buffer = BufWriter::with_capacity(BUFFER, &mut sink);
        let result = write(&mut buffer).and_then(|()| buffer.flush());
        // What is left in the buffer after an error is not for the disk.
        let _ = buffer.into_parts();
        result
    };
    match (sink.failed, result) {
        (Some(error), _) => Err(error),
        (None, Err(source)) => Err(DiskError::new("write", path, source)),
        (None, Ok(())) => Ok(()),
    }
}

struct Sink<'a> {
    temp: &'a mut dyn TempFile,
    /// Whether it will be synced.
    sync: bool,
    failed: Option<DiskError>,
}

impl Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Never the kind of the error: what was interrupted would be written again, after that part of
        // it which has been written.
        let is_over = || Err(io::ErrorKind::Other.into());
        if self.failed.is_some() {
            return is_over();
        }
        match self.temp.write_all(bytes) {
            Ok(()) => {
                if self.sync {
                    self.temp.begin_sync();
                }
                Ok(bytes.len())
            }
            Err(error) => {
                self.failed = Some(error);
                is_over()
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Creates a store directory and makes its name durable.
///
/// What is missing above it is created from the outermost on, each only when the one it is in is durable.
/// So whoever comes after a failure or a crash has one name to make durable, that of the innermost
/// directory that is there; and it is synced in its parent also where it was there before.
pub(crate) fn ensure_dir(disk: &dyn Disk, dir: &Path, sync: bool) -> Result<(), DiskError> {
    if !sync {
        return disk.create_dirs(dir).map(drop);
    }
    let mut missing = Vec::new();
    let mut above = dir;
    while disk.identity(above)?.is_none() && above != parent_of(above) {
        missing.push(above);
        above = parent_of(above);
    }
    // If it is there, this tells whether it is a directory.
    disk.create_dirs(above)?;
    sync_name(disk, above)?;
    for path in missing.into_iter().rev() {
        disk.create_dirs(path)?;
        sync_name(disk, path)?;
    }
    Ok(())
}

/// Makes the name of a directory durable, in the one it is in.
fn sync_name(disk: &dyn Disk, dir: &Path) -> Result<(), DiskError> {
    match disk.sync_dir(parent_of(dir)) {
        // Somebody who may not read the parent did not create the directory either.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            tracing::debug!(dir = %dir.display(), "the directory cannot be synced in its parent");
            Ok(())
        }
        other => other,
    }
}

/// Removes the temp files which a crash left in a directory; answers how many.
///
/// Only the owner of the directory's lock may call it.
pub(crate) fn sweep(disk: &dyn Disk, dir: &Path) -> Result<usize, DiskError> {
    let mut removed = 0;
    for name in disk.list(dir)? {
        if is_temp_name(&name) && disk.remove(&dir.join(name))? {
            removed += 1;
        }
    }
    Ok(removed)
}

/// A byte-identical copy beside a store file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Aside {
    /// Where the copy is.
    pub(crate) path: PathBuf,
    /// Whether it was made now. `false`: the same bytes had been copied aside before.
    pub(crate) created: bool,
}

/// Keeps `bytes` in `dir` as `<name>.<tag>-<utc>`, for instance
/// `sessions.json.corrupt-20261120T233345Z`, before the file they are from is replaced.
///
/// Nothing is ever overwritten: a taken name gets a number (`..Z-2`), and the last step gives the
/// name only if it is still free, so two processes that race make two copies. If a copy with the
/// same tag and the same bytes is there already, none is made: a damaged file that is opened again
/// and again must not fill the disk.
pub(crate) fn copy_aside(
    disk: &dyn Disk,
    dir: &Path,
    name: &str,
    tag: &str,
    bytes: &[u8],
    sync: bool,
) -> Result<Aside, DiskError> {
    let stem = format!("{name}.{tag}-");
    if let Some(path) = find_same(disk, dir, &stem, bytes)? {
        if sync {
            disk.sync_dir(dir)?;
        }
        return Ok(Aside {
            path,
            created: false,
        });
    }
    let utc = utc_stamp();
    for number in 1..=MAX_SUFFIX {
        let path = match number {
            1 => dir.join(format!("{stem}{utc}")),
            more => dir.join(format!("{stem}{utc}-{more}")),
        };
        if disk.identity(&path)?.is_some() {
            continue;
        }
        let mut temp = disk.create_temp(dir, &Access::New(PRIVATE_MODE))?;
        temp.write_all(bytes)?;
        if sync {
            temp.sync()?;
        }
        match temp.close_and_create(&path) {
            Err(error) if error.is_already_there() => {}
            Err(error) => return Err(error),
            Ok(()) => {
                if sync {
                    disk.sync_dir(dir)?;
                }
                return Ok(Aside {
                    path,
                    created: true,
                });
            }
        }
    }
    let source = io::Error::new(
        io::ErrorKind::AlreadyExists,
        "every name for a copy is taken",
    );
    Err(DiskError::new("copy aside", dir.join(stem), source))
}

fn find_same(
    disk: &dyn Disk,
    dir: &Path,
    stem: &str,
    bytes: &[u8],
) -> Result<Option<PathBuf>, DiskError> {
    let Ok(len) = u64::try_from(bytes.len()) else {
        return Ok(None);
    };
    for name in disk.list(dir)? {
        if !name.to_str().is_some_and(|name| name.starts_with(stem)) {
            continue;
        }
        let path = dir.join(name);
        // A copy that cannot be looked at is not one to rely on.
        let same_len = matches!(disk.identity(&path), Ok(Some(it)) if it.is_file && it.len == len);
        if same_len
            && disk
                .read(&path, len)
                .is_ok_and(|found| found.bytes == bytes)
        {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

#[cfg(test)]
#[path = "publish_tests.rs"]
mod tests;
