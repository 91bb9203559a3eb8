//! What the committer flushes: the changes that have gathered, to the disk in memory.
//!
//! Owns [`DiskMedium`], and the faults of writing.

use std::fmt;
use std::sync::Arc;

use larder_core::backend::{Entry, EntryChange, Journal, Medium, Progress};
use larder_core::{Error, ErrorKind, Quarantined, Result};
use parking_lot::Mutex;

use super::Fault;
use super::disk::{Disk, OnDisk};

#[derive(Default)]
struct Pending {
    entries: Vec<Entry>,
    rejected: Vec<Quarantined>,
}

pub(crate) struct DiskMedium {
    disk: Arc<Disk>,
    journal: Arc<Journal>,
    pending: Mutex<Pending>,
    fault: Option<Fault>,
}

impl fmt::Debug for DiskMedium {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DiskMedium").finish_non_exhaustive()
    }
}

impl DiskMedium {
    pub(crate) fn new(disk: Arc<Disk>, progress: Arc<Progress>, fault: Option<Fault>) -> Self {
        Self {
            disk,
            journal: Arc::new(Journal::committed(progress)),
            pending: Mutex::default(),
            fault,
        }
    }

    pub(crate) fn journal(&self) -> &Arc<Journal> {
        &self.journal
    }

    /// They are on the disk when everything up to the next flush is durable.
    pub(crate) fn reject(&self, entries: Vec<Quarantined>) {
        self.pending.lock().rejected.extend(entries);
    }

    /// What is in quarantine, or will be with the next flush.
    pub(crate) fn quarantine(&self) -> Vec<Quarantined> {
        let pending = self.pending.lock();
        let mut all = OnDisk::default();
        all.keep_rejected(self.disk.content().quarantine.iter().cloned());
        all.keep_rejected(pending.rejected.iter().cloned());
        all.quarantine
    }

    pub(crate) fn purge(&self, keys: &[String]) -> u64 {
        let mut pending = self.pending.lock();
        let mut content = self.disk.content();
        let before = content.quarantine.len() + pending.rejected.len();
        for entries in [&mut content.quarantine, &mut pending.rejected] {
            entries.retain(|entry| !keys.iter().any(|key| key == entry.key()));
        }
        (before - content.quarantine.len() - pending.rejected.len()) as u64
    }

    /// Writes the entries, but those that a fault leaves for the next time.
    fn write(&self, entries: Vec<Entry>, later: &mut Vec<Entry>) {
        let mut content = self.disk.content();
        let first = entries.first().map(|entry| Arc::clone(&entry.collection));
        let mut entries = entries;
        if self.fault == Some(Fault::LosesTheLastWrite) {
            entries.pop();
        }
        for entry in entries {
            let is_first = first.as_ref() == Some(&entry.collection);
            if self.fault == Some(Fault::WritesCollectionsOneByOne) && !is_first {
                later.push(entry);
                continue;
            }
            let Some(kept) = content.collections.get_mut(&*entry.collection) else {
                continue;
            };
            match entry.change {
                EntryChange::Put { id, text } => {
                    let mut text = String::from(text);
                    if self.fault == Some(Fault::KeepsAsciiOnly) {
                        text.retain(|letter| letter.is_ascii());
                    }
                    kept.records.insert(id.to_string(), text);
                }
                EntryChange::Delete { id } if self.fault != Some(Fault::ForgetsDeletes) => {
                    kept.records.remove(&*id);
                }
                EntryChange::Clear if self.fault != Some(Fault::ForgetsDeletes) => {
                    kept.records.clear();
                }
                EntryChange::Delete { .. } | EntryChange::Clear => {}
            }
        }
    }
}

impl Medium for DiskMedium {
    fn flush(&self) -> Result<u64> {
        let mut pending = self.pending.lock();
        let (entries, last) = self.journal.take();
        if self.disk.fails() {
            match self.fault {
                Some(Fault::ForgetsThatItWasDirty) => pending.entries.clear(),
                _ => pending.entries.extend(entries),
            }
            if self.fault == Some(Fault::AcknowledgesWhatFailed) {
                return Ok(last);
            }
            return Err(Error::new(ErrorKind::Io, "the disk is full")
                .with_source(std::io::Error::other("no space left on device"))
                .transient(true));
        }
        let mut later = Vec::new();
        let mut now = std::mem::take(&mut pending.entries);
        if self.fault == Some(Fault::AcknowledgesTooEarly) {
            later = entries;
        } else {
            now.extend(entries);
        }
        self.write(now, &mut later);
        pending.entries = later;
        let rejected = std::mem::take(&mut pending.rejected);
        self.disk.content().keep_rejected(rejected);
        Ok(last)
    }

    fn release(&self) {
        // What a fault has left until now.
        let entries = std::mem::take(&mut self.pending.lock().entries);
        let mut later = Vec::new();
        self.write(entries, &mut later);
        self.write(later, &mut Vec::new());
        self.disk.let_go();
    }
}
