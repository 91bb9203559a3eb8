//! The reference: three maps of JSON, and linear scans over them, written from the documentation.
//!
//! Owns [`Books`], what a store should answer, [`Refused`], why it should refuse, and [`Told`], what
//! those who listen should be told. To take a transaction back is to forget a copy.

use std::collections::BTreeMap;
use std::ops::Bound;

use larder::ErrorKind;
use serde_json::{Map, Value};

use crate::forms::{MAX_TAGS, REFUSED, Row, Which};
use crate::keys::K;

/// What a query or an order is about.
pub struct Target {
    /// The name of the index, or the path of a field without one.
    pub name: &'static str,
    pub path: &'static str,
    pub multi: bool,
    pub indexed: bool,
    pub unique: bool,
}

const fn target(
    name: &'static str,
    path: &'static str,
    [multi, indexed, unique]: [bool; 3],
) -> Target {
    Target {
        name,
        path,
        multi,
        indexed,
        unique,
    }
}

/// Two of each collection.
pub static TARGETS: [[Target; 2]; 3] = [
    [
        target("owner", "/owner", [false, true, true]),
        target("n", "/n", [false, true, false]),
    ],
    [
        target("tags", "/tags", [true, true, false]),
        target("n", "/n", [false, true, false]),
    ],
    [
        target("value", "/value", [false, true, false]),
        target("/n", "/n", [false, false, false]),
    ],
];

/// What must hold for a key.
#[derive(Clone, Debug)]
pub enum Test {
    Is(K),
    AnyOf(Vec<K>),
    Range(Bound<K>, Bound<K>),
    StartsWith(&'static str),
    IsNone,
}

/// A query on one collection.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// By the position of a target.
    pub conditions: Vec<(usize, Test)>,
    /// A condition in code: an even `n`.
    pub even: bool,
    /// By the position of a target that is no list, and whether descending.
    pub order: Option<(usize, bool)>,
    /// From after the record with this id on.
    pub after: Option<&'static str>,
    pub limit: Option<usize>,
}

/// A record, as JSON and with its run-time field.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    pub json: Value,
    pub live: bool,
}

impl Kept {
    pub fn id(&self) -> &str {
        self.json["id"].as_str().unwrap()
    }

    fn keys(&self, target: &Target) -> Vec<K> {
        K::read(&self.json, &[target.path], target.multi)
    }
}

/// What must be there.
#[derive(Clone, Debug)]
pub enum Expected {
    Any,
    Absent,
    Equal(Kept),
}

/// One operation.
#[derive(Clone, Debug)]
pub enum Step {
    Put(Row, Expected),
    Delete(String, Expected),
    Clear,
}

/// One change of one record.
#[derive(Clone, Debug)]
pub struct Told {
    pub which: Which,
    pub id: String,
    pub before: Option<Kept>,
    pub after: Option<Kept>,
}

/// Why an operation is refused.
#[derive(Debug)]
pub struct Refused {
    /// The kinds that are right: which of several faults of a record is told first is nowhere
    /// promised.
    pub kinds: Vec<ErrorKind>,
    pub current: Option<Kept>,
    pub index: Option<&'static str>,
}

fn refuse(kind: ErrorKind, current: Option<&Kept>) -> Refused {
    Refused {
        kinds: vec![kind],
        current: current.cloned(),
        index: None,
    }
}

/// One collection.
#[derive(Clone, Debug)]
pub struct Book {
    pub which: Which,
    records: BTreeMap<String, Kept>,
}

/// All of them.
#[derive(Clone, Debug)]
pub struct Books([Book; 3]);

impl Default for Books {
    fn default() -> Self {
        Self(Which::ALL.map(|which| Book {
            which,
            records: BTreeMap::new(),
        }))
    }
}

impl Books {
    pub fn of(&self, which: Which) -> &Book {
        &self.0[which as usize]
    }

    pub fn of_mut(&mut self, which: Which) -> &mut Book {
        &mut self.0[which as usize]
    }

    /// What a restart forgets.
    pub fn restart(&mut self) {
        for kept in self.0.iter_mut().flat_map(|book| book.records.values_mut()) {
            kept.live = false;
        }
    }
}

impl Book {
    /// The record that a row is here.
    pub fn kept(&self, row: &Row) -> Kept {
        let mut json = Map::new();
        json.insert("id".into(), row.id.as_str().into());
        match self.which {
            Which::Accounts => json.insert("owner".into(), row.owner.into()),
            Which::Posts => json.insert("tags".into(), row.tags.clone().into()),
            Which::Notes => json.insert("value".into(), row.value.clone()),
        };
        json.insert("n".into(), row.n.into());
        Kept {
            json: json.into(),
            live: row.live && self.which == Which::Accounts,
        }
    }

    pub fn get(&self, id: &str) -> Option<&Kept> {
        self.records.get(id)
    }

    pub fn all(&self) -> Vec<Kept> {
        self.records.values().cloned().collect()
    }

