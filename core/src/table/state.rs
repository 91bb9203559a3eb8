//! The rows and index entries of one collection in memory.
//!
//! Owns [`State`]: how a change keeps rows and indexes in step. It trusts its caller: every check
//! was made before (`mod.rs`). Reading by query is in `select.rs`.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::key::Key;

/// The place of a row; it stays the same as long as its id is there.
pub(super) type Slot = u32;

#[derive(Debug)]
pub(super) struct Row<T> {
    pub(super) id: Arc<str>,
    pub(super) record: Arc<T>,
}

/// The rows with one key, by id.
#[derive(Debug)]
pub(super) enum Postings {
    One(Arc<str>, Slot),
    Many(BTreeMap<Arc<str>, Slot>),
}

impl Postings {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::One(..) => 1,
            Self::Many(slots) => slots.len(),
        }
    }

    /// In id order.
    pub(super) fn slots(&self) -> impl Iterator<Item = Slot> {
        let (one, many) = match self {
            Self::One(_, slot) => (Some(*slot), None),
            Self::Many(slots) => (None, Some(slots.values().copied())),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }

    fn insert(&mut self, id: &Arc<str>, slot: Slot) {
        match self {
            Self::One(_, there) if *there == slot => {}
            Self::One(there, other) => {
                *self = Self::Many(BTreeMap::from([
                    (Arc::clone(there), *other),
                    (Arc::clone(id), slot),
                ]));
            }
            Self::Many(slots) => {
                slots.insert(Arc::clone(id), slot);
            }
        }
    }

    /// True if nothing is left.
    fn remove(&mut self, id: &str) -> bool {
        match self {
            Self::One(there, _) => &**there == id,
            Self::Many(slots) => {
                slots.remove(id);
                slots.is_empty()
            }
        }
    }
}

/// The entries of one index.
pub(super) type Entries = BTreeMap<Key, Postings>;

/// Rows, their order by id, and the indexes.
#[derive(Debug)]
pub(super) struct State<T> {
    rows: Vec<Option<Row<T>>>,
    free: Vec<Slot>,
    by_id: BTreeMap<Arc<str>, Slot>,
    pub(super) indexes: Vec<Entries>,
}

impl<T> State<T> {
    pub(super) fn new(indexes: usize) -> Self {
        Self {
            rows: Vec::new(),
            free: Vec::new(),
            by_id: BTreeMap::new(),
            indexes: (0..indexes).map(|_| Entries::new()).collect(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn get(&self, id: &str) -> Option<&Arc<T>> {
        self.row(*self.by_id.get(id)?).map(|row| &row.record)
    }

    pub(super) fn row(&self, slot: Slot) -> Option<&Row<T>> {
        self.rows.get(slot as usize)?.as_ref()
    }

    /// All slots, in id order.
    pub(super) fn slots(&self) -> impl DoubleEndedIterator<Item = Slot> {
        self.by_id.values().copied()
    }

    /// The slots of the rows whose id comes after this one, in id order.
    pub(super) fn slots_after(&self, id: &str) -> impl Iterator<Item = Slot> {
        use std::ops::Bound::{Excluded, Unbounded};
        self.by_id
            .range::<str, _>((Excluded(id), Unbounded))
            .map(|(_, slot)| *slot)
    }

    /// The row that holds this key in a unique index, unless it is the row with this id.
    pub(super) fn unique_holder(&self, index: usize, key: &Key, id: &str) -> Option<&Row<T>> {
        if !key.is_enforced() {
            return None;
        }
        let slot = self.indexes.get(index)?.get(key)?.slots().next()?;
        self.row(slot).filter(|row| &*row.id != id)
    }

    /// Puts a record in the place of what was there, whose keys are `old`.
    pub(super) fn put(
        &mut self,
        id: &Arc<str>,
        record: Arc<T>,
        new: Vec<Vec<Key>>,
        old: &[Vec<Key>],
    ) {
        let slot = if let Some(slot) = self.by_id.get(id) {
            *slot
        } else {
            let slot = self.free.pop().unwrap_or_else(|| {
                self.rows.push(None);
                // The rows of one process never reach 2^32: each is an allocation of its own.
                Slot::try_from(self.rows.len() - 1).unwrap_or(Slot::MAX)
            });
            self.by_id.insert(Arc::clone(id), slot);
            slot
        };
        if let Some(row) = self.rows.get_mut(slot as usize) {
            *row = Some(Row {
                id: Arc::clone(id),
                record,
            });
        }
        for (position, keys) in new.into_iter().enumerate() {
            let Some(entries) = self.indexes.get_mut(position) else {
                continue;
            };
            let before = old.get(position).map(Vec::as_slice).unwrap_or_default();
            if keys == before {
                continue;
            }
            remove_keys(entries, before.iter().filter(|key| !keys.contains(key)), id);
            for key in keys {
                entries
                    .entry(key)
                    .and_modify(|postings| postings.insert(id, slot))
                    .or_insert_with(|| Postings::One(Arc::clone(id), slot));
            }
        }
    }

    /// Removes the record with this id, whose keys are `old`.
    pub(super) fn remove(&mut self, id: &str, old: &[Vec<Key>]) -> Option<Arc<T>> {
        let slot = self.by_id.remove(id)?;
        for (entries, keys) in self.indexes.iter_mut().zip(old) {
            remove_keys(entries, keys.iter(), id);
        }
        let row = self.rows.get_mut(slot as usize)?.take()?;
        self.free.push(slot);
        Some(row.record)
    }
}

fn remove_keys<'k>(entries: &mut Entries, keys: impl Iterator<Item = &'k Key>, id: &str) {
    for key in keys {
        if entries
            .get_mut(key)
            .is_some_and(|postings| postings.remove(id))
        {
            entries.remove(key);
        }
    }
}
