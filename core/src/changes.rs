//! Listening to the changes of a repository or of a whole store.
//!
//! Owns [`Changes`] and [`StoreChanges`], the side of the readers. What is told, and when, is
//! `feed.rs`.

use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind, Result};
use crate::feed::{ChangeKind, Feed, Next, Queue, StoreChange};
use crate::journal::Journal;
use crate::record::Data;
use crate::sync::{Listener as _, now};

/// How many changes a feed holds for a reader that does not keep up, unless it asks for another
/// number.
pub const CHANGES_KEPT: usize = 1024;

/// What a feed tells.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ChangeEvent<C> {
    /// The changes of one write or of one transaction, in order. They come together, and all have
    /// the same sequence number.
    Changed(Vec<C>),
    /// So many changes came before the next that is told, and are lost to this reader because it
    /// did not keep up. It should read what it needs anew.
    Missed(u64),
}

/// One change of one record.
///
/// The records are the very ones that the repository gives: shared, and nobody can change them.
pub struct Change<T> {
    /// The place of the write in the store's order; all changes of one write have the same.
    pub sequence: u64,
    /// The record's id.
    pub id: Arc<str>,
    /// What happened to it.
    pub kind: ChangeKind,
    /// The record that was there before.
    pub before: Option<Arc<T>>,
    /// The record that is there now.
    pub after: Option<Arc<T>>,
}

impl<T> Clone for Change<T> {
    fn clone(&self) -> Self {
        Self {
            sequence: self.sequence,
            id: Arc::clone(&self.id),
            kind: self.kind,
            before: self.before.clone(),
            after: self.after.clone(),
        }
    }
}

/// Shows which record, not what is in it.
impl<T> fmt::Debug for Change<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Change")
            .field("sequence", &self.sequence)
            .field("id", &self.id)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// A queue and the feed that fills it.
struct Reader {
    queue: Arc<Queue>,
    feed: Weak<Feed>,
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(feed) = self.feed.upgrade() {
            feed.forget(&self.queue);
        }
    }
}

/// What is wanted of the next event.
enum Found<E> {
    Event(E),
    Empty,
    Closed,
}

impl Reader {
    fn open(journal: &Journal, collection: Option<Arc<str>>, capacity: usize) -> Result<Self> {
        // Between writes: one that is under way has asked already whether somebody listens, and
        // becomes visible before this returns.
        let (queue, feed) =
            journal.between_writes(|| journal.feed().listen(collection, capacity))?;
        Ok(Self { queue, feed })
    }

    fn look<C>(&self, make: impl Fn(&StoreChange) -> C) -> Found<ChangeEvent<C>> {
        match self.queue.next() {
            Next::Missed(count) => Found::Event(ChangeEvent::Missed(count)),
            Next::Empty => Found::Empty,
            Next::Closed => Found::Closed,
            Next::Batch(batch) => Found::Event(ChangeEvent::Changed(
                batch
                    .iter()
                    .filter(|change| self.queue.is_meant(change))
                    .map(make)
                    .collect(),
            )),
        }
    }

    fn wait_until<C>(
        &self,
        deadline: Option<Instant>,
        make: impl Fn(&StoreChange) -> C,
    ) -> Result<Option<ChangeEvent<C>>> {
        loop {
            // Listen before looking, or an event in between would be missed.
            let listener = self.queue.listen();
            match self.look(&make) {
                Found::Event(event) => return Ok(Some(event)),
                Found::Closed => return Ok(None),
                Found::Empty => {}
            }
            match deadline {
                None => listener.wait(),
                Some(deadline) if now() >= deadline => {
                    return Err(Error::new(
                        ErrorKind::Timeout,
                        "nothing was changed in the time that was given",
                    ));
                }
                Some(deadline) => {
                    let _ = listener.wait_deadline(deadline);
                }
            }
        }
    }

    async fn next<C>(&self, make: impl Fn(&StoreChange) -> C) -> Option<ChangeEvent<C>> {
        loop {
            let listener = self.queue.listen();
            match self.look(&make) {
                Found::Event(event) => return Some(event),
                Found::Closed => return None,
                Found::Empty => listener.await,
            }
        }
    }
}

/// The ways to read, the same for one repository and for a store.
macro_rules! reading {
    ($change:ty, $make:expr) => {
        /// The next event; waits on this thread. `None` when the store was closed, or its last
        /// handle dropped, and everything was read.
        pub fn wait(&mut self) -> Option<ChangeEvent<$change>> {
            // Without a deadline there is no error.
            self.reader.wait_until(None, $make).ok().flatten()
        }

        /// As [`wait`](Self::wait), for so long at most.
        ///
        /// # Errors
        ///
        /// [`ErrorKind::Timeout`] when the time is over; nothing is lost by that.
        pub fn wait_timeout(&mut self, timeout: Duration) -> Result<Option<ChangeEvent<$change>>> {
            // A timeout beyond the clock's range is "for ever".
            self.reader.wait_until(now().checked_add(timeout), $make)
        }

        /// The next event, if there is one now.
        pub fn try_next(&mut self) -> Option<ChangeEvent<$change>> {
            match self.reader.look($make) {
                Found::Event(event) => Some(event),
                Found::Empty | Found::Closed => None,
            }
        }

        /// The next event, on any executor. `None` as with [`wait`](Self::wait). Nothing is lost if
        /// the future is dropped.
        pub async fn next(&mut self) -> Option<ChangeEvent<$change>> {
            self.reader.next($make).await
        }
    };
}

/// The changes of one repository, from the moment it was asked for; see
/// [`RepositoryExt::changes`](crate::RepositoryExt::changes).
///
/// Every change comes once, in the store's order, after it is visible. A writer never waits for a
/// reader: a reader that does not keep up loses the oldest changes and is told how many
/// ([`ChangeEvent::Missed`]). Dropping it ends it. It does not keep the store open.
///
/// It tells what is changed through this store. What other processes change in a database, and
/// what a load drops or repairs, is not told here.
pub struct Changes<T> {
    reader: Reader,
    of: PhantomData<fn() -> T>,
}

impl<T> fmt::Debug for Changes<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Changes").finish_non_exhaustive()
    }
}

impl<T: Data> Changes<T> {
    /// Begins to listen to a collection.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NestedTransaction`].
    pub fn open(journal: &Journal, collection: Arc<str>, capacity: usize) -> Result<Self> {
        Ok(Self {
            reader: Reader::open(journal, Some(collection), capacity)?,
            of: PhantomData,
        })
    }

    reading!(Change<T>, typed::<T>);
}

fn typed<T: Data>(change: &StoreChange) -> Change<T> {
    Change {
        sequence: change.sequence(),
        id: Arc::clone(change.shared_id()),
        kind: change.kind(),
        before: change.before(),
        after: change.after(),
    }
}

/// The changes of all collections of a store; else as [`Changes`].
///
/// The records are of the types that their collections were opened with:
/// [`StoreChange::after`] gives one to who names its type.
pub struct StoreChanges {
    reader: Reader,
}

impl fmt::Debug for StoreChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreChanges").finish_non_exhaustive()
    }
}

impl StoreChanges {
    /// Begins to listen to a store.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NestedTransaction`].
    pub fn open(journal: &Journal, capacity: usize) -> Result<Self> {
        Ok(Self {
            reader: Reader::open(journal, None, capacity)?,
        })
    }

    reading!(StoreChange, StoreChange::clone);
}
