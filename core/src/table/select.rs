//! Finding records: choosing an index, testing what it leaves, ordering, cutting off.
//!
//! Owns [`select`] and [`explain`]. Candidates are taken as shared pointers while the rows are
//! locked for reading; everything a user wrote runs after that. So a query sees one moment, and a
//! filter may use the store.

use std::ops::Bound;
use std::sync::Arc;

use parking_lot::RwLock;

use super::ahead::{Ahead, Seen};
use super::state::{Entries, Postings, Slot, State};
use crate::admission::Admission;
use crate::error::Result;
use crate::key::Key;
use crate::plan::{Access, Plan};
use crate::query::{Query, Test};
use crate::record::Data;
use crate::resolve::Resolved;

/// One record that was found.
pub(super) struct Found<T> {
    pub(super) id: Arc<str>,
    pub(super) record: Arc<T>,
}

/// Where the candidates come from.
#[derive(Clone, Copy)]
enum Route {
    /// An index serves this condition.
    Condition { condition: usize, index: usize },
    /// An index is walked in the order that is asked for.
    Ordered { index: usize, descending: bool },
    /// All records, in id order.
    Scan,
}

impl Route {
    fn served(self) -> Option<usize> {
        match self {
            Self::Condition { condition, .. } => Some(condition),
            _ => None,
        }
    }
}

/// The candidates, and whether they are the result already: in order, cut off, nothing to test.
struct Candidates<T> {
    found: Vec<Found<T>>,
    route: Route,
    finished: bool,
}

pub(super) fn select<T: Data>(
    admission: &Admission<T>,
    state: &RwLock<State<T>>,
    query: &Query<T>,
) -> Result<Vec<Found<T>>> {
    let resolved = Resolved::new(admission, query)?;
    let candidates = candidates(&resolved, &state.read());
    Ok(finish(&resolved, candidates))
}

