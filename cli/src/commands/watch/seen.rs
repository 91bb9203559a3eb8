//! What was seen of a store, and what is another now.
//!
//! Owns [`Seen`], which keeps of each record its id and a hash of its text, and the text only if it is
//! asked for; and [`Stage`], one collection as it is now, compared and not yet accepted.

use std::collections::BTreeMap;
use std::sync::Arc;

use larder::Document;
use serde::Serialize;
use xxhash_rust::xxh3::xxh3_64;

/// One collection as it was seen.
type Known = BTreeMap<Arc<str>, Entry>;

/// One record as it was seen.
#[derive(Clone, Debug)]
struct Entry {
    hash: u64,
    record: Option<Arc<Document>>,
}

/// What happened to a record between two looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Inserted,
    Updated,
    Deleted,
}

/// A record that is another than it was.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) id: Arc<str>,
    pub(super) kind: Kind,
    /// Only where records are kept.
    pub(super) before: Option<Arc<Document>>,
    pub(super) after: Option<Arc<Document>>,
}

/// All collections as they were seen.
#[derive(Debug)]
pub(super) struct Seen {
    collections: BTreeMap<String, Known>,
    /// Whether the records are kept, and not only their hashes.
    keeps: bool,
}

impl Seen {
    pub(super) fn new(keeps: bool) -> Self {
        Self {
            collections: BTreeMap::new(),
            keeps,
        }
    }

    /// How many records were seen, and in how many collections.
    pub(super) fn counts(&self) -> (usize, usize) {
        let records = self.collections.values().map(BTreeMap::len).sum();
        (records, self.collections.len())
    }

    pub(super) fn collections(&self) -> impl Iterator<Item = &String> {
        self.collections.keys()
    }

    /// Begins to compare a collection.
    pub(super) fn stage(&self, collection: &str) -> Stage<'_> {
        Stage {
            before: self.collections.get(collection),
            keeps: self.keeps,
            now: Known::new(),
            changes: Vec::new(),
        }
    }

    /// From now on this is what was seen of a collection.
    pub(super) fn accept(&mut self, collection: String, now: Now) {
        self.collections.insert(collection, now.0);
    }

    /// From now on there is no such collection.
    pub(super) fn forget(&mut self, collection: &str) {
        self.collections.remove(collection);
    }
}

/// A collection that was read to its end.
#[derive(Debug)]
pub(super) struct Now(Known);

/// A collection that is being read, and compared with what was seen of it.
#[derive(Debug)]
pub(super) struct Stage<'s> {
    before: Option<&'s Known>,
    keeps: bool,
    now: Known,
    changes: Vec<Change>,
}

impl Stage<'_> {
    /// Takes a record, and gives the change if it is one.
    pub(super) fn take(&mut self, id: &str, record: Arc<Document>) -> Option<Change> {
        let hash = xxh3_64(record.text().as_bytes());
        let known = self.before.and_then(|before| before.get_key_value(id));
        // Shared with what was seen, so that both together take little more room than one.
        let id: Arc<str> = known.map_or_else(|| id.into(), |(id, _)| Arc::clone(id));
        let entry = match known {
            Some((_, entry)) if entry.hash == hash => entry.clone(),
            _ => Entry {
                hash,
                record: self.keeps.then(|| Arc::clone(&record)),
            },
        };
        self.now.insert(Arc::clone(&id), entry);
        let (kind, before) = match known {
            Some((_, entry)) if entry.hash == hash => return None,
            Some((_, entry)) => (Kind::Updated, entry.record.clone()),
            None => (Kind::Inserted, None),
        };
        Some(Change {
            id,
            kind,
            before,
            after: Some(record),
        })
    }

    /// Takes a record, and keeps the change for the end.
    pub(super) fn keep(&mut self, id: &str, record: Arc<Document>) {
        let change = self.take(id, record);
        self.changes.extend(change);
    }

    /// All records were taken: what is there now, and all changes in the order of the ids.
    pub(super) fn finish(mut self) -> (Now, Vec<Change>) {
        let gone = self
            .before
            .into_iter()
            .flatten()
            .filter(|(id, _)| !self.now.contains_key(*id))
            .map(|(id, entry)| Change {
                id: Arc::clone(id),
                kind: Kind::Deleted,
                before: entry.record.clone(),
                after: None,
            });
        self.changes.extend(gone);
        self.changes.sort_by(|a, b| a.id.cmp(&b.id));
        (Now(self.now), self.changes)
    }
}

#[cfg(test)]
#[path = "seen_tests.rs"]
mod tests;
