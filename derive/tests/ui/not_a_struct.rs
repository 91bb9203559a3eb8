//! Only a struct with named fields is a record.

use larder_derive::Record;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "modes")]
enum Mode {
    On,
    Off,
}

#[derive(Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "pairs")]
struct Pair(String, u8);

#[derive(Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "units")]
struct Unit;

#[derive(Record)]
#[record(collection = "unions")]
union Union {
    id: u8,
}

fn main() {}
