//! A shared sync that a thread of its own makes.
//!
//! What is synced is in `single.rs`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;

use super::single::{Shared, SyncLog};
use crate::database::lock;

/// A thread of its own syncs as long as somebody wants it.
pub(super) struct Dedicated {
    shared: Arc<DedicatedShared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct DedicatedShared {
    committed: AtomicU64,
    state: Mutex<DedicatedState>,
    wanted: Condvar,
    done: Condvar,
}

#[derive(Default)]
struct DedicatedState {
    wanted: u64,
    synced: u64,
    closing: bool,
}

impl Dedicated {
    pub(super) fn new(sync: SyncLog) -> Self {
        let shared = Arc::new(DedicatedShared::default());
        let thread = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || shared.run(&sync)
        });
        Self {
            shared,
            thread: Some(thread),
        }
    }
}

impl DedicatedShared {
    fn run(&self, sync: &SyncLog) {
        let mut state = lock(&self.state);
        while !state.closing {
            if state.wanted <= state.synced {
                state = self.wanted.wait(state).unwrap();
                continue;
            }
            drop(state);
            let covers = self.committed.load(Ordering::SeqCst);
            sync();
            state = lock(&self.state);
            state.synced = covers;
            self.done.notify_all();
        }
    }
}

impl Shared for Dedicated {
    fn committed(&self) -> u64 {
        self.shared.committed.fetch_add(1, Ordering::SeqCst) + 1
    }

    fn wait(&self, commit: u64) {
        let mut state = lock(&self.shared.state);
        if state.wanted < commit {
            state.wanted = commit;
            self.shared.wanted.notify_one();
        }
        while state.synced < commit {
            state = self.shared.done.wait(state).unwrap();
        }
    }
}

impl Drop for Dedicated {
    fn drop(&mut self) {
        lock(&self.shared.state).closing = true;
        self.shared.wanted.notify_one();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}
