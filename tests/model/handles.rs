//! Queries through the typed handles of `Rec`.
//!
//! Owns the way from a key of the reference to the argument that a handle takes. A key that has no
//! such argument (text for a number) is asked for by the name of the index instead.

use std::ops::Bound;

use larder::{Order, Query};

use crate::keys::{K, N};
use crate::query::{Handled, Test};
use crate::rec::{Rec, Stage};
use crate::reference as at;

fn text(key: &K) -> Option<String> {
    match key {
        K::Text(text) => Some(text.clone()),
        _ => None,
    }
}

fn boolean(key: &K) -> Option<bool> {
    match key {
        K::Bool(value) => Some(*value),
        _ => None,
    }
}

fn whole<I: TryFrom<i128>>(key: &K) -> Option<I> {
    match key {
        K::Num(N::Int(int)) => I::try_from(*int).ok(),
        _ => None,
    }
}

fn float(key: &K) -> Option<f64> {
    match key {
        K::Num(N::Float(float)) => Some(*float),
        _ => None,
    }
}

fn stage(key: &K) -> Option<Stage> {
    match key {
        K::Text(text) => serde_json::from_value(text.as_str().into()).ok(),
        _ => None,
    }
}

fn pair<A, B>(
    first: fn(&K) -> Option<A>,
    second: fn(&K) -> Option<B>,
) -> impl Fn(&K) -> Option<(A, B)> {
    move |key| match key {
        K::Comp(parts) if parts.len() == 2 => Some((first(&parts[0])?, second(&parts[1])?)),
        _ => None,
    }
}

fn bound<A>(bound: &Bound<K>, argument: impl Fn(&K) -> Option<A>) -> Option<Bound<A>> {
    Some(match bound {
        Bound::Included(key) => Bound::Included(argument(key)?),
        Bound::Excluded(key) => Bound::Excluded(argument(key)?),
        Bound::Unbounded => Bound::Unbounded,
    })
}

macro_rules! ask {
    ($handle:expr, $test:expr, $argument:expr) => {{
        let argument = $argument;
        match $test {
            Test::Is(key) => Some($handle.is(argument(key)?).into()),
            Test::AnyOf(keys) => {
                Some($handle.any_of(keys.iter().map(&argument).collect::<Option<Vec<_>>>()?))
            }
            Test::Range(from, to) => {
                Some($handle.range((bound(from, &argument)?, bound(to, &argument)?)))
            }
            Test::IsNone => Some($handle.is_none()),
            Test::StartsWith(_) | Test::Leading(_) => None,
        }
    }};
}

impl Handled for Rec {
    fn by_handle(target: usize, test: &Test) -> Option<Query<Self>> {
        match (target, test) {
            (at::SLUG, Test::StartsWith(prefix)) => Some(Self::SLUG.starts_with(prefix)),
            (at::LABEL, Test::StartsWith(prefix)) => Some(Self::LABEL.starts_with(prefix)),
            (at::TAGS, Test::StartsWith(prefix)) => Some(Self::TAGS.starts_with(prefix)),
            (at::STAGE_LABEL, Test::Leading(parts)) if parts.len() == 1 => {
                Some(Self::STAGE_LABEL.leading((stage(&parts[0])?,)))
            }
            (at::RANK_CODE, Test::Leading(parts)) if parts.len() == 1 => {
                Some(Self::RANK_CODE.leading((whole::<i64>(&parts[0])?,)))
            }
            (at::SLUG, test) => ask!(Self::SLUG, test, text),
            (at::LABEL, test) => ask!(Self::LABEL, test, text),
            (at::RANK, test) => ask!(Self::RANK, test, whole::<i64>),
            (at::RATIO, test) => ask!(Self::RATIO, test, float),
            (at::IS_OPEN, test) => ask!(Self::IS_OPEN, test, boolean),
            (at::TAGS, test) => ask!(Self::TAGS, test, text),
            (at::STAGE_LABEL, test) => ask!(Self::STAGE_LABEL, test, pair(stage, text)),
            (at::RANK_CODE, test) => ask!(Self::RANK_CODE, test, pair(whole::<i64>, text)),
            (at::STAGE, test) => ask!(Self::STAGE, test, stage),
            (at::BIG, test) => ask!(Self::BIG, test, whole::<u64>),
            (at::WEIGHT, test) => ask!(Self::WEIGHT, test, float),
            (at::NOTES, test) => ask!(Self::NOTES, test, whole::<i64>),
            _ => None,
        }
    }

    fn order_by_handle(target: usize, descending: bool) -> Option<Order<Self>> {
        macro_rules! order {
            ($handle:expr) => {
                Some(if descending {
                    $handle.desc()
                } else {
                    $handle.asc()
                })
            };
        }
        match target {
            at::SLUG => order!(Self::SLUG),
            at::LABEL => order!(Self::LABEL),
            at::RANK => order!(Self::RANK),
            at::RATIO => order!(Self::RATIO),
            at::IS_OPEN => order!(Self::IS_OPEN),
            at::TAGS => order!(Self::TAGS),
            at::STAGE_LABEL => order!(Self::STAGE_LABEL),
            at::RANK_CODE => order!(Self::RANK_CODE),
            at::STAGE => order!(Self::STAGE),
            at::BIG => order!(Self::BIG),
            at::WEIGHT => order!(Self::WEIGHT),
            at::NOTES => order!(Self::NOTES),
            _ => None,
        }
    }
}
