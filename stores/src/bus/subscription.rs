//! Listening: reading a queue, or having a closure called.
//!
//! Owns [`Subscription`] and [`Listener`].

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use event_listener::Listener as _;
use larder::{Error as LarderError, ErrorKind};

use super::Inner;
use super::queue::{Next, Queue, Told};
use crate::error::Result;

/// The events from the moment it was asked for; see [`Bus::subscribe`](crate::Bus::subscribe).
/// Dropping it ends it.
pub struct Subscription {
    queue: Arc<Queue>,
    bus: Weak<Inner>,
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").finish_non_exhaustive()
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Some(bus) = self.bus.upgrade() {
            bus.forget(&self.queue);
        }
    }
}

impl Subscription {
    pub(super) fn new(queue: Arc<Queue>, bus: Weak<Inner>) -> Self {
        Self { queue, bus }
    }

    /// The next event; waits on this thread. `None` when the last handle on the bus is dropped (each
    /// store has one) and everything was read.
    pub fn wait(&mut self) -> Option<Told> {
        // Without a deadline there is no error.
        self.wait_until(None).ok().flatten()
    }

    /// As [`wait`](Self::wait), for so long at most.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Timeout`] when the time is over; nothing is lost by that.
    pub fn wait_timeout(&mut self, timeout: Duration) -> Result<Option<Told>> {
        // A timeout beyond the clock's range is "for ever".
        self.wait_until(Instant::now().checked_add(timeout))
    }

    /// The next event, if there is one now.
    pub fn try_next(&mut self) -> Option<Told> {
        match self.queue.next() {
            Next::Told(told) => Some(told),
            Next::Empty | Next::Closed => None,
        }
    }

    /// The next event, on any executor. `None` as with [`wait`](Self::wait). Nothing is lost if the
    /// future is dropped.
    pub async fn next(&mut self) -> Option<Told> {
        loop {
            let news = self.queue.news();
            match self.queue.next() {
                Next::Told(told) => return Some(told),
                Next::Closed => return None,
                Next::Empty => news.await,
            }
        }
    }

    fn wait_until(&self, deadline: Option<Instant>) -> Result<Option<Told>> {
        loop {
            // Listen before looking, or an event in between would be missed.
            let news = self.queue.news();
            match self.queue.next() {
                Next::Told(told) => return Ok(Some(told)),
                Next::Closed => return Ok(None),
                Next::Empty => {}
            }
            match deadline {
                None => news.wait(),
                Some(deadline) if Instant::now() >= deadline => {
                    return Err(LarderError::new(
                        ErrorKind::Timeout,
                        "nothing happened in the time that was given",
                    )
                    .into());
                }
                Some(deadline) => {
                    let _ = news.wait_deadline(deadline);
                }
            }
        }
    }
}

/// A closure that is called with each event; see [`Bus::listen`](crate::Bus::listen).
///
/// Dropping it ends it: a call that is under way comes to its end, and there is none after it. What was
/// told and not heard yet is lost then; [`finish`](Self::finish) waits for it.
#[must_use = "nobody listens any more when it is dropped"]
pub struct Listener {
    queue: Arc<Queue>,
    thread: Option<JoinHandle<()>>,
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").finish_non_exhaustive()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // It was not told to finish.
        if self.thread.is_some() {
            self.queue.end();
        }
    }
}

impl Listener {
    pub(super) fn start(
        mut events: Subscription,
        mut act: impl FnMut(Told) + Send + 'static,
    ) -> Result<Self> {
        let queue = Arc::clone(&events.queue);
        let listen = move || {
            while let Some(told) = events.wait() {
                // What the closure leaves half done is its own; it was told so.
                if catch_unwind(AssertUnwindSafe(|| act(told))).is_err() {
                    tracing::error!("a listener to events panicked; it is told the next one");
                }
            }
        };
        let thread = std::thread::Builder::new()
            .name("larder-listener".to_owned())
            .spawn(listen)
            .map_err(|error| {
                LarderError::new(ErrorKind::Io, "there can be no thread for a listener")
                    .with_source(error)
            })?;
        Ok(Self {
            queue,
            thread: Some(thread),
        })
    }

    /// Ends it when the closure was called with everything that was told before: for the end of a
    /// program that prints its events, or writes them down. Waits for the last call.
    ///
    /// Inside a call of the closure itself it does not wait, and the rest is told after it.
    pub fn finish(mut self) {
        self.queue.close();
        // Without it, dropping does not take away what is left.
        let thread = self.thread.take();
        let inside = |thread: &JoinHandle<()>| thread.thread().id() == std::thread::current().id();
        if let Some(thread) = thread.filter(|thread| !inside(thread)) {
            // A closure that panics does not end the thread.
            let _ = thread.join();
        }
    }
}
