//! Keys that are not known, or at the wrong place; all are reported at once.

use larder_derive::Record;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "notes", name(x, y), table = "t", id = "id")]
struct Note {
    #[record(id)]
    id: String,
    #[record(uniq, index)]
    a: u8,
    #[record(rename = "x")]
    b: u8,
    #[record(version = 2)]
    c: u8,
    #[record(index(a, b))]
    d: u8,
}

fn main() {}
