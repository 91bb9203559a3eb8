//! Whether operations are possible: each against the rows, and against those before it.
//!
//! Owns the checks of a write, in memory. What is possible is noted in an [`Ahead`]; doing it is
//! `apply.rs` and `stage.rs`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Table;
use super::ahead::{Ahead, Held, Step, Undo};
use super::state::{NewRow, Row};
use crate::admission::{Admitted, check_id};
use crate::error::{Error, ErrorKind, Result};
use crate::key::Key;
use crate::key_set::KeySet;
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

/// What comes after operations that are checked, before their steps are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// So nobody asks what is there after the last of them.
    Nothing,
    /// More operations, or reads.
    More,
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
        after: After,
    ) -> Result<Vec<Outcome<T>>> {
        let (undo, steps) = (ahead.undo.len(), ahead.steps.len());
        let mut outcomes = Vec::with_capacity(ops.len());
        let mut left = ops.len();
        let checked = ops
            .into_iter()
            .try_for_each(|op| {
                left -= 1;
                let is_noted = left > 0 || after == After::More;
                self.check_one(ahead, &mut outcomes, op, is_noted)
            })
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
        is_noted: bool,
    ) -> Result<()> {
        match op {
            Ready::Put {
                admitted,
                text,
                expect,
            } => {
                if let Expect::Equal(read) = &expect {
                    check_same_id(&self.admission.id_of(read)?, &admitted.id)?;
                }
                let before = self.present(ahead, &admitted.id)?;
                let record = before.as_ref().map(|before| &before.record);
                check_expectation(&expect, &admitted.id, record)?;
                let (text, unknown) = match &before {
                    Some(Held {
                        record,
                        unknown: Some(unknown),
                        ..
                    }) => {
                        let (text, unknown) =
                            self.admission.keep(unknown, record, &admitted, &text)?;
                        (text.into(), unknown.map(Arc::new))
                    }
                    _ => (text, None),
                };
                let Admitted {
                    id, record, keys, ..
                } = admitted;
                let (before, old) = before.map(|before| (before.record, before.keys)).unzip();
                let old = old.unwrap_or_default();
                self.check_unique(ahead, &id, &keys, &old)?;
                if is_noted {
                    self.claim(ahead, &id, &old, &keys);
                    let held = Held {
                        record: Arc::clone(&record),
                        keys: keys.clone(),
                        unknown: unknown.clone(),
                    };
                    ahead.set_row(&id, Some(held));
                }
                outcomes.push(Outcome {
                    id: Arc::clone(&id),
                    before,
                    after: Some(Arc::clone(&record)),
                });
                let row = NewRow {
                    row: Row { id, record },
                    unknown,
                };
                ahead.steps.push(Step::Put {
                    row,
                    text,
                    new: keys,
                    old,
                });
            }
            Ready::Delete { id, expect } => {
                let before = self.present(ahead, &id)?;
                let (before, old) = before.map(|before| (before.record, before.keys)).unzip();
                let old = old.unwrap_or_default();
                check_expectation(&expect, &id, before.as_ref())?;
                let is_there = before.is_some();
                outcomes.push(Outcome {
                    id: Arc::clone(&id),
                    before,
                    after: None,
                });
                if is_there {
                    if is_noted {
                        self.claim(ahead, &id, &old, &[]);
                        ahead.set_row(&id, None);
                    }
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
            let record = row.as_ref().map(|held| Arc::clone(&held.record));
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

    /// The record with this id after the steps so far.
    fn present(&self, ahead: &Ahead<T>, id: &str) -> Result<Option<Held<T>>> {
        if let Some(row) = ahead.rows.get(id) {
            return Ok(row.clone());
        }
        if ahead.cleared {
            return Ok(None);
        }
        let row = {
            let state = self.state.read();
            let row = state.find(id);
            row.map(|row| (Arc::clone(&row.record), state.unknown(id).cloned()))
        };
        let Some((record, unknown)) = row else {
            return Ok(None);
        };
        Ok(Some(Held {
            keys: self.admission.keys_of(&record)?,
            record,
            unknown,
        }))
    }

    /// Whether a record with these keys, in the place of one with the old ones, takes no other's.
    fn check_unique(
        &self,
        ahead: &Ahead<T>,
        id: &Arc<str>,
        keys: &[KeySet],
        old: &[KeySet],
    ) -> Result<()> {
        let indexes = self.admission.indexes().iter().zip(keys).enumerate();
        for (position, (index, keys)) in indexes.filter(|(_, (index, _))| index.is_unique()) {
            // What it has already, no other has.
            let old = old.get(position).map(|keys| &**keys).unwrap_or_default();
            let is_new = |key: &&Key| key.is_enforced() && !old.contains(key);
            for key in keys.iter().filter(is_new) {
                let holder = match ahead.holders.get(&(position, key.clone())) {
                    Some(None) => None,
                    Some(Some(holder)) => ahead
                        .rows
                        .get(holder)
                        .and_then(Option::as_ref)
                        .map(|held| (Arc::clone(holder), Arc::clone(&held.record))),
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
    fn claim(&self, ahead: &mut Ahead<T>, id: &Arc<str>, old: &[KeySet], new: &[KeySet]) {
        let unique: Vec<bool> = self
            .admission
            .indexes()
            .iter()
            .map(crate::IndexDef::is_unique)
            .collect();
        let mut note = |keys: &[KeySet], holder: Option<&Arc<str>>| {
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
