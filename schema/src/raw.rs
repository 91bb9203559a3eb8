//! Owns taking a JSON text apart into the raw texts of its members or items, and putting such
//! texts together again, so that whatever is not touched stays as it was written: the order of
//! fields, the spelling of numbers. It does not judge a text: those that get here are known to
//! be JSON, and one that is not is taken for a scalar.

use std::{
    borrow::{Borrow, Cow},
    collections::HashSet,
    fmt,
};

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::pointer;

/// One member of an object, as it is written.
#[derive(Clone, Debug)]
pub(crate) struct Member<'t> {
    /// The name, with its escapes resolved.
    pub(crate) name: Cow<'t, str>,
    /// The name as it is written, with its quotes.
    pub(crate) raw_name: Cow<'t, str>,
    /// The text of the value, without whitespace around it.
    pub(crate) value: Cow<'t, str>,
}

impl Member<'static> {
    /// A member that stood nowhere yet.
    pub(crate) fn new(name: &str, value: String) -> Self {
        Self {
            name: Cow::Owned(name.to_owned()),
            raw_name: Cow::Owned(serde_json::Value::from(name).to_string()),
            value: Cow::Owned(value),
        }
    }
}

/// The parts of one JSON text, each with the whitespace that stands inside it and none around it.
#[derive(Clone, Debug)]
pub(crate) enum Raw<'t> {
    Object(Vec<Member<'t>>),
    Array(Vec<Cow<'t, str>>),
    Scalar,
}

impl<'t> Raw<'t> {
    pub(crate) fn of(text: &'t str) -> Raw<'t> {
        let begin = text.trim_start_matches([' ', '\t', '\n', '\r']);
        let parts = if begin.starts_with('{') {
            serde_json::from_str(text).map(|Members(members)| Raw::Object(members))
        } else if begin.starts_with('[') {
            serde_json::from_str(text).map(|Items(items)| Raw::Array(items))
        } else {
            return Raw::Scalar;
        };
        parts.unwrap_or(Raw::Scalar)
    }
}

/// An object of these members, with no whitespace but what stands inside of them.
pub(crate) fn object<'m>(members: &[impl Borrow<Member<'m>>]) -> String {
    let mut text = String::from("{");
    for (index, member) in members.iter().map(Borrow::borrow).enumerate() {
        text.push_str(if index == 0 { "" } else { "," });
        text.push_str(&member.raw_name);
        text.push(':');
        text.push_str(&member.value);
    }
    text.push('}');
    text
}

/// An array of these items, with no whitespace but what stands inside of them.
pub(crate) fn array(items: &[Cow<'_, str>]) -> String {
    let mut text = String::from("[");
    for (index, item) in items.iter().enumerate() {
        text.push_str(if index == 0 { "" } else { "," });
        text.push_str(item);
    }
    text.push(']');
    text
}

/// The text of the value at a path, or `None` if it leads nowhere.
pub(crate) fn at<'t>(text: &'t str, path: &[String]) -> Option<&'t str> {
    path.iter().try_fold(text, |text, segment| {
        let part = match Raw::of(text) {
            Raw::Object(members) => members
                .into_iter()
                .find(|member| member.name == *segment)
                .map(|member| member.value),
            Raw::Array(items) => items.into_iter().nth(pointer::array_index(segment)?),
            Raw::Scalar => None,
        };
        match part? {
            Cow::Borrowed(text) => Some(text),
            Cow::Owned(_) => None,
        }
    })
}

/// What is done to members of one object, or to items of one array.
#[derive(Clone, Debug)]
pub(crate) enum Edit<'e> {
    /// All of these go.
    Remove(&'e [String]),
    /// The value becomes a text; a member that is not there yet comes last in its object.
    Put(&'e str, &'e str),
}

/// A text after an edit.
pub(crate) struct Edited {
    pub(crate) text: String,
    /// Whether it was items of an array that were edited.
    pub(crate) is_array: bool,
}

/// `text` with one edit in the object or array at a path, or `None` if there is no such place.
pub(crate) fn edited(text: &str, path: &[String], edit: &Edit<'_>) -> Option<Edited> {
    let Some((segment, below)) = path.split_first() else {
        return edited_here(text, edit);
    };
    match Raw::of(text) {
        Raw::Object(mut members) => {
            let member = members.iter_mut().find(|member| member.name == *segment)?;
            let inner = edited(&member.value, below, edit)?;
            member.value = Cow::Owned(inner.text);
            Some(Edited {
                text: object(&members),
                ..inner
            })
        }
        Raw::Array(mut items) => {
            let item = items.get_mut(pointer::array_index(segment)?)?;
            let inner = edited(item, below, edit)?;
            *item = Cow::Owned(inner.text);
            Some(Edited {
                text: array(&items),
                ..inner
            })
        }
        Raw::Scalar => None,
    }
}

