//! The lock file of a store directory: one writer, or any number of read-only opens.
//!
//! It owns taking, describing and giving back the operating system's lock, and telling who holds
//! it. It does not own what a store does about a contention. The lock is the one of the system
//! (`flock`, `LockFileEx`), which a crash gives back; the text in the file is for messages only and
//! never decides anything. The file is never deleted: two processes could then hold locks on two
//! files of the same name.
//!
//! * A lock belongs to an open file, so a second open in the same process is refused as well.
//! * A child made by `fork` without `exec` shares the lock of its parent until both are gone.
//! * On Windows nobody can read the locked file, so the holder is unknown there.
//! * A symbolic link in place of the lock file is refused, because writing our line through it
//!   would truncate whatever it leads to; no program has a reason to put one there.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use fs2::FileExt;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::disk::DiskError;

/// The name of the lock file in a store directory.
pub(crate) const LOCK_FILE: &str = "larder.lock";

/// How often a lock is tried anew when the lock file or its holders change under us.
const ATTEMPTS: usize = 4;

/// A holder's line is far shorter; more than this is not ours.
const MAX_HOLDER_BYTES: u64 = 4096;

/// What is locked by this very process, so that a message can say so.
static HELD_HERE: Mutex<BTreeMap<Key, usize>> = Mutex::new(BTreeMap::new());

/// For what a store is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LockMode {
    /// Reading and writing: nobody else may have the store open.
    Exclusive,
    /// Reading: no writer may have it open.
    Shared,
}

/// A lock that is held until it is dropped.
pub(crate) trait LockHandle: Debug + Send + Sync {
    /// Whether the lock file in the directory is still the file that is locked. It is not if
    /// somebody deleted or replaced it, and then the lock keeps nobody out any more.
    fn is_current(&self) -> bool;
}

/// Who has the store open, as the lock file says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Holder {
    /// Process id.
    pub(crate) pid: u32,
    /// Since when, in UTC.
    pub(crate) since: String,
    /// Name of the program.
    pub(crate) program: String,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} (pid {}) since {}",
            self.program, self.pid, self.since
        )
    }
}

/// Why the lock was not taken. Every one of them means that the store must not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LockError {
    /// A writer has it.
    #[error("{} is locked by {}", path.display(), describe(by.as_ref(), *same_process))]
    Held {
        /// The lock file.
        path: PathBuf,
        /// The holder, where it can be known.
        by: Option<Holder>,
        /// Whether the holder is in this process.
        same_process: bool,
    },
    /// Only readers have it, and a writer was asked for.
    #[error("{} is locked by read-only opens{}", path.display(), here(*same_process))]
    HeldByReaders {
        /// The lock file.
        path: PathBuf,
        /// Whether one of them is in this process.
        same_process: bool,
    },
    /// The file system cannot lock, or failed to. Without a lock nothing keeps a second writer out.
    #[error("{} cannot be locked on this file system", path.display())]
    Unsupported {
        /// The lock file.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// There is something else where the lock file should be.
    #[error("{} is not a regular file, so it is not used as a lock file", path.display())]
    NotAFile {
        /// The lock file.
        path: PathBuf,
    },
    /// The lock file could not be opened, created or written.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

fn describe(by: Option<&Holder>, same_process: bool) -> String {
    let holder = by.map_or_else(|| "another open of the store".to_owned(), Holder::to_string);
    holder + here(same_process)
}

fn here(same_process: bool) -> &'static str {
    if same_process {
        ", in this process"
    } else {
        ""
    }
}

