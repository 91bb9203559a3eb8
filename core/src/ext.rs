//! The verbs: what people call on a repository.
//!
//! Owns [`RepositoryExt`] and [`Page`]. Every verb is made of the few methods of [`Repository`], so
//! it means the same on every backend.

use std::sync::Arc;
use std::time::SystemTime;

use crate::changes::{CHANGES_KEPT, Changes};
use crate::cursor::Cursor;
use crate::error::{Error, ErrorKind, Result};
use crate::expiry::Expiry;
use crate::live::Live;
use crate::op::Op;
use crate::plan::Plan;
use crate::quarantine::Quarantined;
use crate::query::{Lookup, Query};
use crate::record::Data;
use crate::removal::remove_found;
use crate::repository::Repository;
use crate::retention::Retention;
use crate::write::Write;

/// One page of a query, and where the next begins.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The records, in the query's order.
    pub records: Vec<Arc<T>>,
    /// For [`Query::after`]; `None` if this was the last page.
    pub next: Option<Cursor>,
}

/// The verbs of a repository. Implemented for every [`Repository`]; do not implement it yourself.
///
/// Every verb that writes gives a [`Write`]: the change is visible when the verb returns, and
/// durable when the `Write` is awaited. An `Err` of the verb itself means that nothing was changed.
pub trait RepositoryExt<T: Data>: Repository<T> {
    /// All records that a query finds.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidQuery`], [`ErrorKind::Closed`].
    fn find(&self, query: impl Into<Query<T>>) -> Result<Vec<Arc<T>>> {
        self.query(&query.into())
    }

    /// The one record with a unique key.
    ///
    /// # Errors
    ///
    /// As [`find`](Self::find).
    fn find_one(&self, lookup: Lookup<T>) -> Result<Option<Arc<T>>> {
        self.find_first(lookup)
    }

    /// The first record that a query finds.
    ///
    /// # Errors
    ///
    /// As [`find`](Self::find).
    fn find_first(&self, query: impl Into<Query<T>>) -> Result<Option<Arc<T>>> {
        Ok(self.query(&query.into().limit(1))?.into_iter().next())
    }

