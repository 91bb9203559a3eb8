//! Conditions on fields that have no index, by SQLite's JSON functions.
//!
//! Owns [`json_field`]. It finds at least the records for which a condition holds; what it finds is
//! tested on the records.

use std::ops::Bound;

use larder_core::{Key, Pointer, Test};

use crate::cell::{Cell, Kind};
use crate::predicate::{Served, Sort, Sql, sort};

/// A condition on a field without an index. SQLite reads some numbers less exactly than JSON has
/// them, and a list holds if an element does: both are tested on the records.
pub(crate) fn json_field(path: &Pointer, test: &Test) -> Served {
    let Some(path) = json_path(&path.to_string()) else {
        return Served::No;
    };
    let path = || Cell::text(path.as_str());
    let kind = "coalesce(json_type(doc, ?), 'null')";
    let value = "json_extract(doc, ?)";
    let or = |types: &str, text: String, cell: Option<Cell>| {
        let text = format!("({kind} IN ({types}) OR {text})");
        let mut cells = vec![path(), path()];
        cells.extend(cell);
        Served::Partly(Sql::new(text, cells))
    };
    let only = |types: &str| Served::Partly(Sql::new(format!("{kind} IN ({types})"), vec![path()]));
    match test {
        Test::IsNone | Test::Is(Key::None) => only("'null', 'array'"),
        Test::Is(Key::Bool(true)) => only("'true', 'array'"),
        Test::Is(Key::Bool(false)) => only("'false', 'array'"),
        Test::Is(Key::Text(text)) => or(
            "'array'",
            format!("{value} = ?"),
            Some(Cell::text(text.as_ref())),
        ),
        Test::Is(key @ Key::Int(_)) => match Kind::Integer.cell(key) {
            Some(cell) => or("'array', 'real'", format!("{value} = ?"), Some(cell)),
            None => only("'array', 'real', 'integer'"),
        },
        Test::Is(Key::Float(_)) => only("'array', 'real', 'integer'"),
        Test::StartsWith(_) => only("'array', 'text'"),
        Test::Range(from, to) => {
            let of = |bound: &Bound<Key>| match bound {
                Bound::Included(key) | Bound::Excluded(key) => Some(sort(key)),
                Bound::Unbounded => None,
            };
            match of(from).or(of(to)) {
                Some(Sort::Number) => only("'array', 'real', 'integer'"),
                Some(Sort::Text) => only("'array', 'text'"),
                Some(Sort::Bool) => only("'array', 'true', 'false'"),
                _ => Served::No,
            }
        }
        _ => Served::No,
    }
}

/// A JSON pointer as a path of SQLite's; `None` if it has no such form that means the same.
fn json_path(pointer: &str) -> Option<String> {
    let mut path = "$".to_owned();
    for token in pointer.split('/').skip(1) {
        let name = token.replace("~1", "/").replace("~0", "~");
        let is_plain = |c: char| !c.is_control() && c != '"' && c != '\\';
        // A number may be a place in a list.
        if name.parse::<u64>().is_ok() || !name.chars().all(is_plain) {
            return None;
        }
        path.push_str(".\"");
        path.push_str(&name);
        path.push('"');
    }
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_could_mean_something_else_is_not_given_to_sqlite() {
        assert_eq!(json_path("/a.b/c").as_deref(), Some("$.\"a.b\".\"c\""));
        assert_eq!(json_path("/a/0"), None);
        assert_eq!(json_path("/a\"b"), None);
    }
}
