//! How a store of monitor runs is opened.
//!
//! Owns [`RunOptions`] and [`RunsOnStart`], and tells who holds a run.

use std::time::Duration;

use super::record::{Lease, MonitorRun};
use crate::options::Options;

/// What becomes of the runs that are running when the store is opened, but that nobody drives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RunsOnStart {
    /// They are abandoned.
    #[default]
    AbandonOnly,
    /// The last one of each session is taken over and given as a candidate, to be driven on to its goal
    /// from its last checkpoint; the others are abandoned.
    ResumeWithGoal,
}

/// How [`MonitorRuns`](super::MonitorRuns) are opened. By default what nobody drives is abandoned, and
/// a lease lasts ten minutes.
#[derive(Clone, Debug)]
pub struct RunOptions {
    owner: String,
    lease: Duration,
    pub(super) on_start: RunsOnStart,
    pub(super) base: Options,
}

impl RunOptions {
    /// For the owner of this name: who drives the runs that are begun here.
    ///
    /// A program has the same name when it starts again, so that it knows what it left behind for its
    /// own and need not wait for the lease to lapse. Two programs that run at one time on one store
    /// must have different names.
    #[must_use]
    pub fn new(owner: impl Into<String>) -> Self {
        Self {
            owner: owner.into(),
            lease: Duration::from_mins(10),
            on_start: RunsOnStart::default(),
            base: Options::default(),
        }
    }

    /// Clock, ids and bus.
    #[must_use]
    pub fn options(mut self, base: Options) -> Self {
        self.base = base;
        self
    }

    /// For how long a run is its owner's after each checkpoint: longer than an iteration takes.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// What becomes of running runs at the start, and whenever they are reconciled.
    #[must_use]
    pub fn on_start(mut self, on_start: RunsOnStart) -> Self {
        self.on_start = on_start;
        self
    }

    pub(super) fn new_lease(&self, now: u64) -> Lease {
        let millis = u64::try_from(self.lease.as_millis()).unwrap_or(u64::MAX);
        Lease {
            owner: self.owner.clone(),
            until: now.saturating_add(millis),
        }
    }

    /// The lease of a run that somebody else holds at this moment.
    pub(super) fn held_by_other<'r>(&self, run: &'r MonitorRun, now: u64) -> Option<&'r Lease> {
        held(run, now).filter(|lease| lease.owner != self.owner)
    }
}

/// The lease of a run that anybody holds at this moment.
pub(super) fn held(run: &MonitorRun, now: u64) -> Option<&Lease> {
    let lease = run.lease.as_ref()?;
    (!run.status.is_terminal() && lease.until > now).then_some(lease)
}
