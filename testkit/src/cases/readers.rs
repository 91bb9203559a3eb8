//! Those who listen: how they wait, what becomes of one that does not keep up, and how it ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use larder_core::{
    Backend, BackendExt, ChangeEvent, ErrorKind, RepositoryExt, StoreChange, StoreChanges,
};

use super::changes::{ROOM, changed, is_quiet, of};
use crate::pantry::{LONG, Pantry};
use crate::records::{Jar, jar, recipe};
use crate::setup::Setup;

/// A reader that does not keep up loses the oldest, and is told how many, before it is told more; a write is
/// never told in part. Nobody else notices.
pub fn who_does_not_keep_up_is_told_what_was_lost<S: Setup>(setup: &S) {
    let it = Pantry::open(setup);
    let mut slow = it.store.listen(4).unwrap();
    let mut of_recipes = it.recipes.listen(4).unwrap();
    let mut fast = it.store.listen(ROOM).unwrap();
    let missed = |event: Option<ChangeEvent<StoreChange>>| match event {
        Some(ChangeEvent::Missed(count)) => count,
        other => panic!("{other:?} tells of no loss"),
    };
    let together = |count: u64| {
        let write = it.store.transaction(|tx| {
            for n in 0..count {
                tx.save(of(&n.to_string(), 1))?;
            }
            tx.save(recipe("r", count))
        });
        write.unwrap().detach();
    };
    // As much as there is room for is kept.
    for n in 1..=4 {
        it.put(of("a", n));
    }
    for n in 1..=4 {
        assert_eq!(changed(slow.try_next())[0].after::<Jar>().unwrap().grams, n);
    }
    is_quiet(&mut slow);
    for n in 1..=9 {
        it.put(of("a", n));
    }
    assert_eq!(missed(slow.try_next()), 5);
    for n in 6..=9 {
        assert_eq!(changed(slow.try_next())[0].after::<Jar>().unwrap().grams, n);
    }
    is_quiet(&mut slow);
    // One that fits in part pushes out as much as it needs, and no part of itself.
    it.put(of("a", 1));
    it.put(of("b", 2));
    together(2);
    assert_eq!(missed(slow.try_next()), 1);
    assert_eq!(changed(slow.try_next())[0].id(), "b");
    assert_eq!(changed(slow.try_next()).len(), 3);
    // One that has never room is told whole, and alone.
    it.put(of("a", 1));
    together(9);
    assert_eq!(missed(slow.try_next()), 1);
    assert_eq!(changed(slow.try_next()).len(), 10);
    is_quiet(&mut slow);
    // And is lost whole.
    together(9);
    it.put(of("a", 1));
    assert_eq!(missed(slow.try_next()), 10);
    assert_eq!(changed(slow.try_next()).len(), 1);
    is_quiet(&mut slow);
    // Who listens to one collection has room for its part of each.
    let parts = std::iter::from_fn(|| of_recipes.try_next());
    assert_eq!(
        parts
            .map(|event| changed(Some(event)).len())
            .collect::<Vec<_>>(),
        [1; 3]
    );
    let all = std::iter::from_fn(|| fast.try_next()).map(|event| changed(Some(event)).len());
    assert_eq!(all.sum::<usize>(), 4 + 9 + 2 + 3 + 1 + 10 + 10 + 1);
}

/// Room for nothing is room for one.
pub fn there_is_room_for_one<S: Setup>(setup: &S) {
    let it = Pantry::open(setup);
    let mut changes = it.store.listen(0).unwrap();
    it.put(of("a", 1));
    it.put(of("b", 2));
    assert!(matches!(changes.try_next(), Some(ChangeEvent::Missed(1))));
    assert_eq!(changed(changes.try_next())[0].id(), "b");
    is_quiet(&mut changes);
}

/// Counts how often it was woken.
#[derive(Default)]
struct Woken(AtomicU64);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

type Way = fn(&mut StoreChanges) -> Option<ChangeEvent<StoreChange>>;

/// Every way that waits.
const WAYS: [Way; 3] = [
    StoreChanges::wait,
    |changes| changes.wait_timeout(LONG).unwrap(),
    |changes| pollster::block_on(changes.next()),
];

