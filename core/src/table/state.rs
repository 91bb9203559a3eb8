//! The rows and index entries of one collection in memory.
//!
//! Owns [`State`]: how a change keeps rows and indexes in step. It trusts its caller: every check
//! was made before (`mod.rs`). Reading by query is in `select.rs`.

use std::collections::BTreeMap;
use std::sync::Arc;

use larder_schema::Extra;

use crate::key::Key;

/// The place of a row; it stays the same as long as its id is there.
pub(super) type Slot = u32;

#[derive(Debug)]
pub(super) struct Row<T> {
    pub(super) id: Arc<str>,
    pub(super) record: Arc<T>,
    /// What of its text the type does not know.
    pub(super) unknown: Option<Arc<Extra>>,
}

/// The rows with one key.
#[derive(Debug)]
pub(super) enum Postings {
    One(Slot),
    /// By id.
    #[expect(
        clippy::box_collection,
        reason = "most keys have one row, and there are as many keys as records: half the size"
    )]
    Many(Box<BTreeMap<Arc<str>, Slot>>),
}

impl Postings {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Many(slots) => slots.len(),
        }
    }

    /// In id order.
    pub(super) fn slots(&self) -> impl Iterator<Item = Slot> {
        let (one, many) = match self {
            Self::One(slot) => (Some(*slot), None),
            Self::Many(slots) => (None, Some(slots.values().copied())),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }

    /// Adds a row; `rows` tells the id of the one that is here.
    fn insert<T>(&mut self, id: &Arc<str>, slot: Slot, rows: &[Option<Row<T>>]) {
        match self {
            Self::One(there) if *there == slot => {}
            Self::One(there) => {
                let mut slots = BTreeMap::from([(Arc::clone(id), slot)]);
                if let Some(Some(row)) = rows.get(*there as usize) {
                    slots.insert(Arc::clone(&row.id), *there);
                }
                *self = Self::Many(Box::new(slots));
            }
            Self::Many(slots) => {
                slots.insert(Arc::clone(id), slot);
            }
        }
    }

    /// True if nothing is left.
    fn remove(&mut self, id: &str, slot: Slot) -> bool {
        match self {
            Self::One(there) => *there == slot,
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

    /// Rows in id order, and per index its keys in order, each with the slots that have it. The
    /// slot of a row is its place in the list.
    pub(super) fn of_sorted(
        rows: Vec<Row<T>>,
        indexes: impl Iterator<Item = impl Iterator<Item = (Key, Slot)>>,
    ) -> Self {
        let ids = (0..)
            .zip(&rows)
            .map(|(slot, row)| (Arc::clone(&row.id), slot));
        let by_id = ids.collect();
        let rows: Vec<_> = rows.into_iter().map(Some).collect();
        let indexes = indexes
            .map(|entries| {
                let mut keys: Vec<(Key, Postings)> = Vec::new();
                for (key, slot) in entries {
                    match keys.last_mut() {
                        Some((last, postings)) if *last == key => {
                            if let Some(Some(row)) = rows.get(slot as usize) {
                                postings.insert(&row.id, slot, &rows);
                            }
                        }
                        _ => keys.push((key, Postings::One(slot))),
                    }
                }
                // From a sorted list the map is built with full nodes.
                keys.into_iter().collect()
            })
            .collect();
        Self {
            rows,
            free: Vec::new(),
            by_id,
            indexes,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn get(&self, id: &str) -> Option<&Arc<T>> {
        self.find(id).map(|row| &row.record)
    }

    pub(super) fn find(&self, id: &str) -> Option<&Row<T>> {
        self.row(*self.by_id.get(id)?)
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

    /// Puts a row in the place of what was there, whose keys are `old`, and gives that.
    pub(super) fn put(
        &mut self,
        new_row: Row<T>,
        new: Vec<Vec<Key>>,
        old: &[Vec<Key>],
    ) -> Option<Row<T>> {
        let id = &Arc::clone(&new_row.id);
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
        let place = self.rows.get_mut(slot as usize);
        let gone = place.and_then(|row| row.replace(new_row));
        for (position, keys) in new.into_iter().enumerate() {
            let Some(entries) = self.indexes.get_mut(position) else {
                continue;
            };
            let before = old.get(position).map(Vec::as_slice).unwrap_or_default();
            if keys == before {
                continue;
            }
            remove_keys(
                entries,
                before.iter().filter(|key| !keys.contains(key)),
                id,
                slot,
            );
            for key in keys {
                entries
                    .entry(key)
                    .and_modify(|postings| postings.insert(id, slot, &self.rows))
                    .or_insert(Postings::One(slot));
            }
        }
        gone
    }

    /// Removes the row with this id, whose keys are `old`, and gives it.
    pub(super) fn remove(&mut self, id: &str, old: &[Vec<Key>]) -> Option<Row<T>> {
        let slot = self.by_id.remove(id)?;
        for (entries, keys) in self.indexes.iter_mut().zip(old) {
            remove_keys(entries, keys.iter(), id, slot);
        }
        let row = self.rows.get_mut(slot as usize)?.take()?;
        self.free.push(slot);
        Some(row)
    }
}

fn remove_keys<'k>(
    entries: &mut Entries,
    keys: impl Iterator<Item = &'k Key>,
    id: &str,
    slot: Slot,
) {
    for key in keys {
        if entries
            .get_mut(key)
            .is_some_and(|postings| postings.remove(id, slot))
        {
            entries.remove(key);
        }
    }
}
