//! The store that lives in memory: the reference that other backends are compared with, and what
//! tests of an application use.
//!
//! Owns [`MemoryStore`] and [`MemoryRepository`]. Everything is as with a store on disk, but that
//! nothing is left when the last handle is dropped; every write is as durable as it gets at once.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use crate::admission::Admission;
use crate::changes::StoreChanges;
use crate::collection::Collection;
use crate::committer::HealthWatch;
use crate::definition::Definition;
use crate::document::Document;
use crate::error::{Error, ErrorKind, Result};
use crate::health::{Health, HealthState};
use crate::journal::Journal;
use crate::quarantine::Quarantined;
use crate::record::{Data, Record};
use crate::report::LoadReport;
use crate::shelf::Shelf;
use crate::stats::{CollectionStats, StoreStats};
use crate::store::Backend;
use crate::table::{Host, Table, TableRepository, transact_tables};
use crate::transaction::Transaction;
use crate::write::Write;

/// A store in memory. Clones are handles on the same store.
///
/// ```
/// use larder_core::{Collection, MemoryStore, RepositoryExt};
/// use serde_json::{Value, json};
///
/// let store = MemoryStore::new();
/// let notes = store.collection(Collection::<Value>::named("notes").index("tag"))?;
/// notes.save(json!({"id": "a", "tag": "x"}))?.wait()?;
/// assert_eq!(notes.get("a")?.expect("just saved")["tag"], "x");
/// # use larder_core::Repository as _;
/// # Ok::<(), larder_core::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    journal: Arc<Journal>,
    shelf: Shelf,
    definitions: Mutex<Vec<Definition>>,
    quarantine: Mutex<Vec<Quarantined>>,
    closed: AtomicBool,
}

impl Default for Shared {
    fn default() -> Self {
        Self::with(Journal::memory())
    }
}

impl Shared {
    fn with(journal: Journal) -> Self {
        Self {
            journal: Arc::new(journal),
            shelf: Shelf::default(),
            definitions: Mutex::default(),
            quarantine: Mutex::default(),
            closed: AtomicBool::new(false),
        }
    }
}

impl Host for Shared {
    fn check_open(&self) -> Result<()> {
        if self.closed.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::Closed, "the store was closed"));
        }
        Ok(())
    }

    fn health(&self) -> Health {
        let last = self.journal.last();
        let closed = self.closed.load(Ordering::SeqCst);
        let state = if closed {
            HealthState::Closed
        } else {
            HealthState::Healthy
        };
        Health {
            state,
            applied: last,
            durable: last,
        }
    }

    fn add_file(&self, _stats: &mut CollectionStats) -> Result<()> {
        Ok(())
    }
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty store that refuses to be written, as any store that is opened for reading.
    #[must_use]
    pub fn read_only() -> Self {
        Self {
            shared: Arc::new(Shared::with(Journal::read_only())),
        }
    }

    /// The repository of a record type.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] for a collection that cannot be, or is open with another type;
    /// [`ErrorKind::Closed`].
    pub fn repository<T: Record>(&self) -> Result<MemoryRepository<T>> {
        self.collection(Collection::of())
    }

    /// The repository of a collection that is described at run time.
    ///
    /// # Errors
    ///
    /// As [`repository`](Self::repository).
    pub fn collection<T: Data>(&self, collection: Collection<T>) -> Result<MemoryRepository<T>> {
        self.shared.check_open()?;
        let name = collection.name().to_owned();
        let Shared { journal, shelf, .. } = &*self.shared;
        let table = shelf.get_or_open(journal, &name, || {
            let admission = Arc::new(Admission::new(collection)?);
            let definition = admission.definition();
            let table = Arc::new(Table::new(admission, Arc::clone(&self.shared.journal)));
            self.shared.definitions.lock().push(definition);
            let report = Arc::clone(table.report());
            Ok((Arc::clone(&table), table.part(), report))
        })?;
        Ok(TableRepository::new(
            table,
            Arc::clone(&self.shared) as Arc<dyn Host>,
        ))
    }
}

impl Backend for MemoryStore {
    fn transact(&self, body: &mut dyn FnMut(&Transaction<'_>) -> Result<()>) -> Result<Write<()>> {
        let Shared { journal, shelf, .. } = &*self.shared;
        transact_tables(journal, shelf, body)
    }

    fn listen(&self, capacity: usize) -> Result<StoreChanges> {
        self.shared.check_open()?;
        StoreChanges::open(&self.shared.journal, capacity)
    }

    fn flush(&self) -> Write<()> {
        self.shared.journal.flush()
    }

    fn close(&self) -> Write<()> {
        if let Err(error) = self.shared.journal.close() {
            return Write::failed((), error);
        }
        self.shared.closed.store(true, Ordering::SeqCst);
        Write::done(())
    }

    fn health(&self) -> Health {
        self.shared.health()
    }

    fn watch_health(&self) -> Option<HealthWatch> {
        None
    }

    fn load_report(&self) -> LoadReport {
        self.shared.shelf.report()
    }

    fn collections(&self) -> Result<Vec<String>> {
        Ok(self.shared.shelf.names())
    }

    fn definition(&self, collection: &str) -> Result<Definition> {
        let known = self.shared.definitions.lock();
        match known
            .iter()
            .find(|definition| definition.collection == collection)
        {
            Some(definition) => Ok(definition.clone()),
            None => Collection::<Document>::named(collection).definition(),
        }
    }

    fn quarantine(&self) -> Result<Vec<Quarantined>> {
        Ok(self.shared.quarantine.lock().clone())
    }

    fn reject(&self, entries: Vec<Quarantined>) -> Result<Write<()>> {
        let turn = self.shared.journal.turn()?;
        self.shared
            .shelf
            .check_open(entries.iter().map(Quarantined::collection))?;
        let mut kept = self.shared.quarantine.lock();
        for entry in entries {
            if !kept.iter().any(|known| known.key() == entry.key()) {
                kept.push(entry);
            }
        }
        Ok(turn.unchanged(()))
    }

    fn purge_quarantine(&self, keys: &[String]) -> Result<u64> {
        self.shared.journal.check_writable()?;
        let mut kept = self.shared.quarantine.lock();
        let before = kept.len();
        kept.retain(|entry| !keys.iter().any(|key| key == entry.key()));
        Ok((before - kept.len()) as u64)
    }

    fn verify(&self, collection: &str) -> Result<LoadReport> {
        // A load takes nothing for granted, and what came since went through the same gate.
        self.shared.shelf.report_of(collection)
    }

    fn revision(&self) -> Result<Option<u64>> {
        // Nobody else writes to it, and what this program writes is in its feed of changes.
        self.shared.check_open()?;
        Ok(None)
    }

    fn snapshot(&self, _file: &Path) -> Result<bool> {
        Ok(false)
    }

    fn stats(&self) -> Result<StoreStats> {
        let mut stats = StoreStats::new("memory");
        stats.collections = self.shared.shelf.names();
        stats.quarantined = self.shared.quarantine.lock().len() as u64;
        Ok(stats)
    }
}

/// A collection of a [`MemoryStore`].
pub type MemoryRepository<T> = TableRepository<T>;