/// On a thread of one's own, with a limit, and as a future; who waits is woken, and a future that is dropped
/// loses nothing.
pub fn every_way_to_wait_gives_the_same<S: Setup>(setup: &S) {
    let it = Pantry::open(setup);
    for way in WAYS {
        let mut changes = it.store.changes().unwrap();
        it.put(of("a", 1));
        assert_eq!(
            changed(way(&mut changes))[0].after::<Jar>().unwrap().grams,
            1
        );
        std::thread::scope(|threads| {
            let waits = threads.spawn(|| {
                let _end = EndIfFailed(&it.store);
                changed(way(&mut changes))[0].id().to_owned()
            });
            it.put(of("b", 2));
            assert_eq!(waits.join().unwrap(), "b");
        });
        is_quiet(&mut changes);
    }
    let mut changes = it.store.changes().unwrap();
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let mut context = Context::from_waker(&waker);
    for n in 1..3 {
        let mut next = Box::pin(changes.next());
        assert!(next.as_mut().poll(&mut context).is_pending());
        it.put(of("a", n));
        assert!(woken.0.swap(0, Ordering::SeqCst) > 0, "it was not woken");
        drop(next);
        assert_eq!(
            changed(changes.try_next())[0].after::<Jar>().unwrap().grams,
            n
        );
    }
}

/// Ends those who wait when a case fails meanwhile, so that it fails and does not hang.
struct EndIfFailed<'a, B: Backend>(&'a B);

impl<B: Backend> Drop for EndIfFailed<'_, B> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = self.0.close().wait();
        }
    }
}

/// Nothing is left, and nothing will come, however one asks, and again and again.
#[track_caller]
fn is_over(changes: &mut StoreChanges) {
    for _ in 0..2 {
        assert!(changes.wait_timeout(Duration::ZERO).unwrap().is_none());
        assert!(changes.try_next().is_none());
        for way in WAYS {
            assert!(way(changes).is_none());
        }
    }
}

/// When the store is closed whoever listens reads what is left, and then the end; so does who waits for it.
pub fn a_closed_store_tells_what_is_left_and_ends<S: Setup>(setup: &S) {
    let it = Pantry::open(setup);
    let mut all = it.store.listen(2).unwrap();
    let mut waiting = it.store.changes().unwrap();
    let mut of_jars = it.jars.changes().unwrap();
    for n in 1..=5 {
        it.put(of("a", n));
    }
    for _ in 1..=5 {
        changed(waiting.try_next());
    }
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let mut next = Box::pin(waiting.next());
    assert!(
        next.as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    it.store.close().wait().unwrap();
    assert!(
        woken.0.load(Ordering::SeqCst) > 0,
        "who waited was not woken"
    );
    let polled = next.as_mut().poll(&mut Context::from_waker(&waker));
    assert!(matches!(polled, Poll::Ready(None)), "{polled:?}");
    drop(next);
    assert!(it.jars.save(jar("b")).is_err());
    assert!(matches!(all.wait(), Some(ChangeEvent::Missed(3))));
    for n in [4, 5] {
        assert_eq!(changed(all.wait())[0].after::<Jar>().unwrap().grams, n);
    }
    is_over(&mut all);
    is_over(&mut waiting);
    let left = std::iter::from_fn(|| of_jars.wait());
    assert_eq!(left.count(), 5);
    assert!(of_jars.try_next().is_none());
    // The handles are still there: it is the close that ended it. And nobody begins to listen now.
    for error in [
        it.store.changes().map(drop).unwrap_err(),
        it.jars.changes().map(drop).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Closed, "{error}");
    }
}

/// So when its last handle is dropped, and not before: a repository is a handle. A feed is none.
pub fn the_last_handle_ends_it<S: Setup>(setup: &S) {
    let Pantry {
        store,
        jars,
        recipes,
        ..
    } = Pantry::open(setup);
    let mut changes = store.changes().unwrap();
    drop(store);
    is_quiet(&mut changes);
    drop(recipes);
    jars.save(jar("a")).unwrap().detach();
    assert_eq!(changed(changes.try_next()).len(), 1);
    is_quiet(&mut changes);
    drop(jars);
    is_over(&mut changes);
}

/// What is told keeps what it tells of; what nobody listens to is kept for nobody.
pub fn a_reader_that_is_gone_costs_nothing<S: Setup>(setup: &S) {
    let it = Pantry::open(setup);
    let saved = |n| Arc::downgrade(&it.put(of("a", n)));
    let one = it.store.listen(ROOM).unwrap();
    let records: Vec<_> = (20..40).map(saved).collect();
    it.jars.clear().unwrap().detach();
    drop(one);
    let more: Vec<_> = (20..40).map(saved).collect();
    it.jars.clear().unwrap().detach();
    let kept = records
        .iter()
        .chain(&more)
        .filter(|record| record.upgrade().is_some());
    assert_eq!(kept.count(), 0);
}
