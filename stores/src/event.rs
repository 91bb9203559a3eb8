//! What happens to sessions, their gates and their runs, as values for those who listen.
//!
//! Owns [`Event`]. How events travel is `bus/`; when one happens is each store's.

use serde::{Deserialize, Serialize};

use crate::session::Mode;

/// Something that happened, told after the write that did it is visible.
///
/// It says what happened to which records, and not what is in them: whoever wants more asks the
/// store, and gets what is there by then.
///
/// As JSON it is an object with its [name](Self::name) under `event`:
/// `{"event":"sessionEnded","sessionId":"fix-login","channelId":"c-1","archived":false}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "event",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
#[non_exhaustive]
pub enum Event {
    /// There is a new session.
    SessionCreated {
        /// The session.
        session_id: String,
        /// Its channel.
        channel_id: String,
        /// The channel of the session that started it, if one did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parent_channel_id: Option<String>,
    },
    /// A session is over; its channel is free.
    SessionEnded {
        /// The session that was.
        session_id: String,
        /// The channel it had.
        channel_id: String,
        /// Whether it is in the archive.
        archived: bool,
    },
    /// A session works in another mode.
    SessionModeChanged {
        /// The session.
        session_id: String,
        /// The mode it was in.
        before: Mode,
        /// The mode it is in.
        now: Mode,
    },
    /// A session waits for a human.
    SessionAwaitingHuman {
        /// The session.
        session_id: String,
        /// Its turn.
        turn: u64,
        /// What for, if it said so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// There is a gate that a human may be asked about.
    GateCreated {
        /// The session it is about.
        session_id: String,
        /// The gate.
        gate_id: String,
        /// Whether the session does not go on before it is decided.
        is_blocking: bool,
    },
    /// A gate is decided or void.
    GateResolved {
        /// The session it is about.
        session_id: String,
        /// The gate.
        gate_id: String,
        /// How.
        outcome: GateOutcome,
    },
    /// A monitor run has begun.
    MonitorRunStarted {
        /// The session it watches.
        session_id: String,
        /// The run.
        run_id: String,
    },
    /// A monitor run is over.
    MonitorRunEnded {
        /// The session it watched.
        session_id: String,
        /// The run.
        run_id: String,
        /// How.
        outcome: RunOutcome,
    },
}

/// How a gate ended: the four statuses that are not `pending`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GateOutcome {
    /// Somebody said yes.
    Approved,
    /// Somebody said no.
    Rejected,
    /// Nobody said anything in time.
    Expired,
    /// It is void, such as after a restart.
    Invalidated,
}

/// How a monitor run ended: the four statuses that are not `running`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunOutcome {
    /// The goal is reached.
    Completed,
    /// It cannot go on without somebody's help.
    Blocked,
    /// It went wrong.
    Failed,
    /// Nobody goes on with it.
    Abandoned,
}

impl Event {
    /// The session that it is about. Events of one session come in order.
    #[must_use]
    pub fn session_id(&self) -> &str {
        match self {
            Self::SessionCreated { session_id, .. }
            | Self::SessionEnded { session_id, .. }
            | Self::SessionModeChanged { session_id, .. }
            | Self::SessionAwaitingHuman { session_id, .. }
            | Self::GateCreated { session_id, .. }
            | Self::GateResolved { session_id, .. }
            | Self::MonitorRunStarted { session_id, .. }
            | Self::MonitorRunEnded { session_id, .. } => session_id,
        }
    }

    /// What happened, in one word, as it stands in the JSON.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::SessionCreated { .. } => "sessionCreated",
            Self::SessionEnded { .. } => "sessionEnded",
            Self::SessionModeChanged { .. } => "sessionModeChanged",
            Self::SessionAwaitingHuman { .. } => "sessionAwaitingHuman",
            Self::GateCreated { .. } => "gateCreated",
            Self::GateResolved { .. } => "gateResolved",
            Self::MonitorRunStarted { .. } => "monitorRunStarted",
            Self::MonitorRunEnded { .. } => "monitorRunEnded",
        }
    }
}
