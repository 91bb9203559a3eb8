//! How much is kept: the newest records, or the young ones.
//!
//! Owns [`Retention`] and what it leaves to go. Removing that is `removal.rs`.

use std::fmt;
use std::ops::Bound;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::error::{Error, ErrorKind, Result};
use crate::query::{Condition, Order, Query, Target, Test};
use crate::record::Data;
use crate::time_field::{Millis, TimeField};

enum Rule<T> {
    Newest { keep: usize, by: Target<T> },
    Younger { field: TimeField<T>, than: Millis },
}

/// Which records are kept, among those of a query; the others go.
///
/// A record that holds nothing in the field that it is about is no matter of the rule: it stays, and
/// does not count. Without [`among`](Self::among) the rule is about all records of the collection.
///
/// ```
/// use larder_core::{Collection, Condition, Key, Target, Test};
/// use larder_core::{MemoryStore, Query, RepositoryExt, Retention};
/// use serde_json::{Value, json};
///
/// let store = MemoryStore::new();
/// let gates = store.collection(Collection::<Value>::named("gates").index("resolvedAt"))?;
/// for number in 0..5 {
///     let resolved = json!({"id": format!("g-{number}"), "status": "resolved", "resolvedAt": number});
///     gates.save(resolved)?.detach();
/// }
/// gates.save(json!({"id": "open", "status": "open"}))?.detach();
///
/// let resolved = Condition::new(Target::field("status"), Test::Is(Key::text("resolved")));
/// let newest = Retention::newest(3, "resolvedAt").among(resolved);
/// let plan = gates.plan_retention(&newest)?; // a dry run
/// assert_eq!((plan.len(), &plan[0]["id"]), (2, &json!("g-1")));
///
/// let removed = gates.retain(&newest)?.wait()?;
/// assert_eq!(removed, plan);
/// assert_eq!(gates.count(Query::all())?, 4);
/// # Ok::<(), larder_core::Error>(())
/// ```
pub struct Retention<T> {
    rule: Rule<T>,
    among: Query<T>,
}

impl<T> Clone for Retention<T> {
    fn clone(&self) -> Self {
        let rule = match &self.rule {
            Rule::Newest { keep, by } => Rule::Newest {
                keep: *keep,
                by: by.clone(),
            },
            Rule::Younger { field, than } => Rule::Younger {
                field: field.clone(),
                than: *than,
            },
        };
        Self {
            rule,
            among: self.among.clone(),
        }
    }
}

impl<T> fmt::Debug for Retention<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("Retention");
        match &self.rule {
            Rule::Newest { keep, by } => f.field("newest", keep).field("by", by),
            Rule::Younger { field, .. } => f.field("younger_by", field),
        };
        f.field("among", &self.among).finish()
    }
}

impl<T> Retention<T> {
    /// Keeps so many records, those with the largest keys in `by`: an index or a field, by its
    /// handle or its path. It need not be a time; numbers that count up are as good, and so is text
    /// that orders as the time does. Of equal keys the one whose id comes first, bytewise, is the
    /// newer.
    pub fn newest(keep: usize, by: impl Into<Target<T>>) -> Self {
        Self {
            rule: Rule::Newest {
                keep,
                by: by.into(),
            },
            among: Query::all(),
        }
    }

    /// Keeps the records that are younger than `age` at `now`, by the time in `field`. One that is
    /// exactly as old goes; one whose time is still to come stays.
    pub fn younger_than(now: SystemTime, age: Duration, field: impl Into<TimeField<T>>) -> Self {
        Self {
            rule: Rule::Younger {
                field: field.into(),
                than: Millis::before(now, age),
            },
            among: Query::all(),
        }
    }

    /// The rule is about the records of this query only; all others stay. If it is called again,
    /// about those of all the queries.
    ///
    /// The query says which records; one with an order, a limit or a cursor of its own is
    /// [`InvalidQuery`](ErrorKind::InvalidQuery) when the rule is used.
    #[must_use]
    pub fn among(mut self, query: impl Into<Query<T>>) -> Self {
        self.among = self.among.and(query);
        self
    }
}

impl<T: Data> Retention<T> {
    /// The records that go, of what `find` finds; one query, so they are those of one moment.
    pub(crate) fn outdated(
        &self,
        find: impl FnOnce(&Query<T>) -> Result<Vec<Arc<T>>>,
    ) -> Result<Vec<Arc<T>>> {
        let among = &self.among;
        if !among.order.is_empty() || among.limit.is_some() || among.after.is_some() {
            return Err(Error::new(
                ErrorKind::InvalidQuery,
                "a retention is among all records of a query: it has no order, limit or cursor",
            ));
        }
        match &self.rule {
            Rule::Newest { keep, by } => {
                // In this range is everything but none.
                let any = Test::Range(Bound::Unbounded, Bound::Unbounded);
                let query = Query::when(Condition::new(by.clone(), any))
                    .and(among.clone())
                    .order_by(Order::new(by.clone(), true));
                let mut found = find(&query)?;
                Ok(found.split_off((*keep).min(found.len())))
            }
            Rule::Younger { field, than } => find(&field.until(*than).and(among.clone())),
        }
    }
}
