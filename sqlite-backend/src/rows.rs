//! One open collection.
//!
//! Owns [`Rows`]: its shape in the database, which may change while it is open, and the way of every
//! read: on a connection of its own, in a snapshot, over rows that were verified.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use larder_core::backend::{Admission, Journal, Table, is_plain_json};
use larder_core::{
    Action, Data, Error, ErrorKind, Issue, IssueKind, LoadReport, OnInvalid, Quarantined, Result,
};
use parking_lot::{Mutex, RwLock};
use rusqlite::Connection;

use crate::adopt::{Scope, adopt};
use crate::database::Database;
use crate::error::SqliteError;
use crate::keys::Halt;
use crate::live::Live;
use crate::load::{Opened, Wanted};
use crate::mirror::{Mirror, data_version};
use crate::quarantine;
use crate::select::Trouble;
use crate::shape::{Shape, schema_version};

/// How often a read lets in what others wrote before it gives up.
const TRIES: u32 = 16;

/// One open collection.
pub(crate) struct Rows<T> {
    pub(crate) name: Arc<str>,
    pub(crate) admission: Arc<Admission<T>>,
    pub(crate) live: Live<T>,
    /// Whether records are their JSON.
    pub(crate) plain: bool,
    pub(crate) database: Arc<Database>,
    pub(crate) journal: Arc<Journal>,
    on_invalid: OnInvalid,
    /// `None` in a store that was opened for reading, if the collection is not as it should be.
    shape: RwLock<Option<Arc<Shape>>>,
    /// What the writer's `data_version` was when it was last known that nothing is to be caught up.
    compared: AtomicI64,
    mirror: Mirror<T>,
    report: Arc<LoadReport>,
    findings: Arc<Findings>,
}

/// What was found wrong with the collections of a store.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// Since they were opened.
    pub(crate) later: Mutex<LoadReport>,
    /// What would be in quarantine, had the store been opened for writing.
    pub(crate) rejected: Mutex<Vec<Quarantined>>,
}

impl Findings {
    /// Takes in what a reading rejected, and gives the issues that are new.
    fn rejected(&self, entries: Vec<Quarantined>) -> Vec<Issue> {
        let mut rejected = self.rejected.lock();
        let known: BTreeSet<String> = rejected
            .iter()
            .map(|entry| entry.key().to_owned())
            .collect();
        let new = entries
            .into_iter()
            .filter(|entry| !known.contains(entry.key()));
        let before = rejected.len();
        rejected.extend(new);
        let new = rejected.iter().skip(before);
        new.map(|entry| entry.issue().clone()).collect()
    }
}

impl<T> fmt::Debug for Rows<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").finish_non_exhaustive()
    }
}

/// An open collection that can be read again, whatever its record type.
pub(crate) trait Verify: fmt::Debug + Send + Sync {
    /// What a reading of all rows finds.
    fn verify(&self) -> Result<LoadReport>;
}

impl<T: Data> Verify for Rows<T> {
    fn verify(&self) -> Result<LoadReport> {
        let reader = self.database.reader()?;
        reader.snapshot(|connection| self.mirror.verify(connection, self.database.path()))
    }
}

impl<T: Data> Rows<T> {
    /// Opens the collection.
    pub(crate) fn open(
        admission: Arc<Admission<T>>,
        database: Arc<Database>,
        journal: Arc<Journal>,
        on_invalid: OnInvalid,
        findings: Arc<Findings>,
    ) -> Result<Self> {
        let mut rows = Self {
            name: admission.collection().name().into(),
            live: Live::new(admission.collection().has_run_time_fields()),
            plain: is_plain_json::<T>(),
            mirror: Mirror::new(Arc::clone(&admission)),
            admission,
            database,
            journal,
            on_invalid,
            shape: RwLock::new(None),
            compared: AtomicI64::new(-1),
            report: Arc::default(),
            findings,
        };
        let ready = {
            let reader = rows.database.reader()?;
            reader.snapshot(|connection| rows.wanted().look(connection))?
        };
        match ready {
            Some(shape) => *rows.shape.get_mut() = Some(Arc::new(shape)),
            None if rows.database.is_writable() => {
                let turn = rows.journal.turn()?;
                let opened = rows.establish(None)?;
                // Whoever waits for anything waits for this, too.
                turn.commit((), Vec::new()).detach();
                *rows.shape.get_mut() = Some(Arc::new(opened.shape));
                rows.report = Arc::new(opened.report);
            }
            None => {
                let (mirrored, _) = rows.mirror.read(rows.database.path())?;
                let report = Arc::clone(mirrored.table.report());
                report.check(on_invalid, rows.database.path())?;
                rows.report = report;
                rows.findings.rejected(mirrored.rejected);
            }
        }
        Ok(rows)
    }

