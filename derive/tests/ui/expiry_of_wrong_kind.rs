//! What cannot be a time by its name, or has no handle.

use larder_derive::Record;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "notes", expires)]
struct Note {
    #[record(id, expires)]
    id: String,
    #[record(expires)]
    text: Option<String>,
    #[record(expires)]
    small: u32,
    #[record(expires)]
    times: Vec<u64>,
    #[record(expires)]
    system: std::time::SystemTime,
    #[record(expires, skip)]
    without_handle: u64,
    #[record(expires)]
    #[serde(skip)]
    at_run_time: u64,
    #[record(expires = "1h")]
    with_value: u64,
}

fn main() {}
