//! How events reach those who listen.
//!
//! Owns [`Bus`], the side of the stores: who listens, and in which order they are told. What one
//! listener has not read yet is `queue.rs`, reading it is `subscription.rs`.
//!
//! Two threads that change one session make their writes one after the other, but whoever was first
//! may be last to tell of it. So a place in the order is taken where the order is known, inside the
//! transaction, and the event is put there after it: see [`Reserved`].

mod pending;
mod queue;
mod subscription;

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::event::Event;

pub use pending::Pending;
pub use queue::Told;
pub use subscription::{Listener, Subscription};

use queue::Queue;

/// How many events may wait behind a place that was reserved and not used yet, for each session.
const HELD: usize = 1024;

/// Where stores publish events, and others listen. Clones are handles on one bus; stores that are
/// given the same bus are heard together.
///
/// * **Nobody waits for a listener.** Each has a queue with a bound; whoever does not keep up loses
///   the oldest events and is told how many ([`Told::Missed`]).
/// * **In order.** The events of one session come in the order of the writes they tell of. Those of
///   different sessions come in some order, the same for all listeners.
/// * **After the fact.** Whoever is told of a write finds it in the store. What a transaction that
///   failed would have done is not told.
/// * **Of this process.** What another process changes in a database is not told.
/// * **Once.** Events are nowhere on disk: a crash forgets those that were not read. What must not be
///   missed is asked of the stores at the start.
///
/// ```
/// use larder_stores::{Bus, Event, Told};
///
/// let bus = Bus::new();
/// let mut events = bus.subscribe(64);
/// bus.publish(Event::GateCreated {
///     session_id: "fix-login".into(),
///     gate_id: "gate_1_a".into(),
///     is_blocking: true,
/// });
/// match events.wait() {
///     Some(Told::Event(event)) => assert_eq!(event.session_id(), "fix-login"),
///     Some(Told::Missed(lost)) => println!("{lost} events were missed: look at the stores"),
///     None => println!("the bus is gone"),
/// }
/// ```
#[derive(Clone, Default)]
pub struct Bus {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    listeners: Vec<Arc<Queue>>,
    /// The places that are taken, of each session that has one which is not used yet.
    places: HashMap<Arc<str>, VecDeque<Place>>,
    last: u64,
}

struct Place {
    number: u64,
    /// What to tell; `None` as long as that is not known.
    events: Option<Vec<Arc<Event>>>,
}

impl fmt::Debug for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.inner.state.lock();
        f.debug_struct("Bus")
            .field("listeners", &state.listeners.len())
            .field("waiting_sessions", &state.places.len())
            .finish()
    }
}

impl Bus {
    /// A bus that nobody listens to yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Tells everybody who listens. If a place before it is [reserved](Self::reserve) for the same
    /// session and not used yet, it comes right after that.
    pub fn publish(&self, event: Event) {
        self.reserve(event.session_id()).publish([event]);
    }

    /// Takes the next place in the order of a session.
    ///
    /// A store does that inside the transaction that makes the change: transactions are made one after
    /// the other, so the places have the order of the writes. It publishes after the transaction. A
    /// place that is dropped, because the transaction failed, is nobody's, and nobody waits for it.
    #[must_use = "whoever is told of the session waits for this place until it is used or dropped"]
    pub fn reserve(&self, session_id: &str) -> Reserved {
        let mut state = self.inner.state.lock();
        state.last += 1;
        let number = state.last;
        let session: Arc<str> = match state.places.get_key_value(session_id) {
            Some((session, _)) => Arc::clone(session),
            None => session_id.into(),
        };
        let places = state.places.entry(Arc::clone(&session)).or_default();
        places.push_back(Place {
            number,
            events: None,
        });
        Reserved {
            bus: self.clone(),
            session,
            number: Some(number),
        }
    }

    /// Listens from now on. Up to `capacity` events wait to be read, at least one.
    #[must_use = "nobody listens any more when it is dropped"]
    pub fn subscribe(&self, capacity: usize) -> Subscription {
        let queue = Arc::new(Queue::new(capacity));
        self.inner.state.lock().listeners.push(Arc::clone(&queue));
        Subscription::new(queue, Arc::downgrade(&self.inner))
    }

    /// Calls `act` with whatever comes, on a thread of its own. A call that panics is logged, and the
    /// next event is told as if nothing had happened. It ends when the [`Listener`] is dropped.
    ///
    /// # Errors
    ///
    /// [`larder::ErrorKind::Io`] if there can be no thread; nobody listens then.
    pub fn listen(
        &self,
        capacity: usize,
        act: impl FnMut(Told) + Send + 'static,
    ) -> crate::Result<Listener> {
        Listener::start(self.subscribe(capacity), act)
    }
}

impl Inner {
    /// Fills a place, and tells what is not behind an empty one any more.
    fn fill(&self, session: &Arc<str>, number: u64, events: Vec<Arc<Event>>) {
        let told = {
            let mut state = self.state.lock();
            state.fill(session, number, events)
        };
        // Not under the lock: what is woken may publish at once.
        for queue in told {
            queue.wake();
        }
    }

    fn forget(&self, queue: &Arc<Queue>) {
        let mut state = self.state.lock();
        state.listeners.retain(|other| !Arc::ptr_eq(other, queue));
    }
}

impl State {
    fn fill(
        &mut self,
        session: &Arc<str>,
        number: u64,
        events: Vec<Arc<Event>>,
    ) -> Vec<Arc<Queue>> {
        let mut ready = Vec::new();
        let mut is_empty = true;
        match self.places.get_mut(session) {
            Some(places) => {
                match places.iter_mut().find(|place| place.number == number) {
                    Some(place) => place.events = Some(events),
                    // It was given up.
                    None => ready.extend(events),
                }
                // Somebody forgot a place, or hangs: what is behind it does not grow for ever.
                if places.len() > HELD && places.front().is_some_and(|it| it.events.is_none()) {
                    places.pop_front();
                }
                while let Some(events) = places.front_mut().and_then(|it| it.events.take()) {
                    ready.extend(events);
                    places.pop_front();
                }
                is_empty = places.is_empty();
            }
            None => ready.extend(events),
        }
        if is_empty {
            self.places.remove(session);
        }
        if ready.is_empty() {
            return Vec::new();
        }
        // Under the lock, so that all listeners are told in the same order.
        for queue in &self.listeners {
            queue.push(&ready);
        }
        self.listeners.clone()
    }
}

/// Nobody will publish any more: whoever listens reads what is left, and then the end.
impl Drop for Inner {
    fn drop(&mut self) {
        for queue in &self.state.get_mut().listeners {
            queue.close();
        }
    }
}

/// A place in the order of a session's events, from [`Bus::reserve`].
///
/// Whatever is published about the session later waits until this is used or dropped. (Up to 1,024
/// places; then this one has lost its turn, and is told when it comes.)
#[derive(Debug)]
pub struct Reserved {
    bus: Bus,
    session: Arc<str>,
    number: Option<u64>,
}

impl Reserved {
    /// Tells these, in this order.
    pub fn publish(mut self, events: impl IntoIterator<Item = Event>) {
        let events = events.into_iter().map(Arc::new).collect();
        self.fill(events);
    }

    fn fill(&mut self, events: Vec<Arc<Event>>) {
        if let Some(number) = self.number.take() {
            self.bus.inner.fill(&self.session, number, events);
        }
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.fill(Vec::new());
    }
}
