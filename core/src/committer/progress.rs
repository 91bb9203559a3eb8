//! What writers, waiters and the committer's thread share.
//!
//! Owns [`Progress`]: how far the store has come, and who is to be woken. Its lock is held for a few
//! assignments only; nobody is woken and nothing is logged under it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use event_listener::{Event, EventListener, Listener as _};
use parking_lot::{Condvar, Mutex};

use super::CommitterOptions;
use super::schedule::Schedule;
use crate::error::{Error, ErrorKind, Result};
use crate::health::{Health, HealthState};

/// What writers, waiters and the thread share.
#[derive(Debug)]
pub struct Progress {
    pub(super) state: Mutex<State>,
    /// Wakes the thread.
    pub(super) wake: Condvar,
    /// Wakes waiters: something became durable, or failed, or closed.
    pub(super) moved: Event,
    /// Wakes those who watch the health.
    pub(super) health: Event,
    /// Read by every read of a record, so not under the lock.
    closed: AtomicBool,
}

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
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Open,
    Closed,
    Poisoned,
}

impl Progress {
    pub(super) fn new(options: CommitterOptions) -> Self {
        Self {
            state: Mutex::new(State {
                schedule: Schedule::new(options.debounce, options.attempts),
                end: End::Open,
                failure: None,
                attempts: 0,
                closings: 0,
                close_failure: None,
                health_version: 0,
            }),
            wake: Condvar::new(),
            moved: Event::new(),
            health: Event::new(),
            closed: AtomicBool::new(false),
        }
    }

    /// Everything up to `sequence` is visible now.
    pub(crate) fn wrote(&self, sequence: u64) {
        if self.state.lock().schedule.wrote(sequence, Instant::now()) {
            self.wake.notify_one();
        }
    }

    /// Whether writes may come: the store is neither closed nor closing nor poisoned.
    pub(crate) fn check_open(&self) -> Result<()> {
        let state = self.state.lock();
        match state.end {
            End::Poisoned => Err(poisoned()),
            End::Open if !state.schedule.is_closing() => Ok(()),
            _ => Err(Error::new(ErrorKind::Closed, "the store was closed")),
        }
    }

    /// The state of a wait for `sequence` that began when there had been `since` attempts.
    pub(crate) fn poll_durable(&self, sequence: u64, since: u64) -> Option<Result<()>> {
        let state = self.state.lock();
        if state.schedule.durable() >= sequence {
            return Some(Ok(()));
        }
        match state.end {
            End::Poisoned => return Some(Err(poisoned())),
            End::Closed => {
                let mut error = not_durable("the store gave up before the write was durable");
                if let Some(failure) = &state.failure {
                    error = error.with_source(failure.clone());
                }
                return Some(Err(error.transient(false)));
            }
            End::Open => {}
        }
        let failure = state.failure.as_ref().filter(|_| state.attempts > since)?;
        if state.schedule.is_exhausted() || !failure.is_transient() {
            let message = "the write is visible and pending, but could not be made durable yet; \
                           the store keeps trying";
            return Some(Err(not_durable(message).with_source(failure.clone())));
        }
        None
    }

    /// Asks for a flush up to `sequence`, and gives the number of attempts made so far.
    pub(crate) fn request(&self, sequence: u64) -> u64 {
        let mut state = self.state.lock();
        if state.schedule.awaits(sequence) {
            self.wake.notify_one();
        }
        state.attempts
    }

    /// Asks for the store to be closed, and gives the number of this closing.
    pub(crate) fn request_close(&self, deadline: Option<Instant>) -> u64 {
        let mut state = self.state.lock();
        state.closings += 1;
        if state.end == End::Open {
            state.schedule.close(deadline);
            self.wake.notify_one();
        }
        state.closings
    }

    /// The state of a closing.
    pub(crate) fn poll_closed(&self, closing: u64) -> Option<Result<()>> {
        let state = self.state.lock();
        match (state.end, &state.close_failure) {
            (End::Poisoned, _) => Some(Err(poisoned())),
            (_, Some((failed, error))) if *failed >= closing => Some(Err(error.clone())),
            (End::Closed, _) => Some(Ok(())),
            _ => None,
        }
    }

    /// Waits for a closing; `None` when the time is over.
    pub(super) fn wait_closed(
        &self,
        closing: u64,
        deadline: Option<Instant>,
    ) -> Option<Result<()>> {
        loop {
            let listener = self.listen();
            if let Some(result) = self.poll_closed(closing) {
                return Some(result);
            }
            match deadline {
                None => listener.wait(),
                Some(deadline) => {
                    if listener.wait_deadline(deadline).is_none() {
                        return self.poll_closed(closing);
                    }
                }
            }
        }
    }

    /// Whether the store was closed: everything is durable, or it was given up.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    pub(crate) fn listen(&self) -> EventListener {
        self.moved.listen()
    }

    /// How the store fares.
    #[must_use]
    pub fn health(&self) -> Health {
        let state = self.state.lock();
        let health = match (state.end, &state.failure) {
            (End::Poisoned, _) => HealthState::Poisoned,
            (End::Closed, None) => HealthState::Closed,
            (_, Some(error)) => HealthState::Failing {
                attempts: state.schedule.streak(),
                error: error.clone(),
                retry_in: state
                    .schedule
                    .retry_at()
                    .map(|at| at.saturating_duration_since(Instant::now()))
                    .unwrap_or_default(),
            },
            (End::Open, None) => HealthState::Healthy,
        };
        Health {
            state: health,
            applied: state.schedule.applied(),
            durable: state.schedule.durable(),
        }
    }

    pub(super) fn end(&self, end: End) {
        {
            let mut state = self.state.lock();
            if state.end == End::Open {
                state.end = end;
                state.health_version += 1;
                self.closed.store(end == End::Closed, Ordering::SeqCst);
            }
        }
        // Outside the lock: what is woken may ask for the state at once.
        self.moved.notify(usize::MAX);
        self.health.notify(usize::MAX);
    }
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
