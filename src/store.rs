//! A store, on whatever backend the configuration names.
//!
//! Owns [`Store`]. Which backend it stands on is chosen in `inner.rs`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use larder_core::{Backend, BackendExt as _};

use crate::inner::Inner;
use crate::url::Place;
use crate::{
    Collection, CollectionConfig, Data, Definition, Document, Error, ErrorKind, Health,
    HealthWatch, JsonStore, LoadReport, Quarantined, Record, Repository, Result, StoreChanges,
    StoreConfig, StoreStats, Transaction, Write,
};

/// A repository on any backend, as a store gives it.
pub type AnyRepository<T> = Arc<dyn Repository<T>>;

/// A store. Clones are handles on the same store.
///
/// The backend is named by the configuration; nothing else in a program has to know it.
///
/// # Closing
///
/// [`close`](Self::close) flushes and tells whether that worked. A store whose last handle is
/// dropped (its repositories are handles, too) flushes as well, blocking for a bounded time; if
/// that fails, only the log can say so.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Inner,
    collections: Arc<BTreeMap<String, CollectionConfig>>,
}

impl Store {
    /// Opens the store that a URL (`"json:./data"`) or a [`StoreConfig`] names. A store that is
    /// not there yet is created.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] for a URL or a setting that is wrong; [`ErrorKind::Locked`] if
    /// another process has a JSON store open, or keeps a database locked; [`ErrorKind::Io`];
    /// [`ErrorKind::Unrecognized`] and [`ErrorKind::NewerVersion`] for what is no store of this
    /// program's.
    pub fn open<C>(config: C) -> Result<Self>
    where
        C: TryInto<StoreConfig>,
        Error: From<C::Error>,
    {
        let (place, options, collections) = config.try_into()?.resolve()?;
        Ok(Self {
            inner: Inner::open(place, options)?,
            collections: Arc::new(collections),
        })
    }

    /// On a store that is open; without configured collections.
    pub(crate) fn on(inner: Inner) -> Self {
        Self {
            inner,
            collections: Arc::default(),
        }
    }

    /// Who has the store open for writing, as far as that can be told without opening it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`].
    pub fn holder<C>(config: C) -> Result<Option<String>>
    where
        C: TryInto<StoreConfig>,
        Error: From<C::Error>,
    {
        let (place, ..) = config.try_into()?.resolve()?;
        Ok(match place {
            // A database has no one owner.
            Place::Memory | Place::Sqlite(_) => None,
            Place::Json(dir) => JsonStore::holder(dir),
        })
    }

    /// The repository of a record type. The first call loads the collection.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] for a collection that cannot be, or is open with another type; and
    /// whatever keeps the backend from loading it (see its own documentation). Nothing was
    /// changed.
    pub fn repository<T: Record>(&self) -> Result<AnyRepository<T>> {
        self.collection(Collection::of())
    }

    /// The repository of a collection that is described at run time.
    ///
    /// # Errors
    ///
    /// As [`repository`](Self::repository).
    pub fn collection<T: Data>(&self, collection: Collection<T>) -> Result<AnyRepository<T>> {
        self.inner.collection(collection)
    }

    /// The repository of a collection that the configuration describes, or whose definition is
    /// kept beside its data; its records are JSON documents.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if neither knows the collection, and as
    /// [`repository`](Self::repository).
    pub fn documents(&self, name: &str) -> Result<AnyRepository<Document>> {
        if let Some(config) = self.collections.get(name) {
            return self.collection(config.collection(name)?);
        }
        let known = self.collections()?;
        if !known.iter().any(|known| known == name) {
            let known = if known.is_empty() {
                "the store is empty".to_owned()
            } else {
                format!("the store has: {}", known.join(", "))
            };
            return Err(Error::new(
                ErrorKind::Config,
                format!("there is no collection {name:?}; {known}"),
            ));
        }
        let definition = self.definition(name)?;
        self.collection(Collection::from_definition(definition))
    }

