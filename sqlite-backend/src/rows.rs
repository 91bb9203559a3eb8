//! One open collection.
//!
//! Owns [`Rows`]: its shape in the database, which may change while it is open (see `reshape.rs`), and
//! the way of every read: on a connection of its own, in a snapshot, over rows that were verified.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use larder_core::backend::{Admission, Journal, Table, newer_version};
use larder_core::{
    Action, Data, Error, ErrorKind, Issue, IssueKind, LoadReport, OnInvalid, Quarantined, Result,
};
use parking_lot::{Mutex, RwLock};
use rusqlite::Connection;

use crate::database::Database;
use crate::live::Live;
use crate::mirror::Mirror;
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
    pub(crate) on_invalid: OnInvalid,
    /// The version of the data, if it is newer than the collection's: then it is not written.
    pub(crate) newer: Option<u32>,
    /// `None` if the collection may not be written, and is not as it should be.
    pub(crate) shape: RwLock<Option<Arc<Shape>>>,
    /// What the writer's `data_version` was when it was last known that nothing is to be caught up.
    pub(crate) compared: AtomicI64,
    pub(crate) mirror: Mirror<T>,
    pub(crate) report: Arc<LoadReport>,
    pub(crate) findings: Arc<Findings>,
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
    pub(crate) fn rejected(&self, entries: Vec<Quarantined>) -> Vec<Issue> {
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
    pub(crate) fn report(&self) -> &Arc<LoadReport> {
        &self.report
    }

    /// Whether this store may write to the collection.
    pub(crate) fn may_write(&self) -> bool {
        self.newer.is_none() && self.database.is_writable()
    }

    /// Whether the collection is of a version that this program knows.
    pub(crate) fn check_known(&self) -> Result<()> {
        match self.newer {
            Some(found) => {
                let known = self.admission.collection().version();
                Err(newer_version(found, known))
            }
            None => Ok(()),
        }
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
            if !self.may_write() {
                break;
            }
            self.let_in(bad.as_deref())?;
        }
        if self.may_write() {
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
}

pub(crate) fn internal(message: &'static str) -> Error {
    Error::new(ErrorKind::Internal, message)
}
