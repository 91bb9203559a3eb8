//! The function for the expiry has its signature.

use larder_derive::Record;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

fn until(note: &Note) -> u64 {
    note.until
}

#[derive(Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "notes", expires = until)]
struct Note {
    #[record(id)]
    id: String,
    until: u64,
}

fn main() {}
