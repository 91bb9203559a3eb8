//! Each handle has a name of its own.

use larder_derive::Record;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "notes", index(BY_PLACE = (a, id)), index(BOTH = (a, id)))]
struct Note {
    #[record(id)]
    id: String,
    #[record(index)]
    by_place: u8,
    a: u8,
    camel_case: u8,
    #[allow(non_snake_case)]
    camelCase: u8,
    #[serde(rename = "BOTH")]
    #[record(index)]
    c: u8,
}

fn main() {}
