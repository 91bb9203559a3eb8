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

/// Valid JSON without the white space between its tokens; everything else stays as it is.
#[must_use]
pub fn compact(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    // White space only counts outside strings, so go from quote to quote.
    while let Some(quote) = rest.find('"') {
        let (outside, string) = rest.split_at(quote);
        out.extend(outside.chars().filter(|c| !c.is_ascii_whitespace()));
        let end = string_end(string);
        let (string, after) = string.split_at(end);
        out.push_str(string);
        rest = after;
    }
    out.extend(rest.chars().filter(|c| !c.is_ascii_whitespace()));
    out
}

/// The length of the string literal that this text begins with.
fn string_end(text: &str) -> usize {
    let mut escaped = false;
    for (position, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return position + 1,
            _ => {}
        }
    }
    text.len()
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
