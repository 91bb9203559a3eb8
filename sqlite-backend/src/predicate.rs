//! Conditions in SQL.
//!
//! Owns [`predicate`]: what of a condition SQLite can test, by an index or by its JSON functions. What
//! it cannot, or only in part, is tested on the records that are left; so both ways of finding give
//! the same records.

use std::ops::Bound;

use larder_core::backend::ResolvedCondition;
use larder_core::{Data, Key, Test};

use crate::cell::{Cell, Kind};
use crate::error::SqliteError;
use crate::json_field::json_field;
use crate::keys::{column_cells, is_told_apart, list_cell};
use crate::layout::IndexLayout;
use crate::names::{Quoted, list_table};
use crate::shape::Shape;

/// More keys than this are tested on the records.
const MAX_KEYS: usize = 5_000;
/// More compound keys than this are, too: SQLite takes an expression of a thousand parts at most.
const MAX_COMPOUNDS: usize = 300;

/// A piece of SQL with the values of its `?`, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sql {
    pub(crate) text: String,
    pub(crate) cells: Vec<Cell>,
}

impl Sql {
    pub(crate) fn new(text: impl Into<String>, cells: Vec<Cell>) -> Self {
        let text = text.into();
        Self { text, cells }
    }

    /// Both hold.
    pub(crate) fn and(&mut self, other: Sql) {
        if !self.text.is_empty() {
            self.text.push_str(" AND ");
        }
        self.text.push_str(&other.text);
        self.cells.extend(other.cells);
    }
}

/// What SQLite can do for a condition.
#[derive(Debug, PartialEq)]
pub(crate) enum Served {
    /// All of it.
    Wholly(Sql),
    /// It finds all records for which the condition holds, and perhaps others.
    Partly(Sql),
    /// No record is like this.
    Never,
    /// Nothing.
    No,
}

/// Whether a column of any kind has keys that are in no order.
pub(crate) type Disorder<'a> = dyn Fn(&IndexLayout, usize) -> Result<bool, SqliteError> + 'a;

/// What SQLite can do for this condition. `plain` says that records are their JSON.
pub(crate) fn predicate<T: Data>(
    shape: &Shape,
    condition: &ResolvedCondition<'_, T>,
    plain: bool,
    disorder: &Disorder<'_>,
) -> Result<Served, SqliteError> {
    let test = condition.condition().test();
    let index = condition
        .index()
        .and_then(|position| shape.layout.indexes.get(position));
    match index {
        Some(index) if index.multi => {
            let field = Field {
                column: "key".to_owned(),
                kind: index
                    .columns
                    .first()
                    .map_or(Kind::Any, |column| column.kind),
                index,
                position: 0,
            };
            let table = list_table(&shape.collection, &index.label);
            let found = |sql: Sql| {
                let text = format!(
                    "id IN (SELECT id FROM {} WHERE {})",
                    Quoted(&table),
                    sql.text
                );
                Sql::new(text, sql.cells)
            };
            Ok(match field.test(test, disorder)? {
                Served::Wholly(sql) => Served::Wholly(found(sql)),
                Served::Partly(sql) => Served::Partly(found(sql)),
                other => other,
            })
        }
        Some(index) if index.columns.len() > 1 => compound(index, test, disorder),
        Some(index) => match index.columns.first() {
            Some(column) => Field {
                column: Quoted(&column.name).to_string(),
                kind: column.kind,
                index,
                position: 0,
            }
            .test(test, disorder),
            None => Ok(Served::No),
        },
        None => Ok(match condition.json_path() {
            Some(path) if plain => json_field(path, test),
            _ => Served::No,
        }),
    }
}

/// One column with keys.
struct Field<'a> {
    column: String,
    kind: Kind,
    index: &'a IndexLayout,
    position: usize,
}

