//! A record as its exact JSON text.
//!
//! Owns [`Document`]: what tools use that know no type, so that a record goes through them with its
//! field order and the spelling of its numbers unchanged.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Error as _, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::error::{Error, ErrorKind, Result};
use crate::text::compact;

/// One record as its JSON text, without the white space between tokens.
///
/// It can be kept in any collection that is described at run time. Unlike a
/// [`serde_json::Value`] it keeps the order of fields, and numbers as they were written (`1.0`,
/// `1e3`, more than 64 bits).
///
/// ```
/// use larder_core::Document;
///
/// let document = Document::parse(r#"{ "b": 1.0, "a": 1e3 }"#)?;
/// assert_eq!(document.text(), r#"{"b":1.0,"a":1e3}"#);
/// # Ok::<(), larder_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Document {
    text: Box<str>,
}

impl Document {
    /// Takes in one JSON value.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Encode`] if the text is not JSON; the message says where.
    pub fn parse(text: &str) -> Result<Self> {
        serde_json::from_str(text).map_err(|error| {
            Error::new(
                ErrorKind::Encode,
                format!(
                    "not JSON at line {}, column {}",
                    error.line(),
                    error.column()
                ),
            )
        })
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The value, for a look inside.
    #[must_use]
    pub fn value(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }
}

/// Debug shows the length only: a record may hold secrets.
impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Document({} bytes)", self.text.len())
    }
}

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(&self.text).map_err(S::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer).map_err(D::Error::custom)?;
        Ok(Self {
            text: compact(raw.get()).into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_spelling_stay() {
        let text =
            "{\n  \"z\": [1.0, 1e3,\t-0.0, 12345678901234567890123],\r\n \"a b\": \" \\\" x \" }";
        let document = Document::parse(text).unwrap();
        let wanted = r#"{"z":[1.0,1e3,-0.0,12345678901234567890123],"a b":" \" x "}"#;
        assert_eq!(document.text(), wanted);
        assert_eq!(serde_json::to_string(&document).unwrap(), wanted);
    }

    #[test]
    fn what_is_not_json_is_refused_without_its_content() {
        let error = Document::parse("{\"secret\": tru").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Encode);
        assert!(!format!("{error:?}").contains("secret"));
    }
}
