//! What a store did inside a transaction of its caller, until that has ended.
//!
//! Owns [`Pending`].

use std::sync::Arc;

use super::Reserved;
use crate::event::Event;

/// A record as a transaction of the caller left it, with the events to be told when the transaction
/// was made.
///
/// The verbs of the stores that work inside a [`Transaction`](larder::Transaction), such as
/// [`Sessions::create_in`](crate::session::Sessions::create_in), give one. Give it out of the closure,
/// and call [`committed`](Self::committed) after it: at once, or after the wait for the disk if nobody
/// may hear of the record before it is durable. If the transaction fails it is dropped, and nothing is
/// told.
///
/// Later events of the session wait for it, so do not keep it.
#[must_use = "call `committed` after the transaction, or nobody is told"]
#[derive(Debug)]
pub struct Pending<T> {
    record: Arc<T>,
    events: Option<(Reserved, Vec<Event>)>,
}

impl<T> Pending<T> {
    /// For a store: this record, and what to tell at which place.
    pub fn new(record: Arc<T>, place: Reserved, events: Vec<Event>) -> Self {
        Self {
            record,
            events: Some((place, events)),
        }
    }

    /// For a store: this record, and nothing to tell.
    pub fn silent(record: Arc<T>) -> Self {
        Self {
            record,
            events: None,
        }
    }

    /// The record, as far as the transaction has come.
    #[must_use]
    pub fn record(&self) -> &Arc<T> {
        &self.record
    }

    /// The transaction was made: tells what there is to tell, and gives the record.
    #[expect(
        clippy::must_use_candidate,
        reason = "the record is mostly known, and telling is what it is for"
    )]
    pub fn committed(self) -> Arc<T> {
        if let Some((place, events)) = self.events {
            place.publish(events);
        }
        self.record
    }
}
