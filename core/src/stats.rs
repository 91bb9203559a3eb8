//! Counts and sizes of a store, for people.
//!
//! Owns [`StoreStats`] and [`CollectionStats`]; each backend fills them in.

use std::path::PathBuf;
use std::time::SystemTime;

/// Counts and sizes of one collection.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct CollectionStats {
    /// The collection's name.
    pub name: String,
    /// Records in the view.
    pub records: u64,
    /// Bytes on disk; `None` if nothing was written yet, or where a backend cannot tell.
    pub bytes: Option<u64>,
    /// When the file was last written; `None` if it was not yet, or where a backend cannot tell.
    pub written: Option<SystemTime>,
    /// Each index by name, with the number of different keys.
    pub indexes: Vec<(String, u64)>,
}

impl CollectionStats {
    /// Counts of a collection of this name.
    pub fn new(name: impl Into<String>, records: u64, indexes: Vec<(String, u64)>) -> Self {
        Self {
            name: name.into(),
            records,
            indexes,
            ..Self::default()
        }
    }
}

/// Counts and sizes of a store.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct StoreStats {
    /// The backend: `memory`, `json`, `sqlite`.
    pub backend: &'static str,
    /// Where it is.
    pub path: Option<PathBuf>,
    /// The collections that are there, by name.
    pub collections: Vec<String>,
    /// Records in quarantine.
    pub quarantined: u64,
    /// Who holds the store for writing, where that can be told.
    pub holder: Option<String>,
}

impl StoreStats {
    /// Counts of a store of this backend.
    #[must_use]
    pub fn new(backend: &'static str) -> Self {
        Self {
            backend,
            ..Self::default()
        }
    }
}
