//! A transaction that is none: what it does is done at once, for everybody to see, and stays.
//!
//! Owns [`Through`], a shelf of parts that hand everything to their repositories.

use std::any::Any;
use std::sync::Arc;

use larder_core::backend::{Journal, Part, Shelf};
use larder_core::{Data, LoadReport, Op, Outcome, Query, Repository, Result, Transaction, Write};

use super::repository::FaultyRepository;

#[derive(Debug)]
pub(super) struct Through {
    shelf: Shelf,
    journal: Journal,
}

impl Default for Through {
    fn default() -> Self {
        Self {
            shelf: Shelf::default(),
            journal: Journal::memory(),
        }
    }
}

/// The repository without the shared state of its store, which has this shelf.
struct ThroughPart<T>(Arc<dyn Repository<T>>);

impl Through {
    pub(super) fn add<T: Data>(&self, repository: &FaultyRepository<T>) -> Result<()> {
        let inner = Arc::clone(&repository.inner);
        let name = inner.collection().name().to_owned();
        self.shelf.get_or_open(&self.journal, &name, || {
            let part: Arc<dyn Part<T>> = Arc::new(ThroughPart(Arc::clone(&inner)));
            Ok((Arc::new(inner), part, Arc::<LoadReport>::default()))
        })?;
        Ok(())
    }

    pub(super) fn transact(
        &self,
        body: &mut dyn FnMut(&Transaction<'_>) -> Result<()>,
    ) -> Result<Write<()>> {
        body(&Transaction::new(&self.shelf, &()))?;
        Ok(Write::done(()))
    }
}

impl<T: Data> Part<T> for ThroughPart<T> {
    fn get(&self, _session: &dyn Any, id: &str) -> Result<Option<Arc<T>>> {
        self.0.get(id)
    }

    fn query(&self, _session: &dyn Any, query: &Query<T>) -> Result<Vec<Arc<T>>> {
        self.0.query(query)
    }

    fn count(&self, _session: &dyn Any, query: &Query<T>) -> Result<u64> {
        self.0.count_matching(query)
    }

    fn apply(&self, _session: &dyn Any, ops: Vec<Op<T>>) -> Result<Vec<Outcome<T>>> {
        self.0.apply(ops)?.into_visible()
    }
}
