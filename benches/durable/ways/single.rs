//! A transaction a save, and one sync for all who wait.
//!
//! It owns what is synced; who does it, and how the others learn of it, is in `led.rs` and
//! `dedicated.rs`.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::Way;
use crate::database::{Database, connect, lock, run};
use crate::rows::nth_row;

/// Makes durable what is committed, for all who wait.
pub(super) trait Shared: Send + Sync {
    /// The number of the commit that was just made. Called while nobody else can commit.
    fn committed(&self) -> u64;
    /// Waits until this commit is on disk.
    fn wait(&self, commit: u64);
}

/// Every save is a transaction of its own; only the sync is shared.
pub(super) struct Single<S> {
    pub(super) database: Database,
    pub(super) sync: S,
}

impl<S: Shared> Way for Single<S> {
    fn save_and_wait(&self, thread: usize, n: u64) {
        let row = nth_row(thread, n);
        let commit = self.database.commit(&[row], || self.sync.committed());
        self.sync.wait(commit);
    }
}

pub(super) type SyncLog = Box<dyn Fn() + Send + Sync>;

/// Our own descriptor on the log. SQLite keeps its locks on the database and on the `-shm` file,
/// so that opening and closing this one disturbs nobody.
pub(super) fn descriptor(path: &Path) -> SyncLog {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let log = File::options()
        .read(true)
        .write(true)
        .open(PathBuf::from(log))
        .unwrap();
    Box::new(move || log.sync_data().unwrap())
}

/// A row of its own, written under FULL. It takes our mutex first: who only meets at the lock of
/// SQLite sleeps for milliseconds.
pub(super) fn barrier(path: &Path, database: &Database) -> SyncLog {
    let connection = connect(path, "FULL");
    connection
        .pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()))
        .unwrap();
    let connection = Mutex::new(connection);
    let writer = Arc::clone(&database.writer);
    Box::new(move || {
        let connection = lock(&connection);
        let _quiet = lock(&writer);
        run(&connection, "UPDATE barrier SET sequence = sequence + 1");
    })
}
