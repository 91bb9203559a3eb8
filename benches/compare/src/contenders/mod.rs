//! Who is compared, and what each can be asked for.
//!
//! Owns [`Contender`], the questions, and [`Kind`], the names. Every contender is a file of its own
//! that says what it does, and what is synced before it says that something is saved.
//!
//! All keep the same records ([`crate::records`]) under the same four keys: the id, a unique channel, a
//! category that twenty records share, and the time of the last activity, which has an order.

pub(crate) mod by_hand;
pub(crate) mod checked;
pub(crate) mod floor;
pub(crate) mod larder;
pub(crate) mod native;
pub(crate) mod redb;
pub(crate) mod rustbreak;
pub(crate) mod sqlite;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::outcome::{Outcome, fail};
use crate::records::{BATCH, Session, session};

/// Who is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum Kind {
    Memory,
    Json,
    Sqlite,
    Maps,
    ByHand,
    Checked,
    Rustbreak,
    SqliteFull,
    SqliteNormal,
    Redb,
    NativeDb,
    Floor,
    Copy,
}

impl Kind {
    /// What it is called in tables.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Memory => "larder, memory",
            Self::Json => "larder, JSON",
            Self::Sqlite => "larder, SQLite",
            Self::Maps => "HashMap",
            Self::ByHand => "by hand",
            Self::Checked => "by hand, validated",
            Self::Rustbreak => "rustbreak",
            Self::SqliteFull => "rusqlite, FULL",
            Self::SqliteNormal => "rusqlite, NORMAL",
            Self::Redb => "redb",
            Self::NativeDb => "native_db",
            Self::Floor => "floor",
            Self::Copy => "memcpy",
        }
    }

    /// What it does, and what of it is synced.
    pub(crate) fn what(self) -> &'static str {
        match self {
            Self::Memory => "`memory:`; validated and indexed, nothing on disk",
            Self::Json => {
                "`json:`; validated and indexed. Awaited: temp file, sync, rename, sync of the directory"
            }
            Self::Sqlite => {
                "`sqlite:`; validated and indexed. Visible: committed to the log. Awaited: the log \
                 synced, once for all who wait"
            }
            Self::Maps => {
                "`std::collections::HashMap<String, Arc<T>>`, and a map per further key; no lock"
            }
            Self::ByHand => {
                "the same maps behind a mutex; saved as one JSON array through a 1 MiB `BufWriter` and \
                 `serde_json::to_writer`, to a temp file, sync, rename, sync of the directory. No \
                 validation"
            }
            Self::Checked => {
                "as people validate who write it by hand: parse to `Value`, validate with `jsonschema`, \
                 `from_value`; then a map per key"
            }
            Self::Rustbreak => {
                "`PathDatabase<HashMap<String, T>>` with serde_json as its encoding: temp file, sync, \
                 rename; the directory is synced by us, as it does not. No validation, no index"
            }
            Self::SqliteFull => {
                "rusqlite, WAL, `synchronous=FULL`, cached statements, one transaction a save: synced \
                 when it returns. A column and an index per key, caches as large as ours. No validation"
            }
            Self::SqliteNormal => {
                "the same with `synchronous=NORMAL`: committed to the log, not synced"
            }
            Self::Redb => {
                "redb, one transaction a save, `Durability::Immediate`: synced when it returns. JSON as \
                 the value, a table per further key, kept in step by hand. No validation"
            }
            Self::NativeDb => {
                "native_db, one transaction a save: synced when it returns (by redb). Its own binary \
                 encoding, a secondary key per further key. No validation"
            }
            Self::Floor => {
                "what no way of doing it can leave out: the same bytes read; written, synced, renamed, \
                 the directory synced; or the record encoded by serde_json"
            }
            Self::Copy => "the same bytes copied in memory",
        }
    }

    /// The crate whose version belongs beside the figures.
    pub(crate) fn package(self) -> Option<&'static str> {
        match self {
            Self::Memory | Self::Json | Self::Sqlite => Some("larder"),
            Self::Rustbreak => Some("rustbreak"),
            Self::SqliteFull | Self::SqliteNormal => Some("rusqlite"),
            Self::Redb => Some("redb"),
            Self::NativeDb => Some("native_db"),
            Self::Checked => Some("jsonschema"),
            Self::Maps | Self::ByHand | Self::Floor => Some("serde_json"),
            Self::Copy => None,
        }
    }

    /// Whether it is ours.
    pub(crate) fn is_ours(self) -> bool {
        matches!(self, Self::Memory | Self::Json | Self::Sqlite)
    }
}

/// Where a contender keeps its records, and how many there are.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) kind: Kind,
    /// A directory of its own.
    pub(crate) dir: PathBuf,
    pub(crate) records: u64,
}

impl Place {
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// How many bytes are in the directory.
    pub(crate) fn bytes(&self) -> u64 {
        let Ok(entries) = std::fs::read_dir(&self.dir) else {
            return 0;
        };
        entries
            .flatten()
            .filter_map(|entry| entry.metadata().ok())
            .filter(std::fs::Metadata::is_file)
            .map(|meta| meta.len())
            .sum()
    }
}

/// One way of keeping records. What a contender has no way for, it refuses; a case asks only those who
/// have one.
pub(crate) trait Contender: Sync + Sized {
    /// What a read gives.
    type Held;

    /// Opens what is at the place, or founds it.
    fn open(place: &Place) -> Outcome<Self>;

    /// Puts the first versions of all records there.
    fn fill(&self, records: u64) -> Outcome {
        for from in (0..records).step_by(usize::try_from(BATCH).unwrap_or(1)) {
            self.batch((from..records.min(from + BATCH)).map(session).collect())?;
        }
        Ok(())
    }

    fn get(&self, _id: &str) -> Outcome<Option<Self::Held>> {
        fail("it has no get")
    }

    /// The record of a channel.
    fn unique(&self, _channel: &str) -> Outcome<Option<Self::Held>> {
        fail("it has no unique index")
    }

    /// The records of a category.
    fn index(&self, _category: &str) -> Outcome<Vec<Self::Held>> {
        fail("it has no index")
    }

    /// The first records with this last activity or a later one, in its order.
    fn range(&self, _from: u64) -> Outcome<Vec<Self::Held>> {
        fail("it has no order")
    }

    /// Visible when it returns.
    fn save(&self, _session: Session) -> Outcome {
        fail("it has no save that does not wait")
    }

    /// On disk and synced when it returns.
    fn save_awaited(&self, _session: Session) -> Outcome {
        fail("it has no durable save")
    }

    /// All of them, on disk and synced when it returns.
    fn batch(&self, _sessions: Vec<Session>) -> Outcome {
        fail("it has no batch")
    }

    /// Both or neither, on disk and synced when it returns.
    fn pair(&self, _first: Session, _second: Session) -> Outcome {
        fail("it has no transaction")
    }

    /// Everything that is visible is on disk and synced when it returns.
    fn flush(&self) -> Outcome {
        fail("it has nothing to flush")
    }

    /// Does what is left over of a turn, so that it is not in the figures of the next.
    fn settle(&self) -> Outcome {
        Ok(())
    }

    /// Lets go of everything, properly.
    fn close(self) -> Outcome {
        Ok(())
    }
}

/// Syncs a directory, so that a rename in it survives a loss of power.
pub(crate) fn sync_dir(dir: &Path) -> Outcome {
    // Windows has no such call.
    if cfg!(unix) {
        std::fs::File::open(dir)?.sync_all()?;
    }
    Ok(())
}
