//! Random histories.
//!
//! Owns [`Move`] and the strategies. The first of a choice is the simplest, so that a history that
//! fails shrinks towards a save outside of a transaction.

use std::ops::Bound;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use crate::books::{Ask, TARGETS, Test};
use crate::forms::{REFUSED, Row, Which};
use crate::keys::K;

const IDS: [&str; 4] = ["a", "b", "c", "é"];
const TEXTS: [&str; 4] = ["x", "xy", "", "z"];

/// How the end of a write is awaited.
#[derive(Clone, Copy, Debug)]
pub enum Wait {
    Detach,
    Block,
    Await,
}

/// Which record a compare-and-swap says it has read.
#[derive(Clone, Copy, Debug)]
pub enum Read {
    /// What is there now, as whoever asks sees it.
    Fresh,
    /// One that was read or written before: perhaps before a restart, or in a transaction that was
    /// taken back.
    Earlier(usize),
    /// One that never was.
    Never,
}

/// One verb on one collection.
#[derive(Clone, Debug)]
pub enum Act {
    Save(Row),
    Insert(Row),
    Delete(String),
    /// The flag keeps the id of what was read.
    Replace(Read, Row, bool),
    Update {
        id: String,
        to: Row,
        keep_id: bool,
        refuse: bool,
    },
    SaveAll(Vec<Row>),
    Batch(Vec<Mixed>),
    Clear,
    Get(String),
    Find(Ask),
}

/// An operation of a batch.
#[derive(Clone, Debug)]
pub enum Mixed {
    Save(Row),
    Insert(Row),
    Replace(Read, Row),
    Delete(String),
    DeleteRead(Read, String),
    DeleteAbsent(String),
    Clear,
}

/// What happens in the closure of a transaction.
#[derive(Clone, Debug)]
pub enum Inside {
    /// The flag passes an error on, which ends the transaction; else the closure goes on.
    Act(Which, Act, bool),
    /// What would wait for the transaction itself.
    Beside,
}

/// How the closure ends, if no error ended it before.
#[derive(Clone, Copy, Debug)]
pub enum End {
    Done(Wait),
    /// With an error of its own.
    Error(u8),
    Panic,
}

#[derive(Clone, Debug)]
pub enum Move {
    Alone(Which, Act, Wait),
    Together(Vec<Inside>, End),
    Flush(Wait),
    /// Whether by dropping every handle.
    Reopen(bool),
}

fn which() -> impl Strategy<Value = Which> {
    select(&Which::ALL[..])
}

fn id() -> impl Strategy<Value = String> {
    prop_oneof![60 => select(&IDS[..]), 1 => Just("")].prop_map(str::to_owned)
}

fn text() -> impl Strategy<Value = &'static str> {
    select(&TEXTS[..])
}

fn value() -> impl Strategy<Value = Value> {
    let keys = vec![
        json!(null),
        json!(1),
        json!("x"),
        json!(false),
        json!(true),
        json!(1.0),
        json!(1.5),
        json!(-2),
        json!("xy"),
        json!(9_007_199_254_740_993_i64),
    ];
    prop_oneof![30 => select(keys), 1 => Just(json!({}))]
}

// Boxed where they are large: a tree of all choices has to fit on the stack of a test.
fn row() -> BoxedStrategy<Row> {
    let tags = prop_oneof![30 => vec(text(), 0..=3), 1 => vec(text(), 4)];
    let n = prop_oneof![30 => -2_i64..3, 1 => Just(REFUSED)];
    (id(), option::of(text()), tags, value(), n, any::<bool>())
        .prop_map(|(id, owner, tags, value, n, live)| Row {
            id,
            owner,
            tags,
            value,
            n,
            live,
        })
        .boxed()
}

fn wait() -> impl Strategy<Value = Wait> {
    prop_oneof![6 => Just(Wait::Detach), 1 => Just(Wait::Block), 1 => Just(Wait::Await)]
}

fn read() -> impl Strategy<Value = Read> {
    prop_oneof![
        4 => Just(Read::Fresh),
        4 => (0..1000_usize).prop_map(Read::Earlier),
        1 => Just(Read::Never),
    ]
}