impl Field<'_> {
    /// Whether other values than those of the kind may be in the column.
    fn is_mixed(&self) -> bool {
        self.kind == Kind::Any || self.index.multi
    }

    fn cell(&self, key: &Key) -> Option<Cell> {
        if self.index.multi {
            list_cell(self.index, key)
        } else {
            column_cells(self.index, key)?.pop()
        }
    }

    fn is_key(&self, key: &Key) -> Served {
        match self.cell(key) {
            None => Served::Never,
            Some(cell) if self.index.multi || is_told_apart(self.index, key) => {
                Served::Wholly(self.is(cell))
            }
            Some(cell) => Served::Partly(self.is(cell)),
        }
    }

    fn is(&self, cell: Cell) -> Sql {
        match cell {
            Cell::Null => Sql::new(format!("{} IS NULL", self.column), Vec::new()),
            cell => Sql::new(format!("{} = ?", self.column), vec![cell]),
        }
    }

    fn test(&self, test: &Test, disorder: &Disorder<'_>) -> Result<Served, SqliteError> {
        Ok(match test {
            Test::Is(key) => self.is_key(key),
            Test::IsNone => self.is_key(&Key::None),
            Test::AnyOf(keys) if keys.len() > MAX_KEYS => Served::No,
            Test::AnyOf(keys) => self.any_of(keys),
            Test::StartsWith(prefix) => match self.kind {
                Kind::Text | Kind::Any => Served::Wholly(self.starts_with(prefix)),
                _ => Served::Never,
            },
            Test::Leading(_) if self.kind == Kind::Any => Served::No,
            Test::Leading(_) => Served::Never,
            Test::Range(from, to) => self.range(from, to, disorder)?,
            _ => Served::No,
        })
    }

    fn any_of(&self, keys: &[Key]) -> Served {
        let cells: Vec<Cell> = keys.iter().filter_map(|key| self.cell(key)).collect();
        let (nulls, cells): (Vec<Cell>, Vec<Cell>) =
            cells.into_iter().partition(|cell| *cell == Cell::Null);
        let places = vec!["?"; cells.len()].join(", ");
        let column = &self.column;
        let text = match (nulls.is_empty(), cells.is_empty()) {
            (true, true) => return Served::Never,
            (false, true) => format!("{column} IS NULL"),
            (true, false) => format!("{column} IN ({places})"),
            (false, false) => format!("({column} IN ({places}) OR {column} IS NULL)"),
        };
        let sql = Sql::new(text, cells);
        if self.index.multi || keys.iter().all(|key| is_told_apart(self.index, key)) {
            Served::Wholly(sql)
        } else {
            Served::Partly(sql)
        }
    }

    fn starts_with(&self, prefix: &str) -> Sql {
        let column = &self.column;
        let mut sql = Sql::new(format!("{column} >= ?"), vec![Cell::text(prefix)]);
        if let Some(end) = after_prefix(prefix) {
            sql.and(Sql::new(format!("{column} < ?"), vec![Cell::text(end)]));
        } else if self.is_mixed() {
            sql.and(Sql::new(format!("{column} < x''"), Vec::new()));
        }
        sql
    }

    fn range(
        &self,
        from: &Bound<Key>,
        to: &Bound<Key>,
        disorder: &Disorder<'_>,
    ) -> Result<Served, SqliteError> {
        let column = &self.column;
        let of = |bound: &Bound<Key>| match bound {
            Bound::Included(key) | Bound::Excluded(key) => Some(sort(key)),
            Bound::Unbounded => None,
        };
        let sort = match (of(from), of(to)) {
            (None, None) if self.index.multi => {
                return Ok(Served::Wholly(Sql::new(
                    format!("{column} <> x''"),
                    Vec::new(),
                )));
            }
            (None, None) => {
                let text = format!("{column} IS NOT NULL");
                return Ok(Served::Wholly(Sql::new(text, Vec::new())));
            }
            (Some(a), Some(b)) if a != b => return Ok(Served::Never),
            (Some(sort), _) | (None, Some(sort)) => sort,
        };
        match (sort, self.kind) {
            (Sort::Bool | Sort::Other, Kind::Any) => return Ok(Served::No),
            (Sort::Bool, Kind::Boolean)
            | (Sort::Number, Kind::Integer | Kind::Real)
            | (Sort::Text, Kind::Text | Kind::Any) => {}
            (Sort::Number, Kind::Any) => {
                // Among what is in no order there may be numbers.
                if disorder(self.index, self.position)? {
                    return Ok(Served::No);
                }
            }
            _ => return Ok(Served::Never),
        }
        let cell = |key: &Key| {
            let kind = match (sort, self.kind) {
                (Sort::Bool, _) => Kind::Boolean,
                // SQLite makes a float of what a column of floats is compared with.
                (_, Kind::Real) => Kind::Real,
                _ => Kind::Any,
            };
            kind.cell(key)
                .filter(|cell| !matches!(cell, Cell::Bytes(_)))
        };
        let mut sql = Sql::default();
        for (bound, included, excluded) in [(from, ">=", ">"), (to, "<=", "<")] {
            let (key, sign) = match bound {
                Bound::Included(key) => (key, included),
                Bound::Excluded(key) => (key, excluded),
                Bound::Unbounded => continue,
            };
            let Some(cell) = cell(key) else {
                return Ok(Served::No);
            };
            sql.and(Sql::new(format!("{column} {sign} ?"), vec![cell]));
        }
        if self.is_mixed() {
            // Numbers come before text, text before bytes.
            let limit = match (sort, from, to) {
                (Sort::Number | Sort::Bool, _, Bound::Unbounded) => Some("< ''"),
                (Sort::Text, Bound::Unbounded, _) => Some(">= ''"),
                (Sort::Text, _, Bound::Unbounded) => Some("< x''"),
                _ => None,
            };
            if let Some(limit) = limit {
                sql.and(Sql::new(format!("{column} {limit}"), Vec::new()));
            }
        }
        Ok(Served::Wholly(sql))
    }
}

/// Which keys a range compares with each other.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    None,
    Bool,
    Number,
    Text,
    Other,
}