/// As [`select`], over the rows as they will be after what is ahead of them.
pub(super) fn select_ahead<T: Data>(
    admission: &Admission<T>,
    state: &RwLock<State<T>>,
    ahead: &Ahead<T>,
    query: &Query<T>,
) -> Result<Vec<Found<T>>> {
    let resolved = Resolved::new(admission, query)?;
    let mut found = Vec::new();
    if !ahead.hides_all() {
        let candidates = {
            let state = state.read();
            let route = match choose(&resolved, &state) {
                // It stops at the limit, and a row that it found may be another by now.
                Route::Ordered { .. } => Route::Scan,
                route => route,
            };
            candidates_of(&resolved, &state, route, usize::MAX)
        };
        found = tested(&resolved, candidates.found, candidates.route);
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
    let (mut candidates, rows) = {
        let state = state.read();
        (candidates(&resolved, &state), state.len() as u64)
    };
    // Under a list a record may come several times; it is read once.
    candidates.found.sort_unstable_by(|a, b| a.id.cmp(&b.id));
    candidates.found.dedup_by(|a, b| a.id == b.id);
    let name = |index: usize| {
        admission
            .indexes()
            .get(index)
            .map(|index| index.name().to_owned())
            .unwrap_or_default()
    };
    let access = match candidates.route {
        Route::Condition { condition, index } => Access::Index {
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
        },
        Route::Ordered { index, .. } => Access::OrderedIndex { index: name(index) },
        Route::Scan => Access::Scan,
    };
    Ok(Plan::new(
        access,
        candidates.found.len() as u64,
        rows,
        resolved.residual(|position| Some(position) == candidates.route.served()),
        !candidates.finished && !query.order.is_empty(),
    ))
}

/// Chooses a route and takes its candidates. Runs no user code: rows are locked.
fn candidates<T: Data>(resolved: &Resolved<'_, T>, state: &State<T>) -> Candidates<T> {
    let limit = resolved.query.limit.unwrap_or(usize::MAX);
    candidates_of(resolved, state, choose(resolved, state), limit)
}

/// The candidates of a route; as many as `limit` where these are the result already.
fn candidates_of<T: Data>(
    resolved: &Resolved<'_, T>,
    state: &State<T>,
    route: Route,
    limit: usize,
) -> Candidates<T> {
    let take = |slots: &mut dyn Iterator<Item = Slot>, limit: usize| -> Vec<Found<T>> {
        slots
            .filter_map(|slot| state.row(slot))
            .take(limit)
            .map(|row| Found {
                id: Arc::clone(&row.id),
                record: Arc::clone(&row.record),
            })
            .collect()
    };
    let served = resolved.is_served_by(|position| Some(position) == route.served());
    let after = resolved.query.after.as_ref();
    let (found, finished) = match route {
        Route::Condition { condition, index } => {
            let test = resolved
                .conditions
                .get(condition)
                .map(|found| found.condition.test());
            let (Some(test), Some(entries)) = (test, state.indexes.get(index)) else {
                return Candidates {
                    found: Vec::new(),
                    route,
                    finished: true,
                };
            };
            if let (true, true, None, Test::Is(_) | Test::IsNone) =
                (served, resolved.order.is_empty(), after, test)
            {
                // One key: its rows are in id order already.
                (take(&mut slots(entries, test), limit), true)
            } else {
                (take(&mut slots(entries, test), usize::MAX), false)
            }
        }
        Route::Ordered { index, descending } => {
            let Some(entries) = state.indexes.get(index) else {
                return Candidates {
                    found: Vec::new(),
                    route,
                    finished: true,
                };
            };
            let key = after.and_then(|cursor| cursor.keys.first());
            let mut rows = walk(entries, key, descending).filter(|(at, slot)| {
                // Of the cursor's own key only the ids after the cursor's are left.
                match (key, after, state.row(*slot)) {
                    (Some(key), Some(cursor), Some(row)) if *at == key => *row.id > *cursor.id,
                    _ => true,
                }
            });
            (take(&mut rows.by_ref().map(|(_, slot)| slot), limit), true)
        }
        Route::Scan => {
            let finished = served && resolved.order.is_empty();
            let limit = if finished { limit } else { usize::MAX };
            let found = match after.filter(|_| resolved.order.is_empty()) {
                Some(cursor) => take(&mut state.slots_after(&cursor.id), limit),
                None => take(&mut state.slots(), limit),
            };
            (found, finished)
        }
    };
    Candidates {
        found,
        route,
        finished,
    }
}

/// The condition whose index leaves the fewest records; else an index in the asked order; else
/// all records.
fn choose<T: Data>(resolved: &Resolved<'_, T>, state: &State<T>) -> Route {
    let mut best: Option<(usize, Route)> = None;
    for (position, condition) in resolved.conditions.iter().enumerate() {
        let Some(index) = condition.index else {
            continue;
        };
        let Some(entries) = state.indexes.get(index) else {
            continue;
        };
        let enough = best.as_ref().map_or(usize::MAX, |(rows, _)| *rows);
        let rows = count(entries, condition.condition.test(), enough);
        if rows < enough || best.is_none() {
            best = Some((
                rows,
                Route::Condition {
                    condition: position,
                    index,
                },
            ));
        }
    }
    if let Some((_, route)) = best {
        return route;
    }
    if let [order] = resolved.order.as_slice()
        && let Some(index) = order.index
        && resolved.is_served_by(|_| false)
        && resolved.query.limit.is_some()
    {
        return Route::Ordered {
            index,
            descending: order.descending,
        };
    }
    Route::Scan
}

/// How many rows a test finds in an index, counted no further than `enough`.
fn count(entries: &Entries, test: &Test, enough: usize) -> usize {
    let mut rows = 0;
    for postings in postings(entries, test) {
        rows += postings.len();
        if rows >= enough {
            break;
        }
    }
    rows
}

fn slots<'e>(entries: &'e Entries, test: &'e Test) -> impl Iterator<Item = Slot> + 'e {
    postings(entries, test).flat_map(Postings::slots)
}

/// The entries whose key passes the test.
fn postings<'e>(
    entries: &'e Entries,
    test: &'e Test,
) -> Box<dyn Iterator<Item = &'e Postings> + 'e> {
    match test {
        Test::Is(key) => Box::new(entries.get(key).into_iter()),
        Test::IsNone => Box::new(entries.get(&Key::None).into_iter()),
        Test::AnyOf(keys) => {
            let mut keys: Vec<&Key> = keys.iter().collect();
            keys.sort_unstable();
            keys.dedup();
            Box::new(keys.into_iter().filter_map(|key| entries.get(key)))
        }
        Test::StartsWith(prefix) => {
            let from = Key::text(prefix.as_str());
            Box::new(
                entries
                    .range(from..)
                    .take_while(|(key, _)| test.matches(key))
                    .map(second),
            )
        }
        Test::Leading(parts) => {
            let from = Key::Compound(parts.as_slice().into());
            Box::new(
                entries
                    .range(from..)
                    .take_while(|(key, _)| test.matches(key))
                    .map(second),
            )
        }
        Test::Range(from, to) => {
            if is_empty(from, to) {
                return Box::new(std::iter::empty());
            }
            let open_end = matches!(to, Bound::Unbounded);
            let bound = (from.as_ref(), to.as_ref());
            let range = entries.range::<Key, _>(bound);
            match from {
                // From a bound upwards, the first key of another kind ends it.
                Bound::Included(_) | Bound::Excluded(_) if open_end => {
                    Box::new(range.take_while(|(key, _)| test.matches(key)).map(second))
                }
                _ => Box::new(range.filter(|(key, _)| test.matches(key)).map(second)),
            }
        }
    }
}

