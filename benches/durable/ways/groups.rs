//! What comes while a transaction runs is committed as one, under FULL.
//!
//! It owns the one stage there is; the transaction itself is in `database.rs`.

use std::sync::{Condvar, Mutex};

use super::Way;
use crate::database::{Database, lock};
use crate::rows::{Row, nth_row};

/// One stage: the leader's transaction under FULL is commit and sync in one.
pub(super) struct Groups {
    database: Database,
    state: Mutex<GroupState>,
    done: Condvar,
}

#[derive(Default)]
struct GroupState {
    queued: u64,
    durable: u64,
    leading: bool,
    queue: Vec<Row>,
}

impl Groups {
    pub(super) fn new(database: Database) -> Self {
        Self {
            database,
            state: Mutex::default(),
            done: Condvar::new(),
        }
    }
}

impl Way for Groups {
    fn save_and_wait(&self, thread: usize, n: u64) {
        let row = nth_row(thread, n);
        let mut state = lock(&self.state);
        state.queued += 1;
        let number = state.queued;
        state.queue.push(row);
        while state.leading {
            state = self.done.wait(state).unwrap();
            if state.durable >= number {
                return;
            }
        }
        state.leading = true;
        let (up_to, rows) = (state.queued, std::mem::take(&mut state.queue));
        drop(state);
        self.database.commit(&rows, || ());
        let mut state = lock(&self.state);
        state.durable = up_to;
        state.leading = false;
        drop(state);
        self.done.notify_all();
    }
}
