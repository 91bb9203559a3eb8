//! Random histories, against a model that is a map: of a backend, and of a store of your own over one.
//!
//! Owns [`Ran`] and [`histories`], which lets proptest look for the shortest history that fails. What a
//! history is made of is [`Step`], and what must come of it is in `reference.rs`.
//!
//! # A backend
//!
//! Whatever is a [`Setup`] can be driven. After every step its answers, its records in order, its
//! counts, a look-up by every index and what it told its listeners are those of the model; after a crash it
//! has the state after some of its writes, and all that were acknowledged.
//!
//! Flushes are made to fail, too, a few times or until they are [repaired](Step::Repair). Meanwhile reads and
//! writes go on as before, nothing is acknowledged and no closing succeeds, the health tells of it, and what
//! a crash leaves is the state after some of the writes since the last that was acknowledged. Afterwards
//! everything is there that was not. What a setup cannot do is left out and [counted](Ran::left_out).
//!
//! ```
//! use larder_testkit::{Memory, model};
//!
//! let ran = model::histories(|| Memory, 20); // more in a test of yours
//! println!("memory: {ran}");
//! assert_eq!(ran.histories, 20);
//! ```
//!
//! [`steps`] gives the histories to a test that is proptest's own, and [`run`] does one.
//!
//! # A store of your own
//!
//! A store with verbs of its own over [`Repository`](larder_core::Repository) says as a [`Machine`] what
//! they do; [`drive`] mixes them with flushes, reopens and crashes of what is beneath.
//!
//! ```
//! use std::collections::BTreeMap;
//! use std::sync::Arc;
//! use larder_core::{Collection, MemoryStore, Query, Repository, RepositoryExt};
//! use larder_testkit::Memory;
//! use larder_testkit::model::{self, End, Machine};
//! use proptest::prelude::*;
//! use serde_json::{Value, json};
//!
//! /// The store that is tested: who has which desk.
//! struct Desks(Arc<dyn Repository<Value>>);
//!
//! impl Desks {
//!     fn open(store: &MemoryStore) -> Self {
//!         let desks = Collection::<Value>::named("desks").unique("who");
//!         Self(Arc::new(store.collection(desks).unwrap()))
//!     }
//!
//!     /// Whether it was free, and nobody sits at two.
//!     fn take(&self, desk: &str, who: &str) -> bool {
//!         let taken = self.0.insert(json!({"id": desk, "who": who}));
//!         taken.and_then(|write| write.wait()).is_ok()
//!     }
//!
//!     fn leave(&self, desk: &str) {
//!         self.0.delete(desk).unwrap().wait().unwrap();
//!     }
//!
//!     fn swap(&self, desk: &str, who: &str) -> bool {
//!         let swapped = self.0.update(desk, |it| it["who"] = who.into());
//!         swapped.and_then(|write| write.wait()).is_ok_and(|it| it.is_some())
//!     }
//! }
//!
//! #[derive(Clone, Debug)]
//! enum Verb { Take(String, String), Leave(String), Swap(String, String) }
//!
//! /// What is expected of it.
//! struct Expected { desks: Desks, who: BTreeMap<String, String> }
//!
//! impl Expected {
//!     fn sits(&self, who: &str) -> bool {
//!         self.who.values().any(|it| it == who)
//!     }
//! }
//!
//! impl Machine<MemoryStore> for Expected {
//!     type Step = Verb;
//!
//!     fn steps() -> BoxedStrategy<Verb> {
//!         let (desk, who) = (|| "[ab]", || "[xyz]"); // few, so that they meet
//!         prop_oneof![
//!             (desk(), who()).prop_map(|(desk, who)| Verb::Take(desk, who)),
//!             desk().prop_map(Verb::Leave),
//!             (desk(), who()).prop_map(|(desk, who)| Verb::Swap(desk, who)),
//!         ]
//!         .boxed()
//!     }
//!
//!     fn fresh(store: &MemoryStore) -> Self {
//!         Self { desks: Desks::open(store), who: BTreeMap::new() }
//!     }
//!
//!     fn apply(&mut self, verb: &Verb) {
//!         match verb {
//!             Verb::Take(desk, who) => {
//!                 let free = !self.who.contains_key(desk) && !self.sits(who);
//!                 assert_eq!(self.desks.take(desk, who), free);
//!                 if free {
//!                     self.who.insert(desk.clone(), who.clone());
//!                 }
//!             }
//!             Verb::Leave(desk) => {
//!                 self.desks.leave(desk);
//!                 self.who.remove(desk);
//!             }
//!             Verb::Swap(desk, who) => {
//!                 let there = self.who.get(desk).cloned();
//!                 let may = there.is_some_and(|it| it == *who || !self.sits(who));
//!                 assert_eq!(self.desks.swap(desk, who), may);
//!                 if may {
//!                     self.who.insert(desk.clone(), who.clone());
//!                 }
//!             }
//!         }
//!     }
//!
//!     fn check(&self) {
//!         let found = self.desks.0.find(Query::all()).unwrap();
//!         let text = |it: &Value| it.as_str().unwrap().to_owned();
//!         let found = found.iter().map(|it| (text(&it["id"]), text(&it["who"])));
//!         assert_eq!(found.collect::<BTreeMap<_, _>>(), self.who);
//!     }
//!
//!     /// Every verb waits until it is durable, so a crash takes nothing.
//!     fn reopened(&mut self, store: &MemoryStore, _end: End) {
//!         self.desks = Desks::open(store);
//!     }
//! }
//!
//! let ran = model::drive::<_, Expected>(|| Memory, 50);
//! assert_eq!(ran.crashes, 0); // the store in memory keeps nothing: it is never reopened
//! ```
//!
//! A verb that does not wait may be lost in a crash: such a machine keeps the states since the last
//! [`Machine::flushed`], and finds the one that is left when it was [`reopened`](Machine::reopened).

