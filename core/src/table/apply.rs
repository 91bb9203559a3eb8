//! Changing a collection: check every operation of a list, then do all of them.
//!
//! Owns [`Table::apply`]. While it holds the store's write lock nothing else changes, so what the
//! checks (`check.rs`) saw stays true until the rows are changed; that last step runs no user code
//! and cannot fail.

use super::Table;
use super::ahead::Ahead;
use super::check::After;
use crate::error::Result;
use crate::feed::StoreChange;
use crate::op::{Op, Outcome};
use crate::record::Data;
use crate::write::Write;

impl<T: Data> Table<T> {
    /// Does all of these, or none of them. Later operations see what earlier ones did.
    ///
    /// # Errors
    ///
    /// What is wrong with the first operation that cannot be done; nothing was changed: no
    /// record, no index, no sequence number.
    pub fn apply(&self, ops: Vec<Op<T>>) -> Result<Write<Vec<Outcome<T>>>> {
        self.try_apply(ops).map_err(|error| self.here(error))
    }

    fn try_apply(&self, ops: Vec<Op<T>>) -> Result<Write<Vec<Outcome<T>>>> {
        self.journal.check_writable()?;
        self.check_known()?;
        let ready = self.ready(ops);

        let turn = self.journal.turn()?;
        let mut ahead = Ahead::default();
        let outcomes = self.check(&mut ahead, ready, After::Nothing)?;
        if ahead.is_empty() {
            return Ok(turn.unchanged(outcomes));
        }
        let entries = if turn.wants_entries() {
            ahead.entries(&self.name)
        } else {
            Vec::new()
        };
        ahead.execute(&mut self.state.write());
        let changes = if turn.is_watched() {
            self.changes(&outcomes)
        } else {
            Vec::new()
        };
        Ok(turn.add(outcomes, entries, changes))
    }

    /// What those who listen are told of these outcomes.
    pub(super) fn changes(&self, outcomes: &[Outcome<T>]) -> Vec<StoreChange> {
        outcomes
            .iter()
            .filter_map(|outcome| StoreChange::of(&self.name, outcome))
            .collect()
    }
}
