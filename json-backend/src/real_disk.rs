//! The real file system behind the `Disk` trait.
//!
//! It owns how each call is made on Linux, macOS and Windows. It does not own their order, nor any
//! decision about what a failure means for a store.

#![expect(
    clippy::disallowed_methods,
    reason = "this is the one place that may write, rename and remove files"
)]

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use tempfile::TempPath;

use crate::disk::{
    Access, Contents, Disk, DiskError, Identity, PRIVATE_MODE, TEMP_PREFIX, TEMP_SUFFIX, TempFile,
    parent_of,
};
use crate::lock::{self, LockError, LockHandle, LockMode};

/// How many links [`RealDisk::resolve`] follows; Linux itself stops at as many.
const MAX_LINKS: usize = 40;

/// How often a file that changes under the reader is read.
const MAX_READS: usize = 5;

/// How many random characters a temp name has: enough that two stores never meet.
const TEMP_RANDOM: usize = 12;

/// The operating system's file system.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RealDisk;

impl Disk for RealDisk {
    fn resolve(&self, path: &Path) -> Result<PathBuf, DiskError> {
        let mut at = path.to_path_buf();
        for _ in 0..MAX_LINKS {
            match fs::symlink_metadata(&at) {
                Ok(meta) if meta.file_type().is_symlink() => {
                    let link = fs::read_link(&at)
                        .map_err(|source| DiskError::new("follow the link", &at, source))?;
                    // Joining an absolute path replaces what was there.
                    at = parent_of(&at).join(link);
                }
                Ok(_) => return Ok(at),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(at),
                Err(source) => return Err(DiskError::new("look at", at, source)),
            }
        }
        let source = io::Error::other("too many levels of symbolic links");
        Err(DiskError::new("follow the link", path, source))
    }

