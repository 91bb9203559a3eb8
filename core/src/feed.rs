//! Telling those who listen what was changed, in the store's order.
//!
//! Owns [`Feed`], the side of the writers, and [`StoreChange`]. A writer tells after its change is
//! visible and while it holds the turn, so the order of what is told is the order of the store; it
//! never waits for a listener: each has a queue with a bound, and whoever does not keep up loses
//! the oldest and learns how many. Reading the queue is `changes.rs`.

use std::any::Any;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use crate::op::Outcome;
use crate::record::Data;
use crate::sync::{AtomicUsize, Event, EventListener, Mutex};

/// A record, whatever its type.
type AnyRecord = Arc<dyn Any + Send + Sync>;

/// What happened to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChangeKind {
    /// It was not there before.
    Inserted,
    /// It was put in the place of another, or of itself.
    Updated,
    /// It is gone.
    Deleted,
}

impl ChangeKind {
    /// The name as it stands in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inserted => "inserted",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
        }
    }
}

impl fmt::Display for ChangeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One change of one record, in whatever collection of a store.
///
/// The records are the very ones that the repositories give: shared, and nobody can change them.
/// Debug shows which record, not what is in it.
#[derive(Clone)]
pub struct StoreChange {
    sequence: u64,
    collection: Arc<str>,
    id: Arc<str>,
    before: Option<AnyRecord>,
    after: Option<AnyRecord>,
}

impl StoreChange {
    /// What an operation on this collection did; `None` if it did nothing: a record was to be
    /// deleted that is not there.
    #[must_use]
    pub fn of<T: Data>(collection: &Arc<str>, outcome: &Outcome<T>) -> Option<Self> {
        if outcome.before.is_none() && outcome.after.is_none() {
            return None;
        }
        let any = |record: &Arc<T>| Arc::clone(record) as AnyRecord;
        Some(Self {
            sequence: 0,
            collection: Arc::clone(collection),
            id: Arc::clone(&outcome.id),
            before: outcome.before.as_ref().map(any),
            after: outcome.after.as_ref().map(any),
        })
    }

    /// The place of the write in the store's order. All changes of one write, and of one
    /// transaction, have the same.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The collection's name.
    #[must_use]
    pub fn collection(&self) -> &str {
        &self.collection
    }

    /// The record's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn shared_id(&self) -> &Arc<str> {
        &self.id
    }

    /// What happened to it.
    #[must_use]
    pub fn kind(&self) -> ChangeKind {
        match (&self.before, &self.after) {
            (_, None) => ChangeKind::Deleted,
            (None, Some(_)) => ChangeKind::Inserted,
            (Some(_), Some(_)) => ChangeKind::Updated,
        }
    }

    /// The record that was there; `None` if there was none, or if `T` is not the record type of the
    /// collection.
    #[must_use]
    pub fn before<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.before.clone().and_then(|it| it.downcast().ok())
    }

    /// The record that is there now; `None` if it is gone, or if `T` is not the record type of the
    /// collection.
    #[must_use]
    pub fn after<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.after.clone().and_then(|it| it.downcast().ok())
    }
}

impl fmt::Debug for StoreChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreChange")
            .field("sequence", &self.sequence)
            .field("collection", &self.collection)
            .field("id", &self.id)
            .field("kind", &self.kind())
            .finish_non_exhaustive()
    }
}

/// The changes of one write, in order.
pub(crate) type Batch = Arc<[StoreChange]>;

/// What one listener has not read yet.
pub(crate) struct Queue {
    /// The one collection that is listened to, or all.
    collection: Option<Arc<str>>,
    capacity: usize,
    waiting: Mutex<Waiting>,
    news: Event,
}

#[derive(Default)]
struct Waiting {
    batches: VecDeque<Batch>,
    /// How many changes are in them that this listener is told.
    changes: usize,
    /// How many were let go before the first of them.
    missed: u64,
    closed: bool,
}

/// What a listener finds.
pub(crate) enum Next {
    Batch(Batch),
    Missed(u64),
    /// Nothing yet.
    Empty,
    /// Nothing, and nothing will come.
    Closed,
}

impl Queue {
    pub(crate) fn is_meant(&self, change: &StoreChange) -> bool {
        self.collection
            .as_ref()
            .is_none_or(|collection| *collection == change.collection)
    }

    fn count(&self, batch: &Batch) -> usize {
        batch.iter().filter(|change| self.is_meant(change)).count()
    }

