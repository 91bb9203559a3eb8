//! What writers, waiters and the committer's thread share.
//!
//! Owns [`Progress`]: how far the store has come, and who is to be woken. Its lock is held for a few
//! assignments only; nobody is woken and nothing is logged under it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Instant;

use super::state::{End, Sleep, State, poisoned};
use super::{CommitterOptions, Medium, error_chain};
use crate::error::{Error, ErrorKind, Result};
use crate::feed::Feed;
use crate::health::{Health, HealthState};
use crate::holder::Holder;
use crate::sync::{
    AtomicBool, Condvar, Event, EventListener, Listener as _, Mutex, MutexGuard, jitter, now,
    thread,
};

/// What writers, waiters and the thread share.
pub struct Progress {
    pub(super) state: Mutex<State>,
    /// Wakes the thread.
    pub(super) wake: Condvar,
    /// Wakes waiters: something became durable, or failed.
    flushed: Event,
    /// Wakes waiters that may flush by themselves. Those of the flush under way and those of the
    /// next are told apart, so that a flush wakes whom it concerns: of those who wait for the next
    /// one is woken, to make it.
    leaders: [Condvar; 2],
    /// Wakes those who wait for a closing.
    pub(super) closing: Event,
    /// Wakes those who watch the health.
    pub(super) health: Event,
    /// Read by every read of a record, so not under the lock.
    closed: AtomicBool,
    /// What a waiter flushes himself; empty where a flush is too long for that. Weak, because the
    /// medium knows the progress.
    led: OnceLock<Weak<dyn Medium>>,
    /// Ends with the store.
    feed: Arc<Feed>,
    holder: Arc<Holder>,
}