fn edited_here(text: &str, edit: &Edit<'_>) -> Option<Edited> {
    match Raw::of(text) {
        Raw::Object(mut members) => {
            match edit {
                Edit::Remove(names) => {
                    let names: HashSet<&str> = names.iter().map(|name| &**name).collect();
                    let before = members.len();
                    members.retain(|member| !names.contains(&*member.name));
                    if before - members.len() != names.len() {
                        return None;
                    }
                }
                Edit::Put(name, value) => {
                    match members.iter_mut().find(|member| member.name == *name) {
                        Some(member) => member.value = Cow::Borrowed(value),
                        None => members.push(Member::new(name, (*value).to_owned())),
                    }
                }
            }
            Some(Edited {
                text: object(&members),
                is_array: false,
            })
        }
        Raw::Array(mut items) => {
            match edit {
                Edit::Remove(segments) => {
                    let indices = segments.iter().map(|segment| pointer::array_index(segment));
                    let indices: HashSet<usize> = indices.collect::<Option<_>>()?;
                    let before = items.len();
                    let mut index = 0..;
                    items.retain(|_| index.next().is_none_or(|index| !indices.contains(&index)));
                    if before - items.len() != indices.len() {
                        return None;
                    }
                }
                Edit::Put(segment, value) => {
                    *items.get_mut(pointer::array_index(segment)?)? = Cow::Borrowed(value);
                }
            }
            Some(Edited {
                text: array(&items),
                is_array: true,
            })
        }
        Raw::Scalar => None,
    }
}

struct Members<'t>(Vec<Member<'t>>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        struct Parts;

        impl<'de> Visitor<'de> for Parts {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut source: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((name, value)) = source.next_entry::<&RawValue, &RawValue>()? {
                    let raw_name = name.get();
                    members.push(Member {
                        name: unescaped(raw_name).map_err(serde::de::Error::custom)?,
                        raw_name: Cow::Borrowed(raw_name),
                        value: Cow::Borrowed(value.get()),
                    });
                }
                Ok(Members(members))
            }
        }

        source.deserialize_map(Parts)
    }
}

struct Items<'t>(Vec<Cow<'t, str>>);

impl<'de> Deserialize<'de> for Items<'de> {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        struct Parts;

        impl<'de> Visitor<'de> for Parts {
            type Value = Items<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut source: A) -> Result<Self::Value, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = source.next_element::<&RawValue>()? {
                    items.push(Cow::Borrowed(item.get()));
                }
                Ok(Items(items))
            }
        }

        source.deserialize_seq(Parts)
    }
}

fn unescaped(raw_name: &str) -> Result<Cow<'_, str>, serde_json::Error> {
    let inner = raw_name.get(1..raw_name.len().saturating_sub(1));
    match inner {
        Some(inner) if !inner.contains('\\') => Ok(Cow::Borrowed(inner)),
        _ => serde_json::from_str(raw_name).map(Cow::Owned),
    }
}

#[cfg(test)]
mod tests {
    use super::{Edit, Raw, array, at, edited, object};
    use crate::pointer::Pointer;

    fn path(text: &str) -> Vec<String> {
        Pointer::parse(text).unwrap().segments().to_vec()
    }

    #[test]
    fn what_is_taken_apart_is_put_together_as_it_was() {
        let text = r#"{"b":1e3,"\u0061\n":[1.0, {"x":null}],"":"é\u00e9"}"#;
        let Raw::Object(members) = Raw::of(text) else {
            panic!("an object");
        };
        let names: Vec<_> = members.iter().map(|member| &*member.name).collect();
        assert_eq!(names, ["b", "a\n", ""]);
        assert_eq!(object(&members), text);
        let text = r#"[123456789012345678901234567890,"a,b",[],{}]"#;
        let Raw::Array(items) = Raw::of(text) else {
            panic!("an array");
        };
        assert_eq!(items.len(), 4);
        assert_eq!(array(&items), text);
    }

    #[test]
    fn whitespace_stays_inside_of_values_only() {
        let text = " { \"a\" : [ 1 , 2 ] ,\n \"b\" : { } } ";
        let Raw::Object(members) = Raw::of(text) else {
            panic!("an object");
        };
        assert_eq!(object(&members), r#"{"a":[ 1 , 2 ],"b":{ }}"#);
    }

    #[test]
    fn only_the_named_place_is_edited() {
        let text = r#"{"a":{"x":1.50,"y":[1e1,2e2,3e3]},"b":0}"#;
        let put = |around: &str, name: &str, new: &str| {
            edited(text, &path(around), &Edit::Put(name, new)).map(|edited| edited.text)
        };
        let remove = |around: &str, names: &[&str]| {
            let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
            edited(text, &path(around), &Edit::Remove(&names)).map(|edited| edited.text)
        };
        assert_eq!(
            remove("/a/y", &["1", "0"]).unwrap(),
            r#"{"a":{"x":1.50,"y":[3e3]},"b":0}"#
        );
        assert_eq!(remove("", &["a"]).unwrap(), r#"{"b":0}"#);
        assert_eq!(
            put("/a", "x", "true").unwrap(),
            r#"{"a":{"x":true,"y":[1e1,2e2,3e3]},"b":0}"#
        );
        assert_eq!(
            put("/a", "z", "[]").unwrap(),
            r#"{"a":{"x":1.50,"y":[1e1,2e2,3e3],"z":[]},"b":0}"#
        );
        assert_eq!(
            put("/a/y", "2", "0").unwrap(),
            r#"{"a":{"x":1.50,"y":[1e1,2e2,0]},"b":0}"#
        );
        for (around, name) in [
            ("", "c"),
            ("/a/y", "3"),
            ("/a/y", "01"),
            ("/b", "x"),
            ("/a/z", "z"),
        ] {
            assert_eq!(remove(around, &[name]), None, "{around} {name}");
        }
        assert_eq!(put("/a/y", "3", "0"), None);
        assert_eq!(at(text, &path("/a/y/2")).unwrap(), "3e3");
        assert_eq!(at(text, &path("/a/q")), None);
    }
}
