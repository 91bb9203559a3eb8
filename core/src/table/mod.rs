//! A collection in memory: the engine of the memory store and of the JSON store.
//!
//! Owns [`Table`]: admitting records, applying operations all or nothing, and answering reads
//! without touching a disk. Rows and entries are in `state.rs`, queries in `select.rs` and `route.rs`, its share in
//! a transaction is `stage.rs`.
//!
//! Nothing that a user wrote (serde code, checks, filters, comparisons) runs while a lock is held
//! that a reader needs, so a panic there leaves everything as it was.

mod ahead;
mod apply;
mod check;
mod entries;
mod loader;
mod repository;
mod route;
mod select;
mod stage;
mod state;

use std::fmt;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::admission::Admission;
use crate::changes::Changes;
use crate::collection::Collection;
use crate::cursor::Cursor;
use crate::error::{Error, Result};
use crate::journal::Journal;
use crate::plan::Plan;
use crate::query::Query;
use crate::record::Data;
use crate::refusal::newer_version;
use crate::report::LoadReport;
use crate::transaction::Part;
use state::State;

pub use loader::{Loaded, Loader, Loser};
pub use repository::{Host, TableRepository};
pub use stage::transact_tables;

/// A collection in memory.
pub struct Table<T> {
    name: Arc<str>,
    admission: Arc<Admission<T>>,
    state: RwLock<State<T>>,
    journal: Arc<Journal>,
    report: Arc<LoadReport>,
    /// The version of the data, if it is newer than the collection's: then it is not written.
    newer: Option<u32>,
}

impl<T> fmt::Debug for Table<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl<T: Data> Table<T> {
    /// An empty collection.
    #[must_use]
    pub fn new(admission: Arc<Admission<T>>, journal: Arc<Journal>) -> Self {
        Loader::<T, ()>::new(admission)
            .finish()
            .into_table(journal, LoadReport::default())
    }

    /// The collection's description.
    #[must_use]
    pub fn collection(&self) -> &Collection<T> {
        self.admission.collection()
    }

    /// What loading found.
    #[must_use]
    pub fn report(&self) -> &Arc<LoadReport> {
        &self.report
    }

    /// The same table for reading only, because its data is of this newer version.
    #[must_use]
    pub fn of_newer(mut self, version: u32) -> Self {
        self.newer = Some(version);
        self
    }

    /// Whether it may be written.
    fn check_known(&self) -> Result<()> {
        match self.newer {
            Some(found) => Err(newer_version(found, self.collection().version())),
            None => Ok(()),
        }
    }

    /// The collection as it takes part in transactions, for the store's shelf.
    #[must_use]
    pub fn part(self: &Arc<Self>) -> Arc<dyn Part<T>> {
        Arc::new(stage::TablePart(Arc::clone(self)))
    }

    /// The order of the store's writes.
    #[must_use]
    pub fn journal(&self) -> &Arc<Journal> {
        &self.journal
    }

    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.state.read().len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many different keys each index holds, by its name.
    #[must_use]
    pub fn index_sizes(&self) -> Vec<(String, u64)> {
        let state = self.state.read();
        let names = self
            .admission
            .indexes()
            .iter()
            .map(|index| index.name().to_owned());
        names
            .zip(state.indexes.iter().map(|entries| entries.len() as u64))
            .collect()
    }

    /// The record with this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<Arc<T>> {
        self.state.read().get(id).cloned()
    }

    /// What a query finds, in its order.
    ///
    /// # Errors
    ///
    /// [`InvalidQuery`](crate::ErrorKind::InvalidQuery).
    pub fn query(&self, query: &Query<T>) -> Result<Vec<Arc<T>>> {
        select::select(&self.admission, &self.state, query).map_err(|error| self.here(error))
    }

    /// How many records a query finds.
    ///
    /// # Errors
    ///
    /// [`InvalidQuery`](crate::ErrorKind::InvalidQuery).
    pub fn count(&self, query: &Query<T>) -> Result<u64> {
        let is_all = query.conditions.is_empty()
            && query.filters.is_empty()
            && query.order.is_empty()
            && query.after.is_none();
        if is_all && query.error.is_none() {
            let limit = query.limit.unwrap_or(usize::MAX);
            return Ok(self.len().min(limit) as u64);
        }
        select::count(&self.admission, &self.state, query).map_err(|error| self.here(error))
    }

    /// How a query is served, and how many records it reads now.
    ///
    /// # Errors
    ///
    /// [`InvalidQuery`](crate::ErrorKind::InvalidQuery).
    pub fn explain(&self, query: &Query<T>) -> Result<Plan> {
        select::explain(&self.admission, &self.state, query).map_err(|error| self.here(error))
    }

    /// The place after this record in the order of this query.
    ///
    /// # Errors
    ///
    /// [`InvalidQuery`](crate::ErrorKind::InvalidQuery).
    pub fn cursor_after(&self, query: &Query<T>, record: &T) -> Result<Cursor> {
        crate::resolve::cursor_after(&self.admission, query, record)
            .map_err(|error| self.here(error))
    }

    /// The changes of this collection from now on.
    ///
    /// # Errors
    ///
    /// [`NestedTransaction`](crate::ErrorKind::NestedTransaction).
    pub fn listen(&self, capacity: usize) -> Result<Changes<T>> {
        Changes::open(&self.journal, Arc::clone(&self.name), capacity)
            .map_err(|error| self.here(error))
    }

    fn here(&self, error: Error) -> Error {
        error.with_collection(&*self.name)
    }
}
