//! A type that the derive does not know by its name.

use larder_derive::Record;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, JsonSchema)]
struct Mode(String);

#[derive(Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "notes")]
struct Note {
    #[record(id)]
    id: String,
    #[record(index, expires)]
    until: Option<Mode>,
}

fn main() {}
