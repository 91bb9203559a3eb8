//! What becomes of runs that are running, but that nobody drives.
//!
//! Owns [`Reconciled`] and the rules of reconciling. A run that somebody else drives is not touched.

use std::collections::HashSet;
use std::sync::Arc;

use larder::Transaction;

use super::options::{RunsOnStart, held};
use super::record::{MonitorRun, RunStatus};
use super::store::{MonitorRuns, ended, ended_event};
use crate::bus::Pending;
use crate::error::{Error, Result};
use crate::event::RunOutcome;

/// What was running, and what became of it. Runs that this owner drives are in none of the lists.
#[derive(Clone, Debug, Default)]
pub struct Reconciled {
    /// Abandoned: nobody drove them.
    pub abandoned: Vec<Arc<MonitorRun>>,
    /// Taken over, at most one for each session: to be driven on to their goal from their last
    /// checkpoint, or to be ended. They are running, and this owner's as if it had made a checkpoint
    /// now; who never comes to it loses them to whoever reconciles after the lease.
    pub candidates: Vec<Arc<MonitorRun>>,
    /// Left alone: somebody else drives them, until the end of the lease at least.
    pub held: Vec<Arc<MonitorRun>>,
}

/// What is to be done about a run that nobody drives.
enum Todo {
    Abandon,
    TakeOver,
}

/// The running runs, but for those that this owner drives.
struct Sorted {
    orphans: Vec<(Arc<MonitorRun>, Todo)>,
    held: Vec<Arc<MonitorRun>>,
}

impl MonitorRuns {
    /// Does again what was done at the start, for those runs whose lease has lapsed since. A program
    /// that shares its store with others calls it from time to time. It is durable when this returns.
    ///
    /// # Errors
    ///
    /// See [`MonitorRuns`].
    pub fn reconcile(&self) -> Result<Reconciled> {
        self.reconcile_all(false)
    }

    /// As [`reconcile`](Self::reconcile), where the runs of this owner are those of a dead one.
    pub(super) fn reconcile_at_start(&self) -> Result<Reconciled> {
        self.reconcile_all(true)
    }

    fn reconcile_all(&self, own_is_dead: bool) -> Result<Reconciled> {
        let now = self.now();
        let sorted = self.sort(self.running()?, now, own_is_dead);
        if sorted.orphans.is_empty() {
            // Nothing is written, so that a store can be opened for reading.
            return Ok(Reconciled {
                held: sorted.held,
                ..Reconciled::default()
            });
        }
        let write = self.store.try_transaction(|tx| {
            let running = tx.find::<MonitorRun>(MonitorRun::STATUS.is(RunStatus::Running))?;
            let sorted = self.sort(running, now, own_is_dead);
            let done = sorted
                .orphans
                .into_iter()
                .map(|(run, todo)| self.act(tx, &run, &todo, now));
            Ok::<_, Error>((done.collect::<Result<Vec<_>>>()?, sorted.held))
        })?;
        let (done, held) = write.into_visible()?;
        let durable = match done.first() {
            Some(first) => self.durable(&first.record().id),
            None => Ok(()),
        };
        // Told in either case: it is so, and nobody will do it again.
        let done = done.into_iter().map(Pending::committed);
        let (abandoned, candidates) = done.partition(|run| run.status.is_terminal());
        durable.map(|()| Reconciled {
            abandoned,
            candidates,
            held,
        })
    }

    /// Says what is to be done with which of the running runs.
    fn sort(&self, mut running: Vec<Arc<MonitorRun>>, now: u64, own_is_dead: bool) -> Sorted {
        // The newest first: of each session that one is taken over.
        running.sort_by(|a, b| (b.started_at, &b.id).cmp(&(a.started_at, &a.id)));
        let (mut orphans, mut others, mut driven) = (Vec::new(), Vec::new(), HashSet::new());
        for run in running {
            if self.options.held_by_other(&run, now).is_some() {
                driven.insert(run.session_id.clone());
                others.push(run);
            } else if !own_is_dead && held(&run, now).is_some() {
                driven.insert(run.session_id.clone());
            } else {
                orphans.push(run);
            }
        }
        let resume = self.options.on_start == RunsOnStart::ResumeWithGoal;
        let sorted = orphans.into_iter().map(|run| {
            let todo = if resume && driven.insert(run.session_id.clone()) {
                Todo::TakeOver
            } else {
                Todo::Abandon
            };
            (run, todo)
        });
        Sorted {
            orphans: sorted.collect(),
            held: others,
        }
    }

    fn act(
        &self,
        tx: &Transaction<'_>,
        run: &Arc<MonitorRun>,
        todo: &Todo,
        now: u64,
    ) -> Result<Pending<MonitorRun>> {
        match todo {
            Todo::Abandon => {
                let run = tx.replace(run, ended(run, RunStatus::Abandoned))?;
                let event = ended_event(&run, RunOutcome::Abandoned);
                Ok(self.announce(run, vec![event]))
            }
            Todo::TakeOver => {
                let taken = MonitorRun {
                    lease: Some(self.options.new_lease(now)),
                    ..MonitorRun::clone(run)
                };
                Ok(Pending::silent(tx.replace(run, taken)?))
            }
        }
    }
}
