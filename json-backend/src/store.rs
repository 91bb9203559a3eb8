//! A directory of JSON files as a store.
//!
//! Owns [`JsonStore`]: opening, closing, and what does not depend on a record type. Reading and
//! writing records is `repository.rs`, flushing is `medium.rs`.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use larder_core::backend::{
    Committer, Host, Journal, Progress, Shelf, check_name, transact_tables,
};
use larder_core::{
    Backend, Collection, Data, Definition, Durability, Error, ErrorKind, Health, HealthWatch,
    LoadReport, Options, Quarantined, Record, Result, StoreChanges, StoreStats, Transaction, Write,
};
use parking_lot::Mutex;

use crate::committed_view::CommittedView;
use crate::definition;
use crate::disk::Disk;
use crate::error::JsonError;
use crate::lock::{LOCK_FILE, LockHandle, LockMode, read_holder};
use crate::medium::JsonMedium;
use crate::names::Names;
use crate::publish::{ensure_dir, sweep};
use crate::quarantine;
use crate::real_disk::RealDisk;
use crate::recover;
use crate::repository::JsonRepository;

/// A store in a directory of JSON files. Clones are handles on the same store.
///
/// Opening takes the directory's lock; it is let go by [`close`](Backend::close), or when the last
/// handle (the store's and its repositories') is dropped. Dropping flushes first; it blocks for as
/// long as that takes, at most [`Options::drop_timeout`], and logs an error if writes could not be
/// made durable. `close` tells you instead.
#[derive(Clone, Debug)]
pub struct JsonStore {
    shared: Arc<Shared>,
}

/// What the handles of a store share.
pub(crate) struct Shared {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) dir: PathBuf,
    pub(crate) options: Options,
    pub(crate) journal: Arc<Journal>,
    shelf: Shelf,
    /// What would be in quarantine, were its collection not of a newer version.
    pub(crate) newer: Mutex<Vec<Quarantined>>,
    pub(crate) access: Access,
}

/// Shows where it is, not what is in it.
impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("dir", &self.dir)
            .field("open", &self.shelf)
            .finish_non_exhaustive()
    }
}

pub(crate) enum Access {
    Write {
        committer: Committer,
        medium: Arc<JsonMedium>,
    },
    Read(ReadAccess),
}

/// A store that was opened for reading.
pub(crate) struct ReadAccess {
    lock: Mutex<Option<Box<dyn LockHandle>>>,
    closed: AtomicBool,
    /// What would be in quarantine, had it been opened for writing.
    pub(crate) rejected: Mutex<Vec<Quarantined>>,
}

impl ReadAccess {
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }
}

impl JsonStore {
    /// Opens the store in this directory, and creates it if it is not there.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Locked`] if another process (or this one) has it open; the message names the
    /// holder. [`ErrorKind::Io`] if the directory cannot be made or read.
    /// [`ErrorKind::Unrecognized`] or [`ErrorKind::NewerVersion`] if a crash left several files to be
    /// replaced as one, and what says so, or a new content, is not as it was written: nothing was
    /// touched. With [`Options::read_only`] nothing is created but, where it may be, the lock file.
    pub fn open(dir: impl AsRef<Path>, options: Options) -> Result<Self> {
        Self::open_on(Arc::new(RealDisk), dir.as_ref(), options)
            .map_err(|error| error.with_operation("open"))
    }

    /// Who has the store in this directory open for writing, as far as that can be told.
    #[must_use]
    pub fn holder(dir: impl AsRef<Path>) -> Option<String> {
        read_holder(&dir.as_ref().join(LOCK_FILE)).map(|holder| holder.to_string())
    }

