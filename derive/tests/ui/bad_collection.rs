//! The name of a collection is one on every platform.

use larder_derive::Record;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "my notes")]
struct Space {
    #[record(id)]
    id: String,
}

#[derive(Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "2fa")]
struct Digit {
    #[record(id)]
    id: String,
}

#[derive(Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "nul")]
struct Device {
    #[record(id)]
    id: String,
}

#[derive(Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "larder_notes")]
struct Reserved {
    #[record(id)]
    id: String,
}

#[derive(Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "")]
struct Empty {
    #[record(id)]
    id: String,
}

#[derive(Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = notes)]
struct Bare {
    #[record(id)]
    id: String,
}

fn main() {}
