//! A repository in which somebody else writes at the worst moment: after it was read, and before
//! what was read is acted on.

use std::fmt;
use std::sync::{Arc, Mutex};

use larder::{
    AnyRepository, Changes, Collection, CollectionStats, Cursor, Data, Health, LoadReport, Op,
    Outcome, Plan, Query, Repository, Result, Write,
};

type Meddle<T> = Box<dyn FnOnce(&AnyRepository<T>) + Send>;

/// Runs a closure once, at the end of the first query.
pub(crate) struct Meddler<T: Data> {
    inner: AnyRepository<T>,
    meddle: Mutex<Option<Meddle<T>>>,
}

impl<T: Data> Meddler<T> {
    pub(crate) fn new(
        inner: AnyRepository<T>,
        meddle: impl FnOnce(&AnyRepository<T>) + Send + 'static,
    ) -> Self {
        let meddle: Meddle<T> = Box::new(meddle);
        Self {
            inner,
            meddle: Mutex::new(Some(meddle)),
        }
    }
}

impl<T: Data> fmt::Debug for Meddler<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Meddler")
    }
}

impl<T: Data> Repository<T> for Meddler<T> {
    fn collection(&self) -> &Collection<T> {
        self.inner.collection()
    }

    fn get(&self, id: &str) -> Result<Option<Arc<T>>> {
        self.inner.get(id)
    }

    fn query(&self, query: &Query<T>) -> Result<Vec<Arc<T>>> {
        let found = self.inner.query(query);
        let meddle = self.meddle.lock().unwrap().take();
        if let Some(meddle) = meddle {
            meddle(&self.inner);
        }
        found
    }

    fn count_matching(&self, query: &Query<T>) -> Result<u64> {
        self.inner.count_matching(query)
    }

    fn plan(&self, query: &Query<T>) -> Result<Plan> {
        self.inner.plan(query)
    }

    fn cursor_after(&self, query: &Query<T>, record: &T) -> Result<Cursor> {
        self.inner.cursor_after(query, record)
    }

    fn apply(&self, ops: Vec<Op<T>>) -> Result<Write<Vec<Outcome<T>>>> {
        self.inner.apply(ops)
    }

    fn listen(&self, capacity: usize) -> Result<Changes<T>> {
        self.inner.listen(capacity)
    }

    fn flush(&self) -> Write<()> {
        self.inner.flush()
    }

    fn load_report(&self) -> Arc<LoadReport> {
        self.inner.load_report()
    }

    fn health(&self) -> Health {
        self.inner.health()
    }

    fn stats(&self) -> Result<CollectionStats> {
        self.inner.stats()
    }
}