fn second<'e>((_, postings): (&'e Key, &'e Postings)) -> &'e Postings {
    postings
}

/// Whether no key can lie between these bounds. The standard library's map panics on such.
fn is_empty(from: &Bound<Key>, to: &Bound<Key>) -> bool {
    match (from, to) {
        (Bound::Included(from), Bound::Included(to)) => from > to,
        (
            Bound::Included(from) | Bound::Excluded(from),
            Bound::Included(to) | Bound::Excluded(to),
        ) => from >= to,
        _ => false,
    }
}

/// The entries from a key on, in either direction; within a key by id.
fn walk<'e>(
    entries: &'e Entries,
    from: Option<&Key>,
    descending: bool,
) -> Box<dyn Iterator<Item = (&'e Key, Slot)> + 'e> {
    let each =
        |(key, postings): (&'e Key, &'e Postings)| postings.slots().map(move |slot| (key, slot));
    match (from, descending) {
        (None, false) => Box::new(entries.iter().flat_map(each)),
        (None, true) => Box::new(entries.iter().rev().flat_map(each)),
        (Some(key), false) => Box::new(
            entries
                .range::<Key, _>((Bound::Included(key), Bound::Unbounded))
                .flat_map(each),
        ),
        (Some(key), true) => Box::new(
            entries
                .range::<Key, _>((Bound::Unbounded, Bound::Included(key)))
                .rev()
                .flat_map(each),
        ),
    }
}

/// Tests, orders and cuts off what the route left. Runs user code: nothing is locked.
fn finish<T: Data>(resolved: &Resolved<'_, T>, candidates: Candidates<T>) -> Vec<Found<T>> {
    if candidates.finished {
        return candidates.found;
    }
    let found = tested(resolved, candidates.found, candidates.route);
    arranged(resolved, found)
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
fn arranged<T: Data>(resolved: &Resolved<'_, T>, mut found: Vec<Found<T>>) -> Vec<Found<T>> {
    let limit = resolved.query.limit.unwrap_or(usize::MAX);
    let after = resolved.query.after.as_ref();
    if resolved.order.is_empty() {
        if let Some(cursor) = after {
            found.retain(|found| *found.id > *cursor.id);
        }
        found.truncate(limit);
        return found;
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
    keyed.into_iter().map(|(_, found)| found).collect()
}
