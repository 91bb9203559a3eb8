//! What a backend says of itself so that the kit can run on it.
//!
//! Owns [`Setup`] and [`Ability`], and the one setup that the kit brings: [`Memory`]. What is asked of a
//! setup is as little as the cases need; a store's own way of opening and of breaking stays with it.

use std::fmt;
use std::sync::Arc;

use larder_core::{Backend, Collection, Data, MemoryStore, Options, Repository, Result};

/// What only some stores can do, or some setups bring about. A case says which of them it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ability {
    /// What was closed is found by the next open: the store keeps something.
    Keep,
    /// [`Setup::crash`] does what it says.
    Crash,
    /// [`Setup::plant`] does what it says.
    Plant,
    /// [`Setup::fail`] does what it says.
    Fail,
    /// A store can be opened for reading only ([`Options::read_only`]).
    ReadOnly,
}

impl Ability {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Keep,
        Self::Crash,
        Self::Plant,
        Self::Fail,
        Self::ReadOnly,
    ];

    /// The name, as it stands in the macro and in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "Keep",
            Self::Crash => "Crash",
            Self::Plant => "Plant",
            Self::Fail => "Fail",
            Self::ReadOnly => "ReadOnly",
        }
    }
}

impl fmt::Display for Ability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A place of its own in which a store is opened, closed and opened again.
///
/// Every case gets a new one, so no case sees what another left.
pub trait Setup: Sized {
    /// The store that is tested.
    type Store: Backend;

    /// Opens the store in this place; creates it the first time. A store that keeps something has to
    /// find again what an earlier one kept here.
    ///
    /// The options are to be followed as far as the store has them. The cases set
    /// [`debounce`](Options::debounce) to an hour where nothing may be flushed that nobody asked for,
    /// and [`read_only`](Options::read_only) only where [`Ability::ReadOnly`] is had.
    ///
    /// # Errors
    ///
    /// Whatever the store's own opening gives.
    fn open(&self, options: Options) -> Result<Self::Store>;

    /// Opens a collection of this store.
    ///
    /// # Errors
    ///
    /// Whatever the store's own opening of a collection gives.
    fn collection<T: Data>(
        &self,
        store: &Self::Store,
        collection: Collection<T>,
    ) -> Result<Arc<dyn Repository<T>>>;

    /// What the store can do and this setup can bring about. A case that needs something else does not
    /// apply, and is reported by name.
    fn abilities(&self) -> &[Ability] {
        &[]
    }

    /// The machine stops, now: from here on [`open`](Self::open) finds what was durable at this moment,
    /// and whatever the store that is still open does reaches nobody. That store lives on meanwhile, and
    /// is dropped by the case.
    ///
    /// A copy of the files is less than a loss of power, but a write that was acknowledged and is not in
    /// it is lost all the same.
    fn crash(&self) {
        lacks(Ability::Crash);
    }

    /// Another program makes these texts the records of a collection, exactly as they are, in the place
    /// of those that are there. The store is closed, and the collection was open in it before.
    fn plant(&self, collection: &str, records: &[&str]) {
        let _ = (collection, records);
        lacks(Ability::Plant);
    }

    /// From now on every flush fails, or none does.
    fn fail(&self, failing: bool) {
        let _ = failing;
        lacks(Ability::Fail);
    }

    /// The next so many flushes fail at most, and those after them work; `false`, with nothing done, if the
    /// setup can only do what [`fail`](Self::fail) does. `fail(false)` ends this, too.
    ///
    /// Where it is a call of a disk that fails, better another one each time than always the first.
    fn fail_times(&self, times: u32) -> bool {
        let _ = times;
        false
    }
}

#[track_caller]
fn lacks(ability: Ability) {
    panic!("the setup does not say how it does what it says it can: {ability}");
}

/// The setup of the store in memory. It keeps nothing, so it can do little.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory;

impl Setup for Memory {
    type Store = MemoryStore;

    fn open(&self, options: Options) -> Result<MemoryStore> {
        Ok(if options.read_only {
            MemoryStore::read_only()
        } else {
            MemoryStore::new()
        })
    }

    fn collection<T: Data>(
        &self,
        store: &MemoryStore,
        collection: Collection<T>,
    ) -> Result<Arc<dyn Repository<T>>> {
        Ok(Arc::new(store.collection(collection)?))
    }

    fn abilities(&self) -> &[Ability] {
        &[Ability::ReadOnly]
    }
}
