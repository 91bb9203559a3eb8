//! The open collections of a store.
//!
//! Owns [`Shelf`]: a collection is opened once, and whoever asks for it again gets the same table,
//! if he asks for the same type.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};

use crate::error::{Error, ErrorKind, Result};
use crate::journal::Journal;
use crate::record::Data;
use crate::report::LoadReport;
use crate::transaction::Part;

struct Opened {
    table: Arc<dyn Any + Send + Sync>,
    report: Arc<LoadReport>,
}

/// What opening a collection gives: its table, how it takes part in transactions, and what was
/// found.
pub type Shelved<X, T> = (Arc<X>, Arc<dyn Part<T>>, Arc<LoadReport>);

/// The open collections of a store, by name.
#[derive(Default)]
pub struct Shelf {
    // Held while a collection is loaded, so that two threads do not load one twice. Whoever loads may
    // wait for the turn, so nobody who has it comes here.
    loading: Mutex<()>,
    // Held for a moment only: also inside a transaction it may be asked what is open.
    tables: RwLock<BTreeMap<String, Opened>>,
    // An `Arc<dyn Part<T>>` each, whatever `T` is.
    parts: RwLock<BTreeMap<String, Box<dyn Any + Send + Sync>>>,
}

impl std::fmt::Debug for Shelf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.tables.read().keys()).finish()
    }
}

impl Shelf {
    /// The table of this name, opened by `open` if it is not there yet.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if it is open as another type, or under a name that differs only in
    /// case (which is one file on some platforms); [`ErrorKind::NestedTransaction`] if it is not open
    /// and this thread is in a transaction of this journal; and whatever `open` gives.
    pub fn get_or_open<X: Send + Sync + 'static, T: Data>(
        &self,
        journal: &Journal,
        name: &str,
        open: impl FnOnce() -> Result<Shelved<X, T>>,
    ) -> Result<Arc<X>> {
        if let Some(table) = self.get(name)? {
            return Ok(table);
        }
        journal.check_outside()?;
        let _loading = self.loading.lock();
        if let Some(table) = self.get(name)? {
            return Ok(table);
        }
        let (table, part, report) = open()?;
        self.parts.write().insert(name.to_owned(), Box::new(part));
        self.tables.write().insert(
            name.to_owned(),
            Opened {
                table: Arc::<X>::clone(&table),
                report,
            },
        );
        Ok(table)
    }

    /// The table of this name, if it is there.
    fn get<X: Send + Sync + 'static>(&self, name: &str) -> Result<Option<Arc<X>>> {
        let tables = self.tables.read();
        if let Some(opened) = tables.get(name) {
            let table = Arc::clone(&opened.table).downcast::<X>();
            return table.map(Some).map_err(|_| other_type(name));
        }
        if let Some(other) = tables.keys().find(|other| other.eq_ignore_ascii_case(name)) {
            return Err(Error::new(
                ErrorKind::Config,
                format!("the collection {other:?} is open, whose name differs only in case"),
            )
            .with_collection(name));
        }
        Ok(None)
    }

    /// How an open collection takes part in transactions.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if it is not open, or open as another type.
    pub(crate) fn part<T: Data>(&self, name: &str) -> Result<Arc<dyn Part<T>>> {
        let parts = self.parts.read();
        let part = parts.get(name).ok_or_else(|| not_open(name))?;
        part.downcast_ref::<Arc<dyn Part<T>>>()
            .map(Arc::clone)
            .ok_or_else(|| other_type(name))
    }

    /// Checks that all of these collections are open.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] with the first that is not.
    pub fn check_open<'a>(&self, names: impl Iterator<Item = &'a str>) -> Result<()> {
        let tables = self.tables.read();
        for name in names {
            if !tables.contains_key(name) {
                return Err(not_open(name));
            }
        }
        Ok(())
    }

    /// The reports of all collections, together.
    #[must_use]
    pub fn report(&self) -> LoadReport {
        let mut all = LoadReport::default();
        for opened in self.tables.read().values() {
            all.merge(&opened.report);
        }
        all
    }

    /// What loading an open collection found.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if it is not open.
    pub fn report_of(&self, name: &str) -> Result<LoadReport> {
        match self.tables.read().get(name) {
            Some(opened) => Ok(LoadReport::clone(&opened.report)),
            None => Err(not_open(name)),
        }
    }

    /// The names of the open collections.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.tables.read().keys().cloned().collect()
    }
}

fn not_open(name: &str) -> Error {
    Error::new(
        ErrorKind::Config,
        "the collection is not open: ask the store for its repository first",
    )
    .with_collection(name)
}

fn other_type(name: &str) -> Error {
    Error::new(
        ErrorKind::Config,
        "the collection is open with another record type",
    )
    .with_collection(name)
}
