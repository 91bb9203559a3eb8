//! One test on every backend: a place to keep a store in, and the macro that runs a test on each.

use larder::Store;
use tempfile::TempDir;

/// Where a store is, and how it is opened again.
pub(crate) struct Place {
    url: String,
    _dir: TempDir,
    store: Option<Store>,
}

impl Place {
    pub(crate) fn new(scheme: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = match scheme {
            "json" => format!("json:{}", dir.path().display()),
            "sqlite" => format!("sqlite:{}", dir.path().join("data.db").display()),
            _ => "memory:".to_owned(),
        };
        Self {
            store: Some(Store::open(&url).unwrap()),
            url,
            _dir: dir,
        }
    }

    pub(crate) fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    /// What [`new`](Self::new) was given, to make another one like it.
    #[allow(dead_code, reason = "not every test makes several")]
    pub(crate) fn scheme(&self) -> &str {
        self.url.split(':').next().unwrap()
    }

    /// Whether what is written is still there after the store is opened again.
    #[allow(dead_code, reason = "not every test opens it again")]
    pub(crate) fn keeps(&self) -> bool {
        self.url != "memory:"
    }

    /// Closes the store and opens it again. A store in memory stays as it is.
    #[allow(dead_code, reason = "not every test opens it again")]
    pub(crate) fn reopen(&mut self) {
        if self.keeps() {
            self.store().close().wait().unwrap();
            self.store = None;
            self.store = Some(Store::open(&self.url).unwrap());
        }
    }
}

macro_rules! on_every_backend {
    ($($name:ident,)*) => {
        mod memory {
            $(#[test] fn $name() { super::$name(super::backends::Place::new("memory")); })*
        }
        mod json {
            $(#[test] fn $name() { super::$name(super::backends::Place::new("json")); })*
        }
        mod sqlite {
            $(#[test] fn $name() { super::$name(super::backends::Place::new("sqlite")); })*
        }
    };
}

pub(crate) use on_every_backend;
