//! The verbs on one collection inside a transaction.
//!
//! Owns [`Scope`]. They mean the same as those of a repository, but that nothing is to be awaited:
//! the transaction as a whole is.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use super::Part;
use crate::error::{Error, ErrorKind, Result};
use crate::op::{Op, Outcome};
use crate::query::{Lookup, Query};
use crate::record::Data;

/// One collection inside a transaction; see [`Transaction`](crate::Transaction).
pub struct Scope<'t, T> {
    part: Arc<dyn Part<T>>,
    session: &'t dyn Any,
}

impl<T> fmt::Debug for Scope<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").finish_non_exhaustive()
    }
}

impl<'t, T: Data> Scope<'t, T> {
    pub(super) fn new(part: Arc<dyn Part<T>>, session: &'t dyn Any) -> Self {
        Self { part, session }
    }

    /// The record with this id.
    ///
    /// # Errors
    ///
    /// As [`Repository::get`](crate::Repository::get).
    pub fn get(&self, id: &str) -> Result<Option<Arc<T>>> {
        self.part.get(self.session, id)
    }

    /// All records that a query finds.
    ///
    /// # Errors
    ///
    /// As [`RepositoryExt::find`](crate::RepositoryExt::find).
    pub fn find(&self, query: impl Into<Query<T>>) -> Result<Vec<Arc<T>>> {
        self.part.query(self.session, &query.into())
    }

    /// The one record with a unique key.
    ///
    /// # Errors
    ///
    /// As [`RepositoryExt::find`](crate::RepositoryExt::find).
    pub fn find_one(&self, lookup: Lookup<T>) -> Result<Option<Arc<T>>> {
        self.find_first(lookup)
    }

    /// The first record that a query finds.
    ///
    /// # Errors
    ///
    /// As [`RepositoryExt::find`](crate::RepositoryExt::find).
    pub fn find_first(&self, query: impl Into<Query<T>>) -> Result<Option<Arc<T>>> {
        Ok(self.find(query.into().limit(1))?.into_iter().next())
    }

    /// How many records a query finds.
    ///
    /// # Errors
    ///
    /// As [`RepositoryExt::find`](crate::RepositoryExt::find).
    pub fn count(&self, query: impl Into<Query<T>>) -> Result<u64> {
        self.part.count(self.session, &query.into())
    }

    /// Does all of these operations, or none of them, in this order. The outcomes are one per
    /// operation; an [`Op::Clear`] has one per record that was there.
    ///
    /// # Errors
    ///
    /// As [`Repository::apply`](crate::Repository::apply); the transaction is as before the call.
    pub fn apply(&self, ops: Vec<Op<T>>) -> Result<Vec<Outcome<T>>> {
        self.part.apply(self.session, ops)
    }

    /// Puts a record in the place of whatever has its id.
    ///
    /// # Errors
    ///
    /// As [`RepositoryExt::save`](crate::RepositoryExt::save).
    pub fn save(&self, record: T) -> Result<Arc<T>> {
        self.put(Op::save(record))
            .map_err(|error| error.with_operation("save"))
    }

    /// Saves all of these, or none.
    ///
    /// # Errors
    ///
    /// As [`RepositoryExt::save_all`](crate::RepositoryExt::save_all).
    pub fn save_all(&self, records: impl IntoIterator<Item = T>) -> Result<Vec<Arc<T>>> {
        let outcomes = self
            .apply(records.into_iter().map(Op::save).collect())
            .map_err(|error| error.with_operation("save_all"))?;
        Ok(outcomes
            .into_iter()
            .filter_map(|outcome| outcome.after)
            .collect())
    }

    /// Puts a record where nothing with its id may be.
    ///
    /// # Errors
    ///
    /// As [`RepositoryExt::insert`](crate::RepositoryExt::insert).
    pub fn insert(&self, record: T) -> Result<Arc<T>> {
        self.put(Op::insert(record))
            .map_err(|error| error.with_operation("insert"))
    }

    /// Compare-and-swap: puts `new` only if what is stored, or was written in this transaction,
    /// equals what was read, be it before the transaction or before a restart.
    ///
    /// # Errors
    ///
    /// As [`RepositoryExt::replace`](crate::RepositoryExt::replace).
    pub fn replace(&self, read: &Arc<T>, new: T) -> Result<Arc<T>> {
        self.put(Op::replace(Arc::clone(read), new))
            .map_err(|error| error.with_operation("replace"))
    }

    /// Changes the record with this id, or gives `None` if there is none. The closure runs once:
    /// nobody else writes meanwhile.
    ///
    /// # Errors
    ///
    /// As [`RepositoryExt::update`](crate::RepositoryExt::update).
    pub fn update(&self, id: &str, change: impl FnOnce(&mut T)) -> Result<Option<Arc<T>>>
    where
        T: Clone,
    {
        self.try_update(id, |record| {
            change(record);
            Ok(())
        })
    }

    /// As [`update`](Self::update), with a closure that may refuse; then nothing is changed.
    ///
    /// # Errors
    ///
    /// What the closure gives, and as [`update`](Self::update).
    pub fn try_update(
        &self,
        id: &str,
        change: impl FnOnce(&mut T) -> Result<()>,
    ) -> Result<Option<Arc<T>>>
    where
        T: Clone,
    {
        let operation = |error: Error| error.with_operation("update");
        let Some(read) = self.get(id).map_err(operation)? else {
            return Ok(None);
        };
        let mut record = T::clone(&read);
        change(&mut record).map_err(operation)?;
        // Expected to be what was read although nobody else writes: it says that the id stays.
        self.put(Op::replace(read, record))
            .map(Some)
            .map_err(operation)
    }

    /// Removes the record with this id and gives it; `None` if there was none.
    ///
    /// # Errors
    ///
    /// As [`RepositoryExt::delete`](crate::RepositoryExt::delete).
    pub fn delete(&self, id: &str) -> Result<Option<Arc<T>>> {
        let outcomes = self
            .apply(vec![Op::delete(id)])
            .map_err(|error| error.with_operation("delete"))?;
        Ok(outcomes
            .into_iter()
            .next()
            .and_then(|outcome| outcome.before))
    }

    /// Removes every record and gives their number.
    ///
    /// # Errors
    ///
    /// As [`RepositoryExt::clear`](crate::RepositoryExt::clear).
    pub fn clear(&self) -> Result<u64> {
        self.apply(vec![Op::Clear])
            .map(|outcomes| outcomes.len() as u64)
            .map_err(|error| error.with_operation("clear"))
    }

    fn put(&self, op: Op<T>) -> Result<Arc<T>> {
        let outcomes = self.apply(vec![op])?;
        outcomes
            .into_iter()
            .next()
            .and_then(|outcome| outcome.after)
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::Internal,
                    "a backend put a record and gave none back",
                )
            })
    }
}
