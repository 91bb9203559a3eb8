//! Being told when the health of a store changes.
//!
//! Owns [`HealthWatch`]. The health itself is worked out in `mod.rs`.

use std::sync::Arc;
use std::time::Duration;

use super::Progress;
use crate::health::Health;
use crate::sync::{Listener as _, now};

/// Tells when a store begins to fail, fails again, recovers, closes or is poisoned.
///
/// Changes that come faster than they are read are seen as one: what is given is always the
/// present health.
#[derive(Debug)]
pub struct HealthWatch {
    progress: Arc<Progress>,
    seen: u64,
}

impl HealthWatch {
    /// Begins to watch: the first change that is told is one after this call.
    #[must_use]
    pub fn new(progress: &Arc<Progress>) -> Self {
        let seen = progress.state.lock().health_version;
        Self {
            progress: Arc::clone(progress),
            seen,
        }
    }

    fn poll(&mut self) -> Option<Health> {
        let version = self.progress.state.lock().health_version;
        if version == self.seen {
            return None;
        }
        self.seen = version;
        Some(self.progress.health())
    }

    /// Waits for the next change.
    pub async fn changed(&mut self) -> Health {
        loop {
            let listener = self.progress.health.listen();
            if let Some(health) = self.poll() {
                return health;
            }
            listener.await;
        }
    }

    /// Waits for the next change on this thread; `None` when the time is over.
    pub fn wait(&mut self, timeout: Duration) -> Option<Health> {
        // A timeout beyond the clock's range is "for ever".
        let deadline = now().checked_add(timeout);
        loop {
            let listener = self.progress.health.listen();
            if let Some(health) = self.poll() {
                return Some(health);
            }
            match deadline {
                None => listener.wait(),
                Some(deadline) => {
                    if listener.wait_deadline(deadline).is_none() {
                        return self.poll();
                    }
                }
            }
        }
    }
}
