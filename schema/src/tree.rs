//! Owns [`Tree`], one JSON value that borrows from its text, and the ways to look into it.
//! It does not parse (`parse.rs`) and does not validate (`validator.rs`).

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

use crate::{
    object::{Object, ObjectBuilder},
    parse::{self, ParseError},
    pointer::{self, Pointer},
};

/// How many arrays and objects may stand in one another. It is what `serde_json` reads, and
/// therefore what a record may be nested if the next load is to succeed.
pub(crate) const MAX_DEPTH: usize = 127;

/// One JSON value that borrows from the text it was parsed from.
///
/// Strings without escapes are borrowed. Numbers are as `serde_json` reads them: integers within
/// `i64` and `u64` are exact, everything else is an `f64`. No tree from [`Tree::parse`] is nested
/// deeper than 127 levels, so code that walks one may recurse.
#[derive(Clone, Debug, PartialEq)]
pub enum Tree<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, never NaN or infinite.
    Number(Number),
    /// A string, with its escapes resolved.
    String(Cow<'a, str>),
    /// An array.
    Array(Vec<Tree<'a>>),
    /// An object, in which no name stands twice.
    Object(Object<'a>),
}

impl<'a> Tree<'a> {
    /// Parses exactly one JSON value; only whitespace may stand around it.
    ///
    /// # Errors
    ///
    /// If the text is not JSON, is nested deeper than 127 levels, holds a number beyond the
    /// range of `f64`, or has an object in which one key stands twice. Two values under one key
    /// would be one after the next save, so such a text is refused rather than read.
    ///
    /// ```
    /// use larder_schema::Tree;
    ///
    /// let tree = Tree::parse(r#" {"id": "a", "tags": ["x", "y"]} "#)?;
    /// assert_eq!(tree.as_object().map(|object| object.len()), Some(2));
    ///
    /// let error = Tree::parse(r#"{"id": "a", "id": "b"}"#).unwrap_err();
    /// assert_eq!(error.duplicate_key(), Some("/id"));
    /// # Ok::<(), larder_schema::ParseError>(())
    /// ```
    pub fn parse(text: &'a str) -> Result<Tree<'a>, ParseError> {
        parse::parse(text)
    }

    /// The value at `path`, or `None` if the path leads nowhere.
    ///
    /// ```
    /// use larder_schema::{Pointer, Tree};
    ///
    /// let tree = Tree::parse(r#"{"tags": ["x", "y"]}"#)?;
    /// let second = tree.pointer(&Pointer::parse("/tags/1")?);
    /// assert_eq!(second.and_then(Tree::as_str), Some("y"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn pointer(&self, path: &Pointer) -> Option<&Tree<'a>> {
        path.segments()
            .iter()
            .try_fold(self, |tree, segment| match tree {
                Tree::Object(object) => object.get(segment),
                Tree::Array(items) => items.get(pointer::array_index(segment)?),
                _ => None,
            })
    }

    /// The text, if this is a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Tree::String(text) => Some(text),
            _ => None,
        }
    }

    /// The truth value, if this is one.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Tree::Bool(truth) => Some(*truth),
            _ => None,
        }
    }

    /// The number, if this is one.
    #[must_use]
    pub fn as_number(&self) -> Option<&Number> {
        match self {
            Tree::Number(number) => Some(number),
            _ => None,
        }
    }

    /// The items, if this is an array.
    #[must_use]
    pub fn as_array(&self) -> Option<&[Tree<'a>]> {
        match self {
            Tree::Array(items) => Some(items),
            _ => None,
        }
    }

    /// The members, if this is an object.
    #[must_use]
    pub fn as_object(&self) -> Option<&Object<'a>> {
        match self {
            Tree::Object(object) => Some(object),
            _ => None,
        }
    }

    /// Whether this is `null`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Tree::Null)
    }

    /// What JSON calls a value of this kind, for messages that must not show the value itself.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Tree::Null => "null",
            Tree::Bool(_) => "boolean",
            Tree::Number(_) => "number",
            Tree::String(_) => "string",
            Tree::Array(_) => "array",
            Tree::Object(_) => "object",
        }
    }

    /// The same value, owned.
    ///
    /// ```
    /// use larder_schema::Tree;
    /// use serde_json::json;
    ///
    /// let tree = Tree::parse(r#"{"n": 18446744073709551615}"#)?;
    /// assert_eq!(tree.to_value(), json!({"n": u64::MAX}));
    /// # Ok::<(), larder_schema::ParseError>(())
    /// ```
    #[must_use]
    pub fn to_value(&self) -> Value {
        match self {
            Tree::Null => Value::Null,
            Tree::Bool(truth) => Value::Bool(*truth),
            Tree::Number(number) => Value::Number(number.clone()),
            Tree::String(text) => Value::String(text.clone().into_owned()),
            Tree::Array(items) => Value::Array(items.iter().map(Tree::to_value).collect()),
            Tree::Object(object) => Value::Object(
                object
                    .iter()
                    .map(|(key, value)| (key.to_owned(), value.to_value()))
                    .collect::<Map<_, _>>(),
            ),
        }
    }

    /// The tree of a value in memory, or the path to where it is nested deeper than could be
    /// read back. The bound also keeps this walk from overflowing the stack.
    pub(crate) fn of_value(value: &'a Value) -> Result<Tree<'a>, String> {
        of_value(value, MAX_DEPTH)
    }

    /// How many values stand in this one, itself included.
    pub(crate) fn size(&self) -> usize {
        match self {
            Tree::Array(items) => 1 + items.iter().map(Tree::size).sum::<usize>(),
            Tree::Object(object) => 1 + object.iter().map(|(_, value)| value.size()).sum::<usize>(),
            _ => 1,
        }
    }
}

fn of_value(value: &Value, levels: usize) -> Result<Tree<'_>, String> {
    Ok(match value {
        Value::Null => Tree::Null,
        Value::Bool(truth) => Tree::Bool(*truth),
        Value::Number(number) => Tree::Number(number.clone()),
        Value::String(text) => Tree::String(Cow::Borrowed(text)),
        Value::Array(items) => {
            let below = levels.checked_sub(1).ok_or_else(String::new)?;
            let mut trees = Vec::with_capacity(items.len());
            for (index, item) in items.iter().enumerate() {
                trees.push(of_value(item, below).map_err(|path| format!("/{index}{path}"))?);
            }
            Tree::Array(trees)
        }
        Value::Object(members) => {
            let below = levels.checked_sub(1).ok_or_else(String::new)?;
            let mut object = ObjectBuilder::default();
            for (key, item) in members {
                let tree = of_value(item, below)
                    .map_err(|path| format!("/{}{path}", pointer::escaped(key)))?;
                object.push(Cow::Borrowed(key), tree);
            }
            // A map has every key once, so there is no repeated name to report.
            Tree::Object(object.finish().unwrap_or_default())
        }
    })
}
