//! A store as the first of four programs left it.

use std::path::PathBuf;

use larder::prelude::*;
use larder::{Collection, Document, Migrations, OnNewer, Query, StoreConfig};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// As the first program wrote it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "sessions", version = 1)]
pub(crate) struct First {
    #[record(id)]
    pub(crate) id: String,
    #[record(unique)]
    pub(crate) label: String,
    pub(crate) turns: f64,
}

/// Three versions later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "sessions", version = 4, migrations = to_fourth)]
pub(crate) struct Fourth {
    #[record(id)]
    pub(crate) id: String,
    #[record(unique)]
    pub(crate) name: String,
    #[record(index)]
    pub(crate) tags: Vec<String>,
    pub(crate) turns: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
}

pub(crate) fn to_fourth() -> Migrations {
    Migrations::new()
        .step(1, |record| {
            let fields = record.as_object_mut().ok_or("not an object")?;
            let label = fields.remove("label").ok_or("there is no label")?;
            fields.insert("name".into(), label);
            Ok(())
        })
        .step(2, |record| {
            if record["name"] == "cursed" {
                return Err("it is cursed".into());
            }
            record["tags"] = json!(["old"]);
            Ok(())
        })
        .step(3, |record| {
            let name = record["name"].as_str().ok_or("no name")?.to_uppercase();
            record["name"] = name.into();
            Ok(())
        })
}

pub(crate) struct Setup {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) scheme: &'static str,
}

impl Setup {
    pub(crate) fn new(scheme: &'static str) -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            scheme,
        }
    }

    pub(crate) fn config(&self) -> StoreConfig {
        StoreConfig::new(match self.scheme {
            "json" => format!("json:{}", self.dir.path().join("data").display()),
            _ => format!("sqlite:{}", self.dir.path().join("data.db").display()),
        })
    }

    pub(crate) fn open(&self) -> Store {
        Store::open(self.config()).unwrap()
    }

    /// A store as the first program left it.
    pub(crate) fn of_first(self) -> Self {
        let store = self.open();
        let sessions = store.repository::<First>().unwrap();
        for (id, label) in [("a", "one"), ("b", "cursed"), ("c", "three")] {
            let (id, label) = (id.into(), label.into());
            let record = First {
                id,
                label,
                turns: 1.0,
            };
            sessions.save(record).unwrap().detach();
        }
        store.close().wait().unwrap();
        self
    }

    /// The document of each record, as it is on disk.
    pub(crate) fn documents(&self) -> Vec<String> {
        let store = Store::open(self.config().read_only(true).on_newer(OnNewer::ReadOnly)).unwrap();
        let all = Collection::<Document>::named("sessions").with_version(99);
        let found = store.collection(all).unwrap().find(Query::all()).unwrap();
        found.iter().map(|it| it.text().to_owned()).collect()
    }

    /// Everything that is there, by name, with its bytes where it is a file.
    pub(crate) fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        fn walk(dir: &std::path::Path, into: &mut Vec<(PathBuf, Vec<u8>)>) {
            for entry in std::fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    walk(&path, into);
                } else if !path.to_str().unwrap().ends_with("-shm") {
                    into.push((path.clone(), std::fs::read(path).unwrap()));
                }
            }
        }
        let mut files = Vec::new();
        walk(self.dir.path(), &mut files);
        files.sort();
        files
    }
}
