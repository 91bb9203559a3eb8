//! The verbs of monitor runs.
//!
//! Owns [`MonitorRuns`]. What becomes of runs that nobody drives is `reconcile.rs`; letting go of those that
//! are over is `retain.rs`.

use std::sync::Arc;

use larder::{
    AnyRepository, Query, Repository as _, RepositoryExt as _, Store, Transaction, Write,
};

use super::checkpoint::Checkpoint;
use super::options::RunOptions;
use super::reconcile::Reconciled;
use super::record::{MonitorRun, RunStatus};
use crate::bus::Pending;
use crate::error::{Error, Result};
use crate::event::{Event, RunOutcome};

const RUN: &str = "monitor run";

/// How often another id is tried when one is taken.
const TRIES: usize = 32;

/// The monitor runs of a store. Clones are handles on the same.
///
/// A run is `running`, and then once and for all `completed`, `blocked`, `failed` or `abandoned`. A
/// session has one running run at most: to begin another abandons it, in the same transaction.
///
/// A running run carries a lease: who drives it, and until when nobody else may. Each checkpoint renews
/// it. Nobody can abandon, continue or end a run while another holds it ([`Error::RunHeld`]); when the
/// lease has lapsed, or its owner has started anew, anybody may.
///
/// # What survives what
///
/// | after | the process is killed | the machine loses power |
/// |---|---|---|
/// | [`begin`](Self::begin) or [`finish`](Self::finish) gave a run | it is so | it is so |
/// | [`checkpoint`](Self::checkpoint), [`retain`](Self::retain) were awaited | kept | kept |
/// | the same, not awaited | kept on SQLite, on JSON after the debounce window | kept after the window |
/// | a start | no run is left running that nobody drives | the same |
///
/// (With `durability = "process-crash"` the last column reads "may be lost".)
///
/// # Use
///
/// ```
/// use larder_stores::event::RunOutcome;
/// use larder_stores::monitor_run::{Checkpoint, MonitorRuns, RunOptions, RunsOnStart};
///
/// # let store = larder::Store::open("memory:")?;
/// let options = RunOptions::new("bot-1").on_start(RunsOnStart::ResumeWithGoal);
/// let runs = MonitorRuns::open(&store, options)?;
/// for run in &runs.at_start().candidates {
///     println!("{}: on to {}, from {}", run.session_id, run.goal, run.iteration);
/// }
/// let run = runs.begin("fix-login", "make CI green", 6)?; // on disk
/// runs.checkpoint(&run.id, Checkpoint::at(1).rationale("one test fails"))?.detach();
/// runs.checkpoint(&run.id, Checkpoint::at(2).worker_summary("fixed"))?.detach();
/// runs.finish(&run.id, RunOutcome::Completed)?; // on disk
/// assert!(runs.running()?.is_empty());
/// # Ok::<(), larder_stores::Error>(())
/// ```
///
/// # Errors
///
/// Besides those that a verb names: [`Error::Larder`], if the store says no, and nothing was changed;
/// [`Error::NotDurable`], if the change was made but is not on disk yet. It is visible and told then,
/// and the store keeps trying.
#[derive(Clone, Debug)]
pub struct MonitorRuns {
    pub(super) store: Store,
    pub(super) repository: AnyRepository<MonitorRun>,
    pub(super) options: RunOptions,
    at_start: Arc<Reconciled>,
}

impl MonitorRuns {
    /// Opens the collection, and reconciles what is running, as the options say:
    /// [`at_start`](Self::at_start) tells how. That is durable when this returns.
    ///
    /// Runs of this owner's name are taken for those of an earlier start of this program, which is
    /// dead.
    ///
    /// # Errors
    ///
    /// See [`MonitorRuns`].
    pub fn open(store: &Store, options: RunOptions) -> Result<Self> {
        let mut runs = Self {
            store: store.clone(),
            repository: store.repository()?,
            options,
            at_start: Arc::default(),
        };
        runs.at_start = Arc::new(runs.reconcile_at_start()?);
        Ok(runs)
    }

    /// What was running when the store was opened, and what became of it.
    #[must_use]
    pub fn at_start(&self) -> &Reconciled {
        &self.at_start
    }

    /// Begins a run, and abandons the one that is running for the session, if one is. It is durable
    /// when this returns; then it is told.
    ///
    /// # Errors
    ///
    /// [`Error::RunHeld`] if somebody else drives a run of this session; and see [`MonitorRuns`].
    pub fn begin(
        &self,
        session_id: &str,
        goal: &str,
        max_iterations: u64,
    ) -> Result<Arc<MonitorRun>> {
        let write = self
            .store
            .try_transaction(|tx| self.begin_in(tx, session_id, goal, max_iterations))?;
        self.settle(write)
    }

