//! A repository around another, with one thing wrong.
//!
//! Owns [`FaultyRepository`]. Without a fault everything is handed on as it is.

use std::collections::BTreeMap;
use std::sync::Arc;

use larder_core::{
    Condition, Cursor, Data, ErrorKind, Expect, Op, Order, Outcome, Query, Repository, Result,
    Target, Test, Write,
};
use larder_testkit::Double;
use parking_lot::Mutex;

use super::{Fault, Shared};

pub(super) struct FaultyRepository<T> {
    pub(super) inner: Arc<dyn Repository<T>>,
    shared: Arc<Shared>,
    /// What was read, by id.
    read: Mutex<BTreeMap<String, Option<Arc<T>>>>,
    /// What an index does not find.
    forgotten: Mutex<Vec<Arc<T>>>,
}

impl<T> std::fmt::Debug for FaultyRepository<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FaultyRepository").finish_non_exhaustive()
    }
}

/// The same record again, as far as JSON goes.
fn copy<T: Data>(record: &T) -> T {
    let value = serde_json::to_value(record).expect("a record is JSON");
    serde_json::from_value(value).expect("and comes back")
}

fn copies<T: Data>(ops: &[Op<T>]) -> Vec<Op<T>> {
    let copied = ops.iter().map(|op| match op {
        Op::Put { record, expect } => Op::Put {
            record: copy(record),
            expect: expect.clone(),
        },
        Op::Delete { id, expect } => Op::Delete {
            id: id.clone(),
            expect: expect.clone(),
        },
        _ => Op::Clear,
    });
    copied.collect()
}

fn id_of<T: Data>(record: &T) -> String {
    let value = serde_json::to_value(record).expect("a record is JSON");
    value["id"].as_str().unwrap_or_default().to_owned()
}

impl<T: Data> FaultyRepository<T> {
    pub(super) fn new(inner: Arc<dyn Repository<T>>, shared: Arc<Shared>) -> Self {
        Self {
            inner,
            shared,
            read: Mutex::default(),
            forgotten: Mutex::default(),
        }
    }

    /// The one key of a query's order, if it has one and goes down.
    fn down(query: &Query<T>) -> Option<Target<T>> {
        match query.order() {
            [order] if order.is_descending() && query.max().is_none() => {
                Some(order.target().clone())
            }
            _ => None,
        }
    }

    fn one_by_one(&self, ops: Vec<Op<T>>) -> Result<Write<Vec<Outcome<T>>>> {
        let mut outcomes = Vec::new();
        for op in ops {
            outcomes.extend(self.inner.apply(vec![op])?.into_visible()?);
        }
        Ok(Write::done(outcomes))
    }

    /// Without the one that is refused for its key, if there are others.
    fn without_twins(&self, ops: Vec<Op<T>>) -> Result<Write<Vec<Outcome<T>>>> {
        let mut others = copies(&ops);
        let several = ops.len() > 1;
        self.inner.apply(ops).or_else(|error| {
            if !several || error.kind() != ErrorKind::UniqueViolation {
                return Err(error);
            }
            others.retain(
                |op| !matches!(op, Op::Put { record, .. } if error.id() == Some(&id_of(record))),
            );
            self.inner.apply(others)
        })
    }

    /// With other expectations.
    fn expecting(
        &self,
        ops: Vec<Op<T>>,
        change: impl Fn(Expect<T>) -> Expect<T>,
    ) -> Result<Write<Vec<Outcome<T>>>> {
        let ops = ops.into_iter().map(|op| match op {
            Op::Put { record, expect } => Op::Put {
                record,
                expect: change(expect),
            },
            other => other,
        });
        self.inner.apply(ops.collect())
    }

    /// What these would do if nothing stood in their way.
    fn pretend(&self, ops: &[Op<T>]) -> Vec<Outcome<T>> {
        let outcomes = ops.iter().filter_map(|op| match op {
            Op::Put { record, .. } => {
                let id = id_of(record);
                Some(Outcome {
                    before: self.inner.get(&id).ok()?,
                    id: id.into(),
                    after: Some(Arc::new(copy(record))),
                })
            }
            Op::Delete { id, .. } => Some(Outcome {
                before: self.inner.get(id).ok()?,
                id: id.as_str().into(),
                after: None,
            }),
            _ => None,
        });
        outcomes.collect()
    }
}

