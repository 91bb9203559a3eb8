//! A collection of a JSON store.
//!
//! Owns [`JsonRepository`]. Reads and writes are the table's, in memory; this adds that a closed
//! store answers nothing, and what the file says.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use larder_core::backend::Table;
use larder_core::{
    Collection, CollectionStats, Cursor, Data, Health, LoadReport, Op, Outcome, Plan, Query,
    Repository, Result, Write,
};

use crate::store::Shared;

/// A collection of a [`JsonStore`](crate::JsonStore). It keeps the store open.
pub struct JsonRepository<T> {
    table: Arc<Table<T>>,
    store: Arc<Shared>,
}

impl<T> fmt::Debug for JsonRepository<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonRepository")
            .field("table", &self.table)
            .finish_non_exhaustive()
    }
}

impl<T> Clone for JsonRepository<T> {
    fn clone(&self) -> Self {
        Self {
            table: Arc::clone(&self.table),
            store: Arc::clone(&self.store),
        }
    }
}

impl<T: Data> JsonRepository<T> {
    pub(crate) fn new(table: Arc<Table<T>>, store: Arc<Shared>) -> Self {
        Self { table, store }
    }

    fn open(&self) -> Result<&Table<T>> {
        self.store.check_open()?;
        Ok(&self.table)
    }
}

impl<T: Data> Repository<T> for JsonRepository<T> {
    fn collection(&self) -> &Collection<T> {
        self.table.collection()
    }

    fn get(&self, id: &str) -> Result<Option<Arc<T>>> {
        Ok(self.open()?.get(id))
    }

    fn query(&self, query: &Query<T>) -> Result<Vec<Arc<T>>> {
        self.open()?.query(query)
    }

    fn count_matching(&self, query: &Query<T>) -> Result<u64> {
        self.open()?.count(query)
    }

    fn plan(&self, query: &Query<T>) -> Result<Plan> {
        self.open()?.explain(query)
    }

    fn cursor_after(&self, query: &Query<T>, record: &T) -> Result<Cursor> {
        self.open()?.cursor_after(query, record)
    }

    fn apply(&self, ops: Vec<Op<T>>) -> Result<Write<Vec<Outcome<T>>>> {
        self.table.apply(ops)
    }

    fn flush(&self) -> Write<()> {
        self.store.journal().flush()
    }

    fn load_report(&self) -> Arc<LoadReport> {
        Arc::clone(self.table.report())
    }

    fn health(&self) -> Health {
        self.store.health()
    }

    fn stats(&self) -> Result<CollectionStats> {
        let table = self.open()?;
        let name = table.collection().name();
        let mut stats = CollectionStats::new(name, table.len() as u64, table.index_sizes());
        if let Some((bytes, modified)) = self.store.file_stats(name)? {
            stats.bytes = Some(bytes);
            stats.written = modified
                .and_then(|ns| u64::try_from(ns).ok())
                .and_then(|ns| SystemTime::UNIX_EPOCH.checked_add(Duration::from_nanos(ns)));
        }
        Ok(stats)
    }
}
