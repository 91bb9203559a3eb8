//! From what a person types for a store to an open store.
//!
//! Owns [`Place`]: telling a URL from a configuration file, and what a command adds to the
//! configuration (reading only, no waiting window). Opening itself is the library's.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::error::Error as _;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::time::Duration;

use larder::{
    AnyRepository, BackendKind, Document, Error, OnInvalid, Options, Repository as _, Store,
    StoreConfig, StoreStats,
};

use crate::failure::Failure;
use crate::output::{counted, note};

/// How a URL may begin; anything else may be a file.
const SCHEMES: [&str; 3] = ["json:", "memory:", "sqlite:"];

/// How the file of a database begins.
const DATABASE: &[u8; 16] = b"SQLite format 3\0";

/// How long a failing command tries to make durable what it wrote.
const DROP_TIMEOUT: Duration = Duration::from_secs(2);

/// A store that was named, and is not open yet.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    config: StoreConfig,
    typed: String,
}

impl Place {
    /// A store URL, or the path of a configuration file.
    pub(crate) fn parse(typed: &str) -> Result<Self, Failure> {
        let path = Path::new(typed);
        let has_scheme = SCHEMES.iter().any(|scheme| typed.starts_with(scheme));
        let config = if !has_scheme && is_database(path) {
            return Err(Failure::Request(format!(
                "{typed:?} is a database; if it is a store, write sqlite:{typed}"
            )));
        } else if !has_scheme && path.is_file() {
            StoreConfig::from_file(path)?
        } else if !has_scheme && path.is_dir() {
            return Err(Failure::Request(format!(
                "{typed:?} is a directory; if it is a store, write json:{typed}"
            )));
        } else {
            StoreConfig::new(typed)
        };
        Ok(Self {
            config,
            typed: typed.to_owned(),
        })
    }

    /// The store in a database file, whatever that is called.
    pub(crate) fn of_file(file: &Path) -> Self {
        let config = StoreConfig::default();
        Self {
            config: config.backend(BackendKind::Sqlite).path(file),
            typed: format!("sqlite:{}", file.display()),
        }
    }

    /// The same store in another place: a copy of it in a database file.
    pub(crate) fn moved_to(&self, file: &Path) -> Self {
        let mut moved = self.clone();
        let moved_file = Self::of_file(file).config;
        moved.config.url = moved_file.url;
        moved.config.backend = moved_file.backend;
        moved.config.path = moved_file.path;
        moved.with_on_invalid(self.on_invalid())
    }

    /// What was typed, for messages.
    pub(crate) fn typed(&self) -> &str {
        &self.typed
    }

    /// The configuration.
    pub(crate) fn config(&self) -> &StoreConfig {
        &self.config
    }

