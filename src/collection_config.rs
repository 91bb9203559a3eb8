//! The configuration of one collection that is known at run time only.
//!
//! Owns [`CollectionConfig`]: how a schema and indexes are written down, and the [`Collection`] that
//! is meant. The configuration of the store around it is `config.rs`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config_file::read_bounded;
use crate::{Collection, Document, Error, ErrorKind, Result};

/// A schema above this size is something else.
const MAX_SCHEMA_BYTES: u64 = 16 << 20;

/// A collection that is known at run time only.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct CollectionConfig {
    /// Where the id stands: a field, or a JSON pointer; default `id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The version of the records' form; default 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// The JSON Schema: the path of a file (from a configuration file: relative to it).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<PathBuf>,
    /// Fields with a unique index; several in brackets for a compound one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unique: Vec<IndexConfig>,
    /// Fields with an index; several in brackets for a compound one, `tags[]` for one entry per
    /// element of a list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub indexes: Vec<IndexConfig>,
}

/// The field or fields of an index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "an index is a field, or a list of fields")]
pub enum IndexConfig {
    /// One field.
    Field(String),
    /// The fields of a compound index.
    Compound(Vec<String>),
}

impl CollectionConfig {
    /// The collection of this name that is described here.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if the schema cannot be read.
    pub fn collection(&self, name: &str) -> Result<Collection<Document>> {
        let mut collection = Collection::named(name);
        if let Some(id) = &self.id {
            collection = collection.id(id);
        }
        if let Some(version) = self.version {
            collection = collection.with_version(version);
        }
        if let Some(path) = &self.schema {
            let text = read_bounded(path, MAX_SCHEMA_BYTES)?;
            let schema: Value = serde_json::from_str(&text).map_err(|error| {
                Error::new(ErrorKind::Config, "the schema is not JSON")
                    .with_path(path)
                    .with_source(error)
            })?;
            collection = collection.schema(schema);
        }
        for index in &self.unique {
            collection = match index {
                IndexConfig::Field(field) => collection.unique(field),
                IndexConfig::Compound(fields) => collection.compound_unique(&borrowed(fields)),
            };
        }
        for index in &self.indexes {
            collection = match index {
                IndexConfig::Field(field) => match field.strip_suffix("[]") {
                    Some(list) => collection.multi(list),
                    None => collection.index(field),
                },
                IndexConfig::Compound(fields) => collection.compound(&borrowed(fields)),
            };
        }
        Ok(collection)
    }
}

fn borrowed(fields: &[String]) -> Vec<&str> {
    fields.iter().map(String::as_str).collect()
}