    pub fn targets(&self) -> &'static [Target; 2] {
        &TARGETS[self.which as usize]
    }

    /// All of these or none, and what of it is told.
    pub fn apply(&mut self, steps: &[Step]) -> Result<Vec<Told>, Refused> {
        let mut next = self.clone();
        let mut told = Vec::new();
        for step in steps {
            next.step(step, &mut told)?;
        }
        *self = next;
        Ok(told)
    }

    fn step(&mut self, step: &Step, told: &mut Vec<Told>) -> Result<(), Refused> {
        let mut tell = |which, id: &str, before, after| {
            told.push(Told {
                which,
                id: id.to_owned(),
                before,
                after,
            });
        };
        match step {
            Step::Put(row, expected) => {
                self.admit(row, expected)?;
                self.expect(&row.id, expected)?;
                let kept = self.kept(row);
                self.unique(&kept)?;
                let before = self.records.insert(row.id.clone(), kept.clone());
                tell(self.which, &row.id, before, Some(kept));
            }
            Step::Delete(id, _) if !is_id(id) => return Err(refuse(ErrorKind::InvalidId, None)),
            Step::Delete(id, expected) => {
                self.expect(id, expected)?;
                // One that changes nothing has an outcome as well.
                let before = self.records.remove(id);
                tell(self.which, id, before, None);
            }
            Step::Clear => {
                for (id, before) in std::mem::take(&mut self.records) {
                    tell(self.which, &id, Some(before), None);
                }
            }
        }
        Ok(())
    }

    /// What is wrong with a record whatever else is there.
    fn admit(&self, row: &Row, expected: &Expected) -> Result<(), Refused> {
        let moved = matches!(expected, Expected::Equal(read) if read.id() != row.id);
        let (invalid, no_key) = match self.which {
            Which::Accounts => (row.n == REFUSED, false),
            Which::Posts => (row.tags.len() > MAX_TAGS, false),
            Which::Notes => (false, row.value.is_object()),
        };
        let kinds: Vec<ErrorKind> = [
            (moved || !is_id(&row.id), ErrorKind::InvalidId),
            (invalid, ErrorKind::Invalid),
            (no_key, ErrorKind::InvalidKey),
        ]
        .into_iter()
        .filter_map(|(wrong, kind)| wrong.then_some(kind))
        .collect();
        if kinds.is_empty() {
            return Ok(());
        }
        Err(Refused {
            kinds,
            current: None,
            index: None,
        })
    }

    fn expect(&self, id: &str, expected: &Expected) -> Result<(), Refused> {
        let now = self.get(id);
        match expected {
            Expected::Any => Ok(()),
            Expected::Absent if now.is_none() => Ok(()),
            Expected::Absent => Err(refuse(ErrorKind::AlreadyExists, now)),
            // Equal as JSON: 1 is not 1.0, and a run-time field is none of it.
            Expected::Equal(read) if now.is_some_and(|now| now.json == read.json) => Ok(()),
            Expected::Equal(_) => Err(refuse(ErrorKind::Conflict, now)),
        }
    }

    fn unique(&self, new: &Kept) -> Result<(), Refused> {
        for target in self.targets().iter().filter(|target| target.unique) {
            let keys = new.keys(target);
            let other = self.records.values().find(|other| {
                other.id() != new.id() && keys[0].is_enforced() && other.keys(target) == keys
            });
            if other.is_some() {
                return Err(Refused {
                    index: Some(target.name),
                    ..refuse(ErrorKind::UniqueViolation, other)
                });
            }
        }
        Ok(())
    }

    /// The keys under a target, each once.
    pub fn keys(&self, target: usize) -> Vec<K> {
        let target = &self.targets()[target];
        let mut keys: Vec<K> = self
            .records
            .values()
            .flat_map(|kept| kept.keys(target))
            .collect();
        keys.sort();
        keys.dedup();
        keys
    }

    /// The records that a query finds, in its order.
    pub fn find(&self, ask: &Ask) -> Vec<Kept> {
        let after = ask.after.and_then(|id| self.get(id));
        let passes = |kept: &&Kept| {
            ask.conditions.iter().all(|(target, test)| {
                let keys = kept.keys(&self.targets()[*target]);
                keys.iter().any(|key| holds(test, key))
            }) && (!ask.even || kept.json["n"].as_i64().unwrap() % 2 == 0)
                && after.is_none_or(|after| self.compare(ask, after, kept).is_lt())
        };
        let mut found: Vec<&Kept> = self.records.values().filter(passes).collect();
        found.sort_by(|a, b| self.compare(ask, a, b));
        found.truncate(ask.limit.unwrap_or(usize::MAX));
        found.into_iter().cloned().collect()
    }

    /// The order of a query; the id decides between equal keys, ascending whatever the direction.
    fn compare(&self, ask: &Ask, a: &Kept, b: &Kept) -> std::cmp::Ordering {
        let by_key = ask
            .order
            .map_or(std::cmp::Ordering::Equal, |(target, down)| {
                let target = &self.targets()[target];
                let ordering = a.keys(target).cmp(&b.keys(target));
                if down { ordering.reverse() } else { ordering }
            });
        by_key.then_with(|| a.id().as_bytes().cmp(b.id().as_bytes()))
    }
}

fn is_id(id: &str) -> bool {
    !id.is_empty()
}

fn holds(test: &Test, key: &K) -> bool {
    use std::ops::Bound::{Excluded, Included, Unbounded};
    match test {
        Test::Is(wanted) => key == wanted,
        Test::AnyOf(wanted) => wanted.contains(key),
        Test::IsNone => key.is_none(),
        Test::StartsWith(prefix) => matches!(key, K::Text(text) if text.starts_with(prefix)),
        Test::Range(from, to) => {
            let from = match from {
                Included(from) => from.kind() == key.kind() && from <= key,
                Excluded(from) => from.kind() == key.kind() && from < key,
                Unbounded => true,
            };
            let to = match to {
                Included(to) => to.kind() == key.kind() && key <= to,
                Excluded(to) => to.kind() == key.kind() && key < to,
                Unbounded => true,
            };
            from && to && !key.is_none()
        }
    }
}
