//! The ways to wait for the next event.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use larder::prelude::*;
use larder::{ChangeEvent, ErrorKind, StoreChanges};

use crate::{EndIfFailed, Note, Setup, changed, is_quiet};

/// So long that only an event ends it.
const LONG: Duration = Duration::from_hours(1);

type Way = fn(&mut StoreChanges) -> Option<ChangeEvent<larder::StoreChange>>;

/// Every way that waits.
pub(crate) const WAYS: [Way; 4] = [
    StoreChanges::wait,
    |changes| changes.wait_timeout(LONG).unwrap(),
    |changes| changes.wait_timeout(Duration::MAX).unwrap(),
    |changes| pollster::block_on(changes.next()),
];

pub(crate) fn all_forms_give_the_same(scheme: &str) {
    let it = Setup::new(scheme);
    let mut changes = it.store.listen(2).unwrap();
    let mut of_notes = it.notes.listen(2).unwrap();
    let ways = WAYS.into_iter().chain([StoreChanges::try_next as Way]);
    for (n, way) in (1..).zip(ways) {
        for n in [n, n + 1, n + 2] {
            it.save("a", n);
        }
        assert!(matches!(way(&mut changes), Some(ChangeEvent::Missed(1))));
        for n in [n + 1, n + 2] {
            let batch = changed(way(&mut changes));
            assert_eq!(batch[0].after::<Note>().unwrap().n, n);
        }
        is_quiet(&mut changes);
        // And those of one collection.
        let missed = match n % 4 {
            0 => of_notes.wait(),
            1 => of_notes.wait_timeout(LONG).unwrap(),
            2 => of_notes.try_next(),
            _ => pollster::block_on(of_notes.next()),
        };
        assert!(matches!(missed, Some(ChangeEvent::Missed(1))));
        let told = match n % 4 {
            0 => of_notes.wait(),
            1 => of_notes.wait_timeout(LONG).unwrap(),
            2 => of_notes.try_next(),
            _ => pollster::block_on(of_notes.next()),
        };
        assert_eq!(changed(told)[0].after.as_ref().unwrap().n, n + 1);
        assert_eq!(changed(of_notes.try_next()).len(), 1);
    }
}

pub(crate) fn a_timeout_loses_nothing(scheme: &str) {
    let it = Setup::new(scheme);
    let mut changes = it.store.changes().unwrap();
    let mut of_notes = it.notes.changes().unwrap();
    for n in 0..3 {
        for time in [Duration::ZERO, Duration::from_millis(1)] {
            let error = changes.wait_timeout(time).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Timeout);
            assert!(error.is_transient());
            let error = of_notes.wait_timeout(time).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Timeout);
        }
        it.save("a", n);
        // What is there is given, however little time there is.
        let batch = changed(changes.wait_timeout(Duration::ZERO).unwrap());
        assert_eq!(batch[0].after::<Note>().unwrap().n, n);
        let batch = changed(of_notes.wait_timeout(Duration::ZERO).unwrap());
        assert_eq!(batch[0].after.as_ref().unwrap().n, n);
    }
}

/// Whether it was woken.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

pub(crate) fn a_future_that_is_dropped_loses_nothing(scheme: &str) {
    let it = Setup::new(scheme);
    let mut changes = it.store.changes().unwrap();
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let mut context = Context::from_waker(&waker);
    for dropped_when_woken in [false, true] {
        let mut next = Box::pin(changes.next());
        assert!(next.as_mut().poll(&mut context).is_pending());
        assert!(!woken.0.swap(false, Ordering::SeqCst));
        if dropped_when_woken {
            it.save("a", 1);
            assert!(woken.0.swap(false, Ordering::SeqCst));
            drop(next);
        } else {
            drop(next);
            it.save("a", 1);
        }
        assert_eq!(changed(pollster::block_on(changes.next())).len(), 1);
        is_quiet(&mut changes);
    }
}

pub(crate) fn who_waits_is_woken(scheme: &str) {
    let it = Setup::new(scheme);
    // Each waits for what the other does after it was told: nobody is ahead of anybody.
    let waits = |way: Way, answer: &str| {
        let mut questions = it.store.changes().unwrap();
        let mut answers = it.notes.changes().unwrap();
        std::thread::scope(|threads| {
            threads.spawn(|| {
                let _end = EndIfFailed(&it.store);
                for n in 0..20 {
                    loop {
                        let batch = changed(way(&mut questions));
                        if batch[0].id() == "question" {
                            assert_eq!(batch[0].after::<Note>().unwrap().n, n);
                            break;
                        }
                    }
                    it.save(answer, n);
                }
            });
            let _end = EndIfFailed(&it.store);
            for n in 0..20 {
                it.save("question", n);
                loop {
                    let batch = changed(answers.wait());
                    if &*batch[0].id == answer {
                        assert_eq!(batch[0].after.as_ref().unwrap().n, n);
                        break;
                    }
                }
            }
        });
    };
    for (way, answer) in WAYS.into_iter().zip(["a", "b", "c", "d"]) {
        waits(way, answer);
    }
}
