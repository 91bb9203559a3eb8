//! What a backend does for one collection in a transaction.
//!
//! Owns [`Part`]. The verbs are `scope.rs`.

use std::any::Any;
use std::sync::Arc;

use crate::error::Result;
use crate::op::{Op, Outcome};
use crate::query::Query;
use crate::record::Data;

/// One open collection, as it takes part in transactions.
///
/// A backend puts one on its [`Shelf`](crate::backend::Shelf) beside each open collection.
/// `session` is what the backend gave to [`Transaction::new`](crate::Transaction::new): its own
/// type, behind which it keeps what the transaction has done so far. All calls of one transaction
/// come from the thread that holds the store's turn.
pub trait Part<T: Data>: Send + Sync {
    /// The record with this id, as the transaction sees it.
    ///
    /// # Errors
    ///
    /// As [`Repository::get`](crate::Repository::get).
    fn get(&self, session: &dyn Any, id: &str) -> Result<Option<Arc<T>>>;

    /// What a query finds, as the transaction sees it.
    ///
    /// # Errors
    ///
    /// As [`Repository::query`](crate::Repository::query).
    fn query(&self, session: &dyn Any, query: &Query<T>) -> Result<Vec<Arc<T>>>;

    /// How many records a query finds, as the transaction sees it.
    ///
    /// # Errors
    ///
    /// As [`Repository::count_matching`](crate::Repository::count_matching).
    fn count(&self, session: &dyn Any, query: &Query<T>) -> Result<u64>;

    /// Does all of these or none of them, for the transaction to see.
    ///
    /// # Errors
    ///
    /// As [`Repository::apply`](crate::Repository::apply); the transaction is as before the call.
    fn apply(&self, session: &dyn Any, ops: Vec<Op<T>>) -> Result<Vec<Outcome<T>>>;
}
