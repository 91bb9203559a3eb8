//! Which way to the records of a query, and walking it.
//!
//! Owns [`choose`] and [`walk`]. They run no user code, because the rows are locked meanwhile; what is
//! left to test and to order is `select.rs`.

use super::entries::{Entries, Posted};
use super::state::{Slot, State};
use crate::key::Key;
use crate::query::Test;
use crate::record::Data;
use crate::resolve::Resolved;
use crate::span::Span;

/// Where the candidates come from.
#[derive(Clone, Copy)]
pub(super) enum Route {
    /// An index serves this condition.
    Condition { condition: usize, index: usize },
    /// An index is walked in the order that is asked for, within what this condition allows.
    Ordered {
        condition: Option<usize>,
        index: usize,
        descending: bool,
    },
    /// All records, in id order.
    Scan,
}

impl Route {
    pub(super) fn served(self) -> Option<usize> {
        match self {
            Self::Condition { condition, .. } => Some(condition),
            Self::Ordered { condition, .. } => condition,
            Self::Scan => None,
        }
    }
}

/// The slots of a route.
pub(super) struct Walk<'s> {
    pub(super) slots: Box<dyn Iterator<Item = Slot> + 's>,
    /// Whether they are the result already: in order, cut off, nothing to test.
    pub(super) finished: bool,
}

impl Walk<'_> {
    fn nothing() -> Self {
        Self {
            slots: Box::new(std::iter::empty()),
            finished: true,
        }
    }
}

/// The slots of a route; as many as `limit` where these are the result already. Runs no user code: rows
/// are locked.
pub(super) fn walk<'s, T: Data>(
    resolved: &Resolved<'s, T>,
    state: &'s State<T>,
    route: Route,
    limit: usize,
) -> Walk<'s> {
    let served = resolved.is_served_by(|position| Some(position) == route.served());
    let after = resolved.query.after.as_ref();
    let test = |condition: usize| {
        let condition = resolved.conditions.get(condition)?;
        Some(condition.condition.test())
    };
    match route {
        Route::Condition { condition, index } => {
            let (Some(test), Some(entries)) = (test(condition), state.indexes.get(index)) else {
                return Walk::nothing();
            };
            // One key: its rows are in id order already.
            let one_key = match test {
                Test::Is(key) => Some(key),
                Test::IsNone => Some(&Key::None),
                _ => None,
            };
            if let Some(key) = one_key.filter(|_| served && resolved.order.is_empty()) {
                let Some(posted) = entries.get(key) else {
                    return Walk::nothing();
                };
                let slots: Box<dyn Iterator<Item = Slot>> = match after {
                    Some(cursor) => Box::new(state.posted_after(posted, &cursor.id).take(limit)),
                    None => Box::new(posted.slots().take(limit)),
                };
                return Walk {
                    slots,
                    finished: true,
                };
            }
            Walk {
                slots: Box::new(posted(entries, test).flat_map(Posted::slots)),
                finished: false,
            }
        }
        Route::Ordered {
            condition,
            index,
            descending,
        } => {
            let Some(entries) = state.indexes.get(index) else {
                return Walk::nothing();
            };
            let span = match condition.map(test) {
                None => Some(Span::all()),
                Some(test) => test.and_then(Span::of),
            };
            let key = after.and_then(|cursor| cursor.keys.first());
            let span = match (span, key) {
                (Some(span), Some(key)) => span.starting_at(key, descending),
                (Some(span), None) => span,
                (None, _) => return Walk::nothing(),
            };
            let slots = in_order(entries, &span, descending).flat_map(move |(at, posted)| {
                // Of the cursor's own key only the ids after the cursor's are left.
                let behind = after.filter(|_| key == Some(at));
                let rest = behind.map(|cursor| state.posted_after(posted, &cursor.id));
                let all = behind.is_none().then(|| posted.slots());
                rest.into_iter().flatten().chain(all.into_iter().flatten())
            });
            Walk {
                slots: Box::new(slots.take(limit)),
                finished: true,
            }
        }
        Route::Scan => {
            let finished = served && resolved.order.is_empty();
            let limit = if finished { limit } else { usize::MAX };
            let slots: Box<dyn Iterator<Item = Slot>> = match after {
                Some(cursor) if resolved.order.is_empty() => {
                    Box::new(state.slots_after(&cursor.id).take(limit))
                }
                _ => Box::new(state.slots().take(limit)),
            };
            Walk { slots, finished }
        }
    }
}

