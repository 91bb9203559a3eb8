//! Filling a collection with what a load admitted.
//!
//! Owns [`Loader`]: which record stays when two have one id or one unique key. It does not read
//! files and does not write issues; it says who lost, and the backend knows where that one stood.
//!
//! Everything is gathered in flat lists and sorted once, so that loading needs little memory beyond
//! what stays, and the maps are built full instead of by half-full splits.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::RwLock;

use super::Table;
use super::state::{NewRow, Row, Slot, State};
use crate::admission::{Admission, Admitted};
use crate::issue::IssueKind;
use crate::journal::Journal;
use crate::key::Key;
use crate::record::Data;
use crate::report::LoadReport;
use crate::side_by_side::side_by_side;

/// Records on their way into a collection. `O` says where a record came from.
#[derive(Debug)]
pub struct Loader<T, O> {
    admission: Arc<Admission<T>>,
    rows: Vec<(NewRow<T>, O)>,
    /// Per index: a key, and the place in `rows` of the one that has it.
    keys: Vec<Vec<(Key, usize)>>,
}

/// A record that had to give way to another.
#[derive(Debug)]
pub struct Loser<O> {
    /// Its id.
    pub id: Arc<str>,
    /// Where it came from.
    pub origin: O,
    /// [`IssueKind::DuplicateId`] or [`IssueKind::UniqueViolation`].
    pub kind: IssueKind,
    /// The id of the record that stays, and the index, for a unique violation.
    pub winner: Option<(Arc<str>, String)>,
}

impl<T: Data, O> Loader<T, O> {
    /// A loader for this collection.
    #[must_use]
    pub fn new(admission: Arc<Admission<T>>) -> Self {
        let keys = admission.indexes().iter().map(|_| Vec::new()).collect();
        Self {
            admission,
            rows: Vec::new(),
            keys,
        }
    }

    /// Makes room for so many records, so that taking them in copies none.
    pub fn reserve(&mut self, records: usize) {
        self.rows.reserve(records);
        for keys in &mut self.keys {
            keys.reserve(records);
        }
    }

    /// Takes in a record that was let through. Of two with one id the later stays.
    pub fn take(&mut self, admitted: Admitted<T>, origin: O) {
        let place = self.rows.len();
        for (into, keys) in self.keys.iter_mut().zip(admitted.keys) {
            into.extend(keys.into_iter().map(|key| (key, place)));
        }
        let row = NewRow {
            row: Row {
                id: admitted.id,
                record: admitted.record,
            },
            unknown: admitted.unknown.map(Arc::new),
        };
        self.rows.push((row, origin));
    }

    /// Builds rows and indexes. Of two records with one unique key the one with the smaller id
    /// stays.
    #[must_use]
    pub fn finish(self) -> Loaded<T, O> {
        let Self {
            admission,
            rows,
            mut keys,
        } = self;
        let mut losers = Vec::new();
        // From here on a row is named by its rank in id order. A file of ours is in that order already.
        let in_order =
            rows.is_sorted_by(|(a, _), (b, _)| a.row.id.as_bytes() < b.row.id.as_bytes());
        let rows = if in_order {
            rows
        } else {
            in_id_order(rows, &mut keys, &mut losers)
        };
        let keys = if rows.len() < MANY {
            keys.into_iter().map(sorted).collect()
        } else {
            side_by_side(keys, sorted)
        };

        let lost = unique_losers(&admission, &keys);
        let mut kept = Vec::with_capacity(rows.len());
        let mut slots = Vec::with_capacity(rows.len());
        let mut slot_of: Vec<Option<Slot>> = Vec::with_capacity(rows.len());
        let ids: BTreeMap<usize, Arc<str>> = lost
            .values()
            .filter_map(|(winner, _)| Some((*winner, Arc::clone(&rows.get(*winner)?.0.row.id))))
            .collect();
        for (rank, (row, origin)) in rows.into_iter().enumerate() {
            let id = Arc::clone(&row.row.id);
            if let Some((winner, index)) = lost.get(&rank) {
                let name = admission
                    .indexes()
                    .get(*index)
                    .map(|index| index.name().to_owned());
                let winner = ids.get(winner).cloned().zip(name);
                losers.push(Loser {
                    id,
                    origin,
                    kind: IssueKind::UniqueViolation,
                    winner,
                });
                slot_of.push(None);
            } else {
                slot_of.push(Slot::try_from(slots.len()).ok());
                slots.push(row);
                kept.push((id, origin));
            }
        }
        let slot_of = |rank: usize| slot_of.get(rank).copied().flatten();
        let indexes = admission.indexes().iter().zip(keys);
        let keys = indexes.map(|(index, entries)| {
            let entries = entries.into_iter();
            let entries = entries.filter_map(|(key, rank)| Some((key, slot_of(rank)?)));
            (index.is_unique(), entries)
        });
        let state = State::of_sorted(slots, keys.collect());
        Loaded {
            admission,
            state,
            kept,
            losers,
        }
    }
}

