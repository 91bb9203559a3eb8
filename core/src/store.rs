//! What every store can do that does not depend on a record type.
//!
//! Owns [`Backend`], which is usable as `dyn`, and what is generic on top of it, [`BackendExt`].
//! The facade holds one. Opening a repository is generic over the record type, so it is a method of
//! each store and not of these traits.

use std::fmt::Debug;
use std::path::Path;

use crate::changes::{CHANGES_KEPT, StoreChanges};
use crate::committer::HealthWatch;
use crate::definition::Definition;
use crate::error::{Error, ErrorKind, Result};
use crate::health::Health;
use crate::quarantine::Quarantined;
use crate::report::LoadReport;
use crate::stats::StoreStats;
use crate::transaction::Transaction;
use crate::write::Write;

/// The part of a store that does not depend on a record type. [`BackendExt`] adds what is generic.
pub trait Backend: Debug + Send + Sync {
    /// Runs `body` as one transaction: while it runs nobody else writes to the store, and what it
    /// did becomes visible together at its end, or not at all. See
    /// [`Transaction`](crate::Transaction).
    ///
    /// # Errors
    ///
    /// What `body` gives; [`NestedTransaction`](crate::ErrorKind::NestedTransaction) inside a
    /// transaction of this thread; [`ReadOnly`](crate::ErrorKind::ReadOnly),
    /// [`Closed`](crate::ErrorKind::Closed), [`Poisoned`](crate::ErrorKind::Poisoned), and on a
    /// database [`Io`](crate::ErrorKind::Io) and [`Locked`](crate::ErrorKind::Locked). Nothing was
    /// changed.
    fn transact(&self, body: &mut dyn FnMut(&Transaction<'_>) -> Result<()>) -> Result<Write<()>>;

    /// The changes of all collections from now on, of which at most `capacity` wait to be read.
    ///
    /// # Errors
    ///
    /// [`NestedTransaction`](crate::ErrorKind::NestedTransaction),
    /// [`Closed`](crate::ErrorKind::Closed).
    fn listen(&self, capacity: usize) -> Result<StoreChanges>;

    /// A wait for everything that is visible now, in all collections.
    fn flush(&self) -> Write<()>;

    /// Closes the store: writes are refused from now on, everything visible is flushed, the lock
    /// is let go. When it resolves `Ok`, all of that is done; after that reads are refused too.
    ///
    /// # Errors
    ///
    /// [`NotDurable`](crate::ErrorKind::NotDurable) if the flush cannot be made: nothing was
    /// forgotten, the store is open again, and it may be closed again.
    fn close(&self) -> Write<()>;

    /// How the store fares with its disk.
    fn health(&self) -> Health;

    /// Tells when that changes; `None` for a store without a disk.
    fn watch_health(&self) -> Option<HealthWatch>;

    /// What opening the collections found, so far.
    fn load_report(&self) -> LoadReport;

    /// The names of the collections that are there, sorted, whether opened or not.
    ///
    /// # Errors
    ///
    /// [`Io`](crate::ErrorKind::Io).
    fn collections(&self) -> Result<Vec<String>>;

    /// The definition that is kept beside a collection's data. A collection without one, which
    /// another program wrote, is any objects with an `id`.
    ///
    /// # Errors
    ///
    /// [`Io`](crate::ErrorKind::Io), or [`Config`](crate::ErrorKind::Config) if it cannot be read
    /// or the name cannot be a collection's.
    fn definition(&self, collection: &str) -> Result<Definition>;

    /// The rejected records of all collections, oldest first.
    ///
    /// # Errors
    ///
    /// [`Io`](crate::ErrorKind::Io).
    fn quarantine(&self) -> Result<Vec<Quarantined>>;

    /// Puts rejected bytes in quarantine: of records that were offered and refused, such as by an
    /// import. Durable when awaited. An entry that is there already is not added again.
    ///
    /// # Errors
    ///
    /// [`Config`](crate::ErrorKind::Config) if a collection is not open,
    /// [`ReadOnly`](crate::ErrorKind::ReadOnly), [`Closed`](crate::ErrorKind::Closed).
    fn reject(&self, entries: Vec<Quarantined>) -> Result<Write<()>>;

    /// Forgets these entries for good, durably, and gives their number.
    ///
    /// # Errors
    ///
    /// [`Io`](crate::ErrorKind::Io), [`ReadOnly`](crate::ErrorKind::ReadOnly).
    fn purge_quarantine(&self, keys: &[String]) -> Result<u64>;

    /// Reads an open collection again, all of it and whatever is known to be good, and gives what a
    /// load finds. Nothing is changed.
    ///
    /// # Errors
    ///
    /// [`Config`](crate::ErrorKind::Config) if the collection is not open,
    /// [`Io`](crate::ErrorKind::Io).
    fn verify(&self, collection: &str) -> Result<LoadReport>;

    /// A number that is another one after anybody, in whatever process, has committed a change; `None`
    /// where that cannot be told. It is cheap to ask, and means nothing but equal or not equal to what
    /// this same store said before. It may differ although nothing was changed.
    ///
    /// # Errors
    ///
    /// [`Io`](crate::ErrorKind::Io), [`Closed`](crate::ErrorKind::Closed).
    fn revision(&self) -> Result<Option<u64>>;

    /// Copies the store as it is at this moment, with all its collections, into a new file, if others
    /// may change it while it is read; `false` if nobody can, and nothing was copied. The copy is
    /// not synced.
    ///
    /// # Errors
    ///
    /// [`Io`](crate::ErrorKind::Io), and if the file is there already.
    fn snapshot(&self, file: &Path) -> Result<bool>;

    /// Counts and sizes.
    ///
    /// # Errors
    ///
    /// [`Io`](crate::ErrorKind::Io).
    fn stats(&self) -> Result<StoreStats>;
}

/// The generic part of a store. Implemented for every [`Backend`]; do not implement it yourself.
pub trait BackendExt: Backend {
    /// Runs `body` as one transaction over any collections of the store that are open, and gives
    /// what it gave: visible now, durable when the [`Write`] is awaited.
    ///
    /// ```
    /// use larder_core::{BackendExt, Collection, MemoryStore, Repository};
    /// use serde_json::{Value, json};
    ///
    /// let store = MemoryStore::new();
    /// let accounts = store.collection(Collection::<Value>::named("accounts"))?;
    /// store.transaction(|tx| {
    ///     let accounts = tx.collection::<Value>("accounts")?;
    ///     accounts.save(json!({"id": "a", "balance": -5}))?;
    ///     accounts.save(json!({"id": "b", "balance": 5}))
    /// })?.wait()?;
    /// assert_eq!(accounts.get("b")?.expect("saved")["balance"], 5);
    /// # Ok::<(), larder_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Backend::transact`]; nothing was changed.
    fn transaction<R>(&self, body: impl FnOnce(&Transaction<'_>) -> Result<R>) -> Result<Write<R>> {
        self.try_transaction(body)
    }

    /// As [`transaction`](Self::transaction), for a closure with an error type of its own, which is
    /// given back as it is.
    ///
    /// # Errors
    ///
    /// What the closure gives, and as [`transaction`](Self::transaction); nothing was changed.
    fn try_transaction<R, E: From<Error>>(
        &self,
        body: impl FnOnce(&Transaction<'_>) -> Result<R, E>,
    ) -> Result<Write<R>, E> {
        let mut body = Some(body);
        let mut given = None;
        let done = self.transact(&mut |tx| {
            let again = || Error::new(ErrorKind::Internal, "a transaction was run twice");
            let body = body.take().ok_or_else(again)?;
            let result = body(tx);
            let ended = match &result {
                Ok(_) => Ok(()),
                // What it was is given below.
                Err(_) => Err(Error::new(
                    ErrorKind::Internal,
                    "the transaction was refused",
                )),
            };
            given = Some(result);
            ended
        });
        match (done, given) {
            (_, Some(Err(error))) => Err(error),
            (Err(error), _) => Err(error.into()),
            (Ok(write), Some(Ok(given))) => Ok(write.map(|()| given)),
            (Ok(_), None) => {
                Err(Error::new(ErrorKind::Internal, "a backend did not run the transaction").into())
            }
        }
    }

    /// The changes of all collections from now on; see [`Changes`](crate::Changes).
    ///
    /// # Errors
    ///
    /// As [`Backend::listen`].
    fn changes(&self) -> Result<StoreChanges> {
        self.listen(CHANGES_KEPT)
    }
}

impl<B: Backend + ?Sized> BackendExt for B {}
