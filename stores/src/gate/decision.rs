//! What may become of a gate, and what a person may decide.
//!
//! Owns [`NewGate`], [`Decision`], [`Decider`], and the change that each resolution makes to a record.
//! When it is made is `store.rs`.

use super::record::{Gate, GateKind, GateStatus, ResolvedAction, ResolvedBy};
use crate::session::Provider;

/// A gate that is to be made. Blocking, decidable from everywhere, of turn 0 unless it is said
/// otherwise.
#[derive(Clone, Debug)]
pub struct NewGate {
    session_id: String,
    provider: Provider,
    kind: GateKind,
    is_blocking: bool,
    supports_remote_decision: bool,
    summary: String,
    detail: Option<String>,
    related_command: Option<String>,
    turn: u64,
}

impl NewGate {
    /// A question of this session's agent.
    #[must_use]
    pub fn new(
        session_id: impl Into<String>,
        provider: Provider,
        kind: GateKind,
        summary: impl Into<String>,
    ) -> Self {
        Self {
            session_id: session_id.into(),
            provider,
            kind,
            is_blocking: true,
            supports_remote_decision: true,
            summary: summary.into(),
            detail: None,
            related_command: None,
            turn: 0,
        }
    }

    /// Whether the session waits for the decision.
    #[must_use]
    pub fn blocking(mut self, blocking: bool) -> Self {
        self.is_blocking = blocking;
        self
    }

    /// Whether it may be decided from elsewhere than the terminal.
    #[must_use]
    pub fn remote(mut self, remote: bool) -> Self {
        self.supports_remote_decision = remote;
        self
    }

    /// More about it.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// The command that it is about.
    #[must_use]
    pub fn related_command(mut self, command: impl Into<String>) -> Self {
        self.related_command = Some(command.into());
        self
    }

    /// The session's turn in which it is asked.
    #[must_use]
    pub fn turn(mut self, turn: u64) -> Self {
        self.turn = turn;
        self
    }

    pub(super) fn into_gate(self, id: String, now: u64) -> Gate {
        Gate {
            session_id: self.session_id,
            provider: self.provider,
            kind: self.kind,
            is_blocking: self.is_blocking,
            supports_remote_decision: self.supports_remote_decision,
            summary: self.summary,
            detail: self.detail,
            related_command: self.related_command,
            turn: self.turn,
            id,
            version: 1,
            created_at: now,
            status: GateStatus::Pending,
            resolved_at: None,
            resolved_by: None,
            resolved_action: None,
            answer_text: None,
            discord_message_id: None,
        }
    }
}

/// What a person decides. A text question is answered or rejected; everything else is approved or
/// rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Yes; or: I have seen it.
    Approve,
    /// No.
    Reject,
    /// The answer to a text question, which is thereby approved.
    Answer(String),
}

/// Where the person is who decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decider {
    /// At the terminal.
    Terminal,
    /// In the chat: only for gates that may be decided from there.
    Discord,
}

impl Decider {
    /// Why this gate cannot be decided so, if it cannot.
    pub(super) fn objection(self, gate: &Gate, decision: &Decision) -> Option<&'static str> {
        if self != Self::Terminal && !gate.supports_remote_decision {
            return Some("it can be decided at the terminal only");
        }
        match (gate.kind, decision) {
            (GateKind::TextQuestion, Decision::Approve) => Some("it asks for a text"),
            (GateKind::TextQuestion, _) | (_, Decision::Approve | Decision::Reject) => None,
            (_, Decision::Answer(_)) => Some("it does not ask for a text"),
        }
    }
}

/// How a gate is resolved.
#[derive(Clone, Debug)]
pub(super) struct Resolution {
    status: GateStatus,
    by: Option<ResolvedBy>,
    action: Option<ResolvedAction>,
    answer: Option<String>,
}

impl Resolution {
    pub(super) fn decided(decision: Decision, by: Decider) -> Self {
        let (status, action, answer) = match decision {
            Decision::Approve => (GateStatus::Approved, ResolvedAction::Approve, None),
            Decision::Reject => (GateStatus::Rejected, ResolvedAction::Reject, None),
            Decision::Answer(text) => (GateStatus::Approved, ResolvedAction::Answer, Some(text)),
        };
        let by = match by {
            Decider::Terminal => ResolvedBy::Terminal,
            Decider::Discord => ResolvedBy::Discord,
        };
        Self {
            status,
            by: Some(by),
            action: Some(action),
            answer,
        }
    }

    pub(super) const fn expired() -> Self {
        Self {
            status: GateStatus::Expired,
            by: Some(ResolvedBy::Timeout),
            action: None,
            answer: None,
        }
    }

    pub(super) const fn invalidated(by: Option<ResolvedBy>) -> Self {
        Self {
            status: GateStatus::Invalidated,
            by,
            action: None,
            answer: None,
        }
    }

    /// Whether a gate was resolved so already. By whom does not matter, and neither does an action
    /// that another program did not note.
    pub(super) fn is_that_of(&self, gate: &Gate) -> bool {
        gate.status == self.status
            && (gate.resolved_action.is_none() || gate.resolved_action == self.action)
            && gate.answer_text == self.answer
    }

    /// The gate after it.
    pub(super) fn of(&self, gate: &Gate, now: u64) -> Gate {
        Gate {
            version: gate.version.saturating_add(1),
            status: self.status,
            resolved_at: Some(now),
            resolved_by: self.by,
            resolved_action: self.action,
            answer_text: self.answer.clone(),
            ..gate.clone()
        }
    }
}
