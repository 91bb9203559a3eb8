//! What the committer flushes: the write-ahead log.
//!
//! Owns [`SqliteMedium`]: syncing the log once for all who wait, and what happens after a sync that
//! failed. Every write was committed before it has a number, so a log that is synced holds every
//! write up to the number that was the last before.
//!
//! | a flush | makes sure that |
//! |---|---|
//! | the first | the names of the database and its log are durable: SQLite ignores a failure there |
//! | each | the log's bytes are |
//! | one after a failure | the bytes are written anew first: the system holds them for written |
//!
//! Nothing here is locked that a reader of records needs, and a writer only after a failure.

use std::fmt;
use std::sync::Arc;

use larder_core::backend::{Journal, Medium, Progress};
use larder_core::{Durability, Options, Result};
use parking_lot::Mutex;

use crate::checkpoint::Checkpointer;
use crate::connection::Journaling;
use crate::database::Database;
use crate::error::SqliteError;
use crate::file::log_path;
use crate::log::Log;

/// The log of an open store.
pub(crate) struct SqliteMedium {
    database: Arc<Database>,
    journal: Arc<Journal>,
    journaling: Journaling,
    log: Box<dyn Log>,
    /// Whether an acknowledged write waits for the disk.
    syncs: bool,
    /// Whether the names of the database and its log are durable. Held for a whole flush.
    names_are_durable: Mutex<bool>,
    checkpointer: Arc<Checkpointer>,
}

impl fmt::Debug for SqliteMedium {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteMedium")
            .field("database", &self.database)
            .field("journaling", &self.journaling)
            .finish_non_exhaustive()
    }
}

impl SqliteMedium {
    /// The log of a database whose writer is set up.
    pub(crate) fn new(
        database: Arc<Database>,
        journaling: Journaling,
        log: Box<dyn Log>,
        options: &Options,
        progress: Arc<Progress>,
    ) -> Self {
        let journal = Arc::new(Journal::committed(progress));
        let path = database.path().to_owned();
        let checkpointer = Arc::new(Checkpointer::new(path, Arc::clone(&journal)));
        let asked = Arc::clone(&checkpointer);
        database.watch_log(move |pages| asked.log_is(pages));
        Self {
            database,
            journal,
            journaling,
            log,
            syncs: options.durability == Durability::PowerLoss,
            names_are_durable: Mutex::new(false),
            checkpointer,
        }
    }

    /// If there is something in the log that was found, writes it anew: a process before this one
    /// may have failed to sync it, and nobody could tell from its bytes. Also where no write waits for a
    /// sync: a checkpoint trusts the log.
    pub(crate) fn recover(&self) -> Result<()> {
        if self.journaling == Journaling::Rollback {
            return Ok(());
        }
        // If this does not come to its end, nobody may trust the log, not who closes it either.
        self.checkpointer.suspend();
        if self.log.frames().map_err(self.fail("read the log"))? > 0 {
            self.write_anew()?;
        }
        self.checkpointer.resume();
        Ok(())
    }

    pub(crate) fn journal(&self) -> &Arc<Journal> {
        &self.journal
    }

    fn fail(&self, doing: &'static str) -> impl FnOnce(std::io::Error) -> SqliteError {
        SqliteError::io(doing, log_path(self.database.path()))
    }

    /// Writes the whole frames anew and syncs them, while nobody writes and nothing is moved into the
    /// database. If less is whole than SQLite believes, part of it is gone.
    fn write_anew(&self) -> Result<()> {
        let _still = self.checkpointer.hold_still();
        self.journal.between_writes(|| {
            self.database.hold_still(|| {
                let believed = self.database.log_frames()?;
                let whole = self.log.rewrite().map_err(self.fail("rewrite the log"))?;
                if whole < believed {
                    let path = log_path(self.database.path());
                    return Err(SqliteError::LogLost { path }.into());
                }
                if whole == 0 {
                    // It was moved into the database, and begun anew.
                    return Ok(());
                }
                Ok(self.log.sync().map_err(self.fail("sync the log"))?)
            })
        })?
    }

    fn sync(&self) -> Result<()> {
        let mut names_are_durable = self.names_are_durable.lock();
        if !*names_are_durable {
            self.log
                .sync_dir()
                .map_err(self.fail("sync the directory of the log"))?;
            *names_are_durable = true;
        }
        // A sync of SQLite's own that failed has suspended them, too.
        if self.checkpointer.is_suspended() {
            self.write_anew()?;
            self.checkpointer.resume();
        } else if let Err(error) = self.log.sync() {
            // From here on nothing may trust the log, and a checkpoint would.
            self.checkpointer.suspend();
            return Err(self.fail("sync the log")(error).into());
        }
        Ok(())
    }
}

impl Medium for SqliteMedium {
    fn flush(&self) -> Result<u64> {
        // Before the sync: what is committed during it may not be in it.
        let last = self.journal.last();
        match self.journaling {
            Journaling::Log if self.syncs => {
                self.sync().map_err(|error| error.with_operation("flush"))?;
            }
            // No write waits for a sync, but a checkpoint of a log that is not durable would tear the
            // database itself. If it cannot be helped the log grows, and the next flush tries again.
            Journaling::Log => {
                let again = self.checkpointer.is_suspended() && self.write_anew().is_ok();
                if again {
                    self.checkpointer.resume();
                }
            }
            Journaling::Rollback => {}
        }
        Ok(last)
    }

    fn release(&self) {
        self.checkpointer.stop();
        self.log.close();
        // Moved from a log that is not durable, the database is torn by a crash in that moment, and
        // SQLite's own sync of the log would not tell.
        self.database.close(self.checkpointer.may_go_on());
    }

    fn flush_is_short(&self) -> bool {
        true
    }
}
