//! The durable await: a write that is visible, and the way to learn that it is on disk.
//!
//! Owns [`Write`]. It works on any executor and on none: waiting needs no runtime.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::committer::Progress;
use crate::error::{Error, ErrorKind, Result};
use crate::sync::{EventListener, Listener as _, now};

/// A write that every reader sees already, and that will be durable.
///
/// | what you do | what you get |
/// |---|---|
/// | `.await` | the result once it is durable; works on every executor |
/// | [`wait`](Self::wait) | the same, blocking; needs no executor |
/// | [`wait_timeout`](Self::wait_timeout) | the same, for so long at most |
/// | [`detach`](Self::detach) | the result now; durable within the debounce window |
/// | drop it | as `detach`, and a compiler warning |
///
/// To wait is to ask for a flush now; all who wait at that moment share it.
///
/// # Durable
///
/// `Ok` means what the store's durability level says: by default that the write survives a loss of
/// power, because what holds it was synced: a file and its directory, or a log.
///
/// # Errors
///
/// [`ErrorKind::NotDurable`] after the configured number of failed attempts (default 5, within a
/// second), or at once when trying again cannot help. The write is then *still visible and still
/// pending*: the store keeps trying, [`health`](crate::Repository::health) says how it goes, and a
/// later wait may succeed. [`ErrorKind::Poisoned`] if the store's thread panicked.
/// [`ErrorKind::NestedTransaction`] inside a transaction, which is no place to wait for the disk.
#[must_use = "a write is durable when it is awaited; `.await`, `.wait()` or `.detach()` it"]
#[derive(Debug)]
pub struct Write<R> {
    value: Option<R>,
    ticket: Ticket,
    listener: Option<EventListener>,
}

#[derive(Debug)]
enum Ticket {
    /// Durable already, or nothing was to be done.
    Done,
    /// Wait for a sequence number.
    Durable {
        progress: Arc<Progress>,
        sequence: u64,
        since: Option<u64>,
    },
    /// Wait for a closing.
    Closed {
        progress: Arc<Progress>,
        closing: u64,
    },
    Failed(Error),
}

impl<R> Write<R> {
    fn new(value: R, ticket: Ticket) -> Self {
        Self {
            value: Some(value),
            ticket,
            listener: None,
        }
    }

    /// A write that is durable already: of a store in memory, or one that changed nothing.
    pub fn done(value: R) -> Self {
        Self::new(value, Ticket::Done)
    }

    /// A write that is durable when `sequence` is.
    pub fn pending(value: R, progress: Arc<Progress>, sequence: u64) -> Self {
        Self::new(
            value,
            Ticket::Durable {
                progress,
                sequence,
                since: None,
            },
        )
    }

    /// The closing of a store; it begins now, not when it is awaited.
    pub fn closing(value: R, progress: Arc<Progress>) -> Self {
        let closing = progress.request_close(None);
        Self::new(value, Ticket::Closed { progress, closing })
    }

    /// A wait that fails with this error.
    pub fn failed(value: R, error: Error) -> Self {
        Self::new(value, Ticket::Failed(error))
    }

    /// The same write with another result.
    pub fn map<S>(self, change: impl FnOnce(R) -> S) -> Write<S> {
        Write {
            value: self.value.map(change),
            ticket: self.ticket,
            listener: self.listener,
        }
    }

    /// The result, which is visible to every reader, before it is durable. `None` only after the
    /// write was polled to its end.
    #[must_use]
    pub fn visible(&self) -> Option<&R> {
        self.value.as_ref()
    }

    /// The place of this write in the store's order; `None` if nothing is pending.
    #[must_use]
    pub fn sequence(&self) -> Option<u64> {
        match &self.ticket {
            Ticket::Durable { sequence, .. } => Some(*sequence),
            _ => None,
        }
    }

