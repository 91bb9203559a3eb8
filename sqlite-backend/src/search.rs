//! A query in SQL.
//!
//! Owns [`Search`]: the statements of a query, and what is left to do on the records they give. They
//! are run by `select.rs`.
//!
//! | part of a query | in SQL | else |
//! |---|---|---|
//! | conditions | those that an index or the JSON functions serve | tested on each record |
//! | order | by indexes, and by id | records are sorted |
//! | cursor | with the order | with the order |
//! | limit | if nothing is left to test | counted |

use larder_core::Data;
use larder_core::backend::Resolved;
use rusqlite::Connection;

use crate::cell::{Cell, Kind};
use crate::error::SqliteError;
use crate::keys::column_cells;
use crate::layout::IndexLayout;
use crate::names::{Quoted, list_table};
use crate::predicate::{Served, Sql, predicate};
use crate::shape::Shape;

/// SQLite binds 32,766 values at most, and the cursor wants some.
const MAX_VALUES: usize = 20_000;

/// A query in SQL.
#[derive(Debug)]
pub(crate) struct Search {
    /// What comes after `WHERE`, once for each part of the result, in their order.
    pub(crate) parts: Vec<Sql>,
    /// What comes after `ORDER BY`.
    pub(crate) order: String,
    /// Whether that is the order of the query, and the parts begin after its cursor.
    pub(crate) is_ordered: bool,
    /// The conditions that need no further test.
    pub(crate) served: Vec<bool>,
}

impl Search {
    /// Puts a query into SQL. `plain` says that records are their JSON. The connection is asked
    /// whether columns have an order that means anything.
    pub(crate) fn new<T: Data>(
        connection: &Connection,
        shape: &Shape,
        resolved: &Resolved<'_, T>,
        plain: bool,
    ) -> Result<Self, SqliteError> {
        let disorder = |index: &IndexLayout, position: usize| {
            is_disordered(connection, shape, index, position)
        };
        let mut filter = Sql::new("1", Vec::new());
        let mut served = Vec::with_capacity(resolved.conditions().len());
        let mut never = false;
        for condition in resolved.conditions() {
            match predicate(shape, condition, plain, &disorder)? {
                Served::Wholly(sql) | Served::Partly(sql)
                    if filter.cells.len() + sql.cells.len() > MAX_VALUES =>
                {
                    served.push(false);
                }
                Served::Wholly(sql) => {
                    filter.and(sql);
                    served.push(true);
                }
                Served::Partly(sql) => {
                    filter.and(sql);
                    served.push(false);
                }
                Served::Never => {
                    never = true;
                    served.push(true);
                }
                Served::No => served.push(false),
            }
        }
        let columns = order_columns(shape, resolved, &disorder)?;
        let place = match (&columns, resolved.after()) {
            (Some(columns), Some((keys, id))) => after(shape, resolved, columns, keys, id),
            (Some(_), None) => Some(vec![Sql::new("1", Vec::new())]),
            (None, _) => None,
        };
        let is_ordered = place.is_some();
        let parts = if never {
            Vec::new()
        } else {
            place
                .unwrap_or_else(|| vec![Sql::new("1", Vec::new())])
                .into_iter()
                .map(|part| {
                    let mut sql = filter.clone();
                    sql.and(part);
                    sql
                })
                .collect()
        };
        let mut order = String::new();
        for (column, descending) in columns.iter().flatten().filter(|_| is_ordered) {
            order.push_str(column);
            order.push_str(if *descending { " DESC, " } else { ", " });
        }
        order.push_str("id");
        Ok(Self {
            parts,
            order,
            is_ordered,
            served,
        })
    }

    /// Whether nothing is left to test.
    pub(crate) fn is_whole<T: Data>(&self, resolved: &Resolved<'_, T>) -> bool {
        resolved.is_served_by(|position| self.is_served(position))
    }

    pub(crate) fn is_served(&self, position: usize) -> bool {
        self.served.get(position) == Some(&true)
    }
}

