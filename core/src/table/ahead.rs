//! What a collection will be after operations that were checked and not done yet.
//!
//! Owns [`Ahead`]: the steps that are left to do, what is there under each id and who holds which
//! unique key once they are done, and taking them back. Until they are done nobody sees any of it.
//! Which operations are possible is `check.rs`.

use std::collections::BTreeMap;
use std::sync::Arc;

use larder_schema::Extra;

use super::entries::Entries;
use super::state::{NewRow, Row, State};
use crate::journal::{Entry, EntryChange};
use crate::key::Key;
use crate::key_set::KeySet;

/// A change that was checked.
pub(super) enum Step<T> {
    Put {
        row: NewRow<T>,
        text: Box<str>,
        new: Vec<KeySet>,
        old: Vec<KeySet>,
    },
    Delete {
        id: Arc<str>,
        old: Vec<KeySet>,
    },
    Clear,
}

/// A record as it will be there.
pub(super) struct Held<T> {
    pub(super) record: Arc<T>,
    /// Its keys, per index.
    pub(super) keys: Vec<KeySet>,
    /// What of its text the type does not know.
    pub(super) unknown: Option<Arc<Extra>>,
}

impl<T> Clone for Held<T> {
    fn clone(&self) -> Self {
        Self {
            record: Arc::clone(&self.record),
            keys: self.keys.clone(),
            unknown: self.unknown.clone(),
        }
    }
}

/// Under each id that differs from the rows: what is there now, or nothing.
pub(super) type Rows<T> = BTreeMap<Arc<str>, Option<Held<T>>>;

/// Who holds a unique key: an id, or nobody any more.
pub(super) type Holders = BTreeMap<(usize, Key), Option<Arc<str>>>;

/// How to take back a step of the check.
pub(super) enum Undo<T> {
    /// There was this ahead of the rows.
    Row(Arc<str>, Option<Held<T>>),
    /// The rows were right.
    NoRow(Arc<str>),
    Holder((usize, Key), Option<Arc<str>>),
    NoHolder((usize, Key)),
    Clear {
        rows: Rows<T>,
        holders: Holders,
        cleared: bool,
    },
}

/// What there is under an id.
pub(super) enum Seen<'a, T> {
    /// What the rows have.
    Rows,
    /// This record, whatever the rows have.
    Record(&'a Arc<T>),
    /// Nothing, whatever the rows have.
    Nothing,
}

/// What the collection will look like after the steps so far, where that differs from its rows.
pub(super) struct Ahead<T> {
    pub(super) cleared: bool,
    pub(super) rows: Rows<T>,
    pub(super) holders: Holders,
    pub(super) steps: Vec<Step<T>>,
    pub(super) undo: Vec<Undo<T>>,
    /// What was there before the steps were done. To let go of a record may run code of its type, so
    /// that is not done while the rows are locked.
    gone: Gone<T>,
}

/// Rows that are not there any more.
struct Gone<T> {
    rows: Vec<Row<T>>,
    states: Vec<State<T>>,
}

impl<T> Default for Ahead<T> {
    fn default() -> Self {
        Self {
            cleared: false,
            rows: Rows::new(),
            holders: Holders::new(),
            steps: Vec::new(),
            undo: Vec::new(),
            gone: Gone {
                rows: Vec::new(),
                states: Vec::new(),
            },
        }
    }
}

impl<T> Ahead<T> {
    /// Whether nothing is left to do.
    pub(super) fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// What there is under an id.
    pub(super) fn look(&self, id: &str) -> Seen<'_, T> {
        match self.rows.get(id) {
            Some(Some(held)) => Seen::Record(&held.record),
            Some(None) => Seen::Nothing,
            None if self.cleared => Seen::Nothing,
            None => Seen::Rows,
        }
    }

    /// Whether none of the rows is there any more, whatever its id.
    pub(super) fn hides_all(&self) -> bool {
        self.cleared
    }

    /// The records that are there instead of the rows', in id order.
    pub(super) fn records(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<T>)> {
        self.rows
            .iter()
            .filter_map(|(id, row)| row.as_ref().map(|held| (id, &held.record)))
    }

    pub(super) fn set_row(&mut self, id: &Arc<str>, row: Option<Held<T>>) {
        let id = Arc::clone(id);
        self.undo
            .push(match self.rows.insert(Arc::clone(&id), row) {
                Some(before) => Undo::Row(id, before),
                None => Undo::NoRow(id),
            });
    }

    /// Takes back what was checked after there had been so many notes of how to.
    pub(super) fn take_back(&mut self, undo: usize, steps: usize) {
        while self.undo.len() > undo {
            match self.undo.pop() {
                Some(Undo::Row(id, row)) => {
                    self.rows.insert(id, row);
                }
                Some(Undo::NoRow(id)) => {
                    self.rows.remove(&id);
                }
                Some(Undo::Holder(key, holder)) => {
                    self.holders.insert(key, holder);
                }
                Some(Undo::NoHolder(key)) => {
                    self.holders.remove(&key);
                }
                Some(Undo::Clear {
                    rows,
                    holders,
                    cleared,
                }) => {
                    (self.rows, self.holders, self.cleared) = (rows, holders, cleared);
                }
                None => break,
            }
        }
        self.steps.truncate(steps);
    }

    /// What the medium is told of the steps. The texts move over.
    pub(super) fn entries(&mut self, collection: &Arc<str>) -> Vec<Entry> {
        let entry = |change| Entry {
            collection: Arc::clone(collection),
            change,
        };
        self.steps
            .iter_mut()
            .map(|step| match step {
                Step::Put { row, text, .. } => entry(EntryChange::Put {
                    id: Arc::clone(&row.row.id),
                    text: std::mem::take(text),
                }),
                Step::Delete { id, .. } => entry(EntryChange::Delete { id: Arc::clone(id) }),
                Step::Clear => entry(EntryChange::Clear),
            })
            .collect()
    }

    /// Does the steps. Runs no user code and cannot fail: rows are locked for writing. What was there
    /// goes with this.
    pub(super) fn execute(&mut self, state: &mut State<T>) {
        let Gone { rows, states } = &mut self.gone;
        for step in self.steps.drain(..) {
            match step {
                Step::Put { row, new, old, .. } => rows.extend(state.put(row, new, &old)),
                Step::Delete { id, old } => rows.extend(state.remove(&id, &old)),
                Step::Clear => {
                    let empty = State::new(state.indexes.iter().map(Entries::is_unique));
                    states.push(std::mem::replace(state, empty));
                }
            }
        }
    }
}
