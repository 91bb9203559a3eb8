//! A repository in the place of another, for tests of what stands on repositories.
//!
//! Owns [`Double`] and [`Doubled`]. What it does otherwise is each test's.

use std::fmt::Debug;
use std::sync::Arc;

use larder_core::{
    Changes, Collection, CollectionStats, Cursor, Data, Health, LoadReport, Op, Outcome, Plan,
    Query, Repository, Result, Write,
};

/// What a repository does that stands in the place of another: the same, but for the methods that are
/// written anew. [`Doubled`] is the repository.
///
/// ```
/// use std::sync::Arc;
/// use larder_core::{
///     Collection, Error, ErrorKind, MemoryStore, Op, Outcome, Repository, RepositoryExt, Result, Write,
/// };
/// use larder_testkit::{Double, Doubled};
/// use serde_json::{Value, json};
///
/// /// A disk that is full: how does my program take that?
/// #[derive(Debug)]
/// struct Full(Arc<dyn Repository<Value>>);
///
/// impl Double<Value> for Full {
///     fn inner(&self) -> &dyn Repository<Value> {
///         &*self.0
///     }
///
///     fn apply(&self, _: Vec<Op<Value>>) -> Result<Write<Vec<Outcome<Value>>>> {
///         Err(Error::new(ErrorKind::Io, "the disk is full"))
///     }
/// }
///
/// let store = MemoryStore::new();
/// let notes = store.collection(Collection::<Value>::named("notes"))?;
/// notes.save(json!({"id": "a"}))?.wait()?;
/// let full = Doubled(Full(Arc::new(notes)));
/// assert_eq!(full.save(json!({"id": "b"})).unwrap_err().kind(), ErrorKind::Io);
/// assert!(full.get("a")?.is_some());
/// # Ok::<(), larder_core::Error>(())
/// ```
#[allow(
    clippy::missing_errors_doc,
    reason = "each method is that of `Repository`"
)]
pub trait Double<T: Data>: Debug + Send + Sync {
    /// The other one.
    fn inner(&self) -> &dyn Repository<T>;

    /// As [`Repository::get`].
    fn get(&self, id: &str) -> Result<Option<Arc<T>>> {
        self.inner().get(id)
    }

    /// As [`Repository::query`].
    fn query(&self, query: &Query<T>) -> Result<Vec<Arc<T>>> {
        self.inner().query(query)
    }

    /// As [`Repository::count_matching`].
    fn count_matching(&self, query: &Query<T>) -> Result<u64> {
        self.inner().count_matching(query)
    }

    /// As [`Repository::cursor_after`].
    fn cursor_after(&self, query: &Query<T>, record: &T) -> Result<Cursor> {
        self.inner().cursor_after(query, record)
    }

    /// As [`Repository::apply`].
    fn apply(&self, ops: Vec<Op<T>>) -> Result<Write<Vec<Outcome<T>>>> {
        self.inner().apply(ops)
    }

    /// As [`Repository::flush`].
    fn flush(&self) -> Write<()> {
        self.inner().flush()
    }
}

/// A repository that does what its [`Double`] says.
#[derive(Debug)]
pub struct Doubled<D>(pub D);

#[deny(clippy::missing_trait_methods)]
impl<T: Data, D: Double<T>> Repository<T> for Doubled<D> {
    fn collection(&self) -> &Collection<T> {
        self.0.inner().collection()
    }

    fn get(&self, id: &str) -> Result<Option<Arc<T>>> {
        self.0.get(id)
    }

    fn query(&self, query: &Query<T>) -> Result<Vec<Arc<T>>> {
        self.0.query(query)
    }

    fn count_matching(&self, query: &Query<T>) -> Result<u64> {
        self.0.count_matching(query)
    }

    fn plan(&self, query: &Query<T>) -> Result<Plan> {
        self.0.inner().plan(query)
    }

    fn cursor_after(&self, query: &Query<T>, record: &T) -> Result<Cursor> {
        self.0.cursor_after(query, record)
    }

    fn apply(&self, ops: Vec<Op<T>>) -> Result<Write<Vec<Outcome<T>>>> {
        self.0.apply(ops)
    }

    fn listen(&self, capacity: usize) -> Result<Changes<T>> {
        self.0.inner().listen(capacity)
    }

    fn flush(&self) -> Write<()> {
        self.0.flush()
    }

    fn load_report(&self) -> Arc<LoadReport> {
        self.0.inner().load_report()
    }

    fn health(&self) -> Health {
        self.0.inner().health()
    }

    fn stats(&self) -> Result<CollectionStats> {
        self.0.inner().stats()
    }
}
