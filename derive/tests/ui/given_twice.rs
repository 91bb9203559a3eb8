//! A key is given once.

use larder_derive::Record;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "notes", collection = "others", version = 1, version = 2)]
struct Note {
    #[record(id)]
    id: String,
    #[record(index, index)]
    a: u8,
}

fn main() {}
