//! Durable when awaited: a write that was acknowledged is found after the machine has stopped. And what
//! nobody waited for is durable when the store was closed, or flushed, or the last handle is gone.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use larder_core::{Backend, BackendExt, ErrorKind, Options, RepositoryExt, Write};

use crate::agreement::agree;
use crate::pantry::{LONG, Pantry};
use crate::records::{Jar, jar, labelled, recipe};
use crate::setup::Setup;

/// Saves three jars, waits for each in this way, and stops the machine.
fn survives<S: Setup>(setup: &S, wait: impl Fn(Write<Arc<Jar>>) -> Arc<Jar>) {
    let it = Pantry::open(setup);
    for id in ["a", "b", "c"] {
        let write = it.jars.save(labelled(id, id)).unwrap();
        assert_eq!(*wait(write), labelled(id, id));
        assert!(!it.store.health().is_dirty(), "{id} was acknowledged");
    }
    let it = it.crash();
    let acknowledged = ["a", "b", "c"].map(|id| labelled(id, id));
    assert_eq!(it.all(), acknowledged, "an acknowledged write is lost");
    agree(&*it.jars);
}

/// Blocking, without an executor.
pub fn a_wait_is_durable<S: Setup>(setup: &S) {
    survives(setup, |write| write.wait().unwrap());
}

/// Blocking, with a limit of time.
pub fn a_wait_with_a_limit_is_durable<S: Setup>(setup: &S) {
    survives(setup, |mut write| write.wait_timeout(LONG).unwrap());
}

/// As a future, on an executor that knows nothing of the store.
pub fn an_await_is_durable<S: Setup>(setup: &S) {
    survives(setup, |write| pollster::block_on(write).unwrap());
}

/// Who has no time left is told so, unless the write was durable already. It is still on its way, and can be
/// waited for again.
pub fn a_wait_that_ran_out_can_be_made_again<S: Setup>(setup: &S) {
    survives(setup, |mut write| {
        match write.wait_timeout(Duration::ZERO) {
            Ok(saved) => saved,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
                assert!(error.is_transient(), "{error}");
                write.wait_timeout(LONG).unwrap()
            }
        }
    });
}

/// A future that was polled and is dropped takes nothing back.
pub fn a_future_that_is_dropped_loses_nothing<S: Setup>(setup: &S) {
    let it = Pantry::open(setup);
    {
        let mut write = pin!(it.jars.save(jar("a")).unwrap());
        let mut context = Context::from_waker(Waker::noop());
        // Either way is right: it is durable already, or it is not yet.
        let _ = write.as_mut().poll(&mut context);
    }
    assert_eq!(it.ids().0, ["a"]);
    it.store.flush().wait().unwrap();
    assert_eq!(it.crash().ids().0, ["a"]);
}

/// A flush waits for everything that is visible, in all collections: the store's, and a repository's.
pub fn a_flush_makes_everything_durable<S: Setup>(setup: &S) {
    let it = Pantry::open(setup);
    it.put(jar("a"));
    it.recipes.save(recipe("r", 1)).unwrap().detach();
    it.store.flush().wait().unwrap();
    let it = it.crash();
    assert_eq!(it.ids(), (vec!["a".into()], vec!["r".into()]));
    it.recipes.save(recipe("s", 1)).unwrap().detach();
    it.put(jar("b"));
    it.recipes.flush().wait().unwrap();
    let it = it.crash();
    let two = |a: &str, b: &str| vec![a.to_owned(), b.to_owned()];
    assert_eq!(it.ids(), (two("a", "b"), two("r", "s")));
}

/// The writes of a store have one order: who waits for one waits for all before it, in whatever collection.
pub fn what_came_before_is_durable_too<S: Setup>(setup: &S) {
    let it = Pantry::stocked(setup, [jar("old")]);
    it.put(jar("a"));
    it.recipes.save(recipe("r", 1)).unwrap().detach();
    it.jars.delete("old").unwrap().detach();
    it.recipes.save(recipe("s", 1)).unwrap().wait().unwrap();
    let it = it.crash();
    let recipes = ["r", "s"].map(str::to_owned).to_vec();
    assert_eq!(it.ids(), (vec!["a".into()], recipes));
}

/// What was deleted and awaited stays away; so does what was cleared.
pub fn a_delete_and_a_clear_are_durable<S: Setup>(setup: &S) {
    let it = Pantry::stocked(setup, [jar("a"), jar("b"), jar("c")]);
    it.jars.delete("b").unwrap().wait().unwrap();
    let it = it.crash();
    assert_eq!(it.ids().0, ["a", "c"]);
    it.jars.clear().unwrap().wait().unwrap();
    let it = it.crash();
    assert_eq!(it.ids().0, [""; 0]);
    agree(&*it.jars);
}

