//! The rows of one collection in memory, and its indexes.
//!
//! Owns [`State`]: how a change keeps rows and indexes in step. It trusts its caller: every check
//! was made before (`mod.rs`). Reading by query is in `select.rs`.

use std::collections::BTreeMap;
use std::hash::BuildHasher as _;
use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashMap, HashTable};
use larder_schema::Extra;
use smallvec::SmallVec;

use super::entries::{Entries, Posted};
use super::loader::MANY;
use crate::key::Key;
use crate::key_set::KeySet;
use crate::side_by_side::side_by_side;

/// The place of a row; it stays the same as long as its id is there.
pub(super) type Slot = u32;

/// A row on its way in.
#[derive(Debug)]
pub(super) struct NewRow<T> {
    pub(super) row: Row<T>,
    /// What of its text the type does not know.
    pub(super) unknown: Option<Arc<Extra>>,
}

#[derive(Debug)]
pub(super) struct Row<T> {
    pub(super) id: Arc<str>,
    pub(super) record: Arc<T>,
}

/// A part of building a state from sorted lists.
enum Part<K> {
    Ids,
    Keys(K),
}

/// What came of it.
enum Built {
    Ids(Ids),
    Keys(Entries),
}

/// Where the row of an id is, and the order of the ids.
type Ids = (HashTable<Slot>, BTreeMap<Arc<str>, Slot>);

fn ids<T>(rows: &[Option<Row<T>>], hasher: &DefaultHashBuilder) -> Ids {
    let mut places = HashTable::with_capacity(rows.len());
    let rows = || (0..).zip(rows.iter().flatten());
    for (slot, row) in rows() {
        let hash = hasher.hash_one(&*row.id);
        // All ids differ and there is room for all: nothing is compared, nothing is hashed again.
        places.insert_unique(hash, slot, |_| hash);
    }
    let order = rows().map(|(slot, row)| (Arc::clone(&row.id), slot));
    (places, order.collect())
}

/// Rows, where each is, their order by id, and the indexes.
#[derive(Debug)]
pub(super) struct State<T> {
    rows: Vec<Option<Row<T>>>,
    free: Vec<Slot>,
    /// What of its text the type of a row does not know: of hardly any row there is something.
    unknown: HashMap<Slot, Arc<Extra>>,
    /// Where the row of an id is; a look-up reads one place of this and not one per level of a tree.
    /// The ids are in the rows, so this is some five to twelve bytes a record.
    places: HashTable<Slot>,
    hasher: DefaultHashBuilder,
    /// The order of the ids.
    by_id: BTreeMap<Arc<str>, Slot>,
    pub(super) indexes: Vec<Entries>,
}

impl<T> State<T> {
    /// With no rows; for each index, whether it is unique.
    pub(super) fn new(unique: impl Iterator<Item = bool>) -> Self {
        Self {
            rows: Vec::new(),
            free: Vec::new(),
            unknown: HashMap::new(),
            places: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            by_id: BTreeMap::new(),
            indexes: unique.map(Entries::new).collect(),
        }
    }

