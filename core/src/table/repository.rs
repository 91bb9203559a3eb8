//! A table as a repository: what the stores that hold their records in memory have in common.
//!
//! Owns [`TableRepository`] and what it asks of its store ([`Host`]). Reads and writes are the
//! table's.

use std::fmt;
use std::sync::Arc;

use super::Table;
use crate::changes::Changes;
use crate::collection::Collection;
use crate::cursor::Cursor;
use crate::error::Result;
use crate::health::Health;
use crate::op::{Op, Outcome};
use crate::plan::Plan;
use crate::query::Query;
use crate::record::Data;
use crate::report::LoadReport;
use crate::repository::Repository;
use crate::stats::CollectionStats;
use crate::write::Write;

/// The store that a repository belongs to, as far as the repository needs it.
pub trait Host: fmt::Debug + Send + Sync {
    /// Whether reads are answered.
    ///
    /// # Errors
    ///
    /// [`Closed`](crate::ErrorKind::Closed).
    fn check_open(&self) -> Result<()>;

    /// How the store fares with its disk.
    fn health(&self) -> Health;

    /// Adds what is known of a collection's file.
    ///
    /// # Errors
    ///
    /// [`Io`](crate::ErrorKind::Io).
    fn add_file(&self, stats: &mut CollectionStats) -> Result<()>;
}

/// A collection in memory as a repository. It keeps its store open.
pub struct TableRepository<T> {
    table: Arc<Table<T>>,
    host: Arc<dyn Host>,
}

impl<T> fmt::Debug for TableRepository<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableRepository")
            .field("table", &self.table)
            .finish_non_exhaustive()
    }
}

impl<T> Clone for TableRepository<T> {
    fn clone(&self) -> Self {
        Self {
            table: Arc::clone(&self.table),
            host: Arc::clone(&self.host),
        }
    }
}

impl<T: Data> TableRepository<T> {
    /// The repository of a table of this store.
    #[must_use]
    pub fn new(table: Arc<Table<T>>, host: Arc<dyn Host>) -> Self {
        Self { table, host }
    }

    fn open(&self) -> Result<&Table<T>> {
        self.host.check_open()?;
        Ok(&self.table)
    }
}

impl<T: Data> Repository<T> for TableRepository<T> {
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

    fn listen(&self, capacity: usize) -> Result<Changes<T>> {
        self.open()?.listen(capacity)
    }

    fn flush(&self) -> Write<()> {
        self.table.journal().flush()
    }

    fn load_report(&self) -> Arc<LoadReport> {
        Arc::clone(self.table.report())
    }

    fn health(&self) -> Health {
        self.host.health()
    }

    fn stats(&self) -> Result<CollectionStats> {
        let table = self.open()?;
        let mut stats = CollectionStats::new(
            table.collection().name(),
            table.len() as u64,
            table.index_sizes(),
        );
        self.host.add_file(&mut stats)?;
        Ok(stats)
    }
}
