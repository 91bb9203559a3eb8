//! The verbs of gates.
//!
//! Owns [`Gates`]: which change may be made when, and who is told. What a change does to a record is
//! `decision.rs`; waiting for one is `receipt.rs`; putting resolved ones away is `archive.rs`.

use std::sync::Arc;

use larder::{AnyRepository, Query, RepositoryExt as _, Store, Transaction, Write};

use super::archive::{ArchivedGate, read};
use super::change::{Found, in_callers, resolved};
use super::decision::{Decider, Decision, NewGate, Resolution};
use super::options::GateOptions;
use super::receipt::Receipt;
use super::record::{Gate, GateStatus};
use super::start::GatesAtStart;
use crate::bus::Pending;
use crate::error::{Error, Result};

/// How often another id is tried when one is taken.
const TRIES: usize = 32;

/// The gates of a store. Clones are handles on the same.
///
/// A gate is `pending`, and then once and for all `approved`, `rejected`, `expired` or `invalidated`.
/// Every change is a compare-and-swap on the gate's version, which grows by one. Whoever is too late
/// gets [`Error::GateResolved`], which says who won.
///
/// # What survives what
///
/// | after | the process is killed | the machine loses power |
/// |---|---|---|
/// | [`create`](Self::create) gave the gate, so that somebody may be asked | it is pending | it is pending |
/// | [`decide`](Self::decide), [`invalidate`](Self::invalidate), [`expire_due`](Self::expire_due) gave a gate, or said who won | it stays so | it stays so |
/// | a [`Receipt`] resolved | it stays so | it stays so |
/// | [`bind_message`](Self::bind_message), [`archive`](Self::archive) were awaited | kept | kept |
/// | a gate in the archive that is gone from here | both or neither | both or neither |
///
/// (With `durability = "process-crash"` the last column reads "may be lost".) A pending gate's time
/// counts from when it was made, by the clock: no restart extends it.
///
/// # Use
///
/// ```
/// use larder_stores::gate::{Decider, Decision, GateKind, GateOptions, GateStatus, Gates, NewGate};
/// use larder_stores::session::Provider;
///
/// # let store = larder::Store::open("memory:")?;
/// let gates = Gates::open(&store, GateOptions::default())?;
/// for gate in &gates.at_start().resumed {
///     println!("{} still waits for an answer", gate.id); // asked before the restart
/// }
/// let question = NewGate::new("fix-login", Provider::Claude, GateKind::BinaryApproval, "Push?");
/// let gate = gates.create(question)?; // on disk: now somebody may be asked
/// let mut receipt = gates.receipt(&gate.id)?;
/// gates.decide(&gate.id, Decision::Approve, Decider::Discord)?; // from any thread
/// assert_eq!(receipt.wait()?.status, GateStatus::Approved);
///
/// let late = gates.decide(&gate.id, Decision::Reject, Decider::Terminal).unwrap_err();
/// assert!(late.to_string().contains("approved already, by discord"));
/// # Ok::<(), larder_stores::Error>(())
/// ```
///
/// # Who lets gates expire
///
/// Whoever decides a gate whose time is over, and a blocking wait for it; else the program, which
/// calls [`expire_due`](Self::expire_due) from time to time, or at [`next_due`](Self::next_due).
///
/// # Errors
///
/// Besides those that a verb names: [`Error::Larder`], if the store says no, and nothing was changed;
/// [`Error::NotDurable`], if the change was made but is not on disk yet. It is visible then, the store
/// keeps trying, and the same call may be made again (but for [`create`](Self::create)).
#[derive(Clone, Debug)]
pub struct Gates {
    pub(super) store: Store,
    pub(super) repository: AnyRepository<Gate>,
    pub(super) archive: AnyRepository<ArchivedGate>,
    pub(super) options: GateOptions,
    at_start: Arc<GatesAtStart>,
}

impl Gates {
    /// Opens the collections `gates` and `gates-archive`, and resumes or invalidates what is pending, as the options say:
    /// [`at_start`](Self::at_start) tells which. That is durable when this returns.
    ///
    /// # Errors
    ///
    /// See [`Gates`].
    pub fn open(store: &Store, options: impl Into<GateOptions>) -> Result<Self> {
        let options = options.into();
        let mut gates = Self {
            store: store.clone(),
            repository: store.repository()?,
            archive: store.repository()?,
            options,
            at_start: Arc::default(),
        };
        gates.at_start = Arc::new(gates.look_at_start(gates.options.on_start)?);
        Ok(gates)
    }

