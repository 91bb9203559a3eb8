//! What a load found wrong, as values.
//!
//! Owns [`Issue`] and its parts. It does not decide what is wrong (loading does) and does not keep
//! the rejected bytes (quarantine does).

use std::fmt;

use larder_schema::{Repair, Violation};
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind};

/// What is wrong with a record or a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum IssueKind {
    /// Not JSON, cut off, or not UTF-8.
    Syntax,
    /// JSON, but not what the schema or the type says a record is.
    Schema,
    /// The id is missing, not a string, empty, too long or contains NUL.
    InvalidId,
    /// A field that is indexed holds something that cannot be a key.
    InvalidKey,
    /// A later record of the same file has the same id; the later one is kept.
    DuplicateId,
    /// A record with a smaller id has the same unique key; that one is kept.
    UniqueViolation,
    /// A migration to the current version failed for this record.
    Migration,
    /// The data was written by a newer version.
    NewerVersion,
    /// The digest of the file does not match its content: damage, or an edit by hand.
    Digest,
    /// Someone else changed the data while the store was open.
    ExternalChange,
}

impl IssueKind {
    /// The name as it stands in reports and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Syntax => "syntax",
            Self::Schema => "schema",
            Self::InvalidId => "invalid-id",
            Self::InvalidKey => "invalid-key",
            Self::DuplicateId => "duplicate-id",
            Self::UniqueViolation => "unique-violation",
            Self::Migration => "migration",
            Self::NewerVersion => "newer-version",
            Self::Digest => "digest",
            Self::ExternalChange => "external-change",
        }
    }
}

impl fmt::Display for IssueKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What was done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Action {
    /// The record is not in the view; its exact bytes are kept in quarantine.
    Dropped,
    /// The record was mended and is in the view; the original is kept in quarantine.
    Repaired,
    /// What still parses was loaded; a copy of the whole original is kept beside the store.
    Salvaged,
    /// Nothing was taken away; this is a warning.
    Kept,
}

impl Action {
    /// The name as it stands in reports and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dropped => "dropped",
            Self::Repaired => "repaired",
            Self::Salvaged => "salvaged",
            Self::Kept => "kept",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where it was found. What a source does not know is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Position {
    /// The file's path, or the name of a table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The record's position in the source, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<u64>,
    /// The line, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The column in characters, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u64>,
}

impl Position {
    /// A position in this source.
    pub fn in_source(source: impl Into<String>) -> Self {
        Self {
            source: Some(source.into()),
            ..Self::default()
        }
    }

    /// The same with the record's position, from 0.
    #[must_use]
    pub fn at_record(mut self, record: u64) -> Self {
        self.record = Some(record);
        self
    }

    /// The same with a line and a column, both from 1.
    #[must_use]
    pub fn at_line(mut self, line: u64, column: Option<u64>) -> Self {
        self.line = Some(line);
        self.column = column;
        self
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        if let Some(source) = &self.source {
            f.write_str(source)?;
            separator = " ";
        }
        if let Some(record) = self.record {
            write!(f, "{separator}record {record}")?;
            separator = " ";
        }
        if let Some(line) = self.line {
            write!(f, "{separator}line {line}")?;
            separator = " ";
        }
        if let Some(column) = self.column {
            write!(f, "{separator}column {column}")?;
        }
        Ok(())
    }
}

/// One thing that a load found wrong: where, what, why, and what was done about it.
///
/// The messages never hold a value of the record, because values may be secrets. The id is shown
/// where it could be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issue {
    collection: String,
    kind: IssueKind,
    action: Action,
    #[serde(flatten)]
    position: Position,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    message: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    violations: Vec<Violation>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    repairs: Vec<Repair>,
}

impl Issue {
    /// An issue of this kind in this collection.
    pub fn new(
        collection: impl Into<String>,
        kind: IssueKind,
        action: Action,
        message: impl Into<String>,
    ) -> Self {
        Self {
            collection: collection.into(),
            kind,
            action,
            position: Position::default(),
            id: None,
            message: message.into(),
            violations: Vec::new(),
            repairs: Vec::new(),
        }
    }

    /// The issue of a record that was offered and refused with this error; `None` if the error is
    /// not about the record.
    #[must_use]
    pub fn refused(collection: &str, error: &Error) -> Option<Self> {
        let kind = match error.kind() {
            ErrorKind::Invalid => IssueKind::Schema,
            ErrorKind::InvalidId => IssueKind::InvalidId,
            ErrorKind::InvalidKey => IssueKind::InvalidKey,
            ErrorKind::UniqueViolation => IssueKind::UniqueViolation,
            ErrorKind::Encode => IssueKind::Syntax,
            _ => return None,
        };
        let mut message = error.message().to_owned();
        if let Some(index) = error.index() {
            message = format!("{message} (index {index})");
        }
        let issue = Self::new(collection, kind, Action::Dropped, message)
            .with_id(error.id().map(ToOwned::to_owned))
            .with_violations(error.violations().to_vec());
        Some(issue)
    }

    /// Says where.
    #[must_use]
    pub fn at(mut self, position: Position) -> Self {
        self.position = position;
        self
    }

    /// Says which record, where its id is readable.
    #[must_use]
    pub fn with_id(mut self, id: Option<String>) -> Self {
        self.id = id;
        self
    }

    /// Adds the reasons.
    #[must_use]
    pub fn with_violations(mut self, violations: Vec<Violation>) -> Self {
        self.violations = violations;
        self
    }

    /// Adds what was done to the record so that it is valid.
    #[must_use]
    pub fn with_repairs(mut self, repairs: impl Into<Vec<Repair>>) -> Self {
        self.repairs = repairs.into();
        self
    }

    /// The collection.
    #[must_use]
    pub fn collection(&self) -> &str {
        &self.collection
    }

    /// What is wrong.
    #[must_use]
    pub fn kind(&self) -> IssueKind {
        self.kind
    }

    /// What was done about it.
    #[must_use]
    pub fn action(&self) -> Action {
        self.action
    }

    /// Where it was found.
    #[must_use]
    pub fn position(&self) -> &Position {
        &self.position
    }

    /// The id of the record, where it could be read.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// One sentence, without values of the record.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Every reason, with its path in the record.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// What was done to a record that was mended, step by step; the message says the same in words.
    /// Empty for every other.
    #[must_use]
    pub fn repairs(&self) -> &[Repair] {
        &self.repairs
    }

    /// Whether the record left the view.
    #[must_use]
    pub fn is_drop(&self) -> bool {
        self.action == Action::Dropped
    }
}

impl fmt::Display for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.action, self.kind, self.collection)?;
        if self.position != Position::default() {
            write!(f, ": {}", self.position)?;
        }
        if let Some(id) = &self.id {
            // Debug form: an id may hold quotes and newlines, and a report is read line by line.
            write!(f, ", id {id:?}")?;
        }
        write!(f, ": {}", self.message)?;
        for (position, violation) in self.violations.iter().enumerate() {
            write!(f, "{}{violation}", if position == 0 { ": " } else { "; " })?;
        }
        Ok(())
    }
}