    /// As [`begin`](Self::begin), in a transaction of the caller's, such as one that changes the
    /// session's mode as well.
    ///
    /// # Errors
    ///
    /// As [`begin`](Self::begin).
    pub fn begin_in(
        &self,
        tx: &Transaction<'_>,
        session_id: &str,
        goal: &str,
        max_iterations: u64,
    ) -> Result<Pending<MonitorRun>> {
        let now = self.now();
        let running = tx.find(running_of(session_id))?;
        // All are looked at before the first is changed.
        for earlier in &running {
            self.check_not_held(earlier, now)?;
        }
        let mut events = Vec::new();
        for earlier in running {
            let abandoned = tx.replace(&earlier, ended(&earlier, RunStatus::Abandoned))?;
            events.push(ended_event(&abandoned, RunOutcome::Abandoned));
        }
        let mut id = self.new_id(session_id, now);
        for _ in 0..TRIES {
            if tx.get::<MonitorRun>(&id)?.is_none() {
                break;
            }
            id = self.new_id(session_id, now);
        }
        let run = tx.insert(MonitorRun {
            id,
            session_id: session_id.to_owned(),
            goal: goal.to_owned(),
            iteration: 0,
            max_iterations,
            status: RunStatus::Running,
            started_at: now,
            last_checkpoint_at: now,
            last_rationale: None,
            last_worker_summary: None,
            lease: Some(self.options.new_lease(now)),
        })?;
        events.push(Event::MonitorRunStarted {
            session_id: run.session_id.clone(),
            run_id: run.id.clone(),
        });
        Ok(self.announce(run, events))
    }

    /// Notes how far a run has come, and renews its lease. To say the same iteration again renews it
    /// within one that takes long.
    ///
    /// Visible at once, durable when the [`Write`] is awaited. What is lost without is progress, and
    /// not the run.
    ///
    /// # Errors
    ///
    /// [`Error::RunEnded`] if it is over, such as abandoned for a newer one: its owner should stop;
    /// [`Error::RunHeld`] if somebody else has taken it over; [`Error::Refused`] if the iteration is
    /// below the last; [`Error::NotFound`]; [`Error::Larder`]. Nothing was changed.
    pub fn checkpoint(&self, id: &str, note: Checkpoint) -> Result<Write<Arc<MonitorRun>>> {
        self.store
            .try_transaction(|tx| self.checkpoint_in(tx, id, note))
    }

    /// As [`checkpoint`](Self::checkpoint), in a transaction of the caller's.
    ///
    /// # Errors
    ///
    /// As [`checkpoint`](Self::checkpoint).
    pub fn checkpoint_in(
        &self,
        tx: &Transaction<'_>,
        id: &str,
        note: Checkpoint,
    ) -> Result<Arc<MonitorRun>> {
        let now = self.now();
        let read = read(tx, id)?;
        if read.status.is_terminal() {
            return Err(over(&read));
        }
        self.check_not_held(&read, now)?;
        if note.iteration() < read.iteration {
            return Err(Error::refused(RUN, id, "its iterations only go on"));
        }
        let noted = note.of(&read, now, self.options.new_lease(now));
        Ok(tx.replace(&read, noted)?)
    }

    /// Ends a run. It is durable when this returns; then it is told. To end it once more in the same way
    /// is no error.
    ///
    /// # Errors
    ///
    /// [`Error::RunEnded`] if it ended otherwise; [`Error::RunHeld`] if somebody else drives it;
    /// [`Error::NotFound`]; and see [`MonitorRuns`].
    pub fn finish(&self, id: &str, outcome: RunOutcome) -> Result<Arc<MonitorRun>> {
        let write = self
            .store
            .try_transaction(|tx| self.finish_in(tx, id, outcome))?;
        self.settle(write)
    }

    /// As [`finish`](Self::finish), in a transaction of the caller's, such as the one that ends the
    /// session.
    ///
    /// # Errors
    ///
    /// As [`finish`](Self::finish).
    pub fn finish_in(
        &self,
        tx: &Transaction<'_>,
        id: &str,
        outcome: RunOutcome,
    ) -> Result<Pending<MonitorRun>> {
        let now = self.now();
        let read = read(tx, id)?;
        let status = outcome.into();
        if read.status == status {
            return Ok(Pending::silent(read));
        }
        if read.status.is_terminal() {
            return Err(over(&read));
        }
        self.check_not_held(&read, now)?;
        let mut run = ended(&read, status);
        run.last_checkpoint_at = now;
        let run = tx.replace(&read, run)?;
        let event = ended_event(&run, outcome);
        Ok(self.announce(run, vec![event]))
    }

