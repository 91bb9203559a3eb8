//! A monitor run as it is on disk.
//!
//! Owns [`MonitorRun`] and the words that stand in it. The order of the fields is that of the files.

use std::fmt;

use larder::Record;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::event::RunOutcome;

/// Where a run stands. All but [`Running`](Self::Running) are terminal.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum RunStatus {
    /// It goes on.
    Running,
    /// The goal is reached.
    Completed,
    /// It cannot go on without somebody's help.
    Blocked,
    /// It went wrong.
    Failed,
    /// Nobody goes on with it.
    Abandoned,
}

impl RunStatus {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Running,
        Self::Completed,
        Self::Blocked,
        Self::Failed,
        Self::Abandoned,
    ];

    /// Whether it is the last one.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        !matches!(self, Self::Running)
    }
}

impl fmt::Display for RunStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Blocked => "blocked",
            Self::Failed => "failed",
            Self::Abandoned => "abandoned",
        })
    }
}

impl From<RunOutcome> for RunStatus {
    fn from(outcome: RunOutcome) -> Self {
        match outcome {
            RunOutcome::Completed => Self::Completed,
            RunOutcome::Blocked => Self::Blocked,
            RunOutcome::Failed => Self::Failed,
            RunOutcome::Abandoned => Self::Abandoned,
        }
    }
}

/// Who drives a run, and until when nobody else may.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Lease {
    /// The name of who drives it.
    pub owner: String,
    /// From then on anybody may take it.
    pub until: u64,
}

/// One run of a monitor that drives a session to a goal. Times are milliseconds since the epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Record)]
#[serde(rename_all = "camelCase")]
#[record(collection = "monitor-runs")]
pub struct MonitorRun {
    /// `<sessionId>:<startedAt>:<random>`.
    #[record(id)]
    pub id: String,
    /// The session that it drives.
    #[record(index)]
    pub session_id: String,
    /// Where to.
    pub goal: String,
    /// How often it went round.
    pub iteration: u64,
    /// How often it may.
    pub max_iterations: u64,
    /// Where it stands.
    #[record(index)]
    pub status: RunStatus,
    /// When it began.
    pub started_at: u64,
    /// When its owner noted something last.
    pub last_checkpoint_at: u64,
    /// What the monitor thought last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_rationale: Option<String>,
    /// What the worker said last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_worker_summary: Option<String>,
    /// Who drives it: while it is running, and was begun by this store. Other programs' runs have
    /// none, and neither has one that ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[record(skip)]
    pub lease: Option<Lease>,
}
