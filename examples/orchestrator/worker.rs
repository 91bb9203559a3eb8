//! The life of a session, step by step.
//!
//! Owns [`Worker`]. What the next step is, is said by what is on disk, and nothing else; each step is one
//! transaction. So it does not matter whether the step before was made a moment ago or by a process
//! that is dead.

use std::time::Duration;

use larder::{ErrorKind, RepositoryExt as _, Retention, Transaction};
use larder_stores::bus::Pending;
use larder_stores::event::RunOutcome;
use larder_stores::gate::{ArchivedGate, Gate, GateKind, GateStatus, NewGate};
use larder_stores::monitor_run::{Checkpoint, MonitorRun};
use larder_stores::session::{
    ArchivedSession, Mode, NewSession, Provider, Session, Step, WorkflowStatus,
};
use larder_stores::{Error, Result};

use crate::ending::Ending;
use crate::ledger::Ledger;
use crate::stores::{CATEGORY, Stores};

const TASKS: [&str; 4] = [
    "Fix login",
    "Speed up search",
    "Write the manual",
    "Upgrade",
];

/// In how many rounds a goal is reached.
const ROUNDS: u64 = 4;

/// What a round costs.
const US_DOLLARS: f64 = 0.02;

/// How many decided gates are not in the archive.
const RECENT_GATES: usize = 8;

/// How long it waits for an answer before it looks whether it is to end.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Has one session after the other in its channel.
#[derive(Debug)]
pub(crate) struct Worker<'a> {
    pub(crate) channel: String,
    /// How many new sessions it begins.
    pub(crate) rounds: usize,
    pub(crate) stores: &'a Stores,
    pub(crate) keep: usize,
    pub(crate) pace: Duration,
    pub(crate) ledger: Ledger,
    pub(crate) ending: &'a Ending,
}

