//! Filling a collection with what a load admitted.
//!
//! Owns [`Loader`]: which record stays when two have one id or one unique key. It does not read
//! files and does not write issues; it says who lost, and the backend knows where that one stood.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as MapEntry;
use std::sync::Arc;

use parking_lot::RwLock;

use super::Table;
use super::state::State;
use crate::admission::{Admission, Admitted, Rejection};
use crate::issue::IssueKind;
use crate::journal::Journal;
use crate::record::Data;
use crate::report::LoadReport;

/// Records on their way into a collection. `O` says where a record came from.
#[derive(Debug)]
pub struct Loader<T, O> {
    admission: Arc<Admission<T>>,
    rows: BTreeMap<Arc<str>, (Admitted<T>, O)>,
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
        Self {
            admission,
            rows: BTreeMap::new(),
            losers: Vec::new(),
        }
    }

    /// Checks a text and takes in its record. Of two with one id the later stays.
    ///
    /// # Errors
    ///
    /// Why the text is not a record of the collection.
    pub fn add(&mut self, text: &str, origin: O) -> Result<Arc<str>, Rejection> {
        let admitted = self.admission.read(text)?;
        let id = Arc::clone(&admitted.id);
        match self.rows.entry(Arc::clone(&id)) {
            MapEntry::Vacant(place) => {
                place.insert((admitted, origin));
            }
            MapEntry::Occupied(mut place) => {
                let (_, origin) = place.insert((admitted, origin));
                self.losers.push(Loser {
                    id: Arc::clone(&id),
                    origin,
                    kind: IssueKind::DuplicateId,
                    winner: None,
                });
            }
        }
        Ok(id)
    }

    /// Builds rows and indexes. Of two records with one unique key the one with the smaller id
    /// stays.
    #[must_use]
    pub fn finish(self) -> Loaded<T, O> {
        let Self {
            admission,
            rows,
            mut losers,
        } = self;
        let mut state = State::new(admission.indexes().len());
        let mut kept = Vec::with_capacity(rows.len());
        for (id, (admitted, origin)) in rows {
            let holder = admission
                .indexes()
                .iter()
                .zip(&admitted.keys)
                .enumerate()
                .filter(|(_, (index, _))| index.is_unique())
                .find_map(|(position, (index, keys))| {
                    keys.iter()
                        .find_map(|key| state.unique_holder(position, key, &id))
                        .map(|row| (Arc::clone(&row.id), index.name().to_owned()))
                });
            if holder.is_some() {
                let kind = IssueKind::UniqueViolation;
                losers.push(Loser {
                    id,
                    origin,
                    kind,
                    winner: holder,
                });
                continue;
            }
            state.put(&id, admitted.record, admitted.keys, &[]);
            kept.push((id, origin));
        }
        Loaded {
            admission,
            state,
            kept,
            losers,
        }
    }
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
        }
    }
}
