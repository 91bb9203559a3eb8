//! A shared sync that one of those who wait makes.
//!
//! What is synced is in `single.rs`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex};

use super::single::{Shared, SyncLog};
use crate::database::lock;

/// Leader and followers: whoever finds nobody at the sync does it.
///
/// Two conditions take turns, one for those whom the sync under way covers and one for those whom
/// the next will cover. So its end wakes everybody who may go and exactly one of the others, who
/// leads.
pub(super) struct Led {
    sync: SyncLog,
    committed: AtomicU64,
    state: Mutex<LedState>,
    woken: [Condvar; 2],
}

#[derive(Default)]
struct LedState {
    synced: u64,
    /// Up to where the sync under way goes; 0 until its leader knows.
    covers: u64,
    syncing: bool,
    turn: bool,
}

impl Led {
    pub(super) fn new(sync: SyncLog) -> Self {
        Self {
            sync,
            committed: AtomicU64::new(0),
            state: Mutex::default(),
            woken: [Condvar::new(), Condvar::new()],
        }
    }

    fn condition(&self, turn: bool) -> &Condvar {
        let [one, other] = &self.woken;
        if turn { one } else { other }
    }

    fn lead(&self) {
        // Whoever is about to commit does it now and comes along.
        std::thread::yield_now();
        let (covers, turn) = {
            let mut state = lock(&self.state);
            state.covers = self.committed.load(Ordering::SeqCst);
            state.turn = !state.turn;
            (state.covers, state.turn)
        };
        (self.sync)();
        {
            let mut state = lock(&self.state);
            state.synced = covers;
            state.covers = 0;
            state.syncing = false;
        }
        self.condition(!turn).notify_one();
        self.condition(turn).notify_all();
    }
}

impl Shared for Led {
    fn committed(&self) -> u64 {
        self.committed.fetch_add(1, Ordering::SeqCst) + 1
    }

    fn wait(&self, commit: u64) {
        let mut state = lock(&self.state);
        while state.synced < commit {
            if !state.syncing {
                state.syncing = true;
                drop(state);
                return self.lead();
            }
            let turn = if commit <= state.covers {
                state.turn
            } else {
                !state.turn
            };
            state = self.condition(turn).wait(state).unwrap();
        }
    }
}
