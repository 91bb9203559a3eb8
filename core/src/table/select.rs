//! Finding records: testing what an index leaves, ordering, cutting off.
//!
//! Owns [`select`], [`count`] and [`explain`]. Candidates are taken as shared pointers while the rows
//! are locked for reading; everything a user wrote runs after that. So a query sees one moment, and a
//! filter may use the store.

use std::sync::Arc;

use parking_lot::RwLock;

use super::ahead::{Ahead, Seen};
use super::route::{Route, choose, walk};
use super::state::{Slot, State};
use crate::admission::Admission;
use crate::error::Result;
use crate::key::Key;
use crate::plan::{Access, Plan};
use crate::query::Query;
use crate::record::Data;
use crate::resolve::{Resolved, one_key};

/// A record that may be one of those that are asked for.
pub(super) struct Found<T> {
    pub(super) id: Arc<str>,
    pub(super) record: Arc<T>,
}

pub(super) fn select<T: Data>(
    admission: &Admission<T>,
    state: &RwLock<State<T>>,
    query: &Query<T>,
) -> Result<Vec<Arc<T>>> {
    if let Some((index, key)) = one_key(admission, query) {
        let limit = query.limit.unwrap_or(usize::MAX);
        let state = state.read();
        let posted = state.indexes.get(index).and_then(|all| all.get(key));
        return Ok(posted.map_or_else(Vec::new, |posted| state.records(posted, limit)));
    }
    let resolved = Resolved::new(admission, query)?;
    let (found, route) = {
        let state = state.read();
        let route = choose(&resolved, &state);
        let walk = walk(&resolved, &state, route, resolved.limit());
        if walk.finished {
            return Ok(state.records_at(walk.slots));
        }
        let rows = walk.slots.filter_map(|slot| state.row(slot));
        let found = rows.map(|row| Found {
            id: Arc::clone(&row.id),
            record: Arc::clone(&row.record),
        });
        (found.collect(), route)
    };
    Ok(arranged(&resolved, tested(&resolved, found, route)))
}

/// How many records a query finds.
pub(super) fn count<T: Data>(
    admission: &Admission<T>,
    state: &RwLock<State<T>>,
    query: &Query<T>,
) -> Result<u64> {
    {
        let resolved = Resolved::new(admission, query)?;
        let state = state.read();
        let walk = walk(
            &resolved,
            &state,
            choose(&resolved, &state),
            resolved.limit(),
        );
        if walk.finished {
            return Ok(walk.slots.count() as u64);
        }
    }
    select(admission, state, query).map(|found| found.len() as u64)
}

/// As [`select`], over the rows as they will be after what is ahead of them.
pub(super) fn select_ahead<T: Data>(
    admission: &Admission<T>,
    state: &RwLock<State<T>>,
    ahead: &Ahead<T>,
    query: &Query<T>,
) -> Result<Vec<Arc<T>>> {
    let resolved = Resolved::new(admission, query)?;
    let mut found = Vec::new();
    if !ahead.hides_all() {
        let route = {
            let state = state.read();
            // A row that it finds may be another by now, so nothing stops at the limit.
            let route = match choose(&resolved, &state) {
                Route::Ordered {
                    condition: Some(condition),
                    index,
                    ..
                } => Route::Condition { condition, index },
                Route::Ordered { .. } => Route::Scan,
                route => route,
            };
            let walk = walk(&resolved, &state, route, usize::MAX);
            let rows = walk.slots.filter_map(|slot| state.row(slot));
            found.extend(rows.map(|row| Found {
                id: Arc::clone(&row.id),
                record: Arc::clone(&row.record),
            }));
            route
        };
        found = tested(&resolved, found, route);
        found.retain(|found| matches!(ahead.look(&found.id), Seen::Rows));
    }
    let new = ahead
        .records()
        .filter(|(_, record)| resolved.admits(record, |_| false));
    found.extend(new.map(|(id, record)| Found {
        id: Arc::clone(id),
        record: Arc::clone(record),
    }));
    found.sort_unstable_by(|a, b| a.id.as_bytes().cmp(b.id.as_bytes()));
    Ok(arranged(&resolved, found))
}