/// Whether there is something in a column that SQLite orders otherwise than keys are.
fn is_disordered(
    connection: &Connection,
    shape: &Shape,
    index: &IndexLayout,
    position: usize,
) -> Result<bool, SqliteError> {
    if index.unique {
        // What is not enforced is null there, and in no order either.
        return Ok(true);
    }
    let sql = if index.multi {
        // The empty bytes are the key "none", which comes first or last of all.
        let table = list_table(&shape.collection, &index.label);
        format!("SELECT 1 FROM {} WHERE key > x'' LIMIT 1", Quoted(&table))
    } else {
        let Some(column) = index.columns.get(position) else {
            return Ok(true);
        };
        format!(
            "SELECT 1 FROM {} WHERE {} >= x'' LIMIT 1",
            shape.table,
            Quoted(&column.name)
        )
    };
    connection
        .prepare_cached(&sql)
        .and_then(|mut select| select.exists([]))
        .map_err(SqliteError::sql("look at an index"))
}

/// The columns of a query's order, and whether each is descending; `None` if records must be
/// sorted.
fn order_columns<T: Data>(
    shape: &Shape,
    resolved: &Resolved<'_, T>,
    disorder: &crate::predicate::Disorder<'_>,
) -> Result<Option<Vec<(String, bool)>>, SqliteError> {
    let mut columns = Vec::new();
    for order in resolved.order() {
        let index = order
            .index()
            .and_then(|position| shape.layout.indexes.get(position))
            .filter(|index| !index.multi);
        let Some(index) = index else {
            return Ok(None);
        };
        for (position, column) in index.columns.iter().enumerate() {
            if column.kind == Kind::Any && disorder(index, position)? {
                return Ok(None);
            }
            columns.push((Quoted(&column.name).to_string(), order.is_descending()));
        }
    }
    Ok(Some(columns))
}

/// What comes after a place in the order; `None` if that cannot be said in SQL.
fn after<T: Data>(
    shape: &Shape,
    resolved: &Resolved<'_, T>,
    columns: &[(String, bool)],
    keys: &[larder_core::Key],
    id: &str,
) -> Option<Vec<Sql>> {
    let mut cells = Vec::with_capacity(columns.len());
    for (order, key) in resolved.order().iter().zip(keys) {
        let index = shape.layout.indexes.get(order.index()?)?;
        cells.extend(column_cells(index, key)?);
    }
    if cells.len() != columns.len() || cells.iter().any(|cell| matches!(cell, Cell::Bytes(_))) {
        return None;
    }
    let mut alternatives = Vec::new();
    let mut equal = Sql::default();
    for ((column, descending), cell) in columns.iter().zip(&cells) {
        let later = match (cell, descending) {
            // None is the smallest.
            (Cell::Null, false) => Some(Sql::new(format!("{column} IS NOT NULL"), Vec::new())),
            (Cell::Null, true) => None,
            (cell, false) => Some(Sql::new(format!("{column} > ?"), vec![cell.clone()])),
            (cell, true) => {
                let text = format!("({column} < ? OR {column} IS NULL)");
                Some(Sql::new(text, vec![cell.clone()]))
            }
        };
        if let Some(later) = later {
            let mut alternative = equal.clone();
            alternative.and(later);
            alternatives.push(alternative);
        }
        equal.and(match cell {
            Cell::Null => Sql::new(format!("{column} IS NULL"), Vec::new()),
            cell => Sql::new(format!("{column} = ?"), vec![cell.clone()]),
        });
    }
    equal.and(Sql::new("id > ?", vec![Cell::text(id)]));
    alternatives.push(equal);
    let chain = Sql::new(
        format!(
            "({})",
            alternatives
                .iter()
                .map(|sql| format!("({})", sql.text))
                .collect::<Vec<_>>()
                .join(" OR ")
        ),
        alternatives.into_iter().flat_map(|sql| sql.cells).collect(),
    );
    // A bound on the first column, so that an index is entered where the page begins.
    let (Some((column, descending)), Some(first)) = (columns.first(), cells.first()) else {
        return Some(vec![chain]);
    };
    let bounded = |sign: &str, cell: &Cell| {
        let mut sql = Sql::new(format!("{column} {sign} ?"), vec![cell.clone()]);
        sql.and(chain.clone());
        sql
    };
    Some(match (first, descending) {
        (Cell::Null, _) => vec![chain],
        (cell, false) => vec![bounded(">=", cell)],
        (cell, true) => vec![
            bounded("<=", cell),
            Sql::new(format!("{column} IS NULL"), Vec::new()),
        ],
    })
}
