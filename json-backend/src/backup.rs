//! The file of a collection as it was before its records were migrated.
//!
//! Owns [`Backup`]: where it is kept, and that it is there before the file is written over. It is a
//! directory of its own beside the records, `sessions.v1-<utc>/`, and a store: the program that wrote
//! the records opens it.

use std::path::{Path, PathBuf};

use larder_core::backend::utc_stamp;

use crate::disk::{Disk, DiskError, PRIVATE_MODE};
use crate::names::Names;
use crate::publish::{ensure_dir, publish};

/// The file of a collection, and its definition, to be kept.
#[derive(Debug)]
pub(crate) struct Backup {
    dir: PathBuf,
    collection: String,
    records: Vec<u8>,
    definition: Option<Vec<u8>>,
}

impl Backup {
    /// Decides where these records of this version are kept. If they are kept already, because an
    /// earlier program got no further, it is there. Nothing is written yet.
    pub(crate) fn plan(
        disk: &dyn Disk,
        names: &Names,
        version: u32,
        records: &[u8],
    ) -> Result<Self, crate::error::JsonError> {
        let definition = match disk.read(&names.definition(), u64::MAX) {
            Ok(contents) => Some(contents.bytes),
            Err(error) if error.is_not_found() => None,
            Err(error) => return Err(error.into()),
        };
        let stem = names.backup_stem(version);
        let is_same = |dir: &Path| {
            let path = Names::new(dir, names.collection()).records();
            disk.read(&path, records.len() as u64)
                .is_ok_and(|there| there.bytes == records)
        };
        let mut taken = Vec::new();
        for name in disk.list(names.dir())? {
            if name.to_str().is_some_and(|name| name.starts_with(&stem)) {
                taken.push(names.dir().join(name));
            }
        }
        let dir = match taken.iter().find(|dir| is_same(dir)) {
            Some(dir) => dir.clone(),
            None => free(names.dir(), &stem, &taken),
        };
        Ok(Self {
            dir,
            collection: names.collection().to_owned(),
            records: records.to_vec(),
            definition,
        })
    }

    /// The directory.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Writes it, durably.
    pub(crate) fn write(&self, disk: &dyn Disk, sync: bool) -> Result<(), DiskError> {
        ensure_dir(disk, &self.dir, sync)?;
        let names = Names::new(&self.dir, &self.collection);
        let files = [
            (names.definition(), self.definition.as_ref()),
            (names.records(), Some(&self.records)),
        ];
        for (path, bytes) in files {
            if let Some(bytes) = bytes {
                publish(disk, &path, sync, PRIVATE_MODE, |out| out.write_all(bytes))?;
            }
        }
        Ok(())
    }
}

/// A name that nothing has, with the time in it.
fn free(dir: &Path, stem: &str, taken: &[PathBuf]) -> PathBuf {
    let utc = utc_stamp();
    let first = dir.join(format!("{stem}{utc}"));
    let numbered = (2_u32..).map(|number| dir.join(format!("{stem}{utc}-{number}")));
    std::iter::once(first.clone())
        .chain(numbered)
        .find(|path| !taken.contains(path))
        .unwrap_or(first)
}