    /// Rows in id order; per index whether it is unique, and its keys in order, each with a slot. The
    /// slot of a row is its place in the list.
    pub(super) fn of_sorted(
        rows: Vec<NewRow<T>>,
        indexes: Vec<(bool, impl Iterator<Item = (Key, Slot)> + Send)>,
    ) -> Self
    where
        T: Send + Sync,
    {
        let hasher = DefaultHashBuilder::default();
        let mut unknown = HashMap::new();
        let rows: Vec<_> = (0..)
            .zip(rows)
            .map(|(slot, new)| {
                unknown.extend(new.unknown.map(|extra| (slot, extra)));
                Some(new.row)
            })
            .collect();
        let build = |part| match part {
            Part::Ids => Built::Ids(ids(&rows, &hasher)),
            Part::Keys((unique, keys)) => Built::Keys(Entries::of_sorted(unique, keys, &rows)),
        };
        let parts = std::iter::once(Part::Ids).chain(indexes.into_iter().map(Part::Keys));
        let built = if rows.len() < MANY {
            parts.map(build).collect()
        } else {
            side_by_side(parts.collect(), build)
        };
        let (mut places, mut by_id) = (HashTable::new(), BTreeMap::new());
        let mut indexes = Vec::with_capacity(built.len());
        for part in built {
            match part {
                Built::Ids((found, order)) => (places, by_id) = (found, order),
                Built::Keys(entries) => indexes.push(entries),
            }
        }
        Self {
            rows,
            free: Vec::new(),
            unknown,
            places,
            hasher,
            by_id,
            indexes,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    pub(super) fn get(&self, id: &str) -> Option<&Arc<T>> {
        self.find(id).map(|row| &row.record)
    }

    pub(super) fn find(&self, id: &str) -> Option<&Row<T>> {
        self.row(self.slot_of(id)?)
    }

    /// The slot of this id.
    fn slot_of(&self, id: &str) -> Option<Slot> {
        let is_it = |slot: &Slot| self.row(*slot).is_some_and(|row| *row.id == *id);
        self.places.find(self.hasher.hash_one(id), is_it).copied()
    }

    /// What of its text the type of this row does not know.
    pub(super) fn unknown(&self, id: &str) -> Option<&Arc<Extra>> {
        if self.unknown.is_empty() {
            return None;
        }
        self.unknown.get(&self.slot_of(id)?)
    }

    pub(super) fn row(&self, slot: Slot) -> Option<&Row<T>> {
        self.rows.get(slot as usize)?.as_ref()
    }

    /// The records with one key, in id order; at most so many.
    pub(super) fn records(&self, posted: Posted<'_>, limit: usize) -> Vec<Arc<T>> {
        if let Posted::One(slot) = posted {
            let row = self.row(slot).filter(|_| limit > 0);
            return row.map(|row| Arc::clone(&row.record)).into_iter().collect();
        }
        self.records_at(posted.slots().take(limit))
    }

    /// The records in these places.
    ///
    /// A pointer is shared by an atomic addition to a count beside the record, and a processor begins
    /// nothing else while it waits for that from memory. So all counts are read first, which it does
    /// side by side.
    pub(super) fn records_at(&self, slots: impl Iterator<Item = Slot>) -> Vec<Arc<T>> {
        let found = slots
            .filter_map(|slot| self.row(slot))
            .map(|row| &row.record);
        let found: SmallVec<[&Arc<T>; 32]> = found.collect();
        for record in &found {
            std::hint::black_box(Arc::strong_count(record));
        }
        found.into_iter().cloned().collect()
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

    /// The slots of the rows with one key whose id comes after this one, in id order.
    pub(super) fn posted_after<'s>(
        &'s self,
        posted: Posted<'s>,
        id: &str,
    ) -> impl Iterator<Item = Slot> + use<'s, T> {
        use std::ops::Bound::{Excluded, Unbounded};
        let (one, many) = match posted {
            Posted::One(slot) => {
                let is_after = self.row(slot).is_some_and(|row| *row.id > *id);
                (is_after.then_some(slot), None)
            }
            Posted::Many(slots) => {
                let after = slots.range::<str, _>((Excluded(id), Unbounded));
                (None, Some(after.map(|(_, slot)| *slot)))
            }
        };
        one.into_iter().chain(many.into_iter().flatten())
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
        NewRow { row, unknown }: NewRow<T>,
        new: Vec<KeySet>,
        old: &[KeySet],
    ) -> Option<Row<T>> {
        let id = &Arc::clone(&row.id);
        let (slot, gone) = match self.slot_of(id) {
            Some(slot) => {
                let place = self.rows.get_mut(slot as usize);
                (slot, place.and_then(|place| place.replace(row)))
            }
            None => (self.add(row), None),
        };
        self.set_unknown(slot, unknown);
        for (position, keys) in new.into_iter().enumerate() {
            let Some(entries) = self.indexes.get_mut(position) else {
                continue;
            };
            let before = old.get(position).map(|keys| &**keys).unwrap_or_default();
            if *keys == *before {
                continue;
            }
            for key in before.iter().filter(|key| !keys.contains(key)) {
                entries.remove(key, id, slot);
            }
            for key in keys.into_iter().filter(|key| !before.contains(key)) {
                entries.insert(key, id, slot, &self.rows);
            }
        }
        gone
    }

    fn set_unknown(&mut self, slot: Slot, unknown: Option<Arc<Extra>>) {
        if let Some(unknown) = unknown {
            self.unknown.insert(slot, unknown);
        } else if !self.unknown.is_empty() {
            self.unknown.remove(&slot);
        }
    }

    /// Gives a row with a new id a place.
    fn add(&mut self, row: Row<T>) -> Slot {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.rows.push(None);
            // The rows of one process never reach 2^32: each is an allocation of its own.
            Slot::try_from(self.rows.len() - 1).unwrap_or(Slot::MAX)
        });
        self.by_id.insert(Arc::clone(&row.id), slot);
        let hash = self.hasher.hash_one(&*row.id);
        if let Some(place) = self.rows.get_mut(slot as usize) {
            *place = Some(row);
        }
        let Self {
            places,
            hasher,
            rows,
            ..
        } = self;
        places.insert_unique(hash, slot, |slot| {
            let row = rows.get(*slot as usize).and_then(Option::as_ref);
            row.map_or(0, |row| hasher.hash_one(&*row.id))
        });
        slot
    }

    /// Removes the row with this id, whose keys are `old`, and gives it.
    pub(super) fn remove(&mut self, id: &str, old: &[KeySet]) -> Option<Row<T>> {
        let slot = self.by_id.remove(id)?;
        let hash = self.hasher.hash_one(id);
        if let Ok(place) = self.places.find_entry(hash, |other| *other == slot) {
            place.remove();
        }
        for (entries, keys) in self.indexes.iter_mut().zip(old) {
            for key in &**keys {
                entries.remove(key, id, slot);
            }
        }
        self.set_unknown(slot, None);
        let row = self.rows.get_mut(slot as usize)?.take()?;
        self.free.push(slot);
        Some(row)
    }
}