fn key() -> impl Strategy<Value = K> {
    prop_oneof![
        4 => text().prop_map(K::text),
        4 => (-2_i64..3).prop_map(K::int),
        1 => select(vec![1.0, 1.5, -0.5]).prop_map(K::float),
        1 => any::<bool>().prop_map(K::Bool),
        1 => Just(K::None),
    ]
}

fn bound() -> impl Strategy<Value = Bound<K>> {
    prop_oneof![
        2 => Just(Bound::Unbounded),
        2 => key().prop_map(Bound::Included),
        1 => key().prop_map(Bound::Excluded),
    ]
}

fn test() -> impl Strategy<Value = Test> {
    prop_oneof![
        4 => key().prop_map(Test::Is),
        1 => vec(key(), 0..3).prop_map(Test::AnyOf),
        3 => (bound(), bound()).prop_map(|(from, to)| Test::Range(from, to)),
        1 => text().prop_map(Test::StartsWith),
        1 => Just(Test::IsNone),
    ]
}

fn ask(which: Which) -> BoxedStrategy<Ask> {
    (
        vec((0..2_usize, test()), 0..3),
        proptest::bool::weighted(0.2),
        option::weighted(0.6, (0..2_usize, any::<bool>())),
        option::weighted(0.3, select(&IDS[..])),
        option::weighted(0.3, 0..4_usize),
    )
        .prop_map(move |(conditions, even, order, after, limit)| Ask {
            conditions,
            even,
            order: order.filter(|(target, _)| !TARGETS[which as usize][*target].multi),
            after,
            limit,
        })
        .boxed()
}

fn mixed() -> BoxedStrategy<Mixed> {
    prop_oneof![
        4 => row().prop_map(Mixed::Save),
        2 => row().prop_map(Mixed::Insert),
        2 => id().prop_map(Mixed::Delete),
        2 => (read(), row()).prop_map(|(read, row)| Mixed::Replace(read, row)),
        1 => (read(), id()).prop_map(|(read, id)| Mixed::DeleteRead(read, id)),
        1 => id().prop_map(Mixed::DeleteAbsent),
        1 => Just(Mixed::Clear),
    ]
    .boxed()
}

fn act(which: Which) -> BoxedStrategy<Act> {
    let seldom = || proptest::bool::weighted(0.12);
    prop_oneof![
        8 => row().prop_map(Act::Save),
        3 => row().prop_map(Act::Insert),
        3 => id().prop_map(Act::Delete),
        4 => (read(), row(), seldom()).prop_map(|(read, row, moves)| Act::Replace(read, row, !moves)),
        4 => (id(), row(), seldom(), seldom()).prop_map(|(id, to, moves, refuse)| Act::Update {
            id,
            to,
            keep_id: !moves,
            refuse,
        }),
        2 => vec(row(), 0..4).prop_map(Act::SaveAll),
        2 => vec(mixed(), 1..4).prop_map(Act::Batch),
        1 => Just(Act::Clear),
        2 => id().prop_map(Act::Get),
        5 => ask(which).prop_map(Act::Find),
    ]
    .boxed()
}

fn inside() -> BoxedStrategy<Inside> {
    prop_oneof![
        30 => (which(), proptest::bool::weighted(0.3)).prop_flat_map(|(which, pass)| {
            act(which).prop_map(move |act| Inside::Act(which, act, pass))
        }),
        1 => Just(Inside::Beside),
    ]
    .boxed()
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![
        8 => wait().prop_map(End::Done),
        2 => any::<u8>().prop_map(End::Error),
        1 => Just(End::Panic),
    ]
}

fn a_move() -> impl Strategy<Value = Move> {
    prop_oneof![
        6 => which().prop_flat_map(|which| {
            (act(which), wait()).prop_map(move |(act, wait)| Move::Alone(which, act, wait))
        }),
        8 => (vec(inside(), 1..=8), end()).prop_map(|(acts, end)| Move::Together(acts, end)),
        1 => wait().prop_map(Move::Flush),
        1 => any::<bool>().prop_map(Move::Reopen),
    ]
}

pub fn history() -> impl Strategy<Value = Vec<Move>> {
    vec(a_move(), 1..24)
}
