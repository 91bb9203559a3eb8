//! The names of a store's files.
//!
//! Owns [`Names`]: which file of a directory belongs to which collection. It does not touch them.
//!
//! | file | what it is |
//! |---|---|
//! | `sessions.json` | the records |
//! | `sessions.collection.json` | the definition: id, indexes, schema |
//! | `sessions.quarantine.ndjson` | rejected records, one JSON line each |
//! | `sessions.json.corrupt-<utc>` | the file as it was before it was written over, where it could not be parsed |
//! | `sessions.json.foreign-<utc>` | the file as someone else left it while the store was open |
//! | `sessions.v1-<utc>/` | a store of its own: the records of version 1, before they were migrated |
//! | `larder.lock` | the lock; never deleted |
//! | `larder.commit` | while several files are replaced as one, and after a crash in that moment: which |
//! | `.larder-<random>.tmp` | a new content that is not in its place yet |

use std::path::{Path, PathBuf};

use larder_core::backend::check_name;

const RECORDS: &str = ".json";
const DEFINITION: &str = ".collection.json";
const QUARANTINE: &str = ".quarantine.ndjson";

/// The files of one collection.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    dir: PathBuf,
    collection: String,
}

impl Names {
    pub(crate) fn new(dir: &Path, collection: &str) -> Self {
        Self {
            dir: dir.to_owned(),
            collection: collection.to_owned(),
        }
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn collection(&self) -> &str {
        &self.collection
    }

    /// How the names of directories begin in which records of this version are kept.
    pub(crate) fn backup_stem(&self, version: u32) -> String {
        format!("{}.v{version}-", self.collection)
    }

    /// The name of the records' file, without the directory.
    pub(crate) fn records_name(&self) -> String {
        format!("{}{RECORDS}", self.collection)
    }

    pub(crate) fn records(&self) -> PathBuf {
        self.dir.join(self.records_name())
    }

    pub(crate) fn definition(&self) -> PathBuf {
        self.dir.join(format!("{}{DEFINITION}", self.collection))
    }

    pub(crate) fn quarantine(&self) -> PathBuf {
        self.dir.join(format!("{}{QUARANTINE}", self.collection))
    }
}

/// The collection that a file of a store's directory belongs to, if it is one of its three.
pub(crate) fn collection_of(file: &str) -> Option<&str> {
    [DEFINITION, QUARANTINE, RECORDS]
        .iter()
        .find_map(|suffix| file.strip_suffix(suffix))
        .filter(|name| check_name(name).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_a_collection_names_it_and_no_other_does() {
        let names = Names::new(Path::new("/d"), "monitor-runs");
        for path in [names.records(), names.definition(), names.quarantine()] {
            let file = path.file_name().and_then(|name| name.to_str()).unwrap();
            assert_eq!(collection_of(file), Some("monitor-runs"));
        }
        for other in [
            "larder.lock",
            "larder.commit",
            "a.json.corrupt-20260101T000000Z",
            ".larder-x.tmp",
            "a.b.json",
        ] {
            assert_eq!(collection_of(other), None, "{other}");
        }
    }
}
