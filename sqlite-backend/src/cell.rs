//! Keys as values of columns.
//!
//! Owns [`Cell`] (a value on its way into SQLite) and [`Kind`] (what a column holds). A column of a
//! kind holds keys in the form in which people query them: text as text, numbers as numbers, `true`
//! as 1. A column of any kind holds what SQLite cannot tell apart or compare as it must be as bytes
//! that are equal if the keys are, and are in no order; see [`Kind::Any`].

use larder_core::{Key, KeyText};
use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, ValueRef};

/// A value of a column.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    Null,
    Integer(i64),
    Real(f64),
    Text(KeyText),
    Bytes(Box<[u8]>),
}

impl Cell {
    pub(crate) fn text(text: impl Into<KeyText>) -> Self {
        Self::Text(text.into())
    }

    /// The key "none" in the table of a list, whose keys are never null.
    pub(crate) fn none_of_list() -> Self {
        Self::Bytes(Box::default())
    }

    fn as_value(&self) -> ValueRef<'_> {
        match self {
            Self::Null => ValueRef::Null,
            Self::Integer(value) => ValueRef::Integer(*value),
            Self::Real(value) => ValueRef::Real(*value),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }
    }

    /// Whether a column holds this already.
    pub(crate) fn is(&self, value: ValueRef<'_>) -> bool {
        self.as_value() == value
    }
}

impl ToSql for Cell {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(self.as_value()))
    }
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Text, or null.
    Text,
    /// Whole numbers of 64 bits, or null.
    Integer,
    /// 0 and 1 for `false` and `true`, or null.
    Boolean,
    /// Floats, or null.
    Real,
    /// Text, whole numbers of 64 bits, floats and null as they are. Booleans, other whole numbers and
    /// compound keys as bytes, which come after everything else: a column in which there are some
    /// has no order that means anything.
    Any,
}

/// 2^53: up to here every whole number is a float.
const EXACT: i128 = 1 << 53;

impl Kind {
    /// The type in SQL.
    pub(crate) fn sql(self) -> &'static str {
        match self {
            Self::Text => "TEXT",
            Self::Integer | Self::Boolean => "INTEGER",
            Self::Real => "REAL",
            Self::Any => "ANY",
        }
    }

    /// The name under which the kind is kept.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Boolean => "boolean",
            Self::Real => "real",
            Self::Any => "any",
        }
    }

    /// The kind of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        [
            Self::Text,
            Self::Integer,
            Self::Boolean,
            Self::Real,
            Self::Any,
        ]
        .into_iter()
        .find(|kind| kind.name() == name)
    }

    /// The key as a value of such a column; `None` if such a column cannot hold it.
    pub(crate) fn cell(self, key: &Key) -> Option<Cell> {
        match (self, key) {
            (_, Key::None) => Some(Cell::Null),
            (Self::Text | Self::Any, Key::Text(text)) => Some(Cell::Text(text.clone())),
            (Self::Boolean, Key::Bool(value)) => Some(Cell::Integer(i64::from(*value))),
            (Self::Integer | Self::Any, Key::Int(int)) => match i64::try_from(int.get()) {
                Ok(int) => Some(Cell::Integer(int)),
                Err(_) if self == Self::Integer => None,
                Err(_) => Some(exact_float(int.get()).map_or_else(|| bytes(key), Cell::Real)),
            },
            (Self::Real, Key::Int(int)) => exact_float(int.get()).map(Cell::Real),
            (Self::Real | Self::Any, Key::Float(float)) => Some(Cell::Real(*float)),
            (Self::Any, _) => Some(bytes(key)),
            _ => None,
        }
    }
}

/// The float that is exactly this number, if there is one.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "compared with what went in"
)]
fn exact_float(int: i128) -> Option<f64> {
    let float = int as f64;
    // A cast back saturates, and the largest number is no float.
    let exact = int.abs() <= EXACT || (float as i128 == int && int != i128::MAX);
    exact.then_some(float)
}

/// Bytes that are equal if the keys are. Never empty.
fn bytes(key: &Key) -> Cell {
    let mut out = Vec::new();
    write(key, &mut out);
    Cell::Bytes(out.into())
}

fn write(key: &Key, out: &mut Vec<u8>) {
    match key {
        Key::None => out.push(0),
        Key::Bool(value) => out.extend([1, u8::from(*value)]),
        Key::Int(int) => {
            out.push(2);
            out.extend(int.get().to_be_bytes());
        }
        Key::Float(float) => {
            out.push(3);
            out.extend(float.to_bits().to_be_bytes());
        }
        Key::Text(text) => {
            out.push(4);
            out.extend((text.len() as u64).to_be_bytes());
            out.extend(text.as_bytes());
        }
        Key::Compound(parts) => {
            out.push(5);
            out.extend((parts.len() as u64).to_be_bytes());
            parts.iter().for_each(|part| write(part, out));
        }
        // Keys of a kind that this version does not know: equal if they are written alike.
        other => {
            out.push(255);
            out.extend(format!("{other:?}").as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_column_of_any_kind_holds_every_key_and_tells_them_apart() {
        let keys = [
            Key::Bool(false),
            Key::Bool(true),
            Key::int(0),
            Key::int(1),
            Key::int(i64::MAX),
            Key::int(u64::MAX),
            Key::int(u64::MAX - 1),
            Key::int(1_i128 << 64),
            Key::int(i128::MAX),
            Key::int(i128::MAX - 1),
            Key::float(0.5).unwrap(),
            Key::float(1e300).unwrap(),
            Key::text("1"),
            Key::text(""),
            Key::Compound(Arc::new([Key::text("a"), Key::None])),
            Key::Compound(Arc::new([Key::text("a"), Key::text("")])),
        ];
        let cells: Vec<Cell> = keys
            .iter()
            .map(|key| Kind::Any.cell(key).unwrap())
            .collect();
        for (i, a) in cells.iter().enumerate() {
            for (j, b) in cells.iter().enumerate() {
                assert_eq!(a == b, i == j, "{:?} and {:?}", keys[i], keys[j]);
            }
        }
        assert_eq!(cells[7], Cell::Real(18_446_744_073_709_551_616.0));
        assert!(matches!(cells[5], Cell::Bytes(_)));
    }

    #[test]
    fn a_column_of_a_kind_holds_no_other() {
        assert_eq!(Kind::Boolean.cell(&Key::int(1)), None);
        assert_eq!(Kind::Boolean.cell(&Key::Bool(true)), Some(Cell::Integer(1)));
        assert_eq!(Kind::Text.cell(&Key::int(1)), None);
        assert_eq!(Kind::Integer.cell(&Key::int(u64::MAX)), None);
        assert_eq!(Kind::Integer.cell(&Key::float(0.5).unwrap()), None);
        assert_eq!(Kind::Real.cell(&Key::int(3)), Some(Cell::Real(3.0)));
        assert_eq!(Kind::Real.cell(&Key::int((1_i64 << 53) + 1)), None);
        for kind in ["text", "integer", "boolean", "real", "any"] {
            assert_eq!(Kind::named(kind).unwrap().name(), kind);
        }
    }
}
