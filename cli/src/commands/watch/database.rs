//! Watching a database: a store that is opened for reading.
//!
//! Owns [`Database`]: opening it again when the file is another one, and reading page by page. Whether
//! somebody committed, and what is a record, is the library's answer.

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::PathBuf;

use larder::{
    AnyRepository, Document, Error, ErrorKind, OnInvalid, Pointer, Query, Repository as _,
    RepositoryExt as _, Store,
};

use super::source::{Identity, Inode, Mark, Marks, Source, Take};
use crate::commands::{id_at, id_path};
use crate::failure::Failure;
use crate::open::{Place, collection};

/// How many records are in memory at once.
const PAGE: usize = 1_000;

/// A database, open or not.
#[derive(Debug)]
pub(super) struct Database {
    place: Place,
    file: PathBuf,
    only: Option<String>,
    /// How often it was opened: what an opened store says cannot be compared with what another did.
    opened: u64,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    store: Store,
    inode: Inode,
    repositories: BTreeMap<String, (AnyRepository<Document>, Pointer)>,
    /// What was said last.
    told: Option<(u64, Marks)>,
}

impl Database {
    pub(super) fn new(place: Place, file: PathBuf, only: Option<String>) -> Self {
        // A bad record leaves the view, and what is good is watched.
        let place = match place.on_invalid() {
            OnInvalid::Reject => place.with_on_invalid(OnInvalid::Drop),
            _ => place,
        };
        Self {
            place,
            file,
            only,
            opened: 0,
            open: None,
        }
    }

    /// The store; opened anew if the file that has the name is not the one that is open.
    fn open(&mut self) -> Result<&mut Open, Failure> {
        // No descriptor is opened for it: to close one would take SQLite's locks from this process.
        let found = fs::metadata(&self.file).map_err(|error| Failure::Read {
            what: self.file.display().to_string(),
            error,
        });
        let inode = match found {
            Ok(found) => Identity::of(&found).inode(),
            Err(failure) => {
                self.open = None;
                return Err(failure);
            }
        };
        let open = match self.open.take() {
            Some(open) if open.inode == inode => open,
            other => {
                drop(other);
                let store = self.place.reader()?;
                self.opened += 1;
                Open {
                    store,
                    inode,
                    repositories: BTreeMap::new(),
                    told: None,
                }
            }
        };
        Ok(self.open.insert(open))
    }

    fn try_marks(&mut self) -> Result<Marks, Failure> {
        let only = self.only.clone();
        let open = self.open()?;
        let revision = open.store.revision()?.ok_or_else(|| {
            Error::new(
                ErrorKind::Internal,
                "the database cannot tell who committed",
            )
        })?;
        if let Some((told, marks)) = &open.told
            && *told == revision
        {
            return Ok(marks.clone());
        }
        let mut names = open.store.collections()?;
        let opened = self.opened;
        names.retain(|name| only.as_ref().is_none_or(|only| only == name));
        let mark = Mark::Revision { opened, revision };
        let marks = Marks {
            collections: names.into_iter().map(|name| (name, mark.clone())).collect(),
            commit: None,
        };
        if let Some(open) = &mut self.open {
            open.told = Some((revision, marks.clone()));
        }
        Ok(marks)
    }

    fn try_read(&mut self, name: &str, take: &mut Take<'_>) -> Result<(), Failure> {
        let place = self.place.clone();
        let open = self.open()?;
        if !open.repositories.contains_key(name) {
            let repository = collection(&open.store, name, &place)?;
            let id_path = id_path(repository.collection())?;
            let opened = (repository, id_path);
            open.repositories.insert(name.to_owned(), opened);
        }
        let Some((repository, id_path)) = open.repositories.get(name) else {
            return Ok(());
        };
        let mut query = Query::all().limit(PAGE);
        loop {
            let page = repository.page(query)?;
            for record in page.records {
                let Some(id) = id_at(id_path, &record) else {
                    continue;
                };
                if take(&id, record) == ControlFlow::Break(()) {
                    return Ok(());
                }
            }
            match page.next {
                Some(next) => query = Query::all().limit(PAGE).after(next),
                None => return Ok(()),
            }
        }
    }

    /// What went wrong may be of this opening: others may have given the collection another definition.
    fn close_after<R>(&mut self, result: Result<R, Failure>) -> Result<R, Failure> {
        let passes = |failure: &Failure| match failure {
            Failure::Store(error) => error.is_transient(),
            _ => false,
        };
        if let Err(failure) = &result
            && !passes(failure)
        {
            self.open = None;
        }
        result
    }
}

impl Source for Database {
    fn marks(&mut self) -> Result<Marks, Failure> {
        let marks = self.try_marks();
        self.close_after(marks)
    }

    fn read(&mut self, collection: &str, take: &mut Take<'_>) -> Result<(), Failure> {
        let read = self.try_read(collection, take);
        self.close_after(read)
    }
}
