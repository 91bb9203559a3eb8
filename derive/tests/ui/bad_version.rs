//! Versions are numbers from 1.

use larder_derive::Record;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "notes", version = 0)]
struct Zero {
    #[record(id)]
    id: String,
}

#[derive(Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "notes", version = 4294967296)]
struct Large {
    #[record(id)]
    id: String,
}

#[derive(Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "notes", version = "2")]
struct Text {
    #[record(id)]
    id: String,
}

fn main() {}