    /// The oldest make room. The changes of one write are kept together or let go together, so one
    /// with more changes than there is room for is alone in the queue.
    fn push(&self, batch: &Batch) {
        let count = self.count(batch);
        if count == 0 {
            return;
        }
        {
            let mut waiting = self.waiting.lock();
            while waiting.changes + count > self.capacity {
                let Some(oldest) = waiting.batches.pop_front() else {
                    break;
                };
                let gone = self.count(&oldest);
                waiting.changes -= gone;
                waiting.missed += gone as u64;
            }
            waiting.batches.push_back(Arc::clone(batch));
            waiting.changes += count;
        }
    }

    fn wake(&self) {
        self.news.notify(usize::MAX);
    }

    pub(crate) fn next(&self) -> Next {
        let mut waiting = self.waiting.lock();
        if waiting.missed > 0 {
            return Next::Missed(std::mem::take(&mut waiting.missed));
        }
        match waiting.batches.pop_front() {
            Some(batch) => {
                waiting.changes -= self.count(&batch);
                Next::Batch(batch)
            }
            None if waiting.closed => Next::Closed,
            None => Next::Empty,
        }
    }

    pub(crate) fn listen(&self) -> EventListener {
        self.news.listen()
    }

    fn close(&self) {
        self.waiting.lock().closed = true;
        self.wake();
    }
}

/// Those who were told of something, to be woken when this is dropped: what is woken may write to the
/// store at once, on this very thread.
#[derive(Default)]
pub(crate) struct Told(RefCell<Vec<Arc<Queue>>>);

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Told").field(&self.0.borrow().len()).finish()
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        for queue in self.0.get_mut() {
            queue.wake();
        }
    }
}

/// Those who listen to a store.
#[derive(Default)]
pub struct Feed {
    listeners: Mutex<Listeners>,
    /// How many there are: a writer asks before it works out what it changed.
    count: AtomicUsize,
}

#[derive(Default)]
struct Listeners {
    queues: Vec<Arc<Queue>>,
    closed: bool,
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed")
            .field("listeners", &self.count.load(Ordering::Relaxed))
            .finish_non_exhaustive()
    }
}

impl Feed {
    /// Whether somebody listens. Asked and answered while the turn is held, which whoever begins
    /// to listen takes, too.
    pub(crate) fn is_watched(&self) -> bool {
        self.count.load(Ordering::Relaxed) > 0
    }

    /// Tells everybody. Whoever calls this holds the turn; who is told is woken when that has ended.
    pub(crate) fn publish(&self, sequence: u64, mut changes: Vec<StoreChange>, told: &Told) {
        if changes.is_empty() {
            return;
        }
        for change in &mut changes {
            change.sequence = sequence;
        }
        let batch: Batch = changes.into();
        let queues = self.listeners.lock().queues.clone();
        for queue in &queues {
            queue.push(&batch);
        }
        *told.0.borrow_mut() = queues;
    }

    /// A queue for somebody who begins to listen. Whoever calls this holds the turn.
    pub(crate) fn listen(
        self: &Arc<Self>,
        collection: Option<Arc<str>>,
        capacity: usize,
    ) -> (Arc<Queue>, Weak<Feed>) {
        let mut listeners = self.listeners.lock();
        let queue = Arc::new(Queue {
            collection,
            capacity: capacity.max(1),
            waiting: Mutex::new(Waiting {
                closed: listeners.closed,
                ..Waiting::default()
            }),
            news: Event::new(),
        });
        listeners.queues.push(Arc::clone(&queue));
        self.count.store(listeners.queues.len(), Ordering::Relaxed);
        (queue, Arc::downgrade(self))
    }

    pub(crate) fn forget(&self, queue: &Arc<Queue>) {
        let mut listeners = self.listeners.lock();
        listeners.queues.retain(|other| !Arc::ptr_eq(other, queue));
        self.count.store(listeners.queues.len(), Ordering::Relaxed);
    }

    /// Nothing comes any more: whoever listens reads what is left, and then the end.
    pub(crate) fn close(&self) {
        let queues = {
            let mut listeners = self.listeners.lock();
            listeners.closed = true;
            listeners.queues.clone()
        };
        for queue in queues {
            queue.close();
        }
    }
}

/// A store whose last handle is dropped was closed, whether it has a disk or not.
impl Drop for Feed {
    fn drop(&mut self) {
        self.close();
    }
}
