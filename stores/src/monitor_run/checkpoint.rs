//! What an owner notes about its run.
//!
//! Owns [`Checkpoint`]. Whether it may be noted is `store.rs`.

use super::record::{Lease, MonitorRun};

/// What an owner notes about a run after an iteration. What it does not say stays as it was.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    iteration: u64,
    rationale: Option<String>,
    worker_summary: Option<String>,
}

impl Checkpoint {
    /// The run has come to this iteration.
    #[must_use]
    pub fn at(iteration: u64) -> Self {
        Self {
            iteration,
            rationale: None,
            worker_summary: None,
        }
    }

    /// What the monitor thinks.
    #[must_use]
    pub fn rationale(mut self, rationale: impl Into<String>) -> Self {
        self.rationale = Some(rationale.into());
        self
    }

    /// What the worker says.
    #[must_use]
    pub fn worker_summary(mut self, summary: impl Into<String>) -> Self {
        self.worker_summary = Some(summary.into());
        self
    }

    pub(super) fn iteration(&self) -> u64 {
        self.iteration
    }

    /// The run after it.
    pub(super) fn of(self, run: &MonitorRun, now: u64, lease: Lease) -> MonitorRun {
        let mut run = run.clone();
        run.iteration = self.iteration;
        run.last_checkpoint_at = now;
        run.last_rationale = self.rationale.or(run.last_rationale);
        run.last_worker_summary = self.worker_summary.or(run.last_worker_summary);
        run.lease = Some(lease);
        run
    }
}
