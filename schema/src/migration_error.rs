//! Owns [`MigrationError`], the reason why a record could not be migrated. It does not migrate:
//! that is `migrations.rs`.

use std::{error::Error, fmt};

use crate::text::shortened;

/// The longest message, in bytes.
const MAX_MESSAGE: usize = 300;

/// A record that could not be migrated, or steps that do not lead where they should.
///
/// The message is made to be logged, so whoever writes one keeps values of the record out of it:
/// values may be secrets. A step makes one from a text:
///
/// ```
/// use larder_schema::Migrations;
///
/// let renaming = Migrations::new().step(1, |record| {
///     let members = record.as_object_mut().ok_or("it is no object")?;
///     let name = members.remove("name").ok_or("it has no name")?;
///     members.insert("title".to_owned(), name);
///     Ok(())
/// });
/// let error = renaming.apply("{}", 1, 2).unwrap_err();
/// assert_eq!(error.step(), Some((1, 2)));
/// assert_eq!(error.to_string(), "the migration from version 1 to 2 failed: it has no name");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationError {
    message: String,
    step: Option<(u32, u32)>,
}

impl MigrationError {
    /// An error of a step. A message beyond 300 bytes is cut and ends in `…`. It must not hold a
    /// value of the record.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: shortened(message.into(), MAX_MESSAGE),
            step: None,
        }
    }

    /// What went wrong.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The versions between which it went wrong, if it was in a step.
    #[must_use]
    pub fn step(&self) -> Option<(u32, u32)> {
        self.step
    }

    /// The same, from the step that begins at this version.
    pub(crate) fn at(self, from: u32) -> Self {
        Self {
            step: Some((from, from.saturating_add(1))),
            ..self
        }
    }
}

impl fmt::Display for MigrationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((from, to)) = self.step {
            write!(f, "the migration from version {from} to {to} failed: ")?;
        }
        f.write_str(&self.message)
    }
}

impl Error for MigrationError {}

impl From<&'static str> for MigrationError {
    fn from(message: &'static str) -> Self {
        Self::new(message)
    }
}

impl From<String> for MigrationError {
    fn from(message: String) -> Self {
        Self::new(message)
    }
}
