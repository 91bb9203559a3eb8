//! Owns [`Pointer`], the path to one field of a record, in both ways of writing it. It does not
//! look into trees (`tree.rs`), and it has no wildcards: a path names one place.

use std::{borrow::Cow, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;
use thiserror::Error;

use crate::text::Bounded;

/// The longest text that a message repeats, in bytes.
const MAX_SHOWN: usize = 100;

/// A path to one field of a record: an RFC 6901 JSON pointer, parsed once.
///
/// It is shown and serialised in the form of the RFC, and deserialised from either form, so that
/// a configuration may say `id = "channelId"` or `id = "/channelId"`.
///
/// ```
/// use larder_schema::Pointer;
///
/// let path = Pointer::field("workflowState.status")?;
/// assert_eq!(path, Pointer::parse("/workflowState/status")?);
/// assert_eq!(path.to_string(), "/workflowState/status");
/// # Ok::<(), larder_schema::PointerError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pointer {
    segments: Box<[String]>,
}

impl Pointer {
    /// Reads a JSON pointer: `""` is the record itself, else every segment follows a `/`, with
    /// `~1` for `/` and `~0` for `~`.
    ///
    /// # Errors
    ///
    /// If the text is neither empty nor begins with `/`, or if a `~` is not followed by 0 or 1.
    pub fn parse(text: &str) -> Result<Pointer, PointerError> {
        if text.is_empty() {
            return Ok(Self {
                segments: Box::default(),
            });
        }
        let Some(rest) = text.strip_prefix('/') else {
            return Err(PointerError::new(text, "does not begin with \"/\""));
        };
        let segments = rest
            .split('/')
            .map(unescaped)
            .collect::<Option<_>>()
            .ok_or_else(|| PointerError::new(text, "has a \"~\" that is not \"~0\" or \"~1\""))?;
        Ok(Self { segments })
    }

    /// Reads a path as people type it: field names with dots between them, as in
    /// `workflowState.status`. A text that begins with `/` is read as a JSON pointer, which is
    /// the way to a field with a dot in its name.
    ///
    /// # Errors
    ///
    /// If the text is empty, has an empty name between dots, or is a malformed JSON pointer.
    pub fn field(text: &str) -> Result<Pointer, PointerError> {
        if text.starts_with('/') {
            return Self::parse(text);
        }
        if text.split('.').any(str::is_empty) {
            return Err(PointerError::new(text, "has an empty field name"));
        }
        Ok(Self {
            segments: text.split('.').map(str::to_owned).collect(),
        })
    }

    /// The path of these names and array indices, without escapes.
    pub(crate) fn of(segments: Vec<String>) -> Pointer {
        Self {
            segments: segments.into_boxed_slice(),
        }
    }

    /// The names and array indices on the way, without escapes. Empty for the record itself.
    #[must_use]
    pub fn segments(&self) -> &[String] {
        &self.segments
    }

    /// The value at this path, or `None` if it leads nowhere.
    ///
    /// ```
    /// use larder_schema::Pointer;
    /// use serde_json::json;
    ///
    /// let record = json!({"tags": ["x", "y"]});
    /// assert_eq!(Pointer::field("tags.1")?.resolve(&record), Some(&json!("y")));
    /// assert_eq!(Pointer::field("tags.2")?.resolve(&record), None);
    /// # Ok::<(), larder_schema::PointerError>(())
    /// ```
    #[must_use]
    pub fn resolve<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        self.segments
            .iter()
            .try_fold(value, |value, segment| match value {
                Value::Object(members) => members.get(segment),
                Value::Array(items) => items.get(array_index(segment)?),
                _ => None,
            })
    }
}

/// The index that a segment means in an array. As in the RFC, `01` and `+1` mean none, so that
/// one place has one path.
pub(crate) fn array_index(segment: &str) -> Option<usize> {
    let canonical = segment == "0" || !segment.starts_with(['0', '+']);
    canonical.then(|| segment.parse().ok())?
}

