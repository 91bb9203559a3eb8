//! An id of a type that the derive cannot know is checked by the compiler, at its place.

use larder_derive::Record;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, JsonSchema)]
struct Key(String);

#[derive(Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "notes")]
struct Note {
    #[record(id)]
    id: Key,
}

fn main() {}
