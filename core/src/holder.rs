//! Which thread is inside a transaction.
//!
//! Owns [`Holder`]. A transaction runs its closure while it holds the store's write lock; what the
//! same thread would wait for then never comes. It cannot know of a thread that the closure waits
//! for.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::error::{Error, ErrorKind, Result};
use crate::sync::{AtomicUsize, thread_local};

thread_local! {
    /// Its address tells this thread from all others that live.
    static PLACE: u8 = const { 0 };
}

/// This thread, as a number that is not 0.
fn this_thread() -> usize {
    PLACE.with(|place| std::ptr::from_ref(place).addr())
}

/// Which thread is inside a transaction of a store; none if it is 0.
#[derive(Debug, Default)]
pub(crate) struct Holder {
    thread: AtomicUsize,
}

impl Holder {
    /// Refuses what would wait for the end of the transaction that this thread is in.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NestedTransaction`].
    pub(crate) fn check(&self) -> Result<()> {
        // Only this thread writes its own number, so no order with anything else is needed.
        if self.thread.load(Ordering::Relaxed) != this_thread() {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::NestedTransaction,
            "this thread is inside a transaction of the store: read and write through the \
             transaction, and wait for the disk after it",
        ))
    }

    /// This thread is in a transaction from now on, until what is given is dropped.
    pub(crate) fn hold(self: &Arc<Self>) -> Held {
        self.thread.store(this_thread(), Ordering::Relaxed);
        Held(Arc::clone(self))
    }
}

/// That a thread is in a transaction.
#[derive(Debug)]
pub(crate) struct Held(Arc<Holder>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.thread.store(0, Ordering::Relaxed);
    }
}
