//! The backend under a store.
//!
//! Owns [`Inner`], and the way from a store of one backend to a [`Store`]. This is the only place in the project where a backend is chosen.

use std::sync::Arc;

use larder_core::Options;

use crate::url::Place;
use crate::{AnyRepository, Collection, Data, JsonStore, MemoryStore, Result, SqliteStore, Store};

/// One of the backends.
#[derive(Clone, Debug)]
pub(crate) enum Inner {
    Memory(MemoryStore),
    Json(JsonStore),
    Sqlite(SqliteStore),
}

impl Inner {
    /// Opens what is at a place.
    pub(crate) fn open(place: Place, options: Options) -> Result<Self> {
        Ok(match place {
            Place::Memory if options.read_only => Self::Memory(MemoryStore::read_only()),
            Place::Memory => Self::Memory(MemoryStore::new()),
            Place::Json(dir) => Self::Json(JsonStore::open(dir, options)?),
            Place::Sqlite(file) => Self::Sqlite(SqliteStore::open(file, options)?),
        })
    }

    /// The repository of a collection.
    pub(crate) fn collection<T: Data>(
        &self,
        collection: Collection<T>,
    ) -> Result<AnyRepository<T>> {
        Ok(match self {
            Self::Memory(store) => Arc::new(store.collection(collection)?),
            Self::Json(store) => Arc::new(store.collection(collection)?),
            Self::Sqlite(store) => Arc::new(store.collection(collection)?),
        })
    }

    /// What does not depend on a record type.
    pub(crate) fn backend(&self) -> &dyn larder_core::Backend {
        match self {
            Self::Memory(store) => store,
            Self::Json(store) => store,
            Self::Sqlite(store) => store,
        }
    }
}

/// A store that was opened by its backend's own means. It has no configured collections.
impl From<MemoryStore> for Store {
    fn from(store: MemoryStore) -> Self {
        Self::on(Inner::Memory(store))
    }
}

/// A store that was opened by its backend's own means, such as with
/// [`Options`](crate::Options). It has no configured collections.
impl From<JsonStore> for Store {
    fn from(store: JsonStore) -> Self {
        Self::on(Inner::Json(store))
    }
}

/// A store that was opened by its backend's own means, such as with
/// [`Options`](crate::Options). It has no configured collections.
impl From<SqliteStore> for Store {
    fn from(store: SqliteStore) -> Self {
        Self::on(Inner::Sqlite(store))
    }
}
