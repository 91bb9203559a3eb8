//! The committer with a medium that does what the test says: who is told what, and when.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test says what is wrong by panicking"
)]

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use larder_core::backend::{Committer, CommitterOptions, Journal, Medium, Progress};
use larder_core::{Error, ErrorKind, HealthState, HealthWatch, Result, Write};
use parking_lot::{Condvar, Mutex};

/// What a flush does.
enum Does {
    Succeed,
    Fail(ErrorKind),
    Panic,
    /// Tells that it has begun, and goes on when it is told to.
    Hold(Sender<()>, Receiver<()>),
}

#[derive(Default)]
struct Script {
    short: bool,
    /// A flush is under way.
    busy: AtomicBool,
    /// Told of every flush that ends well.
    tell: Mutex<Option<Sender<u64>>>,
    journal: Mutex<Option<Arc<Journal>>>,
    does: Mutex<VecDeque<Does>>,
    flushes: Mutex<Vec<u64>>,
    released: Mutex<bool>,
}

impl Medium for Script {
    fn flush(&self) -> Result<u64> {
        let other = self.busy.swap(true, Ordering::SeqCst);
        assert!(!other, "two flushes at once");
        let result = self.act();
        self.busy.store(false, Ordering::SeqCst);
        result
    }

    fn release(&self) {
        *self.released.lock() = true;
    }

    fn flush_is_short(&self) -> bool {
        self.short
    }
}

impl Script {
    fn act(&self) -> Result<u64> {
        let journal = self.journal.lock().clone().unwrap();
        let (_, last) = journal.take();
        let does = self.does.lock().pop_front().unwrap_or(Does::Succeed);
        self.flushes.lock().push(last);
        match does {
            Does::Succeed => Ok(last),
            Does::Fail(kind) => {
                Err(Error::new(kind, "as the script says").transient(kind == ErrorKind::Io))
            }
            Does::Panic => panic!("as the script says"),
            Does::Hold(began, go) => {
                began.send(()).unwrap();
                go.recv().unwrap();
                Ok(last)
            }
        }
        .inspect(|last| {
            if let Some(tell) = &*self.tell.lock() {
                tell.send(*last).unwrap();
            }
        })
    }
}

/// The same test of a medium that only the thread flushes, and of one that waiters flush.
macro_rules! both {
    ($test:ident) => {
        mod $test {
            #[test]
            fn by_the_thread() {
                super::$test(false);
            }

            #[test]
            fn by_who_waits() {
                super::$test(true);
            }
        }
    };
}

struct Scene {
    script: Arc<Script>,
    journal: Arc<Journal>,
    committer: Committer,
}

fn scene(short: bool, does: impl IntoIterator<Item = Does>, attempts: u32) -> Scene {
    scene_with(short, does, attempts, Duration::from_hours(1))
}

fn scene_with(
    short: bool,
    does: impl IntoIterator<Item = Does>,
    attempts: u32,
    debounce: Duration,
) -> Scene {
    let script = Arc::new(Script {
        short,
        ..Script::default()
    });
    script.does.lock().extend(does);
    let options = CommitterOptions {
        debounce,
        attempts,
        drop_timeout: Duration::ZERO,
    };
    let mut journal = None;
    let committer = Committer::start(options, |progress: Arc<Progress>| {
        let made = Arc::new(Journal::committed(progress));
        *script.journal.lock() = Some(Arc::clone(&made));
        journal = Some(made);
        Arc::clone(&script) as Arc<dyn Medium>
    })
    .unwrap();
    Scene {
        script,
        journal: journal.unwrap(),
        committer,
    }
}

impl Scene {
    fn write<R>(&self, value: R) -> Write<R> {
        self.journal.turn().unwrap().commit(value, Vec::new())
    }

    fn flushes(&self) -> Vec<u64> {
        self.script.flushes.lock().clone()
    }
}

