//! Conditions as people type them: `status=pending`, `lastActivity>=5`, `model:none`.
//!
//! Owns [`Clause`]: its grammar, and how a word of the command line becomes a key. Running a query
//! is the library's.

use std::fmt;
use std::ops::Bound;
use std::str::FromStr;

use larder::{Condition, Document, Key, Query, Target, Test};
use serde_json::Value;

/// One condition.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Clause {
    field: String,
    test: Test,
}

/// Why a text is no condition.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ClauseError(String);

impl fmt::Display for ClauseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ClauseError {}

impl Clause {
    /// All of these conditions.
    pub(crate) fn query(clauses: &[Self]) -> Query<Document> {
        clauses.iter().fold(Query::all(), |query, clause| {
            query.and(Condition::new(
                Target::field(&clause.field),
                clause.test.clone(),
            ))
        })
    }
}

impl FromStr for Clause {
    type Err = ClauseError;

    fn from_str(typed: &str) -> Result<Self, ClauseError> {
        let (field, test) = match typed.find(['=', '<', '>']) {
            None => match typed.strip_suffix(":none") {
                Some(field) => (field, Test::IsNone),
                None => {
                    return Err(ClauseError(
                        "a condition is F=V, F^=V, F>V, F>=V, F<V, F<=V or F:none".to_owned(),
                    ));
                }
            },
            Some(at) => {
                let (field, rest) = typed.split_at(at);
                let or_equal = rest.get(1..).and_then(|rest| rest.strip_prefix('='));
                let value = rest.get(1..).unwrap_or_default();
                match (rest.as_bytes().first(), or_equal) {
                    (Some(b'>'), Some(value)) => (
                        field,
                        Test::Range(Bound::Included(bound(value)?), Bound::Unbounded),
                    ),
                    (Some(b'>'), None) => (
                        field,
                        Test::Range(Bound::Excluded(bound(value)?), Bound::Unbounded),
                    ),
                    (Some(b'<'), Some(value)) => (
                        field,
                        Test::Range(Bound::Unbounded, Bound::Included(bound(value)?)),
                    ),
                    (Some(b'<'), None) => (
                        field,
                        Test::Range(Bound::Unbounded, Bound::Excluded(bound(value)?)),
                    ),
                    _ => equality(field, value)?,
                }
            }
        };
        if field.is_empty() {
            return Err(ClauseError("a condition begins with a field".to_owned()));
        }
        if larder::Pointer::field(field).is_err() {
            return Err(ClauseError(format!("{field:?} is not a field or a path")));
        }
        Ok(Self {
            field: field.to_owned(),
            test,
        })
    }
}

/// What stands around an `=`.
fn equality<'a>(field: &'a str, value: &str) -> Result<(&'a str, Test), ClauseError> {
    if let Some(field) = field.strip_suffix('^') {
        let prefix = quoted(value)?.unwrap_or_else(|| value.to_owned());
        return Ok((field, Test::StartsWith(prefix)));
    }
    if field.ends_with('!') {
        return Err(ClauseError("there is no condition F!=V".to_owned()));
    }
    if let Some(text) = quoted(value)? {
        return Ok((field, Test::Is(Key::text(text))));
    }
    let text = Key::text(value);
    Ok((
        field,
        match scalar(value) {
            Some(other) => Test::AnyOf(vec![text, other]),
            None => Test::Is(text),
        },
    ))
}

/// The end of a range.
fn bound(value: &str) -> Result<Key, ClauseError> {
    if let Some(text) = quoted(value)? {
        return Ok(Key::text(text));
    }
    Ok(scalar(value)
        .filter(|key| !key.is_none())
        .unwrap_or_else(|| Key::text(value)))
}

/// The text in quotes, if there are some.
fn quoted(value: &str) -> Result<Option<String>, ClauseError> {
    if !value.starts_with('"') {
        return Ok(None);
    }
    serde_json::from_str(value)
        .map(Some)
        .map_err(|_| ClauseError("what begins with a quote must be a whole JSON string".to_owned()))
}

/// The number, boolean or null that a text also spells.
fn scalar(value: &str) -> Option<Key> {
    match serde_json::from_str::<Value>(value).ok()? {
        Value::String(_) | Value::Array(_) | Value::Object(_) => None,
        scalar => Key::from_json(&scalar).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clause(text: &str) -> Clause {
        text.parse().unwrap()
    }

    #[track_caller]
    fn is(typed: &str, field: &str, test: Test) {
        assert_eq!(
            clause(typed),
            Clause {
                field: field.to_owned(),
                test
            },
            "{typed}"
        );
    }

    #[test]
    fn a_word_may_be_text_or_what_it_spells() {
        is("a=b", "a", Test::Is(Key::text("b")));
        is("a=5", "a", Test::AnyOf(vec![Key::text("5"), Key::int(5)]));
        is(
            "a=true",
            "a",
            Test::AnyOf(vec![Key::text("true"), Key::Bool(true)]),
        );
        is(
            "a=null",
            "a",
            Test::AnyOf(vec![Key::text("null"), Key::None]),
        );
        is("a=\"5\"", "a", Test::Is(Key::text("5")));
        is("a=", "a", Test::Is(Key::text("")));
        is("a=x=y>z", "a", Test::Is(Key::text("x=y>z")));
        is("a=[1]", "a", Test::Is(Key::text("[1]")));
    }

    #[test]
    fn ranges_prefixes_and_nothing() {
        is(
            "a.b>=5",
            "a.b",
            Test::Range(Bound::Included(Key::int(5)), Bound::Unbounded),
        );
        is(
            "a>5",
            "a",
            Test::Range(Bound::Excluded(Key::int(5)), Bound::Unbounded),
        );
        is(
            "a<=x",
            "a",
            Test::Range(Bound::Unbounded, Bound::Included(Key::text("x"))),
        );
        is(
            "a<\"5\"",
            "a",
            Test::Range(Bound::Unbounded, Bound::Excluded(Key::text("5"))),
        );
        is("a^=fix", "a", Test::StartsWith("fix".into()));
        is("/a/b:none", "/a/b", Test::IsNone);
    }

    #[test]
    fn what_is_no_condition_is_refused() {
        for bad in [
            "a", "", "=b", ":none", "a..b=1", "a!=b", "a=\"b", ">5", "^=x",
        ] {
            assert!(bad.parse::<Clause>().is_err(), "{bad}");
        }
    }
}
