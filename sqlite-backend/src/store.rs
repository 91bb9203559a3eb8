//! A SQLite database as a store.
//!
//! Owns [`SqliteStore`]: opening, closing, and what does not depend on a record type. Reading and
//! writing records is `repository.rs`, making writes durable is `medium.rs`.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use larder_core::backend::{Admission, Committer, Journal, Part, Progress, Shelf, check_name};
use larder_core::{
    Backend, Collection, Data, Definition, Error, ErrorKind, Health, HealthState, HealthWatch,
    LoadReport, Options, Quarantined, Record, Result, StoreChanges, StoreStats, Transaction, Write,
};
use parking_lot::Mutex;
use rusqlite::Connection;

use crate::connection::{self, Role, found, is_store, recognize, syncs};
use crate::database::Database;
use crate::definition;
use crate::error::SqliteError;
use crate::file::{prepare, unsafe_for_log};
use crate::log::{Log, LogFile};
use crate::medium::SqliteMedium;
use crate::quarantine;
use crate::repository::SqliteRepository;
use crate::rows::{Findings, Rows, Verify};
use crate::transact::{RowsPart, transact};

/// The first SQLite without the race between a writer that begins the log anew and a checkpoint.
/// Source: <https://www.sqlite.org/releaselog/3_51_3.html>.
const FIRST_SOUND: i32 = 3_051_003;

/// A store in one SQLite database. Clones are handles on the same store.
///
/// Several processes may have one open and write to it. Dropping the last handle (the store's and
/// its repositories') flushes first, for at most [`Options::drop_timeout`], and logs an error if
/// writes could not be made durable. `close` tells you instead.
///
/// [`Options::max_file_bytes`] and [`Options::on_external_change`] are about files that are read and
/// replaced as a whole, and say nothing about a database.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    shared: Arc<Shared>,
}

/// What the handles of a store share.
pub(crate) struct Shared {
    database: Arc<Database>,
    options: Options,
    journal: Arc<Journal>,
    shelf: Shelf,
    findings: Arc<Findings>,
    /// The open collections, whatever their record types.
    open: Mutex<BTreeMap<String, Arc<dyn Verify>>>,
    access: Access,
}

/// Shows where it is, not what is in it.
impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("path", &self.database.path())
            .field("open", &self.shelf)
            .finish_non_exhaustive()
    }
}

enum Access {
    Write(Committer),
    Read { closed: AtomicBool },
}

/// Gives the log of the database at a path.
pub(crate) type OpenLog = Box<dyn Fn(&Path) -> Box<dyn Log>>;

/// What a test may put in the place of the real thing.
pub(crate) struct Parts {
    /// The log of the database at this path.
    pub(crate) log: OpenLog,
    /// Why a write-ahead log does not work there.
    pub(crate) unsafe_for_log: fn(&Path) -> Option<&'static str>,
    /// The version of SQLite.
    pub(crate) sqlite: i32,
}

impl Parts {
    pub(crate) fn real() -> Self {
        Self {
            log: Box::new(|path| Box::new(LogFile::new(path))),
            unsafe_for_log,
            sqlite: rusqlite::version_number(),
        }
    }
}

impl SqliteStore {
    /// Opens the store in this file, and creates it if it is not there.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if the system's SQLite is too old;
    /// [`ErrorKind::Unrecognized`] for a file that is no database, or another program's;
    /// [`ErrorKind::NewerVersion`] for one of a newer format; [`ErrorKind::Locked`] if another
    /// process keeps it locked for half a minute; [`ErrorKind::Io`]. With [`Options::read_only`]
    /// nothing is created but SQLite's own files beside the database.
    pub fn open(path: impl AsRef<Path>, options: Options) -> Result<Self> {
        Self::open_with(&Parts::real(), path.as_ref(), options)
    }

    #[cfg(test)]
    pub(crate) fn database(&self) -> &Database {
        &self.shared.database
    }

    #[cfg(test)]
    pub(crate) fn journal(&self) -> &Journal {
        &self.shared.journal
    }

