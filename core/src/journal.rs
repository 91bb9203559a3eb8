//! The order of a store's writes: one write lock, one sequence, one list of what is not flushed.
//!
//! Owns [`Journal`]. A write takes a [`Turn`], changes its table and commits; so the sequence is
//! the order in which writes became visible, over all collections of the store, and the order in
//! which those who listen are told of them. The committer's medium takes what has gathered with
//! [`Journal::take`], without waiting for writers and without making them wait.
//!
//! A transaction holds the turn while its closure runs. The thread that does is known
//! ([`Holder`]), so that whatever would wait for the turn there is an error and not a deadlock.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::committer::Progress;
use crate::error::{Error, ErrorKind, Result};
use crate::feed::{Feed, StoreChange, Told};
use crate::holder::{Held, Holder};
use crate::sync::{AtomicBool, Mutex, MutexGuard};
use crate::write::Write;

/// One change of one record, as a medium needs it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The collection's name.
    pub collection: Arc<str>,
    /// The change.
    pub change: EntryChange,
}

/// See [`Entry::change`].
#[derive(Clone)]
pub enum EntryChange {
    /// The record with this id is now this JSON text.
    Put {
        /// The id.
        id: Arc<str>,
        /// The JSON, in one line.
        text: Box<str>,
    },
    /// The record with this id is gone.
    Delete {
        /// The id.
        id: Arc<str>,
    },
    /// Every record is gone.
    Clear,
}

/// Shows which record, not what is in it.
impl fmt::Debug for EntryChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Put { id, text } => write!(f, "Put({id:?}, {} bytes)", text.len()),
            Self::Delete { id } => write!(f, "Delete({id:?})"),
            Self::Clear => f.write_str("Clear"),
        }
    }
}

/// Where writes go after they are visible.
#[derive(Debug)]
enum Sink {
    /// Nowhere: the memory is all there is.
    Memory,
    /// To a medium, by the committer.
    Committer(Arc<Progress>),
    /// Writes are refused.
    ReadOnly,
}

/// The order of a store's writes.
#[derive(Debug)]
pub struct Journal {
    /// The write lock.
    turn: Mutex<()>,
    gathered: Mutex<Gathered>,
    sink: Sink,
    closed: AtomicBool,
    feed: Arc<Feed>,
    holder: Arc<Holder>,
}

#[derive(Debug, Default)]
struct Gathered {
    last: u64,
    entries: Vec<Entry>,
}

impl Journal {
    fn new(sink: Sink) -> Self {
        let (feed, holder) = match &sink {
            // Who waits for the disk has to know of a transaction, and the committer's end is the
            // feed's.
            Sink::Committer(progress) => (Arc::clone(progress.feed()), progress.holder()),
            Sink::Memory | Sink::ReadOnly => (Arc::default(), Arc::default()),
        };
        Self {
            turn: Mutex::new(()),
            gathered: Mutex::new(Gathered::default()),
            sink,
            closed: AtomicBool::new(false),
            feed,
            holder,
        }
    }

    /// The journal of a store that lives in memory: nothing gathers.
    #[must_use]
    pub fn memory() -> Self {
        Self::new(Sink::Memory)
    }

    /// The journal of a store whose writes a committer makes durable.
    #[must_use]
    pub fn committed(progress: Arc<Progress>) -> Self {
        Self::new(Sink::Committer(progress))
    }

    /// The journal of a store that was opened for reading.
    #[must_use]
    pub fn read_only() -> Self {
        Self::new(Sink::ReadOnly)
    }

    /// From now on writes are refused, and those who listen are told that nothing comes any more.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NestedTransaction`] inside a transaction of this thread; nothing was closed.
    pub fn close(&self) -> Result<()> {
        self.between_writes(|| self.closed.store(true, Ordering::SeqCst))?;
        self.feed.close();
        Ok(())
    }

    /// Does something while no write is under way, such as to ask for the store to be closed.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NestedTransaction`] inside a transaction of this thread, which would wait for
    /// itself; nothing was done.
    pub fn between_writes<R>(&self, act: impl FnOnce() -> R) -> Result<R> {
        self.holder.check()?;
        let _turn = self.turn.lock();
        Ok(act())
    }

    /// Who is told of each change, in the store's order.
    #[must_use]
    pub fn feed(&self) -> &Arc<Feed> {
        &self.feed
    }

