//! The committer: turns "visible up to sequence n" into "durable up to sequence n".
//!
//! Owns the one background thread of a store ([`Committer`]) and what writers and waiters share
//! with it ([`Progress`]). What a flush *is* belongs to the backend ([`Medium`]); when one is made
//! is decided in `schedule.rs`.
//!
//! Somebody who waits is a request to flush now; writes that nobody waits for ride the debounce
//! window. While a flush runs, later writes gather for the next: that is group commit.

mod schedule;
mod watch;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use event_listener::{Event, EventListener};
use parking_lot::{Condvar, Mutex};

use crate::error::{Error, ErrorKind, Result};
use crate::health::{Health, HealthState};
use schedule::{Schedule, Step};

pub use watch::HealthWatch;

/// What the committer makes durable: a directory of files, a database.
pub trait Medium: Send + Sync + 'static {
    /// Makes everything durable that was applied before the call, and gives the sequence number
    /// up to which that is so.
    ///
    /// # Errors
    ///
    /// Nothing is forgotten: what was to be flushed stays pending in the medium, and the next call
    /// does all of it anew. After a failed sync nothing under it may be trusted.
    fn flush(&self) -> Result<u64>;

    /// Lets go of what the store holds (its lock). Called once, when everything is durable and no
    /// write can come any more, or when the store gives up.
    fn release(&self);
}

/// How a committer behaves.
#[derive(Clone, Copy, Debug)]
pub struct CommitterOptions {
    /// How long a write that nobody waits for may stay in memory.
    pub debounce: Duration,
    /// After how many failed attempts in a row waiters are told. The store keeps trying.
    pub attempts: u32,
    /// How long dropping the last handle of a store may take to flush.
    pub drop_timeout: Duration,
}

impl Default for CommitterOptions {
    fn default() -> Self {
        Self {
            debounce: Duration::from_secs(1),
            attempts: 5,
            drop_timeout: Duration::from_secs(10),
        }
    }
}

/// What writers, waiters and the thread share.
#[derive(Debug)]
pub struct Progress {
    state: Mutex<State>,
    /// Wakes the thread.
    wake: Condvar,
    /// Wakes waiters: something became durable, or failed, or closed.
    moved: Event,
    /// Wakes those who watch the health.
    health: Event,
}

#[derive(Debug)]
struct State {
    schedule: Schedule,
    end: End,
    /// The failure that waiters are told, and how many attempts there were in all.
    failure: Option<Error>,
    attempts: u64,
    /// How many closings were asked for, and how the last one that failed did.
    closings: u64,
    close_failure: Option<(u64, Error)>,
    /// Counts changes of the health's kind.
    health_version: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Open,
    Closed,
    Poisoned,
}

impl Progress {
    fn new(options: CommitterOptions) -> Self {
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

    fn health_changed(&self, state: &mut State) {
        state.health_version += 1;
        self.health.notify(usize::MAX);
    }

    fn end(&self, end: End) {
        let mut state = self.state.lock();
        if state.end == End::Open {
            state.end = end;
            self.health_changed(&mut state);
        }
        drop(state);
        self.moved.notify(usize::MAX);
    }
}

fn poisoned() -> Error {
    Error::new(
        ErrorKind::Poisoned,
        "the store's background thread panicked; what was durable is safe, open the store anew",
    )
}

fn not_durable(message: &'static str) -> Error {
    Error::new(ErrorKind::NotDurable, message)
}

/// The background thread of one store.
///
/// Dropping it closes the store: it flushes, loudly where that fails, for at most
/// [`CommitterOptions::drop_timeout`].
#[derive(Debug)]
pub struct Committer {
    progress: Arc<Progress>,
    thread: Option<JoinHandle<()>>,
    drop_timeout: Duration,
}

impl Committer {
    /// Starts the thread. `medium` is called from that thread only.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] if the operating system gives no thread.
    pub fn start(
        options: CommitterOptions,
        make: impl FnOnce(Arc<Progress>) -> Arc<dyn Medium>,
    ) -> Result<Self> {
        let progress = Arc::new(Progress::new(options));
        let medium = make(Arc::clone(&progress));
        let shared = Arc::clone(&progress);
        let thread = std::thread::Builder::new()
            .name("larder-committer".to_owned())
            .spawn(move || run(&shared, &*medium))
            .map_err(|error| {
                Error::new(
                    ErrorKind::Io,
                    "the store's background thread cannot be started",
                )
                .with_source(error)
            })?;
        Ok(Self {
            progress,
            thread: Some(thread),
            drop_timeout: options.drop_timeout,
        })
    }

