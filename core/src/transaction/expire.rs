//! Purging and retention on one collection inside a transaction.
//!
//! Owns nothing but the two verbs. Nobody else writes meanwhile, so what was found is removed
//! without a second look.

use std::sync::Arc;
use std::time::SystemTime;

use super::Scope;
use crate::error::Result;
use crate::expiry::Expiry;
use crate::op::{Expect, Op};
use crate::record::Record;
use crate::retention::Retention;

impl<T: Record> Scope<'_, T> {
    /// Removes exactly the records that have expired at `now`, by the type's
    /// [`expiry`](Record::expiry), and gives them.
    ///
    /// # Errors
    ///
    /// As [`RepositoryExt::purge_expired`](crate::RepositoryExt::purge_expired).
    pub fn purge_expired(&self, now: SystemTime) -> Result<Vec<Arc<T>>> {
        T::expiry()
            .ok_or_else(|| Expiry::<T>::missing(T::COLLECTION))
            .and_then(|expiry| self.find(expiry.expired_at(now)))
            .and_then(|expired| self.remove(expired))
            .map_err(|error| error.with_operation("purge_expired"))
    }

    /// Removes exactly the records that a retention does not keep, and gives them.
    ///
    /// # Errors
    ///
    /// As [`RepositoryExt::retain`](crate::RepositoryExt::retain).
    pub fn retain(&self, retention: &Retention<T>) -> Result<Vec<Arc<T>>> {
        retention
            .outdated(|query| self.find(query.clone()))
            .and_then(|outdated| self.remove(outdated))
            .map_err(|error| error.with_operation("retain"))
    }

    /// Expects each to be there although nobody else writes: it says that the type's id is the
    /// collection's, which may be described otherwise at run time.
    fn remove(&self, found: Vec<Arc<T>>) -> Result<Vec<Arc<T>>> {
        let ops = found
            .into_iter()
            .map(|record| Op::Delete {
                id: record.id().to_owned(),
                expect: Expect::Equal(record),
            })
            .collect();
        let outcomes = self.apply(ops)?;
        Ok(outcomes
            .into_iter()
            .filter_map(|outcome| outcome.before)
            .collect())
    }
}