impl Worker<'_> {
    /// Works until there is nothing to do, or the program is to end. In the latter case the session is
    /// left where it is.
    pub(crate) fn work(&self) -> Result<()> {
        let mut tasks = TASKS.iter().cycle().take(self.rounds);
        while !self.ending.has_come() {
            if let Some(session) = self.stores.sessions.in_channel(&self.channel)? {
                self.step(&session)?;
            } else if let Some(task) = tasks.next() {
                self.begin(task)?;
            } else {
                break;
            }
        }
        Ok(())
    }

    /// A new session and its first question are there together, or neither is.
    fn begin(&self, task: &str) -> Result<()> {
        let new = NewSession::new(Provider::Claude, task)
            .channel(&self.channel)
            .category(CATEGORY)
            .project("atlas")
            .directory("/srv/atlas");
        let (session, (gate, waits)) = self
            .stores
            .store
            .try_transaction(|tx| {
                let session = self.stores.sessions.create_in(tx, new)?;
                let asked = self.ask_in(tx, session.record(), "May I begin?")?;
                Ok::<_, Error>((session, asked))
            })?
            .wait()?;
        // They are on disk. Now those who listen are told, and may ask somebody.
        let session = session.committed();
        self.ledger.session(&session.id, "live");
        self.ledger.gate(&gate.committed());
        waits.committed();
        Ok(())
    }

    /// What comes next:
    ///
    /// | it is driven by a run | it waits for a gate | so |
    /// |---|---|---|
    /// | no | yes | it may begin, if that is approved |
    /// | yes | no | it works, until the goal is reached; then it asks |
    /// | yes | yes | it is over: `completed`, if that is approved, else `blocked` |
    fn step(&self, session: &Session) -> Result<()> {
        let run = self.stores.runs.running_of_session(&session.id)?;
        match (run, &session.active_human_gate_id) {
            (run, Some(gate)) => self.wait_for(session, gate, run.as_deref()),
            (Some(run), None) if run.iteration < run.max_iterations => self.go_round(session, &run),
            (run, None) => self.ask(session, run.as_deref()),
        }
    }

    fn ask(&self, session: &Session, run: Option<&MonitorRun>) -> Result<()> {
        let question = match run {
            None => "May I begin?",
            Some(_) => "The goal is reached. May I push?",
        };
        let (gate, waits) = self
            .stores
            .store
            .try_transaction(|tx| self.ask_in(tx, session, question))?
            .wait()?;
        self.ledger.gate(&gate.committed());
        waits.committed();
        Ok(())
    }

    /// The gate, and that the session waits for it.
    fn ask_in(
        &self,
        tx: &Transaction<'_>,
        session: &Session,
        question: &str,
    ) -> Result<(Pending<Gate>, Pending<Session>)> {
        let Stores {
            sessions, gates, ..
        } = self.stores;
        let asks = NewGate::new(
            &session.id,
            session.provider,
            GateKind::BinaryApproval,
            question,
        );
        let gate = gates.create_in(tx, asks.turn(session.current_turn))?;
        let now = sessions.now();
        let waits = sessions.update_in(tx, &session.id, |it| it.await_gate(now, gate.record()))?;
        Ok((gate, waits))
    }

    /// Waits for what becomes of a gate. It may have been decided long ago, such as while this session
    /// had no worker, or have expired while there was no process.
    fn wait_for(&self, session: &Session, gate_id: &str, run: Option<&MonitorRun>) -> Result<()> {
        let resolved = match self.stores.gates.receipt(gate_id) {
            Ok(mut receipt) => receipt.wait_timeout(LOOK_AGAIN),
            // It was let go of with the oldest before anybody took the answer.
            Err(Error::NotFound { .. }) => return self.ask(session, run),
            Err(error) => Err(error),
        };
        let gate = match resolved {
            Ok(gate) => gate,
            Err(Error::Larder(error)) if error.kind() == ErrorKind::Timeout => return Ok(()),
            Err(error) => return Err(error),
        };
        self.ledger.gate(&gate);
        match (run, gate.status) {
            (None, GateStatus::Approved) => self.begin_run(session, &gate),
            (None, _) => self.put_away(session, &gate, None),
            (Some(run), GateStatus::Approved) => {
                self.put_away(session, &gate, Some((run, RunOutcome::Completed)))
            }
            (Some(run), _) => self.put_away(session, &gate, Some((run, RunOutcome::Blocked))),
        }
    }

    /// From now on a monitor drives it.
    fn begin_run(&self, session: &Session, gate: &Gate) -> Result<()> {
        let Stores {
            store,
            sessions,
            runs,
            ..
        } = self.stores;
        let goal = format!("{}: all tests are green", session.agent_label);
        let (session, run) = store
            .try_transaction(|tx| {
                let session = sessions.update_in(tx, &session.id, |it| {
                    it.take_answer(gate);
                    it.set_mode(Mode::Monitor);
                    it.monitor_goal = Some(goal.clone());
                })?;
                Ok::<_, Error>((session, runs.begin_in(tx, &gate.session_id, &goal, ROUNDS)?))
            })?
            .wait()?;
        session.committed();
        self.ledger.run(&run.committed());
        Ok(())
    }

    /// The agent works, and the monitor looks at what it did.
    fn go_round(&self, session: &Session, run: &MonitorRun) -> Result<()> {
        let Stores { sessions, runs, .. } = self.stores;
        let round = run.iteration + 1;
        let now = sessions.now();
        // Nobody waits for the disk here: if this is lost, the round begins again.
        sessions
            .update(&session.id, |it| {
                it.begin_turn(now);
                it.advance(
                    now,
                    Step::to(WorkflowStatus::WorkerRunning).iteration(round),
                );
            })?
            .detach();
        if self.ending.wait(self.pace) {
            return Ok(());
        }
        let now = sessions.now();
        let did = format!("did part {round} of {}", run.max_iterations);
        let review = Step::to(WorkflowStatus::MonitorReview).worker_summary(&did);
        sessions
            .update(&session.id, |it| {
                it.end_turn(now, US_DOLLARS);
                it.advance(now, review);
            })?
            .detach();
        // Here it waits: the round was paid for, and is not to be done twice.
        let note = Checkpoint::at(round).worker_summary(did);
        let run = runs.checkpoint(&run.id, note)?.wait()?;
        self.ledger.run(&run);
        Ok(())
    }

    /// The session is over, and so is its run: both or neither.
    fn put_away(
        &self,
        session: &Session,
        gate: &Gate,
        run: Option<(&MonitorRun, RunOutcome)>,
    ) -> Result<()> {
        let Stores {
            store,
            sessions,
            runs,
            ..
        } = self.stores;
        let (run, archived) = store
            .try_transaction(|tx| {
                let taken = sessions.update_in(tx, &session.id, |it| it.take_answer(gate))?;
                let run = match run {
                    Some((run, outcome)) => Some(runs.finish_in(tx, &run.id, outcome)?),
                    None => None,
                };
                let archived = sessions.archive_in(tx, &taken.record().id)?;
                Ok::<_, Error>((run, archived))
            })?
            .wait()?;
        if let Some(run) = run {
            self.ledger.run(&run.committed());
        }
        self.ledger.session(&archived.committed().id, "archived");
        self.tidy_up()
    }

    /// Decided gates go to an archive, as sessions do: the collection that is asked all the time stays
    /// small. Of what is over only the newest are kept. (A session's id may be given again when it is in
    /// the archive no more.)
    fn tidy_up(&self) -> Result<()> {
        let Stores {
            sessions,
            gates,
            runs,
            ..
        } = self.stores;
        gates.archive(RECENT_GATES)?.detach();
        let newest = Retention::newest(self.keep, ArchivedGate::ARCHIVED_AT);
        gates.archived().retain(&newest)?.detach();
        let newest = Retention::newest(self.keep, ArchivedSession::ARCHIVED_AT);
        sessions.archived().retain(&newest)?.detach();
        runs.retain(self.keep)?.detach();
        Ok(())
    }
}
