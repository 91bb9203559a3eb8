//! Threads, locks, wake-ups, the clock and chance on a scheduler that chooses who goes on.
//!
//! Owns what `src/sync.rs` takes from the system: the same names, on shuttle. Every lock, every wake-up and
//! every look at an atomic is a place where another thread may go on. The listeners are those of
//! event-listener itself, asked as futures; what happens inside one of its calls is not taken apart.
//!
//! Time stands still unless a test calls [`let_time_pass`]. Then it may at any moment, between any two
//! steps, jump to the next time that somebody sleeps until.

#![allow(
    missing_docs,
    clippy::missing_panics_doc,
    reason = "the names are those of the libraries that this stands for"
)]

use std::cell::RefCell;
use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::pin::{Pin, pin};
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use shuttle::future::block_on;
use shuttle::sync::{Condvar as Waits, Mutex as Lock, MutexGuard as Locked};

pub use shuttle::sync::atomic::{AtomicBool, AtomicUsize};
pub use shuttle::{thread, thread_local};

/// Wakes who sleeps until a time.
#[derive(Clone)]
enum Sleeper {
    Thread(Arc<Waits>),
    Task(Waker),
}

struct Clock {
    started: Instant,
    passed: Duration,
    sleepers: Vec<(u64, Instant, Sleeper)>,
    names: u64,
    /// Who lets time pass, while nobody sleeps.
    keeper: Option<Waker>,
}

// All threads of one run are coroutines on one thread of the system, so this is one clock for each run.
std::thread_local! {
    static CLOCK: RefCell<Clock> = RefCell::new(Clock {
        started: Instant::now(),
        passed: Duration::ZERO,
        sleepers: Vec::new(),
        names: 0,
        keeper: None,
    });
}

fn clock<R>(with: impl FnOnce(&mut Clock) -> R) -> R {
    CLOCK.with(|clock| with(&mut clock.borrow_mut()))
}

/// What time it is.
pub fn now() -> Instant {
    clock(|clock| clock.started + clock.passed)
}

/// Not by chance: a run can be repeated.
pub(crate) fn jitter() -> f64 {
    0.0
}

/// A new run begins, and time stands still in it.
pub fn stop_time() {
    clock(|clock| {
        clock.passed = Duration::ZERO;
        clock.sleepers.clear();
        clock.keeper = None;
    });
}

/// From now on time passes, whenever the scheduler likes.
pub fn let_time_pass() {
    drop(shuttle::future::spawn(async {
        loop {
            std::future::poll_fn(|context| {
                clock(|clock| {
                    if clock.sleepers.is_empty() {
                        clock.keeper = Some(context.waker().clone());
                        return Poll::Pending;
                    }
                    Poll::Ready(())
                })
            })
            .await;
            // It stays until it takes itself off: it may be on its way to sleep only.
            let next = clock(|clock| {
                let (_, time, sleeper) = clock.sleepers.iter().min_by_key(|it| it.1)?.clone();
                clock.passed = clock.passed.max(time.duration_since(clock.started));
                Some(sleeper)
            });
            match next {
                Some(Sleeper::Thread(waits)) => waits.notify_all(),
                Some(Sleeper::Task(waker)) => waker.wake(),
                None => {}
            }
            shuttle::future::yield_now().await;
        }
    }));
}

/// Somebody sleeps until a time; until this is dropped.
struct Sleep(u64);

impl Sleep {
    fn until(time: Instant, sleeper: Sleeper) -> Self {
        clock(|clock| {
            clock.names += 1;
            clock.sleepers.push((clock.names, time, sleeper));
            if let Some(keeper) = clock.keeper.take() {
                keeper.wake();
            }
            Self(clock.names)
        })
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        clock(|clock| clock.sleepers.retain(|(name, ..)| *name != self.0));
    }
}

/// As of `parking_lot`: it does not poison.
#[derive(Debug, Default)]
pub struct Mutex<T>(Lock<T>);

#[derive(Debug)]
pub struct MutexGuard<'a, T>(
    /// Empty only while a wait has it.
    Option<Locked<'a, T>>,
);

impl<T> Mutex<T> {
    pub fn new(value: T) -> Self {
        Self(Lock::new(value))
    }

    pub fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard(Some(self.0.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("it is locked")
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().expect("it is locked")
    }
}

/// As of `parking_lot`.
#[derive(Debug, Default)]
pub struct Condvar(Arc<Waits>);

impl Condvar {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn notify_one(&self) {
        self.0.notify_one();
    }

    pub fn notify_all(&self) {
        self.0.notify_all();
    }

    pub fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        let locked = guard.0.take().expect("it is locked");
        let locked = self.0.wait(locked).unwrap_or_else(PoisonError::into_inner);
        guard.0 = Some(locked);
    }

    pub fn wait_until<T>(&self, guard: &mut MutexGuard<'_, T>, time: Instant) {
        if now() < time {
            let _sleep = Sleep::until(time, Sleeper::Thread(Arc::clone(&self.0)));
            self.wait(guard);
        }
    }
}

/// As of `event-listener`, which it is.
#[derive(Debug, Default)]
pub struct Event {
    event: event_listener::Event,
    /// Looked at before every call, so that somebody else may come first.
    before: AtomicBool,
}

impl Event {
    pub fn new() -> Self {
        Self::default()
    }

    fn let_others_come_first(&self) {
        self.before.load(std::sync::atomic::Ordering::SeqCst);
    }

    pub fn listen(&self) -> EventListener {
        self.let_others_come_first();
        EventListener(self.event.listen())
    }

    pub fn notify(&self, count: usize) {
        self.let_others_come_first();
        self.event.notify(count);
    }
}

#[derive(Debug)]
pub struct EventListener(event_listener::EventListener);

impl Future for EventListener {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(context)
    }
}

/// What blocks a thread.
pub trait Listener {
    fn wait(self);
    fn wait_deadline(self, deadline: Instant) -> Option<()>;
}

impl Listener for EventListener {
    fn wait(self) {
        block_on(self);
    }

    fn wait_deadline(self, deadline: Instant) -> Option<()> {
        let mut listener = pin!(self);
        let mut sleep = None;
        block_on(std::future::poll_fn(|context| {
            if listener.as_mut().poll(context).is_ready() {
                return Poll::Ready(Some(()));
            }
            if now() >= deadline {
                return Poll::Ready(None);
            }
            sleep = Some(Sleep::until(
                deadline,
                Sleeper::Task(context.waker().clone()),
            ));
            Poll::Pending
        }))
    }
}
