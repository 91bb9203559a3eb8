//! Changing a collection: check every operation of a list, then do all of them.
//!
//! Owns [`Table::apply`]. While it holds the store's write lock nothing else changes, so what the
//! checks saw stays true until the rows are changed; that last step runs no user code and cannot
//! fail.

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
use crate::write::Write;

/// An operation with everything worked out that needs no lock.
enum Ready<T> {
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

/// What the collection will look like after the steps so far, where that differs from its rows.
struct Ahead<T> {
    cleared: bool,
    rows: BTreeMap<Arc<str>, Option<Keyed<T>>>,
    /// Who holds a unique key: an id, or nobody any more.
    holders: BTreeMap<(usize, Key), Option<Arc<str>>>,
    steps: Vec<Step<T>>,
    outcomes: Vec<Outcome<T>>,
}

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
        // An operation that cannot be is told only after those before it were found to be possible.
        let mut impossible = None;
        let mut ready = Vec::with_capacity(ops.len());
        for op in ops {
            match self.ready(op) {
                Ok(op) => ready.push(op),
                Err(error) => {
                    impossible = Some(error);
                    break;
                }
            }
        }

        let turn = self.journal.turn()?;
        let mut ahead = Ahead {
            cleared: false,
            rows: BTreeMap::new(),
            holders: BTreeMap::new(),
            steps: Vec::with_capacity(ready.len()),
            outcomes: Vec::with_capacity(ready.len()),
        };
        for op in ready {
            self.check(&mut ahead, op)?;
        }
        if let Some(error) = impossible {
            return Err(error);
        }
        let Ahead {
            mut steps,
            outcomes,
            ..
        } = ahead;
        if steps.is_empty() {
            return Ok(turn.unchanged(outcomes));
        }
        let entries = if turn.wants_entries() {
            self.entries(&mut steps)
        } else {
            Vec::new()
        };
        {
            let mut state = self.state.write();
            for step in steps {
                execute(&mut state, step);
            }
        }
        Ok(turn.commit(outcomes, entries))
    }

    /// Everything about one operation that needs no lock: most of the work of a save.
    fn ready(&self, op: Op<T>) -> Result<Ready<T>> {
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

    /// Checks one operation against the rows and the steps before it.
    fn check(&self, ahead: &mut Ahead<T>, op: Ready<T>) -> Result<()> {
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
                ahead
                    .rows
                    .insert(Arc::clone(&id), Some((Arc::clone(&record), keys.clone())));
                ahead.outcomes.push(Outcome {
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
                ahead.outcomes.push(Outcome {
                    id: Arc::clone(&id),
                    before,
                    after: None,
                });
                if is_there {
                    self.claim(ahead, &id, &old, &[]);
                    ahead.rows.insert(Arc::clone(&id), None);
                    ahead.steps.push(Step::Delete { id, old });
                }
            }
            Ready::Clear => self.check_clear(ahead),
        }
        Ok(())
    }

    fn check_clear(&self, ahead: &mut Ahead<T>) {
        let mut present: BTreeMap<Arc<str>, Option<Arc<T>>> = BTreeMap::new();
        if !ahead.cleared {
            let state = self.state.read();
            let rows = state.slots().filter_map(|slot| state.row(slot));
            present.extend(rows.map(|row| (Arc::clone(&row.id), Some(Arc::clone(&row.record)))));
        }
        for (id, row) in std::mem::take(&mut ahead.rows) {
            present.insert(id, row.map(|(record, _)| record));
        }
        ahead.holders.clear();
        ahead.cleared = true;
        let gone = present.into_iter().filter(|(_, record)| record.is_some());
        let before = ahead.outcomes.len();
        ahead.outcomes.extend(gone.map(|(id, before)| Outcome {
            id,
            before,
            after: None,
        }));
        if ahead.outcomes.len() > before {
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
                        ahead
                            .holders
                            .insert((position, key.clone()), holder.cloned());
                    }
                }
            }
        };
        note(old, None);
        note(new, Some(id));
    }

    /// What the medium is told of these steps. The texts move over.
    fn entries(&self, steps: &mut [Step<T>]) -> Vec<Entry> {
        let entry = |change| Entry {
            collection: Arc::clone(&self.name),
            change,
        };
        steps
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
}

/// Runs no user code and cannot fail: rows are locked for writing.
fn execute<T>(state: &mut State<T>, step: Step<T>) {
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