both!(waiters_that_come_while_a_flush_runs_share_the_next);
fn waiters_that_come_while_a_flush_runs_share_the_next(short: bool) {
    let (began_send, began) = channel();
    let (go, go_receive) = channel();
    let scene = scene(short, [Does::Hold(began_send, go_receive)], 5);
    let first = scene.write(1);
    std::thread::scope(|scope| {
        let first = scope.spawn(move || first.wait());
        began.recv().unwrap();
        let writes: Vec<Write<u32>> = (2..=6).map(|n| scene.write(n)).collect();
        // Polled once, so that each of them waits before the first flush ends.
        let mut writes: Vec<_> = writes.into_iter().map(Box::pin).collect();
        for write in &mut writes {
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            assert!(write.as_mut().poll(&mut context).is_pending());
        }
        go.send(()).unwrap();
        assert_eq!(first.join().unwrap().unwrap(), 1);
        for (number, write) in (2..=6).zip(writes) {
            assert_eq!(pollster::block_on(write).unwrap(), number);
        }
    });
    assert_eq!(scene.flushes(), [1, 6]);
}

both!(a_waiter_is_told_after_the_attempts_and_the_write_stays_pending);
fn a_waiter_is_told_after_the_attempts_and_the_write_stays_pending(short: bool) {
    let scene = scene(
        short,
        [Does::Fail(ErrorKind::Io), Does::Fail(ErrorKind::Io)],
        2,
    );
    let error = scene.write(()).wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotDurable);
    assert_eq!(
        std::error::Error::source(&error).unwrap().to_string(),
        "input/output: as the script says"
    );
    let health = scene.committer.progress().health();
    assert!(
        matches!(health.state, HealthState::Failing { attempts: 2, .. }),
        "{health}"
    );
    assert_eq!((health.applied, health.durable), (1, 0));
    // The next waiter brings it to the disk, with the write that failed.
    scene.write(()).wait().unwrap();
    assert!(scene.committer.progress().health().is_healthy());
    assert_eq!(scene.flushes(), [1, 1, 2]);
}

both!(a_failure_that_waiting_cannot_mend_is_told_at_once);
fn a_failure_that_waiting_cannot_mend_is_told_at_once(short: bool) {
    let scene = scene(short, [Does::Fail(ErrorKind::ExternalChange)], 1000);
    assert_eq!(
        scene.write(()).wait().unwrap_err().kind(),
        ErrorKind::NotDurable
    );
    assert_eq!(scene.flushes(), [1]);
}

both!(a_failure_within_the_attempts_is_no_failure_for_a_waiter);
fn a_failure_within_the_attempts_is_no_failure_for_a_waiter(short: bool) {
    let scene = scene(short, [Does::Fail(ErrorKind::Io)], 2);
    assert_eq!(scene.write("kept").wait().unwrap(), "kept");
}

both!(a_panic_poisons_the_store_and_nobody_waits_for_ever);
fn a_panic_poisons_the_store_and_nobody_waits_for_ever(short: bool) {
    let scene = scene(short, [Does::Panic], 5);
    let mut watch = HealthWatch::new(scene.committer.progress());
    let other = scene.write(());
    assert_eq!(
        scene.write(()).wait().unwrap_err().kind(),
        ErrorKind::Poisoned
    );
    assert_eq!(other.wait().unwrap_err().kind(), ErrorKind::Poisoned);
    assert_eq!(
        scene.journal.turn().unwrap_err().kind(),
        ErrorKind::Poisoned
    );
    let health = watch.wait(Duration::from_mins(1)).unwrap();
    assert!(matches!(health.state, HealthState::Poisoned), "{health}");
    let mut closing = Write::closing((), Arc::clone(scene.committer.progress()));
    let closed = closing.wait_timeout(Duration::from_mins(1));
    assert_eq!(closed.unwrap_err().kind(), ErrorKind::Poisoned);
    let Scene {
        script, committer, ..
    } = scene;
    drop(committer);
    assert!(*script.released.lock(), "the lock is let go all the same");
}

both!(a_wait_can_time_out_and_be_taken_up_again);
fn a_wait_can_time_out_and_be_taken_up_again(short: bool) {
    let (began_send, began) = channel();
    let (go, go_receive) = channel();
    let scene = scene(short, [Does::Hold(began_send, go_receive)], 5);
    let mut write = scene.write("late");
    assert_eq!(
        write.wait_timeout(Duration::ZERO).unwrap_err().kind(),
        ErrorKind::Timeout
    );
    began.recv().unwrap();
    assert_eq!(write.visible(), Some(&"late"));
    go.send(()).unwrap();
    assert_eq!(write.wait().unwrap(), "late");
}

