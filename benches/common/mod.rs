//! Session records as a chat bot keeps them, about 750 bytes of JSON each, from a seed.

use larder::Record;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The state of a session's work.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WorkflowState {
    /// One of eight.
    pub(crate) status: Status,
    /// How often it went round.
    pub(crate) iteration: u32,
    /// In ms since 1970.
    pub(crate) updated_at: u64,
    /// What the worker said last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) last_worker_summary: Option<String>,
}

/// The states of the work.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    Idle,
    WorkerRunning,
    AwaitingHuman,
    Completed,
}

/// A session, with the fields and indexes of the real one.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Record)]
#[serde(rename_all = "camelCase")]
#[record(collection = "sessions")]
pub(crate) struct Session {
    #[record(id)]
    pub(crate) id: String,
    #[record(unique)]
    pub(crate) channel_id: String,
    #[record(index)]
    pub(crate) category_id: String,
    pub(crate) project_name: String,
    pub(crate) agent_label: String,
    pub(crate) provider: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) provider_session_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<String>,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) subagent_depth: u32,
    pub(crate) directory: String,
    pub(crate) mode: String,
    pub(crate) verbose: bool,
    pub(crate) workflow_state: WorkflowState,
    pub(crate) created_at: u64,
    #[record(index)]
    pub(crate) last_activity: u64,
    pub(crate) message_count: u64,
    pub(crate) total_cost: f64,
    pub(crate) current_turn: u64,
    pub(crate) human_resolved: bool,
    pub(crate) discovery_source: String,
}

/// The session of this number: the same in every run.
#[must_use]
pub(crate) fn session(number: u64) -> Session {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let pick = |from: &[&str], shift: u32| -> String {
        let position = usize::try_from((mixed >> shift) % from.len() as u64).unwrap_or(0);
        from.get(position).copied().unwrap_or_default().to_owned()
    };
    let status = match mixed >> 11 & 3 {
        0 => Status::Idle,
        1 => Status::WorkerRunning,
        2 => Status::AwaitingHuman,
        _ => Status::Completed,
    };
    let label = pick(
        &["fix-login", "add-metrics", "upgrade-deps", "triage-crash"],
        20,
    );
    let at = 1_795_175_786_517 + number * 7;
    Session {
        id: format!("{label}-{number}"),
        channel_id: (1_200_000_000_000_000_000 + number).to_string(),
        category_id: (1_100_000_000_000_000_000 + number / 20).to_string(),
        project_name: pick(&["atlas", "beacon", "cobalt", "delta"], 30),
        agent_label: label,
        provider: pick(&["claude", "codex"], 40),
        provider_session_id: (mixed & 1 == 0).then(|| format!("prov-{mixed:016x}")),
        model: Some(pick(&["sonnet", "opus", "gpt-5"], 44)),
        kind: "persistent".to_owned(),
        subagent_depth: 0,
        directory: format!("/srv/projects/{}", pick(&["atlas", "beacon", "cobalt"], 30)),
        mode: pick(&["auto", "plan", "normal", "monitor"], 50),
        verbose: mixed & 2 == 0,
        workflow_state: WorkflowState {
            status,
            iteration: u32::try_from(mixed >> 60).unwrap_or(0),
            updated_at: at,
            last_worker_summary: Some(
                "Ran the tests, found two failures in the login flow, fixed the first by \
                 checking the token before its age, and wrote a regression test for it."
                    .to_owned(),
            ),
        },
        created_at: at,
        last_activity: at + (mixed >> 33),
        message_count: mixed >> 56,
        #[expect(clippy::cast_precision_loss, reason = "a few bits of a cost")]
        total_cost: (mixed >> 48) as f64 / 1024.0,
        current_turn: mixed >> 57,
        human_resolved: false,
        discovery_source: "discord".to_owned(),
    }
}
