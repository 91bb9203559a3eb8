//! What the committer flushes: the files of a store's open collections.
//!
//! Owns [`JsonMedium`]: taking what has gathered, and the order in which a flush writes. Nothing
//! here is locked that a reader or a writer of records needs.
//!
//! For each collection a flush writes, in this order: the copy of a damaged original, the
//! quarantine, the definition, the records. So no byte of the old file is gone before it is safe
//! elsewhere. What fails stays pending, and the next flush does all of it anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use larder_core::backend::{Journal, Medium, Progress};
use larder_core::{
    Action, Definition, Durability, Error, ErrorKind, Issue, IssueKind, OnExternalChange, Options,
    Position, Quarantined, Result,
};
use parking_lot::Mutex;

use crate::definition;
use crate::disk::{Disk, Identity, PRIVATE_MODE};
use crate::error::JsonError;
use crate::image::Image;
use crate::load::LARGE_FILE;
use crate::lock::{LOCK_FILE, LockHandle, LockMode};
use crate::names::Names;
use crate::publish::{copy_aside, publish};
use crate::quarantine;

/// One collection's files, and what has to be written to them.
pub(crate) struct Files {
    pub(crate) names: Names,
    pub(crate) collection: String,
    pub(crate) version: u32,
    pub(crate) image: Image,
    /// The file as it was last read or written; `None` if there was none.
    pub(crate) identity: Option<Identity>,
    /// Whether the records differ from the file's.
    pub(crate) dirty: bool,
    /// The definition, if the one on disk is another.
    pub(crate) definition: Option<Definition>,
    /// The bytes of a definition that cannot be read, to be copied aside before it is replaced.
    pub(crate) odd_definition: Option<Vec<u8>>,
    pub(crate) quarantine: Vec<Quarantined>,
    pub(crate) original: Option<Vec<u8>>,
    /// The size at which was last looked whether to warn.
    pub(crate) warned_at: u64,
}

impl Files {
    /// Says once when the file has become one that should not be a file, or that the next open
    /// would refuse.
    fn warn_of_size(&mut self, limit: u64) {
        let bytes = self.identity.map_or(0, |identity| identity.len);
        let before = std::mem::replace(&mut self.warned_at, bytes);
        if bytes > limit && before <= limit {
            tracing::error!(
                target: "larder::flush",
                path = %self.names.records().display(),
                bytes,
                limit,
                "the file is larger than max_file_bytes: it will not be opened again unless the \
                 limit is raised"
            );
        } else if bytes > LARGE_FILE && before <= LARGE_FILE {
            tracing::warn!(
                target: "larder::flush",
                path = %self.names.records().display(),
                bytes,
                "each flush rewrites this file as a whole; so many records belong in a database"
            );
        }
    }
}

/// The files of a store.
pub(crate) struct JsonMedium {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    sync: bool,
    on_external_change: OnExternalChange,
    max_file_bytes: u64,
    journal: Arc<Journal>,
    files: Mutex<BTreeMap<String, Files>>,
    lock: Mutex<Option<Box<dyn LockHandle>>>,
    released: AtomicBool,
    /// What came up while the store was open.
    issues: Mutex<Vec<Issue>>,
}

/// Shows where it is, not what is in it.
impl fmt::Debug for JsonMedium {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonMedium")
            .field("dir", &self.dir)
            .finish_non_exhaustive()
    }
}