    pub(crate) fn open_on(disk: Arc<dyn Disk>, dir: &Path, options: Options) -> Result<Self> {
        let dir = std::path::absolute(dir).map_err(|error| {
            Error::new(ErrorKind::Config, "this is no path")
                .with_path(dir)
                .with_source(error)
        })?;
        let shared = if options.read_only {
            // Listing tells "not there" and "may not" apart, before anything else is tried.
            disk.list(&dir).map_err(JsonError::from)?;
            let lock = disk
                .lock(&dir.join(LOCK_FILE), LockMode::Shared)
                .map_err(JsonError::from)?;
            // A crash may have left several files to be replaced as one. They are read as if they were.
            let disk: Arc<dyn Disk> = match recover::look(&*disk, &dir)? {
                Some(found) => Arc::new(CommittedView::new(disk, found.pending)),
                None => disk,
            };
            let access = ReadAccess {
                lock: Mutex::new(Some(lock)),
                closed: AtomicBool::new(false),
                rejected: Mutex::default(),
            };
            let journal = Arc::new(Journal::read_only());
            Shared {
                disk,
                dir,
                options,
                journal,
                shelf: Shelf::default(),
                newer: Mutex::default(),
                access: Access::Read(access),
            }
        } else {
            Self::open_for_writing(disk, dir, options)?
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    fn open_for_writing(disk: Arc<dyn Disk>, dir: PathBuf, options: Options) -> Result<Shared> {
        let sync = options.durability == Durability::PowerLoss;
        ensure_dir(&*disk, &dir, sync).map_err(JsonError::from)?;
        let lock = disk
            .lock(&dir.join(LOCK_FILE), LockMode::Exclusive)
            .map_err(JsonError::from)?;
        if let Some(moved) = recover::finish(&*disk, &dir, sync)? {
            tracing::info!(target: "larder::open", moved, "finished a commit that was cut short");
        }
        let swept = sweep(&*disk, &dir).map_err(JsonError::from)?;
        if swept > 0 {
            tracing::info!(target: "larder::open", swept, "removed what a crash left half-written");
        }
        let mut medium = None;
        let committer = Committer::start(options.committer(), |progress: Arc<Progress>| {
            let made = Arc::new(JsonMedium::new(
                Arc::clone(&disk),
                dir.clone(),
                &options,
                lock,
                progress,
            ));
            medium = Some(Arc::clone(&made));
            made
        })?;
        let medium = medium
            .ok_or_else(|| Error::new(ErrorKind::Internal, "a committer without a medium"))?;
        let journal = Arc::clone(medium.journal());
        let access = Access::Write { committer, medium };
        Ok(Shared {
            disk,
            dir,
            options,
            journal,
            shelf: Shelf::default(),
            newer: Mutex::default(),
            access,
        })
    }

    /// The repository of a record type.
    ///
    /// The first call reads the collection's file; later ones give the same repository.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] for a collection that cannot be, or is open with another type;
    /// [`ErrorKind::TooLarge`], [`ErrorKind::NewerVersion`], [`ErrorKind::Unrecognized`],
    /// [`ErrorKind::Rejected`] (if so configured) for a file that is not to be opened: it was not
    /// touched; [`ErrorKind::Io`] if it cannot be read; [`ErrorKind::Closed`].
    pub fn repository<T: Record>(&self) -> Result<JsonRepository<T>> {
        self.collection(Collection::of())
    }

    /// The repository of a collection that is described at run time.
    ///
    /// # Errors
    ///
    /// As [`repository`](Self::repository).
    pub fn collection<T: Data>(&self, collection: Collection<T>) -> Result<JsonRepository<T>> {
        let shared = &self.shared;
        shared.check_open()?;
        let name = collection.name().to_owned();
        let mut opened = None;
        let table = shared
            .shelf
            .get_or_open(&shared.journal, &name, || {
                let (table, report) = shared.open_collection(collection)?;
                opened = Some(Arc::clone(&report));
                Ok((Arc::clone(&table), table.part(), report))
            })
            .map_err(|error| error.with_operation("open").with_collection(&name))?;
        // Not while collections are locked: a log may be kept in this very store.
        if let Some(report) = opened {
            report.log();
        }
        Ok(JsonRepository::new(
            table,
            Arc::clone(shared) as Arc<dyn Host>,
        ))
    }
}

/// For tests of what no repository can do by itself.
#[cfg(test)]
impl JsonStore {
    /// From now on the definitions of the collections that are open belong to their records.
    pub(crate) fn tie_definitions(&self) {
        if let Access::Write { medium, .. } = &self.shared.access {
            medium.tie_definitions();
        }
    }
}

impl Shared {
    pub(crate) fn access(&self) -> &Access {
        &self.access
    }

    /// Length and time of a collection's file.
    pub(crate) fn file_stats(&self, collection: &str) -> Result<Option<(u64, Option<i128>)>> {
        let path = Names::new(&self.dir, collection).records();
        let identity = self.disk.identity(&path).map_err(JsonError::from)?;
        Ok(identity.map(|identity| (identity.len, identity.modified_ns)))
    }
}

impl Backend for JsonStore {
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
        match &self.shared.access {
            Access::Write { committer, .. } => {
                // Between writes: one that is visible is flushed, a later one is refused.
                self.shared
                    .journal
                    .between_writes(|| Write::closing((), Arc::clone(committer.progress())))
                    .unwrap_or_else(|error| Write::failed((), error))
            }
            Access::Read(access) => {
                if let Err(error) = self.shared.journal.close() {
                    return Write::failed((), error);
                }
                access.closed.store(true, Ordering::SeqCst);
                *access.lock.lock() = None;
                Write::done(())
            }
        }
    }

    fn health(&self) -> Health {
        self.shared.health()
    }

    fn watch_health(&self) -> Option<HealthWatch> {
        match &self.shared.access {
            Access::Write { committer, .. } => Some(HealthWatch::new(committer.progress())),
            Access::Read(_) => None,
        }
    }

    fn load_report(&self) -> LoadReport {
        let mut report = self.shared.shelf.report();
        if let Access::Write { medium, .. } = &self.shared.access {
            report.merge(&LoadReport::new(0, medium.issues()));
        }
        report
    }

    fn collections(&self) -> Result<Vec<String>> {
        let Shared {
            disk, dir, shelf, ..
        } = &*self.shared;
        let mut names = definition::collections(&**disk, dir).map_err(JsonError::from)?;
        if matches!(self.shared.access, Access::Write { .. }) {
            // One that was opened is there before the first flush makes its files.
            names.extend(shelf.names());
        }
        Ok(names.into_iter().collect())
    }

    fn definition(&self, collection: &str) -> Result<Definition> {
        check_name(collection)?;
        let Shared {
            disk, dir, access, ..
        } = &*self.shared;
        if let Access::Write { medium, .. } = access
            && let Some(definition) = medium.pending_definition(collection)
        {
            return Ok(definition);
        }
        definition::read_or_guess(&**disk, dir, collection)
    }

    fn quarantine(&self) -> Result<Vec<Quarantined>> {
        let Shared {
            disk, dir, access, ..
        } = &*self.shared;
        // What is pending first: a flush in between moves it to the files, and never back.
        let pending = match access {
            Access::Write { medium, .. } => {
                let mut pending = medium.pending_quarantine();
                pending.extend(self.shared.newer.lock().iter().cloned());
                pending
            }
            Access::Read(access) => access.rejected.lock().clone(),
        };
        let mut entries = Vec::new();
        for name in definition::collections(&**disk, dir).map_err(JsonError::from)? {
            let path = Names::new(dir, &name).quarantine();
            entries.extend(quarantine::read(&**disk, &path).map_err(JsonError::from)?);
        }
        let known: BTreeSet<String> = entries.iter().map(|entry| entry.key().to_owned()).collect();
        entries.extend(
            pending
                .into_iter()
                .filter(|entry| !known.contains(entry.key())),
        );
        entries.sort_by_cached_key(Quarantined::since);
        Ok(entries)
    }

    fn reject(&self, entries: Vec<Quarantined>) -> Result<Write<()>> {
        let Shared {
            journal,
            shelf,
            access,
            ..
        } = &*self.shared;
        journal.check_writable()?;
        shelf.check_open(entries.iter().map(Quarantined::collection))?;
        let Access::Write { medium, .. } = access else {
            return Ok(Write::done(()));
        };
        medium.reject(entries);
        Ok(journal.turn()?.commit((), Vec::new()))
    }

    fn purge_quarantine(&self, keys: &[String]) -> Result<u64> {
        self.shared.journal.check_writable()?;
        let Access::Write { medium, .. } = &self.shared.access else {
            return Ok(0);
        };
        medium.purge(&self.collections()?, keys)
    }

    fn verify(&self, collection: &str) -> Result<LoadReport> {
        // A load takes nothing for granted, and what came since went through the same gate.
        self.shared.shelf.report_of(collection)
    }

    fn revision(&self) -> Result<Option<u64>> {
        // Its lock keeps every other writer out, and what this one writes is in its feed of changes.
        self.shared.check_open()?;
        Ok(None)
    }

    fn snapshot(&self, _file: &Path) -> Result<bool> {
        // Its lock keeps every other writer out.
        Ok(false)
    }

    fn stats(&self) -> Result<StoreStats> {
        let dir = &self.shared.dir;
        let mut stats = StoreStats::new("json");
        stats.path = Some(dir.clone());
        stats.collections = self.collections()?;
        stats.quarantined = self.quarantine()?.len() as u64;
        stats.holder = Self::holder(dir);
        Ok(stats)
    }
}
