//! Random histories.
//!
//! Owns [`Move`] and the strategies. The alphabets are small, so that ids, unique keys and query
//! keys meet, and hold what is easily got wrong: quotes, line ends, the last code point, whole
//! floats, negative zero, the ends of the integers.

use std::ops::Bound;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use crate::keys::K;
use crate::query::{Ask, Condition, Filter, Order, Test, Via};
use crate::rec::{Meta, Rec, Stage};
use crate::reference as at;

const IDS: [&str; 9] = [
    "a",
    "b",
    "B",
    "é",
    "日本",
    "q\"uo\\te",
    "new\nline",
    "\u{10ffff}",
    "a/b",
];
const TEXTS: [&str; 10] = [
    "",
    "a",
    "ab",
    "abc",
    "A",
    "é",
    "\u{10ffff}",
    "\u{10ffff}a",
    "a\"b\n",
    "1",
];
const RANKS: [i64; 9] = [
    i64::MIN,
    -2,
    -1,
    0,
    1,
    2,
    9_007_199_254_740_993,
    i64::MAX,
    4,
];
const FLOATS: [f64; 12] = [
    -0.0,
    0.0,
    1.0,
    0.5,
    -1.5,
    -2.0,
    0.1,
    1e20,
    1e300,
    -1e300,
    9_007_199_254_740_992.0,
    5e-324,
];
const BIGS: [u64; 6] = [0, 1, 9_007_199_254_740_993, 1 << 63, u64::MAX - 1, u64::MAX];

/// How the end of a write is awaited.
#[derive(Clone, Copy, Debug)]
pub enum Wait {
    Block,
    Await,
    Detach,
}

/// Which record a `replace` says it has read.
#[derive(Clone, Copy, Debug)]
pub enum Read {
    /// What is stored now.
    Fresh,
    /// One of those that were read before, perhaps before a restart.
    Earlier(usize),
    /// One that never was.
    Never,
}

#[derive(Clone, Debug)]
pub enum Move {
    Save(Rec, Wait),
    SaveAll(Vec<Rec>, Wait),
    Insert(Rec, Wait),
    /// The flag keeps the id of what was read.
    Replace(Read, Rec, bool, Wait),
    Update {
        id: String,
        to: Rec,
        keep_id: bool,
        same: bool,
        refuse: bool,
        wait: Wait,
    },
    Delete(String, Wait),
    Clear(Wait),
    Batch(Vec<Mixed>, Wait),
    Get(String),
    Find(Ask),
    Pages(Ask, usize),
    /// One page now, the rest whenever `Resume` comes.
    FirstPage(Ask, usize),
    Resume,
    Flush(Wait),
    /// Whether by dropping, and with a debounce window or none.
    Reopen {
        drop: bool,
        slow: bool,
    },
}

/// An operation of a mixed batch; reads are as in `Replace`.
#[derive(Clone, Debug)]
pub enum Mixed {
    Save(Rec),
    Insert(Rec),
    Replace(Read, Rec),
    Delete(String),
    DeleteRead(Read, String),
    DeleteAbsent(String),
    Clear,
}

fn id() -> impl Strategy<Value = String> {
    prop_oneof![
        60 => select(&IDS[..]).prop_map(str::to_owned),
        1 => select(vec![String::new(), "a\0".into(), "é".repeat(513), "é".repeat(512)]),
    ]
}

fn text() -> impl Strategy<Value = String> {
    select(&TEXTS[..]).prop_map(str::to_owned)
}

fn float() -> impl Strategy<Value = f64> {
    prop_oneof![
        80 => select(&FLOATS[..]),
        1 => select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY]),
    ]
}

fn stage() -> impl Strategy<Value = Stage> {
    select(vec![Stage::Todo, Stage::Trouble, Stage::Done])
}

fn rank() -> impl Strategy<Value = i64> {
    prop_oneof![40 => select(&RANKS[..]), 1 => Just(crate::rec::REFUSED_RANK)]
}

