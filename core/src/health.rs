//! How a store fares with its disk.
//!
//! Owns [`Health`], a snapshot. Watching it change is `committer/watch.rs`.

use std::fmt;
use std::time::Duration;

use crate::error::Error;

/// How a store fares with its disk, at one moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Health {
    /// What is going on.
    pub state: HealthState,
    /// The sequence number of the last write that is visible.
    pub applied: u64,
    /// The sequence number up to which everything is durable.
    pub durable: u64,
}

/// See [`Health::state`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum HealthState {
    /// The last flush succeeded, or there was none yet.
    Healthy,
    /// Flushes fail. Every write stays visible and pending; the store keeps trying.
    Failing {
        /// How many attempts have failed in a row.
        attempts: u32,
        /// Why the last one failed.
        error: Error,
        /// In how long the next attempt comes at the latest: sooner if somebody waits for a write. Zero
        /// while one is made.
        retry_in: Duration,
    },
    /// The store's background thread panicked: nothing is written any more.
    Poisoned,
    /// The store was closed and everything is durable.
    Closed,
}

impl Health {
    /// The health of a store that has come so far.
    #[must_use]
    pub fn new(state: HealthState, applied: u64, durable: u64) -> Self {
        Self {
            state,
            applied,
            durable,
        }
    }

    /// Whether the last flush succeeded.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        matches!(self.state, HealthState::Healthy)
    }

    /// Whether there are visible writes that are not durable yet.
    #[must_use]
    pub fn is_dirty(&self) -> bool {
        self.applied > self.durable
    }

    /// How many writes are visible and not durable yet.
    #[must_use]
    pub fn pending(&self) -> u64 {
        self.applied.saturating_sub(self.durable)
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.state {
            HealthState::Healthy if self.is_dirty() => {
                write!(f, "healthy, {} pending", self.pending())
            }
            HealthState::Healthy => f.write_str("healthy"),
            HealthState::Failing {
                attempts,
                error,
                retry_in,
            } => write!(
                f,
                "failing: {} writes pending after {attempts} attempts, next in {} ms: {error}",
                self.pending(),
                retry_in.as_millis()
            ),
            HealthState::Poisoned => f.write_str("poisoned"),
            HealthState::Closed => f.write_str("closed"),
        }
    }
}
