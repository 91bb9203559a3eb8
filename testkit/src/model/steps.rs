//! What a history is made of, and how it is drawn: few ids and few keys, so that they meet.
//!
//! Owns [`Step`], which is plain data, and [`steps`].

use proptest::prelude::*;

use crate::records::{Jar, Recipe, jar, recipe};

/// One step of a history.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// One verb on the jars; awaited, if so.
    Jars(Act<Jar>, bool),
    /// One verb on the recipes; awaited, if so.
    Recipes(Act<Recipe>, bool),
    /// One transaction over both collections.
    Transaction {
        /// What it does. It goes on after what is refused.
        acts: Vec<Together>,
        /// Whether it ends with an error, and all of it is taken back.
        fails: bool,
        /// Whether it is awaited.
        awaited: bool,
    },
    /// Everything that is visible becomes durable.
    Flush,
    /// The store is closed and opened again. Left out where it keeps nothing.
    Reopen,
    /// The machine stops, and the store is opened again. Left out where the setup cannot.
    Crash,
    /// Flushes fail from now on. Left out where the setup cannot make them.
    Fail(Failing),
    /// Flushes work again.
    Repair,
}

/// How long flushes fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failing {
    /// So many of them at most, and those after them work ([`Setup::fail_times`](crate::Setup::fail_times)).
    Times(u32),
    /// Until a [`Step::Repair`], or until the store is opened again ([`Setup::fail`](crate::Setup::fail)).
    UntilRepaired,
}

/// One verb inside a transaction.
#[derive(Clone, Debug, PartialEq)]
pub enum Together {
    /// On the jars.
    Jars(Act<Jar>),
    /// On the recipes.
    Recipes(Act<Recipe>),
}

/// One verb.
#[derive(Clone, Debug, PartialEq)]
pub enum Act<T> {
    /// A save.
    Save(T),
    /// Several saves, all or none.
    SaveAll(Vec<T>),
    /// An insert.
    Insert(T),
    /// A compare-and-swap.
    Replace {
        /// What is to be there.
        new: T,
        /// Whether what was read is older than what is there, unless that has come back.
        is_stale: bool,
    },
    /// An update of the record with this id.
    Update(String, Change),
    /// A delete.
    Delete(String),
    /// A clear.
    Clear,
}

/// What the closure of an update does.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// It changes a number; 1,001 and 13 are refused for jars.
    Number(u32),
    /// It changes a key: the unique label of a jar, the index of a recipe.
    Key(String),
    /// It gives the record another id.
    Id(String),
    /// It refuses.
    Refuse,
}

fn id() -> impl Strategy<Value = String> {
    prop_oneof![
        24 => prop::sample::select(vec!["a", "b", "c", "d"]),
        1 => Just(""), // refused
    ]
    .prop_map(str::to_owned)
}

fn key() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["x", "y", "z"]).prop_map(str::to_owned)
}

/// A number that a jar may have, or one of the two that it may not.
fn number() -> impl Strategy<Value = u32> {
    prop_oneof![12 => 1..5_u32, 1 => Just(1001_u32), 1 => Just(13_u32)]
}

fn some_jar() -> impl Strategy<Value = Jar> {
    let lists = prop::collection::vec(key(), 0..3);
    let shelf = prop::sample::select(vec!["top", "low", "x"]);
    let row = prop::option::of(-1..2_i64);
    let place = prop::option::of(1..3_u32);
    (
        id(),
        prop::option::of(key()),
        shelf,
        row,
        place,
        lists,
        number(),
    )
        .prop_map(|(id, label, shelf, row, place, contents, grams)| Jar {
            label,
            shelf: shelf.to_owned(),
            row,
            place,
            contents,
            // One reason to be refused at a time: which comes first is nobody's promise.
            grams: if id.is_empty() { 1 } else { grams },
            ..jar(&id)
        })
}

fn some_recipe() -> impl Strategy<Value = Recipe> {
    (id(), key(), 0..3_u64).prop_map(|(id, jar, portions)| Recipe {
        jar,
        ..recipe(&id, portions)
    })
}

fn act<T: Clone + std::fmt::Debug + 'static>(
    record: impl Fn() -> BoxedStrategy<T>,
) -> impl Strategy<Value = Act<T>> {
    let change = prop_oneof![
        4 => number().prop_map(Change::Number),
        4 => key().prop_map(Change::Key),
        1 => id().prop_map(Change::Id),
        1 => Just(Change::Refuse),
    ];
    prop_oneof![
        8 => record().prop_map(Act::Save),
        3 => prop::collection::vec(record(), 0..4).prop_map(Act::SaveAll),
        4 => record().prop_map(Act::Insert),
        4 => (record(), any::<bool>()).prop_map(|(new, is_stale)| Act::Replace { new, is_stale }),
        5 => (id(), change).prop_map(|(id, change)| Act::Update(id, change)),
        4 => id().prop_map(Act::Delete),
        1 => Just(Act::Clear),
    ]
}

/// Histories of up to thirty steps. They are the same for every setup: one that cannot crash or fail leaves
/// that out.
pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    let jars = || act(|| some_jar().boxed());
    let recipes = || act(|| some_recipe().boxed());
    let awaited = || prop::bool::weighted(0.25);
    let together = prop_oneof![
        3 => jars().prop_map(Together::Jars),
        2 => recipes().prop_map(Together::Recipes),
    ];
    let transaction = (
        prop::collection::vec(together, 0..5),
        prop::bool::weighted(0.25),
        awaited(),
    )
        .prop_map(|(acts, fails, awaited)| Step::Transaction {
            acts,
            fails,
            awaited,
        });
    let failing = prop_oneof![
        2 => (1..4_u32).prop_map(Failing::Times),
        3 => Just(Failing::UntilRepaired),
    ];
    let step = prop_oneof![
        12 => (jars(), awaited()).prop_map(|(act, awaited)| Step::Jars(act, awaited)),
        4 => (recipes(), awaited()).prop_map(|(act, awaited)| Step::Recipes(act, awaited)),
        5 => transaction,
        1 => Just(Step::Flush),
        1 => Just(Step::Reopen),
        2 => Just(Step::Crash),
        1 => failing.prop_map(Step::Fail),
        1 => Just(Step::Repair),
    ];
    prop::collection::vec(step, 1..30)
}
