//! Queries of the model test: as plain data for the reference, and asked of Larder in every way
//! in which they can be written.
//!
//! Owns [`Ask`] and its translation. The typed handles of `Rec` are in `handles.rs`.

use std::ops::Bound;
use std::sync::Arc;

use larder::{Condition as Asked, Key, Order as AskedOrder, Query, Target, Test as AskedTest};
use serde_json::Value;

use crate::keys::{K, N};
use crate::rec::Subject;
use crate::reference::TARGETS;

/// What must hold for a key.
#[derive(Clone, Debug)]
pub enum Test {
    Is(K),
    AnyOf(Vec<K>),
    Range(Bound<K>, Bound<K>),
    StartsWith(String),
    Leading(Vec<K>),
    IsNone,
}

/// How a target is named. What does not apply to it is asked in another way.
#[derive(Clone, Copy, Debug)]
pub enum Via {
    /// The typed handle of the record type.
    Handle,
    /// The name of the index.
    Name,
    /// The path of the field, known at run time.
    Path,
}

#[derive(Clone, Debug)]
pub struct Condition {
    pub target: usize,
    pub via: Via,
    pub test: Test,
}

#[derive(Clone, Debug)]
pub struct Order {
    pub target: usize,
    pub via: Via,
    pub descending: bool,
}

/// A condition in code.
#[derive(Clone, Copy, Debug)]
pub enum Filter {
    EvenRank,
    Labelled,
}

impl Filter {
    pub fn holds(self, json: &Value) -> bool {
        match self {
            Self::EvenRank => json["rank"].as_i64().is_some_and(|rank| rank % 2 == 0),
            Self::Labelled => json.get("label").is_some_and(Value::is_string),
        }
    }
}

/// A query.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    pub conditions: Vec<Condition>,
    pub filter: Option<Filter>,
    pub order: Vec<Order>,
    pub limit: Option<usize>,
    /// Whether order and limit are given to the first part, or to a part that is joined by `and`.
    pub tail_first: bool,
}

impl Ask {
    pub fn limited(&self, limit: Option<usize>) -> Self {
        Self {
            limit,
            ..self.clone()
        }
    }

    /// A list has no one place in an order.
    pub fn orders_by_a_list(&self) -> bool {
        self.order.iter().any(|order| TARGETS[order.target].multi)
    }

    /// A query with one condition on a target, by the name of its index.
    pub fn one(target: usize, test: Test) -> Self {
        let conditions = vec![Condition {
            target,
            via: Via::Name,
            test,
        }];
        Self {
            conditions,
            ..Self::default()
        }
    }
}

/// The key as Larder has it.
pub fn key(key: &K) -> Key {
    match key {
        K::None => Key::None,
        K::Bool(value) => Key::Bool(*value),
        K::Num(N::Int(int)) => Key::int(*int),
        K::Num(N::Float(float)) => Key::float(*float).unwrap(),
        K::Text(text) => Key::text(text.as_str()),
        K::Comp(parts) => Key::Compound(parts.iter().map(self::key).collect::<Arc<[Key]>>()),
    }
}

/// The target as Larder has it; `by_path` if both are possible.
pub fn target<T>(target: usize, by_path: bool) -> Target<T> {
    let it = &TARGETS[target];
    match it.paths {
        [path] if by_path || !it.indexed => {
            if it.multi {
                Target::Field {
                    path: (*path).into(),
                    multi: true,
                    extract: None,
                }
            } else {
                // As people type it, or as a pointer.
                let dotted = path.trim_start_matches('/').replace('/', ".");
                Target::field(if target.is_multiple_of(2) {
                    &dotted
                } else {
                    path
                })
            }
        }
        _ => Target::Index(it.name.into()),
    }
}

fn asked_test(test: &Test) -> AskedTest {
    let keys = |keys: &[K]| keys.iter().map(key).collect();
    match test {
        Test::Is(wanted) => AskedTest::Is(key(wanted)),
        Test::AnyOf(wanted) => AskedTest::AnyOf(keys(wanted)),
        Test::Range(from, to) => {
            AskedTest::Range(from.as_ref().map(self::key), to.as_ref().map(self::key))
        }
        Test::StartsWith(prefix) => AskedTest::StartsWith(prefix.clone()),
        Test::Leading(wanted) => AskedTest::Leading(keys(wanted)),
        Test::IsNone => AskedTest::IsNone,
    }
}

/// A form of the record in which handles may apply.
pub trait Handled: Subject {
    fn by_handle(_target: usize, _test: &Test) -> Option<Query<Self>> {
        None
    }

    fn order_by_handle(_target: usize, _descending: bool) -> Option<AskedOrder<Self>> {
        None
    }
}

impl Handled for Value {}
impl Handled for larder::Document {}

/// One condition.
fn condition<T: Handled>(condition: &Condition) -> Query<T> {
    if let Via::Handle = condition.via
        && let Some(query) = T::by_handle(condition.target, &condition.test)
    {
        return query;
    }
    let by_path = matches!(condition.via, Via::Path);
    Query::when(Asked::new(
        target(condition.target, by_path),
        asked_test(&condition.test),
    ))
}

fn order<T: Handled>(order: &Order) -> AskedOrder<T> {
    if let Via::Handle = order.via
        && let Some(order) = T::order_by_handle(order.target, order.descending)
    {
        return order;
    }
    AskedOrder::new(
        target(order.target, matches!(order.via, Via::Path)),
        order.descending,
    )
}

/// The whole query.
pub fn asked<T: Handled>(ask: &Ask) -> Query<T> {
    let mut tail = Query::<T>::all();
    for it in &ask.order {
        tail = tail.order_by(order(it));
    }
    if let Some(limit) = ask.limit {
        tail = tail.limit(limit);
    }
    if let Some(filter) = ask.filter {
        tail = tail.filter(move |record: &T| filter.holds(&record.view()));
    }
    let mut parts: Vec<Query<T>> = ask.conditions.iter().map(condition).collect();
    if let (false, Some(first)) = (ask.tail_first, parts.first_mut()) {
        // What a later part sets replaces what an earlier one has.
        if ask.limit.is_some() {
            *first = first.clone().limit(1);
        }
        if !ask.order.is_empty() {
            *first = first
                .clone()
                .order_by(AskedOrder::new(Target::field("big"), true));
        }
    }
    if ask.tail_first {
        parts.insert(0, tail);
    } else {
        parts.push(tail);
    }
    let mut parts = parts.into_iter();
    let first = parts.next().unwrap_or_else(Query::all);
    parts.fold(first, Query::and)
}
