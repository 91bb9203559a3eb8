//! What can be configured about a store, whatever its backend.
//!
//! Owns [`Options`] and its parts. Reading them from a file or a URL is the facade's.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::arrival::Policy;
use crate::committer::CommitterOptions;

/// What an acknowledged write survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Durability {
    /// A loss of power: before a write is acknowledged its file and directory are synced, or the log
    /// of the database.
    #[default]
    PowerLoss,
    /// The death of the process, but not of the machine: no write waits for a sync. (A database syncs
    /// all the same when it moves its log, so that it stays whole.)
    ProcessCrash,
}

/// What happens to a record that is invalid when it is loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum OnInvalid {
    /// It leaves the view, is reported, and its exact bytes are kept in quarantine.
    #[default]
    Drop,
    /// It is mended, where its schema says how: an optional property that is wrong is removed, a
    /// default that the schema gives is used, items of lists that are wrong are left out. If the
    /// result is valid it is in the view, an issue says what was done, and the original is kept in
    /// quarantine. Else it is dropped.
    Repair,
    /// Opening the collection fails with the report. Nothing is touched. In a database that is open, a
    /// row that somebody else changed is dropped all the same.
    Reject,
}

/// What happens to a collection whose data was written by a newer version of the program. It is never
/// rewritten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum OnNewer {
    /// It is not opened.
    #[default]
    Refuse,
    /// It is opened for reading: what is valid for this program is in its view, the issue says that
    /// there is a newer version, and writes to it are refused. The other collections of the store are
    /// as ever.
    ReadOnly,
}

/// What happens when someone else changed a file that is to be replaced. A database is not replaced:
/// there each row that someone else changed is verified, whatever this says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum OnExternalChange {
    /// The foreign version is copied aside and reported, then replaced.
    #[default]
    KeepCopy,
    /// The flush fails until the file is as it was.
    Refuse,
}

/// What can be configured about a store.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long a write that nobody waits for may wait for the disk; default 1 s. Until then it is in
    /// memory only, or in the log of a database, where the death of the process does not reach it.
    pub debounce: Duration,
    /// What an acknowledged write survives; default: a loss of power.
    pub durability: Durability,
    /// What happens to invalid records; default: they are dropped from the view.
    pub on_invalid: OnInvalid,
    /// What happens to data of a newer version; default: it is refused.
    pub on_newer: OnNewer,
    /// Whether fields of a stored record that its type does not know stay when it is saved; default:
    /// they do.
    pub preserve_unknown: bool,
    /// What happens when someone else changed a file; default: a copy is kept. Of JSON files only.
    pub on_external_change: OnExternalChange,
    /// Open for reading: nothing is written (but files that SQLite needs beside a database), several
    /// may read.
    pub read_only: bool,
    /// A file above this size is refused before it is read; default 500 MB. Of JSON files only.
    pub max_file_bytes: u64,
    /// After how many failed flushes in a row waiters are told; default 5.
    pub flush_attempts: u32,
    /// How long dropping the last handle may take to flush; default 10 s.
    pub drop_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        let committer = CommitterOptions::default();
        Self {
            debounce: committer.debounce,
            durability: Durability::default(),
            on_invalid: OnInvalid::default(),
            on_newer: OnNewer::default(),
            preserve_unknown: Policy::default().preserve_unknown,
            on_external_change: OnExternalChange::default(),
            read_only: false,
            max_file_bytes: 500_000_000,
            flush_attempts: committer.attempts,
            drop_timeout: committer.drop_timeout,
        }
    }
}

impl Options {
    /// The part that says what may come in.
    #[must_use]
    pub fn policy(&self) -> Policy {
        Policy {
            repair: self.on_invalid == OnInvalid::Repair,
            preserve_unknown: self.preserve_unknown,
        }
    }

    /// The part that the committer needs.
    #[must_use]
    pub fn committer(&self) -> CommitterOptions {
        CommitterOptions {
            debounce: self.debounce,
            attempts: self.flush_attempts,
            drop_timeout: self.drop_timeout,
        }
    }
}