impl<T: Data> Double<T> for FaultyRepository<T> {
    fn inner(&self) -> &dyn Repository<T> {
        &*self.inner
    }

    fn get(&self, id: &str) -> Result<Option<Arc<T>>> {
        if !self.shared.has(Fault::RemembersReads) {
            return self.inner.get(id);
        }
        let mut read = self.read.lock();
        if let Some(known) = read.get(id) {
            return Ok(known.clone());
        }
        let found = self.inner.get(id)?;
        read.insert(id.to_owned(), found.clone());
        Ok(found)
    }

    fn query(&self, query: &Query<T>) -> Result<Vec<Arc<T>>> {
        match (self.shared.fault, Self::down(query), query.max()) {
            (Some(Fault::ReversesEqualKeys), Some(target), _) => {
                let up = Query::all().order_by(Order::new(target, false));
                let mut found = self.inner.query(&query.clone().and(up))?;
                found.reverse();
                Ok(found)
            }
            (Some(Fault::LimitIsOneOff), _, Some(limit)) => self
                .inner
                .query(&query.clone().limit(limit.saturating_add(1))),
            (Some(Fault::ForgetsAnIndexOnUpdate), _, _) => {
                let mut found = self.inner.query(query)?;
                let by_index =
                    |condition: &Condition<T>| matches!(condition.target(), Target::Index(_));
                if query.conditions().iter().any(by_index) {
                    let forgotten = self.forgotten.lock();
                    found.retain(|record| !forgotten.iter().any(|it| Arc::ptr_eq(it, record)));
                }
                Ok(found)
            }
            _ => self.inner.query(query),
        }
    }

    fn count_matching(&self, query: &Query<T>) -> Result<u64> {
        if self.shared.has(Fault::CountsEntries)
            && let [condition] = query.conditions()
            && let Test::AnyOf(keys) = condition.test()
        {
            let counts = keys.iter().map(|key| {
                let test = Test::Is(key.clone());
                let one = Condition::new(condition.target().clone(), test);
                self.inner.count_matching(&one.into())
            });
            return counts.sum();
        }
        self.inner.count_matching(query)
    }

    fn cursor_after(&self, query: &Query<T>, record: &T) -> Result<Cursor> {
        if self.shared.has(Fault::CursorRepeatsARecord) {
            let mut found = self.inner.query(&query.clone().limit(usize::MAX))?;
            let place = found.iter().position(|it| id_of(&**it) == id_of(record));
            if let Some(before) = place.and_then(|place| place.checked_sub(1)) {
                let before = found.swap_remove(before);
                return self.inner.cursor_after(query, &before);
            }
        }
        self.inner.cursor_after(query, record)
    }

    fn apply(&self, ops: Vec<Op<T>>) -> Result<Write<Vec<Outcome<T>>>> {
        self.shared.check_writable()?;
        let name = self.inner.collection().name().to_owned();
        match self.shared.fault {
            Some(Fault::MutatesBeforeItChecks) => self.one_by_one(ops),
            Some(Fault::LeavesTwinsOut) => self.without_twins(ops),
            Some(Fault::InsertOverwrites) => self.expecting(ops, |expect| match expect {
                Expect::Absent => Expect::Any,
                other => other,
            }),
            Some(Fault::ReplaceComparesNothing) => self.expecting(ops, |expect| match expect {
                Expect::Equal(_) => Expect::Any,
                other => other,
            }),
            Some(Fault::LosesWritesBeside) => {
                let outcomes = self.pretend(&ops);
                self.inner.apply(ops).or_else(|error| match error.kind() {
                    ErrorKind::NestedTransaction => Ok(Write::done(outcomes)),
                    _ => Err(error),
                })
            }
            Some(Fault::ForgetsAnIndexOnUpdate) => {
                let outcomes = self.inner.apply(ops)?.into_visible()?;
                let updated = outcomes.iter().filter(|outcome| outcome.before.is_some());
                let updated = updated.filter_map(|outcome| outcome.after.clone());
                self.forgotten.lock().extend(updated);
                Ok(Write::done(outcomes))
            }
            Some(Fault::TellsTooEarly) => {
                for outcome in self.pretend(&ops) {
                    self.shared.tell_early(&name, &outcome);
                }
                let done = self.inner.apply(ops);
                self.shared.tell();
                done
            }
            _ => {
                let done = self.inner.apply(ops);
                self.shared.tell();
                done
            }
        }
    }
}
