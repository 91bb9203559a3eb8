//! A store of one backend with the two collections that take part.

use larder::prelude::*;
use larder::{AnyRepository, Query};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "sessions")]
pub(crate) struct Session {
    #[record(id)]
    pub(crate) id: String,
    #[record(unique)]
    pub(crate) channel: String,
    #[record(index)]
    pub(crate) tags: Vec<String>,
    pub(crate) turns: u32,
    #[serde(skip)]
    pub(crate) live: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "gates")]
pub(crate) struct Gate {
    #[record(id)]
    pub(crate) id: String,
    #[record(index)]
    pub(crate) session: String,
}

pub(crate) fn session(id: &str, channel: &str) -> Session {
    Session {
        id: id.into(),
        channel: channel.into(),
        tags: vec!["t".into(), channel.into()],
        turns: 0,
        live: true,
    }
}

pub(crate) fn gate(id: &str, session: &str) -> Gate {
    Gate {
        id: id.into(),
        session: session.into(),
    }
}

/// A store of one backend, with both collections open.
pub(crate) struct Setup {
    pub(crate) url: String,
    pub(crate) store: Store,
    pub(crate) sessions: AnyRepository<Session>,
    pub(crate) gates: AnyRepository<Gate>,
    dir: tempfile::TempDir,
}

impl Setup {
    pub(crate) fn new(scheme: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = match scheme {
            "json" => format!("json:{}", dir.path().display()),
            "sqlite" => format!("sqlite:{}", dir.path().join("data.db").display()),
            _ => "memory:".to_owned(),
        };
        Self::open(url, dir)
    }

    pub(crate) fn open(url: String, dir: tempfile::TempDir) -> Self {
        let store = Store::open(&url).unwrap();
        Self {
            sessions: store.repository().unwrap(),
            gates: store.repository().unwrap(),
            store,
            url,
            dir,
        }
    }

    /// Closes and opens again; a store in memory stays as it is.
    pub(crate) fn reopen(self) -> Self {
        if self.url == "memory:" {
            return self;
        }
        self.store.close().wait().unwrap();
        Self::open(self.url, self.dir)
    }

    pub(crate) fn ids(&self) -> (Vec<String>, Vec<String>) {
        let sessions = self.sessions.find(Query::all()).unwrap();
        let gates = self.gates.find(Query::all()).unwrap();
        (
            sessions.iter().map(|s| s.id.clone()).collect(),
            gates.iter().map(|g| g.id.clone()).collect(),
        )
    }

    pub(crate) fn sequence(&self) -> u64 {
        self.store.health().applied
    }
}
