//! What changes the table of an open collection, or its shape.
//!
//! Owns opening [`Rows`], and everything that makes the table what it should be while it is open:
//! columns that are made wider, rows of others that are let in, what other programs have made of it.
//! What is done to the table is `load.rs` and `adopt.rs`; here it is when, in which transaction, and
//! with which shape afterwards.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use larder_core::backend::{Admission, Journal, is_plain_json};
use larder_core::{Data, LoadReport, OnNewer, Options, Result};
use parking_lot::RwLock;
use rusqlite::Connection;

use crate::adopt::{Scope, adopt};
use crate::backup::Backup;
use crate::database::Database;
use crate::error::SqliteError;
use crate::keys::Halt;
use crate::live::Live;
use crate::load::{Opened, Wanted};
use crate::mirror::{Mirror, data_version};
use crate::rows::{Findings, Rows, internal};
use crate::shape::Shape;

impl<T: Data> Rows<T> {
    /// Opens the collection.
    pub(crate) fn open(
        admission: Arc<Admission<T>>,
        database: Arc<Database>,
        journal: Arc<Journal>,
        options: &Options,
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
            on_invalid: options.on_invalid,
            newer: None,
            shape: RwLock::new(None),
            compared: AtomicI64::new(-1),
            report: Arc::default(),
            findings,
        };
        let (newer, ready) = {
            let reader = rows.database.reader()?;
            reader.snapshot(|connection| -> Result<_> {
                let newer = match options.on_newer {
                    OnNewer::ReadOnly => rows.wanted().newer(connection)?,
                    _ => None,
                };
                let ready = match newer {
                    Some(_) => None,
                    None => rows.wanted().look(connection)?,
                };
                Ok((newer, ready))
            })?
        };
        rows.newer = newer;
        match ready {
            Some(shape) => rows.set_shape(Arc::new(shape)),
            None if rows.may_write() => {
                let turn = rows.journal.turn()?;
                let opened = rows.establish(None)?;
                // Whoever waits for anything waits for this, too.
                turn.commit((), Vec::new()).detach();
                rows.set_shape(Arc::new(opened.shape));
                rows.report = Arc::new(opened.report);
            }
            None => {
                let (mirrored, _) = rows.mirror.read(rows.database.path())?;
                let report = Arc::clone(mirrored.table.report());
                report.check(options.on_invalid, rows.database.path())?;
                rows.report = report;
                rows.findings.rejected(mirrored.rejected);
            }
        }
        Ok(rows)
    }

    pub(crate) fn wanted(&self) -> Wanted<'_, T> {
        Wanted {
            admission: &self.admission,
            path: self.database.path(),
            on_invalid: self.on_invalid,
        }
    }

    /// Makes the collection what it should be; `narrow` is an index whose columns were too narrow.
    fn establish(&self, narrow: Option<String>) -> Result<Opened> {
        let mut wide: BTreeSet<String> = narrow.into_iter().collect();
        let mut backup: Option<Backup> = None;
        loop {
            // One that was made before the transaction that failed may lack what others have written
            // since.
            drop(backup.take());
            let done = self.database.write(|connection| -> Result<_, Halt> {
                // Nobody writes from here on, so it is what the migration finds.
                if let Some(from) = self.wanted().migrates(connection)? {
                    backup = Some(Backup::make(self.database.path(), &self.name, from)?);
                }
                let place = backup.as_ref().map(|backup| backup.path().to_owned());
                self.wanted().establish(connection, &wide, place).map(Some)
            });
            match done {
                Ok(Some(opened)) => {
                    if let Some(backup) = backup {
                        backup.keep();
                    }
                    return Ok(opened);
                }
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
        // It was migrated when it was opened.
        self.wanted().establish(connection, wide, None)
    }

    /// From now on the collection has this shape.
    pub(crate) fn set_shape(&self, shape: Arc<Shape>) {
        *self.shape.write() = Some(shape);
    }

    /// Verifies the rows that others wrote, and the one with this id.
    pub(crate) fn let_in(&self, id: Option<&str>) -> Result<()> {
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
        // What another program has migrated is not for this one to judge: it would be moved to
        // quarantine.
        if self.look_again(connection)?.layout != shape.layout {
            return Err(Halt::Reshaped);
        }
        if let Some(id) = id {
            let sql = format!("UPDATE {} SET larder = 0 WHERE id = ?1", shape.table);
            connection
                .prepare_cached(&sql)
                .and_then(|mut update| update.execute([id]))
                .map_err(SqliteError::sql("mark a row"))?;
        }
        let (path, version) = (self.database.path(), self.admission.collection().version());
        adopt(
            connection,
            path,
            &self.admission,
            shape,
            &Scope::Unverified,
            version,
        )
        .map(|(report, _)| report)
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