    /// What was pending when the store was opened, and what became of it.
    #[must_use]
    pub fn at_start(&self) -> &GatesAtStart {
        &self.at_start
    }

    /// Makes a gate. It is durable when this returns, and only then listeners are told.
    ///
    /// # Errors
    ///
    /// See [`Gates`]. After [`Error::NotDurable`] the gate is there and pending, and nobody was told.
    pub fn create(&self, new: NewGate) -> Result<Arc<Gate>> {
        let write = self.store.try_transaction(|tx| self.create_in(tx, new))?;
        let made = write.into_visible()?;
        self.durable(made.record())?;
        Ok(made.committed())
    }

    /// As [`create`](Self::create), in a transaction of the caller's, such as one that makes the
    /// session as well. It is durable when that is; nobody may be asked before.
    ///
    /// ```
    /// # use larder_stores::gate::{GateKind, GateOptions, Gates, NewGate};
    /// # use larder_stores::session::Provider;
    /// # let store = larder::Store::open("memory:")?;
    /// # let gates = Gates::open(&store, GateOptions::default())?;
    /// let question = NewGate::new("fix-login", Provider::Codex, GateKind::TextQuestion, "Which?");
    /// let made = store
    ///     .try_transaction(|tx| gates.create_in(tx, question))? // and more
    ///     .wait()?;
    /// let gate = made.committed(); // tells the listeners
    /// # assert_eq!(gate.version, 1);
    /// # Ok::<(), larder_stores::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Larder`].
    pub fn create_in(&self, tx: &Transaction<'_>, new: NewGate) -> Result<Pending<Gate>> {
        let now = self.now();
        let mut id = self.new_id(now);
        for _ in 0..TRIES {
            if tx.get::<Gate>(&id)?.is_none() && tx.get::<ArchivedGate>(&id)?.is_none() {
                break;
            }
            id = self.new_id(now);
        }
        let gate = tx.insert(new.into_gate(id, now))?;
        Ok(self.announce(gate))
    }

    /// Decides a pending gate. It is durable when this returns, and only then listeners are told.
    ///
    /// To decide once more in the same way is no error, by whomever and after a restart: the gate says
    /// who did it first. A gate whose time is over cannot be decided any more, also if nobody has
    /// noticed before: it expires now.
    ///
    /// # Errors
    ///
    /// [`Error::GateResolved`] if it was resolved otherwise; [`Error::Refused`] if this gate cannot be
    /// decided so; [`Error::NotFound`]; and see [`Gates`].
    pub fn decide(&self, id: &str, decision: Decision, by: Decider) -> Result<Arc<Gate>> {
        let now = self.now();
        let write = self.store.try_transaction(|tx| {
            let gate = read(tx, id)?;
            if self.is_due(&gate, now) {
                return Ok(Found::Late(self.resolve(
                    tx,
                    &gate,
                    &Resolution::expired(),
                    now,
                )?));
            }
            self.decide_found(tx, gate, decision, by, now)
        })?;
        self.settle(write)
    }

    /// As [`decide`](Self::decide), in a transaction of the caller's. A gate whose time is over is
    /// [`Error::Refused`] and stays as it is.
    ///
    /// # Errors
    ///
    /// As [`decide`](Self::decide).
    pub fn decide_in(
        &self,
        tx: &Transaction<'_>,
        id: &str,
        decision: Decision,
        by: Decider,
    ) -> Result<Pending<Gate>> {
        let now = self.now();
        let gate = read(tx, id)?;
        if self.is_due(&gate, now) {
            return Err(Error::refused("gate", id, "its time is over"));
        }
        in_callers(self.decide_found(tx, gate, decision, by, now)?)
    }

    /// Says that nobody wants to know any more. It is durable when this returns. To invalidate once
    /// more is no error.
    ///
    /// # Errors
    ///
    /// [`Error::GateResolved`] if it was resolved otherwise; [`Error::NotFound`]; and see [`Gates`].
    pub fn invalidate(&self, id: &str) -> Result<Arc<Gate>> {
        let how = Resolution::invalidated(None);
        let write = self.store.try_transaction(|tx| {
            let gate = read(tx, id)?;
            self.found(tx, gate, &how, self.now())
        })?;
        self.settle(write)
    }

    /// As [`invalidate`](Self::invalidate), in a transaction of the caller's.
    ///
    /// # Errors
    ///
    /// As [`invalidate`](Self::invalidate).
    pub fn invalidate_in(&self, tx: &Transaction<'_>, id: &str) -> Result<Pending<Gate>> {
        let gate = read(tx, id)?;
        in_callers(self.found(tx, gate, &Resolution::invalidated(None), self.now())?)
    }