/// The condition whose index leaves the fewest records, walked in the asked order if the index has that
/// order; else an index in the asked order; else all records.
pub(super) fn choose<T: Data>(resolved: &Resolved<'_, T>, state: &State<T>) -> Route {
    // An index that has the asked order is worth walking if it can stop at the limit.
    let ordered = match resolved.order.as_slice() {
        [order] if resolved.query.limit.is_some() => {
            order.index.map(|index| (index, order.descending))
        }
        _ => None,
    };
    if let Some((condition, index)) = fewest(resolved, state) {
        if let Some((by, descending)) = ordered
            && by == index
            && resolved.is_served_by(|position| position == condition)
            && (resolved.conditions.get(condition))
                .is_some_and(|found| !matches!(found.condition.test(), Test::AnyOf(_)))
        {
            return Route::Ordered {
                condition: Some(condition),
                index,
                descending,
            };
        }
        return Route::Condition { condition, index };
    }
    match ordered {
        Some((index, descending)) if resolved.is_served_by(|_| false) => Route::Ordered {
            condition: None,
            index,
            descending,
        },
        _ => Route::Scan,
    }
}

/// The condition whose index leaves the fewest rows, and the index. Of one condition nothing is
/// counted; of several, no more than a few times what the best one leaves.
fn fewest<T: Data>(resolved: &Resolved<'_, T>, state: &State<T>) -> Option<(usize, usize)> {
    let indexed = resolved
        .conditions
        .iter()
        .enumerate()
        .filter_map(|(position, condition)| {
            let index = condition.index?;
            let entries = state.indexes.get(index)?;
            Some((position, index, entries, condition.condition.test()))
        });
    let (position, index, ..) = indexed.clone().next()?;
    if indexed.clone().nth(1).is_none() {
        return Some((position, index));
    }
    let mut enough = 64;
    loop {
        let counted = indexed
            .clone()
            .map(|(position, index, entries, test)| (rows(entries, test, enough), position, index));
        // Of equal ones the first.
        let (rows, position, index) = counted.min_by_key(|(rows, ..)| *rows)?;
        if rows < enough || enough >= state.len() {
            return Some((position, index));
        }
        enough = enough.saturating_mul(8);
    }
}

/// How many rows a test finds in an index, counted no further than `enough`.
fn rows(entries: &Entries, test: &Test, enough: usize) -> usize {
    let mut rows = 0;
    for posted in posted(entries, test) {
        rows += posted.len();
        if rows >= enough {
            break;
        }
    }
    rows
}

/// The entries whose key passes the test, in the order of the keys.
fn posted<'e>(entries: &'e Entries, test: &'e Test) -> Box<dyn Iterator<Item = Posted<'e>> + 'e> {
    match test {
        Test::Is(key) => Box::new(entries.get(key).into_iter()),
        Test::IsNone => Box::new(entries.get(&Key::None).into_iter()),
        Test::AnyOf(keys) => {
            let mut keys: Vec<&Key> = keys.iter().collect();
            keys.sort_unstable();
            keys.dedup();
            Box::new(keys.into_iter().filter_map(|key| entries.get(key)))
        }
        test => {
            let span = Span::of(test);
            match span.as_ref().and_then(Span::bounds) {
                Some(bounds) => Box::new(entries.range(bounds).map(|(_, posted)| posted)),
                None => Box::new(std::iter::empty()),
            }
        }
    }
}

/// The entries of a span, in either direction.
fn in_order<'e>(
    entries: &'e Entries,
    span: &Span,
    descending: bool,
) -> Box<dyn Iterator<Item = (&'e Key, Posted<'e>)> + 'e> {
    match span.bounds() {
        Some(bounds) if descending => Box::new(entries.range(bounds).rev()),
        Some(bounds) => Box::new(entries.range(bounds)),
        None => Box::new(std::iter::empty()),
    }
}
