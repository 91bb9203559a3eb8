//! How a compound index is written.

use larder_derive::Record;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "notes", index, unique(), index(a, id), index(BY = a))]
struct Note {
    #[record(id)]
    id: String,
    a: u8,
}

fn main() {}
