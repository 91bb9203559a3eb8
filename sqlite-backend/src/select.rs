//! Finding records: running what a query is in SQL, and doing the rest.
//!
//! Owns reading rows as records, and [`select`], [`count`] and [`get`]. Everything here runs in a
//! snapshot of its caller's. What a user wrote runs while rows are read, and holds up nobody: other
//! connections read and write meanwhile.

use std::sync::Arc;

use larder_core::backend::Resolved;
use larder_core::{Data, Error, Key};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, params_from_iter};

use crate::cell::Cell;
use crate::error::SqliteError;
use crate::live::Seen;
use crate::search::Search;
use crate::shape::Shape;

/// Why a read did not come to its end.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// It failed.
    Error(Error),
    /// There are rows that somebody else wrote: they have to be let in first.
    Unverified,
    /// The row with this id was verified, and the type cannot read it: its code has changed, and its
    /// schema has not.
    Unreadable(String),
    /// The tables of the database are not those of the shape.
    Reshaped,
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<SqliteError> for Trouble {
    fn from(error: SqliteError) -> Self {
        Self::Error(error.into())
    }
}

/// A record that was found.
struct Found<T> {
    /// Empty if the rows come in the order of the query.
    id: String,
    record: Arc<T>,
}

fn text<'r>(row: &'r Row<'_>, column: usize) -> rusqlite::Result<&'r [u8]> {
    Ok(match row.get_ref(column)? {
        ValueRef::Text(bytes) => bytes,
        _ => &[],
    })
}

/// The record that a document is.
pub(crate) fn record<T: Data>(live: Seen<'_, T>, id: &str, doc: &str) -> Result<Arc<T>, Trouble> {
    if let Some(saved) = live.get(id, doc) {
        return Ok(saved);
    }
    serde_json::from_str(doc)
        .map(Arc::new)
        .map_err(|_| Trouble::Unreadable(id.to_owned()))
}

/// `with_id`: whether the records are to be sorted.
fn found<T: Data>(live: Seen<'_, T>, row: &Row<'_>, with_id: bool) -> Result<Found<T>, Trouble> {
    let fail = || SqliteError::sql("read a record");
    let id = || -> Result<String, Trouble> {
        let id = text(row, 0).map_err(fail())?;
        Ok(String::from_utf8_lossy(id).into_owned())
    };
    let doc = text(row, 1).map_err(fail())?;
    let Ok(doc) = std::str::from_utf8(doc) else {
        return Err(Trouble::Unreadable(id()?));
    };
    if with_id || live.is_wanted() {
        let id = id()?;
        let record = record(live, &id, doc)?;
        return Ok(Found { id, record });
    }
    match serde_json::from_str(doc) {
        Ok(record) => Ok(Found {
            id: String::new(),
            record: Arc::new(record),
        }),
        Err(_) => Err(Trouble::Unreadable(id()?)),
    }
}

/// The record with this id.
pub(crate) fn get<T: Data>(
    connection: &Connection,
    shape: &Shape,
    live: Seen<'_, T>,
    id: &str,
) -> Result<Option<Arc<T>>, Trouble> {
    let fail = || SqliteError::sql("read a record");
    let mut select = connection.prepare_cached(&shape.get).map_err(fail())?;
    let mut rows = select.query([id]).map_err(fail())?;
    let Some(row) = rows.next().map_err(fail())? else {
        return Ok(None);
    };
    if row.get::<_, i64>(1).map_err(fail())? == 0 || row.get::<_, bool>(2).map_err(fail())? {
        return Err(Trouble::Unverified);
    }
    match text(row, 0).map(std::str::from_utf8).map_err(fail())? {
        Ok(doc) => record(live, id, doc).map(Some),
        Err(_) => Err(Trouble::Unreadable(id.to_owned())),
    }
}

