//! The store: what a backend has to write by itself when it is made of the parts of `larder_core::backend`.
//!
//! Owns [`KeepingStore`]. Records and indexes are a `Table`'s, transactions `transact_tables`'.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use larder_core::backend::{
    Admission, Committer, Host, Journal, Shelf, TableRepository, check_name, transact_tables,
};
use larder_core::{
    Backend, Collection, CollectionStats, Data, Definition, Document, Error, ErrorKind, Health,
    HealthState, HealthWatch, LoadReport, Options, Quarantined, Result, StoreChanges, StoreStats,
    Transaction, Write,
};
use parking_lot::Mutex;

use super::Fault;
use super::disk::{Disk, Kept};
use super::load::load;
use super::medium::DiskMedium;

#[derive(Clone, Debug)]
pub(crate) struct KeepingStore {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    disk: Arc<Disk>,
    options: Options,
    journal: Arc<Journal>,
    shelf: Shelf,
    /// None if it was opened for reading.
    writer: Option<(Committer, Arc<DiskMedium>)>,
    /// Whether one that was opened for reading was closed.
    is_closed: AtomicBool,
    /// What would be in quarantine, had it been opened for writing.
    found: Mutex<Vec<Quarantined>>,
    fault: Option<Fault>,
}

impl KeepingStore {
    pub(crate) fn open(disk: Arc<Disk>, options: Options, fault: Option<Fault>) -> Result<Self> {
        let (writer, journal) = if options.read_only {
            (None, Arc::new(Journal::read_only()))
        } else {
            if !disk.take() && fault != Some(Fault::LetsEverybodyIn) {
                return Err(Error::new(ErrorKind::Locked, "somebody has it open"));
            }
            let mut medium = None;
            let committer = Committer::start(options.committer(), |progress| {
                let made = Arc::new(DiskMedium::new(Arc::clone(&disk), progress, fault));
                medium = Some(Arc::clone(&made));
                made
            })?;
            let medium = medium.expect("a committer has a medium");
            let journal = Arc::clone(medium.journal());
            (Some((committer, medium)), journal)
        };
        let shared = Arc::new(Shared {
            disk,
            options,
            journal,
            shelf: Shelf::default(),
            writer,
            is_closed: AtomicBool::new(false),
            found: Mutex::default(),
            fault,
        });
        Ok(Self { shared })
    }

    pub(crate) fn collection<T: Data>(
        &self,
        collection: Collection<T>,
    ) -> Result<TableRepository<T>> {
        let shared = &self.shared;
        shared.check_open()?;
        let name = collection.name().to_owned();
        let table = shared.shelf.get_or_open(&shared.journal, &name, || {
            let mut policy = shared.options.policy();
            policy.preserve_unknown &= shared.fault != Some(Fault::DropsUnknownFields);
            let admission = Arc::new(Admission::new(collection)?.with_policy(policy));
            let mut content = shared.disk.content();
            let kept = content.collections.get(&name);
            let found = load(&admission, kept, &shared.options, shared.fault)?;
            let journal = Arc::clone(&shared.journal);
            let mut table = found.loaded.into_table(journal, found.report);
            if let Some(version) = found.newer {
                table = table.of_newer(version);
            }
            if shared.writer.is_none() {
                shared.found.lock().extend(found.rejected);
            } else if found.newer.is_none() {
                if shared.fault != Some(Fault::DestroysWhatItRejects) {
                    content.keep_rejected(found.rejected);
                }
                let kept = Kept {
                    definition: admission.definition(),
                    records: found.records,
                    planted: Vec::new(),
                };
                content.collections.insert(name.clone(), kept);
            }
            let table = Arc::new(table);
            let report = Arc::clone(table.report());
            Ok((Arc::clone(&table), table.part(), report))
        })?;
        Ok(TableRepository::new(
            table,
            Arc::clone(shared) as Arc<dyn Host>,
        ))
    }
}

impl Host for Shared {
    fn check_open(&self) -> Result<()> {
        let is_closed = match &self.writer {
            Some((committer, _)) => committer.progress().is_closed(),
            None => self.is_closed.load(Ordering::SeqCst),
        };
        if is_closed {
            return Err(Error::new(ErrorKind::Closed, "the store was closed"));
        }
        Ok(())
    }

