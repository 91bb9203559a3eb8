//! What a collection will be after operations that were checked and not done yet.
//!
//! Owns [`Ahead`]: checking each operation against the rows and against those before it, and the
//! [`Step`]s that are left to do. Until they are done nobody sees any of it; that a list of
//! operations is done or refused as a whole is its caller's.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Table;
use super::state::State;
use crate::admission::{Admitted, check_id};
use crate::error::{Error, ErrorKind, Result};
use crate::journal::{Entry, EntryChange};
use crate::key::Key;
use crate::op::{Expect, Op, Outcome};
use crate::record::Data;
use crate::refusal::{check_expectation, check_same_id, unique_violation};

/// An operation with everything worked out that needs no lock.
pub(super) enum Ready<T> {
    Put {
        admitted: Admitted<T>,
        text: Box<str>,
        expect: Expect<T>,
    },
    Delete {
        id: Arc<str>,
        expect: Expect<T>,
    },
    Clear,
}

/// A change that was checked.
enum Step<T> {
    Put {
        id: Arc<str>,
        record: Arc<T>,
        text: Box<str>,
        new: Vec<Vec<Key>>,
        old: Vec<Vec<Key>>,
    },
    Delete {
        id: Arc<str>,
        old: Vec<Vec<Key>>,
    },
    Clear,
}

/// A record and its keys, per index.
type Keyed<T> = (Arc<T>, Vec<Vec<Key>>);

/// Under each id that differs from the rows: what is there now, or nothing.
type Rows<T> = BTreeMap<Arc<str>, Option<Keyed<T>>>;

/// Who holds a unique key: an id, or nobody any more.
type Holders = BTreeMap<(usize, Key), Option<Arc<str>>>;

/// How to take back a step of the check.
enum Undo<T> {
    /// There was this ahead of the rows.
    Row(Arc<str>, Option<Keyed<T>>),
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
    cleared: bool,
    rows: Rows<T>,
    holders: Holders,
    steps: Vec<Step<T>>,
    undo: Vec<Undo<T>>,
}

impl<T> Default for Ahead<T> {
    fn default() -> Self {
        Self {
            cleared: false,
            rows: Rows::new(),
            holders: Holders::new(),
            steps: Vec::new(),
            undo: Vec::new(),
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
            Some(Some((record, _))) => Seen::Record(record),
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
            .filter_map(|(id, row)| row.as_ref().map(|(record, _)| (id, record)))
    }

    fn set_row(&mut self, id: &Arc<str>, row: Option<Keyed<T>>) {
        let id = Arc::clone(id);
        self.undo
            .push(match self.rows.insert(Arc::clone(&id), row) {
                Some(before) => Undo::Row(id, before),
                None => Undo::NoRow(id),
            });
    }

    /// Takes back what was checked after there had been so many notes of how to.
    fn take_back(&mut self, undo: usize, steps: usize) {
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
                Step::Put { id, text, .. } => entry(EntryChange::Put {
                    id: Arc::clone(id),
                    text: std::mem::take(text),
                }),
                Step::Delete { id, .. } => entry(EntryChange::Delete { id: Arc::clone(id) }),
                Step::Clear => entry(EntryChange::Clear),
            })
            .collect()
    }

    /// Does the steps. Runs no user code and cannot fail: rows are locked for writing.
    pub(super) fn execute(&mut self, state: &mut State<T>) {
        for step in self.steps.drain(..) {
            match step {
                Step::Put {
                    id,
                    record,
                    new,
                    old,
                    ..
                } => state.put(&id, record, new, &old),
                Step::Delete { id, old } => {
                    state.remove(&id, &old);
                }
                Step::Clear => *state = State::new(state.indexes.len()),
            }
        }
    }
}

impl<T: Data> Table<T> {
    /// Everything about these operations that needs no lock: most of the work of a save. Stops at
    /// the first that cannot be: that is told only after those before it were found to be possible.
    pub(super) fn ready(&self, ops: Vec<Op<T>>) -> (Vec<Ready<T>>, Option<Error>) {
        let mut ready = Vec::with_capacity(ops.len());
        for op in ops {
            match self.ready_one(op) {
                Ok(op) => ready.push(op),
                Err(error) => return (ready, Some(error)),
            }
        }
        (ready, None)
    }

    fn ready_one(&self, op: Op<T>) -> Result<Ready<T>> {
        match op {
            Op::Put { record, expect } => {
                let (admitted, text) = self.admission.admit(record)?;
                Ok(Ready::Put {
                    admitted,
                    text: text.into(),
                    expect,
                })
            }
            Op::Delete { id, expect } => {
                check_id(&id).map_err(|rule| Error::new(ErrorKind::InvalidId, rule))?;
                Ok(Ready::Delete {
                    id: id.into(),
                    expect,
                })
            }
            Op::Clear => Ok(Ready::Clear),
        }
    }

    /// Checks all of these against the rows and what is ahead of them already. If one is refused,
    /// what is ahead is as it was. Whoever calls this holds the turn.
    pub(super) fn check(
        &self,
        ahead: &mut Ahead<T>,
        (ops, impossible): (Vec<Ready<T>>, Option<Error>),
    ) -> Result<Vec<Outcome<T>>> {
        let (undo, steps) = (ahead.undo.len(), ahead.steps.len());
        let mut outcomes = Vec::with_capacity(ops.len());
        let checked = ops
            .into_iter()
            .try_for_each(|op| self.check_one(ahead, &mut outcomes, op))
            .and_then(|()| impossible.map_or(Ok(()), Err));
        match checked {
            Ok(()) => {
                // Nobody takes back what was told to be possible.
                ahead.undo.clear();
                Ok(outcomes)
            }
            Err(error) => {
                ahead.take_back(undo, steps);
                Err(error)
            }
        }
    }

