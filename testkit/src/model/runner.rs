//! One history on one setup, compared with the model after every step.
//!
//! Owns [`run`]. What is drawn is `steps.rs`, what is expected `reference.rs`.

use std::sync::Arc;

use larder_core::{
    Backend, BackendExt, ChangeEvent, Error, Options, Query, Repository, RepositoryExt,
    StoreChange, StoreChanges, Transaction, Write,
};

use super::Ran;
use super::ask::{ask, ask_in, refusal};
use super::failing::{ATTEMPTS, Flushes};
use super::reference::{Answer, Changed, Kept, REFUSED, Shelf};
use super::steps::{Act, Step, Together};
use crate::agreement::agree;
use crate::pantry::{Pantry, patient};
use crate::records::{Jar, Recipe};
use crate::setup::{Ability, Setup};

/// Both collections, as they should be.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Shelves {
    jars: Shelf<Jar>,
    recipes: Shelf<Recipe>,
}

/// A change of either collection.
#[allow(
    clippy::large_enum_variant,
    reason = "a few at a time, and nothing here is hot"
)]
#[derive(Debug, PartialEq)]
pub(super) enum Told {
    Jar(Changed<Jar>),
    Recipe(Changed<Recipe>),
}

impl Told {
    fn of(change: &StoreChange) -> Self {
        fn changed<T: Kept>(change: &StoreChange) -> Changed<T> {
            let clone = |record: Option<Arc<T>>| record.map(|record| T::clone(&record));
            let id = change.id().to_owned();
            (id, clone(change.before()), clone(change.after()))
        }
        match change.collection() {
            "jars" => Self::Jar(changed(change)),
            "recipes" => Self::Recipe(changed(change)),
            other => panic!("a change of {other} is told, which was not opened"),
        }
    }
}

pub(super) struct Runner<'s, S: Setup> {
    it: Option<Pantry<'s, S>>,
    told: StoreChanges,
    /// What is visible.
    pub(super) now: Shelves,
    /// What a crash may leave: the state that is durable for certain, and those after it.
    pub(super) states: Vec<Shelves>,
    /// Whether a write was made since.
    pub(super) is_pending: bool,
    pub(super) flushes: Flushes,
    /// Whether a flush has failed since, so that the store tries again by itself.
    pub(super) is_tried_again: bool,
    pub(super) ran: Ran,
}

/// Flushes when it is asked to, and says soon when it cannot.
fn options() -> Options {
    Options {
        flush_attempts: ATTEMPTS,
        ..patient()
    }
}

/// Runs a history, and gives what was done. A reopen is left out where the setup does not say that the store
/// keeps something ([`Ability::Keep`]), a crash where it cannot crash, and a failure where it cannot fail.
///
/// # Panics
///
/// At the first difference from the model; the message begins with the step.
pub fn run<S: Setup>(setup: &S, steps: &[Step]) -> Ran {
    let it = Pantry::open_with(setup, options());
    let mut runner = Runner {
        told: it.store.changes().expect("the changes of a store"),
        it: Some(it),
        now: Shelves::default(),
        states: vec![Shelves::default()],
        is_pending: false,
        flushes: Flushes::Work,
        is_tried_again: false,
        ran: Ran::default(),
    };
    for (number, step) in steps.iter().enumerate() {
        runner.step(step, &format!("step {number}, {step:?}"));
    }
    runner.end("the end");
    runner.ran.histories = 1;
    runner.ran
}

