//! Letting go of runs that are over.
//!
//! Owns which of them go. Where they go to, if anywhere, is the caller's.

use std::sync::Arc;

use larder::{RepositoryExt as _, Retention, Transaction, Write};

use super::record::{MonitorRun, RunStatus};
use super::store::MonitorRuns;
use crate::error::Result;

impl MonitorRuns {
    /// Keeps those that are running, and of those that are over the newest so many, by when something
    /// was noted of them last. The others are gone, and given: to be kept elsewhere, or not at all.
    ///
    /// Gone at once, durably when the [`Write`] is awaited.
    ///
    /// # Errors
    ///
    /// [`Error::Larder`](crate::Error::Larder). Nothing was changed.
    pub fn retain(&self, newest: usize) -> Result<Write<Vec<Arc<MonitorRun>>>> {
        Ok(self.repository.retain(&over_but(newest))?)
    }

    /// As [`retain`](Self::retain), in a transaction of the caller's, such as one that puts the others
    /// into another collection.
    ///
    /// # Errors
    ///
    /// [`Error::Larder`](crate::Error::Larder).
    pub fn retain_in(&self, tx: &Transaction<'_>, newest: usize) -> Result<Vec<Arc<MonitorRun>>> {
        Ok(tx.of::<MonitorRun>()?.retain(&over_but(newest))?)
    }
}

fn over_but(newest: usize) -> Retention<MonitorRun> {
    let over = RunStatus::ALL
        .into_iter()
        .filter(|status| status.is_terminal());
    Retention::newest(newest, MonitorRun::LAST_CHECKPOINT_AT).among(MonitorRun::STATUS.any_of(over))
}
