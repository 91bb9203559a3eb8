//! Owns JSON as it is written, for tests of what must not be rewritten: the order of members and
//! the spelling of every scalar are part of it. It is a second reading of JSON on purpose, and
//! shares nothing with that of the crate.

#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a helper of tests fails like a test"
)]

use std::fmt;

use proptest::prelude::*;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Written {
    Scalar(String),
    Array(Vec<Written>),
    Object(Vec<(String, Written)>),
}

impl Written {
    pub(crate) fn parse(text: &str) -> Written {
        let text = text.trim();
        match text.as_bytes()[0] {
            b'[' => {
                let items: Vec<&RawValue> = serde_json::from_str(text).unwrap();
                Written::Array(items.iter().map(|item| Self::parse(item.get())).collect())
            }
            b'{' => {
                let Members(members) = serde_json::from_str(text).unwrap();
                Written::Object(members)
            }
            _ => Written::Scalar(text.to_owned()),
        }
    }

    pub(crate) fn scalar(text: &str) -> Written {
        Written::Scalar(text.to_owned())
    }

    pub(crate) fn members(&self) -> &[(String, Written)] {
        match self {
            Written::Object(members) => members,
            _ => &[],
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Written> {
        let mut members = self.members().iter();
        members.find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// Every place in it but the root, as segments, in the order of the text.
    pub(crate) fn places(&self) -> Vec<Vec<String>> {
        let mut found = Vec::new();
        self.gather(&mut Vec::new(), &mut found);
        found
    }

    fn gather(&self, at: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
        let below: Vec<(String, &Written)> = match self {
            Written::Scalar(_) => return,
            Written::Array(items) => {
                let items = items.iter().enumerate();
                items
                    .map(|(index, item)| (index.to_string(), item))
                    .collect()
            }
            Written::Object(members) => members
                .iter()
                .map(|(key, item)| (key.clone(), item))
                .collect(),
        };
        for (segment, item) in below {
            at.push(segment);
            found.push(at.clone());
            item.gather(at, found);
            at.pop();
        }
    }

    pub(crate) fn at_mut(&mut self, path: &[String]) -> Option<&mut Written> {
        let Some((segment, below)) = path.split_first() else {
            return Some(self);
        };
        let inner = match self {
            Written::Scalar(_) => None,
            Written::Array(items) => items.get_mut(segment.parse::<usize>().ok()?),
            Written::Object(members) => members
                .iter_mut()
                .find(|(key, _)| key == segment)
                .map(|(_, value)| value),
        };
        inner?.at_mut(below)
    }

    /// Takes out the member or item at a path.
    pub(crate) fn remove(&mut self, path: &[String]) -> Option<Written> {
        let (segment, around) = path.split_last()?;
        match self.at_mut(around)? {
            Written::Scalar(_) => None,
            Written::Array(items) => {
                let index = segment.parse::<usize>().ok()?;
                (index < items.len()).then(|| items.remove(index))
            }
            Written::Object(members) => {
                let position = members.iter().position(|(key, _)| key == segment)?;
                Some(members.remove(position).1)
            }
        }
    }
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Written::Scalar(text) => f.write_str(text),
            Written::Array(items) => {
                f.write_str("[")?;
                for (index, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if index == 0 { "" } else { "," })?;
                }
                f.write_str("]")
            }
            Written::Object(members) => {
                f.write_str("{")?;
                for (index, (key, item)) in members.iter().enumerate() {
                    let key = serde_json::Value::from(key.as_str());
                    write!(f, "{}{key}:{item}", if index == 0 { "" } else { "," })?;
                }
                f.write_str("}")
            }
        }
    }
}

struct Members(Vec<(String, Written)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        struct Each;

        impl<'de> Visitor<'de> for Each {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut source: A) -> Result<Members, A::Error> {
                let mut members: Vec<(String, Written)> = Vec::new();
                while let Some((key, value)) = source.next_entry::<String, &RawValue>()? {
                    assert!(
                        members.iter().all(|(other, _)| *other != key),
                        "a key stands twice"
                    );
                    members.push((key, Written::parse(value.get())));
                }
                Ok(Members(members))
            }
        }

        source.deserialize_map(Each)
    }
}

/// Scalars in spellings which a value in memory does not keep.
pub(crate) fn scalars() -> impl Strategy<Value = Written> {
    prop::sample::select(vec![
        "null",
        "true",
        "false",
        "0",
        "-0",
        "-0.0",
        "1",
        "1.0",
        "1e3",
        "1.50",
        "-1E-2",
        "123456789012345678901234567890",
        "18446744073709551615",
        "0.1000",
        r#""""#,
        r#""a""#,
        r#""\u0061""#,
        r#""\/""#,
        r#""é\n""#,
        r#""\ud83e\udd80""#,
    ])
    .prop_map(Written::scalar)
}

/// Any JSON, with few names, so that the same ones often meet.
pub(crate) fn any_json() -> impl Strategy<Value = Written> {
    scalars().prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Written::Array),
            members(inner).prop_map(Written::Object),
        ]
    })
}

/// Any JSON object.
pub(crate) fn any_object() -> impl Strategy<Value = Written> {
    members(any_json()).prop_map(Written::Object)
}

fn members(inner: impl Strategy<Value = Written>) -> impl Strategy<Value = Vec<(String, Written)>> {
    let names = vec![
        "a", "b", "c", "d", "e", "", "é", "x/y", "m~n", "0", "\"q\"\n",
    ];
    let count = names.len();
    let shuffled = Just(names).prop_shuffle();
    (shuffled, prop::collection::vec(inner, 0..count.min(6))).prop_map(|(names, values)| {
        let names = names.into_iter().map(str::to_owned);
        names.zip(values).collect()
    })
}
