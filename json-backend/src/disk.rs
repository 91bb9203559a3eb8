//! The only door to the file system: the small [`Disk`] trait, so that a simulated disk can stand
//! in for the real one, and the values which pass through it.
//!
//! It owns what each call means and what it makes durable. It does not own the real disk (see
//! `real_disk`), the order of calls which publishes a file (see `publish`) nor what the lock means
//! (see `lock`).
//!
//! | call                              | visible to others            | survives power loss            |
//! |-----------------------------------|------------------------------|--------------------------------|
//! | [`TempFile::write_all`]           | no (unknown name)            | no                             |
//! | [`TempFile::sync`]                | no                           | the bytes and the mode, but not the name |
//! | [`TempFile::close_and_rename`]    | yes, whole or not at all     | no: old or new content, either |
//! | [`TempFile::close_and_create`]    | yes, whole or not at all     | no                             |
//! | [`TempFile::close_and_keep`]      | no (unknown name)            | no: the name is not synced     |
//! | [`Disk::rename`]                  | yes, whole or not at all     | no: both names as before, or both as after |
//! | [`Disk::remove`]                  | yes                          | no                             |
//! | [`Disk::create_dirs`]             | yes                          | no                             |
//! | [`Disk::sync_dir`]                | -                            | every rename, creation and removal in that directory so far |
//!
//! A failed [`TempFile::sync`] tells nothing about which bytes are on the disk, and a second call
//! may answer `Ok` without having written them: the only sound answer is a new temp file, written
//! from memory.

use std::ffi::OsString;
use std::fmt::Debug;
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use crate::lock::{LockError, LockHandle, LockMode};

/// How the names of our temp files start.
pub(crate) const TEMP_PREFIX: &str = ".larder-";
/// How the names of our temp files end.
pub(crate) const TEMP_SUFFIX: &str = ".tmp";

/// The permission bits of a file which nobody had before: its records may be secrets.
pub(crate) const PRIVATE_MODE: u32 = 0o600;

/// Everything the store asks of a file system.
///
/// Relative paths are relative to the current directory at the time of the call.
pub(crate) trait Disk: Debug + Send + Sync {
    /// Follows the symbolic links of the final component. A dangling link gives the path at which
    /// the file would be created, and a path where nothing is gives itself.
    ///
    /// # Errors
    /// If a link cannot be read, or if links form a loop.
    fn resolve(&self, path: &Path) -> Result<PathBuf, DiskError>;

    /// Which file, in which version, is at `path`; links are followed. `None` means "not found"
    /// and nothing else: a file that cannot be looked at is an error.
    fn identity(&self, path: &Path) -> Result<Option<Identity>, DiskError>;

    /// The whole content of a regular file, and the identity of exactly these bytes.
    ///
    /// The size is checked before the first byte is read, and the answer stays within `max` even
    /// if the file grows meanwhile. A file that changes while it is read is read again, a few times.
    ///
    /// # Errors
    /// [`DiskError::is_too_large`] above `max`, [`DiskError::is_not_found`], or what the system says.
    fn read(&self, path: &Path, max: u64) -> Result<Contents, DiskError>;

    /// Creates an empty file of random name in `dir`; it goes away when it is dropped unpublished.
    fn create_temp(&self, dir: &Path, access: &Access) -> Result<Box<dyn TempFile>, DiskError>;

    /// Makes the names in a directory durable.
    fn sync_dir(&self, dir: &Path) -> Result<(), DiskError>;

    /// Creates a directory (0700 on Unix) and what is missing above it; answers which ones it
    /// created, outermost first. The parent of each is to be synced by the caller.
    fn create_dirs(&self, dir: &Path) -> Result<Vec<PathBuf>, DiskError>;

    /// The names in a directory, sorted bytewise so that every run sees the same order.
    fn list(&self, dir: &Path) -> Result<Vec<OsString>, DiskError>;

    /// Moves a file to another name in the same directory, replacing what is there. On an error both
    /// names are as before, as far as the system can be believed.
    ///
    /// # Errors
    /// [`DiskError::is_not_found`] if there is no `from`, or what the system says.
    fn rename(&self, from: &Path, to: &Path) -> Result<(), DiskError>;

    /// Removes a file; `false` if there was none.
    fn remove(&self, path: &Path) -> Result<bool, DiskError>;

    /// Takes the lock file at `path`, or says who has it. Never waits.
    fn lock(&self, path: &Path, mode: LockMode) -> Result<Box<dyn LockHandle>, LockError>;
}

/// A file that is being written under a name nobody looks at. Dropping it removes it.
pub(crate) trait TempFile: Debug + Send {
    /// The temporary name.
    fn path(&self) -> &Path;

    /// Writes all of `bytes`, at the end.
    fn write_all(&mut self, bytes: &[u8]) -> Result<(), DiskError>;

    /// Says that what was written will be synced, so that the system may begin. It is advice, and changes
    /// nothing of what the sync means.
    fn begin_sync(&mut self) {}

    /// Makes the bytes, and the permission bits, durable.
    fn sync(&mut self) -> Result<(), DiskError>;

    /// Which file in which version this is; the same after a rename.
    fn identity(&self) -> Result<Identity, DiskError>;