    fn check_one(
        &self,
        ahead: &mut Ahead<T>,
        outcomes: &mut Vec<Outcome<T>>,
        op: Ready<T>,
    ) -> Result<()> {
        match op {
            Ready::Put {
                admitted,
                text,
                expect,
            } => {
                let Admitted { id, record, keys } = admitted;
                if let Expect::Equal(read) = &expect {
                    check_same_id(&self.admission.id_of(read)?, &id)?;
                }
                let (before, old) = self.present(ahead, &id)?.unzip();
                let old = old.unwrap_or_default();
                check_expectation(&expect, &id, before.as_ref())?;
                self.check_unique(ahead, &id, &keys)?;
                self.claim(ahead, &id, &old, &keys);
                ahead.set_row(&id, Some((Arc::clone(&record), keys.clone())));
                outcomes.push(Outcome {
                    id: Arc::clone(&id),
                    before,
                    after: Some(Arc::clone(&record)),
                });
                ahead.steps.push(Step::Put {
                    id,
                    record,
                    text,
                    new: keys,
                    old,
                });
            }
            Ready::Delete { id, expect } => {
                let (before, old) = self.present(ahead, &id)?.unzip();
                let old = old.unwrap_or_default();
                check_expectation(&expect, &id, before.as_ref())?;
                let is_there = before.is_some();
                outcomes.push(Outcome {
                    id: Arc::clone(&id),
                    before,
                    after: None,
                });
                if is_there {
                    self.claim(ahead, &id, &old, &[]);
                    ahead.set_row(&id, None);
                    ahead.steps.push(Step::Delete { id, old });
                }
            }
            Ready::Clear => self.check_clear(ahead, outcomes),
        }
        Ok(())
    }

    fn check_clear(&self, ahead: &mut Ahead<T>, outcomes: &mut Vec<Outcome<T>>) {
        let mut present: BTreeMap<Arc<str>, Option<Arc<T>>> = BTreeMap::new();
        if !ahead.cleared {
            let state = self.state.read();
            let rows = state.slots().filter_map(|slot| state.row(slot));
            present.extend(rows.map(|row| (Arc::clone(&row.id), Some(Arc::clone(&row.record)))));
        }
        let rows = std::mem::take(&mut ahead.rows);
        for (id, row) in &rows {
            let record = row.as_ref().map(|(record, _)| Arc::clone(record));
            present.insert(Arc::clone(id), record);
        }
        ahead.undo.push(Undo::Clear {
            rows,
            holders: std::mem::take(&mut ahead.holders),
            cleared: std::mem::replace(&mut ahead.cleared, true),
        });
        let gone = present.into_iter().filter(|(_, record)| record.is_some());
        let before = outcomes.len();
        outcomes.extend(gone.map(|(id, before)| Outcome {
            id,
            before,
            after: None,
        }));
        if outcomes.len() > before {
            ahead.steps.push(Step::Clear);
        }
    }

    /// The record with this id after the steps so far, and its keys.
    fn present(&self, ahead: &Ahead<T>, id: &str) -> Result<Option<Keyed<T>>> {
        if let Some(row) = ahead.rows.get(id) {
            return Ok(row.clone());
        }
        if ahead.cleared {
            return Ok(None);
        }
        self.get(id)
            .map(|record| self.admission.keys_of(&record).map(|keys| (record, keys)))
            .transpose()
    }

    fn check_unique(&self, ahead: &Ahead<T>, id: &Arc<str>, keys: &[Vec<Key>]) -> Result<()> {
        let indexes = self.admission.indexes().iter().zip(keys).enumerate();
        for (position, (index, keys)) in indexes.filter(|(_, (index, _))| index.is_unique()) {
            for key in keys.iter().filter(|key| key.is_enforced()) {
                let holder = match ahead.holders.get(&(position, key.clone())) {
                    Some(None) => None,
                    Some(Some(holder)) => ahead
                        .rows
                        .get(holder)
                        .and_then(Option::as_ref)
                        .map(|(record, _)| (Arc::clone(holder), Arc::clone(record))),
                    None if ahead.cleared => None,
                    None => self
                        .state
                        .read()
                        .unique_holder(position, key, id)
                        .map(|row| (Arc::clone(&row.id), Arc::clone(&row.record))),
                };
                if let Some((holder, record)) = holder.filter(|(holder, _)| holder != id) {
                    return Err(unique_violation(id, index.name(), &holder, record));
                }
            }
        }
        Ok(())
    }

    /// Notes who holds which unique key after a step.
    fn claim(&self, ahead: &mut Ahead<T>, id: &Arc<str>, old: &[Vec<Key>], new: &[Vec<Key>]) {
        let unique: Vec<bool> = self
            .admission
            .indexes()
            .iter()
            .map(crate::IndexDef::is_unique)
            .collect();
        let mut note = |keys: &[Vec<Key>], holder: Option<&Arc<str>>| {
            for (position, keys) in keys.iter().enumerate() {
                if unique.get(position) == Some(&true) {
                    for key in keys.iter().filter(|key| key.is_enforced()) {
                        let key = (position, key.clone());
                        let before = ahead.holders.insert(key.clone(), holder.cloned());
                        ahead.undo.push(match before {
                            Some(before) => Undo::Holder(key, before),
                            None => Undo::NoHolder(key),
                        });
                    }
                }
            }
        };
        note(old, None);
        note(new, Some(id));
    }
}
