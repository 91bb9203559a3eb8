//! What stores take from outside.
//!
//! Owns [`Options`].

use std::sync::Arc;

use crate::bus::Bus;
use crate::clock::{Clock, SystemClock};
use crate::ids::{Ids, RandomIds};

/// What a store takes from outside: what time it is, what ids are made of, and whom it tells.
///
/// ```
/// use larder_stores::{Bus, Options, SerialIds, SetClock};
///
/// let bus = Bus::new(); // the same for all stores: whoever listens hears of all
/// let options = Options::new().bus(bus.clone());
/// let in_a_test = Options::new().clock(SetClock::new(1_000)).ids(SerialIds::default());
/// # let _ = (options, in_a_test);
/// ```
#[derive(Clone, Debug)]
pub struct Options {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
    pub(crate) bus: Bus,
}

/// The system's clock, random ids, and a bus of its own.
impl Default for Options {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            ids: Arc::new(RandomIds),
            bus: Bus::new(),
        }
    }
}

impl Options {
    /// As [`default`](Self::default).
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Another clock: itself, or an [`Arc`] of it that the caller keeps.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Other ids.
    #[must_use]
    pub fn ids(mut self, ids: impl Ids + 'static) -> Self {
        self.ids = Arc::new(ids);
        self
    }

    /// The bus on which the store publishes its events.
    #[must_use]
    pub fn bus(mut self, bus: Bus) -> Self {
        self.bus = bus;
        self
    }
}
