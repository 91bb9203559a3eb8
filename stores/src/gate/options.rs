//! How a store of gates is opened.
//!
//! Owns [`GateOptions`] and [`GatesOnStart`].

use std::time::Duration;

use super::record::Gate;
use crate::Options;

/// What becomes of the gates that are pending when the store is opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GatesOnStart {
    /// They stay pending, with the time that remains; those whose time is over expire.
    #[default]
    ResumePending,
    /// All are invalidated: for a program whose agents do not outlive it.
    InvalidateAll,
}

/// How [`Gates`](super::Gates) are opened. By default pending ones are resumed, and expire five
/// minutes after they were made. Plain [`Options`] will do, too.
#[derive(Clone, Debug)]
pub struct GateOptions {
    pub(super) on_start: GatesOnStart,
    pub(super) expiry: Option<Duration>,
    pub(super) base: Options,
}

impl Default for GateOptions {
    fn default() -> Self {
        Options::default().into()
    }
}

impl From<Options> for GateOptions {
    fn from(base: Options) -> Self {
        Self {
            on_start: GatesOnStart::default(),
            expiry: Some(Duration::from_mins(5)),
            base,
        }
    }
}

impl GateOptions {
    /// What becomes of pending gates at the start.
    #[must_use]
    pub fn on_start(mut self, on_start: GatesOnStart) -> Self {
        self.on_start = on_start;
        self
    }

    /// How long after they were made blocking, remotely decidable gates expire; `None` for never. The
    /// others never do.
    #[must_use]
    pub fn expiry(mut self, expiry: Option<Duration>) -> Self {
        self.expiry = expiry;
        self
    }

    /// From when on a gate has expired, if nobody decides it.
    pub(super) fn due(&self, gate: &Gate) -> Option<u64> {
        let expiry = self.expiry?;
        let millis = u64::try_from(expiry.as_millis()).unwrap_or(u64::MAX);
        (gate.is_blocking && gate.supports_remote_decision)
            .then(|| gate.created_at.saturating_add(millis))
    }
}
