//! A collection in the form in which it is kept beside its data.
//!
//! Owns [`Definition`], so that tools without the record type can work on a store. Making one, and a
//! collection from one, is `collection.rs`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A collection's definition in the form in which it is kept beside the data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// The version of this form: 1.
    pub larder: u32,
    /// The collection's name.
    pub collection: String,
    /// The version of the records' form.
    pub version: u32,
    /// JSON pointer of the id.
    pub id: String,
    /// The indexes.
    #[serde(default)]
    pub indexes: Vec<IndexDefinition>,
    /// The JSON Schema; null for "any object".
    #[serde(default)]
    pub schema: Value,
}

/// An index in a [`Definition`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IndexDefinition {
    /// The name.
    pub name: String,
    /// Whether at most one record may have a key.
    #[serde(default)]
    pub unique: bool,
    /// Whether there is one key per element of a list.
    #[serde(default)]
    pub multi: bool,
    /// JSON pointers of the fields; several for a compound index.
    pub fields: Vec<String>,
}
