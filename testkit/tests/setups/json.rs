//! A store of JSON files, in one temporary directory after the other.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a setup fails like a test, and puts files where it needs them"
)]

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use larder_core::{Collection, Data, Options, Repository, Result};
use larder_json::JsonStore;
use larder_testkit::{Ability, Setup};
use tempfile::TempDir;

/// Directories for one case after the other.
pub(crate) struct Json {
    all: TempDir,
    /// The directory that is opened now, and how many there were.
    current: Mutex<(PathBuf, u32)>,
}

impl Json {
    pub(crate) fn new() -> Self {
        let all = tempfile::tempdir().unwrap();
        let current = Mutex::new((all.path().join("0"), 0));
        Self { all, current }
    }

    fn dir(&self) -> PathBuf {
        self.current.lock().unwrap().0.clone()
    }

    /// Where the directory is while a file is in its place.
    fn away(&self) -> PathBuf {
        self.dir().with_extension("away")
    }
}

impl Setup for Json {
    type Store = JsonStore;

    fn open(&self, options: Options) -> Result<JsonStore> {
        JsonStore::open(self.dir(), options)
    }

    fn collection<T: Data>(
        &self,
        store: &JsonStore,
        collection: Collection<T>,
    ) -> Result<Arc<dyn Repository<T>>> {
        Ok(Arc::new(store.collection(collection)?))
    }

    fn abilities(&self) -> &[Ability] {
        &Ability::ALL
    }

    /// A copy of what is in the directory now is what is opened from now on.
    fn crash(&self) {
        let there = if self.away().is_dir() {
            self.away()
        } else {
            self.dir()
        };
        let mut current = self.current.lock().unwrap();
        current.1 += 1;
        current.0 = self.all.path().join(current.1.to_string());
        copy(&there, &current.0);
    }

    /// A bare array, as other programs write it.
    fn plant(&self, collection: &str, records: &[&str]) {
        let file = self.dir().join(format!("{collection}.json"));
        std::fs::write(file, format!("[\n{}\n]\n", records.join(",\n"))).unwrap();
    }

    /// A file in the place of the directory stops everybody, root too.
    fn fail(&self, failing: bool) {
        let (dir, away) = (self.dir(), self.away());
        if failing {
            std::fs::rename(&dir, &away).unwrap();
            std::fs::write(&dir, "no directory").unwrap();
        } else if dir.is_file() {
            std::fs::remove_file(&dir).unwrap();
            std::fs::rename(&away, &dir).unwrap();
        }
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, target).unwrap();
        }
    }
}