    pub(crate) fn open_with(parts: &Parts, path: &Path, options: Options) -> Result<Self> {
        let shared = if options.read_only {
            Self::open_for_reading(path, options)
        } else {
            Self::open_for_writing(parts, path, options)
        };
        let shared = shared.map_err(|error| match error.path() {
            Some(_) => error.with_operation("open"),
            None => error.with_operation("open").with_path(path),
        })?;
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    fn open_for_reading(path: &Path, options: Options) -> Result<Shared> {
        let path = prepare(path, false, false)?;
        let connection = connection::open(&path, Role::ReadOnly)?;
        recognize(&connection, &path)?;
        Ok(Shared {
            database: Arc::new(Database::read_only(path, connection)),
            options,
            journal: Arc::new(Journal::read_only()),
            shelf: Shelf::default(),
            findings: Arc::default(),
            open: Mutex::default(),
            access: Access::Read {
                closed: AtomicBool::new(false),
            },
        })
    }

    fn open_for_writing(parts: &Parts, path: &Path, options: Options) -> Result<Shared> {
        if parts.sqlite < FIRST_SOUND {
            return Err(SqliteError::OldSqlite {
                version: rusqlite::version(),
            }
            .into());
        }
        let path = prepare(path, true, syncs(options.durability))?;
        let connection = connection::open(&path, Role::Writer)?;
        recognize(&connection, &path)?;
        let journaling = connection::journal(&connection, (parts.unsafe_for_log)(&path))?;
        found(&connection)?;
        let database = Arc::new(Database::writable(path.clone(), connection));
        let mut medium = None;
        let committer = Committer::start(options.committer(), |progress: Arc<Progress>| {
            let made = Arc::new(SqliteMedium::new(
                Arc::clone(&database),
                journaling,
                (parts.log)(&path),
                &options,
                progress,
            ));
            medium = Some(Arc::clone(&made));
            made
        })?;
        let medium = medium
            .ok_or_else(|| Error::new(ErrorKind::Internal, "a committer without a medium"))?;
        medium.recover()?;
        Ok(Shared {
            database,
            options,
            journal: Arc::clone(medium.journal()),
            shelf: Shelf::default(),
            findings: Arc::default(),
            open: Mutex::default(),
            access: Access::Write(committer),
        })
    }

    /// The repository of a record type.
    ///
    /// The first call makes the table what it should be; later ones give the same repository.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] for a collection that cannot be, or is open with another type;
    /// [`ErrorKind::NewerVersion`], [`ErrorKind::Unrecognized`], [`ErrorKind::Rejected`] (if so
    /// configured) for a table that is not to be opened: it was not touched; [`ErrorKind::Io`],
    /// [`ErrorKind::Locked`], [`ErrorKind::Closed`].
    pub fn repository<T: Record>(&self) -> Result<SqliteRepository<T>> {
        self.collection(Collection::of())
    }

    /// The repository of a collection that is described at run time.
    ///
    /// # Errors
    ///
    /// As [`repository`](Self::repository).
    pub fn collection<T: Data>(&self, collection: Collection<T>) -> Result<SqliteRepository<T>> {
        let shared = &self.shared;
        shared.check_open()?;
        let name = collection.name().to_owned();
        let mut opened = None;
        let rows = shared
            .shelf
            .get_or_open(&shared.journal, &name, || {
                let rows = Rows::open(
                    Arc::new(Admission::new(collection)?.with_policy(shared.options.policy())),
                    Arc::clone(&shared.database),
                    Arc::clone(&shared.journal),
                    &shared.options,
                    Arc::clone(&shared.findings),
                )?;
                let report = Arc::clone(rows.report());
                opened = Some(Arc::clone(&report));
                let rows = Arc::new(rows);
                let verify = Arc::clone(&rows) as Arc<dyn Verify>;
                shared.open.lock().insert(name.clone(), verify);
                let part = Arc::new(RowsPart(Arc::clone(&rows))) as Arc<dyn Part<T>>;
                Ok((rows, part, report))
            })
            .map_err(|error| error.with_operation("open").with_collection(&name))?;
        // Not while collections are locked: a log may be kept in this very store.
        if let Some(report) = opened {
            report.log();
        }
        Ok(SqliteRepository::new(rows, Arc::clone(shared)))
    }
}

impl Shared {
    pub(crate) fn check_open(&self) -> Result<()> {
        let closed = match &self.access {
            Access::Write(committer) => committer.progress().is_closed(),
            Access::Read { closed } => closed.load(Ordering::SeqCst),
        };
        if closed {
            return Err(Error::new(ErrorKind::Closed, "the store was closed"));
        }
        Ok(())
    }

    pub(crate) fn health(&self) -> Health {
        match &self.access {
            Access::Write(committer) => committer.progress().health(),
            Access::Read { closed } if closed.load(Ordering::SeqCst) => {
                Health::new(HealthState::Closed, 0, 0)
            }
            Access::Read { .. } => Health::new(HealthState::Healthy, 0, 0),
        }
    }

    /// Reads something of the store's own tables; nothing in a database that has none yet.
    fn read<R: Default>(
        &self,
        read: impl FnOnce(&Connection) -> Result<R, SqliteError>,
    ) -> Result<R> {
        self.check_open()?;
        self.database.reader()?.snapshot(|connection| {
            if !is_store(connection)? {
                return Ok(R::default());
            }
            Ok(read(connection)?)
        })
    }