    fn health(&self) -> Health {
        match &self.writer {
            Some((committer, _)) => {
                let mut health = committer.progress().health();
                let fails = matches!(health.state, HealthState::Failing { .. });
                if fails && self.fault == Some(Fault::HidesThatItFails) {
                    health.state = HealthState::Healthy;
                }
                health
            }
            None if self.check_open().is_err() => Health::new(HealthState::Closed, 0, 0),
            None => Health::new(HealthState::Healthy, 0, 0),
        }
    }

    fn add_file(&self, _stats: &mut CollectionStats) -> Result<()> {
        Ok(())
    }
}

impl Backend for KeepingStore {
    fn transact(&self, body: &mut dyn FnMut(&Transaction<'_>) -> Result<()>) -> Result<Write<()>> {
        transact_tables(&self.shared.journal, &self.shared.shelf, body)
    }

    fn listen(&self, capacity: usize) -> Result<StoreChanges> {
        self.shared.check_open()?;
        StoreChanges::open(&self.shared.journal, capacity)
    }

    fn flush(&self) -> Write<()> {
        self.shared.journal.flush()
    }

    fn close(&self) -> Write<()> {
        let shared = &self.shared;
        let closing = match &shared.writer {
            Some((committer, _)) => shared
                .journal
                .between_writes(|| Write::closing((), Arc::clone(committer.progress()))),
            None => shared.journal.close().map(|()| {
                shared.is_closed.store(true, Ordering::SeqCst);
                Write::done(())
            }),
        };
        match closing {
            Ok(_) if shared.fault == Some(Fault::ClosesAnyway) => Write::done(()),
            Ok(closing) => closing,
            Err(error) => Write::failed((), error),
        }
    }

    fn health(&self) -> Health {
        self.shared.health()
    }

    fn watch_health(&self) -> Option<HealthWatch> {
        let (committer, _) = self.shared.writer.as_ref()?;
        Some(HealthWatch::new(committer.progress()))
    }

    fn load_report(&self) -> LoadReport {
        self.shared.shelf.report()
    }

    fn collections(&self) -> Result<Vec<String>> {
        let content = self.shared.disk.content();
        Ok(content.collections.keys().cloned().collect())
    }

    fn definition(&self, collection: &str) -> Result<Definition> {
        check_name(collection)?;
        match self.shared.disk.content().collections.get(collection) {
            Some(kept) => Ok(kept.definition.clone()),
            None => Collection::<Document>::named(collection).definition(),
        }
    }

    fn quarantine(&self) -> Result<Vec<Quarantined>> {
        Ok(match &self.shared.writer {
            Some((_, medium)) => medium.quarantine(),
            None => self.shared.found.lock().clone(),
        })
    }

    fn reject(&self, entries: Vec<Quarantined>) -> Result<Write<()>> {
        self.shared.journal.check_writable()?;
        self.shared
            .shelf
            .check_open(entries.iter().map(Quarantined::collection))?;
        if let Some((_, medium)) = &self.shared.writer {
            medium.reject(entries);
        }
        Ok(self.shared.journal.turn()?.commit((), Vec::new()))
    }

    fn purge_quarantine(&self, keys: &[String]) -> Result<u64> {
        self.shared.journal.check_writable()?;
        let medium = self.shared.writer.as_ref().map(|(_, medium)| medium);
        Ok(medium.map_or(0, |medium| medium.purge(keys)))
    }

    fn verify(&self, collection: &str) -> Result<LoadReport> {
        self.shared.shelf.report_of(collection)
    }

    fn revision(&self) -> Result<Option<u64>> {
        self.shared.check_open()?;
        Ok(None)
    }

    fn snapshot(&self, _file: &Path) -> Result<bool> {
        Ok(false)
    }

    fn stats(&self) -> Result<StoreStats> {
        let mut stats = StoreStats::new("keeping");
        stats.collections = self.collections()?;
        stats.quarantined = self.quarantine()?.len() as u64;
        Ok(stats)
    }
}
