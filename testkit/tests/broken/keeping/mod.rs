//! A store that keeps something, of another maker: made of what `larder_core::backend` offers, on a disk that
//! is a map in memory.
//!
//! Owns [`Keeping`], its setup. The disk is `disk.rs`, what a flush does `medium.rs`, the store itself
//! `store.rs`, and opening a collection `load.rs`. It holds every case, and each [`Fault`] breaks one promise.

mod disk;
mod load;
mod medium;
mod store;

use std::sync::Arc;

use larder_core::{Collection, Data, Options, Repository, Result};
use larder_testkit::{Ability, Setup};
use parking_lot::Mutex;

use disk::Disk;
use store::KeepingStore;

/// What is wrong with a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A flush says that it wrote, and writes with the next one.
    AcknowledgesTooEarly,
    /// A flush that fails forgets what it was to write.
    ForgetsThatItWasDirty,
    /// A flush that fails says that it wrote, and writes with the next one.
    AcknowledgesWhatFailed,
    /// The health is always good.
    HidesThatItFails,
    /// The last change of each flush is not written.
    LosesTheLastWrite,
    /// A flush writes the changes of one collection, and the others with the next one.
    WritesCollectionsOneByOne,
    /// Deletes are not written.
    ForgetsDeletes,
    /// Texts are kept in ASCII.
    KeepsAsciiOnly,
    /// What is rejected is kept as it was parsed, not as it stood there.
    KeepsRejectedTidied,
    /// What is rejected is told, and not kept.
    DestroysWhatItRejects,
    /// Nobody is kept out.
    LetsEverybodyIn,
    /// The version of the data is not looked at.
    KnowsNoVersions,
    /// Fields that a type does not know are gone when it saves.
    DropsUnknownFields,
    /// The store closes although nothing could be flushed.
    ClosesAnyway,
}

/// A place on a disk in memory.
pub(crate) struct Keeping {
    disk: Mutex<Arc<Disk>>,
    fault: Option<Fault>,
}

impl Keeping {
    pub(crate) fn sound() -> Self {
        Self {
            disk: Mutex::default(),
            fault: None,
        }
    }

    pub(crate) fn broken(fault: Fault) -> Self {
        Self {
            fault: Some(fault),
            ..Self::sound()
        }
    }
}

impl Setup for Keeping {
    type Store = KeepingStore;

    fn open(&self, options: Options) -> Result<KeepingStore> {
        KeepingStore::open(Arc::clone(&self.disk.lock()), options, self.fault)
    }

    fn collection<T: Data>(
        &self,
        store: &KeepingStore,
        collection: Collection<T>,
    ) -> Result<Arc<dyn Repository<T>>> {
        Ok(Arc::new(store.collection(collection)?))
    }

    fn abilities(&self) -> &[Ability] {
        &Ability::ALL
    }

    fn crash(&self) {
        let mut disk = self.disk.lock();
        *disk = Arc::new(disk.as_a_crash_leaves_it());
    }

    fn plant(&self, collection: &str, records: &[&str]) {
        self.disk.lock().plant(collection, records);
    }

    fn fail(&self, failing: bool) {
        self.disk.lock().fail(if failing { u32::MAX } else { 0 });
    }

    fn fail_times(&self, times: u32) -> bool {
        self.disk.lock().fail(times);
        true
    }
}
