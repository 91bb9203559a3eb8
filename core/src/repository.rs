//! The contract between a backend and those who use it.
//!
//! Owns [`Repository`]: small, and usable as `dyn`. The comfortable verbs are in `ext.rs`, made of
//! these, so that they are the same on every backend.

use std::fmt::Debug;
use std::sync::Arc;

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
use crate::stats::CollectionStats;
use crate::write::Write;

/// The records of one collection, on any backend.
///
/// Use it through [`RepositoryExt`](crate::RepositoryExt), which has the verbs: `find`, `save`,
/// `insert`, `update`, `delete` and so on.
///
/// # Contract
///
/// What an implementation promises, and what every backend is tested for:
///
/// * **Visible at once.** When [`apply`](Self::apply) returns `Ok`, every read that begins later
///   sees it.
/// * **Durable when awaited.** When the [`Write`] resolves `Ok`, the change survives what the
///   store's durability level names. What survives otherwise:
///
///   | after | the process is killed | the machine loses power |
///   |---|---|---|
///   | `apply` returned `Ok` | up to the backend: a JSON store may lose it until its debounce window ends | may be lost |
///   | the `Write` resolved `Ok` | kept | kept (`durability = "power-loss"`) |
///   | the `Write` resolved `Err` | visible and pending: it may be kept or lost | may be lost |
///   | the store's `close` resolved `Ok` | kept | kept (`durability = "power-loss"`) |
///
/// * **A refused write changes nothing.** After an `Err` of `apply` no record, index or sequence
///   number differs.
/// * **All or nothing.** The operations of one `apply` become visible together, and durable
///   together.
/// * **Order.** Changes of a store have one order; a reader that sees a change sees all before it.
///
/// # Wrappers
///
/// There are no default methods, so a wrapper that forgets one does not compile.
pub trait Repository<T: Data>: Debug + Send + Sync {
    /// The collection's description.
    fn collection(&self) -> &Collection<T>;

    /// The record with this id, as it is now.
    ///
    /// # Errors
    ///
    /// [`Closed`](crate::ErrorKind::Closed); on a database also
    /// [`Io`](crate::ErrorKind::Io). An id that no record can have finds nothing.
    fn get(&self, id: &str) -> Result<Option<Arc<T>>>;

    /// All records that a query finds, in its order, as they were at one moment.
    ///
    /// # Errors
    ///
    /// [`InvalidQuery`](crate::ErrorKind::InvalidQuery), and as [`get`](Self::get).
    fn query(&self, query: &Query<T>) -> Result<Vec<Arc<T>>>;

    /// How many records a query finds.
    ///
    /// # Errors
    ///
    /// As [`query`](Self::query).
    fn count_matching(&self, query: &Query<T>) -> Result<u64>;

    /// How a query is served now.
    ///
    /// # Errors
    ///
    /// As [`query`](Self::query).
    fn plan(&self, query: &Query<T>) -> Result<Plan>;

    /// The place after this record in the order of this query.
    ///
    /// # Errors
    ///
    /// As [`query`](Self::query).
    fn cursor_after(&self, query: &Query<T>, record: &T) -> Result<Cursor>;

    /// Does all of these operations or none of them, in this order, as one step.
    ///
    /// The outcomes are one per operation; a [`Op::Clear`] has one per record that was there.
    ///
    /// # Errors
    ///
    /// What is wrong with the first operation that cannot be done; nothing was changed.
    fn apply(&self, ops: Vec<Op<T>>) -> Result<Write<Vec<Outcome<T>>>>;

    /// The changes of this collection from now on, of which at most `capacity` wait to be read. A
    /// write that is under way is waited for, so what is read after this call and what is told
    /// leave no gap between them.
    ///
    /// # Errors
    ///
    /// [`NestedTransaction`](crate::ErrorKind::NestedTransaction) inside a transaction;
    /// [`Closed`](crate::ErrorKind::Closed).
    fn listen(&self, capacity: usize) -> Result<Changes<T>>;

    /// A wait for everything of the store that is visible now. The flush begins when it is
    /// awaited. Inside a transaction the wait is an error:
    /// [`NestedTransaction`](crate::ErrorKind::NestedTransaction).
    fn flush(&self) -> Write<()>;

    /// What opening this collection found.
    fn load_report(&self) -> Arc<LoadReport>;

    /// How the store fares with its disk.
    fn health(&self) -> Health;

    /// Counts and sizes.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    fn stats(&self) -> Result<CollectionStats>;
}

macro_rules! forward {
    ($pointer:ident) => {
        #[deny(clippy::missing_trait_methods)]
        impl<T: Data, R: Repository<T> + ?Sized> Repository<T> for $pointer<R> {
            fn collection(&self) -> &Collection<T> {
                (**self).collection()
            }

            fn get(&self, id: &str) -> Result<Option<Arc<T>>> {
                (**self).get(id)
            }

            fn query(&self, query: &Query<T>) -> Result<Vec<Arc<T>>> {
                (**self).query(query)
            }

            fn count_matching(&self, query: &Query<T>) -> Result<u64> {
                (**self).count_matching(query)
            }

            fn plan(&self, query: &Query<T>) -> Result<Plan> {
                (**self).plan(query)
            }

            fn cursor_after(&self, query: &Query<T>, record: &T) -> Result<Cursor> {
                (**self).cursor_after(query, record)
            }

            fn apply(&self, ops: Vec<Op<T>>) -> Result<Write<Vec<Outcome<T>>>> {
                (**self).apply(ops)
            }

            fn listen(&self, capacity: usize) -> Result<Changes<T>> {
                (**self).listen(capacity)
            }

            fn flush(&self) -> Write<()> {
                (**self).flush()
            }

            fn load_report(&self) -> Arc<LoadReport> {
                (**self).load_report()
            }

            fn health(&self) -> Health {
                (**self).health()
            }

            fn stats(&self) -> Result<CollectionStats> {
                (**self).stats()
            }
        }
    };
}

forward!(Arc);
forward!(Box);