impl JsonMedium {
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        dir: PathBuf,
        options: &Options,
        lock: Box<dyn LockHandle>,
        progress: Arc<Progress>,
    ) -> Self {
        Self {
            disk,
            dir,
            sync: options.durability == Durability::PowerLoss,
            on_external_change: options.on_external_change,
            max_file_bytes: options.max_file_bytes,
            journal: Arc::new(Journal::committed(progress)),
            files: Mutex::default(),
            lock: Mutex::new(Some(lock)),
            released: AtomicBool::new(false),
            issues: Mutex::default(),
        }
    }

    pub(crate) fn journal(&self) -> &Arc<Journal> {
        &self.journal
    }

    /// Whether the store is closed and its lock let go.
    pub(crate) fn is_released(&self) -> bool {
        self.released.load(Ordering::SeqCst)
    }

    /// What came up while the store was open.
    pub(crate) fn issues(&self) -> Vec<Issue> {
        self.issues.lock().clone()
    }

    /// Takes in a collection that was loaded.
    pub(crate) fn add(&self, files: Files) {
        self.files.lock().insert(files.collection.clone(), files);
    }

    /// Entries that are not in a file yet.
    pub(crate) fn pending_quarantine(&self) -> Vec<Quarantined> {
        self.files
            .lock()
            .values()
            .flat_map(|files| files.quarantine.clone())
            .collect()
    }

    /// Adds entries; they are in their files when everything up to the next flush is durable.
    pub(crate) fn reject(&self, entries: Vec<Quarantined>) {
        let mut files = self.files.lock();
        for entry in entries {
            if let Some(files) = files.get_mut(entry.collection()) {
                files.quarantine.push(entry);
            }
        }
    }

    /// Removes entries from the files of these collections, and those that are in no file yet.
    pub(crate) fn purge(&self, collections: &[String], keys: &[String]) -> Result<u64> {
        let keys: BTreeSet<&str> = keys.iter().map(String::as_str).collect();
        // Held, so that no flush adds to a file that is being rewritten here, and so that the store
        // is not closed meanwhile.
        let mut files = self.files.lock();
        self.check_held()?;
        let mut purged = 0;
        for collection in collections {
            let path = Names::new(&self.dir, collection).quarantine();
            purged +=
                quarantine::purge(&*self.disk, &path, &keys, self.sync).map_err(JsonError::from)?;
        }
        for files in files.values_mut() {
            let before = files.quarantine.len();
            files.quarantine.retain(|entry| !keys.contains(entry.key()));
            purged += (before - files.quarantine.len()) as u64;
        }
        Ok(purged)
    }

    /// Whether this store may write: it is not closed, and its lock keeps others out.
    fn check_held(&self) -> Result<()> {
        if self.is_released() {
            return Err(Error::new(ErrorKind::Closed, "the store was closed"));
        }
        Ok(self.check_lock()?)
    }

    /// If the lock file was deleted or replaced, the lock keeps nobody out any more: take the one
    /// that is there now, or write nothing.
    fn check_lock(&self) -> Result<(), JsonError> {
        let mut lock = self.lock.lock();
        if lock.as_ref().is_some_and(|lock| lock.is_current()) {
            return Ok(());
        }
        tracing::warn!(
            target: "larder::lock",
            dir = %self.dir.display(),
            "the lock file was deleted or replaced while the store was open"
        );
        *lock = Some(
            self.disk
                .lock(&self.dir.join(LOCK_FILE), LockMode::Exclusive)?,
        );
        Ok(())
    }

    fn flush_files(&self, files: &mut Files) -> Result<(), JsonError> {
        let disk = &*self.disk;
        if let Some(original) = &files.original {
            let name = files.names.records_name();
            let aside = copy_aside(
                disk,
                files.names.dir(),
                &name,
                "corrupt",
                original,
                self.sync,
            )?;
            if aside.created {
                tracing::warn!(
                    target: "larder::load",
                    copy = %aside.path.display(),
                    "the file could not be parsed as a whole; it was copied before anything is written"
                );
            }
            files.original = None;
        }
        if !files.quarantine.is_empty() {
            quarantine::add(
                disk,
                &files.names.quarantine(),
                &files.quarantine,
                self.sync,
            )?;
            files.quarantine = Vec::new();
        }
        self.flush_definition(files);
        if files.dirty {
            self.check_unchanged(files)?;
            files.image.compact();
            let (image, collection, version) = (&files.image, &files.collection, files.version);
            let published = publish(
                disk,
                &files.names.records(),
                self.sync,
                PRIVATE_MODE,
                |out| image.write(out, collection, version).map(|_| ()),
            );
            match published {
                Ok(identity) => files.identity = Some(identity),
                Err(failed) => {
                    // What was replaced is ours, durable or not: it is no foreign change later.
                    files.identity = failed.replaced.as_deref().copied().or(files.identity);
                    return Err(failed.into());
                }
            }
            files.warn_of_size(self.max_file_bytes);
            files.dirty = false;
        }
        Ok(())
    }

    /// Writes the definition. It only helps tools, so that it cannot be written keeps no record from
    /// the disk; it stays pending.
    fn flush_definition(&self, files: &mut Files) {
        let Some(definition) = &files.definition else {
            return;
        };
        let path = files.names.definition();
        let result = match &files.odd_definition {
            Some(odd) => {
                let name = path
                    .file_name()
                    .and_then(|name| name.to_str())
                    .unwrap_or_default();
                copy_aside(
                    &*self.disk,
                    files.names.dir(),
                    name,
                    "foreign",
                    odd,
                    self.sync,
                )
                .map(|_| ())
                .map_err(JsonError::from)
            }
            None => Ok(()),
        };
        match result.and_then(|()| definition::write(&*self.disk, &path, definition, self.sync)) {
            Ok(()) => {
                files.definition = None;
                files.odd_definition = None;
            }
            Err(error) => tracing::warn!(
                target: "larder::flush",
                %error,
                collection = files.collection,
                "the definition beside the records cannot be written"
            ),
        }
    }

    /// Compares the file with what was last read or written. A foreign version is kept.
    fn check_unchanged(&self, files: &mut Files) -> Result<(), JsonError> {
        let path = files.names.records();
        let there = self.disk.identity(&path)?;
        let unchanged = match (&files.identity, &there) {
            (None, None) => true,
            (Some(known), Some(there)) => known.same_version(there),
            _ => false,
        };
        if unchanged {
            return Ok(());
        }
        if self.on_external_change == OnExternalChange::Refuse {
            return Err(JsonError::ChangedBehindUs { path });
        }
        let message = if there.is_some() {
            let foreign = self.disk.read(&path, self.max_file_bytes)?.bytes;
            let name = files.names.records_name();
            let aside = copy_aside(
                &*self.disk,
                files.names.dir(),
                &name,
                "foreign",
                &foreign,
                self.sync,
            )?;
            format!(
                "someone else changed the file; that version is kept as {}",
                aside.path.display()
            )
        } else {
            "someone else removed the file; it is written anew".to_owned()
        };
        let issue = Issue::new(
            &files.collection,
            IssueKind::ExternalChange,
            Action::Kept,
            message,
        )
        .at(Position::in_source(path.display().to_string()));
        tracing::warn!(
            target: "larder::issue",
            collection = issue.collection(),
            kind = issue.kind().as_str(),
            action = issue.action().as_str(),
            "{issue}"
        );
        self.issues.lock().push(issue);
        // Known from here on: if the publish fails, the next try does not copy it again.
        files.identity = there;
        Ok(())
    }
}

impl Medium for JsonMedium {
    fn flush(&self) -> Result<u64> {
        let mut files = self.files.lock();
        // Taken under the files' lock, so that no later change can be written before these.
        let (entries, last) = self.journal.take();
        for entry in entries {
            if let Some(files) = files.get_mut(&*entry.collection) {
                files.image.apply(entry.change);
                files.dirty = true;
            }
        }
        self.check_held()?;
        // One collection that cannot be written does not keep the others from the disk.
        let mut failure = None;
        for files in files.values_mut() {
            if let Err(error) = self.flush_files(files) {
                let error = Error::from(error).with_collection(&files.collection);
                failure.get_or_insert(error.with_operation("flush"));
            }
        }
        failure.map_or(Ok(last), Err)
    }

    fn release(&self) {
        // Not while a purge writes.
        let _files = self.files.lock();
        self.released.store(true, Ordering::SeqCst);
        *self.lock.lock() = None;
    }
}
