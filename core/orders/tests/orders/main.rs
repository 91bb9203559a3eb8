//! Whoever waits for the disk, in whatever order the threads go on.
//!
//! Each scene is played in many orders. Three things hold in all of them: nobody waits for ever (the scheduler
//! finds a deadlock), what is acknowledged is on the disk (each wait looks), and the end of a store comes.
//! Nothing is flushed but for those who ask: where a wake-up is lost no window helps out.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test says what is wrong by panicking, and how much it looked at"
)]

mod disk;
mod explore;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use larder_core::backend::CommitterOptions;
use larder_core::sync::let_time_pass;
use larder_core::{ErrorKind, HealthState, HealthWatch, Write};
use shuttle::rand::Rng as _;
use shuttle::thread;

use disk::{FOR_EVER, Stage, Way, Writer, stage, stage_with};
use explore::{explore, in_many_orders};

/// The same scene on a disk that only the thread flushes, and on one that waiters flush.
macro_rules! both {
    ($scene:ident) => {
        mod $scene {
            #[test]
            fn by_the_thread() {
                let name = concat!(stringify!($scene), ", by the thread");
                crate::explore(name, || super::$scene(false));
            }

            #[test]
            fn by_who_waits() {
                let name = concat!(stringify!($scene), ", by who waits");
                crate::explore(name, || super::$scene(true));
            }
        }
    };
}

fn join<R>(threads: impl IntoIterator<Item = thread::JoinHandle<R>>) -> Vec<R> {
    let threads: Vec<_> = threads.into_iter().collect();
    threads
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .collect()
}

const WAYS: [Way; 3] = [Way::Blocked, Way::Async, Way::Patient];

/// One thread for each way to wait; each writes twice, and waits for both or for the last.
fn writers(stage: &Stage) -> Vec<thread::JoinHandle<()>> {
    WAYS.into_iter()
        .map(|way| {
            let writer = stage.writer();
            thread::spawn(move || {
                let first = writer.write().unwrap();
                if shuttle::rand::thread_rng().r#gen() {
                    writer.wait(first, way).unwrap();
                } else {
                    first.detach();
                }
                let second = writer.write().unwrap();
                writer.wait(second, way).unwrap();
            })
        })
        .collect()
}

both!(nobody_is_forgotten);
fn nobody_is_forgotten(short: bool) {
    let stage = stage(short, 0, 5);
    join(writers(&stage));
    stage.end();
}

// A window that is open keeps nobody waiting: no time passes here.
both!(nobody_waits_for_a_window);
fn nobody_waits_for_a_window(short: bool) {
    let options = CommitterOptions {
        debounce: Duration::from_secs(1),
        ..CommitterOptions::default()
    };
    let stage = stage_with(short, 0, options);
    join(writers(&stage));
    stage.end();
}

both!(a_flush_that_failed_is_made_again);
fn a_flush_that_failed_is_made_again(short: bool) {
    let_time_pass();
    let failing = shuttle::rand::thread_rng().gen_range(1..4);
    let stage = stage(short, failing, 100);
    join(writers(&stage));
    assert_eq!(stage.disk.failed.load(SeqCst), failing);
    stage.end();
}

// Whoever begins to wait between a failed flush and the next, for what the failed one had to make durable.
both!(who_comes_between_two_flushes_is_served);
fn who_comes_between_two_flushes_is_served(short: bool) {
    let_time_pass();
    let stage = stage(short, 1, 100);
    let writes: Vec<_> = (0..4).map(|_| stage.writer().write().unwrap()).collect();
    join(writes.into_iter().map(|write| {
        let writer = stage.writer();
        thread::spawn(move || writer.wait(write, Way::Blocked).unwrap())
    }));
    stage.end();
}

both!(who_was_told_of_a_failure_waits_again);
fn who_was_told_of_a_failure_waits_again(short: bool) {
    let_time_pass();
    let stage = stage(short, 3, 1);
    join(WAYS.map(|way| {
        let writer = stage.writer();
        thread::spawn(move || {
            let mut write = writer.write().unwrap();
            while let Err(error) = writer.wait(write, way) {
                assert_eq!(error.kind(), ErrorKind::NotDurable);
                assert!(writer.disk.failed.load(SeqCst) > 0, "nothing has failed");
                write = writer.journal.flush();
            }
        })
    }));
    stage.end();
}