    fn identity(&self, path: &Path) -> Result<Option<Identity>, DiskError> {
        match fs::metadata(path) {
            Ok(meta) => Ok(Some(Identity::from(&meta))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(DiskError::new("look at", path, source)),
        }
    }

    fn read(&self, path: &Path, max: u64) -> Result<Contents, DiskError> {
        let fail = |source| DiskError::new("read", path, source);
        for _ in 0..MAX_READS {
            if let Some(contents) = read_once(path, max).map_err(fail)? {
                return Ok(contents);
            }
        }
        let source = io::Error::new(
            io::ErrorKind::ResourceBusy,
            "the file kept changing while it was read",
        );
        Err(fail(source))
    }

    fn create_temp(&self, dir: &Path, access: &Access) -> Result<Box<dyn TempFile>, DiskError> {
        // `tempfile` creates with O_EXCL and 0600, so nobody else can look at it or prepare it.
        let named = tempfile::Builder::new()
            .prefix(TEMP_PREFIX)
            .suffix(TEMP_SUFFIX)
            .rand_bytes(TEMP_RANDOM)
            .tempfile_in(dir)
            .map_err(|source| DiskError::new("create a temp file in", dir, source))?;
        let (file, path) = named.into_parts();
        set_access(&file, access).map_err(|source| {
            DiskError::new("set the permissions of", path.to_path_buf(), source)
        })?;
        Ok(Box::new(RealTemp {
            file,
            path,
            #[cfg(target_os = "linux")]
            waiting: 0..0,
        }))
    }

    fn sync_dir(&self, dir: &Path) -> Result<(), DiskError> {
        sync_directory(dir).map_err(|source| DiskError::new("sync the directory", dir, source))
    }

    fn create_dirs(&self, dir: &Path) -> Result<Vec<PathBuf>, DiskError> {
        let fail = |path: &Path, source| DiskError::new("create the directory", path, source);
        let mut missing = Vec::new();
        let mut at = dir;
        loop {
            match fs::metadata(at) {
                Ok(meta) if meta.is_dir() => break,
                Ok(_) => return Err(fail(at, io::ErrorKind::NotADirectory.into())),
                Err(error) if error.kind() == io::ErrorKind::NotFound => missing.push(at),
                Err(source) => return Err(fail(at, source)),
            }
            let above = parent_of(at);
            if above == at {
                break;
            }
            at = above;
        }
        let mut created = Vec::new();
        for path in missing.into_iter().rev() {
            let mut builder = fs::DirBuilder::new();
            #[cfg(unix)]
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
            match builder.create(path) {
                Ok(()) => created.push(path.to_path_buf()),
                // Somebody was faster, which is as good, unless what is there is no directory.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
                Err(source) => return Err(fail(path, source)),
            }
        }
        Ok(created)
    }

    fn list(&self, dir: &Path) -> Result<Vec<OsString>, DiskError> {
        let names = fs::read_dir(dir)
            .and_then(|entries| entries.map(|e| e.map(|e| e.file_name())).collect());
        let mut names: Vec<_> = names.map_err(|source| DiskError::new("list", dir, source))?;
        names.sort();
        Ok(names)
    }

    /// On Windows this is the call that `TempPath::persist` makes, too: it replaces what is there, and
    /// fails while somebody has either file open without sharing its deletion. Then both names are as
    /// before, and the next attempt may find them free.
    fn rename(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        fs::rename(from, to).map_err(|source| {
            // Which of the two is missing decides what a caller makes of it.
            let missing = source.kind() == io::ErrorKind::NotFound;
            DiskError::new("move into place", if missing { from } else { to }, source)
        })
    }

    fn remove(&self, path: &Path) -> Result<bool, DiskError> {
        match fs::remove_file(path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(DiskError::new("remove", path, source)),
        }
    }

    fn lock(&self, path: &Path, mode: LockMode) -> Result<Box<dyn LockHandle>, LockError> {
        lock::acquire(path, mode)
    }
}

/// Reads the file once; `None` if it changed meanwhile.
fn read_once(path: &Path, max: u64) -> io::Result<Option<Contents>> {
    // Opening a FIFO would wait for a writer for ever, so the kind is asked for before.
    require_file(&fs::metadata(path)?)?;
    let file = File::open(path)?;
    let before = file.metadata()?;
    require_file(&before)?;
    if before.len() > max {
        return Err(too_large(before.len(), max));
    }
    let mut bytes = Vec::new();
    // A failed reservation is an error to report; `Vec` alone would end the process.
    bytes
        .try_reserve_exact(usize::try_from(before.len()).map_err(|_| too_large(before.len(), max))?)
        .map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
    // One byte more than we saw tells a file that grew, without following it wherever it grows.
    // `read_to_end` retries an interrupted read.
    (&file)
        .take(before.len().saturating_add(1))
        .read_to_end(&mut bytes)?;
    let (before, after) = (Identity::from(&before), Identity::from(&file.metadata()?));
    let whole = u64::try_from(bytes.len()).is_ok_and(|len| len == after.len);
    Ok((whole && before.same_version(&after)).then_some(Contents {
        bytes,
        identity: after,
    }))
}

fn require_file(meta: &fs::Metadata) -> io::Result<()> {
    if meta.is_file() {
        Ok(())
    } else if meta.is_dir() {
        Err(io::ErrorKind::IsADirectory.into())
    } else {
        Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "not a regular file",
        ))
    }
}

fn too_large(len: u64, max: u64) -> io::Error {
    io::Error::new(
        io::ErrorKind::FileTooLarge,
        format!("the file has {len} bytes, and at most {max} are allowed"),
    )
}

/// Gives a new file its permission bits and, where it replaces another, that one's owner.
#[cfg(unix)]
fn set_access(file: &File, access: &Access) -> io::Result<()> {
    use std::os::unix::fs::{PermissionsExt as _, fchown};
    let mode = match access {
        Access::New(mode) => *mode,
        Access::Like(like) => {
            let mut mode = like.mode.unwrap_or(PRIVATE_MODE);
            if let (Some((uid, gid)), Some((our_uid, our_gid))) =
                (like.owner, Identity::from(&file.metadata()?).owner)
            {
                // Only root may give a file away. Where that fails the file becomes ours, as with
                // any program that replaces files by renaming.
                if uid != our_uid {
                    let _ = fchown(file, Some(uid), None);
                }
                // Bits meant for a group must not be granted to another one.
                if gid != our_gid && fchown(file, None, Some(gid)).is_err() {
                    mode &= 0o707 | ((mode & 0o007) << 3);
                }
            }
            mode
        }
    };
    file.set_permissions(fs::Permissions::from_mode(mode & 0o777))
}

/// On Windows a new file inherits the access list of its directory.
#[cfg(not(unix))]
fn set_access(_file: &File, _access: &Access) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn sync_directory(dir: &Path) -> io::Result<()> {
    match File::open(dir)?.sync_all() {
        // Some file systems (of networks, of containers) have no such call. There is nothing more
        // to be done there, and refusing every write would not make them safer.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported
            ) =>
        {
            tracing::debug!(dir = %dir.display(), %error, "this file system cannot sync directories");
            Ok(())
        }
        other => other,
    }
}

