//! A field is read under the name under which it is written.

use larder_derive::Record;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, JsonSchema, Record)]
#[serde(rename_all(serialize = "camelCase", deserialize = "snake_case"))]
#[record(collection = "notes")]
struct Rule {
    #[record(id)]
    id: String,
}

#[derive(Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "notes")]
struct Field {
    #[record(id)]
    id: String,
    #[serde(rename(serialize = "new"))]
    old: u8,
    #[serde(rename(serialize = "new_too"), alias = "new_too")]
    fine: u8,
}

fn main() {}