/// Each verb by itself, awaited: what it did is found.
pub fn every_verb_is_durable<S: Setup>(setup: &S) {
    let of = |grams| Jar { grams, ..jar("a") };
    let grams = |it: &Pantry<'_, S>| it.jars.get("a").unwrap().map(|jar| jar.grams);
    let it = Pantry::open(setup);
    it.jars.insert(of(1)).unwrap().wait().unwrap();
    let it = it.crash();
    assert_eq!(grams(&it), Some(1), "inserted");
    let read = it.jars.get("a").unwrap().unwrap();
    it.jars.replace(&read, of(2)).unwrap().wait().unwrap();
    let it = it.crash();
    assert_eq!(grams(&it), Some(2), "replaced");
    let write = it.jars.update("a", |jar| jar.grams = 3).unwrap();
    write.wait().unwrap();
    let it = it.crash();
    assert_eq!(grams(&it), Some(3), "updated");
    it.jars.save_all([of(4), jar("b")]).unwrap().wait().unwrap();
    let it = it.crash();
    assert_eq!((grams(&it), it.all().len()), (Some(4), 2), "saved");
}

/// A transaction is one write: awaited, all of it is found, in every collection.
pub fn a_transaction_is_durable<S: Setup>(setup: &S) {
    let it = Pantry::stocked(setup, [jar("old")]);
    let write = it.store.transaction(|tx| {
        tx.save(jar("a"))?;
        tx.delete::<Jar>("old")?;
        tx.save(recipe("r", 1))
    });
    write.unwrap().wait().unwrap();
    let it = it.crash();
    assert_eq!(it.ids(), (vec!["a".into()], vec!["r".into()]));
    agree(&*it.jars);
}

/// Many who wait at once share what they wait for, and each is right to go on.
pub fn all_who_wait_at_once_are_durable<S: Setup>(setup: &S) {
    let it = Pantry::open(setup);
    let jars = &it.jars;
    std::thread::scope(|threads| {
        for writer in 0..4 {
            threads.spawn(move || {
                for n in 0..5 {
                    let write = jars.save(jar(&format!("{writer}-{n}"))).unwrap();
                    if n % 2 == 0 {
                        write.wait().unwrap();
                    } else {
                        pollster::block_on(write).unwrap();
                    }
                }
            });
        }
    });
    let it = it.crash();
    assert_eq!(it.all().len(), 20);
    agree(&*it.jars);
}

/// Writes that nobody waits for become durable by themselves, within the debounce window.
pub fn what_is_detached_becomes_durable_by_itself<S: Setup>(setup: &S) {
    let options = Options {
        debounce: Duration::from_millis(1),
        ..Options::default()
    };
    let it = Pantry::open_with(setup, options);
    it.jars.save(jar("a")).unwrap().detach();
    // One that is only dropped is no other.
    drop(it.jars.save(jar("b")).unwrap());
    until_durable(&it);
    assert_eq!(it.crash().ids().0, ["a", "b"]);
}

/// Looks until nothing is pending. That this may take a while is no failure; that it never comes is.
pub(super) fn until_durable<S: Setup>(it: &Pantry<'_, S>) {
    for _ in 0..20_000 {
        if !it.store.health().is_dirty() {
            return;
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
    panic!("it does not become durable: {:?}", it.store.health());
}

/// Closing flushes what nobody waited for.
pub fn closing_makes_everything_durable<S: Setup>(setup: &S) {
    let it = Pantry::open(setup);
    it.put(labelled("a", "x"));
    it.recipes.save(recipe("r", 1)).unwrap().detach();
    let it = it.reopen();
    assert_eq!(it.ids(), (vec!["a".into()], vec!["r".into()]));
    agree(&*it.jars);
}

/// So does letting go of the last handle.
pub fn the_last_handle_makes_everything_durable<S: Setup>(setup: &S) {
    let Pantry {
        store,
        jars,
        recipes,
        ..
    } = Pantry::open(setup);
    jars.save(jar("a")).unwrap().detach();
    recipes.save(recipe("r", 1)).unwrap().detach();
    drop(store);
    drop(recipes);
    // The repository keeps the store open.
    jars.save(jar("b")).unwrap().detach();
    drop(jars);
    let it = Pantry::open(setup);
    let both = vec!["a".to_owned(), "b".to_owned()];
    assert_eq!(it.ids(), (both, vec!["r".into()]));
}

/// The numbers tell how far the store has come.
pub fn health_tells_how_far_the_store_has_come<S: Setup>(setup: &S) {
    let it = Pantry::open(setup);
    let before = it.sequence();
    for grams in 1..=3 {
        it.put(Jar { grams, ..jar("a") });
        assert_eq!(
            it.sequence(),
            before + u64::from(grams),
            "one for each write"
        );
    }
    let health = it.store.health();
    assert!(health.is_healthy(), "{health:?}");
    assert!(health.durable <= health.applied, "{health:?}");
    let write = it.jars.save(jar("b")).unwrap();
    assert!(
        write
            .sequence()
            .is_none_or(|number| number == it.sequence())
    );
    write.wait().unwrap();
    for health in [it.store.health(), it.jars.health()] {
        assert!(health.is_healthy() && !health.is_dirty(), "{health:?}");
        assert_eq!((health.applied, health.pending()), (before + 4, 0));
        assert_eq!(health.durable, health.applied);
    }
}
