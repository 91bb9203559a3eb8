//! Objects of other programs, kept as they are.
//!
//! Owns [`Kept`].

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

/// A JSON object that is none of this crate's business: its fields keep their order and its numbers
/// their spelling.
///
/// ```
/// use larder_stores::Kept;
///
/// let report: Kept = serde_json::from_str(r#"{ "z": 1.0, "a": [] }"#)?;
/// assert_eq!(serde_json::to_string(&report)?, r#"{"z":1.0,"a":[]}"#);
/// let read: serde_json::Value = report.read()?;
/// assert_eq!(read["z"], 1.0);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Serialize)]
#[serde(transparent)]
pub struct Kept(Box<RawValue>);

impl Kept {
    /// Keeps a value. What is not an object is refused when the record is saved.
    ///
    /// # Errors
    ///
    /// If it cannot be written as JSON.
    pub fn new<T: Serialize + ?Sized>(value: &T) -> serde_json::Result<Self> {
        serde_json::value::to_raw_value(value).map(Self)
    }

    /// Reads it.
    ///
    /// # Errors
    ///
    /// If it is no `T`.
    pub fn read<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        serde_json::from_str(self.0.get())
    }

    /// The JSON.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.get()
    }
}

impl<'de> Deserialize<'de> for Kept {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let compact = compact(raw.get());
        let raw = RawValue::from_string(compact).map_err(serde::de::Error::custom)?;
        Ok(Self(raw))
    }
}

/// Valid JSON without what stands between its parts: a record is one line, and the file that it comes
/// from may have been written in many.
fn compact(json: &str) -> String {
    let mut in_string = false;
    let mut is_escaped = false;
    json.chars()
        .filter(|&c| {
            let is_part = in_string || !c.is_ascii_whitespace();
            match c {
                _ if is_escaped => is_escaped = false,
                '\\' => is_escaped = true,
                '"' => in_string = !in_string,
                _ => {}
            }
            is_part
        })
        .collect()
}

/// By their text: two that mean the same may differ in it.
impl PartialEq for Kept {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

/// Shows its size, not what is in it.
impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kept({} bytes)", self.as_str().len())
    }
}

impl JsonSchema for Kept {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Kept".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "type": "object" })
    }
}