fn rec() -> impl Strategy<Value = Rec> {
    let tags = prop_oneof![20 => vec(text(), 0..=3), 1 => vec(text(), 4)];
    let texts = (option::of(text()), option::of(text()), option::of(text()));
    let numbers = (rank(), float(), select(&BIGS[..]), option::of(float()));
    let rest = (
        any::<bool>(),
        any::<bool>(),
        option::of(-1_i64..2),
        vec(-2_i64..3, 0..3),
    );
    (id(), texts, numbers, stage(), tags, rest).prop_map(
        |(id, (slug, label, code), (rank, ratio, big, weight), stage, tags, rest)| {
            let (is_open, live, depth, notes) = rest;
            let meta = depth.map(|depth| Meta { depth });
            Rec {
                id,
                slug,
                label,
                code,
                rank,
                ratio,
                is_open,
                stage,
                tags,
                big,
                weight,
                notes,
                meta,
                live,
            }
        },
    )
}

fn wait() -> impl Strategy<Value = Wait> {
    prop_oneof![1 => Just(Wait::Block), 1 => Just(Wait::Await), 4 => Just(Wait::Detach)]
}

fn read() -> impl Strategy<Value = Read> {
    prop_oneof![
        4 => Just(Read::Fresh),
        4 => any::<usize>().prop_map(Read::Earlier),
        1 => Just(Read::Never),
    ]
}

/// A key that the target may hold.
fn own_key(target: usize) -> BoxedStrategy<K> {
    let text = || text().prop_map(K::Text);
    let rank = || select(&RANKS[..]).prop_map(K::int);
    let float = || select(&FLOATS[..]).prop_map(K::float);
    let stage = || {
        stage().prop_map(|stage| K::text(serde_json::to_value(stage).unwrap().as_str().unwrap()))
    };
    let maybe = || prop_oneof![1 => Just(K::None), 3 => text()];
    match target {
        at::SLUG | at::LABEL | at::TAGS => text().boxed(),
        at::RANK => rank().boxed(),
        at::RATIO | at::WEIGHT => prop_oneof![3 => float(), 1 => rank()].boxed(),
        at::IS_OPEN => any::<bool>().prop_map(K::Bool).boxed(),
        at::STAGE_LABEL => (stage(), maybe())
            .prop_map(|(a, b)| K::Comp(vec![a, b]))
            .boxed(),
        at::RANK_CODE => (rank(), maybe())
            .prop_map(|(a, b)| K::Comp(vec![a, b]))
            .boxed(),
        at::STAGE => stage().boxed(),
        at::BIG => select(&BIGS[..]).prop_map(K::int).boxed(),
        at::ID => select(&IDS[..]).prop_map(K::text).boxed(),
        at::NOTES | at::DEPTH => {
            prop_oneof![3 => (-2_i64..3).prop_map(K::int), 1 => float()].boxed()
        }
        other => unreachable!("there is no target {other}"),
    }
}

/// Mostly a key that the target may hold, sometimes one of another kind.
fn key(target: usize) -> BoxedStrategy<K> {
    let other = (0..at::TARGETS.len()).prop_flat_map(own_key);
    prop_oneof![12 => own_key(target), 1 => other, 1 => Just(K::None)].boxed()
}

fn bound(target: usize) -> BoxedStrategy<Bound<K>> {
    prop_oneof![
        3 => key(target).prop_map(Bound::Included),
        3 => key(target).prop_map(Bound::Excluded),
        1 => Just(Bound::Unbounded),
    ]
    .boxed()
}

fn test(target: usize) -> BoxedStrategy<Test> {
    // A compound key cut short, or any key on its own.
    let leading = (key(target), 0..=2_usize).prop_map(|(key, length)| match key {
        K::Comp(parts) => Test::Leading(parts.into_iter().take(length).collect()),
        key => Test::Leading(vec![key]),
    });
    prop_oneof![
        3 => key(target).prop_map(Test::Is),
        2 => vec(key(target), 0..4).prop_map(Test::AnyOf),
        4 => (bound(target), bound(target)).prop_map(|(from, to)| Test::Range(from, to)),
        2 => text().prop_map(Test::StartsWith),
        2 => leading,
        1 => Just(Test::IsNone),
    ]
    .boxed()
}

fn via() -> impl Strategy<Value = Via> {
    select(vec![Via::Handle, Via::Name, Via::Path])
}

