//! `native_db`: typed records over redb, as its documentation shows it: models in a static, a secondary
//! key per index, `upsert`, one transaction a save, and its default encoding (bincode).
//!
//! That encoding cannot leave a field out, so the record type is written down once more without
//! `skip_serializing_if`. Its range collects the keys of everything from the bound on before the first
//! is given; there is no other call.

use std::sync::LazyLock;

use native_db::{Builder, Database, Models, ToKey, native_db};
use native_model::{Model, native_model};
use serde::{Deserialize, Serialize};

use super::{Contender, Place};
use crate::outcome::Outcome;
use crate::records::{RANGE_LIMIT, Session, Status, WorkflowState};

#[derive(Serialize, Deserialize)]
struct Workflow {
    status: Status,
    iteration: u32,
    updated_at: u64,
    last_worker_summary: Option<String>,
}

impl From<WorkflowState> for Workflow {
    fn from(state: WorkflowState) -> Self {
        Self {
            status: state.status,
            iteration: state.iteration,
            updated_at: state.updated_at,
            last_worker_summary: state.last_worker_summary,
        }
    }
}

/// A session, as `native_db` keeps it.
#[derive(Serialize, Deserialize)]
#[native_model(id = 1, version = 1)]
#[native_db]
pub(crate) struct Row {
    #[primary_key]
    id: String,
    #[secondary_key(unique)]
    channel_id: String,
    #[secondary_key]
    category_id: String,
    project_name: String,
    agent_label: String,
    provider: String,
    provider_session_id: Option<String>,
    model: Option<String>,
    kind: String,
    subagent_depth: u32,
    directory: String,
    mode: String,
    verbose: bool,
    workflow_state: Workflow,
    created_at: u64,
    #[secondary_key]
    last_activity: u64,
    message_count: u64,
    total_cost: f64,
    current_turn: u64,
    human_resolved: bool,
    discovery_source: String,
}

impl From<Session> for Row {
    fn from(session: Session) -> Self {
        Self {
            id: session.id,
            channel_id: session.channel_id,
            category_id: session.category_id,
            project_name: session.project_name,
            agent_label: session.agent_label,
            provider: session.provider,
            provider_session_id: session.provider_session_id,
            model: session.model,
            kind: session.kind,
            subagent_depth: session.subagent_depth,
            directory: session.directory,
            mode: session.mode,
            verbose: session.verbose,
            workflow_state: session.workflow_state.into(),
            created_at: session.created_at,
            last_activity: session.last_activity,
            message_count: session.message_count,
            total_cost: session.total_cost,
            current_turn: session.current_turn,
            human_resolved: session.human_resolved,
            discovery_source: session.discovery_source,
        }
    }
}

static MODELS: LazyLock<Result<Models, String>> = LazyLock::new(|| {
    let mut models = Models::new();
    models.define::<Row>().map_err(|error| error.to_string())?;
    Ok(models)
});

pub(crate) struct NativeDb(Database<'static>);

impl NativeDb {
    fn commit(&self, sessions: impl IntoIterator<Item = Session>) -> Outcome {
        let transaction = self.0.rw_transaction()?;
        for session in sessions {
            transaction.upsert(Row::from(session))?;
        }
        Ok(transaction.commit()?)
    }
}

impl Contender for NativeDb {
    type Held = Row;

    fn open(place: &Place) -> Outcome<Self> {
        let models = MODELS.as_ref().map_err(String::clone)?;
        let path = place.file("data.native");
        Ok(Self(if path.exists() {
            Builder::new().open(models, path)?
        } else {
            Builder::new().create(models, path)?
        }))
    }

    fn get(&self, id: &str) -> Outcome<Option<Row>> {
        Ok(self.0.r_transaction()?.get().primary(id)?)
    }

    fn unique(&self, channel: &str) -> Outcome<Option<Row>> {
        let transaction = self.0.r_transaction()?;
        Ok(transaction.get().secondary(RowKey::channel_id, channel)?)
    }

    fn index(&self, category: &str) -> Outcome<Vec<Row>> {
        let transaction = self.0.r_transaction()?;
        let scan = transaction.scan().secondary::<Row>(RowKey::category_id)?;
        Ok(scan.range(category..=category)?.collect::<Result<_, _>>()?)
    }

    fn range(&self, from: u64) -> Outcome<Vec<Row>> {
        let transaction = self.0.r_transaction()?;
        let scan = transaction.scan().secondary::<Row>(RowKey::last_activity)?;
        Ok(scan
            .range(from..)?
            .take(RANGE_LIMIT)
            .collect::<Result<_, _>>()?)
    }

    fn save_awaited(&self, session: Session) -> Outcome {
        self.commit([session])
    }

    fn batch(&self, sessions: Vec<Session>) -> Outcome {
        self.commit(sessions)
    }

    fn pair(&self, first: Session, second: Session) -> Outcome {
        self.commit([first, second])
    }
}