/// What a query finds, in its order.
pub(crate) fn select<T: Data>(
    connection: &Connection,
    shape: &Shape,
    live: Seen<'_, T>,
    resolved: &Resolved<'_, T>,
    plain: bool,
) -> Result<Vec<Arc<T>>, Trouble> {
    let search = Search::new(connection, shape, resolved, plain)?;
    let whole = search.is_whole(resolved);
    let limit = resolved.limit();
    let mut records: Vec<Found<T>> = Vec::new();
    for part in &search.parts {
        let wanted = limit - records.len().min(limit);
        if search.is_ordered && wanted == 0 {
            break;
        }
        let mut sql = format!(
            "SELECT id, doc FROM {} WHERE {} ORDER BY {}",
            shape.table, part.text, search.order
        );
        let mut cells = part.cells.clone();
        if search.is_ordered
            && whole
            && let Ok(wanted) = i64::try_from(wanted)
        {
            sql.push_str(" LIMIT ?");
            cells.push(Cell::Integer(wanted));
        }
        each(connection, &sql, &cells, |row| {
            let found = found(live, row, !search.is_ordered)?;
            if whole || resolved.admits(&found.record, |position| search.is_served(position)) {
                records.push(found);
            }
            Ok(!search.is_ordered || records.len() < limit)
        })?;
    }
    if !search.is_ordered {
        sort(resolved, &mut records);
    }
    Ok(records.into_iter().map(|found| found.record).collect())
}

/// Runs a statement and looks at its rows, until it is enough.
fn each(
    connection: &Connection,
    sql: &str,
    cells: &[Cell],
    mut look: impl FnMut(&Row<'_>) -> Result<bool, Trouble>,
) -> Result<(), Trouble> {
    let fail = || SqliteError::sql("find records");
    let mut select = connection.prepare_cached(sql).map_err(fail())?;
    let mut rows = select.query(params_from_iter(cells)).map_err(fail())?;
    while let Some(row) = rows.next().map_err(fail())? {
        if !look(row)? {
            break;
        }
    }
    Ok(())
}

/// Orders records and cuts off what is before the cursor and beyond the limit.
fn sort<T: Data>(resolved: &Resolved<'_, T>, records: &mut Vec<Found<T>>) {
    let mut keyed: Vec<(Vec<Key>, Found<T>)> = std::mem::take(records)
        .into_iter()
        .map(|found| (resolved.order_keys(&found.record), found))
        .collect();
    if let Some(place) = resolved.after() {
        keyed.retain(|(keys, found)| resolved.compare((keys, &found.id), place).is_gt());
    }
    keyed.sort_unstable_by(|a, b| resolved.compare((&a.0, &a.1.id), (&b.0, &b.1.id)));
    keyed.truncate(resolved.limit());
    records.extend(keyed.into_iter().map(|(_, found)| found));
}

/// How many records a query finds.
pub(crate) fn count<T: Data>(
    connection: &Connection,
    shape: &Shape,
    live: Seen<'_, T>,
    resolved: &Resolved<'_, T>,
    plain: bool,
) -> Result<u64, Trouble> {
    let search = Search::new(connection, shape, resolved, plain)?;
    if !search.is_whole(resolved) || !search.is_ordered {
        return select(connection, shape, live, resolved, plain).map(|found| found.len() as u64);
    }
    let mut counted = 0;
    for part in &search.parts {
        counted += count_rows(connection, shape, &part.text, &part.cells)?;
    }
    Ok(counted.min(resolved.limit() as u64))
}

/// How many rows there are of which this holds.
pub(crate) fn count_rows(
    connection: &Connection,
    shape: &Shape,
    holds: &str,
    cells: &[Cell],
) -> Result<u64, SqliteError> {
    let sql = format!("SELECT count(*) FROM {} WHERE {holds}", shape.table);
    connection
        .prepare_cached(&sql)
        .and_then(|mut select| {
            select.query_row(params_from_iter(cells), |row| row.get::<_, i64>(0))
        })
        .map(i64::unsigned_abs)
        .map_err(SqliteError::sql("count records"))
}