mod ask;
mod failing;
mod machine;
mod reference;
mod runner;
mod steps;

use std::cell::RefCell;
use std::fmt;
use std::ops::AddAssign;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, TestRunner};

use crate::setup::Setup;

pub use machine::{End, Machine, Mixed, Place, drive, mixed, run_mixed};
pub use runner::run;
pub use steps::{Act, Change, Failing, Step, Together, steps};

/// What was run. What a setup had to leave out is in no number but the last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ran {
    /// Histories that were run to their end.
    pub histories: u64,
    /// Steps that were done.
    pub steps: u64,
    /// How often the store was closed and opened again.
    pub reopens: u64,
    /// How often the machine stopped.
    pub crashes: u64,
    /// How often flushes were made to fail.
    pub faults: u64,
    /// How often a wait or a closing was told that it had failed.
    pub told: u64,
    /// Steps that were not done, because the setup can do nothing of the kind.
    pub left_out: u64,
}

impl AddAssign for Ran {
    fn add_assign(&mut self, other: Self) {
        self.histories += other.histories;
        self.steps += other.steps;
        self.reopens += other.reopens;
        self.crashes += other.crashes;
        self.faults += other.faults;
        self.told += other.told;
        self.left_out += other.left_out;
    }
}

impl fmt::Display for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            histories,
            steps,
            reopens,
            crashes,
            faults,
            told,
            left_out,
        } = self;
        write!(
            f,
            "{histories} histories, {steps} steps, {reopens} reopens, {crashes} crashes, {faults} faults \
             ({told} waits were told of one), {left_out} steps left out"
        )
    }
}

/// Runs so many random histories, each on a setup of its own.
///
/// # Panics
///
/// At the first difference: with the shortest history that proptest finds for it, and what it says.
pub fn histories<S: Setup>(setup: impl Fn() -> S, cases: u32) -> Ran {
    search(&steps(), cases, |steps| run(&setup(), steps))
}

/// Runs one after the other, and shrinks the one that fails.
fn search<T: Strategy>(strategy: &T, cases: u32, run: impl Fn(&T::Value) -> Ran) -> Ran {
    let config = Config {
        cases,
        // What is found is printed; a file beside the sources of whoever uses the kit is not ours to make.
        failure_persistence: None,
        ..Config::default()
    };
    let all = RefCell::new(Ran::default());
    let found = TestRunner::new(config).run(strategy, |history| {
        let ran = run(&history);
        *all.borrow_mut() += ran;
        Ok(())
    });
    if let Err(failure) = found {
        panic!("{failure}");
    }
    all.into_inner()
}