both!(what_nobody_waits_for_is_flushed_at_the_end);
fn what_nobody_waits_for_is_flushed_at_the_end(short: bool) {
    let scene = scene(short, [], 5);
    scene.write(()).detach();
    scene.write(()).detach();
    assert!(scene.flushes().is_empty());
    let Scene {
        script, committer, ..
    } = scene;
    drop(committer);
    assert_eq!(*script.flushes.lock(), [2]);
    assert!(*script.released.lock());
}

both!(what_nobody_waits_for_is_flushed_when_its_window_ends);
fn what_nobody_waits_for_is_flushed_when_its_window_ends(short: bool) {
    let scene = scene_with(short, [], 5, Duration::from_millis(20));
    let (tell, told) = channel();
    *scene.script.tell.lock() = Some(tell);
    // Twice: the thread may not have gone to sleep yet when the first comes.
    for number in 1..=2 {
        scene.write(()).detach();
        assert_eq!(told.recv_timeout(Duration::from_mins(1)), Ok(number));
    }
}

// A failure is a change as much as the recovery after it: whoever sleeps until the health changes is woken by
// each, and not only by the end of the store.
both!(who_sleeps_until_the_health_changes_is_woken_by_a_failure_and_by_the_recovery);
fn who_sleeps_until_the_health_changes_is_woken_by_a_failure_and_by_the_recovery(short: bool) {
    let scene = scene(short, [Does::Fail(ErrorKind::Io)], 1);
    for fails in [true, false] {
        let mut watch = HealthWatch::new(scene.committer.progress());
        let woken = Arc::new(Woken::default());
        let waker = std::task::Waker::from(Arc::clone(&woken));
        let mut context = std::task::Context::from_waker(&waker);
        let mut changed = std::pin::pin!(watch.changed());
        assert!(changed.as_mut().poll(&mut context).is_pending());
        assert_eq!(scene.write(()).wait().is_err(), fails);
        woken.until(Duration::from_mins(1));
        let std::task::Poll::Ready(health) = changed.poll(&mut context) else {
            panic!("woken for nothing");
        };
        assert_eq!(health.is_healthy(), !fails, "{health}");
    }
}

/// Whether a waker was called.
#[derive(Default)]
struct Woken(Mutex<bool>, Condvar);

impl std::task::Wake for Woken {
    fn wake(self: Arc<Self>) {
        *self.0.lock() = true;
        self.1.notify_all();
    }
}

impl Woken {
    /// Waits for it, which is long over if all is well.
    fn until(&self, timeout: Duration) {
        let mut woken = self.0.lock();
        self.1.wait_while_for(&mut woken, |woken| !*woken, timeout);
        assert!(*woken, "nobody was woken");
    }
}

// Where the pause is long by now, the next attempt is made for who waits.
both!(who_waits_does_not_wait_for_the_end_of_a_long_pause);
fn who_waits_does_not_wait_for_the_end_of_a_long_pause(short: bool) {
    let failures = std::iter::repeat_with(|| Does::Fail(ErrorKind::Io)).take(11);
    let scene = scene(short, failures, 1);
    for _ in 0..11 {
        scene.write(()).wait().unwrap_err();
    }
    let HealthState::Failing { retry_in, .. } = scene.committer.progress().health().state else {
        panic!("it has failed");
    };
    assert!(retry_in > Duration::from_secs(10), "{retry_in:?}");
    let mut write = Box::pin(scene.write(()));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let polled = write.as_mut().poll(&mut context);
    // The pause is short from then on, if it is not over.
    if let HealthState::Failing { retry_in, .. } = scene.committer.progress().health().state {
        assert!(retry_in < Duration::from_secs(5), "{retry_in:?}");
    }
    if polled.is_pending() {
        pollster::block_on(write).unwrap();
    }
}

both!(an_end_that_cannot_flush_gives_up_in_bounded_time_and_tells_who_waits);
fn an_end_that_cannot_flush_gives_up_in_bounded_time_and_tells_who_waits(short: bool) {
    let endless = std::iter::repeat_with(|| Does::Fail(ErrorKind::Io)).take(10_000);
    let scene = scene(short, endless, 10_000);
    let write = scene.write(());
    let Scene {
        script, committer, ..
    } = scene;
    drop(committer);
    assert_eq!(write.wait().unwrap_err().kind(), ErrorKind::NotDurable);
    assert!(*script.released.lock());
}

