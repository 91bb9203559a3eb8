//! A gate as it is on disk.
//!
//! Owns [`Gate`] and the words that stand in it. The order of the fields is that of the files.

use std::fmt;

use larder::Record;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::session::Provider;

/// What is asked.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum GateKind {
    /// Yes or no.
    BinaryApproval,
    /// A text.
    TextQuestion,
    /// Nothing but that it was seen.
    Notification,
}

/// Where a gate stands. All but [`Pending`](Self::Pending) are terminal.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum GateStatus {
    /// Nobody has decided yet.
    Pending,
    /// Somebody said yes, or gave the answer.
    Approved,
    /// Somebody said no.
    Rejected,
    /// Its time was over before anybody decided.
    Expired,
    /// Nobody wants to know any more.
    Invalidated,
}

impl GateStatus {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Pending,
        Self::Approved,
        Self::Rejected,
        Self::Expired,
        Self::Invalidated,
    ];

    /// Whether it is the last one.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        !matches!(self, Self::Pending)
    }
}

impl fmt::Display for GateStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Invalidated => "invalidated",
        })
    }
}

/// What resolved a gate.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ResolvedBy {
    /// A person at the terminal.
    Terminal,
    /// A person in the chat.
    Discord,
    /// The clock.
    Timeout,
    /// The start of the program.
    Restart,
}

impl fmt::Display for ResolvedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Terminal => "terminal",
            Self::Discord => "discord",
            Self::Timeout => "timeout",
            Self::Restart => "restart",
        })
    }
}

/// What a person did.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ResolvedAction {
    /// Said yes.
    Approve,
    /// Said no.
    Reject,
    /// Gave a text.
    Answer,
}

/// A question that waits for a person. Times are milliseconds since the epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Record)]
#[serde(rename_all = "camelCase")]
#[record(collection = "gates")]
pub struct Gate {
    /// The session that asks.
    #[record(index)]
    pub session_id: String,
    /// Whose agent asks.
    pub provider: Provider,
    /// What is asked.
    #[serde(rename = "type")]
    pub kind: GateKind,
    /// Whether the session waits for the decision.
    #[serde(default = "yes")]
    pub is_blocking: bool,
    /// Whether it may be decided from elsewhere than the terminal.
    #[serde(default = "yes")]
    pub supports_remote_decision: bool,
    /// The question in a line.
    pub summary: String,
    /// More of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The command that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub related_command: Option<String>,
    /// The session's turn in which it was asked.
    pub turn: u64,
    /// `gate_<ms>_<random>`.
    #[record(id)]
    pub id: String,
    /// 1 at first; grows by one per change.
    #[schemars(range(min = 1))]
    pub version: u64,
    /// When it was asked.
    pub created_at: u64,
    /// Where it stands.
    #[record(index)]
    pub status: GateStatus,
    /// When it was resolved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved_at: Option<u64>,
    /// What resolved it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved_by: Option<ResolvedBy>,
    /// What the person did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved_action: Option<ResolvedAction>,
    /// The answer to a text question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_text: Option<String>,
    /// The message that asks, elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[record(index)]
    pub discord_message_id: Option<String>,
}

const fn yes() -> bool {
    true
}