    fn wanted(&self) -> Wanted<'_, T> {
        Wanted {
            admission: &self.admission,
            path: self.database.path(),
            on_invalid: self.on_invalid,
        }
    }

    /// Makes the collection what it should be; `narrow` is an index whose columns were too narrow.
    fn establish(&self, narrow: Option<String>) -> Result<Opened> {
        let mut wide: BTreeSet<String> = narrow.into_iter().collect();
        loop {
            let done = self
                .database
                .write(|connection| self.wanted().establish(connection, &wide).map(Some));
            match done {
                Ok(Some(opened)) => return Ok(opened),
                Ok(None) => return Err(internal("a collection was established and not committed")),
                Err(Halt::Error(error)) => return Err(error),
                Err(Halt::Unreadable(_) | Halt::Unverified | Halt::Reshaped) => {
                    return Err(internal("a table was read as it is not"));
                }
                Err(Halt::Narrow(index)) => {
                    if !wide.insert(index) {
                        return Err(internal("a column that holds anything was too narrow"));
                    }
                }
            }
        }
    }

    /// As [`establish`](Self::establish), in a transaction of its caller's, once.
    pub(crate) fn establish_in(
        &self,
        connection: &Connection,
        wide: &BTreeSet<String>,
    ) -> Result<Opened, Halt> {
        self.wanted().establish(connection, wide)
    }

    pub(crate) fn report(&self) -> &Arc<LoadReport> {
        &self.report
    }

    /// From now on the collection has this shape.
    pub(crate) fn set_shape(&self, shape: Arc<Shape>) {
        *self.shape.write() = Some(shape);
    }

    /// The shape; `None` if the collection is read from its mirror.
    pub(crate) fn shape(&self) -> Option<Arc<Shape>> {
        self.shape.read().clone()
    }

    /// Reads something that needs a snapshot of rows that were all verified.
    pub(crate) fn read<R>(
        &self,
        read: impl Fn(&Connection, &Shape) -> Result<R, Trouble>,
        from_memory: impl Fn(&Table<T>) -> Result<R>,
    ) -> Result<R> {
        self.try_read(
            |database, shape| {
                database.reader()?.snapshot(|connection| {
                    if schema_version(connection)? != shape.schema {
                        return Err(Trouble::Reshaped);
                    }
                    if shape.has_unverified(connection)? {
                        return Err(Trouble::Unverified);
                    }
                    read(connection, shape)
                })
            },
            from_memory,
        )
    }

    /// Reads something of one row, which says itself whether it was verified.
    pub(crate) fn read_row<R>(
        &self,
        read: impl Fn(&Connection, &Shape) -> Result<R, Trouble>,
        from_memory: impl Fn(&Table<T>) -> Result<R>,
    ) -> Result<R> {
        self.try_read(
            |database, shape| read(&*database.reader()?, shape),
            from_memory,
        )
    }

    fn try_read<R>(
        &self,
        read: impl Fn(&Database, &Shape) -> Result<R, Trouble>,
        from_memory: impl Fn(&Table<T>) -> Result<R>,
    ) -> Result<R> {
        for _ in 0..TRIES {
            let Some(shape) = self.shape() else {
                break;
            };
            let bad = match read(&self.database, &shape) {
                Ok(found) => return Ok(found),
                Err(Trouble::Error(error)) => return Err(error),
                Err(Trouble::Reshaped) => {
                    self.reshape()?;
                    continue;
                }
                Err(Trouble::Unverified) => None,
                Err(Trouble::Unreadable(id)) => Some(id),
            };
            if !self.database.is_writable() {
                break;
            }
            self.let_in(bad.as_deref())?;
        }
        if self.database.is_writable() {
            return Err(Error::new(
                ErrorKind::ExternalChange,
                "others change rows faster than they can be verified",
            )
            .transient(true));
        }
        let (mirrored, is_new) = self.mirror.read(self.database.path())?;
        if is_new {
            let issues = self.findings.rejected(mirrored.rejected);
            self.tell(&LoadReport::new(0, issues));
        }
        from_memory(&mirrored.table)
    }

    /// Verifies the rows that others wrote, and the one with this id.
    fn let_in(&self, id: Option<&str>) -> Result<()> {
        let report = self.in_turn(|| self.adopt(id))?;
        self.tell(&report);
        Ok(())
    }

    /// Verifies the rows that others wrote, and the one with this id, whatever is known of it. Gives
    /// what was found wrong. Whoever calls this holds the turn.
    pub(crate) fn adopt(&self, id: Option<&str>) -> Result<LoadReport> {
        let mut widened = LoadReport::default();
        loop {
            let shape = self.shape().ok_or_else(|| internal("no shape to write"))?;
            let done = self
                .database
                .write(|connection| self.adopt_in(connection, &shape, id).map(Some));
            match done {
                Ok(report) => {
                    widened.merge(&report.unwrap_or_default());
                    return Ok(widened);
                }
                Err(Halt::Error(error)) => return Err(error),
                Err(Halt::Unreadable(_) | Halt::Unverified) => {
                    return Err(internal("a row was read as it is not"));
                }
                Err(Halt::Reshaped) => self.reshape()?,
                Err(Halt::Narrow(index)) => widened.merge(&self.widen(index)?),
            }
        }
    }

    /// As [`adopt`](Self::adopt), in a transaction of its caller's, once.
    pub(crate) fn adopt_in(
        &self,
        connection: &Connection,
        shape: &Shape,
        id: Option<&str>,
    ) -> Result<LoadReport, Halt> {
        if let Some(id) = id {
            let sql = format!("UPDATE {} SET larder = 0 WHERE id = ?1", shape.table);
            connection
                .prepare_cached(&sql)
                .and_then(|mut update| update.execute([id]))
                .map_err(SqliteError::sql("mark a row"))?;
        }
        let path = self.database.path();
        adopt(connection, path, &self.admission, shape, &Scope::Unverified)
    }

    /// Records that were replaced or deleted, and that the type cannot read, as entries of the
    /// quarantine.
    pub(crate) fn unreadable(&self, texts: Vec<(Arc<str>, String)>) -> Vec<Quarantined> {
        texts
            .into_iter()
            .map(|(id, text)| {
                let issue = Issue::new(
                    self.admission.collection().name(),
                    IssueKind::Schema,
                    Action::Dropped,
                    "the record type cannot read the record that was replaced",
                )
                .with_id(Some(id.to_string()));
                Quarantined::new(issue, text.as_bytes())
            })
            .collect()
    }

    /// Puts these in quarantine, and gives what is to be told.
    pub(crate) fn keep_unreadable(&self, texts: Vec<(Arc<str>, String)>) -> Result<LoadReport> {
        let entries = self.unreadable(texts);
        let turn = self.journal.turn()?;
        self.database.write(|connection| -> Result<_> {
            quarantine::add(connection, &entries)?;
            Ok(Some(()))
        })?;
        turn.commit((), Vec::new()).detach();
        let issues = entries.iter().map(|entry| entry.issue().clone()).collect();
        Ok(LoadReport::new(0, issues))
    }

    /// Looks at the table anew, which another program has changed.
    pub(crate) fn reshape(&self) -> Result<()> {
        let reader = self.database.reader()?;
        let now = reader.snapshot(|connection| self.look_again(connection))?;
        self.set_shape(Arc::new(now));
        Ok(())
    }

    /// The table as another program has left it.
    pub(crate) fn look_again(&self, connection: &Connection) -> Result<Shape> {
        self.wanted().look_again(connection)
    }

    /// What was found out in a transaction that was not committed is not known any more.
    pub(crate) fn forget_comparison(&self) {
        self.compared.store(-1, Ordering::Relaxed);
    }

    /// Whether there is an index over a list.
    pub(crate) fn has_lists(&self) -> bool {
        let shape = self.shape.read();
        shape
            .as_ref()
            .is_some_and(|shape| shape.layout.lists().next().is_some())
    }

    /// Changes something of the table while nobody else writes.
    pub(crate) fn in_turn(
        &self,
        change: impl FnOnce() -> Result<LoadReport>,
    ) -> Result<LoadReport> {
        let turn = self.journal.turn()?;
        let report = change()?;
        turn.commit((), Vec::new()).detach();
        Ok(report)
    }

    /// Reports what was found wrong while the collection is open. Not while the turn is held: a log
    /// may be kept in this very store.
    pub(crate) fn tell(&self, report: &LoadReport) {
        if !report.is_clean() {
            self.findings
                .later
                .lock()
                .merge(&LoadReport::new(0, report.issues().to_vec()));
            report.log();
        }
    }

    /// Makes the columns of an index hold anything: a key is none that the schema speaks of. Gives
    /// what was found wrong. Whoever calls this holds the turn.
    pub(crate) fn widen(&self, index: String) -> Result<LoadReport> {
        let opened = self.establish(Some(index))?;
        self.set_shape(Arc::new(opened.shape));
        Ok(opened.report)
    }

    /// Before a write: whether others wrote something since the last one that has to be let in first.
    /// Not here: others share this transaction. Refuses a collection that another program has made another
    /// since it was opened: rows would be verified by a schema that is not the collection's any more.
    pub(crate) fn catch_up(&self, connection: &Connection, shape: &Shape) -> Result<(), Halt> {
        // Our own writes leave no row unverified, so there is one only if others have committed.
        let version = data_version(connection)?;
        if self.compared.load(Ordering::Relaxed) == version {
            return Ok(());
        }
        let now = self.wanted().look_again(connection)?;
        if now.layout != shape.layout {
            return Err(Halt::Reshaped);
        }
        if shape.has_unverified(connection)? {
            return Err(Halt::Unverified);
        }
        self.compared.store(version, Ordering::Relaxed);
        Ok(())
    }
}

fn internal(message: &'static str) -> Error {
    Error::new(ErrorKind::Internal, message)
}
