//! A feed of changes between a store and those who listen, which tells them wrongly.
//!
//! Owns [`Relay`]. What the store itself tells is listened to here and told on.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

use larder_core::backend::Journal;
use larder_core::{ChangeEvent, Data, Outcome, Result, StoreChange, StoreChanges};
use parking_lot::Mutex;

use super::{Fault, Shared};

pub(super) struct Relay {
    /// What the store tells.
    theirs: Mutex<StoreChanges>,
    /// What those who listen are told by.
    own: Journal,
    /// How many changes may still be told, where losses are kept quiet.
    room: AtomicUsize,
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay").finish_non_exhaustive()
    }
}

impl Relay {
    pub(super) fn new(theirs: StoreChanges) -> Self {
        Self {
            theirs: Mutex::new(theirs),
            own: Journal::memory(),
            room: AtomicUsize::new(usize::MAX),
        }
    }

    pub(super) fn listen(&self, shared: &Shared, capacity: usize) -> Result<StoreChanges> {
        shared.tell();
        if shared.has(Fault::KeepsLossesQuiet) {
            self.room.fetch_min(capacity, Ordering::SeqCst);
        }
        StoreChanges::open(&self.own, capacity)
    }

    pub(super) fn close(&self) {
        self.own.close().expect("nobody is in a transaction of it");
    }

    fn add(&self, batch: Vec<StoreChange>) {
        if let Ok(turn) = self.own.turn() {
            turn.add((), Vec::new(), batch).detach();
        }
    }
}

impl Shared {
    /// Tells on what the store has told.
    pub(super) fn tell(&self) {
        let Some(relay) = &self.relay else { return };
        let mut theirs = relay.theirs.lock();
        while let Some(event) = theirs.try_next() {
            let ChangeEvent::Changed(batch) = event else {
                continue;
            };
            match self.fault {
                // It was told before it was made.
                Some(Fault::TellsTooEarly) => {}
                Some(Fault::KeepsLossesQuiet) => {
                    let room = relay.room.load(Ordering::SeqCst);
                    if batch.len() <= room {
                        relay.room.store(room - batch.len(), Ordering::SeqCst);
                        relay.add(batch);
                    }
                }
                _ => {
                    relay.add(batch.clone());
                    relay.add(batch);
                }
            }
        }
    }

    /// Tells of what is about to be made, where that is the fault.
    pub(super) fn tell_early<T: Data>(&self, collection: &str, outcome: &Outcome<T>) {
        if let (Some(relay), true) = (&self.relay, self.has(Fault::TellsTooEarly)) {
            let change = StoreChange::of(&collection.into(), outcome);
            relay.add(change.into_iter().collect());
        }
    }
}