both!(a_disk_that_is_dead_is_told_to_all);
fn a_disk_that_is_dead_is_told_to_all(short: bool) {
    let_time_pass();
    let stage = stage(short, FOR_EVER, 2);
    let told = join(WAYS.map(|way| {
        let writer = stage.writer();
        thread::spawn(move || writer.wait(writer.write().unwrap(), way))
    }));
    for told in told {
        assert_eq!(told.unwrap_err().kind(), ErrorKind::NotDurable);
    }
    stage.disk.failing.store(0, SeqCst);
    let writer = stage.writer();
    while writer.wait(writer.journal.flush(), Way::Async).is_err() {}
    stage.end();
}

both!(who_goes_away_takes_nobody_along);
fn who_goes_away_takes_nobody_along(short: bool) {
    let stage = stage(short, 0, 5);
    let gone = [true, false].map(|aborts| {
        let writer = stage.writer();
        thread::spawn(move || {
            let mut write = writer.write().unwrap();
            if aborts {
                let task = shuttle::future::spawn(write);
                thread::yield_now();
                task.abort();
                return;
            }
            // It waits, is asked once or twice whether it is done, and is dropped.
            for _ in 0..2 {
                let sequence = write.sequence().unwrap();
                let polled = shuttle::future::block_on(std::future::poll_fn(|context| {
                    std::task::Poll::Ready(Pin::new(&mut write).poll(context))
                }));
                if polled.is_ready() {
                    assert!(writer.disk.durable() >= sequence);
                    break;
                }
                thread::yield_now();
            }
        })
    });
    let stay = [Way::Async, Way::Blocked].map(|way| {
        let writer = stage.writer();
        thread::spawn(move || writer.wait(writer.write().unwrap(), way).unwrap())
    });
    join(gone.into_iter().chain(stay));
    stage.end();
}

fn write_until_closed(writer: &Writer, way: Way) {
    for _ in 0..3 {
        match writer.write() {
            // It was accepted, so it is made durable.
            Ok(write) => writer.wait(write, way).unwrap(),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Closed);
                return;
            }
        }
    }
}

both!(a_closing_takes_along_what_was_accepted);
fn a_closing_takes_along_what_was_accepted(short: bool) {
    let stage = stage(short, 0, 5);
    let writers = [Way::Blocked, Way::Async].map(|way| {
        let writer = stage.writer();
        thread::spawn(move || write_until_closed(&writer, way))
    });
    let closers = [(); 2].map(|()| {
        let (writer, progress) = (stage.writer(), stage.progress());
        thread::spawn(move || {
            writer.close(&progress).unwrap();
            assert_eq!(writer.disk.durable(), writer.journal.last());
            assert_eq!(writer.journal.turn().unwrap_err().kind(), ErrorKind::Closed);
        })
    });
    join(writers.into_iter().chain(closers));
    stage.end();
}

both!(a_closing_that_fails_is_told_and_can_be_made_again);
fn a_closing_that_fails_is_told_and_can_be_made_again(short: bool) {
    let_time_pass();
    let stage = stage(short, 2, 2);
    let waits = {
        let writer = stage.writer();
        let mut write = writer.write().unwrap();
        thread::spawn(move || {
            while let Err(error) = writer.wait(write, Way::Blocked) {
                assert_eq!(error.kind(), ErrorKind::NotDurable);
                write = writer.journal.flush();
            }
        })
    };
    let (writer, progress) = (stage.writer(), stage.progress());
    while let Err(error) = writer.close(&progress) {
        assert_eq!(error.kind(), ErrorKind::NotDurable);
        assert_eq!(writer.disk.failed.load(SeqCst), 2, "it gave up too soon");
    }
    assert_eq!(writer.disk.durable(), 1);
    join([waits]);
    stage.end();
}

both!(a_store_that_is_dropped_tells_who_waits);
fn a_store_that_is_dropped_tells_who_waits(short: bool) {
    let is_dead = shuttle::rand::thread_rng().r#gen();
    // On a disk that is dead the time may be over at once: then the thread is left behind.
    let (failing, drop_timeout) = if is_dead {
        (FOR_EVER, Duration::from_secs(1))
    } else {
        (0, Duration::MAX)
    };
    let options = CommitterOptions {
        debounce: Duration::MAX,
        attempts: 2,
        drop_timeout,
    };
    let_time_pass();
    let stage = stage_with(short, failing, options);
    let waits = WAYS.map(|way| {
        let writer = stage.writer();
        let write = writer.write().unwrap();
        thread::spawn(move || writer.wait(write, way))
    });
    if is_dead {
        drop(stage);
    } else {
        stage.end();
    }
    for told in join(waits) {
        if is_dead {
            assert_eq!(told.unwrap_err().kind(), ErrorKind::NotDurable);
        } else {
            told.unwrap();
        }
    }
}