    /// Changes something of the store's own tables, durably when the write is awaited.
    fn change<R>(
        &self,
        change: impl FnOnce(&Connection) -> Result<R, SqliteError>,
    ) -> Result<Write<R>> {
        self.journal.check_writable()?;
        let turn = self.journal.turn()?;
        let changed = self
            .database
            .write(|connection| -> Result<_> { Ok(Some(change(connection)?)) })?;
        let changed =
            changed.ok_or_else(|| Error::new(ErrorKind::Internal, "a change was not committed"))?;
        Ok(turn.commit(changed, Vec::new()))
    }
}

impl Backend for SqliteStore {
    fn transact(&self, body: &mut dyn FnMut(&Transaction<'_>) -> Result<()>) -> Result<Write<()>> {
        let Shared {
            database,
            journal,
            shelf,
            ..
        } = &*self.shared;
        transact(database, journal, shelf, body)
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
            Access::Write(committer) => {
                // Between writes: one that is visible is flushed, a later one is refused.
                self.shared
                    .journal
                    .between_writes(|| Write::closing((), Arc::clone(committer.progress())))
                    .unwrap_or_else(|error| Write::failed((), error))
            }
            Access::Read { closed } => {
                if let Err(error) = self.shared.journal.close() {
                    return Write::failed((), error);
                }
                closed.store(true, Ordering::SeqCst);
                self.shared.database.close(false);
                Write::done(())
            }
        }
    }

    fn health(&self) -> Health {
        self.shared.health()
    }

    fn watch_health(&self) -> Option<HealthWatch> {
        match &self.shared.access {
            Access::Write(committer) => Some(HealthWatch::new(committer.progress())),
            Access::Read { .. } => None,
        }
    }

    fn load_report(&self) -> LoadReport {
        let mut report = self.shared.shelf.report();
        report.merge(&self.shared.findings.later.lock());
        report
    }

    fn collections(&self) -> Result<Vec<String>> {
        self.shared.read(definition::collections)
    }

    fn definition(&self, collection: &str) -> Result<Definition> {
        check_name(collection)?;
        self.shared.check_open()?;
        let reader = self.shared.database.reader()?;
        definition::read_or_guess(&reader, collection)
    }

    fn quarantine(&self) -> Result<Vec<Quarantined>> {
        let mut entries = self.shared.read(quarantine::read)?;
        for entry in self.shared.findings.rejected.lock().iter() {
            if !entries.iter().any(|known| known.key() == entry.key()) {
                entries.push(entry.clone());
            }
        }
        Ok(entries)
    }

    fn reject(&self, entries: Vec<Quarantined>) -> Result<Write<()>> {
        self.shared.journal.check_writable()?;
        self.shared
            .shelf
            .check_open(entries.iter().map(Quarantined::collection))?;
        self.shared
            .change(|connection| quarantine::add(connection, &entries))
    }

    fn purge_quarantine(&self, keys: &[String]) -> Result<u64> {
        self.shared
            .change(|connection| quarantine::purge(connection, keys))?
            .wait()
    }

    fn verify(&self, collection: &str) -> Result<LoadReport> {
        self.shared.check_open()?;
        let open = self.shared.open.lock().get(collection).cloned();
        let open = open.ok_or_else(|| {
            Error::new(ErrorKind::Config, "the collection is not open").with_collection(collection)
        })?;
        open.verify()
    }

    fn revision(&self) -> Result<Option<u64>> {
        self.shared.check_open()?;
        self.shared.database.revision().map(Some)
    }

    fn snapshot(&self, file: &Path) -> Result<bool> {
        let name = file.to_str().ok_or_else(|| {
            Error::new(ErrorKind::Config, "the name of the copy is not UTF-8").with_path(file)
        })?;
        self.shared.check_open()?;
        // A connection of its own: those that only query may not do this.
        let reader = connection::open(self.shared.database.path(), Role::ReadOnly)?;
        // One read transaction over everything. It refuses a file that is not empty.
        reader
            .execute("VACUUM INTO ?1", [name])
            .map_err(SqliteError::sql("copy the database"))?;
        Ok(true)
    }

    fn stats(&self) -> Result<StoreStats> {
        let mut stats = StoreStats::new("sqlite");
        stats.path = Some(self.shared.database.path().to_owned());
        stats.collections = self.collections()?;
        stats.quarantined = self.shared.read(quarantine::count)?;
        Ok(stats)
    }
}
