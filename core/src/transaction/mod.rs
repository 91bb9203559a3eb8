//! Several operations, on several collections, that happen together or not at all.
//!
//! Owns [`Transaction`], what the closure of a transaction works with, and [`Scope`], one collection
//! inside it. What a backend does about it is a [`Part`] for each open collection; when a
//! transaction begins and ends is the backend's
//! ([`Backend::transact`](crate::Backend::transact)).

mod expire;
mod part;
mod scope;

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::query::{Lookup, Query};
use crate::record::{Data, Record};
use crate::shelf::Shelf;

pub use part::Part;
pub use scope::Scope;

/// The inside of a transaction: reads see what it wrote, and nobody else does before its end.
///
/// It is given to the closure of
/// [`BackendExt::transaction`](crate::BackendExt::transaction). The collections it touches must be
/// open: ask the store for their repositories before.
///
/// # Contract
///
/// * **All or nothing.** If the closure gives `Ok`, everything becomes visible together, durable
///   together, and has one place in the store's order. If it gives an `Err` or panics, nothing was
///   changed.
/// * **A refused operation changes nothing**, in the transaction, too. A closure that goes on after
///   an error of one verb has all it did but that.
/// * **One after the other.** While the closure runs, nobody else writes to the store. Readers do
///   not wait; they see what was there before. So a closure should be short, and must not wait for
///   another thread that writes to this store.
/// * **Not nested.** To write, flush, or begin a transaction on the same store in the closure, but
///   through this, is [`NestedTransaction`](ErrorKind::NestedTransaction); so is waiting for an
///   earlier write to be durable, and opening a collection that is not open yet.
///
/// # Errors
///
/// Each verb has the errors of the same verb of [`RepositoryExt`](crate::RepositoryExt), and
/// [`Config`](ErrorKind::Config) if the collection is not open, or open as another type.
pub struct Transaction<'s> {
    shelf: &'s Shelf,
    session: &'s dyn Any,
}

impl fmt::Debug for Transaction<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction")
            .field("open", &self.shelf)
            .finish_non_exhaustive()
    }
}

impl<'s> Transaction<'s> {
    /// For a backend: a transaction over the collections of this shelf. `session` is what its
    /// [`Part`]s are given back with every call.
    #[must_use]
    pub fn new(shelf: &'s Shelf, session: &'s dyn Any) -> Self {
        Self { shelf, session }
    }

    /// A collection inside the transaction, by its record type.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`].
    pub fn of<T: Record>(&self) -> Result<Scope<'_, T>> {
        self.collection(T::COLLECTION)
    }

    /// A collection inside the transaction, by its name: for one that is described at run time.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`].
    pub fn collection<T: Data>(&self, name: &str) -> Result<Scope<'_, T>> {
        let part = self.shelf.part::<T>(name).map_err(|error| {
            error
                .with_operation("transaction")
                .with_collection(name.to_owned())
        })?;
        Ok(Scope::new(part, self.session))
    }

    /// The record with this id.
    ///
    /// # Errors
    ///
    /// See [`Transaction`].
    pub fn get<T: Record>(&self, id: &str) -> Result<Option<Arc<T>>> {
        self.of()?.get(id)
    }

    /// All records that a query finds.
    ///
    /// # Errors
    ///
    /// See [`Transaction`].
    pub fn find<T: Record>(&self, query: impl Into<Query<T>>) -> Result<Vec<Arc<T>>> {
        self.of()?.find(query)
    }

    /// The one record with a unique key.
    ///
    /// # Errors
    ///
    /// See [`Transaction`].
    pub fn find_one<T: Record>(&self, lookup: Lookup<T>) -> Result<Option<Arc<T>>> {
        self.of()?.find_one(lookup)
    }

    /// How many records a query finds.
    ///
    /// # Errors
    ///
    /// See [`Transaction`].
    pub fn count<T: Record>(&self, query: impl Into<Query<T>>) -> Result<u64> {
        self.of()?.count(query)
    }

    /// Puts a record in the place of whatever has its id.
    ///
    /// # Errors
    ///
    /// See [`Transaction`].
    pub fn save<T: Record>(&self, record: T) -> Result<Arc<T>> {
        self.of()?.save(record)
    }

    /// Puts a record where nothing with its id may be.
    ///
    /// # Errors
    ///
    /// See [`Transaction`].
    pub fn insert<T: Record>(&self, record: T) -> Result<Arc<T>> {
        self.of()?.insert(record)
    }

    /// Compare-and-swap: puts `new` only if what is stored, or was written in this transaction,
    /// equals what was read.
    ///
    /// # Errors
    ///
    /// See [`Transaction`].
    pub fn replace<T: Record>(&self, read: &Arc<T>, new: T) -> Result<Arc<T>> {
        self.of()?.replace(read, new)
    }

    /// Changes the record with this id, or gives `None` if there is none.
    ///
    /// # Errors
    ///
    /// See [`Transaction`].
    pub fn update<T: Record + Clone>(
        &self,
        id: &str,
        change: impl FnOnce(&mut T),
    ) -> Result<Option<Arc<T>>> {
        self.of()?.update(id, change)
    }

    /// As [`update`](Self::update), with a closure that may refuse; then nothing is changed.
    ///
    /// # Errors
    ///
    /// What the closure gives, and see [`Transaction`].
    pub fn try_update<T: Record + Clone>(
        &self,
        id: &str,
        change: impl FnOnce(&mut T) -> Result<()>,
    ) -> Result<Option<Arc<T>>> {
        self.of()?.try_update(id, change)
    }

    /// Removes the record with this id and gives it; `None` if there was none.
    ///
    /// # Errors
    ///
    /// See [`Transaction`].
    pub fn delete<T: Record>(&self, id: &str) -> Result<Option<Arc<T>>> {
        self.of()?.delete(id)
    }
}

/// The error of a [`Part`] that was given a session which is not its backend's.
#[must_use]
pub fn foreign_session() -> Error {
    Error::new(
        ErrorKind::Internal,
        "a collection was asked to take part in a transaction of another backend",
    )
}

/// The error of a [`Part`] whose session is at work already: code that the transaction runs has used it.
#[must_use]
pub fn busy_session() -> Error {
    Error::new(
        ErrorKind::NestedTransaction,
        "a filter or a record's own code used the transaction that runs it",
    )
}
