//! What can happen to a session, and what of that is told.
//!
//! Owns the changes of one session as methods on the record, and which events a change is. Where it is
//! kept is `store.rs`.

use super::record::Session;
use super::vocabulary::{Mode, WorkflowStatus};
use crate::event::Event;
use crate::gate::{Gate, GateStatus};
use crate::kept::Kept;

/// These are what [`Sessions`](super::Sessions) does under the same names; they are here for
/// [`Sessions::update_in`](super::Sessions::update_in), which makes them in a transaction of the
/// caller. `now` is the time, in milliseconds since the Unix epoch.
impl Session {
    /// It works in another mode.
    pub fn set_mode(&mut self, mode: Mode) {
        self.mode = mode;
    }

    /// It is given a message and begins a turn: the agent writes, and no human has answered in it.
    pub fn begin_turn(&mut self, now: u64) {
        self.current_turn = self.current_turn.saturating_add(1);
        self.message_count = self.message_count.saturating_add(1);
        self.human_resolved = false;
        self.is_generating = true;
        self.last_activity = now;
    }

    /// The agent has written, which has cost so many US dollars.
    pub fn end_turn(&mut self, now: u64, cost: f64) {
        self.total_cost.0 += cost;
        self.is_generating = false;
        self.last_activity = now;
    }

    /// Whether a human has answered in this turn.
    pub fn set_human_resolved(&mut self, resolved: bool) {
        self.human_resolved = resolved;
    }

    /// It waits for a human to decide this gate, and says what the gate asks.
    pub fn await_gate(&mut self, now: u64, gate: &Gate) {
        self.active_human_gate_id = Some(gate.id.clone());
        self.advance(now, Step::await_human(&gate.summary));
    }

    /// It knows what became of the gate that it waited for, and waits for it no more. A human has
    /// answered if one decided it, and not if it expired or is void. Where it goes from there is the
    /// next step. Of a gate that it does not wait for it takes no notice.
    pub fn take_answer(&mut self, gate: &Gate) {
        if self.active_human_gate_id.as_ref() != Some(&gate.id) || !gate.status.is_terminal() {
            return;
        }
        self.active_human_gate_id = None;
        self.human_resolved = matches!(gate.status, GateStatus::Approved | GateStatus::Rejected);
    }

    /// It goes a step in its work.
    pub fn advance(&mut self, now: u64, step: Step) {
        let state = &mut self.workflow_state;
        state.status = step.status;
        state.updated_at = now;
        // A reason is one for as long as it waits.
        state.awaiting_human_reason = step.reason;
        state.iteration = step.iteration.unwrap_or(state.iteration);
        let text = |of: &mut Option<String>, with: Option<String>| *of = with.or(of.take());
        let kept = |of: &mut Option<Kept>, with: Option<Kept>| *of = with.or(of.take());
        text(&mut state.last_hook, step.hook);
        text(&mut state.last_worker_summary, step.worker_summary);
        text(&mut state.last_monitor_rationale, step.monitor_rationale);
        kept(&mut state.last_worker_report, step.worker_report);
        kept(&mut state.last_monitor_decision, step.monitor_decision);
        kept(&mut state.next_proof_contract, step.proof_contract);
    }
}

/// One step in the work of a session: where it is then, and what is known from then on. What a step
/// does not say stays as it was.
///
/// ```
/// use larder_stores::session::{Step, WorkflowStatus};
///
/// let reviewed = Step::to(WorkflowStatus::MonitorReview)
///     .iteration(3)
///     .worker_summary("all tests pass");
/// let asked = Step::await_human("May it be released?");
/// # let _ = (reviewed, asked);
/// ```
#[derive(Clone, Debug)]
#[must_use = "give it to `Sessions::advance`"]
pub struct Step {
    status: WorkflowStatus,
    reason: Option<String>,
    iteration: Option<u64>,
    hook: Option<String>,
    worker_summary: Option<String>,
    worker_report: Option<Kept>,
    monitor_rationale: Option<String>,
    monitor_decision: Option<Kept>,
    proof_contract: Option<Kept>,
}

impl Step {
    /// To this status.
    pub fn to(status: WorkflowStatus) -> Self {
        Self {
            status,
            reason: None,
            iteration: None,
            hook: None,
            worker_summary: None,
            worker_report: None,
            monitor_rationale: None,
            monitor_decision: None,
            proof_contract: None,
        }
    }

    /// To [`AwaitingHuman`](WorkflowStatus::AwaitingHuman), for this reason, which is forgotten with
    /// the next step.
    pub fn await_human(reason: impl Into<String>) -> Self {
        Self {
            reason: Some(reason.into()),
            ..Self::to(WorkflowStatus::AwaitingHuman)
        }
    }

    /// In this round of worker and monitor.
    pub fn iteration(mut self, iteration: u64) -> Self {
        self.iteration = Some(iteration);
        self
    }

    /// By this hook of the provider's.
    pub fn hook(mut self, hook: impl Into<String>) -> Self {
        self.hook = Some(hook.into());
        self
    }

    /// The worker says that it did this.
    pub fn worker_summary(mut self, summary: impl Into<String>) -> Self {
        self.worker_summary = Some(summary.into());
        self
    }

    /// The worker's report.
    pub fn worker_report(mut self, report: Kept) -> Self {
        self.worker_report = Some(report);
        self
    }

    /// The monitor's reason.
    pub fn monitor_rationale(mut self, rationale: impl Into<String>) -> Self {
        self.monitor_rationale = Some(rationale.into());
        self
    }

    /// The monitor's decision.
    pub fn monitor_decision(mut self, decision: Kept) -> Self {
        self.monitor_decision = Some(decision);
        self
    }

    /// What the worker has to prove next.
    pub fn proof_contract(mut self, contract: Kept) -> Self {
        self.proof_contract = Some(contract);
        self
    }
}

pub(super) fn created(session: &Session) -> Event {
    Event::SessionCreated {
        session_id: session.id.clone(),
        channel_id: session.channel_id.clone(),
        parent_channel_id: session.parent_channel_id.clone(),
    }
}

pub(super) fn ended(session: &Session, archived: bool) -> Event {
    Event::SessionEnded {
        session_id: session.id.clone(),
        channel_id: session.channel_id.clone(),
        archived,
    }
}

/// What is told of a change, whichever way it was made.
pub(super) fn changed(before: &Session, now: &Session) -> Vec<Event> {
    let mut events = Vec::new();
    if before.mode != now.mode {
        events.push(Event::SessionModeChanged {
            session_id: now.id.clone(),
            before: before.mode,
            now: now.mode,
        });
    }
    let waits_for = |session: &Session| {
        let state = &session.workflow_state;
        (state.status == WorkflowStatus::AwaitingHuman).then(|| state.awaiting_human_reason.clone())
    };
    if let Some(reason) = waits_for(now)
        && waits_for(before).as_ref() != Some(&reason)
    {
        events.push(Event::SessionAwaitingHuman {
            session_id: now.id.clone(),
            turn: now.current_turn,
            reason,
        });
    }
    events
}
