//! The stores that are measured, filled when a case first asks for one.
//!
//! Criterion runs only the cases that its filter names, so nothing is filled for the others.

use std::sync::OnceLock;

use larder::AnyRepository;
use larder::prelude::*;

use crate::common::{Session, session};

pub(crate) const BACKENDS: [&str; 3] = ["memory", "json", "sqlite"];
pub(crate) const SIZES: [u64; 3] = [1_000, 10_000, 100_000];

/// A store with its records.
pub(crate) struct Open {
    pub(crate) store: Store,
    pub(crate) sessions: AnyRepository<Session>,
}

/// A store of a backend with so many records, made when it is first asked for.
pub(crate) struct Filled {
    pub(crate) backend: &'static str,
    pub(crate) size: u64,
    dir: OnceLock<tempfile::TempDir>,
    open: OnceLock<Open>,
}

impl Filled {
    pub(crate) fn new(backend: &'static str, size: u64) -> Self {
        Self {
            backend,
            size,
            dir: OnceLock::new(),
            open: OnceLock::new(),
        }
    }

    /// The name of a case.
    pub(crate) fn name(&self) -> String {
        format!("{}/{}", self.backend, self.size)
    }

    /// A file of JSON is flushed when somebody asks for it: no flush of before is in the time.
    fn url(&self) -> String {
        let dir = self.dir.get_or_init(|| {
            // On a disk and not in memory.
            tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory")
        });
        match self.backend {
            "memory" => "memory:".to_owned(),
            "json" => format!("json:{}?debounce=1h", dir.path().display()),
            _ => format!("sqlite:{}", dir.path().join("data.db").display()),
        }
    }

    /// The store, open.
    pub(crate) fn open(&self) -> &Open {
        self.open.get_or_init(|| {
            let open = self.open_again();
            for from in (0..self.size).step_by(1_000) {
                let batch = (from..self.size.min(from + 1_000)).map(session);
                open.sessions.save_all(batch).expect("valid").detach();
            }
            open.store.flush().wait().expect("durable");
            open
        })
    }

    /// Closes it, so that it can be opened.
    pub(crate) fn close(&self) {
        self.open().store.close().wait().expect("durable");
    }

    /// Opens what is there.
    pub(crate) fn open_again(&self) -> Open {
        let store = Store::open(self.url()).expect("a store");
        let sessions = store.repository::<Session>().expect("a repository");
        Open { store, sessions }
    }

    /// Numbers of records, in an order that has nothing to do with that of their keys.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u64> + use<> {
        let size = self.size;
        (0..size).map(move |n| n * 7_919 % size).cycle()
    }
}
