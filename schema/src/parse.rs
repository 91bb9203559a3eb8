//! Owns reading a JSON text into a [`Tree`], and [`ParseError`]. It does not say what a tree is
//! (`tree.rs`), and it leaves the grammar of JSON to `serde_json`.

use std::{borrow::Cow, fmt};

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, error::Category};

use crate::{
    object::ObjectBuilder,
    pointer,
    text::Bounded,
    tree::{MAX_DEPTH, Tree},
};

/// The longest pointer that a message shows, in bytes.
const MAX_SHOWN: usize = 200;

/// A text that is not one JSON value, or not one that a store can keep faithfully.
///
/// The message never holds a value of the text, because values may be secrets. It names the key
/// that stands twice, if that is what is wrong.
///
/// ```
/// use larder_schema::Tree;
///
/// let error = Tree::parse("{\n  \"id\": oops\n}").unwrap_err();
/// assert_eq!((error.line(), error.column()), (2, 9));
/// assert_eq!(error.to_string(), "line 2, column 9: expected value");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    line: usize,
    column: usize,
    message: String,
    duplicate_key: Option<String>,
}

impl ParseError {
    /// The line of the text, from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }

    /// The byte within the line, from 1: the one at which reading stopped. A key that stands
    /// twice may be noticed only at the end of its object.
    #[must_use]
    pub fn column(&self) -> usize {
        self.column
    }

    /// What is wrong, without a place and without a value of the text.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The JSON pointer to the key that stands twice in one object, if that is what is wrong.
    #[must_use]
    pub fn duplicate_key(&self) -> Option<&str> {
        self.duplicate_key.as_deref()
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            line,
            column,
            message,
            ..
        } = self;
        write!(f, "line {line}, column {column}: {message}")
    }
}

impl std::error::Error for ParseError {}

pub(crate) fn parse(text: &str) -> Result<Tree<'_>, ParseError> {
    let mut duplicate = Duplicate::default();
    let mut source = serde_json::Deserializer::from_str(text);
    let read = Seed(&mut duplicate).deserialize(&mut source);
    read.and_then(|tree| source.end().map(|()| tree))
        .map_err(|error| explained(&error, duplicate))
}

fn explained(error: &serde_json::Error, duplicate: Duplicate) -> ParseError {
    let duplicate_key = duplicate.into_pointer();
    let message = match (&duplicate_key, error.classify()) {
        (Some(pointer), _) => {
            format!("the key {} stands twice", Bounded::show(MAX_SHOWN, pointer))
        }
        (None, Category::Syntax | Category::Eof) => {
            // These texts of serde_json are constants, followed by the place. Only errors of
            // category `Data` may quote the input.
            let whole = error.to_string();
            match whole
                .split_once(" at line ")
                .map_or(&*whole, |(what, _)| what)
            {
                "recursion limit exceeded" => format!("nested deeper than {MAX_DEPTH} levels"),
                what => what.to_owned(),
            }
        }
        (None, Category::Data | Category::Io) => "not a JSON value".to_owned(),
    };
    ParseError {
        line: error.line().max(1),
        column: error.column().max(1),
        message,
        duplicate_key,
    }
}

/// The key that stands twice. Its path is gathered from the inside out while the error passes
/// through the values around it, so that a text without such a key pays nothing for paths.
#[derive(Default)]
struct Duplicate(Option<Vec<String>>);

impl Duplicate {
    fn found<E: serde::de::Error>(&mut self, key: &str) -> E {
        self.0 = Some(vec![key.to_owned()]);
        E::custom("a key stands twice")
    }

    fn passes(&mut self, segment: impl FnOnce() -> String) {
        if let Some(segments) = &mut self.0 {
            segments.push(segment());
        }
    }

    fn into_pointer(self) -> Option<String> {
        let segments = self.0?;
        let mut pointer = String::new();
        for segment in segments.iter().rev() {
            pointer.push('/');
            pointer.push_str(&pointer::escaped(segment));
        }
        Some(pointer)
    }
}

struct Seed<'s>(&'s mut Duplicate);

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Tree<'de>;

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<Tree<'de>, D::Error> {
        source.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Tree<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Tree<'de>, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Tree<'de>, E> {
        Ok(Tree::Bool(truth))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Tree<'de>, E> {
        Ok(Tree::Number(number.into()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Tree<'de>, E> {
        Ok(Tree::Number(number.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Tree<'de>, E> {
        Number::from_f64(number)
            .map(Tree::Number)
            .ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Tree<'de>, E> {
        Ok(Tree::String(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Tree<'de>, E> {
        Ok(Tree::String(Cow::Owned(text.to_owned())))
    }

    fn visit_string<E>(self, text: String) -> Result<Tree<'de>, E> {
        Ok(Tree::String(Cow::Owned(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut source: A) -> Result<Tree<'de>, A::Error> {
        let mut items = Vec::new();
        loop {
            match source.next_element_seed(Seed(&mut *self.0)) {
                Ok(Some(item)) => items.push(item),
                Ok(None) => return Ok(Tree::Array(items)),
                Err(error) => {
                    self.0.passes(|| items.len().to_string());
                    return Err(error);
                }
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut source: A) -> Result<Tree<'de>, A::Error> {
        let mut object = ObjectBuilder::default();
        while let Some(Key(key)) = source.next_key_seed(KeySeed)? {
            if object.holds(&key) {
                return Err(self.0.found(&key));
            }
            match source.next_value_seed(Seed(&mut *self.0)) {
                Ok(value) => object.push(key, value),
                Err(error) => {
                    self.0.passes(|| key.into_owned());
                    return Err(error);
                }
            }
        }
        object
            .finish()
            .map(Tree::Object)
            .map_err(|key| self.0.found(&key))
    }
}

/// A name in an object. The default of serde for `Cow` always copies.
struct Key<'de>(Cow<'de, str>);

struct KeySeed;

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = Key<'de>;

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<Key<'de>, D::Error> {
        source.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for KeySeed {
    type Value = Key<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Key<'de>, E> {
        Ok(Key(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Key<'de>, E> {
        Ok(Key(Cow::Owned(text.to_owned())))
    }
}
