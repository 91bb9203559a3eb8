//! A SQLite database, in one temporary directory after the other.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a setup fails like a test, and puts files where it needs them"
)]

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use larder_core::{Collection, Data, Options, Repository, Result};
use larder_sqlite::SqliteStore;
use larder_testkit::{Ability, Setup};
use serde_json::Value;
use tempfile::TempDir;

/// Databases for one case after the other.
pub(crate) struct Sqlite {
    all: TempDir,
    /// The number of the one that is opened now.
    current: Mutex<u32>,
}

impl Sqlite {
    pub(crate) fn new() -> Self {
        Self {
            all: tempfile::tempdir().unwrap(),
            current: Mutex::new(0),
        }
    }

    fn path(&self, suffix: &str) -> PathBuf {
        let current = self.current.lock().unwrap();
        self.all.path().join(format!("{current}.db{suffix}"))
    }
}

impl Setup for Sqlite {
    type Store = SqliteStore;

    fn open(&self, options: Options) -> Result<SqliteStore> {
        SqliteStore::open(self.path(""), options)
    }

    fn collection<T: Data>(
        &self,
        store: &SqliteStore,
        collection: Collection<T>,
    ) -> Result<Arc<dyn Repository<T>>> {
        Ok(Arc::new(store.collection(collection)?))
    }

    fn abilities(&self) -> &[Ability] {
        &[
            Ability::Keep,
            Ability::Crash,
            Ability::Plant,
            Ability::ReadOnly,
        ]
    }

    /// A copy of the database and of its log is what is opened from now on. (Reading the file here lets go
    /// of SQLite's locks, which keep out other processes; there are none.)
    fn crash(&self) {
        let from = ["", "-wal"].map(|suffix| self.path(suffix));
        *self.current.lock().unwrap() += 1;
        for (from, suffix) in from.iter().zip(["", "-wal"]) {
            if from.exists() {
                std::fs::copy(from, self.path(suffix)).unwrap();
            }
        }
    }

    /// By plain SQL.
    fn plant(&self, collection: &str, records: &[&str]) {
        let mut connection = rusqlite::Connection::open(self.path("")).unwrap();
        let transaction = connection.transaction().unwrap();
        let delete = format!("DELETE FROM {collection}");
        transaction.execute(&delete, []).unwrap();
        let insert = format!("INSERT INTO {collection}(id, doc) VALUES(?1, ?2)");
        for (number, text) in records.iter().enumerate() {
            let record: Value = serde_json::from_str(text).unwrap_or_default();
            let id = record.get("id").and_then(Value::as_str).map(str::to_owned);
            let id = id.unwrap_or_else(|| format!("row-{number}"));
            transaction.execute(&insert, [&id, *text]).unwrap();
        }
        transaction.commit().unwrap();
    }
}
