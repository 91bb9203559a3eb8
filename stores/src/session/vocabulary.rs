//! The words that stand in the fields of a session.
//!
//! Owns the enums. What each field means is `record.rs`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whose agent does the work.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// Claude.
    Claude,
    /// Codex.
    Codex,
}

/// How a session came to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SessionKind {
    /// A person started it, and it stays until it is ended.
    #[default]
    Persistent,
    /// Another session started it.
    Subagent,
}

/// How freely a session works.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Without asking.
    Auto,
    /// It plans, and changes nothing.
    Plan,
    /// It asks where it has to.
    #[default]
    Normal,
    /// A monitor drives it towards a goal.
    Monitor,
}

/// Where a session is in its work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WorkflowStatus {
    /// Nothing is to be done.
    #[default]
    Idle,
    /// The worker works.
    WorkerRunning,
    /// The worker works again on what failed.
    Retrying,
    /// The monitor looks at what the worker did.
    MonitorReview,
    /// A human has to say something.
    AwaitingHuman,
    /// The goal is reached.
    Completed,
    /// It cannot go on.
    Blocked,
    /// Something went wrong.
    Error,
}

/// What Claude may do without asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ClaudePermissionMode {
    /// Everything.
    Bypass,
    /// What its own rules say.
    Normal,
}

/// What Codex may write to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CodexSandboxMode {
    /// Nothing.
    ReadOnly,
    /// Its directory.
    WorkspaceWrite,
    /// Everything.
    DangerFullAccess,
}

/// When Codex asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CodexApprovalPolicy {
    /// Never.
    Never,
    /// When it wants to.
    OnRequest,
    /// When a command failed.
    OnFailure,
    /// Before each command that is not known to be harmless.
    Untrusted,
}

/// Whether Codex may search the web.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CodexWebSearchMode {
    /// It may not.
    Disabled,
    /// In what was searched before.
    Cached,
    /// It may.
    Live,
}

/// Who noticed a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DiscoverySource {
    /// It was asked for in the chat.
    Discord,
    /// A hook of Claude's.
    ClaudeHook,
    /// A log of Codex's.
    CodexLog,
    /// A comparison with what runs.
    Sync,
}
