//! An object is no key.

use std::collections::BTreeMap;

use larder_derive::Record;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "notes")]
struct Note {
    #[record(id)]
    id: String,
    #[record(index)]
    by_name: BTreeMap<String, u8>,
}

fn main() {}
