//! What becomes of the gates that an earlier run of the program left pending.
//!
//! Owns [`GatesAtStart`] and the one look at them when the store is opened.

use std::sync::Arc;

use super::decision::Resolution;
use super::options::GatesOnStart;
use super::record::{Gate, ResolvedBy};
use super::store::Gates;
use crate::error::Result;

/// What a start found pending, and what became of it.
#[derive(Clone, Debug, Default)]
pub struct GatesAtStart {
    /// Still pending, with the time that remains.
    pub resumed: Vec<Arc<Gate>>,
    /// Expired: their time was over.
    pub expired: Vec<Arc<Gate>>,
    /// Invalidated.
    pub invalidated: Vec<Arc<Gate>>,
}

impl Gates {
    /// Looks once, and writes as one what has to be. It writes nothing if nothing has to be, so that
    /// a store can be opened for reading.
    pub(super) fn look_at_start(&self, on_start: GatesOnStart) -> Result<GatesAtStart> {
        let mut found = GatesAtStart::default();
        match on_start {
            GatesOnStart::ResumePending => {
                found.expired = self.expire_due(self.now())?;
                found.resumed = self.pending()?;
            }
            GatesOnStart::InvalidateAll => {
                let how = Resolution::invalidated(Some(ResolvedBy::Restart));
                found.invalidated = self.resolve_all(&how, self.now(), |_| true)?;
            }
        }
        Ok(found)
    }
}
