//! A session as it is on disk, and the one as it is in the archive.
//!
//! Owns the records. The words in their fields are `vocabulary.rs`, what can be done to a session is
//! `change.rs`, and what is kept of many is `store.rs`.

use larder::Record;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::vocabulary::{
    ClaudePermissionMode, CodexApprovalPolicy, CodexSandboxMode, CodexWebSearchMode,
    DiscoverySource, Mode, Provider, SessionKind, WorkflowStatus,
};
use crate::kept::Kept;
use crate::number::Cost;

/// A session: an agent of a provider that works in a directory, in a channel of a chat.
///
/// The fields have the names and the order that they have in `sessions.json`. Times are milliseconds
/// since the Unix epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Record)]
#[serde(rename_all = "camelCase")]
#[record(collection = "sessions")]
#[record(index(BY_PROVIDER = (provider, provider_session_id)))]
pub struct Session {
    /// Made of the label when the session is created; never given again while the session is there
    /// or in the archive.
    #[record(id)]
    #[schemars(length(min = 1))]
    pub id: String,
    /// Its channel, which no other session has.
    #[record(unique)]
    #[schemars(length(min = 1))]
    pub channel_id: String,
    /// The channels' category: the project, in the chat.
    #[record(index)]
    #[schemars(length(min = 1))]
    pub category_id: String,
    /// The project's name.
    #[schemars(length(min = 1))]
    pub project_name: String,
    /// What the session is called.
    #[schemars(length(min = 1))]
    pub agent_label: String,
    /// Whose agent it is.
    pub provider: Provider,
    /// What the provider calls it, once it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_session_id: Option<String>,
    /// The model, if not the provider's usual one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Whether a person or another session started it.
    #[serde(rename = "type")]
    pub kind: SessionKind,
    /// The channel of the session that started it.
    #[record(index)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_channel_id: Option<String>,
    /// How many sessions are above it.
    #[serde(default)]
    pub subagent_depth: u32,
    /// Where it works.
    #[schemars(length(min = 1))]
    pub directory: String,
    /// How freely it works.
    pub mode: Mode,
    /// Whom the agent plays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_persona: Option<String>,
    /// Whether the channel is told everything.
    #[serde(default)]
    pub verbose: bool,
    /// For Claude.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claude_permission_mode: Option<ClaudePermissionMode>,
    /// For Codex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codex_sandbox_mode: Option<CodexSandboxMode>,
    /// For Codex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codex_approval_policy: Option<CodexApprovalPolicy>,
    /// For Codex: whether it has no sandbox at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codex_bypass: Option<bool>,
    /// For Codex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codex_network_access_enabled: Option<bool>,
    /// For Codex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codex_web_search_mode: Option<CodexWebSearchMode>,
    /// What a monitor drives it towards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monitor_goal: Option<String>,
    /// What the provider calls the monitor's own session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monitor_provider_session_id: Option<String>,
    /// Where it is in its work.
    #[record(skip)]
    pub workflow_state: WorkflowState,
    /// When it was created.
    pub created_at: u64,
    /// When something last happened in it.
    #[record(index)]
    pub last_activity: u64,
    /// How many messages it was given.
    #[serde(default)]
    pub message_count: u64,
    /// What it has cost, in US dollars.
    #[serde(default)]
    pub total_cost: Cost,
    /// The turn it is in; 0 before the first.
    #[serde(default)]
    pub current_turn: u64,
    /// Whether a human has answered in this turn.
    #[serde(default)]
    pub human_resolved: bool,
    /// The message that a human is to answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_interaction_message_id: Option<String>,
    /// The message that shows how it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_card_message_id: Option<String>,
    /// The last message that it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_inbound_message_id: Option<String>,
    /// Who noticed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discovery_source: Option<DiscoverySource>,
    /// What it was seen doing last, from outside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_observed_state: Option<String>,
    /// By which event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_observed_event_key: Option<String>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_observed_at: Option<u64>,
    /// Where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_observed_cwd: Option<String>,
    /// Whether a human may decide from the chat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_human_control: Option<bool>,
    /// The gate that it waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_human_gate_id: Option<String>,
    /// Whether the agent writes at this moment. At run time only: it is in no file, and false after a
    /// restart.
    #[serde(skip)]
    pub is_generating: bool,
}

/// Where a session is in its work. Changed by a [`Step`](super::Step).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowState {
    /// Where.
    pub status: WorkflowStatus,
    /// In which round of worker and monitor.
    pub iteration: u64,
    /// Since when.
    pub updated_at: u64,
    /// The provider's hook that was called last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_hook: Option<String>,
    /// What the worker said it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_worker_summary: Option<String>,
    /// Why the monitor decided as it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_monitor_rationale: Option<String>,
    /// What a human is to say something about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub awaiting_human_reason: Option<String>,
    /// What the worker reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_worker_report: Option<Kept>,
    /// What the monitor decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_monitor_decision: Option<Kept>,
    /// What the worker has to prove next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_proof_contract: Option<Kept>,
}

/// A session that is over, as it was, with the time at which it was put away.
///
/// It is in a collection of its own, because every record of `sessions` is a session that goes on,
/// for the other program, too: with a mark in the same collection it would be resumed, and would keep
/// its channel. What the record type of a session does not know of it stays behind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Record)]
#[serde(rename_all = "camelCase")]
#[record(collection = "sessions-archive")]
pub struct ArchivedSession {
    /// The session's id, which is not given again.
    #[record(id)]
    #[schemars(length(min = 1))]
    pub id: String,
    /// The session's category.
    #[record(index)]
    pub category_id: String,
    /// When it was put away.
    #[record(index)]
    pub archived_at: u64,
    /// The session as it was.
    #[record(skip)]
    pub session: Session,
}
