//! Moving the log into the database, in the background.
//!
//! Owns the thread and the connection that do it, so that no caller's thread does, and when that is
//! due.
//!
//! A passive checkpoint stands in nobody's way, but while writers are at it the log never ends, and
//! then SQLite cannot begin it anew. So the last piece, which is short, is moved while writers wait.
//! A log that begins anew is also written faster than one that grows: syncing bytes in their place
//! needs no change of the file's length.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use larder_core::Error;
use larder_core::backend::Journal;
use parking_lot::{Condvar, Mutex, MutexGuard};
use rusqlite::Connection;

use crate::connection::{Role, open};

/// From so many pages on (8 MB, as a rule) the log is moved. SQLite itself does that at 1,000; twice
/// as many halve what is written to the database where the same pages change again and again.
pub(crate) const PAGES: i32 = 2_000;
/// From so many pages on readers are waited for, too: the log could not begin anew for several times,
/// because there was always one who needed it.
pub(crate) const LONG_LOG: i32 = 4 * PAGES;
/// So long; writers wait meanwhile.
const PATIENCE: Duration = Duration::from_millis(20);

#[derive(Debug, Default)]
struct Wanted {
    /// A checkpoint of a log of so many pages.
    checkpoint: Option<i32>,
    stop: bool,
}

#[derive(Debug, Default)]
struct Desk {
    wanted: Mutex<Wanted>,
    wake: Condvar,
    /// Held while a checkpoint is made.
    moving: Mutex<()>,
}

/// The thread that moves the log into the database. It begins when it is first needed.
#[derive(Debug)]
pub(crate) struct Checkpointer {
    desk: Arc<Desk>,
    path: PathBuf,
    journal: Arc<Journal>,
    suspended: Arc<AtomicBool>,
    /// A checkpoint may have left the database as no later one would mend it.
    torn: Arc<AtomicBool>,
    /// At how many pages the next checkpoint is asked for.
    ask_at: AtomicI32,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Checkpointer {
    /// For the database at this path.
    pub(crate) fn new(path: PathBuf, journal: Arc<Journal>) -> Self {
        Self {
            desk: Arc::default(),
            path,
            journal,
            suspended: Arc::default(),
            torn: Arc::default(),
            ask_at: AtomicI32::new(PAGES),
            thread: Mutex::new(None),
        }
    }

    /// No checkpoint begins until [`resume`](Self::resume): what is in the log may not be what was
    /// written. A checkpoint that fails suspends those after it, too.
    pub(crate) fn suspend(&self) {
        self.suspended.store(true, Ordering::SeqCst);
    }

    /// Whether checkpoints are suspended.
    pub(crate) fn is_suspended(&self) -> bool {
        self.suspended.load(Ordering::SeqCst)
    }

    /// Whether the last connection of the store may move the log.
    pub(crate) fn may_go_on(&self) -> bool {
        !self.is_suspended() && !self.torn.load(Ordering::SeqCst)
    }

    /// The log can be trusted again.
    pub(crate) fn resume(&self) {
        self.suspended.store(false, Ordering::SeqCst);
        if self.thread.lock().is_some() {
            self.ask(PAGES);
        }
    }

    /// Waits for the checkpoint that is under way; none begins while this is held.
    pub(crate) fn hold_still(&self) -> MutexGuard<'_, ()> {
        self.desk.moving.lock()
    }

    /// After a commit the log is so long.
    pub(crate) fn log_is(&self, pages: i32) {
        if self.is_due(pages) {
            self.ask(pages);
        }
    }

    /// Whether a log that is so long is to be moved. If that does not help, because a reader needs the
    /// log, not with every commit anew.
    pub(crate) fn is_due(&self, pages: i32) -> bool {
        let ask_at = self.ask_at.load(Ordering::Relaxed);
        if pages >= ask_at {
            self.ask_at
                .store(pages.saturating_add(PAGES), Ordering::Relaxed);
            return true;
        }
        if pages < PAGES && ask_at != PAGES {
            self.ask_at.store(PAGES, Ordering::Relaxed);
        }
        false
    }

