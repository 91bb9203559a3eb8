//! What SQLite does without any help: the baseline, and the most that can be had.
//!
//! Nothing is shared here, and nobody waits for anybody but at the mutex.

use std::path::Path;
use std::sync::Mutex;

use rusqlite::Connection;

use super::Way;
use crate::database::{Database, Upsert, connect, lock, put};
use crate::rows::nth_row;

pub(super) struct Full {
    connection: Mutex<Connection>,
    upsert: Upsert,
}

impl Full {
    pub(super) fn open(path: &Path, upsert: Upsert) -> Self {
        Self {
            connection: Mutex::new(connect(path, "FULL")),
            upsert,
        }
    }
}

impl Way for Full {
    fn save_and_wait(&self, thread: usize, n: u64) {
        let row = nth_row(thread, n);
        put(&lock(&self.connection), &row, self.upsert);
    }
}

pub(super) struct Normal {
    pub(super) database: Database,
}

impl Way for Normal {
    fn save_and_wait(&self, thread: usize, n: u64) {
        self.database.commit(&[nth_row(thread, n)], || ());
    }
}
