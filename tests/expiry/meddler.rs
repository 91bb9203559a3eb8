//! A repository in which somebody else writes at the worst moment: after it was read, and before
//! what was read is acted on.

use std::fmt;
use std::sync::{Arc, Mutex};

use larder::{AnyRepository, Data, Query, Repository, Result};
use larder_testkit::{Double, Doubled};

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
    ) -> Doubled<Self> {
        let meddle: Meddle<T> = Box::new(meddle);
        Doubled(Self {
            inner,
            meddle: Mutex::new(Some(meddle)),
        })
    }
}

impl<T: Data> fmt::Debug for Meddler<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Meddler")
    }
}

impl<T: Data> Double<T> for Meddler<T> {
    fn inner(&self) -> &dyn Repository<T> {
        &*self.inner
    }

    fn query(&self, query: &Query<T>) -> Result<Vec<Arc<T>>> {
        let found = self.inner.query(query);
        let meddle = self.meddle.lock().unwrap().take();
        if let Some(meddle) = meddle {
            meddle(&self.inner);
        }
        found
    }
}
