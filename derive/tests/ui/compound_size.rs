//! A compound index has two to four different fields.

use larder_derive::Record;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "notes", index(ONE = (a)), unique(NONE = ()), index(FIVE = (a, b, c, d, id)), index(TWICE = (a, a)))]
struct Note {
    #[record(id)]
    id: String,
    a: u8,
    b: u8,
    c: u8,
    d: u8,
}

fn main() {}
