//! Owns [`SchemaError`], the reason why a schema can't be used. It does not judge schemas.

use thiserror::Error;

use crate::text::shortened;

/// The longest reason, in bytes: enough for a few references and names, not for a whole schema.
const MAX_REASON: usize = 600;

/// A schema that can't be used: where in the schema, and why.
///
/// ```
/// use larder_schema::Validator;
/// use serde_json::json;
///
/// let error = Validator::from_document(json!({"properties": {"id": {"type": "text"}}})).unwrap_err();
/// assert_eq!(error.path(), "/properties/id/type");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the schema is not usable{}{path}: {reason}", if path.is_empty() { "" } else { " at " })]
pub struct SchemaError {
    path: String,
    reason: String,
}

impl SchemaError {
    pub(crate) fn new(path: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            path: shortened(path.into(), MAX_REASON),
            reason: shortened(reason.into(), MAX_REASON),
        }
    }

    /// The JSON pointer to the place in the schema, `""` for the schema itself or where the place
    /// is not known.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Why the schema can't be used. It may quote the schema.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}