    /// Asks for a checkpoint, soon.
    fn ask(&self, pages: i32) {
        self.desk.wanted.lock().checkpoint = Some(pages);
        self.desk.wake.notify_one();
        let mut thread = self.thread.lock();
        if thread.is_some() {
            return;
        }
        let (desk, path) = (Arc::clone(&self.desk), self.path.clone());
        let journal = Arc::clone(&self.journal);
        let (suspended, torn) = (Arc::clone(&self.suspended), Arc::clone(&self.torn));
        let named = std::thread::Builder::new().name("larder-checkpoint".to_owned());
        // If there is no thread to be had the log grows meanwhile, and the next asking tries again.
        // Nothing is logged: a commit is under way, and a log may be kept in this very store.
        if let Ok(started) = named.spawn(move || run(&desk, &path, &journal, &suspended, &torn)) {
            *thread = Some(started);
        }
    }

    /// Ends the thread, after the checkpoint that it is at.
    pub(crate) fn stop(&self) {
        self.desk.wanted.lock().stop = true;
        self.desk.wake.notify_one();
        let thread = self.thread.lock().take();
        if let Some(thread) = thread {
            // A panic there has been printed, and there is nothing to learn from it here.
            drop(thread.join());
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.stop();
    }
}

fn run(desk: &Desk, path: &Path, journal: &Journal, suspended: &AtomicBool, torn: &AtomicBool) {
    let mut connection = None;
    loop {
        let pages = {
            let mut wanted = desk.wanted.lock();
            loop {
                if wanted.stop {
                    return;
                }
                if let Some(pages) = wanted.checkpoint.take() {
                    break pages;
                }
                desk.wake.wait(&mut wanted);
            }
        };
        if connection.is_none() {
            match open_for_checkpoints(path) {
                Ok(opened) => connection = Some(opened),
                Err(error) => {
                    tracing::warn!(target: "larder::checkpoint", %error, "no checkpoint was made");
                    continue;
                }
            }
        }
        let Some(connection) = &connection else {
            continue;
        };
        let _moving = desk.moving.lock();
        if suspended.load(Ordering::SeqCst) || torn.load(Ordering::SeqCst) {
            continue;
        }
        let Err(error) = checkpoint(connection, journal, suspended, pages) else {
            continue;
        };
        suspended.store(true, Ordering::SeqCst);
        if may_have_torn(connection, &error) {
            torn.store(true, Ordering::SeqCst);
            tracing::error!(
                target: "larder::checkpoint",
                %error,
                "a checkpoint failed, and part of the database may not be on the disk; the log has all \
                 of it, and is kept and grows until the store is closed and opened again"
            );
        } else {
            tracing::warn!(
                target: "larder::checkpoint",
                %error,
                "a checkpoint failed; the log stays as it is, and it is tried again"
            );
        }
    }
}

fn open_for_checkpoints(path: &Path) -> Result<Connection, Error> {
    let connection = open(path, Role::Writer)?;
    connection
        .busy_timeout(PATIENCE)
        .map_err(crate::error::SqliteError::sql("set up the connection"))?;
    Ok(connection)
}

/// That somebody is in the way is no failure.
fn move_log(connection: &Connection, how: &str) -> rusqlite::Result<()> {
    connection.query_row(&format!("PRAGMA wal_checkpoint({how})"), [], |_| Ok(()))
}

/// Whether the next checkpoint would leave out what this one has failed to make durable. SQLite counts
/// what was moved, and syncs the database only when all of the log was. If that sync fails, what was
/// counted in an earlier pass is not moved again. Whoever opens the database next begins to count anew.
fn may_have_torn(connection: &Connection, error: &rusqlite::Error) -> bool {
    let is_of_sync = error
        .sqlite_error()
        .is_some_and(|error| error.extended_code == rusqlite::ffi::SQLITE_IOERR_FSYNC);
    let moved = connection.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| {
        row.get::<_, i64>(2)
    });
    is_of_sync && moved != Ok(0)
}

/// Moves a log of so many pages: most of it while writers write, and the rest while they wait.
pub(crate) fn checkpoint(
    connection: &Connection,
    journal: &Journal,
    suspended: &AtomicBool,
    pages: i32,
) -> rusqlite::Result<()> {
    move_log(connection, "PASSIVE")?;
    // Always: what the first one says it left does not count what was written meanwhile.
    let how = if pages >= LONG_LOG {
        "RESTART"
    } else {
        "PASSIVE"
    };
    let moved = journal.between_writes(|| {
        if suspended.load(Ordering::SeqCst) {
            return Ok(());
        }
        move_log(connection, how)
    });
    // This thread is in no transaction, so it was done.
    moved.unwrap_or(Ok(()))
}
