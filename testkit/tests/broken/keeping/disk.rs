//! The disk of a store that keeps something: a map in memory, which is as durable as the test is long.
//!
//! Owns [`Disk`] and [`OnDisk`]. What is written when is `medium.rs`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use larder_core::{Definition, Quarantined};
use parking_lot::{Mutex, MutexGuard};

/// What is on the disk.
#[derive(Clone, Debug, Default)]
pub(crate) struct OnDisk {
    pub(crate) collections: BTreeMap<String, Kept>,
    pub(crate) quarantine: Vec<Quarantined>,
}

/// A collection on the disk.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) definition: Definition,
    /// The texts, by id.
    pub(crate) records: BTreeMap<String, String>,
    /// Texts that another program put here.
    pub(crate) planted: Vec<String>,
}

/// A disk, and whether somebody has the store on it open.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    content: Mutex<OnDisk>,
    is_owned: AtomicBool,
    /// So many flushes fail.
    failing: AtomicU32,
}

impl Disk {
    pub(crate) fn content(&self) -> MutexGuard<'_, OnDisk> {
        self.content.lock()
    }

    /// Whether the store was free.
    pub(crate) fn take(&self) -> bool {
        !self.is_owned.swap(true, Ordering::SeqCst)
    }

    pub(crate) fn let_go(&self) {
        self.is_owned.store(false, Ordering::SeqCst);
    }

    /// Whether this flush fails.
    pub(crate) fn fails(&self) -> bool {
        let one_less = |times: u32| times.checked_sub(1);
        let all = (Ordering::SeqCst, Ordering::SeqCst);
        self.failing.fetch_update(all.0, all.1, one_less).is_ok()
    }

    pub(crate) fn fail(&self, times: u32) {
        self.failing.store(times, Ordering::SeqCst);
    }

    pub(crate) fn plant(&self, collection: &str, records: &[&str]) {
        let mut content = self.content();
        let kept = content.collections.get_mut(collection);
        let kept = kept.expect("the collection was open before");
        kept.records.clear();
        kept.planted = records.iter().map(|&text| text.to_owned()).collect();
    }

    /// What is on it now, and nobody's.
    pub(crate) fn as_a_crash_leaves_it(&self) -> Self {
        Self {
            content: Mutex::new(self.content().clone()),
            ..Self::default()
        }
    }
}

impl OnDisk {
    pub(crate) fn keep_rejected(&mut self, entries: impl IntoIterator<Item = Quarantined>) {
        for entry in entries {
            let known = |kept: &Quarantined| kept.key() == entry.key();
            if !self.quarantine.iter().any(known) {
                self.quarantine.push(entry);
            }
        }
    }
}
