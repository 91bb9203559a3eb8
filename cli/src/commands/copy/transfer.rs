//! Taking records, definitions and quarantine from one store into another.
//!
//! Owns [`Source`], [`Target`], and how much may be on its way at once. Whether a target may be
//! written is `mod.rs`; whether it holds what was written is `verify.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use larder::{
    AnyRepository, Collection, Definition, Document, Error, Op, Quarantined, Query,
    Repository as _, RepositoryExt as _, Store,
};

use tempfile::TempDir;

use super::verify::{Content, content};
use crate::failure::{Failure, is_about_a_record};
use crate::open::Place;
use crate::progress::Progress;

/// How many bytes of records may be visible in the target and not durable. Enough for few flushes,
/// each of which may write a whole collection, and no burden on the memory.
const PENDING: usize = 64 << 20;

/// A store to copy from: opened for reading, with all its collections.
#[derive(Debug)]
pub(in crate::commands) struct Source {
    typed: String,
    path: PathBuf,
    collections: Vec<Origin>,
    /// Where its copy is, for as long as it is needed.
    _snapshot: Option<TempDir>,
}

/// One collection of a [`Source`].
#[derive(Debug)]
struct Origin {
    repository: AnyRepository<Document>,
    definition: Definition,
    quarantined: Vec<Quarantined>,
}

impl Source {
    pub(in crate::commands) fn open(from: &Place) -> Result<Self, Failure> {
        let store = from.reader()?;
        let Some(path) = store.stats()?.path else {
            return Err(Failure::Request(format!(
                "{} holds nothing; copy from a store on disk",
                from.typed()
            )));
        };
        // What others may change meanwhile is read as it is at one moment.
        let dir = tempfile::tempdir().map_err(|error| Failure::File {
            what: "make a directory for a copy".to_owned(),
            error,
        })?;
        let file = dir.path().join("snapshot.db");
        let (store, snapshot) = if store.snapshot(&file)? {
            store.close().wait()?;
            (from.moved_to(&file).reader()?, Some(dir))
        } else {
            (store, None)
        };
        let mut collections = Vec::new();
        for name in store.collections()? {
            let repository = store.documents(&name)?;
            let definition = repository.collection().definition()?;
            collections.push(Origin {
                repository,
                definition,
                quarantined: Vec::new(),
            });
        }
        // Now that all are open: what could not be loaded from them is in it.
        let mut quarantined: BTreeMap<String, Vec<Quarantined>> = BTreeMap::new();
        for entry in store.quarantine()? {
            let of_collection = quarantined.entry(entry.collection().to_owned());
            of_collection.or_default().push(entry);
        }
        for origin in &mut collections {
            if let Some(entries) = quarantined.remove(&origin.definition.collection) {
                origin.quarantined = entries;
            }
        }
        if let Some(name) = quarantined.keys().next() {
            return Err(Failure::Request(format!(
                "records of {name:?} are in quarantine in {}, which has no such collection: they \
                 cannot be copied; see `larder quarantine`",
                from.typed()
            )));
        }
        Ok(Self {
            typed: from.typed().to_owned(),
            path,
            collections,
            _snapshot: snapshot,
        })
    }

    /// What was typed for it, for messages.
    pub(in crate::commands) fn typed(&self) -> &str {
        &self.typed
    }

    /// Where it is.
    pub(in crate::commands) fn path(&self) -> &Path {
        &self.path
    }

    /// Its collections.
    pub(in crate::commands) fn definitions(&self) -> impl Iterator<Item = &Definition> {
        self.collections.iter().map(|origin| &origin.definition)
    }

    fn records(&self) -> Result<u64, Error> {
        let counts = self.collections.iter();
        counts
            .map(|origin| origin.repository.count(Query::all()))
            .sum()
    }
}

/// What was copied of one collection.
#[derive(Debug)]
pub(in crate::commands) struct Copied {
    pub(in crate::commands) definition: Definition,
    pub(in crate::commands) content: Content,
    /// The keys of its entries in quarantine.
    pub(in crate::commands) quarantined: BTreeSet<String>,
    /// How many records the source could not load. They are among the quarantined.
    pub(in crate::commands) dropped: usize,
}

/// A store to copy into, with the collections of a [`Source`].
#[derive(Debug)]
pub(in crate::commands) struct Target {
    store: Store,
    /// In the order of the source's.
    collections: Vec<AnyRepository<Document>>,
}

impl Target {
    /// Opens it for writing; it is created if it is not there.
    pub(in crate::commands) fn open(source: &Source, to: &Place) -> Result<Self, Failure> {
        let store = to.writer()?;
        let collections = source
            .definitions()
            .map(|definition| store.collection(Collection::from_definition(definition.clone())))
            .collect::<Result<_, _>>()?;
        Ok(Self { store, collections })
    }

    /// Takes everything over, in the place of what is in these collections if so wanted, and closes
    /// the store. All of it is durable when this is `Ok`.
    pub(in crate::commands) fn fill(
        self,
        source: &Source,
        replace: bool,
    ) -> Result<Vec<Copied>, Failure> {
        let progress = Progress::new("copying", source.records()?);
        let mut copied = Vec::new();
        for (origin, target) in source.collections.iter().zip(&self.collections) {
            let content = self.records(origin, target, replace, &progress)?;
            let keys = origin
                .quarantined
                .iter()
                .map(|entry| entry.key().to_owned());
            copied.push(Copied {
                definition: origin.definition.clone(),
                content,
                quarantined: keys.collect(),
                dropped: origin.repository.load_report().dropped(),
            });
            // Of a collection without a record or a rejected one the definition comes with this.
            self.store.reject(origin.quarantined.clone())?.detach();
        }
        self.store.flush().wait()?;
        if replace {
            self.purge_others(&copied)?;
        }
        self.store.close().wait()?;
        Ok(copied)
    }

    fn records(
        &self,
        origin: &Origin,
        target: &AnyRepository<Document>,
        replace: bool,
        progress: &Progress,
    ) -> Result<Content, Failure> {
        let mut pending = 0;
        let mut clear = replace;
        content(&origin.repository, progress, |records| {
            // Cleared in one step with the first records: who has few never sees none.
            let mut ops = Vec::with_capacity(records.len() + 1);
            if std::mem::take(&mut clear) {
                ops.push(Op::Clear);
            }
            for record in records {
                pending += record.text().len();
                ops.push(Op::insert(Document::clone(record)));
            }
            if !ops.is_empty() {
                target.apply(ops).map_err(refused)?.detach();
            }
            if pending > PENDING {
                pending = 0;
                self.store.flush().wait()?;
            }
            Ok(())
        })
    }

    /// Forgets what was in quarantine here before. Last: until then nothing is lost.
    fn purge_others(&self, copied: &[Copied]) -> Result<(), Error> {
        let is_old = |entry: &Quarantined| {
            copied.iter().any(|copied| {
                copied.definition.collection == entry.collection()
                    && !copied.quarantined.contains(entry.key())
            })
        };
        let old: Vec<String> = self
            .store
            .quarantine()?
            .iter()
            .filter(|entry| is_old(entry))
            .map(|entry| entry.key().to_owned())
            .collect();
        if !old.is_empty() {
            self.store.purge_quarantine(&old)?;
        }
        Ok(())
    }
}

/// A record that one store has and the other refuses is no problem of the record: the copy failed.
fn refused(error: Error) -> Failure {
    if is_about_a_record(&error) {
        return Failure::Request(format!("a record was refused: {error}"));
    }
    Failure::Store(error)
}