impl std::fmt::Debug for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Progress")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl Progress {
    pub(super) fn new(options: CommitterOptions) -> Self {
        Self {
            state: Mutex::new(State::new(options)),
            wake: Condvar::new(),
            flushed: Event::new(),
            leaders: [Condvar::new(), Condvar::new()],
            closing: Event::new(),
            health: Event::new(),
            closed: AtomicBool::new(false),
            led: OnceLock::new(),
            feed: Arc::default(),
            holder: Arc::default(),
        }
    }

    /// Who is told of changes.
    pub(crate) fn feed(&self) -> &Arc<Feed> {
        &self.feed
    }

    /// Who is inside a transaction.
    pub(crate) fn holder(&self) -> Arc<Holder> {
        Arc::clone(&self.holder)
    }

    /// Refuses a wait inside a transaction: a flush may need the turn that it holds.
    pub(crate) fn check_may_wait(&self) -> Result<()> {
        self.holder.check()
    }

    /// From now on a waiter may flush this medium himself, if its flushes are short.
    pub(super) fn let_waiters_lead(&self, medium: &Arc<dyn Medium>) {
        if medium.flush_is_short() {
            // Set once, by the one start of the committer.
            let _ = self.led.set(Arc::downgrade(medium));
        }
    }

    /// The thread sleeps, until this time or until it is woken.
    pub(super) fn sleep(&self, state: &mut MutexGuard<'_, State>, until: Option<Instant>) {
        state.sleep = until.map_or(Sleep::UntilWoken, Sleep::Until);
        match until {
            None => self.wake.wait(state),
            Some(time) => {
                self.wake.wait_until(state, time);
            }
        }
        state.sleep = Sleep::Awake;
    }

    /// Everything up to `sequence` is visible now.
    pub(crate) fn wrote(&self, sequence: u64) {
        let mut state = self.state.lock();
        if !state.schedule.wrote(sequence, now()) {
            return;
        }
        // A thread that looks in time by itself is left alone: a store whose writers flush
        // themselves opens a window with every write.
        let in_time = match (state.sleep, state.schedule.window_end()) {
            (Sleep::Until(wakes), Some(end)) => wakes <= end,
            _ => false,
        };
        if !in_time {
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
        self.state.lock().poll_durable(sequence, since)
    }

    /// Whether a thread that waits may flush by itself.
    pub(crate) fn may_lead(&self) -> bool {
        self.led.get().is_some()
    }

    /// Asks for a flush up to `sequence`, and gives the number of attempts made so far. Whoever
    /// leads does not wake the thread: he flushes himself, or is woken by who does.
    pub(crate) fn request(&self, sequence: u64, leads: bool) -> u64 {
        let mut state = self.state.lock();
        // After a failure it is the thread that tries again, and sooner for an impatient waiter.
        if state.schedule.awaits(sequence) && (!leads || state.schedule.streak() > 0) {
            self.wake.notify_one();
        }
        state.attempts
    }

    /// Waits until `sequence` is durable, and flushes on this thread whenever a flush is due and
    /// nobody is at it. Otherwise whoever is at it, or the thread, wakes those who wait.
    ///
    /// # Errors
    ///
    /// See [`Write`](crate::Write).
    pub(crate) fn lead(&self, sequence: u64) -> Result<()> {
        let since = self.request(sequence, true);
        let mut state = self.state.lock();
        loop {
            if let Some(outcome) = state.poll_durable(sequence, since) {
                return outcome;
            }
            let medium = self.led.get().and_then(Weak::upgrade);
            if let (true, Some(medium)) = (state.may_be_led(), medium) {
                state.flushing = true;
                drop(state);
                self.flush_here(&*medium);
                state = self.state.lock();
                continue;
            }
            let covered = state.flushing && sequence <= state.covered;
            let [this, next] = of_flush(&self.leaders, state.flush);
            let wake = if covered { this } else { next };
            wake.wait(&mut state);
        }
    }

    fn flush_here(&self, medium: &dyn Medium) {
        // Whoever is about to commit comes along.
        thread::yield_now();
        self.state.lock().begin_flush();
        if let Ok(result) = catch_unwind(AssertUnwindSafe(|| medium.flush())) {
            self.end_flush(result);
        } else {
            tracing::error!(target: "larder::flush", "a flush panicked: the store is poisoned");
            self.state.lock().flushing = false;
            self.end(End::Poisoned);
            self.wake.notify_one();
        }
    }

    /// What came of the flush that was begun; wakes everybody whom it concerns.
    pub(super) fn end_flush(&self, result: Result<u64>) {
        let now = now();
        let (durable, failure) = match result {
            Ok(durable) => (Some(durable), None),
            Err(error) => (None, Some(error)),
        };
        let (attempt, recovered, flush, only_covered) = {
            let mut state = self.state.lock();
            state.flushing = false;
            state.attempts += 1;
            if let Some(durable) = durable {
                state.schedule.flushed(durable, now);
            } else {
                state.schedule.failed(now, jitter());
                // Whoever comes before the next flush begins waits for that one.
                state.covered = state.schedule.durable();
            }
            let before = std::mem::replace(&mut state.failure, failure.clone());
            let recovered = before.is_some() && failure.is_none();
            if recovered || failure.is_some() {
                state.health_version += 1;
            }
            // The thread slept while somebody else flushed: it has a time to wake at now, or
            // something to do.
            if failure.is_some() || state.sleep == Sleep::UntilWoken {
                self.wake.notify_one();
            }
            let only_covered = durable.is_some_and(|durable| durable <= state.covered);
            (
                state.schedule.streak(),
                recovered,
                state.flush,
                only_covered,
            )
        };
        // Outside the lock: a log may write to this very store, and what is woken asks for the
        // state.
        self.flushed.notify(usize::MAX);
        let [this, next] = of_flush(&self.leaders, flush);
        this.notify_all();
        // Who waits for the next flush has to make it, and one is enough for that. Unless there may
        // be some whom this one took along.
        if only_covered {
            next.notify_one();
        } else {
            next.notify_all();
        }
        if let Some(error) = &failure {
            tracing::warn!(
                target: "larder::flush",
                %error,
                cause = error_chain(error),
                attempt,
                "a flush failed; every write stays pending and is tried again"
            );
        } else if recovered {
            tracing::info!(target: "larder::flush", "the store flushes again");
        }
        if recovered || failure.is_some() {
            self.health.notify(usize::MAX);
        }
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
            let listener = self.listen_closing();
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

    /// For a wait until something is durable.
    pub(crate) fn listen(&self) -> EventListener {
        self.flushed.listen()
    }

    /// For a wait until the store is closed.
    pub(crate) fn listen_closing(&self) -> EventListener {
        self.closing.listen()
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
                    .map(|at| at.saturating_duration_since(now()))
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
        // Before anybody can find that it is the end: whoever closed the store and then asks for a
        // change is told that none will come, and not that there is none yet.
        self.feed.close();
        {
            let mut state = self.state.lock();
            if state.end == End::Open {
                state.end = end;
                state.health_version += 1;
                self.closed.store(end == End::Closed, Ordering::SeqCst);
            }
        }
        // Outside the lock: what is woken may ask for the state at once.
        for event in [&self.flushed, &self.closing, &self.health] {
            event.notify(usize::MAX);
        }
        for waiting in &self.leaders {
            waiting.notify_all();
        }
    }
}

/// What belongs to a flush, and to the next.
fn of_flush<W>([even, odd]: &[W; 2], flush: usize) -> [&W; 2] {
    if flush.is_multiple_of(2) {
        [even, odd]
    } else {
        [odd, even]
    }
}
