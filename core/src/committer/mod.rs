//! The committer: turns "visible up to sequence n" into "durable up to sequence n".
//!
//! Owns the one background thread of a store ([`Committer`]). What writers and waiters share with it
//! is in `progress.rs`. What a flush *is* belongs to the backend ([`Medium`]); when one is made
//! is decided in `schedule.rs`.
//!
//! Somebody who waits is a request to flush now; writes that nobody waits for ride the debounce
//! window. While a flush runs, later writes gather for the next: that is group commit.
//!
//! Where a flush is short ([`Medium::flush_is_short`]) a thread that blocks for it makes it itself,
//! if none is under way, and takes along everybody who came meanwhile: to hand it to another thread
//! and be woken again would cost about as much as the flush. One flush runs at a time, whoever makes
//! it.

mod progress;
mod schedule;
mod state;
mod watch;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};
use crate::sync::{now, thread};
use schedule::Step;
use state::{End, not_durable};

pub use progress::Progress;
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

    /// Whether a flush is so short that a thread which waits for it may as well make it.
    fn flush_is_short(&self) -> bool {
        false
    }
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

/// The background thread of one store.
///
/// Dropping it closes the store: it flushes, loudly where that fails, for at most
/// [`CommitterOptions::drop_timeout`].
#[derive(Debug)]
pub struct Committer {
    progress: Arc<Progress>,
    thread: Option<thread::JoinHandle<()>>,
    drop_timeout: Duration,
}

impl Committer {
    /// Starts the thread. The medium is called by one thread at a time: by this one, and, where a
    /// flush is short, by those who wait for it.
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
        progress.let_waiters_lead(&medium);
        let shared = Arc::clone(&progress);
        let running = thread::Builder::new()
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
            thread: Some(running),
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
        let Some(running) = self.thread.take() else {
            return;
        };
        // No deadline if it is beyond the clock's range.
        let deadline = now().checked_add(self.drop_timeout);
        let closing = self.progress.request_close(deadline);
        // The last handle may be dropped on the committer's own thread, by something that a flush
        // ran; then there is nothing to wait for, the thread ends by itself.
        if running.thread().id() == thread::current().id() {
            return;
        }
        // The closing resolves in every case: flushed, given up at the deadline, or poisoned. Only
        // a system call that hangs can keep the thread, and then it is left behind.
        let grace = deadline.and_then(|deadline| deadline.checked_add(Duration::from_secs(1)));
        match self.progress.wait_closed(closing, grace) {
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
                    "a store was dropped while its flush hangs; the thread is left behind, and \
                     ends when the call does"
                );
                self.progress.end(End::Closed);
                return;
            }
        }
        // A panic was caught inside the thread; there is nothing left to learn here.
        drop(running.join());
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
        if state.end != End::Open && !state.flushing {
            return None;
        }
        if state.flushing {
            // Somebody who waits is at it; the thread is woken when that ends.
            progress.sleep(&mut state, None);
            continue;
        }
        match state.schedule.next(now()) {
            Step::Idle => progress.sleep(&mut state, None),
            Step::Until(time) => progress.sleep(&mut state, Some(time)),
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
                progress.closing.notify(usize::MAX);
                return Some(());
            }
            Step::Flush => break,
        }
    }
    state.begin_flush();
    drop(state);
    let result = medium.flush();
    progress.end_flush(result);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_told_with_all_its_causes() {
        let error = |message: &'static str| Error::new(ErrorKind::Io, message);
        let chain = error("c").with_source(error("b").with_source(error("a")));
        assert_eq!(error_chain(&chain), "input/output: b: input/output: a");
        assert_eq!(error_chain(&error("alone")), "");
    }
}
