//! A unique index is an index.

use larder_derive::Record;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "notes")]
struct Note {
    #[record(id)]
    id: String,
    #[record(unique, index)]
    a: u8,
    #[record(skip, index)]
    b: u8,
}

fn main() {}
