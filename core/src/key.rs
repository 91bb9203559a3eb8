//! Index keys: what they are and how they compare, the same on every backend.
//!
//! Owns [`Key`] and its order. How a field becomes a key is in `key_encode.rs`; which argument
//! types a query accepts is in `key_arg.rs`.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde_json::Value;

use crate::key_text::KeyText;

/// One key of an index: what serde writes for the field, as far as it can be compared.
///
/// Keys are ordered: none, then `false` and `true`, then numbers by value (`1` and `1.0` are the
/// same key, integers and floats are compared exactly), then text bytewise, then compound keys
/// component by component. Every backend uses this order.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Key {
    /// `null`, or a field that is not there.
    None,
    /// A boolean.
    Bool(bool),
    /// A whole number, however it was written.
    Int(Whole),
    /// A number with a fraction, or beyond the range of [`Key::Int`]. Never NaN, never infinite,
    /// never a whole number in the range of `Int`.
    Float(f64),
    /// Text.
    Text(KeyText),
    /// The components of a compound key.
    Compound(Arc<[Key]>),
}

/// A whole number of up to 127 bits.
///
/// Two words and not an `i128`, whose alignment would make every key a third larger; and there are
/// as many keys as records and indexes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Whole {
    high: i64,
    low: u64,
}

impl Whole {
    /// The number.
    #[must_use]
    pub fn get(self) -> i128 {
        (i128::from(self.high) << 64) | i128::from(self.low)
    }
}

impl From<i128> for Whole {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the number is cut into its two halves"
    )]
    fn from(number: i128) -> Self {
        Self {
            high: (number >> 64) as i64,
            low: number as u64,
        }
    }
}

impl fmt::Debug for Whole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

/// Why a value cannot be a key. The message holds no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyError {
    message: &'static str,
}

impl KeyError {
    pub(crate) const fn new(message: &'static str) -> Self {
        Self { message }
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message)
    }
}

impl std::error::Error for KeyError {}

/// 2^127: the first magnitude that an `i128` cannot hold.
pub(crate) const INT_LIMIT: f64 = 170_141_183_460_469_231_731_687_303_715_884_105_728.0;

impl Key {
    /// A key of text.
    pub fn text(text: impl Into<KeyText>) -> Self {
        Self::Text(text.into())
    }

    /// A key of a whole number.
    pub fn int(number: impl Into<i128>) -> Self {
        Self::Int(number.into().into())
    }

    /// A key of a float: whole numbers become [`Key::Int`], so that `1` and `1.0` are one key.
    ///
    /// # Errors
    ///
    /// NaN and the infinities are no keys: JSON cannot hold them.
    pub fn float(value: f64) -> Result<Self, KeyError> {
        if !value.is_finite() {
            return Err(KeyError::new("NaN and infinite numbers cannot be keys"));
        }
        Ok(whole(value).map_or(Self::Float(value), Self::int))
    }

    /// The key of a JSON value.
    ///
    /// # Errors
    ///
    /// A list or an object is no key. (A list under a multi-valued index is taken apart before.)
    pub fn from_json(value: &Value) -> Result<Self, KeyError> {
        match value {
            Value::Null => Ok(Self::None),
            Value::Bool(value) => Ok(Self::Bool(*value)),
            Value::String(text) => Ok(Self::text(text.as_str())),
            Value::Number(number) => {
                if let Some(value) = number.as_u64() {
                    Ok(Self::int(value))
                } else if let Some(value) = number.as_i64() {
                    Ok(Self::int(value))
                } else {
                    Self::float(number.as_f64().unwrap_or(f64::NAN))
                }
            }
            Value::Array(_) => Err(KeyError::new("a list cannot be a key of this index")),
            Value::Object(_) => Err(KeyError::new("an object cannot be a key")),
        }
    }

    /// Whether this is the key of a field that holds nothing.
    #[must_use]
    pub fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// Whether a unique index enforces this key: none is not, and neither is a compound key with
    /// a component that is none (as in SQL).
    #[must_use]
    pub fn is_enforced(&self) -> bool {
        match self {
            Self::None => false,
            Self::Compound(parts) => parts.iter().all(Self::is_enforced),
            _ => true,
        }
    }

    /// Whether both are text, both numbers, and so on: only then does a range compare them.
    pub(crate) fn same_kind(&self, other: &Self) -> bool {
        self.rank() == other.rank()
    }

