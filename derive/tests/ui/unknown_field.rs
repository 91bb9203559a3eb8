//! A compound index is over fields of the struct.

use larder_derive::Record;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "notes", index(BY_PLACE = (place, positoin)))]
struct Note {
    #[record(id)]
    id: String,
    place: u8,
}

fn main() {}
