//! A compound index holds no list.

use larder_derive::Record;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "notes", index(BY_TAGS = (a, tags)))]
struct Note {
    #[record(id)]
    id: String,
    a: u8,
    tags: Option<Vec<String>>,
}

fn main() {}
