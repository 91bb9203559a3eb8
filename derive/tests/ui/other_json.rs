//! The JSON is that of the struct.

use larder_derive::Record;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
struct Other {
    id: String,
}

impl From<Other> for Converted {
    fn from(other: Other) -> Self {
        Self { id: other.id }
    }
}

impl From<Converted> for Other {
    fn from(converted: Converted) -> Self {
        Self { id: converted.id }
    }
}

#[derive(Serialize, Deserialize, JsonSchema, Record)]
#[serde(transparent)]
#[record(collection = "notes")]
struct Transparent {
    #[record(id)]
    id: String,
}

#[derive(Clone, Serialize, Deserialize, JsonSchema, Record)]
#[serde(from = "Other", into = "Other")]
#[record(collection = "notes")]
struct Converted {
    #[record(id)]
    id: String,
}

fn main() {}
