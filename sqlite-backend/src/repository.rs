//! A collection of a SQLite store.
//!
//! Owns [`SqliteRepository`]: each call of a repository, put together from reading (`select.rs`) and
//! writing (`apply.rs`).

use std::fmt;
use std::sync::Arc;

use larder_core::backend::{Resolved, cursor_after};
use larder_core::{
    Changes, Collection, CollectionStats, Cursor, Data, Error, Health, LoadReport, Op, Outcome,
    Plan, Query, Repository, Result, Write,
};
use rusqlite::Connection;

use crate::apply::apply;
use crate::error::SqliteError;
use crate::explain::explain;
use crate::names::{Quoted, list_table};
use crate::rows::Rows;
use crate::select::{Trouble, count, count_rows, get, select};
use crate::shape::Shape;
use crate::store::Shared;

/// A collection of a [`SqliteStore`](crate::SqliteStore). It keeps the store open.
pub struct SqliteRepository<T> {
    rows: Arc<Rows<T>>,
    shared: Arc<Shared>,
}

impl<T> fmt::Debug for SqliteRepository<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteRepository")
            .field("store", &self.shared)
            .finish_non_exhaustive()
    }
}

impl<T> Clone for SqliteRepository<T> {
    fn clone(&self) -> Self {
        Self {
            rows: Arc::clone(&self.rows),
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<T: Data> SqliteRepository<T> {
    pub(crate) fn new(rows: Arc<Rows<T>>, shared: Arc<Shared>) -> Self {
        Self { rows, shared }
    }

    fn here(&self, error: Error) -> Error {
        error.with_collection(self.rows.admission.collection().name())
    }

    /// Looks up the names of a query, and answers it.
    fn answer<R>(
        &self,
        query: &Query<T>,
        answer: impl Fn(&Connection, &Shape, &Resolved<'_, T>) -> Result<R, Trouble>,
        from_memory: impl Fn(&larder_core::backend::Table<T>) -> Result<R>,
    ) -> Result<R> {
        self.shared.check_open()?;
        Resolved::new(&self.rows.admission, query)
            .and_then(|resolved| {
                self.rows.read(
                    |connection, shape| answer(connection, shape, &resolved),
                    from_memory,
                )
            })
            .map_err(|error| self.here(error))
    }
}

impl<T: Data> Repository<T> for SqliteRepository<T> {
    fn collection(&self) -> &Collection<T> {
        self.rows.admission.collection()
    }

    fn get(&self, id: &str) -> Result<Option<Arc<T>>> {
        self.shared.check_open()?;
        self.rows
            .read_row(
                |connection, shape| get(connection, shape, self.rows.live.outside(), id),
                |table| Ok(table.get(id)),
            )
            .map_err(|error| self.here(error))
    }

    fn query(&self, query: &Query<T>) -> Result<Vec<Arc<T>>> {
        let rows = &self.rows;
        self.answer(
            query,
            |connection, shape, resolved| {
                select(connection, shape, rows.live.outside(), resolved, rows.plain)
            },
            |table| table.query(query),
        )
    }

    fn count_matching(&self, query: &Query<T>) -> Result<u64> {
        let rows = &self.rows;
        self.answer(
            query,
            |connection, shape, resolved| {
                count(connection, shape, rows.live.outside(), resolved, rows.plain)
            },
            |table| table.count(query),
        )
    }

    fn plan(&self, query: &Query<T>) -> Result<Plan> {
        self.answer(
            query,
            |connection, shape, resolved| {
                Ok(explain(connection, shape, resolved, self.rows.plain)?)
            },
            |table| table.explain(query),
        )
    }

    fn cursor_after(&self, query: &Query<T>, record: &T) -> Result<Cursor> {
        self.shared.check_open()?;
        cursor_after(&self.rows.admission, query, record).map_err(|error| self.here(error))
    }

    fn apply(&self, ops: Vec<Op<T>>) -> Result<Write<Vec<Outcome<T>>>> {
        apply(&self.rows, ops)
    }

    fn listen(&self, capacity: usize) -> Result<Changes<T>> {
        self.shared.check_open()?;
        let name = Arc::clone(&self.rows.name);
        Changes::open(&self.rows.journal, name, capacity).map_err(|error| self.here(error))
    }

    fn flush(&self) -> Write<()> {
        self.rows.journal.flush()
    }

    fn load_report(&self) -> Arc<LoadReport> {
        Arc::clone(self.rows.report())
    }

    fn health(&self) -> Health {
        self.shared.health()
    }

    fn stats(&self) -> Result<CollectionStats> {
        self.shared.check_open()?;
        let name = self.collection().name();
        self.rows
            .read(
                |connection, shape| {
                    let records = count_rows(connection, shape, "1", &[])?;
                    let sizes = index_sizes(connection, shape)?;
                    Ok(CollectionStats::new(name, records, sizes))
                },
                |table| {
                    let (records, sizes) = (table.len() as u64, table.index_sizes());
                    Ok(CollectionStats::new(name, records, sizes))
                },
            )
            .map_err(|error| self.here(error))
    }
}

/// How many different keys each index holds.
fn index_sizes(connection: &Connection, shape: &Shape) -> Result<Vec<(String, u64)>, SqliteError> {
    shape
        .layout
        .indexes
        .iter()
        .map(|index| {
            let (columns, table) = if index.multi {
                let table = list_table(&shape.collection, &index.label);
                ("key".to_owned(), Quoted(&table).to_string())
            } else {
                let columns: Vec<String> = index
                    .columns
                    .iter()
                    .map(|column| Quoted(&column.name).to_string())
                    .collect();
                (columns.join(", "), shape.table.clone())
            };
            let sql = format!("SELECT count(*) FROM (SELECT DISTINCT {columns} FROM {table})");
            connection
                .prepare_cached(&sql)
                .and_then(|mut select| select.query_row([], |row| row.get::<_, i64>(0)))
                .map(|keys| (index.name.clone(), keys.unsigned_abs()))
                .map_err(SqliteError::sql("count the keys of an index"))
        })
        .collect()
}