/// With fewer records, a load is done before a thread has started.
pub(super) const MANY: usize = 5_000;

fn sorted(mut entries: Vec<(Key, usize)>) -> Vec<(Key, usize)> {
    entries.sort_unstable();
    entries
}

/// Sorts rows by id, of one id the one that came last, and has the keys name them by their ranks.
fn in_id_order<T, O>(
    rows: Vec<(NewRow<T>, O)>,
    keys: &mut [Vec<(Key, usize)>],
    losers: &mut Vec<Loser<O>>,
) -> Vec<(NewRow<T>, O)> {
    let mut ranks: Vec<Option<usize>> = vec![None; rows.len()];
    let mut sorted: Vec<(usize, (NewRow<T>, O))> = rows.into_iter().enumerate().collect();
    sorted.sort_unstable_by(|(place, (a, _)), (other, (b, _))| {
        a.row
            .id
            .as_bytes()
            .cmp(b.row.id.as_bytes())
            .then(other.cmp(place))
    });
    let mut kept: Vec<(NewRow<T>, O)> = Vec::with_capacity(sorted.len());
    let mut twice = Vec::new();
    for (place, (row, origin)) in sorted {
        if kept
            .last()
            .is_some_and(|(last, _)| last.row.id == row.row.id)
        {
            twice.push((place, row.row.id, origin));
            continue;
        }
        if let Some(rank) = ranks.get_mut(place) {
            *rank = Some(kept.len());
        }
        kept.push((row, origin));
    }
    twice.sort_unstable_by_key(|(place, ..)| *place);
    losers.extend(twice.into_iter().map(|(_, id, origin)| Loser {
        id,
        origin,
        kind: IssueKind::DuplicateId,
        winner: None,
    }));
    for entries in keys {
        entries.retain_mut(|(_, place)| match ranks.get(*place).copied().flatten() {
            Some(rank) => {
                *place = rank;
                true
            }
            None => false,
        });
    }
    kept
}

/// The rows that have to give way, each with the row that stays and the index: in id order, every
/// row that has a key which a row that stays has already.
fn unique_losers<T: Data>(
    admission: &Admission<T>,
    keys: &[Vec<(Key, usize)>],
) -> BTreeMap<usize, (usize, usize)> {
    // Most files have no such keys, so only those that several rows have are looked at.
    let mut contested: BTreeMap<usize, Vec<(usize, &Key)>> = BTreeMap::new();
    for (index, entries) in keys.iter().enumerate() {
        if !admission
            .indexes()
            .get(index)
            .is_some_and(crate::IndexDef::is_unique)
        {
            continue;
        }
        for group in entries
            .chunk_by(|a, b| a.0 == b.0)
            .filter(|group| group.len() > 1)
        {
            for (key, rank) in group.iter().filter(|(key, _)| key.is_enforced()) {
                contested.entry(*rank).or_default().push((index, key));
            }
        }
    }
    let mut losers = BTreeMap::new();
    let mut holders: BTreeMap<(usize, &Key), usize> = BTreeMap::new();
    for (rank, keys) in &contested {
        let taken = keys
            .iter()
            .find_map(|key| holders.get(key).map(|holder| (*holder, key.0)));
        if let Some(taken) = taken {
            losers.insert(*rank, taken);
        } else {
            holders.extend(keys.iter().map(|key| (*key, *rank)));
        }
    }
    losers
}

/// A collection that was filled, before its report is written.
#[derive(Debug)]
pub struct Loaded<T, O> {
    admission: Arc<Admission<T>>,
    state: State<T>,
    /// The records that are in, in id order.
    pub kept: Vec<(Arc<str>, O)>,
    /// The records that gave way.
    pub losers: Vec<Loser<O>>,
}

impl<T: Data, O> Loaded<T, O> {
    /// The collection, with the report of its load.
    #[must_use]
    pub fn into_table(self, journal: Arc<Journal>, report: LoadReport) -> Table<T> {
        Table {
            name: self.admission.collection().name().into(),
            admission: self.admission,
            state: RwLock::new(self.state),
            journal,
            report: Arc::new(report),
            newer: None,
        }
    }
}
