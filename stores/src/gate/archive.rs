//! The gates that were put away.
//!
//! Owns [`ArchivedGate`] and the verbs that fill the archive. Whoever comes too late to a gate in it is
//! told there what became of it.

use std::sync::Arc;

use larder::{AnyRepository, Record, Repository as _, Retention, Transaction, Write};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::record::{Gate, GateStatus};
use super::store::Gates;
use crate::error::{Error, Result};

/// A resolved gate, as it was, with the time at which it was put away.
///
/// It is in a collection of its own, so that the one of the gates stays small. What the record type of
/// a gate does not know of it stays behind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Record)]
#[serde(rename_all = "camelCase")]
#[record(collection = "gates-archive")]
pub struct ArchivedGate {
    /// The gate's id, which is not given again.
    #[record(id)]
    pub id: String,
    /// The session that asked.
    #[record(index)]
    pub session_id: String,
    /// When it was put away.
    #[record(index)]
    pub archived_at: u64,
    /// The gate as it was.
    #[record(skip)]
    pub gate: Gate,
}

impl Gates {
    /// Puts all resolved gates but the newest so many, by when they were resolved, into the archive, and
    /// gives them. Pending gates stay. A gate is there or here after a crash, never both or neither.
    ///
    /// Gone from here at once, durably when the [`Write`] is awaited. Who decides one of them still is
    /// told what became of it.
    ///
    /// # Errors
    ///
    /// [`Error::Larder`]. Nothing was changed.
    pub fn archive(&self, keep: usize) -> Result<Write<Vec<Arc<ArchivedGate>>>> {
        self.store.try_transaction(|tx| self.archive_in(tx, keep))
    }

    /// As [`archive`](Self::archive), in a transaction of the caller's.
    ///
    /// # Errors
    ///
    /// [`Error::Larder`].
    pub fn archive_in(&self, tx: &Transaction<'_>, keep: usize) -> Result<Vec<Arc<ArchivedGate>>> {
        let resolved = GateStatus::ALL
            .into_iter()
            .filter(|status| status.is_terminal());
        let but_the_newest =
            Retention::newest(keep, Gate::RESOLVED_AT).among(Gate::STATUS.any_of(resolved));
        let gone = tx.of::<Gate>()?.retain(&but_the_newest)?;
        let archive = tx.of::<ArchivedGate>()?;
        let archived_at = self.now();
        let put = gone.into_iter().map(|gate| {
            Ok(archive.save(ArchivedGate {
                id: gate.id.clone(),
                session_id: gate.session_id.clone(),
                archived_at,
                gate: Gate::clone(&gate),
            })?)
        });
        put.collect()
    }

    /// The gates that were put away: to find them, and to let go of old ones.
    ///
    /// ```
    /// # use larder_stores::gate::{ArchivedGate, GateOptions, Gates};
    /// use larder::{RepositoryExt, Retention};
    /// # let store = larder::Store::open("memory:")?;
    /// # let gates = Gates::open(&store, GateOptions::default())?;
    /// gates.archive(100)?.detach();
    /// let newest = Retention::newest(10_000, ArchivedGate::ARCHIVED_AT);
    /// gates.archived().retain(&newest)?.detach(); // older ones are gone for good
    /// # Ok::<(), larder_stores::Error>(())
    /// ```
    #[must_use]
    pub fn archived(&self) -> &AnyRepository<ArchivedGate> {
        &self.archive
    }

    /// A gate, here or in the archive.
    pub(super) fn wherever(&self, id: &str) -> Result<Arc<Gate>> {
        if let Some(gate) = self.repository.get(id)? {
            return Ok(gate);
        }
        // It goes from here to there as one, so what is not here any more is there by now.
        resolved(self.archive.get(id)?, id)
    }
}

/// As [`Gates::wherever`], in a transaction. A gate in the archive is resolved, so nothing is done to it.
pub(super) fn read(tx: &Transaction<'_>, id: &str) -> Result<Arc<Gate>> {
    match tx.get::<Gate>(id)? {
        Some(gate) => Ok(gate),
        None => resolved(tx.get::<ArchivedGate>(id)?, id),
    }
}

fn resolved(archived: Option<Arc<ArchivedGate>>, id: &str) -> Result<Arc<Gate>> {
    match archived {
        Some(archived) if archived.gate.status.is_terminal() => Ok(Arc::new(archived.gate.clone())),
        _ => Err(Error::not_found("gate", id)),
    }
}
