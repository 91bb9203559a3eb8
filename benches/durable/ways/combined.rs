//! What comes while a transaction runs is committed as one, and the log is synced beside it.
//!
//! It owns both stages; the transaction itself is in `database.rs`.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};
use std::thread::Thread;

use super::Way;
use super::single::SyncLog;
use crate::database::{Database, lock};
use crate::rows::{Row, nth_row};

/// Two stages, each with a leader: one commits what is queued, the other syncs what is committed,
/// at the same time. Every waiter is woken by name, and only when it may go or has to lead.
pub(super) struct Combined {
    database: Database,
    sync: SyncLog,
    stages: Mutex<Stages>,
}

#[derive(Default)]
struct Stages {
    queued: u64,
    committed: u64,
    synced: u64,
    committing: bool,
    syncing: bool,
    queue: Vec<Row>,
    /// In the order of their numbers.
    waiting: VecDeque<(u64, Thread)>,
}

impl Stages {
    fn wait_in_line(&mut self, number: u64) {
        let at = self.waiting.partition_point(|waiter| waiter.0 < number);
        self.waiting.insert(at, (number, std::thread::current()));
    }

    fn first_after(&self, number: u64) -> Option<Thread> {
        let mut waiting = self.waiting.iter();
        let next = waiting.find(|waiter| waiter.0 > number)?;
        Some(next.1.clone())
    }

    fn take_up_to(&mut self, number: u64) -> Vec<(u64, Thread)> {
        let count = self.waiting.partition_point(|waiter| waiter.0 <= number);
        self.waiting.drain(..count).collect()
    }
}

impl Combined {
    pub(super) fn new(database: Database, sync: SyncLog) -> Self {
        Self {
            database,
            sync,
            stages: Mutex::default(),
        }
    }

    fn commit<'a>(&'a self, mut stages: MutexGuard<'a, Stages>) -> MutexGuard<'a, Stages> {
        stages.committing = true;
        drop(stages);
        // Whoever is about to save does it now and comes along.
        std::thread::yield_now();
        let (up_to, rows) = {
            let mut stages = lock(&self.stages);
            (stages.queued, std::mem::take(&mut stages.queue))
        };
        self.database.commit(&rows, || ());
        let mut stages = lock(&self.stages);
        stages.committed = up_to;
        stages.committing = false;
        if let Some(next) = stages.first_after(up_to) {
            next.unpark();
        }
        stages
    }

    fn sync<'a>(&'a self, mut stages: MutexGuard<'a, Stages>) {
        stages.syncing = true;
        let up_to = stages.committed;
        drop(stages);
        (self.sync)();
        let mut stages = lock(&self.stages);
        stages.synced = up_to;
        stages.syncing = false;
        let done = stages.take_up_to(up_to);
        let next = stages.first_after(up_to);
        drop(stages);
        for (_, thread) in next.map(|thread| (0, thread)).into_iter().chain(done) {
            thread.unpark();
        }
    }
}

impl Way for Combined {
    fn save_and_wait(&self, thread: usize, n: u64) {
        let row = nth_row(thread, n);
        let mut stages = lock(&self.stages);
        stages.queued += 1;
        let number = stages.queued;
        stages.queue.push(row);
        let mut in_line = false;
        while stages.synced < number {
            if stages.committed < number && !stages.committing {
                stages = self.commit(stages);
            } else if stages.committed >= number && !stages.syncing {
                return self.sync(stages);
            } else {
                if !in_line {
                    stages.wait_in_line(number);
                    in_line = true;
                }
                drop(stages);
                std::thread::park();
                stages = lock(&self.stages);
            }
        }
    }
}