    /// The records of a query up to its limit, and the cursor for the next page.
    ///
    /// # Errors
    ///
    /// As [`find`](Self::find); a query without a limit is [`ErrorKind::InvalidQuery`].
    fn page(&self, query: impl Into<Query<T>>) -> Result<Page<T>> {
        let query = query.into();
        let limit = query.max().filter(|limit| *limit > 0).ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidQuery,
                "a page needs a limit of at least one",
            )
        })?;
        // One more than is wanted tells whether there is a next page.
        let mut records = self.query(&query.clone().limit(limit.saturating_add(1)))?;
        let more = records.len() > limit;
        records.truncate(limit);
        let next = match records.last() {
            Some(last) if more => Some(self.cursor_after(&query, last)?),
            _ => None,
        };
        Ok(Page { records, next })
    }

    /// How many records a query finds.
    ///
    /// # Errors
    ///
    /// As [`find`](Self::find).
    fn count(&self, query: impl Into<Query<T>>) -> Result<u64> {
        self.count_matching(&query.into())
    }

    /// Which index serves a query, and how many records it reads.
    ///
    /// # Errors
    ///
    /// As [`find`](Self::find).
    fn explain(&self, query: impl Into<Query<T>>) -> Result<Plan> {
        self.plan(&query.into())
    }

    /// Puts a record in the place of whatever has its id.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] (with every violation), [`ErrorKind::InvalidId`],
    /// [`ErrorKind::InvalidKey`], [`ErrorKind::Encode`], [`ErrorKind::UniqueViolation`] (with the
    /// record that has the key), [`ErrorKind::ReadOnly`], [`ErrorKind::Closed`],
    /// [`ErrorKind::Poisoned`]. Nothing was changed.
    fn save(&self, record: T) -> Result<Write<Arc<T>>> {
        put(self, Op::save(record)).map_err(|error| error.with_operation("save"))
    }

    /// Saves all of these, or none; in this order, so a later record may not take a unique key
    /// before an earlier one gave it up.
    ///
    /// # Errors
    ///
    /// As [`save`](Self::save), for the first record that is refused.
    fn save_all(&self, records: impl IntoIterator<Item = T>) -> Result<Write<Vec<Arc<T>>>> {
        let ops = records.into_iter().map(Op::save).collect();
        let write = self
            .apply(ops)
            .map_err(|error| error.with_operation("save_all"))?;
        Ok(write.map(|outcomes| {
            outcomes
                .into_iter()
                .filter_map(|outcome| outcome.after)
                .collect()
        }))
    }

    /// Puts a record where nothing with its id may be.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::AlreadyExists`] with the record that is there, and as [`save`](Self::save).
    fn insert(&self, record: T) -> Result<Write<Arc<T>>> {
        put(self, Op::insert(record)).map_err(|error| error.with_operation("insert"))
    }

    /// Compare-and-swap: puts `new` only if what is stored still equals what was read.
    ///
    /// "Equals" is equality of the JSON that the type writes, so what was read may come from before
    /// a restart.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Conflict`] with the record that is there now (none if it is gone),
    /// [`ErrorKind::InvalidId`] if the ids differ, and as [`save`](Self::save).
    fn replace(&self, read: &Arc<T>, new: T) -> Result<Write<Arc<T>>> {
        put(self, Op::replace(Arc::clone(read), new))
            .map_err(|error| error.with_operation("replace"))
    }

    /// Changes the record with this id, or gives `None` if there is none.
    ///
    /// The closure works on a copy; if somebody else changes the record in between it runs again
    /// on what is there then, so it should depend on nothing but the record.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidId`] if the closure changes the id, and as [`save`](Self::save).
    fn update(&self, id: &str, mut change: impl FnMut(&mut T)) -> Result<Write<Option<Arc<T>>>>
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
    /// Whatever the closure gives, and as [`update`](Self::update).
    fn try_update(
        &self,
        id: &str,
        mut change: impl FnMut(&mut T) -> Result<()>,
    ) -> Result<Write<Option<Arc<T>>>>
    where
        T: Clone,
    {
        let operation = |error: Error| error.with_operation("update");
        loop {
            let Some(read) = self.get(id).map_err(operation)? else {
                return Ok(Write::done(None));
            };
            let mut record = T::clone(&read);
            change(&mut record).map_err(operation)?;
            match put(self, Op::replace(read, record)) {
                Ok(write) => return Ok(write.map(Some)),
                // Somebody was faster: once more, on what is there now.
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                Err(error) => return Err(operation(error)),
            }
        }
    }

    /// Removes the record with this id and gives it; `None` if there was none.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidId`], [`ErrorKind::ReadOnly`], [`ErrorKind::Closed`],
    /// [`ErrorKind::Poisoned`]. Nothing was changed.
    fn delete(&self, id: &str) -> Result<Write<Option<Arc<T>>>> {
        let write = self
            .apply(vec![Op::delete(id)])
            .map_err(|error| error.with_operation("delete"))?;
        Ok(write.map(|outcomes| {
            outcomes
                .into_iter()
                .next()
                .and_then(|outcome| outcome.before)
        }))
    }

    /// Removes every record and gives their number. Quarantine stays.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::ReadOnly`], [`ErrorKind::Closed`], [`ErrorKind::Poisoned`].
    fn clear(&self) -> Result<Write<u64>> {
        let write = self
            .apply(vec![Op::Clear])
            .map_err(|error| error.with_operation("clear"))?;
        Ok(write.map(|outcomes| outcomes.len() as u64))
    }

    /// The repository without what has expired at `now`: a view to read through.
    ///
    /// ```
    /// use larder_core::{Collection, MemoryStore, Query, RepositoryExt};
    /// use serde_json::{Value, json};
    /// use std::time::{Duration, SystemTime};
    ///
    /// let store = MemoryStore::new();
    /// let codes = Collection::<Value>::named("codes").index("until").expires_at("until");
    /// let codes = store.collection(codes)?;
    /// codes.save(json!({"id": "a", "until": 1_000}))?.detach();
    /// codes.save(json!({"id": "b", "until": 3_000}))?.detach();
    /// codes.save(json!({"id": "c"}))?.detach(); // never
    ///
    /// let now = SystemTime::UNIX_EPOCH + Duration::from_secs(2);
    /// assert!(codes.live(now)?.get("a")?.is_none());
    /// assert_eq!(codes.live(now)?.count(Query::all())?, 2);
    /// assert_eq!(codes.count(Query::all())?, 3); // it is there until it is purged
    ///
    /// let removed = codes.purge_expired(now)?.wait()?;
    /// assert_eq!(removed[0]["id"], "a");
    /// assert_eq!(codes.count(Query::all())?, 2);
    /// # Ok::<(), larder_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if the collection does not say when its records expire.
    fn live(&self, now: SystemTime) -> Result<Live<'_, T, Self>> {
        Live::new(self, now).map_err(|error| error.with_operation("live"))
    }

    /// Removes exactly the records that have expired at `now`, in one step, and gives them: who
    /// purges often has something of each to tidy up. What would go is told by
    /// [`Expiry::expired_at`].
    ///
    /// Each is removed only while it is what was found expired: one that somebody extended
    /// meanwhile stays. If that happens to one, all are looked for again.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if the collection does not say when its records expire,
    /// [`ErrorKind::ReadOnly`], [`ErrorKind::Closed`], [`ErrorKind::Poisoned`]; nothing was changed.
    fn purge_expired(&self, now: SystemTime) -> Result<Write<Vec<Arc<T>>>> {
        let operation = |error: Error| error.with_operation("purge_expired");
        let collection = self.collection();
        let expiry = collection
            .expiry()
            .ok_or_else(|| operation(Expiry::<T>::missing(collection.name())))?;
        let expired = expiry.expired_at(now);
        remove_found(self, || self.query(&expired)).map_err(operation)
    }

    /// The records that [`retain`](Self::retain) would remove now, the newest of them first (by id,
    /// where the retention is by age). Nothing is changed.
    ///
    /// # Errors
    ///
    /// As [`find`](Self::find).
    fn plan_retention(&self, retention: &Retention<T>) -> Result<Vec<Arc<T>>> {
        retention
            .outdated(|query| self.query(query))
            .map_err(|error| error.with_operation("plan_retention"))
    }

    /// Removes exactly the records that a retention does not keep, in one step, and gives them.
    ///
    /// Each is removed only while it is what was found; if somebody changed one meanwhile, all are
    /// looked for again. One that comes while this runs may be one too many until the next time.
    ///
    /// # Errors
    ///
    /// As [`find`](Self::find), [`ErrorKind::ReadOnly`], [`ErrorKind::Poisoned`]; nothing was
    /// changed.
    fn retain(&self, retention: &Retention<T>) -> Result<Write<Vec<Arc<T>>>> {
        remove_found(self, || retention.outdated(|query| self.query(query)))
            .map_err(|error| error.with_operation("retain"))
    }

    /// The changes of this collection from now on, in order, each once, as they become visible. Up
    /// to [`CHANGES_KEPT`] wait to be read; a slow reader is told how many it missed.
    ///
    /// ```
    /// use larder_core::{ChangeEvent, ChangeKind, Collection, MemoryStore, RepositoryExt};
    /// use serde_json::{Value, json};
    ///
    /// let store = MemoryStore::new();
    /// let notes = store.collection(Collection::<Value>::named("notes"))?;
    /// let mut changes = notes.changes()?;
    /// notes.save(json!({"id": "a"}))?.detach();
    /// match changes.wait() {
    ///     Some(ChangeEvent::Changed(batch)) => {
    ///         assert_eq!((&*batch[0].id, batch[0].kind), ("a", ChangeKind::Inserted));
    ///     }
    ///     Some(ChangeEvent::Missed(lost)) => println!("{lost} changes were missed"),
    ///     _ => println!("the store was closed"),
    /// }
    /// # Ok::<(), larder_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NestedTransaction`], [`ErrorKind::Closed`].
    fn changes(&self) -> Result<Changes<T>> {
        self.listen(CHANGES_KEPT)
    }

    /// Puts a quarantined record back, after it was mended or after the schema was. It is checked
    /// like any other, and must not be there already. Purge the entry when this is durable.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Encode`] if the bytes are not a record, and as [`insert`](Self::insert).
    fn restore(&self, quarantined: &Quarantined) -> Result<Write<Arc<T>>> {
        let record = serde_json::from_slice(quarantined.bytes()).map_err(|error| {
            Error::new(
                ErrorKind::Encode,
                format!(
                    "the quarantined bytes are not a record (line {}, column {})",
                    error.line(),
                    error.column()
                ),
            )
            .with_operation("restore")
            .with_collection(self.collection().name())
        })?;
        put(self, Op::insert(record)).map_err(|error| error.with_operation("restore"))
    }
}

impl<T: Data, R: Repository<T> + ?Sized> RepositoryExt<T> for R {}

fn put<T: Data, R: Repository<T> + ?Sized>(repository: &R, op: Op<T>) -> Result<Write<Arc<T>>> {
    let write = repository.apply(vec![op])?;
    let mut record = None;
    let write = write.map(|outcomes| record = outcomes.into_iter().next().and_then(|o| o.after));
    match record {
        Some(record) => Ok(write.map(|()| record)),
        None => Err(Error::new(
            ErrorKind::Internal,
            "a backend put a record and gave none back",
        )),
    }
}
