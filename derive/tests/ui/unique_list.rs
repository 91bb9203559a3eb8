//! A list cannot be unique.

use larder_derive::Record;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "notes")]
struct Note {
    #[record(id)]
    id: String,
    #[record(unique)]
    tags: Vec<String>,
}

fn main() {}
