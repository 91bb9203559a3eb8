//! Names of tables, columns and indexes in SQL text.
//!
//! Owns quoting, and what the objects of a collection are called. Values never come here: they are
//! bound, not written.
//!
//! | object | name |
//! |---|---|
//! | the table of the collection `sessions` | `sessions` |
//! | its index `categoryId` | `sessions by categoryId` |
//! | the table of its list index `tags`, and the index of that | `sessions.tags`, `sessions.tags by key` |
//! | the index of its rows that nobody verified yet | `sessions unverified` |
//! | its triggers | `sessions inserted`, `sessions changed`, `sessions deleted`, `sessions replaced by insert`, `sessions replaced by update` |
//! | the triggers of its list table | `sessions.tags inserted`, `sessions.tags updated`, `sessions.tags deleted` |

use std::fmt;

/// Columns that every table of a collection has, or that name a row in SQLite; no index has these.
pub(crate) const RESERVED_COLUMNS: [&str; 6] = ["id", "doc", "larder", "rowid", "oid", "_rowid_"];

/// A name as it stands in SQL: in quotes, those in it doubled.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for part in self.0.split_inclusive('"') {
            f.write_str(part)?;
            if part.ends_with('"') {
                f.write_str("\"")?;
            }
        }
        f.write_str("\"")
    }
}

/// The index over columns of the collection's table.
pub(crate) fn index(collection: &str, label: &str) -> String {
    format!("{collection} by {label}")
}

/// The index of the keys of a column that are in no order.
pub(crate) fn bytes(collection: &str, column: &str) -> String {
    format!("{collection} bytes of {column}")
}

/// The table of an index over a list.
pub(crate) fn list_table(collection: &str, label: &str) -> String {
    format!("{collection}.{label}")
}

/// The index of that table.
pub(crate) fn list_index(collection: &str, label: &str) -> String {
    format!("{} by key", list_table(collection, label))
}

/// The index of rows that nobody verified yet.
pub(crate) fn unverified(collection: &str) -> String {
    format!("{collection} unverified")
}

/// The trigger that marks rows which somebody else changed.
pub(crate) fn changed(collection: &str) -> String {
    format!("{collection} changed")
}

/// The trigger that tells rows of ours from copies of them.
pub(crate) fn inserted(collection: &str) -> String {
    format!("{collection} inserted")
}

/// The trigger that removes the keys of a row which is gone.
pub(crate) fn deleted(collection: &str) -> String {
    format!("{collection} deleted")
}

/// The trigger that looks after the keys of rows which a change by somebody else replaces.
pub(crate) fn replaced(collection: &str, event: &str) -> String {
    format!("{collection} replaced by {event}")
}

/// The trigger on the table of a list that marks the row whose keys somebody changed.
pub(crate) fn list_changed(collection: &str, label: &str, event: &str) -> String {
    format!("{} {event}", list_table(collection, label))
}

/// A name that no other has, in the eyes of SQLite: case does not count. What cannot stand in SQL
/// text becomes `_`.
pub(crate) fn free<'a>(wanted: &str, taken: impl Iterator<Item = &'a str>) -> String {
    let clean: String = wanted
        .chars()
        .map(|c| if c.is_control() { '_' } else { c })
        .collect();
    let all: Vec<&str> = taken.collect();
    let is_taken = |name: &str| all.iter().any(|other| other.eq_ignore_ascii_case(name));
    if !clean.is_empty() && !is_taken(&clean) {
        return clean;
    }
    let mut number = 2_u32;
    loop {
        let numbered = format!("{clean}_{number}");
        if !is_taken(&numbered) {
            return numbered;
        }
        number += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_doubled() {
        assert_eq!(Quoted("a\"b").to_string(), "\"a\"\"b\"");
        assert_eq!(Quoted("a").to_string(), "\"a\"");
        assert_eq!(Quoted("\"").to_string(), "\"\"\"\"");
    }

    #[test]
    fn a_taken_name_gets_a_number_whatever_its_case() {
        assert_eq!(free("Id", RESERVED_COLUMNS.into_iter()), "Id_2");
        assert_eq!(free("a\u{0}b", std::iter::empty()), "a_b");
        assert_eq!(free("x", ["X", "x_2"].into_iter()), "x_3");
    }
}