    /// The run with this id.
    ///
    /// # Errors
    ///
    /// [`Error::Larder`].
    pub fn get(&self, id: &str) -> Result<Option<Arc<MonitorRun>>> {
        Ok(self.repository.get(id)?)
    }

    /// What a query finds.
    ///
    /// # Errors
    ///
    /// [`Error::Larder`].
    pub fn find(&self, query: impl Into<Query<MonitorRun>>) -> Result<Vec<Arc<MonitorRun>>> {
        Ok(self.repository.find(query)?)
    }

    /// The runs that are running, whoever drives them, the oldest first.
    ///
    /// # Errors
    ///
    /// [`Error::Larder`].
    pub fn running(&self) -> Result<Vec<Arc<MonitorRun>>> {
        let running = MonitorRun::STATUS.is(RunStatus::Running);
        self.find(running.order_by(MonitorRun::STARTED_AT.asc()))
    }

    /// The run that drives a session, if one does, whoever its owner is.
    ///
    /// # Errors
    ///
    /// [`Error::Larder`].
    pub fn running_of_session(&self, session_id: &str) -> Result<Option<Arc<MonitorRun>>> {
        Ok(self.repository.find_first(running_of(session_id))?)
    }

    /// All runs of a session, the oldest first.
    ///
    /// # Errors
    ///
    /// [`Error::Larder`].
    pub fn of_session(&self, session_id: &str) -> Result<Vec<Arc<MonitorRun>>> {
        let of_session = MonitorRun::SESSION_ID.is(session_id);
        self.find(of_session.order_by(MonitorRun::STARTED_AT.asc()))
    }

    pub(super) fn now(&self) -> u64 {
        self.options.base.clock.now()
    }

    fn new_id(&self, session_id: &str, now: u64) -> String {
        format!("{session_id}:{now}:{}", self.options.base.ids.suffix())
    }

    /// The place of a change in the order of its session's events, and what is told there. Every
    /// beginning and every end comes by here, inside the transaction that makes it.
    pub(super) fn announce(&self, run: Arc<MonitorRun>, events: Vec<Event>) -> Pending<MonitorRun> {
        let place = self.options.base.bus.reserve(&run.session_id);
        Pending::new(run, place, events)
    }

    /// Nobody else drives it.
    fn check_not_held(&self, run: &MonitorRun, now: u64) -> Result<()> {
        match self.options.held_by_other(run, now) {
            None => Ok(()),
            Some(lease) => Err(Error::RunHeld {
                id: run.id.clone(),
                owner: lease.owner.clone(),
                until: lease.until,
            }),
        }
    }

    /// Waits for the disk, also if nothing was changed: somebody else may be waiting still for what is
    /// said. Then tells.
    fn settle(&self, write: Write<Pending<MonitorRun>>) -> Result<Arc<MonitorRun>> {
        let run = write.into_visible()?;
        let durable = self.durable(&run.record().id);
        // Told in either case: it is so, and nobody will do it again.
        let run = run.committed();
        durable.map(|()| run)
    }

    pub(super) fn durable(&self, id: &str) -> Result<()> {
        let flushed = self.repository.flush().wait();
        flushed.map_err(|source| Error::NotDurable {
            what: RUN,
            id: id.to_owned(),
            source,
        })
    }
}

fn read(tx: &Transaction<'_>, id: &str) -> Result<Arc<MonitorRun>> {
    tx.get::<MonitorRun>(id)?
        .ok_or_else(|| Error::not_found(RUN, id))
}

fn running_of(session_id: &str) -> Query<MonitorRun> {
    MonitorRun::SESSION_ID
        .is(session_id)
        .and(MonitorRun::STATUS.is(RunStatus::Running))
}

fn over(run: &MonitorRun) -> Error {
    Error::RunEnded {
        id: run.id.clone(),
        status: run.status,
    }
}

/// The run after its end: nobody drives it any more.
pub(super) fn ended(run: &MonitorRun, status: RunStatus) -> MonitorRun {
    MonitorRun {
        status,
        lease: None,
        ..run.clone()
    }
}

pub(super) fn ended_event(run: &MonitorRun, outcome: RunOutcome) -> Event {
    Event::MonitorRunEnded {
        session_id: run.session_id.clone(),
        run_id: run.id.clone(),
        outcome,
    }
}