    /// Refuses what may wait for the end of the transaction that this thread is in.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NestedTransaction`].
    pub(crate) fn check_outside(&self) -> Result<()> {
        self.holder.check()
    }

    /// Whether writes are possible at all; asked before any work is done for one, and before it waits
    /// for anybody: also who waits for the turn on behalf of others.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::ReadOnly`], [`ErrorKind::Closed`] or [`ErrorKind::Poisoned`], and
    /// [`ErrorKind::NestedTransaction`] inside a transaction of this thread.
    pub fn check_writable(&self) -> Result<()> {
        self.check_outside()?;
        if self.closed.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::Closed, "the store was closed"));
        }
        match &self.sink {
            Sink::Memory => Ok(()),
            Sink::Committer(progress) => progress.check_open(),
            Sink::ReadOnly => Err(Error::new(
                ErrorKind::ReadOnly,
                "the store was opened for reading only",
            )),
        }
    }

    /// Takes the write lock.
    ///
    /// # Errors
    ///
    /// As [`check_writable`](Self::check_writable).
    pub fn turn(&self) -> Result<Turn<'_>> {
        self.holder.check()?;
        let guard = self.turn.lock();
        self.check_writable()?;
        Ok(Turn {
            journal: self,
            held: None,
            _guard: guard,
            told: Told::default(),
        })
    }

    /// Takes the write lock for a transaction: until the turn ends, whatever else this thread asks
    /// of the writes is refused.
    ///
    /// # Errors
    ///
    /// As [`turn`](Self::turn).
    pub fn transaction(&self) -> Result<Turn<'_>> {
        let mut turn = self.turn()?;
        turn.held = Some(self.holder.hold());
        Ok(turn)
    }

    /// Everything that has gathered since the last call, in order, and the sequence number of the
    /// last of it.
    pub fn take(&self) -> (Vec<Entry>, u64) {
        let mut gathered = self.gathered.lock();
        (std::mem::take(&mut gathered.entries), gathered.last)
    }

    /// The sequence number of the last write.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.gathered.lock().last
    }

    /// A wait for everything that is visible now.
    pub fn flush(&self) -> Write<()> {
        // Between writes: one that is visible already has its number then.
        match self.between_writes(|| self.last()) {
            Ok(last) => self.ticket((), last),
            Err(error) => Write::failed((), error),
        }
    }

    fn ticket<R>(&self, value: R, sequence: u64) -> Write<R> {
        match &self.sink {
            Sink::Committer(progress) => Write::pending(value, Arc::clone(progress), sequence),
            Sink::Memory | Sink::ReadOnly => Write::done(value),
        }
    }
}

/// The right to write: no other write of the store happens while it is held.
#[derive(Debug)]
pub struct Turn<'a> {
    journal: &'a Journal,
    /// Let go before the lock is: fields are dropped in this order.
    held: Option<Held>,
    _guard: MutexGuard<'a, ()>,
    /// And woken after it.
    told: Told,
}

impl Turn<'_> {
    /// Whether the journal wants entries: the memory store does not.
    #[must_use]
    pub fn wants_entries(&self) -> bool {
        matches!(self.journal.sink, Sink::Committer(_))
    }

    /// Whether somebody listens to changes: else nobody has to work out what they were.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        self.journal.feed.is_watched()
    }

    /// What was changed in this turn becomes the next in the store's order.
    pub fn commit<R>(self, value: R, entries: Vec<Entry>) -> Write<R> {
        self.add(value, entries, Vec::new())
    }

    /// The same, and the turn goes on: several changes were made in it, each with a place of its own
    /// in the order. Those who listen are told of the changes; everybody must see them already.
    pub fn add<R>(&self, value: R, entries: Vec<Entry>, changes: Vec<StoreChange>) -> Write<R> {
        let sequence = {
            let mut gathered = self.journal.gathered.lock();
            gathered.last += 1;
            gathered.entries.extend(entries);
            gathered.last
        };
        if let Sink::Committer(progress) = &self.journal.sink {
            progress.wrote(sequence);
        }
        self.journal.feed.publish(sequence, changes, &self.told);
        self.journal.ticket(value, sequence)
    }

    /// Nothing was changed: whoever waits, waits for what was there before.
    pub fn unchanged<R>(&self, value: R) -> Write<R> {
        let last = self.journal.last();
        self.journal.ticket(value, last)
    }
}
