//! A record expires at one time, and one thing says when.

use larder_derive::Record;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "notes", expires = Self::at)]
struct Note {
    #[record(id)]
    id: String,
    #[record(expires)]
    until: u64,
    #[record(expires, index)]
    other: Option<u64>,
}

fn main() {}
