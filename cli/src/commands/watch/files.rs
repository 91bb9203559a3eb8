//! Watching a directory of JSON files: without a lock, beside the program that has it.
//!
//! Owns [`Files`]. The program that writes holds the lock of the store for itself, so the store is not
//! opened. A file is replaced by a rename, so whoever has opened it reads one whole content. Of
//! several files that belong together one may be read before and one after; `mod.rs` looks again then.
//!
//! What is in the files is not validated: that is done by who opens the store.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use larder::{Collection, Definition, Document, Error, ErrorKind, Pointer, RecordFile};

use super::source::{Identity, Mark, Marks, Source, Take};
use crate::commands::{id_at, id_path};
use crate::failure::Failure;
use crate::open::Place;
use crate::output::{counted, note};

const RECORDS: &str = ".json";
const DEFINITION: &str = ".collection.json";

/// While it is there a commit of several files is under way, or was when a crash came.
const COMMIT: &str = "larder.commit";

/// A directory of JSON files.
#[derive(Debug)]
pub(super) struct Files {
    place: Place,
    dir: PathBuf,
    only: Option<String>,
    /// What was wrong with a content, so that it is not read again for that.
    damaged: BTreeMap<String, (Identity, Error)>,
    /// How many records of a collection have no id.
    nameless: BTreeMap<String, usize>,
}

impl Files {
    pub(super) fn new(place: Place, dir: PathBuf, only: Option<String>) -> Self {
        Self {
            place,
            dir,
            only,
            damaged: BTreeMap::new(),
            nameless: BTreeMap::new(),
        }
    }

    fn path(&self, name: &str, suffix: &str) -> PathBuf {
        self.dir.join(format!("{name}{suffix}"))
    }

    /// Where the ids of a collection stand: by the configuration, by the definition beside it, or `id`.
    fn id_path(&self, name: &str) -> Result<Pointer, Failure> {
        if let Some(configured) = self.place.config().collections.get(name) {
            return Ok(id_path(&configured.collection(name)?)?);
        }
        let path = self.path(name, DEFINITION);
        let collection = match fs::read(&path) {
            Ok(bytes) => {
                let definition: Definition = serde_json::from_slice(&bytes).map_err(|error| {
                    Error::new(
                        ErrorKind::Config,
                        "the definition of the collection cannot be read",
                    )
                    .with_path(&path)
                    .with_source(error)
                })?;
                Collection::from_definition(definition)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Collection::named(name),
            Err(error) => return Err(cannot_read(&path, error)),
        };
        Ok(id_path(&collection)?)
    }

    /// The records of a file, in the order of their ids; of two with one id the later counts.
    fn records(
        &mut self,
        name: &str,
        bytes: Vec<u8>,
    ) -> Result<BTreeMap<String, Document>, Failure> {
        let path = self.path(name, RECORDS);
        let id_path = self.id_path(name)?;
        let file = RecordFile::parse(bytes, &path.display().to_string(), name)?;
        // What is missing of a broken file was not deleted.
        if let Some(damaged) = file.damage().first() {
            let message = format!("the file is damaged, or half-written: {}", damaged.issue);
            return Err(Error::new(ErrorKind::Unrecognized, message).into());
        }
        let mut records = BTreeMap::new();
        let mut nameless = 0;
        for record in file.records() {
            let document = std::str::from_utf8(record.bytes)
                .ok()
                .and_then(|text| Document::parse(text).ok());
            let id = document
                .as_ref()
                .and_then(|document| id_at(&id_path, document));
            match (id, document) {
                (Some(id), Some(document)) if !id.is_empty() => {
                    records.insert(id, document);
                }
                _ => nameless += 1,
            }
        }
        let told = self.nameless.insert(name.to_owned(), nameless);
        if nameless > 0 && told != Some(nameless) {
            note(format_args!(
                "{} of {name:?} have no id and are left out; `larder check {}` says why",
                counted(nameless, "record"),
                self.place.typed(),
            ));
        }
        Ok(records)
    }
}

impl Source for Files {
    fn marks(&mut self) -> Result<Marks, Failure> {
        let mut marks = Marks::default();
        let failed = |error| cannot_read(&self.dir, error);
        for entry in fs::read_dir(&self.dir).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let Some(name) = name.to_str() else {
                continue;
            };
            let stem = name
                .strip_suffix(DEFINITION)
                .or_else(|| name.strip_suffix(RECORDS));
            let Some(collection) = stem else {
                continue;
            };
            let is_known = marks.collections.contains_key(collection);
            if is_known
                || !is_name(collection)
                || self.only.as_ref().is_some_and(|only| only != collection)
            {
                continue;
            }
            let mark = Mark::Files {
                records: identity(&self.path(collection, RECORDS))?,
                definition: identity(&self.path(collection, DEFINITION))?,
            };
            marks.collections.insert(collection.to_owned(), mark);
        }
        marks.commit = identity(&self.dir.join(COMMIT))?;
        Ok(marks)
    }

    fn read(&mut self, collection: &str, take: &mut Take<'_>) -> Result<(), Failure> {
        let path = self.path(collection, RECORDS);
        let failed = |error| cannot_read(&path, error);
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed(error)),
        };
        let found = file.metadata().map_err(failed)?;
        let identity = Identity::of(&found);
        if let Some((known, error)) = self.damaged.get(collection)
            && *known == identity
        {
            return Err(error.clone().into());
        }
        let limit = self.place.max_file_bytes();
        if found.len() > limit {
            let message = format!("the file has {} bytes, the limit is {limit}", found.len());
            let error = Error::new(ErrorKind::TooLarge, message).with_path(&path);
            return Err(error.into());
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        let records = match self.records(collection, bytes) {
            Err(Failure::Store(error)) if error.kind() == ErrorKind::Unrecognized => {
                let known = (identity, error.clone());
                self.damaged.insert(collection.to_owned(), known);
                return Err(error.into());
            }
            records => records?,
        };
        for (id, record) in records {
            if take(&id, Arc::new(record)) == ControlFlow::Break(()) {
                break;
            }
        }
        Ok(())
    }
}

/// Whether a collection may be called so.
fn is_name(name: &str) -> bool {
    Collection::<Document>::named(name).definition().is_ok()
}

/// Of the file that is there under a name, if one is.
fn identity(path: &Path) -> Result<Option<Identity>, Failure> {
    match fs::metadata(path) {
        Ok(found) => Ok(Some(Identity::of(&found))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(cannot_read(path, error)),
    }
}

fn cannot_read(path: &Path, error: io::Error) -> Failure {
    Failure::Read {
        what: path.display().to_string(),
        error,
    }
}
