//! How far a store has come, as a value under a lock.
//!
//! Owns [`State`]: what is durable, who is flushing, how it ended. Who waits for it to change, and is
//! woken, is `progress.rs`.

use std::time::Instant;

use super::CommitterOptions;
use super::schedule::{Schedule, Step};
use crate::error::{Error, ErrorKind, Result};
use crate::sync::now;

#[derive(Debug)]
pub(super) struct State {
    pub(super) schedule: Schedule,
    pub(super) end: End,
    /// The failure that waiters are told, and how many attempts there were in all.
    pub(super) failure: Option<Error>,
    pub(super) attempts: u64,
    /// How many closings were asked for, and how the last one that failed did.
    pub(super) closings: u64,
    pub(super) close_failure: Option<(u64, Error)>,
    /// Counts changes of the health's kind.
    pub(super) health_version: u64,
    /// A flush is under way, on whatever thread.
    pub(super) flushing: bool,
    /// How many flushes were begun, and up to where the last of them goes at least.
    pub(super) flush: usize,
    pub(super) covered: u64,
    pub(super) sleep: Sleep,
}

/// What the thread does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sleep {
    /// It looks what there is to do.
    Awake,
    /// It looks at this time by itself.
    Until(Instant),
    /// It looks when it is woken.
    UntilWoken,
}

impl State {
    pub(super) fn new(options: CommitterOptions) -> Self {
        Self {
            schedule: Schedule::new(options.debounce, options.attempts),
            end: End::Open,
            failure: None,
            attempts: 0,
            closings: 0,
            close_failure: None,
            health_version: 0,
            flushing: false,
            flush: 0,
            covered: 0,
            sleep: Sleep::Awake,
        }
    }

    /// The state of a wait for `sequence` that began when there had been `since` attempts.
    pub(super) fn poll_durable(&self, sequence: u64, since: u64) -> Option<Result<()>> {
        if self.schedule.durable() >= sequence {
            return Some(Ok(()));
        }
        match self.end {
            End::Poisoned => return Some(Err(poisoned())),
            End::Closed => {
                let mut error = not_durable("the store gave up before the write was durable");
                if let Some(failure) = &self.failure {
                    error = error.with_source(failure.clone());
                }
                return Some(Err(error.transient(false)));
            }
            End::Open => {}
        }
        let failure = self.failure.as_ref().filter(|_| self.attempts > since)?;
        if self.schedule.is_exhausted() || !failure.is_transient() {
            let message = "the write is visible and pending, but could not be made durable yet; \
                           the store keeps trying";
            return Some(Err(not_durable(message).with_source(failure.clone())));
        }
        None
    }

    /// Whether a flush is due that a waiter may make.
    pub(super) fn may_be_led(&self) -> bool {
        self.end == End::Open
            && !self.flushing
            && !self.schedule.is_closing()
            && matches!(self.schedule.next(now()), Step::Flush)
    }

    pub(super) fn begin_flush(&mut self) {
        self.flushing = true;
        self.flush = self.flush.wrapping_add(1);
        self.covered = self.schedule.applied();
        self.schedule.flushing(now());
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Open,
    Closed,
    Poisoned,
}

pub(super) fn poisoned() -> Error {
    Error::new(
        ErrorKind::Poisoned,
        "the store's background thread panicked; what was durable is safe, open the store anew",
    )
}

pub(super) fn not_durable(message: &'static str) -> Error {
    Error::new(ErrorKind::NotDurable, message)
}
