//! A store with both collections open: what most cases begin with.
//!
//! Owns [`Pantry`], and how a store is opened, closed and opened again in a case. What is compared before
//! and after is `agreement.rs`.

use std::sync::Arc;
use std::time::Duration;

use larder_core::{Backend, Collection, Options, Query, Repository, RepositoryExt, Write};

use crate::records::{Jar, Recipe};
use crate::setup::Setup;

/// So long that only an event ends it, and no flush comes that nobody asked for.
pub(crate) const LONG: Duration = Duration::from_hours(1);

/// A store that flushes when it is asked to, and not before.
pub(crate) fn patient() -> Options {
    Options {
        debounce: LONG,
        ..Options::default()
    }
}

/// A store with both collections open.
pub(crate) struct Pantry<'s, S: Setup> {
    pub(crate) setup: &'s S,
    pub(crate) store: S::Store,
    pub(crate) jars: Arc<dyn Repository<Jar>>,
    pub(crate) recipes: Arc<dyn Repository<Recipe>>,
}

impl<'s, S: Setup> Pantry<'s, S> {
    pub(crate) fn open(setup: &'s S) -> Self {
        Self::open_with(setup, patient())
    }

    pub(crate) fn open_with(setup: &'s S, options: Options) -> Self {
        let store = setup.open(options).expect("the store opens");
        let jars = setup.collection(&store, Collection::<Jar>::of());
        let recipes = setup.collection(&store, Collection::<Recipe>::of());
        Self {
            jars: jars.expect("the collection of jars opens"),
            recipes: recipes.expect("the collection of recipes opens"),
            setup,
            store,
        }
    }

    /// With these jars in it, durably.
    pub(crate) fn stocked(setup: &'s S, jars: impl IntoIterator<Item = Jar>) -> Self {
        let it = Self::open(setup);
        it.jars
            .save_all(jars)
            .expect("the jars are saved")
            .wait()
            .expect("the jars are durable");
        it
    }

    /// Closes the store and lets go of every handle.
    pub(crate) fn close(self) -> &'s S {
        self.store.close().wait().expect("the store closes");
        self.setup
    }

    /// Closes it and opens it again.
    pub(crate) fn reopen(self) -> Self {
        Self::open(self.close())
    }

    /// What is found after the machine has stopped at this moment.
    pub(crate) fn crash(self) -> Self {
        self.setup.crash();
        let found = Self::open(self.setup);
        // Only now: what it flushes when it goes must reach nobody.
        drop(self);
        found
    }

    /// A jar that is saved, and not awaited.
    pub(crate) fn put(&self, jar: Jar) -> Arc<Jar> {
        let write = self.jars.save(jar).expect("the jar is saved");
        write.into_visible().expect("a save gives what was saved")
    }

    /// All jars, by id.
    pub(crate) fn all(&self) -> Vec<Jar> {
        jars(&*self.jars, Query::all())
    }

    /// The ids of all jars and of all recipes.
    pub(crate) fn ids(&self) -> (Vec<String>, Vec<String>) {
        let recipes = self.recipes.find(Query::all()).expect("a query of all");
        (
            ids(&*self.jars, Query::all()),
            recipes.iter().map(|recipe| recipe.id.clone()).collect(),
        )
    }

    /// The number of the last write.
    pub(crate) fn sequence(&self) -> u64 {
        self.store.health().applied
    }
}

/// The jars that a query finds, in its order.
#[track_caller]
pub(crate) fn jars(of: &dyn Repository<Jar>, query: impl Into<Query<Jar>>) -> Vec<Jar> {
    let found = of.find(query).expect("a query that can be answered");
    found.iter().map(|jar| Jar::clone(jar)).collect()
}

/// Their ids.
#[track_caller]
pub(crate) fn ids(of: &dyn Repository<Jar>, query: impl Into<Query<Jar>>) -> Vec<String> {
    jars(of, query).into_iter().map(|jar| jar.id).collect()
}

/// Asserts that a write was refused, and gives why.
#[track_caller]
pub(crate) fn refused<R>(result: larder_core::Result<Write<R>>) -> larder_core::Error {
    match result {
        Err(error) => error,
        Ok(_) => panic!("a write was made that had to be refused"),
    }
}
