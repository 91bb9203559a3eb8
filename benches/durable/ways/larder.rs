//! A store of Larder's, with all that a save through it does: validation, the text of the record,
//! its version, what others have changed.
//!
//! It owns the record type, whose JSON is the document of a row to the letter. The tables, and how
//! a record is put into them, are the store's.

use std::path::Path;

use larder::{AnyRepository, Record, RepositoryExt as _, Store};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Way;
use crate::rows::{BYTES, RECORDS, category, channel, id, nth, row};

const BATCH: u64 = 1_000;

/// What is in a row, as a program has it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Record)]
#[serde(rename_all = "camelCase")]
#[record(collection = "sessions")]
struct Session {
    #[record(id)]
    id: String,
    #[record(unique)]
    channel_id: String,
    #[record(index)]
    category_id: String,
    version: u64,
    summary: String,
}

/// The record of this number, in the given version.
fn session(number: u64, version: u64) -> Session {
    const NAMES: &str = r#"{"id":"","channelId":"","categoryId":"","version":,"summary":""}"#;
    let (id, channel_id, category_id) = (id(number), channel(number), category(number));
    let digits = version.checked_ilog10().unwrap_or(0) as usize + 1;
    let rest = NAMES.len() + id.len() + channel_id.len() + category_id.len() + digits;
    Session {
        id,
        channel_id,
        category_id,
        version,
        summary: "x".repeat(BYTES.saturating_sub(rest)),
    }
}

pub(super) struct Larder {
    sessions: AnyRepository<Session>,
    store: Store,
}

impl Larder {
    pub(super) fn open(path: &Path) -> Self {
        for version in [0, 10, u64::MAX] {
            let record = serde_json::to_string(&session(77, version)).unwrap();
            assert_eq!(
                record,
                row(77, version).doc,
                "every way is to save the same"
            );
        }
        let store = Store::open(format!("sqlite:{}", path.display()).as_str()).unwrap();
        let sessions = store.repository().unwrap();
        for from in (0..RECORDS).step_by(usize::try_from(BATCH).unwrap()) {
            let batch = (from..from + BATCH).map(|number| session(number, 0));
            sessions.save_all(batch).unwrap().wait().unwrap();
        }
        Self { sessions, store }
    }
}

impl Way for Larder {
    fn save_and_wait(&self, thread: usize, n: u64) {
        let (number, version) = nth(thread, n);
        let record = session(number, version);
        self.sessions.save(record).unwrap().wait().unwrap();
    }
}

impl Drop for Larder {
    fn drop(&mut self) {
        self.store.close().wait().unwrap();
    }
}