pub(super) fn explain<T: Data>(
    admission: &Admission<T>,
    state: &RwLock<State<T>>,
    query: &Query<T>,
) -> Result<Plan> {
    let resolved = Resolved::new(admission, query)?;
    let (route, finished, read, rows) = {
        let state = state.read();
        let route = choose(&resolved, &state);
        let walk = walk(&resolved, &state, route, resolved.limit());
        let mut slots: Vec<Slot> = walk.slots.collect();
        // Under a list a record may come several times; it is read once.
        slots.sort_unstable();
        slots.dedup();
        (route, walk.finished, slots.len() as u64, state.len() as u64)
    };
    let name = |index: usize| {
        admission
            .indexes()
            .get(index)
            .map(|index| index.name().to_owned())
            .unwrap_or_default()
    };
    let access = match (route, route.served()) {
        (Route::Condition { index, .. } | Route::Ordered { index, .. }, Some(condition)) => {
            Access::Index {
                index: name(index),
                unique: admission
                    .indexes()
                    .get(index)
                    .is_some_and(crate::IndexDef::is_unique),
                condition: resolved
                    .conditions
                    .get(condition)
                    .map(|condition| condition.condition.to_string())
                    .unwrap_or_default(),
            }
        }
        (Route::Ordered { index, .. }, None) => Access::OrderedIndex { index: name(index) },
        _ => Access::Scan,
    };
    Ok(Plan::new(
        access,
        read,
        rows,
        resolved.residual(|position| Some(position) == route.served()),
        !finished && !query.order.is_empty(),
    ))
}

/// Of what a route found, what the query means: each record once, in id order unless the route has
/// an order of its own. Runs user code: nothing is locked.
fn tested<T: Data>(
    resolved: &Resolved<'_, T>,
    mut found: Vec<Found<T>>,
    route: Route,
) -> Vec<Found<T>> {
    let served = route.served();
    let is_served = |position| Some(position) == served;
    if !resolved.is_served_by(is_served) {
        found.retain(|found| resolved.admits(&found.record, is_served));
    }
    if matches!(route, Route::Condition { .. }) {
        // Under several keys the rows come key by key, and a multi-valued row comes repeatedly.
        found.sort_unstable_by(|a, b| a.id.as_bytes().cmp(b.id.as_bytes()));
        found.dedup_by(|a, b| a.id == b.id);
    }
    found
}

/// Records in id order, in the order that is asked for, from the cursor to the limit.
fn arranged<T: Data>(resolved: &Resolved<'_, T>, mut found: Vec<Found<T>>) -> Vec<Arc<T>> {
    let limit = resolved.query.limit.unwrap_or(usize::MAX);
    let after = resolved.query.after.as_ref();
    if resolved.order.is_empty() {
        if let Some(cursor) = after {
            found.retain(|found| *found.id > *cursor.id);
        }
        found.truncate(limit);
        return found.into_iter().map(|found| found.record).collect();
    }
    let mut keyed: Vec<(Vec<Key>, Found<T>)> = found
        .into_iter()
        .map(|found| (resolved.order_keys(&found.record), found))
        .collect();
    if let Some(cursor) = after {
        let place = (cursor.keys.as_slice(), &*cursor.id);
        keyed.retain(|(keys, found)| resolved.compare((keys, &found.id), place).is_gt());
    }
    let compare = |a: &(Vec<Key>, Found<T>), b: &(Vec<Key>, Found<T>)| {
        resolved.compare((&a.0, &a.1.id), (&b.0, &b.1.id))
    };
    if limit < keyed.len() {
        // Only the wanted part needs an order.
        if limit > 0 {
            keyed.select_nth_unstable_by(limit - 1, compare);
        }
        keyed.truncate(limit);
    }
    keyed.sort_unstable_by(compare);
    keyed.into_iter().map(|(_, found)| found.record).collect()
}