    /// Invalidates all pending gates of a session, in a transaction of the caller's, such as the one
    /// that ends the session.
    ///
    /// # Errors
    ///
    /// [`Error::Larder`].
    pub fn invalidate_session_in(
        &self,
        tx: &Transaction<'_>,
        session_id: &str,
    ) -> Result<Vec<Pending<Gate>>> {
        let pending = Gate::SESSION_ID
            .is(session_id)
            .and(Gate::STATUS.is(GateStatus::Pending));
        let how = Resolution::invalidated(None);
        let now = self.now();
        let pending = tx.find(pending)?;
        pending
            .iter()
            .map(|gate| self.resolve(tx, gate, &how, now))
            .collect()
    }

    /// Lets all gates expire whose time is over at `now`, in milliseconds since the epoch, and gives
    /// them; never one before its time. It is durable when this returns.
    ///
    /// # Errors
    ///
    /// See [`Gates`].
    pub fn expire_due(&self, now: u64) -> Result<Vec<Arc<Gate>>> {
        self.resolve_all(&Resolution::expired(), now, |gate| self.is_due(gate, now))
    }

    /// When the next pending gate expires, if one ever does: when
    /// [`expire_due`](Self::expire_due) has something to do.
    ///
    /// # Errors
    ///
    /// [`Error::Larder`].
    pub fn next_due(&self) -> Result<Option<u64>> {
        Ok(self
            .pending()?
            .iter()
            .filter_map(|gate| self.due(gate))
            .min())
    }

    /// When a gate expires if nobody decides it; `None` for one that does not.
    #[must_use]
    pub fn due(&self, gate: &Gate) -> Option<u64> {
        self.options.due(gate)
    }

    /// Notes which message asks, elsewhere; a later one takes its place. A pending gate only: whoever
    /// asks too late is told what became of it, and can say so in that very message.
    ///
    /// Visible at once, durable when the [`Write`] is awaited.
    ///
    /// # Errors
    ///
    /// [`Error::GateResolved`], [`Error::NotFound`], [`Error::Larder`]. Nothing was changed.
    pub fn bind_message(&self, id: &str, message_id: &str) -> Result<Write<Arc<Gate>>> {
        self.store.try_transaction(|tx| {
            let gate = read(tx, id)?;
            if gate.status.is_terminal() {
                return Err(resolved(&gate));
            }
            if gate.discord_message_id.as_deref() == Some(message_id) {
                return Ok(gate);
            }
            let mut bound = Gate::clone(&gate);
            bound.version = gate.version.saturating_add(1);
            bound.discord_message_id = Some(message_id.to_owned());
            Ok(tx.replace(&gate, bound)?)
        })
    }

    /// Waits for what becomes of a gate; see [`Receipt`].
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::Larder`].
    pub fn receipt(&self, id: &str) -> Result<Receipt> {
        Receipt::new(self.clone(), id)
    }

    /// The gate with this id.
    ///
    /// # Errors
    ///
    /// [`Error::Larder`].
    pub fn get(&self, id: &str) -> Result<Option<Arc<Gate>>> {
        Ok(self.repository.get(id)?)
    }

    /// What a query finds: `Gate::DISCORD_MESSAGE_ID.is("m")`, `Gate::SESSION_ID.is("fix-login")`.
    ///
    /// # Errors
    ///
    /// [`Error::Larder`].
    pub fn find(&self, query: impl Into<Query<Gate>>) -> Result<Vec<Arc<Gate>>> {
        Ok(self.repository.find(query)?)
    }

    /// The gates that nobody has decided yet, the oldest first.
    ///
    /// # Errors
    ///
    /// [`Error::Larder`].
    pub fn pending(&self) -> Result<Vec<Arc<Gate>>> {
        let pending = Gate::STATUS.is(GateStatus::Pending);
        self.find(pending.order_by(Gate::CREATED_AT.asc()))
    }

    /// How many gates have each status, in the order of [`GateStatus::ALL`]. They are counted one
    /// status after the other, so a gate that is resolved meanwhile may count twice or not at all.
    ///
    /// # Errors
    ///
    /// [`Error::Larder`].
    pub fn counts(&self) -> Result<Vec<(GateStatus, u64)>> {
        GateStatus::ALL
            .into_iter()
            .map(|status| Ok((status, self.repository.count(Gate::STATUS.is(status))?)))
            .collect()
    }
}