    fn outcome(&mut self) -> Option<Result<()>> {
        if let Ticket::Durable { progress, .. } | Ticket::Closed { progress, .. } = &self.ticket
            && let Err(error) = progress.check_may_wait()
        {
            return Some(Err(error));
        }
        match &mut self.ticket {
            Ticket::Done => Some(Ok(())),
            Ticket::Failed(error) => Some(Err(error.clone())),
            Ticket::Closed { progress, closing } => progress.poll_closed(*closing),
            Ticket::Durable {
                progress,
                sequence,
                since,
            } => {
                let asked = *since.get_or_insert_with(|| progress.request(*sequence, false));
                let outcome = progress.poll_durable(*sequence, asked);
                if matches!(outcome, Some(Err(_))) {
                    // Whoever waits again asks again, and waits for another attempt.
                    *since = None;
                }
                outcome
            }
        }
    }

    fn listen(&self) -> Option<EventListener> {
        match &self.ticket {
            Ticket::Durable { progress, .. } => Some(progress.listen()),
            Ticket::Closed { progress, .. } => Some(progress.listen_closing()),
            Ticket::Done | Ticket::Failed(_) => None,
        }
    }

    fn take(&mut self, outcome: Result<()>) -> Result<R> {
        outcome.and_then(|()| {
            self.value.take().ok_or_else(|| {
                Error::new(
                    ErrorKind::Internal,
                    "a write was polled after it was complete",
                )
            })
        })
    }

    fn wait_until(&mut self, deadline: Option<Instant>) -> Result<R> {
        // A flush cannot be cut short, so who has a deadline leaves it to others.
        if let (
            Ticket::Durable {
                progress, sequence, ..
            },
            None,
        ) = (&self.ticket, deadline)
            && progress.may_lead()
        {
            progress.check_may_wait()?;
            let outcome = progress.lead(*sequence);
            return self.take(outcome);
        }
        loop {
            // Listen before looking, or a flush in between would be missed.
            let listener = self.listen();
            if let Some(outcome) = self.outcome() {
                return self.take(outcome);
            }
            match (listener, deadline) {
                (Some(listener), None) => listener.wait(),
                (Some(listener), Some(deadline)) => {
                    if listener.wait_deadline(deadline).is_none() && self.outcome().is_none() {
                        return Err(Error::new(
                            ErrorKind::Timeout,
                            "the time to wait is over; the write is visible and still pending",
                        ));
                    }
                }
                (None, _) => {}
            }
        }
    }

    /// Blocks until the write is durable.
    ///
    /// # Errors
    ///
    /// See [`Write`]; the write is then visible and still pending.
    pub fn wait(mut self) -> Result<R> {
        self.wait_until(None)
    }

    /// Blocks until the write is durable, for so long at most. The write can be waited for again.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Timeout`] when the time is over, else see [`Write`]; in both cases the write
    /// is visible and still pending.
    pub fn wait_timeout(&mut self, timeout: Duration) -> Result<R> {
        // A timeout beyond the clock's range is "for ever".
        self.wait_until(now().checked_add(timeout))
    }

    /// Gives the result now and leaves the write to the debounce window: visible at once, durable
    /// soon. If the flush fails the store keeps trying and says so in its health and in the log.
    pub fn detach(self) {
        drop(self);
    }

    /// As [`detach`](Self::detach), giving the result.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Internal`] if the write was polled to its end before.
    pub fn into_visible(mut self) -> Result<R> {
        self.take(Ok(()))
    }
}

impl<R: Unpin> Future for Write<R> {
    type Output = Result<R>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        loop {
            let mut listener = this.listener.take().or_else(|| this.listen());
            if let Some(outcome) = this.outcome() {
                return Poll::Ready(this.take(outcome));
            }
            match &mut listener {
                Some(waiting) => {
                    if Pin::new(waiting).poll(context).is_pending() {
                        this.listener = listener;
                        return Poll::Pending;
                    }
                    // Woken: look again, with a new listener.
                }
                None => {
                    return Poll::Ready(Err(Error::new(
                        ErrorKind::Internal,
                        "a write without a committer is pending",
                    )));
                }
            }
        }
    }
}
