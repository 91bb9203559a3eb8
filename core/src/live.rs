//! Reads that leave out what has expired.
//!
//! Owns [`Live`]. When a record expires is `expiry.rs`; what a query means is the repository's.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use crate::error::Result;
use crate::expiry::Expiry;
use crate::ext::{Page, RepositoryExt};
use crate::plan::Plan;
use crate::query::{Lookup, Query};
use crate::record::Data;
use crate::repository::Repository;

/// A repository without what has expired at one moment; see [`RepositoryExt::live`].
///
/// Each verb is that of the repository with one condition more, tested before the limit: `limit`
/// counts live records only, and a cursor goes on behind the last one of them. It reads what is
/// there when it is called, not what was there when the view was made.
pub struct Live<'r, T, R: ?Sized> {
    repository: &'r R,
    expiry: Expiry<T>,
    now: SystemTime,
}

impl<T, R: ?Sized> Clone for Live<'_, T, R> {
    fn clone(&self) -> Self {
        Self {
            repository: self.repository,
            expiry: self.expiry.clone(),
            now: self.now,
        }
    }
}

impl<T, R: ?Sized> fmt::Debug for Live<'_, T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live")
            .field("expiry", &self.expiry)
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

impl<'r, T: Data, R: Repository<T> + ?Sized> Live<'r, T, R> {
    pub(crate) fn new(repository: &'r R, now: SystemTime) -> Result<Self> {
        let collection = repository.collection();
        let expiry = collection
            .expiry()
            .ok_or_else(|| Expiry::<T>::missing(collection.name()))?;
        Ok(Self {
            repository,
            expiry: expiry.clone(),
            now,
        })
    }

    /// The moment at which a record must not have expired.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        self.now
    }

    fn of(&self, query: impl Into<Query<T>>) -> Query<T> {
        query.into().and(self.expiry.live_at(self.now))
    }

    /// The record with this id, if it has not expired.
    ///
    /// # Errors
    ///
    /// As [`Repository::get`].
    pub fn get(&self, id: &str) -> Result<Option<Arc<T>>> {
        let found = self.repository.get(id)?;
        Ok(found.filter(|record| !self.expiry.has_expired(record, self.now)))
    }

    /// All records that a query finds and that have not expired.
    ///
    /// # Errors
    ///
    /// As [`RepositoryExt::find`].
    pub fn find(&self, query: impl Into<Query<T>>) -> Result<Vec<Arc<T>>> {
        self.repository.find(self.of(query))
    }

    /// The one record with a unique key, if it has not expired. (If it has, it still has the key,
    /// and no other record may take it until it is purged.)
    ///
    /// # Errors
    ///
    /// As [`RepositoryExt::find`].
    pub fn find_one(&self, lookup: Lookup<T>) -> Result<Option<Arc<T>>> {
        self.find_first(lookup)
    }

    /// The first record that a query finds and that has not expired.
    ///
    /// # Errors
    ///
    /// As [`RepositoryExt::find`].
    pub fn find_first(&self, query: impl Into<Query<T>>) -> Result<Option<Arc<T>>> {
        self.repository.find_first(self.of(query))
    }

    /// The records of a query up to its limit that have not expired, and the cursor for the next
    /// page.
    ///
    /// # Errors
    ///
    /// As [`RepositoryExt::page`].
    pub fn page(&self, query: impl Into<Query<T>>) -> Result<Page<T>> {
        self.repository.page(self.of(query))
    }

    /// How many records a query finds that have not expired.
    ///
    /// # Errors
    ///
    /// As [`RepositoryExt::find`].
    pub fn count(&self, query: impl Into<Query<T>>) -> Result<u64> {
        self.repository.count(self.of(query))
    }

    /// Which index serves a query, and how many records it reads.
    ///
    /// # Errors
    ///
    /// As [`RepositoryExt::find`].
    pub fn explain(&self, query: impl Into<Query<T>>) -> Result<Plan> {
        self.repository.explain(self.of(query))
    }
}
