//! All mistakes are reported at once.

use larder_derive::Record;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, JsonSchema, Record)]
#[record(version = 0, index(BY = (a, c)))]
struct Note {
    #[record(unique)]
    tags: Vec<String>,
    #[record(what)]
    a: u8,
    #[record(index, unique)]
    b: u8,
}

fn main() {}
