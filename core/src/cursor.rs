//! A place in an order, to go on from.
//!
//! Owns [`Cursor`] and its text form. It is a keyset cursor: it names the keys and the id of the
//! last record seen, not a number of rows, so records that come or go in between neither repeat
//! nor hide others.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind};
use crate::key::Key;

/// A place in the order of a query: after the record with these keys and this id.
///
/// It can be kept as text, handed to a client and parsed again. It holds the keys of a record, so
/// treat it as you treat the record.
#[derive(Clone, PartialEq)]
pub struct Cursor {
    /// Name and direction of each key, so that it is not used with another order.
    pub(crate) order: Vec<(String, bool)>,
    pub(crate) keys: Vec<Key>,
    pub(crate) id: Arc<str>,
}

/// Shows the order and the id, not the keys of a record.
impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cursor")
            .field("order", &self.order)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// The text form. Numbers as text and bits, so that nothing is rounded on the way.
#[derive(Serialize, Deserialize)]
enum KeyForm {
    #[serde(rename = "n")]
    None,
    #[serde(rename = "b")]
    Bool(bool),
    #[serde(rename = "i")]
    Int(String),
    #[serde(rename = "f")]
    Float(u64),
    #[serde(rename = "t")]
    Text(String),
    #[serde(rename = "c")]
    Compound(Vec<KeyForm>),
}

impl From<&Key> for KeyForm {
    fn from(key: &Key) -> Self {
        match key {
            Key::None => Self::None,
            Key::Bool(value) => Self::Bool(*value),
            Key::Int(value) => Self::Int(value.get().to_string()),
            Key::Float(value) => Self::Float(value.to_bits()),
            Key::Text(text) => Self::Text(text.to_string()),
            Key::Compound(parts) => Self::Compound(parts.iter().map(Self::from).collect()),
        }
    }
}

impl KeyForm {
    fn into_key(self) -> Option<Key> {
        Some(match self {
            Self::None => Key::None,
            Self::Bool(value) => Key::Bool(value),
            Self::Int(text) => Key::int(text.parse::<i128>().ok()?),
            Self::Float(bits) => Key::float(f64::from_bits(bits)).ok()?,
            Self::Text(text) => Key::text(text),
            Self::Compound(parts) => Key::Compound(
                parts
                    .into_iter()
                    .map(Self::into_key)
                    .collect::<Option<Vec<_>>>()?
                    .into(),
            ),
        })
    }
}

type CursorForm = (Vec<(String, bool)>, Vec<KeyForm>, String);

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<KeyForm> = self.keys.iter().map(KeyForm::from).collect();
        let form =
            serde_json::to_string(&(&self.order, keys, &*self.id)).map_err(|_| fmt::Error)?;
        f.write_str(&form)
    }
}

impl FromStr for Cursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let refuse = || Error::new(ErrorKind::InvalidQuery, "this is not a cursor of Larder's");
        let (order, keys, id): CursorForm = serde_json::from_str(text).map_err(|_| refuse())?;
        let keys = keys
            .into_iter()
            .map(KeyForm::into_key)
            .collect::<Option<Vec<_>>>()
            .ok_or_else(refuse)?;
        if keys.len() != order.len() {
            return Err(refuse());
        }
        Ok(Self {
            order,
            keys,
            id: id.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_its_text_form() {
        let cursor = Cursor {
            order: vec![("a".into(), false), ("b".into(), true), ("c".into(), false)],
            keys: vec![
                Key::int(i128::MIN),
                Key::float(0.1).unwrap(),
                Key::Compound(Arc::new([Key::None, Key::text("\"\n"), Key::Bool(true)])),
            ],
            id: "x".into(),
        };
        assert_eq!(cursor.to_string().parse::<Cursor>().unwrap(), cursor);
        assert!("[]".parse::<Cursor>().is_err());
    }
}
