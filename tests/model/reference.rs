//! The reference: a map of records and linear scans, written from the documentation.
//!
//! Owns [`Reference`], what a store should answer, and [`Refused`], why it should refuse. It has no
//! indexes, so it cannot forget an entry of one.

use std::collections::{BTreeMap, BTreeSet};

use larder::ErrorKind;
use serde_json::Value;

use crate::keys::K;
use crate::query::{Ask, Test};
use crate::rec::{MAX_TAGS, REFUSED_RANK, Rec};

/// What a query or an order is about.
#[derive(Debug)]
pub struct Target {
    /// The name of the index, or the path for a field without one.
    pub name: &'static str,
    pub paths: &'static [&'static str],
    pub multi: bool,
    pub indexed: bool,
    pub unique: bool,
}

const fn target(
    name: &'static str,
    paths: &'static [&'static str],
    [multi, indexed, unique]: [bool; 3],
) -> Target {
    Target {
        name,
        paths,
        multi,
        indexed,
        unique,
    }
}

pub const SLUG: usize = 0;
pub const LABEL: usize = 1;
pub const RANK: usize = 2;
pub const RATIO: usize = 3;
pub const IS_OPEN: usize = 4;
pub const TAGS: usize = 5;
pub const STAGE_LABEL: usize = 6;
pub const RANK_CODE: usize = 7;
pub const STAGE: usize = 8;
pub const BIG: usize = 9;
pub const WEIGHT: usize = 10;
pub const NOTES: usize = 11;
pub const DEPTH: usize = 12;
pub const ID: usize = 13;

/// The indexes, in the order of the collection, then fields without one.
pub static TARGETS: [Target; 14] = [
    target("slug", &["/slug"], [false, true, true]),
    target("label", &["/label"], [false, true, false]),
    target("rank", &["/rank"], [false, true, false]),
    target("ratio", &["/ratio"], [false, true, false]),
    target("isOpen", &["/isOpen"], [false, true, false]),
    target("tags", &["/tags"], [true, true, false]),
    target("stage+label", &["/stage", "/label"], [false, true, false]),
    target("rank+code", &["/rank", "/code"], [false, true, true]),
    target("/stage", &["/stage"], [false, false, false]),
    target("/big", &["/big"], [false, false, false]),
    target("/weight", &["/weight"], [false, false, false]),
    target("/notes", &["/notes"], [true, false, false]),
    target("/meta/depth", &["/meta/depth"], [false, false, false]),
    target("/id", &["/id"], [false, false, false]),
];

/// Why an operation is refused.
#[derive(Debug)]
pub struct Refused {
    /// The kinds that are right: a record may be wrong in several ways at once, and which of them
    /// is told first is nowhere promised. What the *record* is refused for comes before what is
    /// there already.
    pub kinds: Vec<ErrorKind>,
    pub current: Option<Rec>,
    pub index: Option<&'static str>,
}

fn refuse(kind: ErrorKind, current: Option<&Rec>) -> Refused {
    Refused {
        kinds: vec![kind],
        current: current.cloned(),
        index: None,
    }
}

/// What must be there.
#[derive(Clone, Debug)]
pub enum Expected {
    Any,
    Absent,
    Equal(Rec),
}

/// One operation.
#[derive(Clone, Debug)]
pub enum Step {
    Put(Rec, Expected),
    Delete(String, Expected),
    Clear,
}

/// What an operation did: id, before, after.
pub type Done = (String, Option<Rec>, Option<Rec>);

/// The records, by id.
#[derive(Clone, Debug, Default)]
pub struct Reference {
    records: BTreeMap<String, Kept>,
}

/// A record with its JSON and its keys under every target.
#[derive(Clone, Debug)]
struct Kept {
    rec: Rec,
    json: Value,
    keys: Vec<Vec<K>>,
}

impl Kept {
    fn new(rec: &Rec) -> Self {
        let json = rec.json();
        let keys = TARGETS
            .iter()
            .map(|it| K::read(&json, it.paths, it.multi))
            .collect();
        Self {
            rec: rec.clone(),
            json,
            keys,
        }
    }
}

impl Reference {
    pub fn get(&self, id: &str) -> Option<&Rec> {
        self.records.get(id).map(|kept| &kept.rec)
    }

    pub fn records(&self) -> impl ExactSizeIterator<Item = &Rec> {
        self.records.values().map(|kept| &kept.rec)
    }

    /// The keys under a target, each once.
    pub fn keys(&self, target: usize) -> BTreeSet<&K> {
        self.records
            .values()
            .flat_map(|kept| &kept.keys[target])
            .collect()
    }

    /// What a restart forgets.
    pub fn restart(&mut self) {
        for kept in self.records.values_mut() {
            kept.rec.live = false;
        }
    }

    /// All of these or none.
    pub fn apply(&mut self, steps: &[Step]) -> Result<Vec<Done>, Refused> {
        let mut next = self.clone();
        let mut done = Vec::new();
        for step in steps {
            next.step(step, &mut done)?;
        }
        *self = next;
        Ok(done)
    }

