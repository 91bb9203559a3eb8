//! How a query is served.
//!
//! Owns [`explain`]: SQLite's own plan, in the words that all backends use.

use larder_core::backend::Resolved;
use larder_core::{Access, Data, Plan};
use rusqlite::{Connection, params_from_iter};

use crate::error::SqliteError;
use crate::layout::IndexLayout;
use crate::names;
use crate::predicate::{Served, predicate};
use crate::search::Search;
use crate::select::count_rows;
use crate::shape::Shape;

/// How a query is served now, and how many records it reads.
pub(crate) fn explain<T: Data>(
    connection: &Connection,
    shape: &Shape,
    resolved: &Resolved<'_, T>,
    plain: bool,
) -> Result<Plan, SqliteError> {
    let search = Search::new(connection, shape, resolved, plain)?;
    let rows = count_rows(connection, shape, "1", &[])?;
    let residual = resolved.residual(|position| search.is_served(position));
    let steps = match search.parts.first() {
        Some(part) => {
            let sql = format!(
                "EXPLAIN QUERY PLAN SELECT id, doc FROM {} WHERE {} ORDER BY {}",
                shape.table, part.text, search.order
            );
            let read = || -> rusqlite::Result<Vec<String>> {
                connection
                    .prepare(&sql)?
                    .query_map(params_from_iter(&part.cells), |row| row.get(3))?
                    .collect()
            };
            read().map_err(SqliteError::sql("explain a query"))?
        }
        // Nothing can be found: nothing is read.
        None => Vec::new(),
    };
    let sorts = !resolved.order().is_empty()
        && (!search.is_ordered || steps.iter().any(|step| step.contains("TEMP B-TREE")));

    let used = used_index(shape, &steps);
    let disorder = |_: &IndexLayout, _: usize| Ok(true);
    if let Some((position, index)) = used {
        for (place, condition) in resolved.conditions().iter().enumerate() {
            if condition.index() != Some(position) || !search.is_served(place) {
                continue;
            }
            let found = match predicate(shape, condition, plain, &disorder)? {
                Served::Wholly(sql) | Served::Partly(sql) => {
                    count_rows(connection, shape, &sql.text, &sql.cells)?
                }
                Served::Never => 0,
                Served::No => rows,
            };
            let access = Access::Index {
                index: index.name.clone(),
                unique: index.unique,
                condition: condition.condition().to_string(),
            };
            return Ok(Plan::new(access, found, rows, residual, sorts));
        }
    }
    let limited = search.is_ordered && !sorts && search.is_whole(resolved);
    let mut read = 0;
    if limited {
        for part in &search.parts {
            read += count_rows(connection, shape, &part.text, &part.cells)?;
        }
        read = read.min(resolved.limit() as u64);
    } else if !search.parts.is_empty() {
        read = rows;
    }
    let access = match used {
        Some((_, index)) => Access::OrderedIndex {
            index: index.name.clone(),
        },
        None => Access::Scan,
    };
    Ok(Plan::new(access, read, rows, residual, sorts))
}

/// The index that SQLite says it uses.
fn used_index<'s>(shape: &'s Shape, steps: &[String]) -> Option<(usize, &'s IndexLayout)> {
    let object = |index: &IndexLayout| {
        if index.multi {
            names::list_index(&shape.collection, &index.label)
        } else {
            names::index(&shape.collection, &index.label)
        }
    };
    let indexes = shape.layout.indexes.iter().enumerate();
    // The longest name: one may be the beginning of another.
    indexes
        .filter(|(_, index)| {
            let name = format!("INDEX {}", object(index));
            steps.iter().any(|step| step.contains(&name))
        })
        .max_by_key(|(_, index)| object(index).len())
}