    /// Backend and place, for people.
    pub(crate) fn url(&self) -> Cow<'_, str> {
        match (self.config.backend, &self.config.path) {
            (Some(backend), Some(path)) => format!("{backend}:{}", path.display()).into(),
            (Some(backend), None) => format!("{backend}:").into(),
            (None, _) => self.config.url.as_str().into(),
        }
    }

    /// What is configured for invalid records, by file or URL.
    pub(crate) fn on_invalid(&self) -> OnInvalid {
        match self.url_option("on_invalid") {
            Some("reject") => OnInvalid::Reject,
            Some("repair") => OnInvalid::Repair,
            Some(_) => OnInvalid::Drop,
            None => self.config.on_invalid.unwrap_or_default(),
        }
    }

    /// The size above which a file is not read.
    pub(crate) fn max_file_bytes(&self) -> u64 {
        let in_url = || self.url_option("max_file_bytes")?.parse().ok();
        let configured = self.config.max_file_bytes.or_else(in_url);
        configured.unwrap_or(Options::default().max_file_bytes)
    }

    /// The same store with another rule for invalid records.
    pub(crate) fn with_on_invalid(mut self, on_invalid: OnInvalid) -> Self {
        self.drop_url_option("on_invalid");
        self.config.on_invalid = Some(on_invalid);
        self
    }

    /// The same store with another debounce window, unless one was asked for.
    pub(crate) fn with_default_debounce(mut self, debounce: Duration) -> Self {
        if self.config.debounce.is_none() && self.url_option("debounce").is_none() {
            self.config.debounce = Some(debounce);
        }
        self
    }

    /// Opens it for reading; others may read at the same time.
    pub(crate) fn reader(&self) -> Result<Store, Error> {
        let mut place = self.clone();
        // Whatever the configuration says: a setting that stands in both places is an error.
        place.drop_url_option("read_only");
        Store::open(place.config.read_only(true))
    }

    /// As [`reader`](Self::reader); `None` if nothing is there.
    pub(crate) fn reader_if_there(&self) -> Result<Option<Store>, Error> {
        match self.reader() {
            Ok(store) => Ok(Some(store)),
            Err(error) if is_not_found(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Opens it for writing; it is created if it is not there.
    ///
    /// A command that succeeds closes it. One that fails drops it, and then has tried to flush
    /// already: whoever waits for the message does not wait long for another try.
    pub(crate) fn writer(&self) -> Result<Store, Error> {
        let mut config = self.config.clone();
        if config.drop_timeout.is_none() && self.url_option("drop_timeout").is_none() {
            config.drop_timeout = Some(DROP_TIMEOUT);
        }
        Store::open(config)
    }

    /// Opens it for writing, if it is there: a mistyped path is not a new store. One whose
    /// collections are configured may be created.
    pub(crate) fn writer_of_existing(&self) -> Result<Store, Error> {
        if self.config.collections.is_empty() {
            self.reader()?.close().wait()?;
        }
        self.writer()
    }

    /// Who has it open for writing.
    pub(crate) fn holder(&self) -> Result<Option<String>, Error> {
        Store::holder(self.config.clone())
    }

    /// The collections that are there, and those that are configured.
    pub(crate) fn collections(&self, stats: &StoreStats) -> BTreeSet<String> {
        stats
            .collections
            .iter()
            .chain(self.config.collections.keys())
            .cloned()
            .collect()
    }

    fn url_option(&self, name: &str) -> Option<&str> {
        let (_, options) = self.config.url.split_once('?')?;
        options
            .split('&')
            .find_map(|option| option.strip_prefix(name)?.strip_prefix('='))
    }

    fn drop_url_option(&mut self, name: &str) {
        let Some((url, options)) = self.config.url.split_once('?') else {
            return;
        };
        let is_it = |option: &&str| option.split('=').next() == Some(name);
        let others: Vec<&str> = options.split('&').filter(|option| !is_it(option)).collect();
        self.config.url = if others.is_empty() {
            url.to_owned()
        } else {
            format!("{url}?{}", others.join("&"))
        };
    }
}

/// Whether there is a file that begins as a database does.
fn is_database(path: &Path) -> bool {
    let mut start = [0; DATABASE.len()];
    path.is_file()
        && File::open(path).is_ok_and(|mut file| file.read_exact(&mut start).is_ok())
        && start == *DATABASE
}

/// The path of a file, where a URL might be typed by mistake.
pub(crate) fn file_name(typed: &str) -> Result<&Path, Failure> {
    match SCHEMES.iter().find(|scheme| typed.starts_with(*scheme)) {
        Some(scheme) => Err(Failure::Request(format!(
            "{typed:?} is a URL, and a file is wanted: leave out {scheme}, or write ./{typed} if \
             that is its name"
        ))),
        None => Ok(Path::new(typed)),
    }
}

fn is_not_found(error: &Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return error.kind() == io::ErrorKind::NotFound;
        }
        cause = error.source();
    }
    false
}

/// A collection for reading, with a word about the records that are not in it.
pub(crate) fn collection(
    store: &Store,
    name: &str,
    place: &Place,
) -> Result<AnyRepository<Document>, Error> {
    let repository = store.documents(name)?;
    let dropped = repository.load_report().dropped();
    if dropped > 0 {
        note(format_args!(
            "{} of {name:?} cannot be loaded and left out; `larder check {}` says why",
            counted(dropped, "record"),
            place.typed(),
        ));
    }
    Ok(repository)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_a_url_give_way() {
        let mut place = Place::parse("json:./x?read_only=false&debounce=0s").unwrap();
        assert_eq!(place.url_option("debounce"), Some("0s"));
        place.drop_url_option("read_only");
        assert_eq!(place.config.url, "json:./x?debounce=0s");
        let place = place.with_default_debounce(Duration::from_secs(9));
        assert_eq!(place.config.debounce, None);
        let mut place = place.with_on_invalid(OnInvalid::Reject);
        place.drop_url_option("debounce");
        assert_eq!(place.config.url, "json:./x");
        assert_eq!(place.on_invalid(), OnInvalid::Reject);
    }

    #[test]
    fn a_place_is_told_as_a_url_however_it_was_said() {
        let place = Place::parse("json:./x?debounce=0s").unwrap();
        assert_eq!(place.url(), "json:./x?debounce=0s");
        assert_eq!(Place::of_file(Path::new("./a.db")).url(), "sqlite:./a.db");
    }

    #[test]
    fn a_file_is_not_a_url() {
        assert_eq!(file_name("./a.db").unwrap(), Path::new("./a.db"));
        let refused = file_name("sqlite:./a.db").unwrap_err();
        assert!(refused.to_string().contains("leave out sqlite:"));
    }

    #[test]
    fn the_rule_for_invalid_records_may_stand_in_the_url() {
        let place = Place::parse("json:./x?on_invalid=reject").unwrap();
        assert_eq!(place.on_invalid(), OnInvalid::Reject);
        assert_eq!(
            place.with_on_invalid(OnInvalid::Drop).on_invalid(),
            OnInvalid::Drop
        );
    }
}
