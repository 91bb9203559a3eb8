//! What must come of each verb, worked out on a map, with no code of a backend's.
//!
//! Owns [`Shelf`], the records of one collection as they should be, [`Answer`], and [`Kept`], what the model
//! has to know of a record type.

use std::collections::BTreeMap;
use std::fmt::Debug;

use larder_core::{ErrorKind, Record};

use super::steps::{Act, Change};
use crate::records::{Jar, Recipe, jar, recipe};

/// A record of the model.
pub(super) trait Kept: Record + Clone + PartialEq + Debug {
    /// Whether its schema or its own rule refuses it.
    fn is_invalid(&self) -> bool;

    /// Its unique keys that nobody else may have, in the order of its indexes.
    fn unique(&self) -> Vec<Option<String>>;

    /// What a change does to it; `false` if it refuses.
    fn change(&mut self, change: &Change) -> bool;

    /// One that no history saves: a read of it is always stale.
    fn never(id: &str) -> Self;
}

impl Kept for Jar {
    fn is_invalid(&self) -> bool {
        self.grams > 1000 || self.grams == 13
    }

    fn unique(&self) -> Vec<Option<String>> {
        let place = self.place.map(|place| format!("{}/{place}", self.shelf));
        vec![self.label.clone(), place]
    }

    fn change(&mut self, change: &Change) -> bool {
        match change {
            Change::Number(number) => self.grams = *number,
            Change::Key(key) => self.label = Some(key.clone()),
            Change::Id(id) => self.id.clone_from(id),
            Change::Refuse => return false,
        }
        true
    }

    fn never(id: &str) -> Self {
        Self {
            grams: 999,
            ..jar(id)
        }
    }
}

impl Kept for Recipe {
    fn is_invalid(&self) -> bool {
        false
    }

    fn unique(&self) -> Vec<Option<String>> {
        Vec::new()
    }

    fn change(&mut self, change: &Change) -> bool {
        match change {
            Change::Number(number) => self.portions = u64::from(*number),
            Change::Key(key) => self.jar.clone_from(key),
            Change::Id(id) => self.id.clone_from(id),
            Change::Refuse => return false,
        }
        true
    }

    fn never(id: &str) -> Self {
        recipe(id, 999)
    }
}

/// What a verb gives.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Answer<T> {
    /// A record, or none.
    Record(Option<T>),
    /// Several.
    Records(Vec<T>),
    /// How many.
    Number(u64),
    /// It was refused, with what is there.
    Refused(ErrorKind, Option<T>),
}

/// What the closure of an update or of a transaction refuses with: a kind that no verb here gives itself.
pub(super) const REFUSED: ErrorKind = ErrorKind::Internal;

/// A change of one record: its id, what was there, what is there.
pub(super) type Changed<T> = (String, Option<T>, Option<T>);

type Done<T> = Result<Answer<T>, (ErrorKind, Option<T>)>;

/// The records of one collection.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Shelf<T> {
    pub(super) all: BTreeMap<String, T>,
    /// What was there under an id before it was changed the last time.
    pub(super) old: BTreeMap<String, T>,
}

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self {
            all: BTreeMap::new(),
            old: BTreeMap::new(),
        }
    }
}

impl<T: Kept> Shelf<T> {
    /// The record that a stale compare-and-swap says it has read.
    pub(super) fn stale(&self, id: &str) -> T {
        self.old.get(id).cloned().unwrap_or_else(|| T::never(id))
    }

    /// Does it, and gives the answer and what was changed. If it is refused nothing is.
    pub(super) fn act(&mut self, act: &Act<T>) -> (Answer<T>, Vec<Changed<T>>) {
        let mut next = self.clone();
        let mut changes = Vec::new();
        match next.try_act(act, &mut changes) {
            Ok(answer) => {
                *self = next;
                (answer, changes)
            }
            Err((kind, current)) => (Answer::Refused(kind, current), Vec::new()),
        }
    }

    fn try_act(&mut self, act: &Act<T>, changes: &mut Vec<Changed<T>>) -> Done<T> {
        match act {
            Act::Save(record) => self.put(record.clone(), changes),
            Act::SaveAll(records) => {
                for record in records {
                    self.put(record.clone(), changes)?;
                }
                Ok(Answer::Records(records.clone()))
            }
            Act::Insert(record) => {
                check(record)?;
                match self.all.get(record.id()) {
                    Some(there) => Err((ErrorKind::AlreadyExists, Some(there.clone()))),
                    None => self.put(record.clone(), changes),
                }
            }
            Act::Replace { new, is_stale } => {
                check(new)?;
                let there = self.all.get(new.id());
                let is_what_was_read = match there {
                    Some(there) => !is_stale || *there == self.stale(new.id()),
                    None => false,
                };
                if !is_what_was_read {
                    return Err((ErrorKind::Conflict, there.cloned()));
                }
                self.put(new.clone(), changes)
            }
            Act::Update(id, change) => {
                let Some(mut record) = self.all.get(id).cloned() else {
                    return Ok(Answer::Record(None));
                };
                if !record.change(change) {
                    return Err((REFUSED, None));
                }
                if record.id() != id {
                    return Err((ErrorKind::InvalidId, None));
                }
                self.put(record, changes)
            }
            Act::Delete(id) if id.is_empty() => Err((ErrorKind::InvalidId, None)),
            Act::Delete(id) => Ok(Answer::Record(self.remove(id, changes))),
            Act::Clear => {
                let ids: Vec<String> = self.all.keys().cloned().collect();
                for id in &ids {
                    self.remove(id, changes);
                }
                Ok(Answer::Number(ids.len() as u64))
            }
        }
    }

    fn put(&mut self, record: T, changes: &mut Vec<Changed<T>>) -> Done<T> {
        check(&record)?;
        let id = record.id().to_owned();
        for (position, key) in record.unique().into_iter().enumerate() {
            let mut others = self.all.values().filter(|it| it.id() != id);
            let holder = others.find(|it| key.is_some() && it.unique()[position] == key);
            if let Some(holder) = holder {
                return Err((ErrorKind::UniqueViolation, Some(holder.clone())));
            }
        }
        let before = self.all.insert(id.clone(), record.clone());
        self.old.extend(before.clone().map(|it| (id.clone(), it)));
        changes.push((id, before, Some(record.clone())));
        Ok(Answer::Record(Some(record)))
    }

    fn remove(&mut self, id: &str, changes: &mut Vec<Changed<T>>) -> Option<T> {
        let before = self.all.remove(id)?;
        self.old.insert(id.to_owned(), before.clone());
        changes.push((id.to_owned(), Some(before.clone()), None));
        Some(before)
    }
}

/// What is wrong with the record by itself.
fn check<T: Kept>(record: &T) -> Result<(), (ErrorKind, Option<T>)> {
    match (record.id().is_empty(), record.is_invalid()) {
        (true, _) => Err((ErrorKind::InvalidId, None)),
        (_, true) => Err((ErrorKind::Invalid, None)),
        _ => Ok(()),
    }
}