/// Takes the lock at once or says why not.
pub(crate) fn acquire(path: &Path, mode: LockMode) -> Result<Box<dyn LockHandle>, LockError> {
    for attempt in 1..=ATTEMPTS {
        let Some(file) = open(path, mode)? else {
            return Ok(Box::new(NoLock));
        };
        match try_lock(&file, mode).map_err(|source| unsupported(path, source))? {
            true => {}
            // A writer that lost finds out to whom; a reader can only have lost to a writer.
            false if mode == LockMode::Shared => return Err(held(path)),
            false => {
                if !try_lock(&file, LockMode::Shared).map_err(|source| unsupported(path, source))? {
                    return Err(held(path));
                }
                // Either only readers are there, or the writer has just gone. Trying again tells.
                give_back(&file);
                if attempt == ATTEMPTS {
                    let same_process = is_held_here(path);
                    return Err(LockError::HeldByReaders {
                        path: path.into(),
                        same_process,
                    });
                }
                continue;
            }
        }
        // Between the open and the lock somebody may have put another file there.
        let Some(key) = current_key(path, &file) else {
            give_back(&file);
            continue;
        };
        *HELD_HERE.lock().entry(key.clone()).or_default() += 1;
        let held = RealLock {
            file,
            path: path.into(),
            key,
            exclusive: mode == LockMode::Exclusive,
        };
        if held.exclusive {
            held.describe()
                .map_err(|source| DiskError::new("write the lock file", path, source))?;
        }
        return Ok(Box::new(held));
    }
    let source = io::Error::new(
        io::ErrorKind::ResourceBusy,
        "the lock file keeps being replaced",
    );
    Err(DiskError::new("lock", path, source).into())
}

/// Opens the lock file, creating it if need be. `None` for a reader where that is impossible.
fn open(path: &Path, mode: LockMode) -> Result<Option<File>, LockError> {
    refuse_other_kinds(path)?;
    let mut options = OpenOptions::new();
    options.read(true);
    let existing = if mode == LockMode::Shared {
        options.open(path)
    } else {
        Err(io::ErrorKind::NotFound.into())
    };
    let file = match existing {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // Nothing is truncated here: until the lock is ours, the text is the holder's.
            options.write(true).create(true).truncate(false);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, crate::disk::PRIVATE_MODE);
            options.open(path)
        }
        other => other,
    };
    match file {
        Ok(file) => {
            // Asked again after the open, because a link may have been put there meanwhile.
            refuse_other_kinds(path)?;
            Ok(Some(file))
        }
        Err(error)
            if mode == LockMode::Shared
                && matches!(
                    error.kind(),
                    io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
                )
                && matches!(fs::symlink_metadata(path), Err(e) if e.kind() == io::ErrorKind::NotFound) =>
        {
            tracing::warn!(
                path = %path.display(), %error,
                "reading without a lock: there is no lock file and none can be created here"
            );
            Ok(None)
        }
        Err(source) => Err(DiskError::new("open the lock file", path, source).into()),
    }
}

