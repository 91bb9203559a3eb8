//! A descriptor of our own on the write-ahead log.
//!
//! Owns the two things that are done to the log without SQLite: syncing it, and writing it anew
//! after a sync failed. Tests put another [`Log`] in its place. When they are done is `medium.rs`,
//! and why they are right stands in the project's `DESIGN.md`.
//!
//! SQLite keeps its locks on the database file and on the shared memory, none on the log; so that
//! closing a descriptor on the log drops no lock. Source: `os_unix.c` and
//! <https://www.sqlite.org/howtocorrupt.html>, "Posix advisory locks canceled by a separate thread
//! doing `close()`".

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use crate::file::{log_path, sync_dir};
use crate::wal::{Chain, HEADER};

/// The write-ahead log of a database.
pub(crate) trait Log: Send + Sync {
    /// Makes durable what SQLite wrote to the log before the call.
    fn sync(&self) -> io::Result<()>;

    /// How many frames of the log are whole, by their checksums, up to the last commit.
    fn frames(&self) -> io::Result<u64>;

    /// Writes the whole frames anew, so that the system cannot take them for written already, and
    /// gives their number as [`frames`](Self::frames) does. Only while nobody writes to the database.
    fn rewrite(&self) -> io::Result<u64>;

    /// Makes the names of the database and of its log durable.
    fn sync_dir(&self) -> io::Result<()>;

    /// Lets go of the file, so that SQLite can remove it.
    fn close(&self);
}

/// The log in a file.
pub(crate) struct LogFile {
    path: PathBuf,
    /// Kept open while it is the file of this name: an error of the system's own writing is told to
    /// descriptors that were open then.
    file: Mutex<Option<Opened>>,
}

struct Opened {
    file: File,
    identity: Option<Identity>,
}

impl LogFile {
    pub(crate) fn new(database: &Path) -> Self {
        Self {
            path: log_path(database),
            file: Mutex::new(None),
        }
    }

    /// Does something with the file that has the log's name now.
    fn with<R>(&self, act: impl FnOnce(&mut File) -> io::Result<R>) -> io::Result<R> {
        let mut held = self.file.lock();
        let there = std::fs::metadata(&self.path)?;
        let is_there = held
            .as_ref()
            .is_some_and(|held| held.identity.is_some() && held.identity == identity(&there));
        if !is_there {
            *held = Some(self.open()?);
        }
        match held.as_mut() {
            Some(held) => act(&mut held.file),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn open(&self) -> io::Result<Opened> {
        let file = OpenOptions::new().read(true).write(true).open(&self.path)?;
        let identity = identity(&file.metadata()?);
        Ok(Opened { file, identity })
    }
}

/// Device and number of a file. SQLite removes the log when the last connection is closed, and a log
/// of that name may then be another.
type Identity = (u64, u64);

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere there is none")]
fn identity(file: &std::fs::Metadata) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt as _;
    Some((file.dev(), file.ino()))
}

/// Where that cannot be told, the file is opened anew.
#[cfg(not(unix))]
fn identity(_file: &std::fs::Metadata) -> Option<Identity> {
    None
}

/// Goes through the whole frames of a log. One that cannot be read is an error; one that is not whole
/// ends the log.
pub(crate) fn each_frame<F: Read + Seek>(
    file: &mut F,
    mut act: impl FnMut(&mut F, u64, &[u8]) -> io::Result<()>,
) -> io::Result<u64> {
    file.seek(SeekFrom::Start(0))?;
    let mut header = [0; HEADER];
    match file.read_exact(&mut header) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
        Err(error) => return Err(error),
    }
    let Some(mut chain) = Chain::begin(&header) else {
        return Ok(0);
    };
    act(file, 0, &header)?;
    let mut frame = vec![0; chain.frame_len()];
    let mut at = HEADER as u64;
    loop {
        file.seek(SeekFrom::Start(at))?;
        match file.read_exact(&mut frame) {
            Ok(()) if chain.next(&frame) => act(file, at, &frame)?,
            Ok(()) => break,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(error),
        }
        at += frame.len() as u64;
    }
    Ok(chain.committed())
}

/// A log that is not there has no frames.
fn or_none(result: io::Result<u64>) -> io::Result<u64> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        other => other,
    }
}

impl Log for LogFile {
    fn sync(&self) -> io::Result<()> {
        let mut held = self.file.lock();
        // While a connection of ours is open SQLite does not remove the log, so the file that was
        // opened is the log. To ask each time would cost more than the question: since Linux 6.13
        // the next write after a `stat` changes the inode, and then the sync has two writes to make.
        let opened = match held.take() {
            Some(opened) => opened,
            None => self.open()?,
        };
        // `fdatasync`; on macOS `F_FULLFSYNC`, on Windows `FlushFileBuffers`.
        let synced = opened.file.sync_data();
        *held = Some(opened);
        synced
    }

    fn frames(&self) -> io::Result<u64> {
        or_none(self.with(|file| each_frame(file, |_, _, _| Ok(()))))
    }

    fn rewrite(&self) -> io::Result<u64> {
        or_none(self.with(|file| {
            each_frame(file, |file, at, bytes| {
                file.seek(SeekFrom::Start(at))?;
                file.write_all(bytes)
            })
        }))
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.path.parent().map_or(Ok(()), sync_dir)
    }

    fn close(&self) {
        *self.file.lock() = None;
    }
}
