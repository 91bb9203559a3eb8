//! The report of an import.
//!
//! Owns [`Report`]: what is told, in which order, for people and for machines.

use std::fmt;

use larder::{Action, Issue};
use serde::Serialize;
use serde_json::json;

use crate::failure::{Failure, Verdict};
use crate::output::{Output, counted, note_line, plain};

/// What became of the records of an import.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// Records of the input that are in the collection.
    kept: u64,
    /// Records of the input that are not.
    dropped: usize,
    /// Whether that is why nothing was imported.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    rejected: bool,
    /// What is wrong with the input, in its order.
    pub(super) issues: Vec<Issue>,
    /// What was wrong in the collection before.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    found: Vec<Issue>,
}

impl Report {
    pub(super) fn new(kept: u64, mut issues: Vec<Issue>) -> Self {
        issues.sort_by_key(|issue| {
            let position = issue.position();
            (position.line, position.record, position.column)
        });
        let dropped = issues.iter().filter(|issue| issue.is_drop()).count();
        Self {
            kept,
            dropped,
            rejected: false,
            issues,
            found: Vec::new(),
        }
    }

    /// The same, after nothing was imported because of it.
    pub(super) fn rejected(mut self) -> Self {
        self.dropped = self.issues.iter().filter(|issue| issue.is_drop()).count();
        self.kept = 0;
        self.rejected = true;
        self
    }

    /// The same, with what opening the collection found.
    pub(super) fn with_found(mut self, found: Vec<Issue>) -> Self {
        self.found = found;
        self
    }

    /// Whether something of the input was lost, or may have been.
    pub(super) fn has_problems(&self) -> bool {
        self.issues
            .iter()
            .any(|issue| issue.action() != Action::Kept)
    }

    pub(super) fn verdict(&self) -> Verdict {
        Verdict::of(self.has_problems() || self.found.iter().any(Issue::is_drop))
    }

    /// To standard output.
    pub(super) fn write(&self, out: &mut Output) -> Result<(), Failure> {
        if out.is_json() {
            out.value(self)
        } else {
            out.line(self)
        }
    }

    /// To standard error, where standard output is for something else.
    pub(super) fn tell(&self, json: bool) {
        if json {
            note_line(json!(self));
        } else {
            note_line(self);
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.rejected {
            write!(
                f,
                "nothing imported: {} refused",
                counted(self.dropped, "record")
            )?;
        } else {
            let kept = usize::try_from(self.kept).unwrap_or(usize::MAX);
            write!(
                f,
                "{} kept, {} dropped",
                counted(kept, "record"),
                self.dropped
            )?;
        }
        for issue in &self.issues {
            write!(f, "\n{}", Line(issue))?;
        }
        if !self.found.is_empty() {
            f.write_str("\nin the collection before:")?;
            for issue in &self.found {
                write!(f, "\n{}", Line(issue))?;
            }
        }
        Ok(())
    }
}

/// An issue on one line.
pub(super) struct Line<'a>(pub(super) &'a Issue);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let position = self.0.position();
        let mut separator = "";
        let parts = [
            ("record", position.record),
            ("line", position.line),
            ("column", position.column),
        ];
        for (name, value) in parts {
            if let Some(value) = value {
                write!(f, "{separator}{name} {value}")?;
                separator = ", ";
            }
        }
        if let Some(id) = self.0.id() {
            write!(f, "{separator}id {id:?}")?;
            separator = ", ";
        }
        if !separator.is_empty() {
            f.write_str(": ")?;
        }
        match self.0.action() {
            Action::Dropped => {}
            Action::Kept => f.write_str("warning: ")?,
            other => write!(f, "{other}: ")?,
        }
        write!(f, "{}", Reason(self.0))
    }
}

/// Why, on one line.
pub(super) struct Reason<'a>(pub(super) &'a Issue);

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.0.kind())?;
        if self.0.violations().is_empty() {
            return f.write_str(&plain(self.0.message()));
        }
        for (position, violation) in self.0.violations().iter().enumerate() {
            let separator = if position == 0 { "" } else { "; " };
            write!(f, "{separator}{}", plain(&violation.to_string()))?;
        }
        Ok(())
    }
}