    /// Closes the file and moves it to `target`, replacing what is there. On an error the temp
    /// file is removed and `target` is as before.
    fn close_and_rename(self: Box<Self>, target: &Path) -> Result<(), DiskError>;

    /// Closes the file and gives it the name `target`, which must be free: never replaces
    /// anything. On an error, also on [`DiskError::is_already_there`], the temp file is removed.
    fn close_and_create(self: Box<Self>, target: &Path) -> Result<(), DiskError>;

    /// Closes the file and leaves it under its temporary name, to be moved by [`Disk::rename`], or
    /// removed, by whoever has the name from here on. On an error the temp file is removed.
    fn close_and_keep(self: Box<Self>) -> Result<PathBuf, DiskError>;
}

/// Who may use a file that is about to be written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Access {
    /// A file nobody had before, with these permission bits (Unix).
    New(u32),
    /// As this file, which it will replace: its permission bits and, as far as the system allows,
    /// its owner and group, so that a rewrite as root does not lock the owner out.
    Like(Identity),
}

/// Which file in which version: what a store compares before it replaces a file.
///
/// On Windows a file is told by length and time of modification only, because the stable
/// standard library gives no file index there. A change within one tick of the file system's
/// clock that keeps the length and the inode is invisible to it on every system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Length in bytes.
    pub(crate) len: u64,
    /// Time of the last modification in nanoseconds since 1970, where the system keeps one.
    pub(crate) modified_ns: Option<i128>,
    /// Device and inode (Unix).
    pub(crate) node: Option<(u64, u64)>,
    /// Permission bits (Unix).
    pub(crate) mode: Option<u32>,
    /// Owner and group (Unix).
    pub(crate) owner: Option<(u32, u32)>,
    /// Whether it is a regular file.
    pub(crate) is_file: bool,
}

impl Identity {
    /// Whether both are the same file with the same content as far as can be told without reading
    /// it. A change of mode or owner is not a change of content.
    pub(crate) fn same_version(&self, other: &Self) -> bool {
        (self.len, self.modified_ns, self.node, self.is_file)
            == (other.len, other.modified_ns, other.node, other.is_file)
    }
}

impl From<&Metadata> for Identity {
    fn from(meta: &Metadata) -> Self {
        let modified_ns = meta
            .modified()
            .ok()
            .map(|at| match at.duration_since(UNIX_EPOCH) {
                Ok(after) => i128::try_from(after.as_nanos()).unwrap_or(i128::MAX),
                Err(before) => {
                    i128::try_from(before.duration().as_nanos()).map_or(i128::MIN, |ns| -ns)
                }
            });
        #[cfg(unix)]
        let (node, mode, owner) = {
            use std::os::unix::fs::MetadataExt as _;
            (
                Some((meta.dev(), meta.ino())),
                Some(meta.mode() & 0o777),
                Some((meta.uid(), meta.gid())),
            )
        };
        #[cfg(not(unix))]
        let (node, mode, owner) = (None, None, None);
        Self {
            len: meta.len(),
            modified_ns,
            node,
            mode,
            owner,
            is_file: meta.is_file(),
        }
    }
}

/// What [`Disk::read`] found.
#[derive(Clone, Debug)]
pub(crate) struct Contents {
    /// All bytes of the file.
    pub(crate) bytes: Vec<u8>,
    /// The file and version they are from.
    pub(crate) identity: Identity,
}

/// A failed call, with the path it was about: "No such file or directory" alone helps nobody.
#[derive(Debug, thiserror::Error)]
#[error("could not {op} {}", path.display())]
pub(crate) struct DiskError {
    /// What was tried, as it reads after "could not".
    pub(crate) op: &'static str,
    /// What it was tried on.
    pub(crate) path: PathBuf,
    /// What the system answered.
    pub(crate) source: io::Error,
}

impl DiskError {
    pub(crate) fn new(op: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self {
            op,
            path: path.into(),
            source,
        }
    }

    /// The system's kind of error.
    pub(crate) fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }

    /// Whether there is no such file. Only this may be taken for "empty".
    pub(crate) fn is_not_found(&self) -> bool {
        self.kind() == io::ErrorKind::NotFound
    }

    /// Whether the name is taken.
    pub(crate) fn is_already_there(&self) -> bool {
        self.kind() == io::ErrorKind::AlreadyExists
    }

    /// Whether a read was refused because of the size of the file.
    pub(crate) fn is_too_large(&self) -> bool {
        self.kind() == io::ErrorKind::FileTooLarge
    }
}

/// The directory a path is in. `"data"` is in `"."`, and the root is in itself.
pub(crate) fn parent_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => path,
    }
}

/// Whether a file name is that of one of our temp files, which a crash may leave behind.
pub(crate) fn is_temp_name(name: &std::ffi::OsStr) -> bool {
    name.to_str().is_some_and(|name| {
        name.strip_prefix(TEMP_PREFIX)
            .and_then(|rest| rest.strip_suffix(TEMP_SUFFIX))
            .is_some_and(|random| {
                !random.is_empty() && random.bytes().all(|b| b.is_ascii_alphanumeric())
            })
    })
}
