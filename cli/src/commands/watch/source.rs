//! What is watched, whatever the backend.
//!
//! Owns [`Source`], and [`Marks`], by which one look knows whether there is anything to read. The
//! sources are `files.rs` and `database.rs`.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::SystemTime;

use larder::Document;

use crate::failure::Failure;

/// Takes one record; it may have had enough.
pub(super) type Take<'t> = dyn FnMut(&str, Arc<Document>) -> ControlFlow<()> + 't;

/// A store that can be looked at again and again.
pub(super) trait Source {
    /// The collections that are there, each with a mark that is another one when it was changed.
    /// Cheap: no record is read.
    fn marks(&mut self) -> Result<Marks, Failure>;

    /// Gives every record of a collection once, in the order of their ids.
    fn read(&mut self, collection: &str, take: &mut Take<'_>) -> Result<(), Failure>;
}

/// What a store was at one moment, as far as can be told without reading records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks {
    pub(super) collections: BTreeMap<String, Mark>,
    /// The record of a commit of several files that is under way, or that a crash cut short.
    pub(super) commit: Option<Identity>,
}

impl Marks {
    /// Whether no commit is half-way, as far as can be told: one that was there at the last look
    /// already is what a crash left.
    pub(super) fn are_settled(&self, last: &Self) -> bool {
        self.commit.is_none() || self.commit == last.commit
    }
}

/// What a collection was at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// Of a database: how often it was opened, and what it said since then.
    Revision { opened: u64, revision: u64 },
    /// Its files.
    Files {
        records: Option<Identity>,
        definition: Option<Identity>,
    },
}

/// Which file it is, and which content as far as can be told without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    len: u64,
    modified: Option<SystemTime>,
    inode: Inode,
    /// A new content gets its name by a rename, which this tells on Unix.
    changed: Option<(i64, i64)>,
}

/// Which file it is, whatever its content. Not known on every system.
pub(super) type Inode = Option<(u64, u64)>;

impl Identity {
    #[cfg(unix)]
    pub(super) fn of(file: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        Self {
            len: file.len(),
            modified: file.modified().ok(),
            inode: Some((file.dev(), file.ino())),
            changed: Some((file.ctime(), file.ctime_nsec())),
        }
    }

    #[cfg(not(unix))]
    pub(super) fn of(file: &Metadata) -> Self {
        Self {
            len: file.len(),
            modified: file.modified().ok(),
            inode: None,
            changed: None,
        }
    }

    pub(super) fn inode(&self) -> Inode {
        self.inode
    }
}
