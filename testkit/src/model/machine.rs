//! Driving a store of somebody's own over a repository, whatever its verbs are.
//!
//! Owns [`Machine`], [`Place`] and [`drive`]. What the verbs do is the machine's to say; here they are mixed
//! with what may happen to the store beneath, but for flushes that fail: what its verbs say then only the
//! machine could know.

use std::fmt::Debug;

use larder_core::Backend;
use proptest::prelude::*;

use super::{Ran, search};
use crate::pantry::patient;
use crate::setup::{Ability, Setup};

/// Where the store beneath is, and what may happen to it. Every [`Setup`] is one; a store that is no
/// [`Backend`], such as the one of the crate `larder`, needs these few lines.
pub trait Place {
    /// The store beneath.
    type Store;

    /// Opens the store in this place; creates it the first time.
    fn open(&self) -> Self::Store;

    /// Makes durable what is visible.
    fn flush(&self, store: &Self::Store);

    /// Closes it. It is dropped later.
    fn close(&self, store: &Self::Store);

    /// Whether what was closed is found by the next open.
    fn keeps(&self) -> bool;

    /// Whether [`crash`](Self::crash) does what it says.
    fn crashes(&self) -> bool {
        false
    }

    /// The machine stops, now, as in [`Setup::crash`]. Called only if this place [`crashes`](Self::crashes).
    fn crash(&self) {}
}

impl<S: Setup> Place for S {
    type Store = S::Store;

    fn open(&self) -> S::Store {
        Setup::open(self, patient()).expect("the store opens")
    }

    fn flush(&self, store: &S::Store) {
        store.flush().wait().expect("the store flushes");
    }

    fn close(&self, store: &S::Store) {
        store.close().wait().expect("the store closes");
    }

    fn keeps(&self) -> bool {
        self.abilities().contains(&Ability::Keep)
    }

    fn crashes(&self) -> bool {
        self.abilities().contains(&Ability::Crash)
    }

    fn crash(&self) {
        Setup::crash(self);
    }
}

/// How the store beneath was left before it was opened again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It was closed: everything must be there.
    Closed,
    /// The machine stopped: what was not acknowledged may be missing.
    Crashed,
}

/// A store of your own over the store `S`, its verbs, and what is expected of it.
///
/// Assertions say what is wrong: a history fails by panicking.
pub trait Machine<S>: Sized {
    /// One verb with its arguments.
    type Step: Clone + Debug + 'static;

    /// How a verb is drawn. Few ids and few keys, so that they meet.
    fn steps() -> BoxedStrategy<Self::Step>;

    /// Opens your store on one that is new, and expects nothing in it.
    fn fresh(store: &S) -> Self;

    /// Does it, and compares the answer.
    fn apply(&mut self, step: &Self::Step);

    /// Compares everything that can be seen. Called after every step.
    fn check(&self);

    /// Everything that is visible was made durable.
    fn flushed(&mut self) {}

    /// Opens your store anew on what is there now. After a crash this is also where it is asserted that
    /// what is left may be left, and where the model becomes that; [`check`](Self::check) follows.
    fn reopened(&mut self, store: &S, end: End);
}

/// A step of a machine, or something that happens beneath it.
#[derive(Clone, Debug, PartialEq)]
pub enum Mixed<T> {
    /// One of its own verbs.
    Own(T),
    /// The store beneath is flushed.
    Flush,
    /// It is closed and opened again. Left out where it keeps nothing.
    Reopen,
    /// The machine stops, and it is opened again. Left out where the place cannot.
    Crash,
}

/// Histories of up to thirty steps: those of a machine, and what happens beneath.
pub fn mixed<T: Clone + Debug + 'static>(
    own: BoxedStrategy<T>,
) -> impl Strategy<Value = Vec<Mixed<T>>> {
    let step = prop_oneof![
        12 => own.prop_map(Mixed::Own),
        1 => Just(Mixed::Flush),
        1 => Just(Mixed::Reopen),
        2 => Just(Mixed::Crash),
    ];
    prop::collection::vec(step, 1..30)
}

/// Runs so many random histories of a machine, each in a place of its own.
///
/// # Panics
///
/// If one fails: with the shortest that proptest finds, and what it says.
pub fn drive<P: Place, M: Machine<P::Store>>(place: impl Fn() -> P, cases: u32) -> Ran {
    let histories = mixed(M::steps());
    search(&histories, cases, |steps| {
        run_mixed::<P, M>(&place(), steps)
    })
}

/// Runs one history of a machine, and gives what was done.
pub fn run_mixed<P: Place, M: Machine<P::Store>>(place: &P, steps: &[Mixed<M::Step>]) -> Ran {
    let mut store = place.open();
    let mut machine = M::fresh(&store);
    let mut ran = Ran::default();
    machine.check();
    for step in steps {
        match step {
            Mixed::Own(step) => machine.apply(step),
            Mixed::Flush => {
                place.flush(&store);
                machine.flushed();
            }
            Mixed::Reopen if place.keeps() => {
                place.close(&store);
                store = place.open();
                machine.reopened(&store, End::Closed);
                ran.reopens += 1;
            }
            Mixed::Crash if place.crashes() => {
                place.crash();
                // The one that was open is dropped after this, when nothing it does reaches anybody.
                let left = std::mem::replace(&mut store, place.open());
                machine.reopened(&store, End::Crashed);
                drop(left);
                ran.crashes += 1;
            }
            Mixed::Reopen | Mixed::Crash => {
                ran.left_out += 1;
                continue;
            }
        }
        ran.steps += 1;
        machine.check();
    }
    drop(machine);
    place.close(&store);
    ran.histories = 1;
    ran
}
