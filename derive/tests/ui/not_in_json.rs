//! What is not in the JSON as it is cannot be indexed.

use larder_derive::Record;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, JsonSchema)]
struct Inner {
    x: u8,
}

mod text {
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(value: &u8, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&value.to_string())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[derive(Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "notes", index(BOTH = (id, f)))]
struct Note {
    #[record(id)]
    id: String,
    #[record(index)]
    #[serde(skip)]
    a: u8,
    #[record(index)]
    #[serde(skip_serializing, default)]
    b: u8,
    #[record(unique)]
    #[serde(skip_deserializing)]
    c: u8,
    #[record(index)]
    #[serde(flatten)]
    d: Inner,
    #[record(index)]
    #[serde(with = "text")]
    #[schemars(with = "String")]
    e: u8,
    #[serde(skip)]
    f: u8,
}

fn main() {}
