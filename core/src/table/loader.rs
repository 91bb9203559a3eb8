//! Filling a collection with what a load admitted.
//!
//! Owns [`Loader`]: which record stays when two have one id or one unique key. It does not read
//! files and does not write issues; it says who lost, and the backend knows where that one stood.
//!
//! Everything is gathered in flat lists and sorted once, so that loading needs little memory beyond
//! what stays, and the maps are built full instead of by half-full splits.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use parking_lot::RwLock;

use super::Table;
use super::state::{Row, Slot, State};
use crate::admission::{Admission, Admitted};
use crate::issue::IssueKind;
use crate::journal::Journal;
use crate::key::Key;
use crate::record::Data;
use crate::report::LoadReport;

/// A record on its way, and its origin.
type Coming<T, O> = (Row<T>, O);

/// Records on their way into a collection. `O` says where a record came from.
#[derive(Debug)]
pub struct Loader<T, O> {
    admission: Arc<Admission<T>>,
    rows: Vec<Option<Coming<T, O>>>,
    /// Where a record with this id is in `rows`.
    places: HashMap<Arc<str>, usize>,
    /// Per index: a key, and the place of the row that has it.
    keys: Vec<Vec<(Key, usize)>>,
    losers: Vec<Loser<O>>,
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
        let (rows, places, losers) = (Vec::new(), HashMap::new(), Vec::new());
        Self {
            admission,
            rows,
            places,
            keys,
            losers,
        }
    }

    /// Takes in a record that was let through. Of two with one id the later stays.
    pub fn take(&mut self, admitted: Admitted<T>, origin: O) -> Arc<str> {
        let place = self.rows.len();
        if let Some(before) = self.places.insert(Arc::clone(&admitted.id), place)
            && let Some((row, origin)) = self.rows.get_mut(before).and_then(Option::take)
        {
            let kind = IssueKind::DuplicateId;
            self.losers.push(Loser {
                id: row.id,
                origin,
                kind,
                winner: None,
            });
        }
        for (into, keys) in self.keys.iter_mut().zip(admitted.keys) {
            into.extend(keys.into_iter().map(|key| (key, place)));
        }
        let row = Row {
            id: Arc::clone(&admitted.id),
            record: admitted.record,
            unknown: admitted.unknown.map(Arc::new),
        };
        self.rows.push(Some((row, origin)));
        admitted.id
    }

    /// Builds rows and indexes. Of two records with one unique key the one with the smaller id
    /// stays.
    #[must_use]
    pub fn finish(self) -> Loaded<T, O> {
        let Self {
            admission,
            rows,
            mut keys,
            mut losers,
            ..
        } = self;
        let mut ranks = vec![None; rows.len()];
        // From here on a row is named by its rank in id order.
        let mut by_id: Vec<(usize, Coming<T, O>)> = rows
            .into_iter()
            .enumerate()
            .filter_map(|(place, row)| Some((place, row?)))
            .collect();
        by_id.sort_unstable_by(|(_, a), (_, b)| a.0.id.as_bytes().cmp(b.0.id.as_bytes()));
        for (rank, (place, _)) in by_id.iter().enumerate() {
            if let Some(of_place) = ranks.get_mut(*place) {
                *of_place = Some(rank);
            }
        }
        for entries in &mut keys {
            entries.retain_mut(|(_, place)| match ranks.get(*place).copied().flatten() {
                Some(rank) => {
                    *place = rank;
                    true
                }
                None => false,
            });
            entries.sort_unstable();
        }
        drop(ranks);

        let lost = unique_losers(&admission, &keys);
        let mut kept = Vec::with_capacity(by_id.len());
        let mut slots = Vec::with_capacity(by_id.len());
        let mut slot_of: Vec<Option<Slot>> = Vec::with_capacity(by_id.len());
        let ids: BTreeMap<usize, Arc<str>> = lost
            .values()
            .filter_map(|(winner, _)| Some((*winner, Arc::clone(&by_id.get(*winner)?.1.0.id))))
            .collect();
        for (rank, (_, (row, origin))) in by_id.into_iter().enumerate() {
            let id = Arc::clone(&row.id);
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
        let keys = keys.into_iter().map(|entries| {
            entries
                .into_iter()
                .filter_map(|(key, rank)| Some((key, slot_of.get(rank).copied().flatten()?)))
        });
        let state = State::of_sorted(slots, keys);
        Loaded {
            admission,
            state,
            kept,
            losers,
        }
    }
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
