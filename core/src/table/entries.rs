//! The entries of one index in memory: which rows have a key, in the order of the keys.
//!
//! Owns [`Entries`]. A tree, because most of what is asked of an index is a range or an order. A look-up
//! by a unique key is asked for as often as one by id, and at every save, so a unique index has its keys
//! by hash too: a search through a tree of a hundred thousand keys reads some ten places in memory. It
//! runs no user code.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use hashbrown::HashMap;

use super::state::{Row, Slot};
use crate::key::Key;

/// The rows with one key.
#[derive(Debug)]
enum Postings {
    One(Slot),
    /// By id.
    #[expect(
        clippy::box_collection,
        reason = "most keys have one row, and there are as many keys as records: half the size"
    )]
    Many(Box<BTreeMap<Arc<str>, Slot>>),
}

impl Postings {
    fn posted(&self) -> Posted<'_> {
        match self {
            Self::One(slot) => Posted::One(*slot),
            Self::Many(slots) => Posted::Many(slots),
        }
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

/// The rows with one key, looked up.
#[derive(Clone, Copy, Debug)]
pub(super) enum Posted<'e> {
    One(Slot),
    Many(&'e BTreeMap<Arc<str>, Slot>),
}

impl<'e> Posted<'e> {
    pub(super) fn len(self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Many(slots) => slots.len(),
        }
    }

    /// In id order.
    pub(super) fn slots(self) -> impl Iterator<Item = Slot> + use<'e> {
        let (one, many) = match self {
            Self::One(slot) => (Some(slot), None),
            Self::Many(slots) => (None, Some(slots.values().copied())),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }
}

/// The entries of one index.
#[derive(Debug)]
pub(super) struct Entries {
    order: BTreeMap<Key, Postings>,
    /// The keys that only one row may have, if the index is unique.
    unique: Option<HashMap<Key, Slot>>,
}

impl Entries {
    pub(super) fn new(is_unique: bool) -> Self {
        Self {
            order: BTreeMap::new(),
            unique: is_unique.then(HashMap::new),
        }
    }

    /// From keys in order, each with the slots that have it.
    pub(super) fn of_sorted<T>(
        is_unique: bool,
        sorted: impl Iterator<Item = (Key, Slot)>,
        rows: &[Option<Row<T>>],
    ) -> Self {
        let mut all: Vec<(Key, Postings)> = Vec::new();
        for (key, slot) in sorted {
            match all.last_mut() {
                Some((last, postings)) if *last == key => {
                    if let Some(Some(row)) = rows.get(slot as usize) {
                        postings.insert(&row.id, slot, rows);
                    }
                }
                _ => all.push((key, Postings::One(slot))),
            }
        }
        let unique = is_unique.then(|| {
            let mut unique = HashMap::with_capacity(all.len());
            unique.extend(all.iter().filter_map(|(key, postings)| match postings {
                Postings::One(slot) if key.is_enforced() => Some((key.clone(), *slot)),
                _ => None,
            }));
            unique
        });
        Self {
            // From a sorted list the map is built with full nodes.
            order: all.into_iter().collect(),
            unique,
        }
    }

    /// Whether only one row may have a key.
    pub(super) fn is_unique(&self) -> bool {
        self.unique.is_some()
    }

    /// How many different keys there are.
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// The rows with this key.
    pub(super) fn get(&self, key: &Key) -> Option<Posted<'_>> {
        match &self.unique {
            Some(unique) if key.is_enforced() => unique.get(key).map(|slot| Posted::One(*slot)),
            _ => self.order.get(key).map(Postings::posted),
        }
    }

    /// The keys within these bounds, in order, with their rows. The lower bound must not be beyond the
    /// upper one: the standard library's map panics on such.
    pub(super) fn range<'e>(
        &'e self,
        bounds: (Bound<&Key>, Bound<&Key>),
    ) -> impl DoubleEndedIterator<Item = (&'e Key, Posted<'e>)> + use<'e> {
        self.order
            .range::<Key, _>(bounds)
            .map(|(key, postings)| (key, postings.posted()))
    }

    /// Adds a row to a key; `rows` tells the ids of those that have it already.
    pub(super) fn insert<T>(
        &mut self,
        key: Key,
        id: &Arc<str>,
        slot: Slot,
        rows: &[Option<Row<T>>],
    ) {
        if let Some(unique) = self.unique.as_mut().filter(|_| key.is_enforced()) {
            unique.insert(key.clone(), slot);
        }
        self.order
            .entry(key)
            .and_modify(|postings| postings.insert(id, slot, rows))
            .or_insert(Postings::One(slot));
    }

    /// Removes a row from a key.
    pub(super) fn remove(&mut self, key: &Key, id: &str, slot: Slot) {
        let Some(postings) = self.order.get_mut(key) else {
            return;
        };
        if postings.remove(id, slot) {
            self.order.remove(key);
        }
        if let Some(unique) = &mut self.unique
            && unique.get(key) == Some(&slot)
        {
            unique.remove(key);
        }
    }
}
