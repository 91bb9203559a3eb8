//! A failed flush stays dirty: nothing is forgotten while the disk is full or broken. The store says so,
//! goes on, and flushes when it can.

use std::time::Duration;

use larder_core::{Backend, BackendExt, ErrorKind, HealthState, Options, RepositoryExt};

use super::durable::until_durable;
use crate::agreement::agree;
use crate::pantry::{LONG, Pantry, patient};
use crate::records::{Jar, jar, labelled, recipe};
use crate::setup::Setup;

/// A store with one durable jar, whose flushes fail from now on, and tell after one attempt.
fn failing<S: Setup>(setup: &S) -> Pantry<'_, S> {
    let options = Options {
        flush_attempts: 1,
        ..patient()
    };
    let it = Pantry::open_with(setup, options);
    it.jars.save(jar("safe")).unwrap().wait().unwrap();
    setup.fail(true);
    it
}

/// Who waits is told that the write is not durable, and why, and that it may become so.
pub fn who_waits_is_told<S: Setup>(setup: &S) {
    let it = failing(setup);
    let write = it.jars.save(jar("a")).unwrap();
    let error = write.wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotDurable, "{error}");
    assert!(error.is_transient(), "{error}");
    assert!(std::error::Error::source(&error).is_some(), "why: {error}");
    let error = pollster::block_on(it.jars.save(jar("b")).unwrap()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotDurable, "{error}");
    let error = it.store.flush().wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotDurable, "{error}");
    // It is visible all the same.
    assert_eq!(it.ids().0, ["a", "b", "safe"]);
    setup.fail(false);
}

/// The store goes on: what is written is visible, and what was refused is refused.
pub fn reads_and_writes_go_on<S: Setup>(setup: &S) {
    let it = failing(setup);
    assert!(it.store.flush().wait().is_ok(), "nothing is pending yet");
    it.put(labelled("a", "x"));
    assert!(it.store.flush().wait().is_err());
    it.jars.update("a", |jar| jar.grams = 2).unwrap().detach();
    let refused = it.jars.save(labelled("b", "x")).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::UniqueViolation);
    let write = it.store.transaction(|tx| {
        tx.delete::<Jar>("safe")?;
        tx.save(recipe("r", 1))
    });
    write.unwrap().detach();
    assert_eq!(it.ids(), (vec!["a".into()], vec!["r".into()]));
    assert_eq!(it.jars.get("a").unwrap().unwrap().grams, 2);
    // Now that the statistics may be asked for, which look at the disk.
    setup.fail(false);
    agree(&*it.jars);
}

/// When flushes work again, everything that failed is flushed, not only what came after.
pub fn what_failed_is_flushed_later<S: Setup>(setup: &S) {
    let it = failing(setup);
    for id in ["a", "b"] {
        let write = it.jars.save(jar(id)).unwrap();
        assert!(write.wait().is_err(), "{id}");
    }
    it.recipes.save(recipe("r", 1)).unwrap().detach();
    setup.fail(false);
    it.store.flush().wait().unwrap();
    assert!(!it.store.health().is_dirty());
    let it = it.crash();
    let jars = ["a", "b", "safe"].map(str::to_owned).to_vec();
    assert_eq!(it.ids(), (jars, vec!["r".into()]));
    agree(&*it.jars);
}

/// The store tries again by itself, without anybody asking.
pub fn the_store_recovers_by_itself<S: Setup>(setup: &S) {
    let it = failing(setup);
    assert!(it.jars.save(jar("a")).unwrap().wait().is_err());
    setup.fail(false);
    until_durable(&it);
    assert!(it.store.health().is_healthy());
    assert_eq!(it.crash().ids().0, ["a", "safe"]);
}

/// The health says that flushes fail and how much is pending, and later that they work again.
pub fn health_says_so<S: Setup>(setup: &S) {
    let it = failing(setup);
    assert!(it.store.health().is_healthy(), "nothing has failed yet");
    assert!(it.jars.save(jar("a")).unwrap().wait().is_err());
    for health in [it.store.health(), it.jars.health()] {
        assert!(
            matches!(health.state, HealthState::Failing { attempts, .. } if attempts > 0),
            "{health:?}"
        );
        assert!(health.is_dirty() && health.pending() > 0, "{health:?}");
    }
    setup.fail(false);
    it.store.flush().wait().unwrap();
    let health = it.store.health();
    assert!(health.is_healthy() && !health.is_dirty(), "{health:?}");
}

/// Whoever watches is told when that changes, and when the store closes.
pub fn who_watches_is_told<S: Setup>(setup: &S) {
    let it = failing(setup);
    let mut watch = it.store.watch_health().expect("a store that can fail");
    assert!(
        watch.wait(Duration::ZERO).is_none(),
        "nothing has changed yet"
    );
    assert!(it.jars.save(jar("a")).unwrap().wait().is_err());
    let health = watch.wait(LONG).expect("an hour is enough");
    assert!(!health.is_healthy(), "{health:?}");
    setup.fail(false);
    it.store.flush().wait().unwrap();
    // It may have failed more than once; what is told is how it is now.
    while !watch.wait(LONG).expect("an hour is enough").is_healthy() {}
    it.store.close().wait().unwrap();
    let health = pollster::block_on(watch.changed());
    assert!(matches!(health.state, HealthState::Closed), "{health:?}");
}

/// A store that cannot flush does not close: that is told, it is open as before, and may be closed again.
pub fn it_does_not_close_before_it_could_flush<S: Setup>(setup: &S) {
    let it = failing(setup);
    it.put(jar("a"));
    let error = it.store.close().wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotDurable, "{error}");
    it.put(jar("b"));
    assert_eq!(it.ids().0, ["a", "b", "safe"]);
    setup.fail(false);
    let it = it.reopen();
    assert_eq!(it.ids().0, ["a", "b", "safe"]);
}

/// What a crash leaves while flushes fail is what was acknowledged before, or a little more, in order.
pub fn nothing_that_was_safe_is_lost_meanwhile<S: Setup>(setup: &S) {
    let it = failing(setup);
    for id in ["a", "b"] {
        assert!(it.jars.save(jar(id)).unwrap().wait().is_err(), "{id}");
    }
    setup.crash();
    setup.fail(false);
    let found = Pantry::open(setup);
    let ids = found.ids().0;
    let prefixes: [&[&str]; 3] = [&["safe"], &["a", "safe"], &["a", "b", "safe"]];
    assert!(prefixes.iter().any(|prefix| ids == *prefix), "{ids:?}");
    agree(&*found.jars);
    drop(it);
}