pub(crate) fn sort(key: &Key) -> Sort {
    match key {
        Key::None => Sort::None,
        Key::Bool(_) => Sort::Bool,
        Key::Int(_) | Key::Float(_) => Sort::Number,
        Key::Text(_) => Sort::Text,
        _ => Sort::Other,
    }
}

/// The smallest text after all that start so; `None` if there is none.
fn after_prefix(prefix: &str) -> Option<String> {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        // The characters from U+D800 to U+DFFF do not exist.
        let next = match last {
            '\u{D7FF}' => Some('\u{E000}'),
            other => char::from_u32(u32::from(other) + 1),
        };
        if let Some(next) = next {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

fn compound(
    index: &IndexLayout,
    test: &Test,
    disorder: &Disorder<'_>,
) -> Result<Served, SqliteError> {
    let all = |cells: Vec<Cell>| {
        let mut sql = Sql::new("1", Vec::new());
        for (column, cell) in index.columns.iter().zip(cells) {
            let name = Quoted(&column.name);
            sql.and(match cell {
                Cell::Null => Sql::new(format!("{name} IS NULL"), Vec::new()),
                cell => Sql::new(format!("{name} = ?"), vec![cell]),
            });
        }
        sql
    };
    let is =
        |key: &Key| column_cells(index, key).map(|cells| (all(cells), is_told_apart(index, key)));
    Ok(match test {
        Test::Is(key) => match is(key) {
            None => Served::Never,
            Some((sql, true)) => Served::Wholly(sql),
            Some((sql, false)) => Served::Partly(sql),
        },
        Test::IsNone => is(&Key::None).map_or(Served::Never, |(sql, _)| Served::Partly(sql)),
        Test::AnyOf(keys) if keys.len() > MAX_COMPOUNDS => Served::No,
        Test::AnyOf(keys) => {
            let found: Vec<(Sql, bool)> = keys.iter().filter_map(is).collect();
            if found.is_empty() {
                return Ok(Served::Never);
            }
            let wholly = found.iter().all(|(_, whole)| *whole);
            let texts: Vec<String> = found
                .iter()
                .map(|(sql, _)| format!("({})", sql.text))
                .collect();
            let cells = found.into_iter().flat_map(|(sql, _)| sql.cells).collect();
            let sql = Sql::new(format!("({})", texts.join(" OR ")), cells);
            if wholly {
                Served::Wholly(sql)
            } else {
                Served::Partly(sql)
            }
        }
        Test::Leading(parts) if parts.len() > index.columns.len() => Served::Never,
        Test::Leading(parts) => {
            // With the rest none it is a key of the index, of which the first cells are meant.
            let mut whole = parts.clone();
            whole.resize(index.columns.len(), Key::None);
            let told_apart = is_told_apart(index, &Key::Compound(whole.as_slice().into()));
            match column_cells(index, &Key::Compound(whole.into())) {
                None => Served::Never,
                Some(mut cells) => {
                    cells.truncate(parts.len());
                    if told_apart {
                        Served::Wholly(all(cells))
                    } else {
                        Served::Partly(all(cells))
                    }
                }
            }
        }
        Test::StartsWith(_) => Served::Never,
        Test::Range(from, to) => first_of_range(index, from, to, disorder)?,
        _ => Served::No,
    })
}

/// A range of compound keys, as far as the first component goes.
fn first_of_range(
    index: &IndexLayout,
    from: &Bound<Key>,
    to: &Bound<Key>,
    disorder: &Disorder<'_>,
) -> Result<Served, SqliteError> {
    let Some(column) = index.columns.first() else {
        return Ok(Served::No);
    };
    if column.kind == Kind::Any && disorder(index, 0)? {
        return Ok(Served::No);
    }
    let name = Quoted(&column.name);
    let mut sql = Sql::new("1", Vec::new());
    for (bound, is_lower) in [(from, true), (to, false)] {
        let (Bound::Included(key) | Bound::Excluded(key)) = bound else {
            continue;
        };
        let Key::Compound(parts) = key else {
            continue;
        };
        let cell = parts.first().and_then(|part| column.kind.cell(part));
        match (cell, is_lower) {
            // What does not fit is tested on the records, and none is the smallest.
            (None | Some(Cell::Null | Cell::Bytes(_)), _) => {}
            (Some(cell), true) => sql.and(Sql::new(format!("{name} >= ?"), vec![cell])),
            (Some(cell), false) => {
                let text = format!("({name} <= ? OR {name} IS NULL)");
                sql.and(Sql::new(text, vec![cell]));
            }
        }
    }
    Ok(Served::Partly(sql))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_prefix_comes_the_next_text() {
        assert_eq!(after_prefix("ab").as_deref(), Some("ac"));
        assert_eq!(after_prefix("a\u{10FFFF}").as_deref(), Some("b"));
        assert_eq!(after_prefix("\u{D7FF}").as_deref(), Some("\u{E000}"));
        assert_eq!(after_prefix(""), None);
        assert_eq!(after_prefix("\u{10FFFF}"), None);
    }
}
