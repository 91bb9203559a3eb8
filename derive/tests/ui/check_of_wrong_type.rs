//! A check is a function of the record.

use larder_derive::Record;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "notes", check = check)]
struct Note {
    #[record(id)]
    id: String,
}

fn check(_: &str) -> Result<(), larder::Violation> {
    Ok(())
}

#[derive(Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "notes", check = "check")]
struct Quoted {
    #[record(id)]
    id: String,
}

fn main() {}