impl<'s, S: Setup> Runner<'s, S> {
    pub(super) fn it(&self) -> &Pantry<'s, S> {
        self.it.as_ref().expect("a store is open")
    }

    fn step(&mut self, step: &Step, what: &str) {
        let abilities = self.it().setup.abilities();
        let (keeps, crashes) = (
            abilities.contains(&Ability::Keep),
            abilities.contains(&Ability::Crash),
        );
        let sequence = self.it().sequence();
        let changes = match step {
            Step::Jars(act, awaited) => {
                let done = ask(&*self.it().jars, act, &self.now.jars);
                let (answer, changes) = self.now.jars.act(act);
                self.is_pending |= !changes.is_empty();
                self.answered(done, &answer, *awaited, what);
                changes.into_iter().map(Told::Jar).collect()
            }
            Step::Recipes(act, awaited) => {
                let done = ask(&*self.it().recipes, act, &self.now.recipes);
                let (answer, changes) = self.now.recipes.act(act);
                self.is_pending |= !changes.is_empty();
                self.answered(done, &answer, *awaited, what);
                changes.into_iter().map(Told::Recipe).collect()
            }
            Step::Transaction {
                acts,
                fails,
                awaited,
            } => self.transaction(acts, *fails, *awaited, what),
            Step::Flush => {
                let flushed = self.it().store.flush().wait();
                self.waited(flushed, what);
                Vec::new()
            }
            Step::Fail(failing) if self.fail(*failing, what) => Vec::new(),
            Step::Repair if self.repair() => Vec::new(),
            Step::Reopen if keeps => return self.reopen(what),
            Step::Crash if crashes => return self.crash(what),
            Step::Fail(_) | Step::Reopen | Step::Crash => {
                self.ran.left_out += 1;
                return;
            }
            // It works.
            Step::Repair => return,
        };
        self.ran.steps += 1;
        let numbers = u64::from(!changes.is_empty());
        let applied = self.it().sequence() - sequence;
        assert_eq!(applied, numbers, "{what}: how many numbers were given");
        let told = self.told(what);
        assert_eq!(told, changes, "{what}: what was told");
        self.check(what);
    }

    /// Compares the answer, and waits, if so.
    fn answered<T: Kept>(
        &mut self,
        done: Result<Write<Answer<T>>, Error>,
        expected: &Answer<T>,
        awaited: bool,
        what: &str,
    ) {
        let found = match &done {
            Ok(write) => write
                .visible()
                .cloned()
                .expect("a write that was not awaited"),
            Err(error) => refusal(error),
        };
        assert_eq!(found, *expected, "{what}: the answer");
        if let Ok(write) = done {
            self.written(write, awaited, what);
        }
    }

    fn written<R>(&mut self, write: Write<R>, awaited: bool, what: &str) {
        if awaited && write.sequence().is_some() {
            // What was written before it is durable with it.
            let waited = write.wait().map(|_| ());
            self.waited(waited, what);
        } else {
            write.detach();
            self.states.push(self.now.clone());
        }
    }

    fn transaction(
        &mut self,
        acts: &[Together],
        fails: bool,
        awaited: bool,
        what: &str,
    ) -> Vec<Told> {
        let mut next = self.now.clone();
        let mut changes = Vec::new();
        let done = self.it().store.transaction(|tx| {
            for act in acts {
                match act {
                    Together::Jars(act) => {
                        let changed = inside(tx, act, &mut next.jars, what)?;
                        changes.extend(changed.into_iter().map(Told::Jar));
                    }
                    Together::Recipes(act) => {
                        let changed = inside(tx, act, &mut next.recipes, what)?;
                        changes.extend(changed.into_iter().map(Told::Recipe));
                    }
                }
            }
            if fails {
                return Err(Error::new(REFUSED, "the transaction refuses"));
            }
            Ok(())
        });
        match done {
            Ok(_) if fails => panic!("{what}: it was made and had to be refused"),
            Ok(write) => {
                self.now = next;
                self.is_pending |= !changes.is_empty();
                self.written(write, awaited, what);
                changes
            }
            Err(error) => {
                assert!(fails && error.kind() == REFUSED, "{what}: {error}");
                Vec::new()
            }
        }
    }

    /// What was told since the last time. The changes of one step come as one batch.
    pub(super) fn told(&mut self, what: &str) -> Vec<Told> {
        let mut all = Vec::new();
        while let Some(event) = self.told.try_next() {
            let ChangeEvent::Changed(batch) = event else {
                panic!("{what}: {event:?} is told");
            };
            assert!(all.is_empty(), "{what}: it is told in two parts");
            let sequence = self.it().sequence();
            for change in &batch {
                assert_eq!(
                    change.sequence(),
                    sequence,
                    "{what}: the number that is told"
                );
            }
            all = batch.iter().map(Told::of).collect();
        }
        all
    }

    pub(super) fn check(&self, what: &str) {
        same(&*self.it().jars, &self.now.jars, what);
        same(&*self.it().recipes, &self.now.recipes, what);
        let jars = &*self.it().jars;
        for id in ["a", "b", "c", "d"] {
            let jar = self.now.jars.all.get(id);
            let of = jar.cloned().unwrap_or_else(|| Jar::never(id));
            let mut asked = vec![
                (
                    Jar::SHELF.is(&*of.shelf),
                    with(&self.now, |it| it.shelf == of.shelf),
                ),
                (
                    Jar::CONTENTS.is("x"),
                    with(&self.now, |it| it.contents.iter().any(|it| it == "x")),
                ),
            ];
            if let Some(label) = &of.label {
                let wanted = with(&self.now, |it| it.label.as_ref() == Some(label));
                asked.push((Jar::LABEL.is(&**label).into(), wanted));
            }
            if let Some(row) = of.row {
                asked.push((Jar::ROW.is(row), with(&self.now, |it| it.row == Some(row))));
                let wanted = with(&self.now, |it| it.row == Some(row) && it.shelf == of.shelf);
                asked.push((Jar::BY_ROW.is((&*of.shelf, row)), wanted));
            }
            if let Some(place) = of.place {
                let wanted = with(&self.now, |it| {
                    it.place == Some(place) && it.shelf == of.shelf
                });
                asked.push((Jar::BY_PLACE.is((&*of.shelf, place)).into(), wanted));
            }
            for (query, wanted) in asked {
                let query_is = format!("{what}: what an index finds, {query:?}");
                assert_eq!(crate::pantry::ids(jars, query), wanted, "{query_is}");
            }
        }
    }

    fn close(&mut self) {
        let it = self.it.take().expect("a store is open");
        it.close();
    }

    fn reopen(&mut self, what: &str) {
        let setup = self.it().setup;
        if self.close_while_failing(what) {
            self.it = None;
        } else {
            self.close();
        }
        self.opened(Pantry::open_with(setup, options()), what);
        self.ran.reopens += 1;
        self.states = vec![self.now.clone()];
        self.check(what);
    }

    /// Closes the store, and looks whether what had failed has come: a crash may never have asked.
    fn end(&mut self, what: &str) {
        if self.flushes != Flushes::Work {
            self.repair();
        }
        agree(&*self.it().jars);
        let setup = self.it().setup;
        self.close();
        if self.ran.faults > 0 && setup.abilities().contains(&Ability::Keep) {
            self.opened(Pantry::open_with(setup, options()), what);
            self.check(what);
            self.close();
        }
    }

    fn crash(&mut self, what: &str) {
        let left = self.it.take().expect("a store is open");
        let setup = left.setup;
        setup.crash();
        if std::mem::replace(&mut self.flushes, Flushes::Work) != Flushes::Work {
            setup.fail(false);
        }
        self.opened(Pantry::open_with(setup, options()), what);
        // Only now: what it flushes when it goes must reach nobody.
        drop(left);
        self.ran.crashes += 1;
        let left = |state: &Shelves| {
            records(&*self.it().jars) == values(&state.jars)
                && records(&*self.it().recipes) == values(&state.recipes)
        };
        let place = self.states.iter().rposition(left);
        let Some(place) = place else {
            panic!(
                "{what}: {:?} and {:?} are left, which was after none of the writes since what was \
                 acknowledged: {:?}",
                records(&*self.it().jars),
                records(&*self.it().recipes),
                self.states
            );
        };
        self.now = self.states.swap_remove(place);
        self.states = vec![self.now.clone()];
        self.check(what);
        agree(&*self.it().jars);
    }

    fn opened(&mut self, it: Pantry<'s, S>, what: &str) {
        let report = it.store.load_report();
        assert!(report.is_clean(), "{what}: {report:?}");
        self.told = it.store.changes().expect("the changes of a store");
        self.it = Some(it);
        self.is_pending = false;
        self.is_tried_again = false;
        self.ran.steps += 1;
    }
}

