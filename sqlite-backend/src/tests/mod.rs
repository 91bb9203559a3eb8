//! Tests of what users cannot reach: syncs that fail, and what is done in which order.
//!
//! Owns [`ProbeLog`], which writes down what is done to the log and fails when the test says so.

mod checkpoints;
mod connections;
mod log;
mod run_time;
mod sharing;
mod traps;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread::ThreadId;

use larder_core::{Collection, Options, RepositoryExt as _};
use parking_lot::Mutex;
use rusqlite::StatementStatus;
use serde_json::{Value, json};

use crate::log::{Log, LogFile};
use crate::store::Parts;
use crate::{SqliteRepository, SqliteStore};

/// What was done to a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Did {
    SyncDir,
    Sync,
    FailToSync,
    Rewrite,
}

/// What a log is to do, and what it did.
#[derive(Default)]
pub(crate) struct Script {
    pub(crate) did: Vec<Did>,
    /// Who has synced it.
    pub(crate) threads: Vec<ThreadId>,
    /// So many syncs fail from now on.
    pub(crate) failing: u32,
    pub(crate) failing_dir: u32,
    /// The system has lost so many frames since it failed to write them.
    pub(crate) lost_frames: u64,
}

/// A real log that does as it is told.
pub(crate) struct ProbeLog {
    real: LogFile,
    script: Arc<Mutex<Script>>,
}

fn broken() -> io::Error {
    io::Error::other("as the script says")
}

impl Log for ProbeLog {
    fn sync(&self) -> io::Result<()> {
        let mut script = self.script.lock();
        script.threads.push(std::thread::current().id());
        if script.failing > 0 {
            script.failing -= 1;
            script.did.push(Did::FailToSync);
            return Err(broken());
        }
        script.did.push(Did::Sync);
        self.real.sync()
    }

    fn frames(&self) -> io::Result<u64> {
        self.real.frames()
    }

    fn rewrite(&self) -> io::Result<u64> {
        let mut script = self.script.lock();
        script.did.push(Did::Rewrite);
        Ok(self.real.rewrite()? - script.lost_frames)
    }

    fn sync_dir(&self) -> io::Result<()> {
        let mut script = self.script.lock();
        if script.failing_dir > 0 {
            script.failing_dir -= 1;
            return Err(broken());
        }
        script.did.push(Did::SyncDir);
        self.real.sync_dir()
    }

    fn close(&self) {
        self.real.close();
    }
}

/// The real parts, with a log that does as this script says.
pub(crate) fn probed(script: &Arc<Mutex<Script>>) -> Parts {
    let script = Arc::clone(script);
    Parts {
        log: Box::new(move |path| {
            Box::new(ProbeLog {
                real: LogFile::new(path),
                script: Arc::clone(&script),
            })
        }),
        ..Parts::real()
    }
}

pub(crate) fn open(parts: &Parts, dir: &Path) -> (SqliteStore, SqliteRepository<Value>) {
    open_with(parts, dir, Options::default())
}

pub(crate) fn open_with(
    parts: &Parts,
    dir: &Path,
    options: Options,
) -> (SqliteStore, SqliteRepository<Value>) {
    let store = SqliteStore::open_with(parts, &dir.join("data.db"), options).unwrap();
    let notes = notes(&store);
    (store, notes)
}

pub(crate) fn notes(store: &SqliteStore) -> SqliteRepository<Value> {
    let notes = Collection::named("notes").unique("name").multi("tags");
    store.collection(notes).unwrap()
}

pub(crate) fn note(id: &str) -> Value {
    json!({"id": id, "name": format!("n-{id}"), "tags": ["t", id]})
}

/// From now on SQLite turns every commit into a rollback, at the very end; or no longer.
pub(crate) fn refuse_commits(store: &SqliteStore, on: bool) {
    store
        .database()
        .with_writer(|writer| writer.commit_hook(on.then_some(|| true)))
        .unwrap()
        .unwrap();
}

/// Copies a database and its log, as a crash would leave them.
#[expect(
    clippy::disallowed_methods,
    reason = "a test puts files where it needs them"
)]
pub(crate) fn crash(from: &Path, to: &Path) {
    for name in ["data.db", "data.db-wal"] {
        std::fs::copy(from.join(name), to.join(name)).unwrap();
    }
}

/// SQLite would prepare it anew at each use, to see whether another plan is better for another key.
#[test]
fn a_statement_is_prepared_once_whatever_it_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let (store, notes) = open(&Parts::real(), dir.path());
    for id in ["a", "b", "c"] {
        notes.save(note(id)).unwrap().wait().unwrap();
    }
    let reader = store.database().reader().unwrap();
    let sql = "SELECT id, doc FROM notes WHERE id IN (SELECT id FROM \"notes.tags\" WHERE key = ?) \
               AND name >= ? ORDER BY name, id LIMIT ?";
    for key in ["t", "a", "c", "none"] {
        let mut select = reader.prepare_cached(sql).unwrap();
        let found = select.query_map(rusqlite::params![key, key, 10], |row| {
            row.get::<_, String>(0)
        });
        let found = found.unwrap().count();
        assert_eq!(found, usize::from(key != "none" && key != "t"), "{key}");
        assert_eq!(select.get_status(StatementStatus::RePrepare), 0, "{key}");
    }
}