/// Windows has no call that syncs a directory: a handle to one cannot be flushed without rights
/// that programs do not have. NTFS journals renames in order, so what survives is a prefix.
#[cfg(not(unix))]
fn sync_directory(_dir: &Path) -> io::Result<()> {
    Ok(())
}

/// A temp file of the real disk. `TempPath` removes it when it is dropped.
#[derive(Debug)]
struct RealTemp {
    file: File,
    path: TempPath,
    /// How much was written since the system was asked to begin writing to the disk, and from where.
    #[cfg(target_os = "linux")]
    waiting: std::ops::Range<u64>,
}

/// So much is written before the system is asked to begin moving it to the disk.
#[cfg(target_os = "linux")]
const AHEAD: u64 = 4 << 20;

impl RealTemp {
    /// Closes the handle before the name changes, because Windows does not rename an open file.
    ///
    /// `File` reports no error of `close`. After a `sync` there is none left to report: what a
    /// network file system or a quota would refuse at `close` it refuses at fsync. A caller who
    /// leaves out the sync gets every error of `write`, and accepts to miss one of `close`.
    fn close(self) -> TempPath {
        drop(self.file);
        self.path
    }
}

impl TempFile for RealTemp {
    fn path(&self) -> &Path {
        &self.path
    }

    fn write_all(&mut self, bytes: &[u8]) -> Result<(), DiskError> {
        self.file
            .write_all(bytes)
            .map_err(|source| DiskError::new("write", self.path.to_path_buf(), source))?;
        #[cfg(target_os = "linux")]
        {
            self.waiting.end += bytes.len() as u64;
        }
        Ok(())
    }

    /// On Linux `POSIX_FADV_DONTNEED` begins the write-back of a range (`generic_fadvise` in
    /// `mm/fadvise.c`: `WB_SYNC_NONE`, so it does not wait until the bytes are on the disk), and lets go
    /// only of pages that are there already. What goes wrong with them is told by the sync.
    #[cfg(target_os = "linux")]
    fn begin_sync(&mut self) {
        let length = self.waiting.end - self.waiting.start;
        if let Some(length) = std::num::NonZeroU64::new(length).filter(|it| it.get() >= AHEAD) {
            let advice = rustix::fs::Advice::DontNeed;
            // A file system that takes no advice does everything at the sync.
            let _ = rustix::fs::fadvise(&self.file, self.waiting.start, Some(length), advice);
            self.waiting.start = self.waiting.end;
        }
    }

    fn sync(&mut self) -> Result<(), DiskError> {
        // `sync_all` retries when interrupted, and is F_FULLFSYNC on macOS.
        self.file
            .sync_all()
            .map_err(|source| DiskError::new("sync", self.path.to_path_buf(), source))
    }

    fn identity(&self) -> Result<Identity, DiskError> {
        match self.file.metadata() {
            Ok(meta) => Ok(Identity::from(&meta)),
            Err(source) => Err(DiskError::new("look at", self.path.to_path_buf(), source)),
        }
    }

    fn close_and_rename(self: Box<Self>, target: &Path) -> Result<(), DiskError> {
        self.close()
            .persist(target)
            .map_err(|failed| DiskError::new("replace", target, failed.error))
    }

    fn close_and_create(self: Box<Self>, target: &Path) -> Result<(), DiskError> {
        let fail = |source| DiskError::new("create", target, source);
        let Err(failed) = self.close().persist_noclobber(target) else {
            return Ok(());
        };
        if failed.error.kind() == io::ErrorKind::AlreadyExists {
            return Err(fail(failed.error));
        }
        // File systems without hard links (FAT, some of containers) cannot give a name only if it
        // is free. There the name is reserved by an empty file, which exactly one can create, and
        // that file is ours to replace.
        File::create_new(target).map_err(fail)?;
        failed.path.persist(target).map_err(|failed| {
            let _ = fs::remove_file(target);
            fail(failed.error)
        })
    }

    /// On Windows `keep` takes the mark of a temporary file from it, which tells the system to hold
    /// its bytes in memory for as long as it can.
    fn close_and_keep(self: Box<Self>) -> Result<PathBuf, DiskError> {
        self.close().keep().map_err(|failed| {
            // `failed` has the path, and removes the file when it is dropped.
            DiskError::new("keep", failed.path.to_path_buf(), failed.error)
        })
    }
}

#[cfg(test)]
#[path = "disk_tests.rs"]
mod tests;
