//! A record has one id.

use larder_derive::Record;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "notes")]
struct Note {
    #[record(id)]
    id: String,
    #[record(id)]
    other: String,
}

fn main() {}