/// One verb in a transaction, and what a read in it finds then.
fn inside<T: Kept>(
    tx: &Transaction<'_>,
    act: &Act<T>,
    shelf: &mut Shelf<T>,
    what: &str,
) -> Result<Vec<Changed<T>>, Error> {
    let scope = tx.of::<T>()?;
    let found = ask_in(&scope, act, shelf).unwrap_or_else(|error| refusal(&error));
    let (answer, changes) = shelf.act(act);
    assert_eq!(found, answer, "{what}: the answer to {act:?}");
    let found = scope.find(Query::all())?;
    let found: Vec<T> = found.iter().map(|record| T::clone(record)).collect();
    assert_eq!(found, values(shelf), "{what}: what it sees after {act:?}");
    Ok(changes)
}

fn values<T: Clone>(shelf: &Shelf<T>) -> Vec<T> {
    shelf.all.values().cloned().collect()
}

fn records<T: Kept>(of: &dyn Repository<T>) -> Vec<T> {
    let found = of.find(Query::all()).expect("a query of all");
    found.iter().map(|record| T::clone(record)).collect()
}

/// The ids of the jars that should be found.
fn with(now: &Shelves, test: impl Fn(&Jar) -> bool) -> Vec<String> {
    let found = now.jars.all.values().filter(|jar| test(jar));
    found.map(|jar| jar.id.clone()).collect()
}

fn same<T: Kept>(of: &dyn Repository<T>, shelf: &Shelf<T>, what: &str) {
    assert_eq!(records(of), values(shelf), "{what}: the records");
    let count = of.count(Query::all()).expect("a count");
    assert_eq!(count, shelf.all.len() as u64, "{what}: the count");
    for id in ["a", "b", "c", "d"] {
        let found = of.get(id).expect("a look-up by id");
        assert_eq!(
            found.as_deref(),
            shelf.all.get(id),
            "{what}: {id} by its id"
        );
    }
}
