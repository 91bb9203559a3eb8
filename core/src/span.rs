//! From a test to the keys that pass it: one stretch of the order of all keys.
//!
//! Owns [`Span`]. Whoever keeps keys in order walks a span in either direction and stops where it will,
//! instead of looking at every key. A list of keys is the one test that is no stretch.

use std::ops::Bound;

use crate::key::Key;
use crate::query::Test;

/// The keys between two bounds, none of which is left out.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    from: Bound<Key>,
    to: Bound<Key>,
}

impl Span {
    /// All keys.
    pub(crate) fn all() -> Self {
        Self {
            from: Bound::Unbounded,
            to: Bound::Unbounded,
        }
    }

    /// The keys that pass a test; `None` if they do not stand side by side.
    pub(crate) fn of(test: &Test) -> Option<Self> {
        let (from, to) = match test {
            Test::AnyOf(_) => return None,
            Test::Is(key) => (Bound::Included(key.clone()), Bound::Included(key.clone())),
            Test::IsNone => (Bound::Included(Key::None), Bound::Included(Key::None)),
            Test::StartsWith(prefix) => (
                Bound::Included(Key::text(prefix.as_str())),
                Key::after_prefix(prefix),
            ),
            Test::Leading(parts) => {
                let to = match parts.split_last() {
                    Some((last, before)) => {
                        let next = before.iter().cloned().chain([last.next()]);
                        Bound::Excluded(Key::Compound(next.collect()))
                    }
                    None => Bound::Unbounded,
                };
                (Bound::Included(Key::Compound(parts.as_slice().into())), to)
            }
            Test::Range(from, to) => {
                let of = |bound: &Bound<Key>| match bound {
                    Bound::Included(key) | Bound::Excluded(key) => Some(key.clone()),
                    Bound::Unbounded => None,
                };
                match (of(from), of(to)) {
                    (None, None) => (Bound::Excluded(Key::None), Bound::Unbounded),
                    (Some(low), None) => (from.clone(), low.kind_end()),
                    (None, Some(high)) => (high.kind_start(), to.clone()),
                    (Some(low), Some(high)) if low.same_kind(&high) => (from.clone(), to.clone()),
                    _ => return Some(Self::nothing()),
                }
            }
        };
        let none_in_range = matches!(test, Test::Range(..))
            && matches!(&from, Bound::Included(key) if key.is_none());
        if none_in_range {
            // No range holds none.
            return Some(Self::nothing());
        }
        Some(Self { from, to })
    }

    /// No key.
    fn nothing() -> Self {
        Self {
            from: Bound::Excluded(Key::None),
            to: Bound::Included(Key::None),
        }
    }

    /// The part from this key on, in one of the two directions.
    pub(crate) fn starting_at(mut self, key: &Key, descending: bool) -> Self {
        let bound = if descending {
            &mut self.to
        } else {
            &mut self.from
        };
        let is_beyond = match &*bound {
            Bound::Unbounded => false,
            Bound::Included(end) | Bound::Excluded(end) => {
                if descending {
                    end <= key
                } else {
                    end >= key
                }
            }
        };
        if !is_beyond {
            *bound = Bound::Included(key.clone());
        }
        self
    }

    /// The bounds; `None` if no key lies between them.
    pub(crate) fn bounds(&self) -> Option<(Bound<&Key>, Bound<&Key>)> {
        let is_empty = match (&self.from, &self.to) {
            (Bound::Included(from), Bound::Included(to)) => from > to,
            (
                Bound::Included(from) | Bound::Excluded(from),
                Bound::Included(to) | Bound::Excluded(to),
            ) => from >= to,
            _ => false,
        };
        (!is_empty).then_some((self.from.as_ref(), self.to.as_ref()))
    }
}

impl Key {
    /// The smallest key that is greater than this one.
    fn next(&self) -> Self {
        match self {
            Self::None => Self::Bool(false),
            Self::Bool(false) => Self::Bool(true),
            Self::Bool(true) => SMALLEST_NUMBER,
            Self::Int(number) => next_number(number.get()),
            Self::Float(number) => Self::float(number.next_up()).unwrap_or_else(|_| Self::text("")),
            Self::Text(text) => Self::text(format!("{}\0", &**text)),
            Self::Compound(parts) => {
                Self::Compound(parts.iter().cloned().chain([Self::None]).collect())
            }
        }
    }

    /// Where the keys of this one's kind begin.
    fn kind_start(&self) -> Bound<Self> {
        Bound::Included(match self {
            Self::None => Self::None,
            Self::Bool(_) => Self::Bool(false),
            Self::Int(_) | Self::Float(_) => SMALLEST_NUMBER,
            Self::Text(_) => Self::text(""),
            Self::Compound(_) => Self::Compound([].into()),
        })
    }

