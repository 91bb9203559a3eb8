//! The ways to save so that it is on disk when the call returns: what each has in common with the
//! others, its name, and how it is opened.
//!
//! How each works is in a file of its own.

mod combined;
mod dedicated;
mod groups;
mod larder;
mod led;
mod plain;
mod single;

use std::path::Path;

use self::combined::Combined;
use self::dedicated::Dedicated;
use self::groups::Groups;
use self::larder::Larder;
use self::led::Led;
use self::plain::{Full, Normal};
use self::single::{Single, barrier, descriptor};
use crate::database::{Database, Upsert, create};

/// A way of saving a record so that it is on disk when the call returns.
pub(crate) trait Way: Send + Sync {
    /// Saves the record that belongs to this thread's `n`th save, and waits.
    fn save_and_wait(&self, thread: usize, n: u64);
}

/// The ways, the baseline first.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// One transaction a save under FULL, with SQLite's defaults.
    Full,
    /// A store of Larder's, with all that a save through it does.
    Larder,
    /// NORMAL; a row written under FULL by a second connection syncs the log for all before it.
    Barrier,
    /// NORMAL; the log is synced through a descriptor of our own, by one of those who wait.
    Descriptor,
    /// The same, by a thread that does nothing else.
    SyncThread,
    /// As `Descriptor`, and what comes while a transaction runs is committed as one.
    Combined,
    /// Whoever finds nobody at work commits everything that waits, as one transaction under FULL.
    Groups,
    /// NORMAL and no sync: not durable, the most that can be had.
    Normal,
}

impl Kind {
    pub(crate) const ALL: [Self; 8] = [
        Self::Full,
        Self::Larder,
        Self::Barrier,
        Self::Descriptor,
        Self::SyncThread,
        Self::Combined,
        Self::Groups,
        Self::Normal,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Full => "full (baseline)",
            Self::Larder => "larder",
            Self::Barrier => "barrier",
            Self::Descriptor => "descriptor",
            Self::SyncThread => "sync thread",
            Self::Combined => "combined",
            Self::Groups => "full groups",
            Self::Normal => "no sync at all",
        }
    }

    pub(crate) fn open(self, path: &Path, upsert: Upsert) -> Box<dyn Way> {
        // Larder's tables are its own.
        if !matches!(self, Self::Larder) {
            create(path);
        }
        let normal = || Database::open(path, "NORMAL", upsert);
        match self {
            Self::Full => Box::new(Full::open(path, upsert)),
            Self::Larder => Box::new(Larder::open(path)),
            Self::Barrier => {
                let database = normal();
                let sync = Led::new(barrier(path, &database));
                Box::new(Single { database, sync })
            }
            Self::Descriptor => {
                let database = normal();
                let sync = Led::new(descriptor(path));
                Box::new(Single { database, sync })
            }
            Self::SyncThread => {
                let database = normal();
                let sync = Dedicated::new(descriptor(path));
                Box::new(Single { database, sync })
            }
            Self::Combined => Box::new(Combined::new(normal(), descriptor(path))),
            Self::Groups => Box::new(Groups::new(Database::open(path, "FULL", upsert))),
            Self::Normal => Box::new(Normal { database: normal() }),
        }
    }
}
