//! The collection has no default.

use larder_derive::Record;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, JsonSchema, Record)]
struct MonitorRun {
    #[record(id)]
    id: String,
}

fn main() {}
