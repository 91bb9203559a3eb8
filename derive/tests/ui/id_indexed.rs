//! The id needs no index.

use larder_derive::Record;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "notes")]
struct Note {
    #[record(id, unique)]
    id: String,
}

fn main() {}
