//! How a gate changes: the one way that all verbs go.
//!
//! Owns the compare-and-swap, who has won it, and when listeners are told. Which change a verb makes is
//! `store.rs`.

use std::sync::Arc;

use larder::{Repository as _, Transaction, Write};

use super::archive::read;
use super::decision::{Decider, Decision, Resolution};
use super::record::{Gate, GateStatus};
use super::store::Gates;
use crate::bus::Pending;
use crate::error::{Error, Result};
use crate::event::{Event, GateOutcome};

/// What somebody who wants to resolve a gate finds.
pub(super) enum Found {
    /// It is so now.
    Won(Pending<Gate>),
    /// It was so already.
    Same(Arc<Gate>),
    /// Its time was over, so it has expired now.
    Late(Pending<Gate>),
    /// Somebody else was first.
    Lost(Arc<Gate>),
}

impl Gates {
    pub(super) fn now(&self) -> u64 {
        self.options.base.clock.now()
    }

    pub(super) fn new_id(&self, now: u64) -> String {
        format!("gate_{now}_{}", self.options.base.ids.suffix())
    }

    pub(super) fn is_due(&self, gate: &Gate, now: u64) -> bool {
        !gate.status.is_terminal() && self.due(gate).is_some_and(|due| now >= due)
    }

    /// The place of a change in the order of its session's events, and what is told there. Every
    /// change comes by here, inside the transaction that makes it.
    pub(super) fn announce(&self, gate: Arc<Gate>) -> Pending<Gate> {
        let session_id = gate.session_id.clone();
        let gate_id = gate.id.clone();
        let outcome = match gate.status {
            GateStatus::Pending => None,
            GateStatus::Approved => Some(GateOutcome::Approved),
            GateStatus::Rejected => Some(GateOutcome::Rejected),
            GateStatus::Expired => Some(GateOutcome::Expired),
            GateStatus::Invalidated => Some(GateOutcome::Invalidated),
        };
        let event = match outcome {
            None => Event::GateCreated {
                session_id,
                gate_id,
                is_blocking: gate.is_blocking,
            },
            Some(outcome) => Event::GateResolved {
                session_id,
                gate_id,
                outcome,
            },
        };
        let place = self.options.base.bus.reserve(&gate.session_id);
        Pending::new(gate, place, vec![event])
    }

    pub(super) fn resolve(
        &self,
        tx: &Transaction<'_>,
        gate: &Arc<Gate>,
        how: &Resolution,
        now: u64,
    ) -> Result<Pending<Gate>> {
        let resolved = tx.replace(gate, how.of(gate, now))?;
        Ok(self.announce(resolved))
    }

    pub(super) fn found(
        &self,
        tx: &Transaction<'_>,
        gate: Arc<Gate>,
        how: &Resolution,
        now: u64,
    ) -> Result<Found> {
        Ok(if !gate.status.is_terminal() {
            Found::Won(self.resolve(tx, &gate, how, now)?)
        } else if how.is_that_of(&gate) {
            Found::Same(gate)
        } else {
            Found::Lost(gate)
        })
    }

    pub(super) fn decide_found(
        &self,
        tx: &Transaction<'_>,
        gate: Arc<Gate>,
        decision: Decision,
        by: Decider,
        now: u64,
    ) -> Result<Found> {
        // What it is now comes first: who is late hears who won, not that he could not have.
        if !gate.status.is_terminal()
            && let Some(reason) = by.objection(&gate, &decision)
        {
            return Err(Error::refused("gate", &gate.id, reason));
        }
        self.found(tx, gate, &Resolution::decided(decision, by), now)
    }

    /// Resolves all pending gates that are `meant`, as one.
    pub(super) fn resolve_all(
        &self,
        how: &Resolution,
        now: u64,
        meant: impl Fn(&Gate) -> bool,
    ) -> Result<Vec<Arc<Gate>>> {
        if !self.pending()?.iter().any(|gate| meant(gate)) {
            return Ok(Vec::new());
        }
        let write = self.store.try_transaction(|tx| {
            let pending = tx.find::<Gate>(Gate::STATUS.is(GateStatus::Pending))?;
            let meant = pending.iter().filter(|gate| meant(gate));
            meant
                .map(|gate| self.resolve(tx, gate, how, now))
                .collect::<Result<Vec<_>>>()
        })?;
        let resolved = write.into_visible()?;
        let durable = match resolved.first() {
            Some(first) => self.durable(first.record()),
            None => Ok(()),
        };
        // Told in either case: it is so, and nobody will do it again.
        let resolved = resolved.into_iter().map(Pending::committed).collect();
        durable.map(|()| resolved)
    }

    /// Lets one gate expire, if its time is over; `None` if it is pending still.
    pub(super) fn look_at(&self, id: &str) -> Result<Option<Arc<Gate>>> {
        let gate = self.wherever(id)?;
        if gate.status.is_terminal() {
            return Ok(Some(gate));
        }
        let now = self.now();
        if !self.is_due(&gate, now) {
            return Ok(None);
        }
        let write = self.store.try_transaction(|tx| {
            let gate = read(tx, id)?;
            self.found(tx, gate, &Resolution::expired(), now)
        })?;
        // Told before it is durable: if that is lost, it expires again, as its time is over.
        Ok(Some(match write.into_visible()? {
            Found::Won(gate) | Found::Late(gate) => gate.committed(),
            Found::Same(gate) | Found::Lost(gate) => gate,
        }))
    }

    /// Waits for the disk, then tells, and says who won. Also who changed nothing waits: what it says
    /// was written by somebody who may be waiting still.
    pub(super) fn settle(&self, write: Write<Found>) -> Result<Arc<Gate>> {
        let found = write.into_visible()?;
        let durable = match &found {
            Found::Won(gate) | Found::Late(gate) => self.durable(gate.record()),
            Found::Same(gate) | Found::Lost(gate) => self.durable(gate),
        };
        let (gate, is_so) = match found {
            // Told in either case: it is so, and nobody will do it again.
            Found::Won(gate) => (gate.committed(), true),
            Found::Late(gate) => (gate.committed(), false),
            Found::Same(gate) => (gate, true),
            Found::Lost(gate) => (gate, false),
        };
        durable?;
        if is_so {
            Ok(gate)
        } else {
            Err(resolved(&gate))
        }
    }

    pub(super) fn durable(&self, gate: &Gate) -> Result<()> {
        let flushed = self.repository.flush().wait();
        flushed.map_err(|source| Error::NotDurable {
            what: "gate",
            id: gate.id.clone(),
            source,
        })
    }
}

/// Who won.
pub(super) fn resolved(gate: &Gate) -> Error {
    Error::GateResolved {
        id: gate.id.clone(),
        status: gate.status,
        by: gate.resolved_by,
        at: gate.resolved_at,
        version: gate.version,
    }
}

/// In the caller's transaction it is for the caller to go on, or to take all of it back.
pub(super) fn in_callers(found: Found) -> Result<Pending<Gate>> {
    match found {
        Found::Won(gate) | Found::Late(gate) => Ok(gate),
        Found::Same(gate) => Ok(Pending::silent(gate)),
        Found::Lost(gate) => Err(resolved(&gate)),
    }
}