    /// What the committer shares with writers and waiters.
    #[must_use]
    pub fn progress(&self) -> &Arc<Progress> {
        &self.progress
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        let deadline = Instant::now() + self.drop_timeout;
        let closing = self.progress.request_close(Some(deadline));
        // The closing resolves in every case: flushed, given up at the deadline, or poisoned. Only
        // a system call that hangs can keep the thread, and then it is left behind.
        let grace = deadline + Duration::from_secs(1);
        let result = loop {
            let listener = self.progress.listen();
            if let Some(result) = self.progress.poll_closed(closing) {
                break Some(result);
            }
            if event_listener::Listener::wait_deadline(listener, grace).is_none() {
                break self.progress.poll_closed(closing);
            }
        };
        match result {
            Some(Ok(())) => {}
            Some(Err(error)) => {
                // Writers are gone, so nobody can be told but the log; and the thread must end.
                tracing::error!(
                    target: "larder::flush",
                    %error,
                    cause = error_chain(&error),
                    pending = self.progress.health().pending(),
                    "a store was dropped with writes that could not be made durable"
                );
                self.progress.end(End::Closed);
                self.progress.wake.notify_one();
            }
            None => {
                tracing::error!(
                    target: "larder::flush",
                    pending = self.progress.health().pending(),
                    "a store was dropped while its flush hangs; it goes on in the background"
                );
                return;
            }
        }
        if let Some(thread) = self.thread.take() {
            // A panic was caught inside the thread; there is nothing left to learn here. If the
            // last handle is dropped on the committer's own thread, it must not wait for itself.
            if thread.thread().id() != std::thread::current().id() {
                drop(thread.join());
            }
        }
    }
}

fn error_chain(error: &Error) -> String {
    let mut text = String::new();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// The thread.
fn run(progress: &Progress, medium: &dyn Medium) {
    let ended = catch_unwind(AssertUnwindSafe(|| {
        while let Some(()) = turn(progress, medium) {}
    }));
    let released = catch_unwind(AssertUnwindSafe(|| medium.release()));
    if ended.is_err() || released.is_err() {
        tracing::error!(target: "larder::flush", "the committer panicked: the store is poisoned");
        progress.end(End::Poisoned);
    } else {
        progress.end(End::Closed);
    }
}

/// Waits for something to do and does it; `None` when the thread is to end.
fn turn(progress: &Progress, medium: &dyn Medium) -> Option<()> {
    let mut state = progress.state.lock();
    loop {
        if state.end != End::Open {
            return None;
        }
        match state.schedule.next(Instant::now()) {
            Step::Idle => progress.wake.wait(&mut state),
            Step::Until(time) => {
                progress.wake.wait_until(&mut state, time);
            }
            Step::Finish => return None,
            Step::GiveUp => {
                let cause = state.failure.clone();
                let mut error = not_durable("the store cannot be closed: a flush cannot be made")
                    .with_operation("close");
                if let Some(cause) = cause {
                    error = error.with_source(cause);
                }
                state.close_failure = Some((state.closings, error));
                state.schedule.reopen();
                drop(state);
                progress.moved.notify(usize::MAX);
                return Some(());
            }
            Step::Flush => break,
        }
    }
    state.schedule.flushing(Instant::now());
    drop(state);

    let result = medium.flush();

    let mut state = progress.state.lock();
    state.attempts += 1;
    let now = Instant::now();
    match result {
        Ok(durable) => {
            state.schedule.flushed(durable, now);
            if state.failure.take().is_some() {
                tracing::info!(target: "larder::flush", "the store flushes again");
                progress.health_changed(&mut state);
            }
        }
        Err(error) => {
            state.schedule.failed(now, jitter());
            tracing::warn!(
                target: "larder::flush",
                %error,
                cause = error_chain(&error),
                attempt = state.schedule.streak(),
                "a flush failed; every write stays pending and is tried again"
            );
            state.failure = Some(error);
            progress.health_changed(&mut state);
        }
    }
    drop(state);
    progress.moved.notify(usize::MAX);
    Some(())
}

/// A number between 0 and 1 that differs between stores; not worth a generator.
fn jitter() -> f64 {
    use std::hash::{BuildHasher, RandomState};
    f64::from(u16::try_from(RandomState::new().hash_one(0_u8) & 0xffff).unwrap_or(0)) / 65_535.0
}
