//! Records as they were saved, with the fields that live at run time only.
//!
//! Owns [`Live`]. A row holds a record's JSON; what `#[serde(skip)]` leaves out of it is in no row. A
//! store in memory gives back the very record that was saved, and so does this one, for types that
//! say they have such fields: as long as the row still holds what was saved with it. [`Seen`] is how
//! they look to whoever reads: to a transaction that is under way, or to everybody else.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use xxhash_rust::xxh3::xxh3_128;

/// A record, and the hash of its JSON.
type Saved<T> = (u128, Arc<T>);

/// What was saved under one id.
struct Versions<T> {
    /// What readers see until the commit that is under way, and from it on.
    now: Option<Saved<T>>,
    next: Next<T>,
    /// Whether the closure of a transaction is still running, so that `next` may never be: a row
    /// that has the same JSON before and after must not show it.
    is_hidden: bool,
}

/// What the commit that is under way does to one id.
enum Next<T> {
    Nothing,
    Removes,
    Saves(Saved<T>),
}

/// The records of a collection that were saved since it was opened.
pub(crate) struct Live<T> {
    /// Nothing is kept for a type that its JSON says all about.
    wanted: bool,
    saved: RwLock<HashMap<Arc<str>, Versions<T>>>,
}

impl<T> Live<T> {
    pub(crate) fn new(wanted: bool) -> Self {
        Self {
            wanted,
            saved: RwLock::default(),
        }
    }

    /// Whether records have more than their JSON says.
    pub(crate) fn is_wanted(&self) -> bool {
        self.wanted
    }

    /// As everybody sees them who is not in the transaction that is under way.
    pub(crate) fn outside(&self) -> Seen<'_, T> {
        Seen {
            live: self,
            is_within: false,
        }
    }

    /// As the transaction sees them that is under way.
    pub(crate) fn within(&self) -> Seen<'_, T> {
        Seen {
            live: self,
            is_within: true,
        }
    }

    /// A commit is under way, after which this record is there, with its JSON; or none. What is
    /// hidden is shown to nobody outside before [`show`](Self::show).
    pub(crate) fn prepare(&self, id: &Arc<str>, next: Option<(&str, &Arc<T>)>, is_hidden: bool) {
        if !self.wanted {
            return;
        }
        let next = next.map_or(Next::Removes, |(doc, record)| {
            Next::Saves((xxh3_128(doc.as_bytes()), Arc::clone(record)))
        });
        let mut saved = self.saved.write();
        let versions = saved.entry(Arc::clone(id)).or_insert(Versions {
            now: None,
            next: Next::Nothing,
            is_hidden,
        });
        versions.next = next;
        versions.is_hidden = is_hidden;
    }

    /// The commit itself begins: whoever finds its rows has to find these records with them.
    pub(crate) fn show<'i>(&self, ids: impl Iterator<Item = &'i Arc<str>>) {
        if !self.wanted {
            return;
        }
        let mut saved = self.saved.write();
        for id in ids {
            if let Some(versions) = saved.get_mut(id) {
                versions.is_hidden = false;
            }
        }
    }

    /// The commit is done (or was not made): what was prepared for these ids is now, or never.
    pub(crate) fn settle<'i>(&self, ids: impl Iterator<Item = &'i Arc<str>>, committed: bool) {
        if !self.wanted {
            return;
        }
        let mut saved = self.saved.write();
        for id in ids {
            let Some(versions) = saved.get_mut(id) else {
                continue;
            };
            match std::mem::replace(&mut versions.next, Next::Nothing) {
                Next::Saves(saved) if committed => versions.now = Some(saved),
                Next::Removes if committed => versions.now = None,
                _ => {}
            }
            if versions.now.is_none() {
                saved.remove(id);
            }
        }
    }
}

/// The records that were saved, as somebody sees them.
pub(crate) struct Seen<'l, T> {
    live: &'l Live<T>,
    is_within: bool,
}

impl<T> Clone for Seen<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Seen<'_, T> {}

impl<T> Seen<'_, T> {
    /// Whether records have more than their JSON says.
    pub(crate) fn is_wanted(self) -> bool {
        self.live.wanted
    }

    /// The record that was saved as this row.
    pub(crate) fn get(self, id: &str, doc: &str) -> Option<Arc<T>> {
        if !self.live.wanted {
            return None;
        }
        let saved = self.live.saved.read();
        let versions = saved.get(id)?;
        let hash = xxh3_128(doc.as_bytes());
        let next = match &versions.next {
            Next::Saves(saved) if self.is_within || !versions.is_hidden => Some(saved),
            Next::Saves(_) | Next::Nothing | Next::Removes => None,
        };
        next.into_iter()
            .chain(&versions.now)
            .find(|(of, _)| *of == hash)
            .map(|(_, record)| Arc::clone(record))
    }
}