    fn step(&mut self, step: &Step, done: &mut Vec<Done>) -> Result<(), Refused> {
        match step {
            Step::Put(rec, expected) => {
                admit(rec, expected)?;
                self.expect(&rec.id, expected)?;
                let kept = Kept::new(rec);
                self.unique(&kept)?;
                let before = self.records.insert(rec.id.clone(), kept);
                done.push((
                    rec.id.clone(),
                    before.map(|kept| kept.rec),
                    Some(rec.clone()),
                ));
            }
            Step::Delete(id, expected) => {
                if !is_id(id) {
                    return Err(refuse(ErrorKind::InvalidId, None));
                }
                self.expect(id, expected)?;
                let before = self.records.remove(id);
                done.push((id.clone(), before.map(|kept| kept.rec), None));
            }
            Step::Clear => {
                let all = std::mem::take(&mut self.records);
                done.extend(all.into_iter().map(|(id, kept)| (id, Some(kept.rec), None)));
            }
        }
        Ok(())
    }

    fn expect(&self, id: &str, expected: &Expected) -> Result<(), Refused> {
        let now = self.get(id);
        match expected {
            Expected::Any => Ok(()),
            Expected::Absent if now.is_none() => Ok(()),
            Expected::Absent => Err(refuse(ErrorKind::AlreadyExists, now)),
            Expected::Equal(read) if now.is_some_and(|now| now.text() == read.text()) => Ok(()),
            Expected::Equal(_) => Err(refuse(ErrorKind::Conflict, now)),
        }
    }

    fn unique(&self, new: &Kept) -> Result<(), Refused> {
        for (position, target) in TARGETS.iter().enumerate().filter(|(_, it)| it.unique) {
            let keys = &new.keys[position];
            let other = self
                .records
                .values()
                .filter(|other| other.rec.id != new.rec.id && keys[0].is_enforced())
                .find(|other| other.keys[position] == *keys);
            if let Some(other) = other {
                let refused = refuse(ErrorKind::UniqueViolation, Some(&other.rec));
                return Err(Refused {
                    index: Some(target.name),
                    ..refused
                });
            }
        }
        Ok(())
    }

    /// The records that a query finds, in its order, from after a record on.
    pub fn find(&self, ask: &Ask, after: Option<&Rec>) -> Vec<Rec> {
        let after = after.map(Kept::new);
        let mut found: Vec<&Kept> = self
            .records
            .values()
            .filter(|kept| {
                ask.conditions
                    .iter()
                    .all(|it| kept.keys[it.target].iter().any(|key| holds(&it.test, key)))
                    && ask.filter.is_none_or(|filter| filter.holds(&kept.json))
                    && after
                        .as_ref()
                        .is_none_or(|after| compare(ask, after, kept).is_lt())
            })
            .collect();
        found.sort_by(|a, b| compare(ask, a, b));
        let limit = ask.limit.unwrap_or(usize::MAX);
        found
            .into_iter()
            .take(limit)
            .map(|kept| kept.rec.clone())
            .collect()
    }
}

/// The order of a query; the id decides between equal keys, ascending whatever the direction.
fn compare(ask: &Ask, a: &Kept, b: &Kept) -> std::cmp::Ordering {
    for order in &ask.order {
        let (a, b) = (&a.keys[order.target], &b.keys[order.target]);
        let ordering = if order.descending { b.cmp(a) } else { a.cmp(b) };
        if ordering.is_ne() {
            return ordering;
        }
    }
    a.rec.id.as_bytes().cmp(b.rec.id.as_bytes())
}

fn holds(test: &Test, key: &K) -> bool {
    use std::ops::Bound::{Excluded, Included, Unbounded};
    match test {
        Test::Is(wanted) => key == wanted,
        Test::AnyOf(wanted) => wanted.iter().any(|wanted| wanted == key),
        Test::IsNone => key.is_none(),
        Test::StartsWith(prefix) => {
            matches!(key, K::Text(text) if text.as_bytes().starts_with(prefix.as_bytes()))
        }
        Test::Leading(wanted) => match key {
            K::Comp(parts) => {
                wanted.len() <= parts.len() && parts.iter().zip(wanted).all(|(a, b)| a == b)
            }
            _ => false,
        },
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

fn is_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= 1024 && !id.contains('\0')
}

/// What is wrong with a record whatever else is there.
fn admit(rec: &Rec, expected: &Expected) -> Result<(), Refused> {
    let changed = matches!(expected, Expected::Equal(read) if read.id != rec.id);
    let finite = rec.ratio.is_finite() && rec.weight.is_none_or(f64::is_finite);
    let valid = rec.tags.len() <= MAX_TAGS && rec.rank != REFUSED_RANK;
    let kinds: Vec<ErrorKind> = [
        (changed || !is_id(&rec.id), ErrorKind::InvalidId),
        (!finite, ErrorKind::Encode),
        (!valid, ErrorKind::Invalid),
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