fn condition() -> impl Strategy<Value = Condition> {
    (0..at::TARGETS.len(), via()).prop_flat_map(|(target, via)| {
        test(target).prop_map(move |test| Condition { target, via, test })
    })
}

fn ask() -> impl Strategy<Value = Ask> {
    let order =
        (0..at::TARGETS.len(), via(), any::<bool>()).prop_map(|(target, via, descending)| Order {
            target,
            via,
            descending,
        });
    let filter = prop_oneof![
        4 => Just(None),
        1 => Just(Some(Filter::EvenRank)),
        1 => Just(Some(Filter::Labelled)),
    ];
    let limit = prop_oneof![3 => Just(None), 1 => (0..6_usize).prop_map(Some)];
    let conditions = prop_oneof![1 => vec(condition(), 0), 4 => vec(condition(), 1), 3 => vec(condition(), 2..4)];
    (conditions, filter, vec(order, 0..3), limit, any::<bool>()).prop_map(
        |(conditions, filter, order, limit, tail_first)| Ask {
            conditions,
            filter,
            order,
            limit,
            tail_first,
        },
    )
}

/// A query that finds much, for pages.
fn wide() -> impl Strategy<Value = Ask> {
    ask().prop_map(|mut ask| {
        ask.conditions.truncate(1);
        if ask.order.len() != 1 {
            ask.conditions.clear();
        }
        ask.filter = None;
        ask.order.retain(|order| !at::TARGETS[order.target].multi);
        ask
    })
}

fn mixed() -> impl Strategy<Value = Mixed> {
    prop_oneof![
        4 => rec().prop_map(Mixed::Save),
        1 => rec().prop_map(Mixed::Insert),
        2 => (read(), rec()).prop_map(|(read, rec)| Mixed::Replace(read, rec)),
        3 => id().prop_map(Mixed::Delete),
        1 => (read(), id()).prop_map(|(read, id)| Mixed::DeleteRead(read, id)),
        1 => id().prop_map(Mixed::DeleteAbsent),
        1 => Just(Mixed::Clear),
    ]
}

fn a_move() -> impl Strategy<Value = Move> {
    let often = |n: u32| proptest::bool::weighted(1.0 - 1.0 / f64::from(n));
    let update = (id(), rec(), (often(8), often(6), often(8)), wait()).prop_map(
        |(id, to, (keep_id, other, go), wait)| Move::Update {
            id,
            to,
            keep_id,
            same: !other,
            refuse: !go,
            wait,
        },
    );
    prop_oneof![
        8 => (rec(), wait()).prop_map(|(rec, wait)| Move::Save(rec, wait)),
        4 => (vec(rec(), 0..5), wait()).prop_map(|(recs, wait)| Move::SaveAll(recs, wait)),
        2 => (rec(), wait()).prop_map(|(rec, wait)| Move::Insert(rec, wait)),
        4 => (read(), rec(), often(8), wait())
            .prop_map(|(read, rec, keep, wait)| Move::Replace(read, rec, keep, wait)),
        5 => update,
        2 => (id(), wait()).prop_map(|(id, wait)| Move::Delete(id, wait)),
        3 => (vec(mixed(), 1..5), wait()).prop_map(|(ops, wait)| Move::Batch(ops, wait)),
        1 => prop_oneof![1 => wait().prop_map(Move::Clear), 2 => wait().prop_map(Move::Flush)],
        1 => id().prop_map(Move::Get),
        10 => ask().prop_map(Move::Find),
        2 => (wide(), 1..4_usize).prop_map(|(ask, size)| Move::Pages(ask, size)),
        1 => (wide(), 1..4_usize).prop_map(|(ask, size)| Move::FirstPage(ask, size)),
        1 => Just(Move::Resume),
        1 => (any::<bool>(), any::<bool>()).prop_map(|(drop, slow)| Move::Reopen { drop, slow }),
    ]
}

/// A history: first some records, then anything.
pub fn history() -> impl Strategy<Value = Vec<Move>> {
    let first = vec(rec().prop_map(|rec| Move::Save(rec, Wait::Detach)), 0..8);
    (first, vec(a_move(), 1..40)).prop_map(|(mut first, moves)| {
        first.extend(moves);
        first
    })
}