/// A segment as it stands in a JSON pointer.
pub(crate) fn escaped(segment: &str) -> Cow<'_, str> {
    if segment.contains(['~', '/']) {
        Cow::Owned(segment.replace('~', "~0").replace('/', "~1"))
    } else {
        Cow::Borrowed(segment)
    }
}

fn unescaped(segment: &str) -> Option<String> {
    let mut parts = segment.split('~');
    let mut text = parts.next()?.to_owned();
    for part in parts {
        let (mark, rest) = if let Some(rest) = part.strip_prefix('0') {
            ('~', rest)
        } else {
            ('/', part.strip_prefix('1')?)
        };
        text.push(mark);
        text.push_str(rest);
    }
    Some(text)
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.segments
            .iter()
            .try_for_each(|segment| write!(f, "/{}", escaped(segment)))
    }
}

impl fmt::Debug for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pointer({:?})", self.to_string())
    }
}

/// As [`Pointer::field`], with the empty text for the record itself.
impl FromStr for Pointer {
    type Err = PointerError;

    fn from_str(text: &str) -> Result<Self, PointerError> {
        if text.is_empty() {
            Self::parse(text)
        } else {
            Self::field(text)
        }
    }
}

impl Serialize for Pointer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Pointer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

/// A text that is not a path.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{text:?} is not a field path: it {reason}")]
pub struct PointerError {
    text: String,
    reason: &'static str,
}

impl PointerError {
    fn new(text: &str, reason: &'static str) -> Self {
        Self {
            text: Bounded::show(MAX_SHOWN, text),
            reason,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Pointer;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn the_examples_of_the_rfc_resolve() {
        let document = json!({
            "foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4,
            "i\\j": 5, "k\"l": 6, " ": 7, "m~n": 8
        });
        for text in [
            "", "/foo", "/foo/0", "/", "/a~1b", "/c%d", "/e^f", "/g|h", "/i\\j", "/k\"l", "/ ",
            "/m~0n", "/foo/01", "/foo/+1", "/foo/-", "/foo/2", "/nope",
        ] {
            let pointer = Pointer::parse(text).unwrap();
            assert_eq!(pointer.resolve(&document), document.pointer(text), "{text}");
            assert_eq!(pointer.to_string(), text);
        }
    }

    #[test]
    fn malformed_texts_are_refused() {
        for text in ["a", "a/b", "/~", "/~2", "/a~"] {
            let error = Pointer::parse(text).unwrap_err();
            assert!(error.to_string().contains(text), "{error}");
        }
        for text in ["", ".", "a.", ".a", "a..b", "/~"] {
            assert!(Pointer::field(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_field_is_a_dotted_path_or_a_pointer() {
        let dotted = Pointer::field("a.b~c/d").unwrap();
        assert_eq!(dotted.segments(), ["a", "b~c/d"]);
        assert_eq!(dotted.to_string(), "/a/b~0c~1d");
        assert_eq!(Pointer::field("/a.b").unwrap().segments(), ["a.b"]);
    }

    #[test]
    fn it_is_serialised_as_a_pointer_and_read_from_both_forms() {
        let pointer = Pointer::field("a.b").unwrap();
        assert_eq!(serde_json::to_value(&pointer).unwrap(), json!("/a/b"));
        for form in ["/a/b", "a.b"] {
            let read: Pointer = serde_json::from_value(json!(form)).unwrap();
            assert_eq!(read, pointer);
        }
        assert!(serde_json::from_value::<Pointer>(json!("a..b")).is_err());
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(text in "(/[a~/01.é]{0,4}){0,4}") {
            if let Ok(pointer) = Pointer::parse(&text) {
                prop_assert_eq!(&pointer.to_string(), &text);
                prop_assert_eq!(&pointer.to_string().parse::<Pointer>().unwrap(), &pointer);
            }
        }
    }
}