both!(closing_ends_writing_even_while_it_fails_and_goes_on_after_it_failed);
fn closing_ends_writing_even_while_it_fails_and_goes_on_after_it_failed(short: bool) {
    let (began_send, began) = channel();
    let (go, go_receive) = channel();
    let scene = scene(
        short,
        [
            Does::Hold(began_send, go_receive),
            Does::Fail(ErrorKind::Io),
        ],
        1,
    );
    scene.write(()).detach();
    let close = Write::closing((), Arc::clone(scene.committer.progress()));
    began.recv().unwrap();
    assert_eq!(scene.journal.turn().unwrap_err().kind(), ErrorKind::Closed);
    go.send(()).unwrap();
    close.wait().unwrap();
    assert_eq!(scene.journal.turn().unwrap_err().kind(), ErrorKind::Closed);
    // Closing what is closed is no error, and flushes nothing.
    Write::closing((), Arc::clone(scene.committer.progress()))
        .wait()
        .unwrap();
    assert_eq!(scene.flushes(), [1]);
}

both!(a_closing_that_fails_leaves_the_store_open);
fn a_closing_that_fails_leaves_the_store_open(short: bool) {
    let scene = scene(short, [Does::Fail(ErrorKind::Io)], 1);
    scene.write(()).detach();
    let close = Write::closing((), Arc::clone(scene.committer.progress()));
    assert_eq!(close.wait().unwrap_err().kind(), ErrorKind::NotDurable);
    scene.write(()).detach();
    Write::closing((), Arc::clone(scene.committer.progress()))
        .wait()
        .unwrap();
    assert_eq!(scene.flushes(), [1, 2]);
}

// Nobody is forgotten, whoever flushes and however he waits.
both!(many_who_wait_take_each_other_along);
fn many_who_wait_take_each_other_along(short: bool) {
    const EACH: u64 = 500;
    let scene = scene(short, [], 5);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let scene = &scene;
            scope.spawn(move || {
                for n in 0..EACH {
                    let mut write = scene.write(n);
                    let number = match (thread + n) % 4 {
                        0 => pollster::block_on(write),
                        1 => write.wait_timeout(Duration::from_mins(10)),
                        _ => write.wait(),
                    };
                    assert_eq!(number.unwrap(), n);
                }
            });
        }
    });
    let health = scene.committer.progress().health();
    assert_eq!((health.applied, health.durable), (8 * EACH, 8 * EACH));
    assert!(scene.flushes().is_sorted());
}

#[test]
fn a_waiter_flushes_on_its_own_thread_where_that_is_short() {
    #[derive(Default)]
    struct Where(Mutex<Vec<Option<String>>>);
    impl Medium for Where {
        fn flush(&self) -> Result<u64> {
            let name = std::thread::current().name().map(ToOwned::to_owned);
            self.0.lock().push(name);
            Ok(u64::MAX)
        }
        fn release(&self) {}
        fn flush_is_short(&self) -> bool {
            true
        }
    }
    let medium = Arc::new(Where::default());
    let mut journal = None;
    let _committer = Committer::start(CommitterOptions::default(), |progress| {
        journal = Some(Journal::committed(progress));
        Arc::clone(&medium) as Arc<dyn Medium>
    })
    .unwrap();
    let write = journal.unwrap().turn().unwrap().commit((), Vec::new());
    write.wait().unwrap();
    let name = std::thread::current().name().map(ToOwned::to_owned);
    assert_eq!(*medium.0.lock(), [name]);
}

#[test]
fn only_the_thread_flushes_a_medium_that_does_not_say_that_it_is_short() {
    #[derive(Default)]
    struct Where(Mutex<Vec<Option<String>>>);
    impl Medium for Where {
        fn flush(&self) -> Result<u64> {
            let name = std::thread::current().name().map(ToOwned::to_owned);
            self.0.lock().push(name);
            Ok(u64::MAX)
        }
        fn release(&self) {}
    }
    let medium = Arc::new(Where::default());
    let mut journal = None;
    let _committer = Committer::start(CommitterOptions::default(), |progress| {
        journal = Some(Journal::committed(progress));
        Arc::clone(&medium) as Arc<dyn Medium>
    })
    .unwrap();
    let write = journal.unwrap().turn().unwrap().commit((), Vec::new());
    write.wait().unwrap();
    assert_eq!(*medium.0.lock(), [Some("larder-committer".to_owned())]);
}