fn refuse_other_kinds(path: &Path) -> Result<(), LockError> {
    match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_file() => Ok(()),
        Ok(_) => Err(LockError::NotAFile { path: path.into() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(DiskError::new("look at the lock file", path, source).into()),
    }
}

/// `false` means that somebody else holds it; an error, that this cannot be known.
fn try_lock(file: &File, mode: LockMode) -> io::Result<bool> {
    loop {
        // By trait, because `File` has methods of its own with similar names.
        let result = match mode {
            LockMode::Exclusive => FileExt::try_lock_exclusive(file),
            LockMode::Shared => FileExt::try_lock_shared(file),
        };
        match result {
            Ok(()) => return Ok(true),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if is_contention(&error) => return Ok(false),
            Err(error) => return Err(error),
        }
    }
}

/// Closing the file would do; a child process that inherited it, if only until it runs another
/// program, would keep the lock.
fn give_back(file: &File) {
    let _ = FileExt::unlock(file);
}

fn is_contention(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
        || error.raw_os_error() == fs2::lock_contended_error().raw_os_error()
}

fn unsupported(path: &Path, source: io::Error) -> LockError {
    LockError::Unsupported {
        path: path.into(),
        source,
    }
}

fn held(path: &Path) -> LockError {
    let by = read_holder(path);
    LockError::Held {
        path: path.into(),
        by,
        same_process: is_held_here(path),
    }
}

/// Who says it holds the lock at `path`. Meaningful only while it is held: then the text is the
/// holder's, because each truncates what a crashed one left before it writes its own.
pub(crate) fn read_holder(path: &Path) -> Option<Holder> {
    let mut text = String::new();
    File::open(path)
        .ok()?
        .take(MAX_HOLDER_BYTES)
        .read_to_string(&mut text)
        .ok()?;
    let holder: Holder = serde_json::from_str(text.trim()).ok()?;
    // In the instant between lock and line the text may be of a holder that crashed before. A
    // process that is not there is not the holder; naming nobody is then the honest answer.
    is_alive(holder.pid).then_some(holder)
}

#[cfg(target_os = "linux")]
fn is_alive(pid: u32) -> bool {
    let proc = Path::new("/proc");
    !proc.join("self").exists() || proc.join(pid.to_string()).exists()
}

#[cfg(not(target_os = "linux"))]
fn is_alive(_pid: u32) -> bool {
    true
}

/// What tells one lock file from another: device and inode, or the full path.
type Key = (u64, u64, PathBuf);

#[cfg(unix)]
fn key_of(_path: &Path, meta: &fs::Metadata) -> Key {
    use std::os::unix::fs::MetadataExt as _;
    (meta.dev(), meta.ino(), PathBuf::new())
}

/// The stable standard library has no file index on Windows.
#[cfg(not(unix))]
fn key_of(path: &Path, _meta: &fs::Metadata) -> Key {
    (
        0,
        0,
        fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf()),
    )
}

/// The key of the locked file, if it is still the one at `path`.
fn current_key(path: &Path, file: &File) -> Option<Key> {
    let there = key_of(path, &fs::symlink_metadata(path).ok()?);
    let ours = key_of(path, &file.metadata().ok()?);
    (there == ours).then_some(ours)
}

fn is_held_here(path: &Path) -> bool {
    fs::symlink_metadata(path)
        .ok()
        .is_some_and(|meta| HELD_HERE.lock().contains_key(&key_of(path, &meta)))
}

/// A lock of the operating system.
#[derive(Debug)]
struct RealLock {
    file: File,
    path: PathBuf,
    key: Key,
    exclusive: bool,
}

impl RealLock {
    /// Writes who we are, in place of whatever a crashed holder left.
    fn describe(&self) -> io::Result<()> {
        let program = std::env::current_exe()
            .ok()
            .and_then(|exe| {
                exe.file_stem()
                    .map(|stem| stem.to_string_lossy().into_owned())
            })
            .unwrap_or_else(|| "unknown".to_owned());
        let now = jiff::Timestamp::now();
        let since = jiff::fmt::strtime::format("%Y-%m-%dT%H:%M:%SZ", now)
            .unwrap_or_else(|_| now.to_string());
        let holder = Holder {
            pid: std::process::id(),
            since,
            program,
        };
        let mut line = serde_json::to_vec(&holder)?;
        line.push(b'\n');
        self.file.set_len(0)?;
        (&self.file).rewind()?;
        (&self.file).write_all(&line)
    }
}

impl LockHandle for RealLock {
    fn is_current(&self) -> bool {
        current_key(&self.path, &self.file).is_some()
    }
}

impl Drop for RealLock {
    fn drop(&mut self) {
        if self.exclusive {
            let _ = self.file.set_len(0);
        }
        {
            let mut held = HELD_HERE.lock();
            if let Some(count) = held.get_mut(&self.key) {
                *count -= 1;
                if *count == 0 {
                    held.remove(&self.key);
                }
            }
        }
        give_back(&self.file);
    }
}

/// Stands for a read-only open where no lock file exists and none can be made.
#[derive(Debug)]
struct NoLock;

impl LockHandle for NoLock {
    fn is_current(&self) -> bool {
        true
    }
}

#[cfg(test)]
#[path = "lock_tests.rs"]
mod tests;
