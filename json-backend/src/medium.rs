//! What the committer flushes: the files of a store's open collections.
//!
//! Owns [`JsonMedium`]: taking what has gathered, and the order in which a flush writes. Nothing
//! here is locked that a reader or a writer of records needs.
//!
//! A flush writes, for each collection, what must be safe first (see `files`): the copy of a damaged
//! original, the quarantine, the definition. So no byte of an old file is gone before it is safe
//! elsewhere. Then the records of all dirty collections, as one (see `commit`): what a flush took from
//! the journal reaches the files all or not at all, so what a crash leaves is the state after some
//! prefix of the store's writes. What fails stays pending, and the next flush does all of it anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use larder_core::backend::{Journal, Medium, Progress};
use larder_core::{
    Definition, Durability, Error, ErrorKind, Issue, OnExternalChange, Options, Quarantined, Result,
};
use parking_lot::Mutex;

use crate::commit::Commits;
use crate::disk::Disk;
use crate::error::JsonError;
use crate::files::{Files, Manner};
use crate::lock::{LOCK_FILE, LockHandle, LockMode};
use crate::names::Names;
use crate::quarantine;

/// What is written under one lock.
struct Open {
    /// The collections that are open.
    files: BTreeMap<String, Files>,
    commits: Commits,
}

/// The files of a store.
pub(crate) struct JsonMedium {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    sync: bool,
    on_external_change: OnExternalChange,
    max_file_bytes: u64,
    journal: Arc<Journal>,
    files: Mutex<Open>,
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
        let sync = options.durability == Durability::PowerLoss;
        let open = Open {
            files: BTreeMap::new(),
            commits: Commits::new(dir.clone(), sync),
        };
        Self {
            disk,
            dir,
            sync,
            on_external_change: options.on_external_change,
            max_file_bytes: options.max_file_bytes,
            journal: Arc::new(Journal::committed(progress)),
            files: Mutex::new(open),
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
        let mut open = self.files.lock();
        open.files.insert(files.collection.clone(), files);
    }

    #[cfg(test)]
    pub(crate) fn tie_definitions(&self) {
        for files in self.files.lock().files.values_mut() {
            files.definition_with_records = true;
        }
    }

    /// Entries that are not in a file yet.
    pub(crate) fn pending_quarantine(&self) -> Vec<Quarantined> {
        let open = self.files.lock();
        open.files
            .values()
            .flat_map(|files| files.quarantine.clone())
            .collect()
    }

    /// The definition of an open collection that is not in its file yet.
    pub(crate) fn pending_definition(&self, collection: &str) -> Option<Definition> {
        let open = self.files.lock();
        open.files
            .get(collection)
            .and_then(|files| files.definition.clone())
    }

    /// Adds entries; they are in their files when everything up to the next flush is durable.
    pub(crate) fn reject(&self, entries: Vec<Quarantined>) {
        let mut open = self.files.lock();
        for entry in entries {
            if let Some(files) = open.files.get_mut(entry.collection()) {
                files.quarantine.push(entry);
            }
        }
    }

    /// Removes entries from the files of these collections, and those that are in no file yet.
    pub(crate) fn purge(&self, collections: &[String], keys: &[String]) -> Result<u64> {
        let keys: BTreeSet<&str> = keys.iter().map(String::as_str).collect();
        // Held, so that no flush adds to a file that is being rewritten here, and so that the store
        // is not closed meanwhile.
        let mut open = self.files.lock();
        self.check_held()?;
        let mut purged = 0;
        for collection in collections {
            let path = Names::new(&self.dir, collection).quarantine();
            purged +=
                quarantine::purge(&*self.disk, &path, &keys, self.sync).map_err(JsonError::from)?;
        }
        for files in open.files.values_mut() {
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

    fn manner(&self) -> Manner<'_> {
        Manner {
            disk: &*self.disk,
            sync: self.sync,
            on_external_change: self.on_external_change,
            max_file_bytes: self.max_file_bytes,
        }
    }

    /// Writes everything that is dirty as one. The error comes with the collection that it is about,
    /// if it is about one.
    fn commit(&self, open: &mut Open) -> Result<(), (Option<String>, JsonError)> {
        let Open { files, commits } = open;
        let manner = self.manner();
        let mut dirty: Vec<&mut Files> = files.values_mut().filter(|f| f.is_dirty()).collect();
        // All of them, before anything is written.
        for files in &mut dirty {
            match files.check_unchanged(&manner) {
                Ok(issue) => self.issues.lock().extend(issue.inspect(tell)),
                Err(error) => return Err((Some(files.collection.clone()), error)),
            }
        }
        let mut parts = Vec::new();
        let mut pieces = Vec::new();
        for (number, files) in dirty.iter_mut().enumerate() {
            files.image.compact();
            let files = &**files;
            for (part, piece) in files
                .pieces()
                .map_err(|error| (Some(files.collection.clone()), error))?
            {
                parts.push((number, part));
                pieces.push(piece);
            }
        }
        let (replaced, failed) = match commits.commit(manner.disk, &pieces) {
            Ok(identities) => (identities.into_iter().enumerate().collect(), None),
            Err(failed) => (failed.replaced, Some((failed.piece, failed.error))),
        };
        drop(pieces);
        for (piece, identity) in replaced {
            if let Some((number, part)) = parts.get(piece).copied()
                && let Some(files) = dirty.get_mut(number)
            {
                files.replaced(part, identity);
            }
        }
        if let Some((piece, error)) = failed {
            let collection = piece
                .and_then(|piece| parts.get(piece))
                .and_then(|(number, _)| dirty.get(*number))
                .map(|files| files.collection.clone());
            return Err((collection, error.into()));
        }
        for files in dirty {
            files.committed(self.max_file_bytes);
        }
        Ok(())
    }
}

fn tell(issue: &Issue) {
    tracing::warn!(
        target: "larder::issue",
        collection = issue.collection(),
        kind = issue.kind().as_str(),
        action = issue.action().as_str(),
        "{issue}"
    );
}

fn of_flush(collection: Option<String>, error: JsonError) -> Error {
    let error = Error::from(error).with_operation("flush");
    match collection {
        Some(collection) => error.with_collection(collection),
        None => error,
    }
}

impl Medium for JsonMedium {
    fn flush(&self) -> Result<u64> {
        let mut open = self.files.lock();
        // Taken under the files' lock, so that no later change can be written before these.
        let (entries, last) = self.journal.take();
        for entry in entries {
            if let Some(files) = open.files.get_mut(&*entry.collection) {
                files.image.apply(entry.change);
                files.dirty = true;
            }
        }
        self.check_held()?;
        let mut failure = None;
        let mut complete = true;
        for files in open.files.values_mut() {
            if let Err(error) = files.flush_beside(&self.manner()) {
                // What is not dirty keeps nothing from the disk. What is dirty is written as one, so
                // if some of it cannot be written yet, none of it is.
                complete &= !files.is_dirty();
                failure.get_or_insert((Some(files.collection.clone()), error));
            }
        }
        if complete && let Err(failed) = self.commit(&mut open) {
            failure.get_or_insert(failed);
        }
        failure.map_or(Ok(last), |(collection, error)| {
            Err(of_flush(collection, error))
        })
    }

    fn release(&self) {
        // Not while a purge writes.
        let _files = self.files.lock();
        self.released.store(true, Ordering::SeqCst);
        *self.lock.lock() = None;
    }
}
