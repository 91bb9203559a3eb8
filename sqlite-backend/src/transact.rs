//! A transaction over the collections of a store.
//!
//! Owns [`transact`], its beginning and its end, and [`RowsPart`], one collection's share. It is one
//! transaction of SQLite's on the connection that writes, so reads in it see what it wrote; what is
//! done to rows is `act.rs`. Whatever has to be done to a table on the way (rows of others are
//! verified, a column is made wider) is done in the same transaction, and is undone with it.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use larder_core::backend::{Journal, Part, Resolved, Shelf, Table, busy_session, foreign_session};
use larder_core::{
    Data, Error, ErrorKind, LoadReport, Op, Outcome, Query, Result, StoreChange, Transaction, Write,
};
use rusqlite::Connection;

use crate::act::{Act, Done, Ready};
use crate::apply::{outcomes, prepare_all};
use crate::database::{Database, Lent};
use crate::error::SqliteError;
use crate::keys::Halt;
use crate::quarantine;
use crate::rows::Rows;
use crate::select::{Trouble, count, get, select};
use crate::shape::Shape;

/// What a transaction has done so far.
struct Session {
    writer: Lent,
    /// By collection.
    stages: RefCell<BTreeMap<String, Box<dyn Staged>>>,
    /// In the order in which it was done; `None` if nobody listens.
    changes: Option<RefCell<Vec<StoreChange>>>,
    changed: Cell<bool>,
    committed: Cell<bool>,
}

/// However the transaction ends.
impl Drop for Session {
    fn drop(&mut self) {
        for stage in self.stages.get_mut().values_mut() {
            stage.settle(self.committed.get());
        }
    }
}

/// One collection's share, whatever its record type.
trait Staged: Any {
    /// The commit is about to be made.
    fn show(&self);

    /// The transaction has ended.
    fn settle(&mut self, committed: bool);

    /// Reports what was found wrong; after the commit, while nobody waits.
    fn tell(&mut self);

    fn as_any(&mut self) -> &mut dyn Any;
}

/// What a transaction has done to one collection so far.
struct Stage<T> {
    rows: Arc<Rows<T>>,
    /// As the transaction sees it.
    shape: Arc<Shape>,
    reshaped: bool,
    /// The ids of records that are not only their JSON.
    prepared: Vec<Arc<str>>,
    found: LoadReport,
}

impl<T: Data> Staged for Stage<T> {
    fn show(&self) {
        self.rows.live.show(self.prepared.iter());
    }

    fn settle(&mut self, committed: bool) {
        self.rows.live.settle(self.prepared.iter(), committed);
        self.prepared.clear();
        if !committed {
            // Rows that were verified in the transaction are unverified again.
            self.rows.forget_comparison();
        } else if self.reshaped {
            self.rows.set_shape(Arc::clone(&self.shape));
        }
    }

