//! The end: when the store is closed, or its last handle dropped, and not before.

use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use larder::prelude::*;
use larder::{ErrorKind, StoreChanges, StoreConfig};

use crate::waits::WAYS;
use crate::{Note, Setup, changed, is_quiet, note};

/// Nothing is left, and nothing will come, however one asks, and again and again.
#[track_caller]
fn is_over(changes: &mut StoreChanges) {
    for _ in 0..2 {
        // First who does not wait at all: that it is the end is known by now.
        assert!(changes.wait_timeout(Duration::ZERO).unwrap().is_none());
        assert!(changes.try_next().is_none());
        for way in WAYS {
            assert!(way(changes).is_none());
        }
    }
}

/// Ends a store with some changes still unread, one reader for each way to read them.
fn drains_and_ends(it: Setup, end: impl FnOnce(Setup)) {
    let mut readers = WAYS.map(|way| (way, it.store.changes().unwrap()));
    let mut of_notes = it.notes.changes().unwrap();
    it.save("a", 1);
    it.notes.delete("a").unwrap().detach();
    let write = it.store.transaction(|tx| {
        tx.save(note("b", 2))?;
        tx.save(note("c", 3))
    });
    write.unwrap().detach();
    end(it);
    for (way, changes) in &mut readers {
        let told = [0, 1, 2].map(|_| changed(way(changes)).len());
        assert_eq!(told, [1, 1, 2]);
        is_over(changes);
    }
    let told = std::iter::from_fn(|| of_notes.wait());
    assert_eq!(told.map(|it| changed(Some(it)).len()).sum::<usize>(), 4);
    assert!(of_notes.try_next().is_none());
    assert!(of_notes.wait_timeout(Duration::ZERO).unwrap().is_none());
    assert!(pollster::block_on(of_notes.next()).is_none());
}

pub(crate) fn a_closed_store_drains_and_ends(scheme: &str) {
    let mut kept = None;
    drains_and_ends(Setup::new(scheme), |it| {
        it.store.close().wait().unwrap();
        assert!(it.notes.save(note("d", 4)).is_err());
        // The handles are still there: it is the close that ends it.
        kept = Some(it);
    });
    assert!(kept.is_some());
}

pub(crate) fn a_dropped_store_drains_and_ends(scheme: &str) {
    drains_and_ends(Setup::new(scheme), drop);
}

struct Flag(std::sync::atomic::AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, std::sync::atomic::Ordering::SeqCst);
    }
}

pub(crate) fn who_waits_when_it_ends_is_woken(scheme: &str) {
    let ends: [fn(Setup); 2] = [|it| it.store.close().wait().unwrap(), drop];
    for end in ends {
        // Who polled before is woken by the end: no thread and no luck is needed to see that.
        let it = Setup::new(scheme);
        let mut changes = it.store.changes().unwrap();
        let flag = Arc::new(Flag(false.into()));
        let waker = Waker::from(Arc::clone(&flag));
        let mut context = Context::from_waker(&waker);
        let mut next = Box::pin(changes.next());
        assert!(next.as_mut().poll(&mut context).is_pending());
        end(it);
        assert!(flag.0.load(std::sync::atomic::Ordering::SeqCst));
        let polled = next.as_mut().poll(&mut context);
        assert!(matches!(polled, Poll::Ready(None)), "{polled:?}");

        // And who waits on a thread of his own, whether before the end or after it.
        for way in WAYS {
            let it = Setup::new(scheme);
            let mut changes = it.store.changes().unwrap();
            let (ready, waits) = std::sync::mpsc::channel();
            std::thread::scope(|threads| {
                threads.spawn(move || {
                    assert_eq!(changed(way(&mut changes)).len(), 1);
                    ready.send(()).unwrap();
                    assert!(way(&mut changes).is_none());
                });
                it.save("a", 1);
                waits.recv().unwrap();
                end(it);
            });
        }
    }
}

pub(crate) fn a_store_for_reading_ends_as_well(scheme: &str) {
    let it = Setup::new(scheme);
    it.save("a", 1);
    it.store.close().wait().unwrap();
    let config: StoreConfig = it.url.as_str().try_into().unwrap();
    let store = Store::open(config.read_only(true)).unwrap();
    let notes = store.repository::<Note>().unwrap();
    let mut changes = store.changes().unwrap();
    assert!(notes.save(note("a", 2)).is_err());
    is_quiet(&mut changes);
    store.close().wait().unwrap();
    is_over(&mut changes);
    // Or when its last handle is dropped.
    let config: StoreConfig = it.url.as_str().try_into().unwrap();
    let store = Store::open(config.read_only(true)).unwrap();
    let mut changes = store.changes().unwrap();
    drop(store);
    is_over(&mut changes);
}

/// A store whose directory is gone cannot be flushed, so it cannot be closed; it is open again then,
/// and goes on telling. Only where a directory can be moved while something in it is open.
#[cfg(unix)]
#[test]
fn a_store_that_fails_to_close_goes_on_telling() {
    let it = Setup::new("json");
    let mut changes = it.store.changes().unwrap();
    let (there, away) = (it.dir.path().join("store"), it.dir.path().join("away"));
    // A file in its place stops root, too.
    std::fs::rename(&there, &away).unwrap();
    std::fs::write(&there, "no directory").unwrap();
    it.save("a", 1);
    let closed = it.store.close().wait();
    assert_eq!(closed.unwrap_err().kind(), ErrorKind::NotDurable);
    assert_eq!(changed(changes.try_next()).len(), 1);
    is_quiet(&mut changes);
    // Writes are possible, and told, and somebody may begin to listen.
    it.save("a", 2);
    let batch = changed(changes.wait());
    assert_eq!(batch[0].after::<Note>().unwrap().n, 2);
    let mut late = it.store.changes().unwrap();
    it.save("a", 3);
    assert_eq!(changed(changes.wait()).len(), 1);
    assert_eq!(changed(late.wait()).len(), 1);
    is_quiet(&mut changes);

    std::fs::remove_file(&there).unwrap();
    std::fs::rename(&away, &there).unwrap();
    it.store.close().wait().unwrap();
    is_over(&mut changes);
    is_over(&mut late);
}
