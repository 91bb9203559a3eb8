//! A table in a transaction.
//!
//! Owns [`TableSession`], what a transaction over tables has done so far, and its end: all tables
//! are locked, then all are changed, so a reader who sees one change of the transaction sees the
//! others. What is checked, and against what, is `check.rs`.

use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::Table;
use super::ahead::{Ahead, Seen};
use super::check::After;
use super::select::select_ahead;
use crate::error::Result;
use crate::feed::StoreChange;
use crate::journal::{Entry, Journal};
use crate::op::{Op, Outcome};
use crate::query::Query;
use crate::record::Data;
use crate::shelf::Shelf;
use crate::transaction::{Part, Transaction, busy_session, foreign_session};
use crate::write::Write;

/// What a transaction over tables has done so far.
struct TableSession {
    /// By collection.
    stages: RefCell<BTreeMap<String, Box<dyn Staged>>>,
    /// In the order in which it was done, over all collections; `None` if nobody listens.
    changes: Option<RefCell<Vec<StoreChange>>>,
}

/// One table's share, whatever its record type.
trait Staged: Any {
    fn is_empty(&self) -> bool;

    fn entries(&mut self) -> Vec<Entry>;

    /// Locks the rows; what is given changes them, and lets them go.
    fn lock(&mut self) -> Box<dyn FnOnce() + '_>;

    fn as_any(&mut self) -> &mut dyn Any;
}

/// What a transaction has done to one table so far.
struct Stage<T> {
    table: Arc<Table<T>>,
    ahead: Ahead<T>,
}

impl<T: Data> Staged for Stage<T> {
    fn is_empty(&self) -> bool {
        self.ahead.is_empty()
    }

    fn entries(&mut self) -> Vec<Entry> {
        self.ahead.entries(&self.table.name)
    }

    fn lock(&mut self) -> Box<dyn FnOnce() + '_> {
        let Self { table, ahead } = self;
        let mut state = table.state.write();
        Box::new(move || ahead.execute(&mut state))
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
}

/// A table as it takes part in transactions.
pub(super) struct TablePart<T>(pub(super) Arc<Table<T>>);

impl<T: Data> TablePart<T> {
    /// Does something with this table's share of a transaction.
    fn stage<R>(
        &self,
        session: &dyn Any,
        act: impl FnOnce(&mut Stage<T>) -> Result<R>,
    ) -> Result<R> {
        let session = of_tables(session)?;
        let mut stages = session
            .stages
            .try_borrow_mut()
            .map_err(|_| busy_session())?;
        let stage = stages.entry(self.0.name.to_string()).or_insert_with(|| {
            Box::new(Stage {
                table: Arc::clone(&self.0),
                ahead: Ahead::default(),
            })
        });
        let stage = stage
            .as_any()
            .downcast_mut::<Stage<T>>()
            .ok_or_else(foreign_session)?;
        act(stage).map_err(|error| self.0.here(error))
    }
}

impl<T: Data> Part<T> for TablePart<T> {
    fn get(&self, session: &dyn Any, id: &str) -> Result<Option<Arc<T>>> {
        self.stage(session, |stage| {
            Ok(match stage.ahead.look(id) {
                Seen::Rows => self.0.get(id),
                Seen::Record(record) => Some(Arc::clone(record)),
                Seen::Nothing => None,
            })
        })
    }

    fn query(&self, session: &dyn Any, query: &Query<T>) -> Result<Vec<Arc<T>>> {
        self.stage(session, |stage| {
            let table = &self.0;
            if stage.ahead.is_empty() {
                return table.query(query);
            }
            select_ahead(&table.admission, &table.state, &stage.ahead, query)
        })
    }

    fn count(&self, session: &dyn Any, query: &Query<T>) -> Result<u64> {
        if self.stage(session, |stage| Ok(stage.ahead.is_empty()))? {
            return self.0.count(query);
        }
        self.query(session, query).map(|found| found.len() as u64)
    }

    fn apply(&self, session: &dyn Any, ops: Vec<Op<T>>) -> Result<Vec<Outcome<T>>> {
        self.0.check_known().map_err(|error| self.0.here(error))?;
        let ready = self.0.ready(ops);
        let outcomes = self.stage(session, |stage| {
            self.0.check(&mut stage.ahead, ready, After::More)
        })?;
        if let Some(changes) = &of_tables(session)?.changes {
            changes.borrow_mut().extend(self.0.changes(&outcomes));
        }
        Ok(outcomes)
    }
}

fn of_tables(session: &dyn Any) -> Result<&TableSession> {
    session
        .downcast_ref::<TableSession>()
        .ok_or_else(foreign_session)
}

/// A transaction over the tables of a shelf; see
/// [`Backend::transact`](crate::Backend::transact).
///
/// # Errors
///
/// What `body` gives, and as [`Journal::transaction`]; nothing was changed.
pub fn transact_tables(
    journal: &Journal,
    shelf: &Shelf,
    body: &mut dyn FnMut(&Transaction<'_>) -> Result<()>,
) -> Result<Write<()>> {
    journal.check_writable()?;
    let turn = journal.transaction()?;
    let session = TableSession {
        stages: RefCell::default(),
        // Whoever begins to listen takes the turn, so nobody does meanwhile.
        changes: turn.is_watched().then(RefCell::default),
    };
    body(&Transaction::new(shelf, &session))?;

    let mut stages: Vec<Box<dyn Staged>> = session
        .stages
        .into_inner()
        .into_values()
        .filter(|stage| !stage.is_empty())
        .collect();
    if stages.is_empty() {
        return Ok(turn.unchanged(()));
    }
    let entries = if turn.wants_entries() {
        stages
            .iter_mut()
            .flat_map(|stage| stage.entries())
            .collect()
    } else {
        Vec::new()
    };
    {
        let locked: Vec<_> = stages.iter_mut().map(|stage| stage.lock()).collect();
        for execute in locked {
            execute();
        }
    }
    let changes = session.changes.map(RefCell::into_inner);
    let write = turn.add((), entries, changes.unwrap_or_default());
    // What was there goes with the stages, and nobody waits for that.
    drop(turn);
    drop(stages);
    Ok(write)
}
