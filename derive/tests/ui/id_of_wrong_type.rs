//! The id is text, and always there.

use larder_derive::Record;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "notes")]
struct Optional {
    #[record(id)]
    id: Option<String>,
}

#[derive(Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "notes")]
struct Number {
    #[record(id)]
    id: u64,
}

#[derive(Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "notes")]
struct List {
    #[record(id)]
    id: Vec<String>,
}

fn main() {}
