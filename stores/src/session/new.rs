//! What is said of a session when it is created.
//!
//! Owns [`NewSession`]. What the store adds (id, times) is `store.rs`.

use super::record::{Session, WorkflowState};
use super::vocabulary::{DiscoverySource, Mode, Provider, SessionKind};
use crate::number::Cost;

/// A session that is to be created. Channel, category, project and directory have to be said;
/// [`create`](super::Sessions::create) refuses what lacks one, and names it.
#[derive(Clone, Debug)]
#[must_use = "give it to `Sessions::create`"]
pub struct NewSession {
    session: Session,
}

impl NewSession {
    /// A session of this provider that is called so. Its id is made of the label.
    pub fn new(provider: Provider, label: impl Into<String>) -> Self {
        Self {
            session: Session {
                id: String::new(),
                channel_id: String::new(),
                category_id: String::new(),
                project_name: String::new(),
                agent_label: label.into(),
                provider,
                provider_session_id: None,
                model: None,
                kind: SessionKind::Persistent,
                parent_channel_id: None,
                subagent_depth: 0,
                directory: String::new(),
                mode: Mode::default(),
                agent_persona: None,
                verbose: false,
                claude_permission_mode: None,
                codex_sandbox_mode: None,
                codex_approval_policy: None,
                codex_bypass: None,
                codex_network_access_enabled: None,
                codex_web_search_mode: None,
                monitor_goal: None,
                monitor_provider_session_id: None,
                workflow_state: WorkflowState::default(),
                created_at: 0,
                last_activity: 0,
                message_count: 0,
                total_cost: Cost(0.0),
                current_turn: 0,
                human_resolved: false,
                current_interaction_message_id: None,
                status_card_message_id: None,
                last_inbound_message_id: None,
                discovery_source: None,
                last_observed_state: None,
                last_observed_event_key: None,
                last_observed_at: None,
                last_observed_cwd: None,
                remote_human_control: None,
                active_human_gate_id: None,
                is_generating: false,
            },
        }
    }

    /// In this channel, which no other session may have.
    pub fn channel(mut self, channel_id: impl Into<String>) -> Self {
        self.session.channel_id = channel_id.into();
        self
    }

    /// In this category.
    pub fn category(mut self, category_id: impl Into<String>) -> Self {
        self.session.category_id = category_id.into();
        self
    }

    /// For this project.
    pub fn project(mut self, name: impl Into<String>) -> Self {
        self.session.project_name = name.into();
        self
    }

    /// It works here.
    pub fn directory(mut self, directory: impl Into<String>) -> Self {
        self.session.directory = directory.into();
        self
    }

    /// In this mode and not in [`Mode::Normal`].
    pub fn mode(mut self, mode: Mode) -> Self {
        self.session.mode = mode;
        self
    }

    /// Started by this session, and so one deeper than it.
    pub fn started_by(mut self, parent: &Session) -> Self {
        self.session.kind = SessionKind::Subagent;
        self.session.parent_channel_id = Some(parent.channel_id.clone());
        self.session.subagent_depth = parent.subagent_depth.saturating_add(1);
        self
    }

    /// The provider has it already, under this name.
    pub fn provider_session(mut self, id: impl Into<String>) -> Self {
        self.session.provider_session_id = Some(id.into());
        self
    }

    /// Noticed by this.
    pub fn discovered_by(mut self, source: DiscoverySource) -> Self {
        self.session.discovery_source = Some(source);
        self
    }

    /// Whatever else there is to say of it. Id and times are the store's in any case.
    pub fn with(mut self, change: impl FnOnce(&mut Session)) -> Self {
        change(&mut self.session);
        self
    }

    pub(super) fn label(&self) -> &str {
        &self.session.agent_label
    }

    /// The session as it is created.
    pub(super) fn into_session(self, id: String, now: u64) -> Session {
        let mut session = self.session;
        session.id = id;
        session.created_at = now;
        session.last_activity = now;
        session.workflow_state.updated_at = now;
        session
    }
}
