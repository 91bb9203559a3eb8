//! Any store, with one thing wrong in what it answers.
//!
//! Owns [`Faulty`], a setup around another, and the store it gives. The repositories are `repository.rs`, how
//! changes are told wrongly is `relay.rs`, and a transaction that is none is `through.rs`.

mod relay;
mod repository;
mod through;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use larder_core::{
    Backend, Collection, Data, Definition, Error, ErrorKind, Health, HealthWatch, LoadReport,
    Options, Quarantined, Repository, Result, StoreChanges, StoreStats, Transaction, Write,
};
use larder_testkit::{Ability, Doubled, Memory, Setup};

use relay::Relay;
use repository::FaultyRepository;
use through::Through;

/// What is wrong with what a store answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A handle remembers what it has read.
    RemembersReads,
    /// Records that were updated are not found by an index.
    ForgetsAnIndexOnUpdate,
    /// The operations of a list are made one after the other, until one is refused.
    MutatesBeforeItChecks,
    /// Of two that want one unique key in one list the second is left out, and nobody is told.
    LeavesTwinsOut,
    /// An insert is a save.
    InsertOverwrites,
    /// A compare-and-swap compares nothing.
    ReplaceComparesNothing,
    /// Downwards, records of equal keys come downwards, too.
    ReversesEqualKeys,
    /// One more than was asked for.
    LimitIsOneOff,
    /// A record that has two of the keys asked for is counted twice.
    CountsEntries,
    /// A page begins with the record that the one before ended with.
    CursorRepeatsARecord,
    /// Every change is told twice.
    TellsTwice,
    /// A change is told before it is made.
    TellsTooEarly,
    /// What a slow reader lost is not told.
    KeepsLossesQuiet,
    /// What a transaction did before its error stays.
    KeepsWhatFailed,
    /// A write beside the transaction of its own thread is said to be made, and is not.
    LosesWritesBeside,
    /// A transaction writes what it is told at once, for everybody to see.
    WritesThrough,
    /// A closed store answers.
    AnswersWhenClosed,
}

/// A setup around another.
pub(crate) struct Faulty<S> {
    inner: S,
    fault: Option<Fault>,
}

impl<S> Faulty<S> {
    /// Everything is handed on as it is.
    pub(crate) fn sound(inner: S) -> Self {
        Self { inner, fault: None }
    }
}

impl Faulty<Memory> {
    pub(crate) fn broken(fault: Fault) -> Self {
        Self {
            inner: Memory,
            fault: Some(fault),
        }
    }
}

/// What the handles of a store share.
#[derive(Debug)]
struct Shared {
    fault: Option<Fault>,
    /// It was closed, and does not care.
    is_closed: AtomicBool,
    relay: Option<Relay>,
    through: Through,
}

impl Shared {
    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    /// Refuses writes where the store that is underneath was not closed.
    fn check_writable(&self) -> Result<()> {
        if self.is_closed.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::Closed, "the store was closed"));
        }
        Ok(())
    }
}

#[derive(Debug)]
pub(crate) struct FaultyStore<B> {
    inner: B,
    shared: Arc<Shared>,
}

impl<S: Setup> Setup for Faulty<S> {
    type Store = FaultyStore<S::Store>;

    fn open(&self, options: Options) -> Result<Self::Store> {
        let inner = self.inner.open(options)?;
        let relay = match self.fault {
            Some(Fault::TellsTwice | Fault::TellsTooEarly | Fault::KeepsLossesQuiet) => {
                Some(Relay::new(inner.listen(usize::MAX)?))
            }
            _ => None,
        };
        let shared = Arc::new(Shared {
            fault: self.fault,
            is_closed: AtomicBool::new(false),
            relay,
            through: Through::default(),
        });
        Ok(FaultyStore { inner, shared })
    }

    fn collection<T: Data>(
        &self,
        store: &Self::Store,
        collection: Collection<T>,
    ) -> Result<Arc<dyn Repository<T>>> {
        let inner = self.inner.collection(&store.inner, collection)?;
        let shared = Arc::clone(&store.shared);
        let repository = FaultyRepository::new(inner, shared);
        store.shared.through.add(&repository)?;
        Ok(Arc::new(Doubled(repository)))
    }

    fn abilities(&self) -> &[Ability] {
        self.inner.abilities()
    }

    fn crash(&self) {
        self.inner.crash();
    }

    fn plant(&self, collection: &str, records: &[&str]) {
        self.inner.plant(collection, records);
    }

    fn fail(&self, failing: bool) {
        self.inner.fail(failing);
    }

    fn fail_times(&self, times: u32) -> bool {
        self.inner.fail_times(times)
    }
}

#[deny(clippy::missing_trait_methods)]
impl<B: Backend> Backend for FaultyStore<B> {
    fn transact(&self, body: &mut dyn FnMut(&Transaction<'_>) -> Result<()>) -> Result<Write<()>> {
        self.shared.check_writable()?;
        if self.shared.has(Fault::WritesThrough) {
            return self.shared.through.transact(body);
        }
        if !self.shared.has(Fault::KeepsWhatFailed) {
            let done = self.inner.transact(body);
            self.shared.tell();
            return done;
        }
        let mut failed = None;
        let done = self.inner.transact(&mut |tx| {
            failed = body(tx).err();
            Ok(())
        });
        match failed {
            Some(error) => Err(error),
            None => done,
        }
    }

    fn listen(&self, capacity: usize) -> Result<StoreChanges> {
        match &self.shared.relay {
            Some(relay) => relay.listen(&self.shared, capacity),
            None => self.inner.listen(capacity),
        }
    }

    fn flush(&self) -> Write<()> {
        self.inner.flush()
    }

    fn close(&self) -> Write<()> {
        if self.shared.has(Fault::AnswersWhenClosed) {
            self.shared.is_closed.store(true, Ordering::SeqCst);
            return Write::done(());
        }
        if let Some(relay) = &self.shared.relay {
            relay.close();
        }
        self.inner.close()
    }

    fn health(&self) -> Health {
        self.inner.health()
    }

    fn watch_health(&self) -> Option<HealthWatch> {
        self.inner.watch_health()
    }

    fn load_report(&self) -> LoadReport {
        self.inner.load_report()
    }

    fn collections(&self) -> Result<Vec<String>> {
        self.inner.collections()
    }

    fn definition(&self, collection: &str) -> Result<Definition> {
        self.inner.definition(collection)
    }

    fn quarantine(&self) -> Result<Vec<Quarantined>> {
        self.inner.quarantine()
    }

    fn reject(&self, entries: Vec<Quarantined>) -> Result<Write<()>> {
        self.inner.reject(entries)
    }

    fn purge_quarantine(&self, keys: &[String]) -> Result<u64> {
        self.inner.purge_quarantine(keys)
    }

    fn verify(&self, collection: &str) -> Result<LoadReport> {
        self.inner.verify(collection)
    }

    fn revision(&self) -> Result<Option<u64>> {
        self.inner.revision()
    }

    fn snapshot(&self, file: &Path) -> Result<bool> {
        self.inner.snapshot(file)
    }

    fn stats(&self) -> Result<StoreStats> {
        self.inner.stats()
    }
}