    /// Where they end.
    fn kind_end(&self) -> Bound<Self> {
        Bound::Excluded(match self {
            Self::None => Self::Bool(false),
            Self::Bool(_) => SMALLEST_NUMBER,
            Self::Int(_) | Self::Float(_) => Self::text(""),
            Self::Text(_) => Self::Compound([].into()),
            Self::Compound(_) => return Bound::Unbounded,
        })
    }

    /// The end of the texts that start with this one: it with its last character replaced by the next
    /// there is.
    fn after_prefix(prefix: &str) -> Bound<Self> {
        let mut text = prefix.to_owned();
        while let Some(last) = text.pop() {
            let mut after = last..=char::MAX;
            after.next();
            if let Some(next) = after.next() {
                text.push(next);
                return Bound::Excluded(Self::text(text));
            }
        }
        Self::text("").kind_end()
    }
}

const SMALLEST_NUMBER: Key = Key::Float(f64::MIN);

/// The first number that is no `i128`.
const BEYOND_INT: Key = Key::Float(crate::key::INT_LIMIT);

/// The whole numbers with a float between them and the next.
const BEFORE_FRACTIONS: std::ops::Range<i128> = -(1 << 52)..1 << 52;

fn next_number(number: i128) -> Key {
    if BEFORE_FRACTIONS.contains(&number) {
        #[expect(clippy::cast_precision_loss, reason = "at most 2^52: exact")]
        return Key::float((number as f64).next_up()).unwrap_or_else(|_| Key::text(""));
    }
    match number.checked_add(1) {
        Some(next) => Key::int(next),
        None => BEYOND_INT,
    }
}

#[cfg(test)]
mod tests {
    use std::ops::RangeBounds as _;

    use proptest::prelude::*;

    use super::*;

    fn scalar() -> impl Strategy<Value = Key> {
        prop_oneof![
            Just(Key::None),
            any::<bool>().prop_map(Key::Bool),
            prop_oneof![
                -3_i128..3,
                Just(1 << 52),
                Just((1 << 52) - 1),
                Just(i128::MAX),
                Just(i128::MIN)
            ]
            .prop_map(Key::int),
            prop_oneof![
                Just(0.5_f64),
                Just(-0.5),
                Just(f64::MIN),
                Just(f64::MAX),
                Just(1e300),
                Just(f64::MIN_POSITIVE),
                Just(2.5_f64),
                Just(-1e300),
            ]
            .prop_map(|float| Key::float(float).unwrap()),
            "[ab\0\u{10ffff}\u{d7ff}\u{e000}]{0,3}".prop_map(Key::text),
        ]
    }

    fn key() -> impl Strategy<Value = Key> {
        prop_oneof![
            4 => scalar(),
            1 => proptest::collection::vec(scalar(), 0..3).prop_map(|parts| Key::Compound(parts.into())),
        ]
    }

    fn bound() -> impl Strategy<Value = Bound<Key>> {
        prop_oneof![
            Just(Bound::Unbounded),
            key().prop_map(Bound::Included),
            key().prop_map(Bound::Excluded),
        ]
    }

    fn test() -> impl Strategy<Value = Test> {
        prop_oneof![
            key().prop_map(Test::Is),
            Just(Test::IsNone),
            (bound(), bound()).prop_map(|(from, to)| Test::Range(from, to)),
            "[ab\u{10ffff}\u{d7ff}]{0,2}".prop_map(Test::StartsWith),
            proptest::collection::vec(scalar(), 0..3).prop_map(Test::Leading),
        ]
    }

    fn holds(span: &Span, key: &Key) -> bool {
        span.bounds().is_some_and(|bounds| bounds.contains(key))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn a_span_holds_the_keys_that_pass_and_no_others(test in test(), keys in proptest::collection::vec(key(), 1..8)) {
            let span = Span::of(&test).unwrap();
            for key in &keys {
                prop_assert_eq!(holds(&span, key), test.matches(key), "{:?} in {:?}", key, span);
            }
        }

        #[test]
        fn the_part_from_a_key_on_loses_nothing_behind_it(
            test in test(), from in key(), key in key(), descending: bool,
        ) {
            let part = Span::of(&test).unwrap().starting_at(&from, descending);
            let is_behind = if descending { key <= from } else { key >= from };
            prop_assert_eq!(holds(&part, &key), is_behind && test.matches(&key));
        }

        #[test]
        fn equal_keys_have_equal_hashes(a in key(), b in key()) {
            use std::hash::{BuildHasher as _, RandomState};
            let state = RandomState::new();
            prop_assert!(a != b || state.hash_one(&a) == state.hash_one(&b));
        }
    }
}
