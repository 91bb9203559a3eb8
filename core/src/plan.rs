//! How a query is served, for people who want to know why it is fast or slow.
//!
//! Owns [`Plan`] and [`Access`], the words all backends explain themselves in.

use std::fmt;

use serde::Serialize;

/// How the candidates of a query are found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "access")]
#[non_exhaustive]
pub enum Access {
    /// By the entries of an index.
    Index {
        /// Its name.
        index: String,
        /// Whether it is unique.
        unique: bool,
        /// The condition it serves, without its values.
        condition: String,
    },
    /// By walking an index in the order that is asked for.
    OrderedIndex {
        /// Its name.
        index: String,
    },
    /// By walking the records in id order.
    Scan,
}

/// How a query is served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Plan {
    /// How the candidates are found.
    #[serde(flatten)]
    pub access: Access,
    /// How many records are read.
    pub rows_read: u64,
    /// How many records there are.
    pub rows: u64,
    /// The conditions that each candidate is tested for, without their values.
    pub residual: Vec<String>,
    /// Whether the result is sorted after it was found.
    pub sorts: bool,
}

impl Plan {
    /// A plan.
    #[must_use]
    pub fn new(
        access: Access,
        rows_read: u64,
        rows: u64,
        residual: Vec<String>,
        sorts: bool,
    ) -> Self {
        Self {
            access,
            rows_read,
            rows,
            residual,
            sorts,
        }
    }

    /// The index that serves the query, if one does.
    #[must_use]
    pub fn index(&self) -> Option<&str> {
        match &self.access {
            Access::Index { index, .. } | Access::OrderedIndex { index } => Some(index),
            Access::Scan => None,
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.access {
            Access::Index {
                index,
                unique,
                condition,
            } => {
                let kind = if *unique { "unique index" } else { "index" };
                write!(f, "{kind} {index} ({condition})")?;
            }
            Access::OrderedIndex { index } => write!(f, "index {index} in order")?,
            Access::Scan => f.write_str("scan in id order")?,
        }
        write!(f, ", reads {} of {} records", self.rows_read, self.rows)?;
        if !self.residual.is_empty() {
            write!(f, ", then tests {}", self.residual.join(" and "))?;
        }
        if self.sorts {
            f.write_str(", then sorts")?;
        }
        Ok(())
    }
}
