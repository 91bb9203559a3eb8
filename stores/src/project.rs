//! Projects: the shortest complete store. To make one of your own, copy it.
use crate::{Kept, Options, Result};
use larder::{AnyRepository, Record, RepositoryExt as _, Store};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc};

/// A directory that agents work in, with what they are told there and the tools they have.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema, Record)]
#[serde(rename_all = "camelCase")]
#[record(collection = "projects")]
#[expect(missing_docs, reason = "the fields are called what they are")]
pub struct Project {
    #[record(id)]
    pub id: String,
    #[record(unique)]
    pub name: String,
    #[record(unique)]
    pub path: String,
    #[record(index)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discord_category_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discord_category_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub history_channel_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub control_channel_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub personality: Option<String>,
    pub skills: BTreeMap<String, String>,
    pub mcp_servers: Vec<Kept>,
    pub created_at: u64,
    pub updated_at: u64,
}

/// The projects of a store. No two have one name or one path: `UniqueViolation` says who has it.
#[derive(Clone, Debug)]
pub struct Projects {
    /// For everything else: to find (`Project::NAME.is("atlas")`), to remove, to listen.
    pub repository: AnyRepository<Project>,
    options: Options,
}

#[expect(clippy::missing_errors_doc, reason = "told above, and else Larder's")]
impl Projects {
    /// Opens the collection, which is made if it is not there.
    pub fn open(store: &Store, options: Options) -> Result<Self> {
        let repository = store.repository()?;
        Ok(Self {
            repository,
            options,
        })
    }

    /// A new project. When it is given, it survives a loss of power.
    pub fn register(&self, name: &str, path: &str) -> Result<Arc<Project>> {
        let now = self.options.clock.now();
        let project = Project {
            id: format!("project_{now}_{}", self.options.ids.suffix()),
            name: name.to_owned(),
            path: path.to_owned(),
            created_at: now,
            updated_at: now,
            ..Project::default()
        };
        Ok(self.repository.insert(project)?.wait()?)
    }

    /// Changes a project and gives it, as durable; `None` if there is none with this id.
    pub fn update(&self, id: &str, change: impl Fn(&mut Project)) -> Result<Option<Arc<Project>>> {
        let write = self.repository.update(id, |project| {
            change(project);
            project.updated_at = self.options.clock.now();
        })?;
        Ok(write.wait()?)
    }
}