both!(a_window_ends_by_itself);
fn a_window_ends_by_itself(short: bool) {
    let_time_pass();
    let options = CommitterOptions {
        debounce: Duration::from_secs(1),
        drop_timeout: Duration::MAX,
        ..CommitterOptions::default()
    };
    let failing = shuttle::rand::thread_rng().gen_range(0..2);
    let stage = stage_with(short, failing, options);
    let patient = [(); 2].map(|()| {
        let writer = stage.writer();
        thread::spawn(move || {
            for _ in 0..2 {
                writer.write().unwrap().detach();
            }
        })
    });
    // Somebody who flushes meanwhile must not make the thread forget the others.
    let hasty = {
        let writer = stage.writer();
        thread::spawn(move || writer.wait(writer.write().unwrap(), Way::Blocked).unwrap())
    };
    join(patient.into_iter().chain([hasty]));
    stage.disk.await_durable(stage.journal.last());
    stage.end();
}

both!(a_panic_is_told_to_all);
fn a_panic_is_told_to_all(short: bool) {
    let stage = stage(short, 0, 5);
    let mut watch = HealthWatch::new(stage.committer.progress());
    let waits = WAYS.map(|way| {
        let writer = stage.writer();
        let write = writer.write().unwrap();
        thread::spawn(move || match writer.wait(write, way) {
            Ok(()) => {}
            Err(error) => assert_eq!(error.kind(), ErrorKind::Poisoned),
        })
    });
    stage.disk.panics.store(true, SeqCst);
    // If everybody was served before, this is what panics.
    if let Ok(write) = stage.writer().write() {
        let told = write.wait().unwrap_err();
        assert_eq!(told.kind(), ErrorKind::Poisoned);
    }
    join(waits);
    let told = watch.wait(Duration::MAX).unwrap();
    assert!(matches!(told.state, HealthState::Poisoned), "{told}");
    let Stage {
        disk, committer, ..
    } = stage;
    drop(committer);
    assert!(disk.released.load(SeqCst));
}

both!(who_watches_the_health_learns_how_it_ends);
fn who_watches_the_health_learns_how_it_ends(short: bool) {
    let_time_pass();
    let stage = stage(short, 2, 1);
    let watching = [true, false].map(|blocks| {
        let mut watch = HealthWatch::new(stage.committer.progress());
        thread::spawn(move || {
            let mut seen = 0;
            loop {
                let health = if blocks {
                    watch.wait(Duration::MAX).unwrap()
                } else {
                    shuttle::future::block_on(watch.changed())
                };
                seen += 1;
                if matches!(health.state, HealthState::Closed) {
                    // It fails, fails again, recovers and closes.
                    assert!(seen <= 4, "{seen} changes");
                    return;
                }
            }
        })
    });
    let writer = stage.writer();
    let mut write = writer.write().unwrap();
    while writer.wait(write, Way::Blocked).is_err() {
        write = writer.journal.flush();
    }
    stage.end();
    join(watching);
}

both!(a_transaction_keeps_nobody_from_the_disk);
fn a_transaction_keeps_nobody_from_the_disk(short: bool) {
    let stage = stage(short, 0, 5);
    let (writer, others) = (stage.writer(), [Way::Async, Way::Blocked]);
    let earlier = writer.write().unwrap();
    let transaction = thread::spawn(move || {
        let turn = writer.journal.transaction().unwrap();
        // It would wait for itself.
        let nested = writer.journal.flush().wait().unwrap_err();
        assert_eq!(nested.kind(), ErrorKind::NestedTransaction);
        let write = turn.commit((), Vec::new());
        writer.wait(write, Way::Blocked).unwrap();
    });
    let beside = others.map(|way| {
        let writer = stage.writer();
        thread::spawn(move || {
            writer.wait(writer.journal.flush(), way).unwrap();
            let write: Write<()> = writer.write().unwrap();
            writer.wait(write, way).unwrap();
        })
    });
    stage.writer().wait(earlier, Way::Blocked).unwrap();
    join(beside.into_iter().chain([transaction]));
    stage.end();
}

#[test]
fn the_scheduler_finds_a_wake_up_that_is_lost() {
    let found = std::panic::catch_unwind(|| {
        in_many_orders(|| {
            let it = Arc::new((shuttle::sync::Mutex::new(()), shuttle::sync::Condvar::new()));
            let other = Arc::clone(&it);
            let wakes = thread::spawn(move || other.1.notify_one());
            // It does not look whether it was woken before.
            drop(it.1.wait(it.0.lock().unwrap()).unwrap());
            wakes.join().unwrap();
        });
    });
    let said = found.unwrap_err();
    let said = said.downcast_ref::<String>().unwrap();
    assert!(said.contains("deadlock"), "{said}");
}