    fn tell(&mut self) {
        self.rows.tell(&std::mem::take(&mut self.found));
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
}

/// Runs `body` as one transaction.
pub(crate) fn transact(
    database: &Database,
    journal: &Journal,
    shelf: &Shelf,
    body: &mut dyn FnMut(&Transaction<'_>) -> Result<()>,
) -> Result<Write<()>> {
    journal.check_writable()?;
    let turn = journal.transaction()?;
    let session = Session {
        writer: database.lend()?,
        stages: RefCell::default(),
        // Whoever begins to listen takes the turn, so nobody does meanwhile.
        changes: turn.is_watched().then(RefCell::default),
        changed: Cell::new(false),
        committed: Cell::new(false),
    };
    let transaction = session.writer.begin()?;
    body(&Transaction::new(shelf, &session))?;
    if !session.changed.get() {
        return Ok(turn.unchanged(()));
    }
    for stage in session.stages.borrow().values() {
        stage.show();
    }
    transaction.commit()?;
    session.committed.set(true);
    let changes = session.changes.as_ref().map(RefCell::take);
    let mut stages = session.stages.take();
    // Before anybody is told: who reads then must find what he was told of.
    for stage in stages.values_mut() {
        stage.settle(true);
    }
    let write = turn.add((), Vec::new(), changes.unwrap_or_default());
    drop(session);
    drop(turn);
    for stage in stages.values_mut() {
        stage.tell();
    }
    Ok(write)
}

/// A collection as it takes part in transactions.
pub(crate) struct RowsPart<T>(pub(crate) Arc<Rows<T>>);

impl<T: Data> RowsPart<T> {
    /// Does something with this collection's share of a transaction.
    fn stage<R>(
        &self,
        session: &dyn Any,
        act: impl FnOnce(&Session, &Connection, &mut Stage<T>) -> Result<R>,
    ) -> Result<R> {
        let name = self.0.admission.collection().name();
        self.try_stage(session, act)
            .map_err(|error| error.with_collection(name))
    }

    fn try_stage<R>(
        &self,
        session: &dyn Any,
        act: impl FnOnce(&Session, &Connection, &mut Stage<T>) -> Result<R>,
    ) -> Result<R> {
        let session = session
            .downcast_ref::<Session>()
            .ok_or_else(foreign_session)?;
        let connection = session.writer.connection()?;
        if connection.is_autocommit() {
            // Whatever is done now would be committed by itself.
            return Err(SqliteError::RolledBack.into());
        }
        let mut stages = session
            .stages
            .try_borrow_mut()
            .map_err(|_| busy_session())?;
        let name = self.0.admission.collection().name();
        if !stages.contains_key(name) {
            let stage = self.begin(session, connection)?;
            stages.insert(name.to_owned(), Box::new(stage));
        }
        let stage = stages
            .get_mut(name)
            .and_then(|stage| stage.as_any().downcast_mut::<Stage<T>>())
            .ok_or_else(foreign_session)?;
        act(session, connection, stage)
    }

    /// The collection as the transaction finds it: whatever others have left is let in first.
    fn begin(&self, session: &Session, connection: &Connection) -> Result<Stage<T>> {
        let shape = self.0.shape().ok_or_else(|| {
            Error::new(ErrorKind::ReadOnly, "the store was opened for reading only")
        })?;
        let mut stage = Stage {
            rows: Arc::clone(&self.0),
            shape,
            reshaped: false,
            prepared: Vec::new(),
            found: LoadReport::default(),
        };
        stage.until_done(session, connection, |stage| {
            stage.rows.catch_up(connection, &stage.shape)
        })?;
        Ok(stage)
    }

    /// Looks up the names of a query.
    fn resolve<'q>(&'q self, query: &'q Query<T>) -> Result<Resolved<'q, T>> {
        Resolved::new(&self.0.admission, query)
            .map_err(|error| error.with_collection(&*self.0.name))
    }

    fn read<R>(
        &self,
        session: &dyn Any,
        from_memory: impl Fn(&Table<T>) -> Result<R>,
        read: impl Fn(&Connection, &Shape) -> Result<R, Trouble>,
    ) -> Result<R> {
        if !self.0.may_write() {
            // Of a newer version: nobody here writes to it, so it is as everybody sees it.
            return self.0.read(read, from_memory);
        }
        self.stage(session, |session, connection, stage| {
            stage.until_done(session, connection, |stage| {
                read(connection, &stage.shape).map_err(|trouble| match trouble {
                    Trouble::Error(error) => Halt::Error(error),
                    Trouble::Unverified => Halt::Unverified,
                    Trouble::Unreadable(id) => Halt::Unreadable(id),
                    Trouble::Reshaped => Halt::Reshaped,
                })
            })
        })
    }
}

impl<T: Data> Stage<T> {
    /// Does something that is all done or not at all; what stops it is cleared away in the
    /// transaction, and then it is done again.
    fn until_done<R>(
        &mut self,
        session: &Session,
        connection: &Connection,
        mut act: impl FnMut(&mut Self) -> Result<R, Halt>,
    ) -> Result<R> {
        loop {
            let done = savepoint(connection, || act(self))?;
            let cleared = match done {
                Ok(done) => return Ok(done),
                Err(Halt::Error(error)) => return Err(error),
                Err(Halt::Narrow(index)) => self.widen(connection, index),
                Err(Halt::Unreadable(id)) => self.adopt(connection, Some(&id)),
                Err(Halt::Unverified) => self.adopt(connection, None),
                Err(Halt::Reshaped) => self.look_again(connection),
            };
            cleared?;
            session.changed.set(true);
        }
    }

    fn widen(&mut self, connection: &Connection, index: String) -> Result<()> {
        let mut wide = BTreeSet::from([index]);
        loop {
            match savepoint(connection, || self.rows.establish_in(connection, &wide))? {
                Ok(opened) => {
                    self.shape = Arc::new(opened.shape);
                    self.reshaped = true;
                    self.found.merge(&opened.report);
                    return Ok(());
                }
                Err(Halt::Narrow(index)) if wide.insert(index.clone()) => {}
                Err(halt) => return Err(unexpected(halt)),
            }
        }
    }

    fn adopt(&mut self, connection: &Connection, id: Option<&str>) -> Result<()> {
        loop {
            let adopted = savepoint(connection, || {
                self.rows.adopt_in(connection, &self.shape, id)
            })?;
            match adopted {
                Ok(report) => {
                    self.found.merge(&report);
                    return Ok(());
                }
                Err(Halt::Narrow(index)) => self.widen(connection, index)?,
                Err(Halt::Reshaped) => self.look_again(connection)?,
                Err(halt) => return Err(unexpected(halt)),
            }
        }
    }

    fn look_again(&mut self, connection: &Connection) -> Result<()> {
        self.shape = Arc::new(self.rows.look_again(connection)?);
        self.reshaped = true;
        Ok(())
    }

    fn act(
        &mut self,
        connection: &Connection,
        ops: &[Ready<T>],
        impossible: Option<Error>,
    ) -> Result<Acted<T>, Halt> {
        let mut act = Act {
            rows: &self.rows,
            shape: &self.shape,
            done: Done {
                changes: Vec::with_capacity(ops.len()),
                changed: false,
            },
            ahead: HashMap::new(),
        };
        act.all(connection, ops, impossible)?;
        let Act { done, ahead, .. } = act;
        let (outcomes, unreadable) = outcomes(done.changes);
        // In the same step: if the bytes cannot be kept, nothing has replaced them.
        let entries = self.rows.unreadable(unreadable);
        if !entries.is_empty() {
            quarantine::add(connection, &entries)?;
        }
        for (id, next) in ahead {
            let next = next.as_ref().map(|(text, record)| (text.as_str(), record));
            self.rows.live.prepare(&id, next, true);
            self.prepared.push(id);
        }
        let issues = entries.iter().map(|entry| entry.issue().clone()).collect();
        Ok(Acted {
            outcomes,
            changed: done.changed,
            found: LoadReport::new(0, issues),
        })
    }
}

/// What operations did.
struct Acted<T> {
    outcomes: Vec<Outcome<T>>,
    /// Whether anything was changed.
    changed: bool,
    /// Of records that were replaced and that the type cannot read.
    found: LoadReport,
}

/// What cannot stop something that was just cleared away.
fn unexpected(halt: Halt) -> Error {
    match halt {
        Halt::Error(error) => error,
        _ => Error::new(ErrorKind::Internal, "a table was read as it is not"),
    }
}

/// Does something in a transaction that is undone by itself if it gives an error.
fn savepoint<R>(
    connection: &Connection,
    act: impl FnOnce() -> Result<R, Halt>,
) -> Result<Result<R, Halt>> {
    let step = |sql: &str| {
        connection
            .prepare_cached(sql)
            .and_then(|mut step| step.execute([]))
            .map_err(SqliteError::sql("go on with the transaction"))
    };
    step("SAVEPOINT step")?;
    let done = act();
    if done.is_err() {
        if connection.is_autocommit() {
            // After this error SQLite has rolled back the whole transaction, and the savepoint with it.
            return Ok(done);
        }
        step("ROLLBACK TO step")?;
    }
    step("RELEASE step")?;
    Ok(done)
}

impl<T: Data> Part<T> for RowsPart<T> {
    fn get(&self, session: &dyn Any, id: &str) -> Result<Option<Arc<T>>> {
        let from_memory = |table: &Table<T>| Ok(table.get(id));
        self.read(session, from_memory, |connection, shape| {
            get(connection, shape, self.0.live.within(), id)
        })
    }

    fn query(&self, session: &dyn Any, query: &Query<T>) -> Result<Vec<Arc<T>>> {
        let resolved = self.resolve(query)?;
        let from_memory = |table: &Table<T>| table.query(query);
        self.read(session, from_memory, |connection, shape| {
            select(
                connection,
                shape,
                self.0.live.within(),
                &resolved,
                self.0.plain,
            )
        })
    }

    fn count(&self, session: &dyn Any, query: &Query<T>) -> Result<u64> {
        let resolved = self.resolve(query)?;
        let from_memory = |table: &Table<T>| table.count(query);
        self.read(session, from_memory, |connection, shape| {
            count(
                connection,
                shape,
                self.0.live.within(),
                &resolved,
                self.0.plain,
            )
        })
    }

    fn apply(&self, session: &dyn Any, ops: Vec<Op<T>>) -> Result<Vec<Outcome<T>>> {
        let known = self.0.check_known();
        known.map_err(|error| error.with_collection(&*self.0.name))?;
        let (ops, impossible) = prepare_all(&self.0, ops);
        self.stage(session, |session, connection, stage| {
            let acted = stage.until_done(session, connection, |stage| {
                stage.act(connection, &ops, impossible.clone())
            })?;
            if acted.changed {
                session.changed.set(true);
            }
            stage.found.merge(&acted.found);
            let outcomes = acted.outcomes;
            if let Some(changes) = &session.changes {
                let mut changes = changes.borrow_mut();
                let told = outcomes.iter();
                changes.extend(told.filter_map(|it| StoreChange::of(&self.0.name, it)));
            }
            Ok(outcomes)
        })
    }
}
