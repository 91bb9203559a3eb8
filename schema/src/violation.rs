//! Owns [`Violation`], one reason why a record is not valid, and the bounds of what it says.
//! It does not find violations: that is `validator.rs` and `explain.rs`.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::text::shortened;

/// The longest message, in bytes. A schema may list ten thousand options of an `enum`.
const MAX_MESSAGE: usize = 300;
/// The longest path, in bytes. A property name may be megabytes long.
const MAX_PATH: usize = 4096;

/// One reason why a record is not valid: where, which keyword of the schema, and what it asks for.
///
/// A violation is made to be logged, so it never holds a *value* of the record: values may be
/// secrets. It does hold *names* of properties, in its path and where a keyword is about names
/// (`required`, `additionalProperties`, `propertyNames`). Who keeps secrets as property names,
/// say in a map from access token to user, must treat violations as secret too.
///
/// ```
/// use larder_schema::Violation;
///
/// let violation = Violation::new("/workflowState/status", "enum", "value is not an option");
/// assert_eq!(violation.path(), "/workflowState/status");
/// assert_eq!(
///     violation.to_string(),
///     "/workflowState/status: enum: value is not an option"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    path: String,
    keyword: String,
    message: String,
}

impl Violation {
    /// A violation of `keyword` at `path`, a JSON pointer; `""` is the record itself.
    ///
    /// A message beyond 300 bytes or a path beyond 4,096 is cut and ends in `…`. The message must
    /// not hold a value of the record.
    pub fn new(
        path: impl Into<String>,
        keyword: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            path: shortened(path.into(), MAX_PATH),
            keyword: keyword.into(),
            message: shortened(message.into(), MAX_MESSAGE),
        }
    }

    /// As [`Violation::new`], from things that may be far longer when written out.
    pub(crate) fn of(path: &str, keyword: &str, message: impl fmt::Display) -> Self {
        Self {
            path: crate::text::Bounded::show(MAX_PATH, path),
            keyword: keyword.to_owned(),
            message: crate::text::Bounded::show(MAX_MESSAGE, message),
        }
    }

    /// The JSON pointer to what is wrong, `""` for the record itself.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The keyword of the schema that is not met, such as `type`, `required` or `enum`.
    ///
    /// Four keywords are not of JSON Schema: `falseSchema` where the schema allows nothing,
    /// `depth` where a value is nested too deeply to be read back, `more` for the last one of a
    /// list that was cut, and `schema` where the reasons could not be told within bounds.
    #[must_use]
    pub fn keyword(&self) -> &str {
        &self.keyword
    }

    /// What the schema asks for, in words and without a value of the record.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.path.is_empty() {
            "record"
        } else {
            &self.path
        };
        write!(f, "{place}: {}: {}", self.keyword, self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::Violation;

    #[test]
    fn the_record_itself_has_a_name() {
        let violation = Violation::new("", "required", "\"id\" is a required property");
        assert_eq!(violation.path(), "");
        assert_eq!(
            violation.to_string(),
            "record: required: \"id\" is a required property"
        );
    }

    #[test]
    fn long_parts_are_cut_on_a_character() {
        let violation = Violation::new("/é".repeat(4000), "enum", "ä".repeat(4000));
        assert!(violation.message().len() <= 300);
        assert!(violation.message().ends_with('…'));
        assert!(violation.path().len() <= 4096);
    }

    #[test]
    fn it_survives_serialisation() {
        let violation = Violation::new("/a", "type", "value is not of type \"string\"");
        let text = serde_json::to_string(&violation).unwrap();
        assert_eq!(serde_json::from_str::<Violation>(&text).unwrap(), violation);
    }
}