    fn rank(&self) -> u8 {
        match self {
            Self::None => 0,
            Self::Bool(_) => 1,
            Self::Int(_) | Self::Float(_) => 2,
            Self::Text(_) => 3,
            Self::Compound(_) => 4,
        }
    }

    /// The key as JSON, for reports and cursors. A whole number beyond JSON's integers becomes a
    /// float.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match self {
            Self::None => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Int(value) => match (u64::try_from(value.get()), i64::try_from(value.get())) {
                (Ok(value), _) => Value::from(value),
                (_, Ok(value)) => Value::from(value),
                #[expect(clippy::cast_precision_loss, reason = "documented; beyond 64 bits")]
                _ => Value::from(value.get() as f64),
            },
            Self::Float(value) => Value::from(*value),
            Self::Text(text) => Value::from(&**text),
            Self::Compound(parts) => Value::Array(parts.iter().map(Self::to_json).collect()),
        }
    }
}

/// The whole number that this float is, if it is one in the range of an `i128`.
fn whole(value: f64) -> Option<i128> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "whole, from -2^127 to below 2^127: exact"
    )]
    (value.fract() == 0.0 && (-INT_LIMIT..INT_LIMIT).contains(&value)).then_some(value as i128)
}

/// Compares an integer with a float that is not a whole number in the integer's range.
fn compare_int_float(int: i128, float: f64) -> Ordering {
    if float >= INT_LIMIT {
        return Ordering::Less;
    }
    if float < -INT_LIMIT {
        return Ordering::Greater;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a floor within the range: exact"
    )]
    let floor = float.floor() as i128;
    // The float lies strictly between its floor and the next integer.
    if int <= floor {
        Ordering::Less
    } else {
        Ordering::Greater
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
            (Self::Int(a), Self::Int(b)) => a.cmp(b),
            // Never NaN, and never -0.0 (which is a whole number): total_cmp is the numeric order.
            (Self::Float(a), Self::Float(b)) => a.total_cmp(b),
            (Self::Int(a), Self::Float(b)) => compare_int_float(a.get(), *b),
            (Self::Float(a), Self::Int(b)) => compare_int_float(b.get(), *a).reverse(),
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Compound(a), Self::Compound(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Key {}

/// Equal keys have equal hashes.
impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.rank().hash(state);
        match self {
            Self::None => {}
            Self::Bool(value) => value.hash(state),
            Self::Int(number) => number.hash(state),
            Self::Float(value) => value.to_bits().hash(state),
            Self::Text(text) => text.hash(state),
            Self::Compound(parts) => parts.hash(state),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn float(value: f64) -> Key {
        Key::float(value).expect("finite")
    }

    #[test]
    fn numbers_compare_by_value_and_exactly() {
        let ascending = [
            float(-1e300),
            Key::int(i128::MIN),
            Key::int(-2),
            float(-1.5),
            Key::int(-1),
            float(-0.5),
            float(-0.0),
            float(0.5),
            Key::int(1),
            Key::int(9_007_199_254_740_993_i64),
            Key::int(9_007_199_254_740_994_i64),
            float(1e300),
        ];
        for (i, a) in ascending.iter().enumerate() {
            for (j, b) in ascending.iter().enumerate() {
                assert_eq!(a.cmp(b), i.cmp(&j), "{a:?} against {b:?}");
            }
        }
        assert_eq!(float(1.0), Key::int(1));
        assert_eq!(float(-0.0), Key::int(0));
    }

    #[test]
    fn a_key_is_three_words() {
        assert_eq!(size_of::<Key>(), 3 * size_of::<usize>());
        for number in [
            0,
            -1,
            1,
            i128::MIN,
            i128::MAX,
            1 << 64,
            -(1 << 64),
            i128::from(u64::MAX),
        ] {
            assert_eq!(Whole::from(number).get(), number);
        }
    }

    #[test]
    fn kinds_are_ordered_and_text_is_bytewise() {
        let ascending = [
            Key::None,
            Key::Bool(false),
            Key::Bool(true),
            Key::int(7),
            Key::text(""),
            Key::text("B"),
            Key::text("a"),
            Key::text("é"),
            Key::Compound(Arc::new([Key::int(1)])),
            Key::Compound(Arc::new([Key::int(1), Key::None])),
        ];
        assert!(ascending.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn not_a_number_is_no_key() {
        assert!(Key::float(f64::NAN).is_err());
        assert!(Key::float(f64::INFINITY).is_err());
    }
}
