//! A store directory as it will be when the commit record in it is finished, without finishing it.
//!
//! Owns [`CommittedView`], through which a store that is open for reading looks at its directory when
//! a crash has left a record there. Nothing is written: who opens the store for writing finishes it.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::{Access, Contents, Disk, DiskError, Identity, TempFile, parent_of};
use crate::lock::{LockError, LockHandle, LockMode};

/// A disk on which some files have the content that is waiting for them under another name.
#[derive(Debug)]
pub(crate) struct CommittedView {
    disk: Arc<dyn Disk>,
    /// Where the content of a file is.
    pending: BTreeMap<PathBuf, PathBuf>,
}

impl CommittedView {
    pub(crate) fn new(disk: Arc<dyn Disk>, pending: BTreeMap<PathBuf, PathBuf>) -> Self {
        Self { disk, pending }
    }

    /// Where what belongs to this path is. The record names files, and this may be a link to one.
    fn place(&self, path: &Path) -> Result<PathBuf, DiskError> {
        let target = self.disk.resolve(path)?;
        Ok(self.pending.get(&target).unwrap_or(&target).clone())
    }
}

fn refuse<T>(op: &'static str, path: &Path) -> Result<T, DiskError> {
    let source = io::ErrorKind::ReadOnlyFilesystem.into();
    Err(DiskError::new(op, path, source))
}

impl Disk for CommittedView {
    fn resolve(&self, path: &Path) -> Result<PathBuf, DiskError> {
        self.disk.resolve(path)
    }

    fn identity(&self, path: &Path) -> Result<Option<Identity>, DiskError> {
        self.disk.identity(&self.place(path)?)
    }

    fn read(&self, path: &Path, max: u64) -> Result<Contents, DiskError> {
        self.disk.read(&self.place(path)?, max)
    }

    fn create_temp(&self, dir: &Path, _access: &Access) -> Result<Box<dyn TempFile>, DiskError> {
        refuse("create a temp file in", dir)
    }

    fn sync_dir(&self, dir: &Path) -> Result<(), DiskError> {
        refuse("sync the directory", dir)
    }

    fn create_dirs(&self, dir: &Path) -> Result<Vec<PathBuf>, DiskError> {
        refuse("create the directory", dir)
    }

    /// With the files that will be there for the first time.
    fn list(&self, dir: &Path) -> Result<Vec<OsString>, DiskError> {
        let mut names: BTreeSet<OsString> = self.disk.list(dir)?.into_iter().collect();
        let here = self
            .pending
            .keys()
            .filter(|target| parent_of(target) == dir);
        names.extend(here.filter_map(|target| target.file_name().map(ToOwned::to_owned)));
        Ok(names.into_iter().collect())
    }

    fn rename(&self, _from: &Path, to: &Path) -> Result<(), DiskError> {
        refuse("replace", to)
    }

    fn remove(&self, path: &Path) -> Result<bool, DiskError> {
        refuse("remove", path)
    }

    fn lock(&self, path: &Path, mode: LockMode) -> Result<Box<dyn LockHandle>, LockError> {
        self.disk.lock(path, mode)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::PRIVATE_MODE;
    use crate::sim::SimDisk;

    #[test]
    fn it_shows_what_will_be_there_and_changes_nothing() {
        let dir = Path::new("/store");
        let disk = SimDisk::new();
        disk.put_dir(dir);
        disk.put_dir(Path::new("/elsewhere"));
        disk.put_file(&dir.join("temp"), b"new");
        let pending = ["/store/notes.json", "/elsewhere/zebras.json"]
            .map(|target| (PathBuf::from(target), dir.join("temp")));
        let view = CommittedView::new(Arc::new(disk.clone()), pending.into());
        assert_eq!(view.list(dir).unwrap(), ["notes.json", "temp"]);
        let there = view.read(&dir.join("notes.json"), 10).unwrap();
        assert_eq!(there.bytes, b"new");

        let calls = disk.steps();
        let to = dir.join("notes.json");
        let refused = [
            view.create_temp(dir, &Access::New(PRIVATE_MODE)).map(drop),
            view.sync_dir(dir),
            view.create_dirs(dir).map(drop),
            view.rename(&dir.join("temp"), &to),
            view.remove(&to).map(drop),
        ];
        for refused in refused {
            let kind = refused.unwrap_err().kind();
            assert_eq!(kind, io::ErrorKind::ReadOnlyFilesystem);
        }
        assert_eq!(disk.steps(), calls, "nothing of it reached the disk");
    }
}
