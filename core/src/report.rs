//! The report of a load: how many records came in, and every issue on the way.
//!
//! Owns [`LoadReport`] and the one shape in which issues are logged, for all backends.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::error::{Error, ErrorKind, Result};
use crate::issue::{Action, Issue, IssueKind};
use crate::options::OnInvalid;

/// How many issues of one load are logged one by one; the rest is one line with a count.
const LOGGED_ISSUES: usize = 20;

/// How many issues the error of a rejected load names.
const NAMED_ISSUES: usize = 5;

/// What opening a store or a collection found.
///
/// All issues are here, however many; only the log is summarised.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LoadReport {
    records: u64,
    issues: Vec<Issue>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    migrated: Vec<Migrated>,
}

/// A collection whose records were of an older version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Migrated {
    /// The collection.
    pub collection: String,
    /// The version of its data.
    pub from: u32,
    /// The version that they are of now. In a store that was opened for reading only the view is.
    pub to: u32,
    /// How many records were migrated.
    pub records: u64,
    /// Where the data is as it was: a store that the old program opens. `None` if there was none, or
    /// if nothing was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup: Option<PathBuf>,
}

impl Migrated {
    /// So many records of this collection were migrated, and are kept as they were in `backup`.
    pub fn new(
        collection: impl Into<String>,
        (from, to): (u32, u32),
        records: u64,
        backup: Option<PathBuf>,
    ) -> Self {
        Self {
            collection: collection.into(),
            from,
            to,
            records,
            backup,
        }
    }
}

impl fmt::Display for Migrated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} records migrated from version {} to version {}",
            self.collection, self.records, self.from, self.to
        )?;
        match &self.backup {
            Some(backup) => write!(f, "; as they were: {}", backup.display()),
            None => Ok(()),
        }
    }
}

impl LoadReport {
    /// A report of `records` records in the view, and of these issues.
    #[must_use]
    pub fn new(records: u64, issues: Vec<Issue>) -> Self {
        Self {
            records,
            issues,
            migrated: Vec::new(),
        }
    }

    /// The same with a migration.
    #[must_use]
    pub fn with_migrated(mut self, migrated: Option<Migrated>) -> Self {
        self.migrated.extend(migrated);
        self
    }

    /// The collections whose records were of an older version, and were migrated.
    #[must_use]
    pub fn migrated(&self) -> &[Migrated] {
        &self.migrated
    }

    /// How many records the load read and let into the view. A database does not read again what
    /// it knows to be good, so there it is not the number of records in the view:
    /// [`count`](crate::RepositoryExt::count) is.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Everything that was found wrong, in the order of the file.
    #[must_use]
    pub fn issues(&self) -> &[Issue] {
        &self.issues
    }

    /// How many records left the view.
    #[must_use]
    pub fn dropped(&self) -> usize {
        self.issues.iter().filter(|issue| issue.is_drop()).count()
    }

    /// How many records were mended; see [`OnInvalid::Repair`].
    #[must_use]
    pub fn repaired(&self) -> usize {
        let is_repair = |issue: &&Issue| issue.action() == Action::Repaired;
        self.issues.iter().filter(is_repair).count()
    }

    /// Whether nothing was found wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.issues.is_empty()
    }

    /// Takes in the report of another collection.
    pub fn merge(&mut self, other: &LoadReport) {
        self.records += other.records;
        self.issues.extend_from_slice(&other.issues);
        self.migrated.extend_from_slice(&other.migrated);
    }

    /// Logs the issues, in the one shape that every backend uses: the first few one by one, then a
    /// count per kind, so that a file of a million bad records does not flood the log.
    pub fn log(&self) {
        for migrated in &self.migrated {
            tracing::info!(target: "larder::load", "{migrated}");
        }
        for issue in self.issues.iter().take(LOGGED_ISSUES) {
            tracing::warn!(
                target: "larder::issue",
                collection = issue.collection(),
                kind = issue.kind().as_str(),
                action = issue.action().as_str(),
                record = issue.position().record,
                line = issue.position().line,
                id = issue.id(),
                "{issue}"
            );
        }
        if self.issues.len() > LOGGED_ISSUES {
            let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
            for issue in &self.issues {
                *counts.entry(issue.kind().as_str()).or_default() += 1;
            }
            tracing::warn!(
                target: "larder::issue",
                more = self.issues.len() - LOGGED_ISSUES,
                total = self.issues.len(),
                "and {} more issues; by kind: {counts:?}",
                self.issues.len() - LOGGED_ISSUES
            );
        }
    }

    /// Fails if records left the view and that is to refuse the load. It names the first of them.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Rejected`].
    pub fn check(&self, on_invalid: OnInvalid, path: &Path) -> Result<()> {
        let is_bad = |issue: &&Issue| matches!(issue.action(), Action::Dropped | Action::Salvaged);
        let bad: Vec<&Issue> = self.issues.iter().filter(is_bad).collect();
        if bad.is_empty() || on_invalid != OnInvalid::Reject {
            return Ok(());
        }
        let named: Vec<String> = bad
            .iter()
            .take(NAMED_ISSUES)
            .map(ToString::to_string)
            .collect();
        let more = if bad.len() > NAMED_ISSUES {
            "; and more"
        } else {
            ""
        };
        let message = format!(
            "{} records cannot be loaded; nothing was touched: {}{more}",
            bad.len(),
            named.join("; ")
        );
        Err(Error::new(ErrorKind::Rejected, message).with_path(path))
    }

    /// How many issues there are of a kind.
    #[must_use]
    pub fn count_of(&self, kind: IssueKind) -> usize {
        self.issues
            .iter()
            .filter(|issue| issue.kind() == kind)
            .count()
    }
}

impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} records, {} dropped, {} issues",
            self.records,
            self.dropped(),
            self.issues.len()
        )
    }
}