    /// Runs `body` as one transaction over any collections of the store that are open, and gives
    /// what it gave: visible now, durable when the [`Write`] is awaited. See [`Transaction`] for
    /// what holds inside.
    ///
    /// ```
    /// use larder::prelude::*;
    /// use schemars::JsonSchema;
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Record)]
    /// #[record(collection = "sessions")]
    /// struct Session {
    ///     #[record(id)]
    ///     id: String,
    /// }
    ///
    /// #[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Record)]
    /// #[record(collection = "gates")]
    /// struct Gate {
    ///     #[record(id)]
    ///     id: String,
    ///     session: String,
    /// }
    ///
    /// let store = Store::open("memory:")?;
    /// let sessions = store.repository::<Session>()?;
    /// let gates = store.repository::<Gate>()?;
    /// let gate = store
    ///     .transaction(|tx| {
    ///         tx.insert(Session { id: "s".into() })?;
    ///         tx.insert(Gate { id: "g".into(), session: "s".into() })
    ///     })?
    ///     .wait()?;
    /// assert_eq!(gate.session, "s");
    ///
    /// // An error takes all of it back.
    /// let refused = store.transaction(|tx| {
    ///     tx.delete::<Session>("s")?;
    ///     tx.insert(Gate { id: "g".into(), session: "x".into() })
    /// });
    /// assert_eq!(refused.unwrap_err().kind(), larder::ErrorKind::AlreadyExists);
    /// assert!(sessions.get("s")?.is_some());
    /// # let _ = gates;
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// What `body` gives; [`ErrorKind::NestedTransaction`] inside a transaction of this thread;
    /// [`ErrorKind::ReadOnly`], [`ErrorKind::Closed`], [`ErrorKind::Poisoned`], and on a database
    /// [`ErrorKind::Io`] and [`ErrorKind::Locked`]. Nothing was changed.
    pub fn transaction<R>(
        &self,
        body: impl FnOnce(&Transaction<'_>) -> Result<R>,
    ) -> Result<Write<R>> {
        self.backend().transaction(body)
    }

    /// As [`transaction`](Self::transaction), for a closure with an error type of its own, which is
    /// given back as it is.
    ///
    /// # Errors
    ///
    /// What the closure gives, and as [`transaction`](Self::transaction); nothing was changed.
    pub fn try_transaction<R, E: From<Error>>(
        &self,
        body: impl FnOnce(&Transaction<'_>) -> Result<R, E>,
    ) -> Result<Write<R>, E> {
        self.backend().try_transaction(body)
    }

    /// The changes of all collections from now on, in the store's order; see
    /// [`Changes`](crate::Changes).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NestedTransaction`], [`ErrorKind::Closed`].
    pub fn changes(&self) -> Result<StoreChanges> {
        self.backend().changes()
    }

    /// As [`changes`](Self::changes), with room for so many changes that wait to be read.
    ///
    /// # Errors
    ///
    /// As [`changes`](Self::changes).
    pub fn listen(&self, capacity: usize) -> Result<StoreChanges> {
        self.backend().listen(capacity)
    }

    fn backend(&self) -> &dyn Backend {
        self.inner.backend()
    }

    /// A wait for everything that is visible now, in all collections.
    pub fn flush(&self) -> Write<()> {
        self.backend().flush()
    }

    /// Closes the store: from now on writes are refused, everything visible is flushed, the lock
    /// is let go. All of that is done when it resolves `Ok`; after that reads are refused, too.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotDurable`] if the flush cannot be made: nothing was forgotten, the store is
    /// open again, and it may be closed again.
    pub fn close(&self) -> Write<()> {
        self.backend().close()
    }

    /// How the store fares with its disk.
    #[must_use]
    pub fn health(&self) -> Health {
        self.backend().health()
    }

    /// Tells when the health changes; `None` for a store that has no disk to fail.
    #[must_use]
    pub fn watch_health(&self) -> Option<HealthWatch> {
        self.backend().watch_health()
    }

    /// What loading the open collections found.
    #[must_use]
    pub fn load_report(&self) -> LoadReport {
        self.backend().load_report()
    }

    /// The names of the collections that are there, sorted, whether opened or not.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`].
    pub fn collections(&self) -> Result<Vec<String>> {
        self.backend().collections()
    }

    /// The definition that is kept beside a collection's data; for a collection without one, which
    /// another program wrote, any objects with an `id`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`]; [`ErrorKind::Config`] if it cannot be read.
    pub fn definition(&self, collection: &str) -> Result<Definition> {
        self.backend().definition(collection)
    }

    /// The definitions of all collections that are there, by name.
    ///
    /// # Errors
    ///
    /// As [`definition`](Self::definition), for the first that cannot be read.
    pub fn definitions(&self) -> Result<Vec<Definition>> {
        self.collections()?
            .iter()
            .map(|name| self.definition(name))
            .collect()
    }

    /// The rejected records of all collections. Put one back with
    /// [`RepositoryExt::restore`](crate::RepositoryExt::restore).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`].
    pub fn quarantine(&self) -> Result<Vec<Quarantined>> {
        self.backend().quarantine()
    }

    /// Puts rejected bytes in quarantine: of records that were offered to a collection and refused,
    /// such as by an import. Durable when awaited.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if a collection is not open; [`ErrorKind::ReadOnly`],
    /// [`ErrorKind::Closed`].
    pub fn reject(&self, entries: Vec<Quarantined>) -> Result<Write<()>> {
        self.backend().reject(entries)
    }

    /// Forgets these entries of the quarantine for good, and gives their number. Durable when it
    /// returns.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`], [`ErrorKind::ReadOnly`], [`ErrorKind::Closed`].
    pub fn purge_quarantine(&self, keys: &[String]) -> Result<u64> {
        self.backend().purge_quarantine(keys)
    }

    /// Reads an open collection again, all of it and whatever is known to be good, and gives what a
    /// load finds. Nothing is changed. A database does not read at an open what it knows to be good,
    /// so this is how to be sure; a collection in memory was read as a whole when it was opened.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if the collection is not open; [`ErrorKind::Io`].
    pub fn verify(&self, collection: &str) -> Result<LoadReport> {
        self.backend().verify(collection)
    }

    /// A number that is another one after anybody, in whatever process, has committed a change. Ask it
    /// before reading: while it stays the same, what was read is what is there. `None` where it cannot
    /// be told: nobody else can write to a store in memory or of JSON files while it is open, and what
    /// this program writes is in [`changes`](Self::changes).
    ///
    /// Compare it with what this same store said before, and only for equality; it is no count, and
    /// it means nothing to another store or after opening again. It may differ although nothing was
    /// changed. Asking reads no record.
    ///
    /// ```
    /// use larder::prelude::*;
    /// use larder::{Collection, Document};
    ///
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let url = format!("sqlite:{}", dir.path().join("data.db").display());
    /// # let url = url.as_str();
    /// let (store, other) = (Store::open(url)?, Store::open(url)?);
    /// let notes = other.collection(Collection::<Document>::named("notes"))?;
    /// let before = store.revision()?;
    /// assert_eq!(store.revision()?, before);
    /// notes.save(Document::parse(r#"{"id":"a"}"#)?)?.wait()?;
    /// assert_ne!(store.revision()?, before);
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`], [`ErrorKind::Closed`].
    pub fn revision(&self) -> Result<Option<u64>> {
        self.backend().revision()
    }

    /// Copies the store as it is at this moment, with all its collections, into a new file, if others
    /// may change it while it is read: a database. `false` if nobody can, and nothing was copied: a
    /// directory of JSON files is locked while it is open. The copy is not synced.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`], and if the file is there already.
    pub fn snapshot(&self, file: impl AsRef<Path>) -> Result<bool> {
        self.backend().snapshot(file.as_ref())
    }

    /// Counts and sizes.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`].
    pub fn stats(&self) -> Result<StoreStats> {
        self.backend().stats()
    }
}
