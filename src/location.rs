//! Where a configuration says that the store is: a URL, or a backend and a path.
//!
//! Owns [`BackendKind`], and that the place is said exactly once. The rules of URLs are `url.rs`.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::url::{Place, StoreUrl};
use crate::{Error, ErrorKind, Result, StoreConfig};

/// What keeps the records, as a word of a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum BackendKind {
    /// A directory of JSON files.
    Json,
    /// One SQLite database file.
    Sqlite,
    /// The memory: nothing is kept.
    Memory,
}

impl fmt::Display for BackendKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Json => "json",
            Self::Sqlite => "sqlite",
            Self::Memory => "memory",
        })
    }
}

fn refuse(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Config, message.into())
}

/// The text of a path: a place is compared, shown and kept as text.
fn text(path: &Path) -> Result<&str> {
    path.to_str()
        .ok_or_else(|| refuse("the path is not UTF-8").with_path(path))
}

impl StoreConfig {
    /// Which backend is named, and where: the directory of JSON files or the database file, as they are
    /// opened (`%`-escapes of a URL are decoded); `None` for the memory. Nothing is opened or looked at.
    ///
    /// ```
    /// use larder::{BackendKind, StoreConfig};
    ///
    /// let (backend, path) = StoreConfig::new("json:./data?debounce=0s").place()?;
    /// assert_eq!(backend, BackendKind::Json);
    /// assert_eq!(path.as_deref(), Some(std::path::Path::new("./data")));
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if no store is named, or two, or what is named is no place of a store.
    pub fn place(&self) -> Result<(BackendKind, Option<PathBuf>)> {
        Ok(match self.location()?.place {
            Place::Memory => (BackendKind::Memory, None),
            Place::Json(dir) => (BackendKind::Json, Some(dir.into())),
            Place::Sqlite(file) => (BackendKind::Sqlite, Some(file.into())),
        })
    }

    /// The place, and the options that stand in the URL.
    pub(crate) fn location(&self) -> Result<StoreUrl> {
        let path = self.path.as_deref();
        if !self.url.is_empty() {
            if self.backend.is_some() || path.is_some() {
                return Err(refuse(
                    "the store is named twice; write either url, or backend and path",
                ));
            }
            return StoreUrl::parse(&self.url);
        }
        let place = match (self.backend, path) {
            (None, None) => {
                return Err(refuse(
                    "no store is named; write url = \"json:./data\", or backend = \"json\" and \
                     path = \"./data\"",
                ));
            }
            (None, Some(_)) => {
                return Err(refuse(
                    "path needs a backend; write backend = \"json\" or backend = \"sqlite\"",
                ));
            }
            (Some(BackendKind::Memory), None) => Place::Memory,
            (Some(BackendKind::Memory), Some(_)) => {
                return Err(refuse(
                    "backend = \"memory\" takes no path; leave path out, or write \
                     backend = \"json\" or backend = \"sqlite\"",
                ));
            }
            (Some(kind), None) => return Err(no_path(kind)),
            (Some(kind), Some(path)) if path.as_os_str().is_empty() => return Err(no_path(kind)),
            (Some(BackendKind::Json), Some(path)) => Place::Json(text(path)?.to_owned()),
            (Some(BackendKind::Sqlite), Some(path)) => Place::Sqlite(text(path)?.to_owned()),
        };
        Ok(StoreUrl {
            place,
            options: Vec::new(),
        })
    }

    /// Makes a relative path relative to a directory, wherever it stands.
    pub(crate) fn rebase(&mut self, base: &Path) -> Result<()> {
        let place = self.location()?.place;
        if let Some(path) = &mut self.path {
            *path = base.join(&*path);
            return Ok(());
        }
        let (scheme, path) = match place {
            Place::Memory => return Ok(()),
            Place::Json(dir) => (BackendKind::Json, dir),
            Place::Sqlite(file) => (BackendKind::Sqlite, file),
        };
        if Path::new(&path).is_absolute() {
            return Ok(());
        }
        let joined = base.join(path);
        let joined = text(&joined)?.replace('%', "%25").replace('?', "%3F");
        self.url = match self.url.split_once('?') {
            Some((_, options)) => format!("{scheme}:{joined}?{options}"),
            None => format!("{scheme}:{joined}"),
        };
        Ok(())
    }
}

fn no_path(kind: BackendKind) -> Error {
    let (what, example) = match kind {
        BackendKind::Sqlite => ("a file", "./data.db"),
        _ => ("a directory", "./data"),
    };
    refuse(format!(
        "backend = \"{kind}\" needs {what}; write path = \"{example}\" beside it"
    ))
}
