//! The configuration of a store, from a file, a URL or code.
//!
//! Owns [`StoreConfig`]: strict, so that a misspelt key is an error and not a default. What the
//! settings mean is [`Options`]; which backend is meant, and where, is `location.rs`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::url::{Place, StoreUrl};
use crate::{
    BackendKind, CollectionConfig, Durability, Error, ErrorKind, OnExternalChange, OnInvalid,
    OnNewer, Options, Result, config_file, duration,
};

/// The configuration of a store.
///
/// As a `larder.toml`, or any other format that serde reads:
///
/// ```toml
/// url        = "json:./data"      # or sqlite:./data.db, or memory:
/// debounce   = "1s"
/// durability = "power-loss"       # or "process-crash": nothing is synced
/// on_invalid = "drop"             # or "repair", or "reject"
///
/// [collections.sessions]          # only for collections known at run time
/// id      = "id"
/// schema  = "session.schema.json"
/// unique  = ["channelId"]
/// indexes = ["categoryId", ["provider", "providerSessionId"], "tags[]"]
/// ```
///
/// Every setting but the URL may also stand in the URL: `json:./data?debounce=0s`. A setting that
/// stands in both is an error, and so is a key that does not exist.
///
/// In the place of a URL, a backend and a path may be given; then one word switches the backend:
///
/// ```toml
/// backend = "json"                # or "sqlite", or "memory", which takes no path
/// path    = "./data"              # a directory for json, a file for sqlite
/// ```
///
/// Switching moves no records: `larder copy` does.
///
/// ```
/// use larder::{Store, StoreConfig};
/// use std::time::Duration;
///
/// let config = StoreConfig::new("memory:").debounce(Duration::from_millis(200));
/// let store = Store::open(config)?;
/// # Ok::<(), larder::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct StoreConfig {
    /// Which backend, and where: `json:./data`, `sqlite:./data.db`, `memory:`. Empty if
    /// [`backend`](Self::backend) says it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub url: String,
    /// Which backend, where there is no [`url`](Self::url).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend: Option<BackendKind>,
    /// Where, for a [`backend`](Self::backend) on disk: the directory of JSON files, or the
    /// database file. It is taken as it is: no %-escapes, no options.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// How long a write that nobody waits for may wait for the disk; default 1 s. See
    /// [`Options::debounce`].
    #[serde(default, with = "duration", skip_serializing_if = "Option::is_none")]
    pub debounce: Option<Duration>,
    /// What an acknowledged write survives; default `power-loss`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub durability: Option<Durability>,
    /// What happens to invalid records; default `drop`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_invalid: Option<OnInvalid>,
    /// What happens to data of a newer version; default `refuse`, or `read-only`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_newer: Option<OnNewer>,
    /// Whether fields of a stored record that its type does not know stay when it is saved; default
    /// yes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preserve_unknown: Option<bool>,
    /// What happens when someone else changed a file; default `keep-copy`. Of JSON files only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_external_change: Option<OnExternalChange>,
    /// Open for reading only; default no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_only: Option<bool>,
    /// A file above this size in bytes is refused before it is read; default 500,000,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_file_bytes: Option<u64>,
    /// After how many failed flushes in a row waiters are told; default 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flush_attempts: Option<u32>,
    /// How long dropping the last handle may take to flush; default 10 s.
    #[serde(default, with = "duration", skip_serializing_if = "Option::is_none")]
    pub drop_timeout: Option<Duration>,
    /// Collections that are known at run time only. Typed code needs none of this.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub collections: BTreeMap<String, CollectionConfig>,
}

impl StoreConfig {
    /// The configuration with this URL and defaults for all else.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            ..Self::default()
        }
    }

    /// Sets [`backend`](Self::backend), for a configuration without a URL.
    ///
    /// ```
    /// use larder::{BackendKind, StoreConfig};
    ///
    /// let config = StoreConfig::default().backend(BackendKind::Json).path("./data");
    /// ```
    #[must_use]
    pub fn backend(mut self, backend: BackendKind) -> Self {
        self.backend = Some(backend);
        self
    }

    /// Sets [`path`](Self::path).
    #[must_use]
    pub fn path(mut self, path: impl Into<PathBuf>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// Sets [`debounce`](Self::debounce).
    #[must_use]
    pub fn debounce(mut self, debounce: Duration) -> Self {
        self.debounce = Some(debounce);
        self
    }

    /// Sets [`durability`](Self::durability).
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = Some(durability);
        self
    }

    /// Sets [`on_invalid`](Self::on_invalid).
    ///
    /// ```
    /// use larder::{Action, Collection, Document, OnInvalid, Repository, Store, StoreConfig};
    /// use serde_json::json;
    ///
    /// # let dir = tempfile::tempdir().unwrap();
    /// # std::fs::write(
    /// #     dir.path().join("notes.json"),
    /// #     r#"[{"id":"a","model":7,"tags":["x",null]}]"#,
    /// # ).unwrap();
    /// # let url = format!("json:{}", dir.path().display());
    /// // notes.json: [{"id":"a","model":7,"tags":["x",null]}]
    /// let config = StoreConfig::new(url).on_invalid(OnInvalid::Repair);
    /// let store = Store::open(config)?;
    /// let notes = store.collection(Collection::<Document>::named("notes").schema(json!({
    ///     "type": "object",
    ///     "required": ["id"],
    ///     "properties": {
    ///         "model": {"type": "string"},
    ///         "tags": {"items": {"type": "string"}}
    ///     }
    /// })))?;
    /// assert_eq!(notes.get("a")?.unwrap().text(), r#"{"id":"a","tags":["x"]}"#);
    /// let report = store.load_report();
    /// let issue = &report.issues()[0];
    /// assert_eq!(issue.action(), Action::Repaired);
    /// println!("{issue}"); // .. repaired: /model: removed; /tags/1: item removed
    /// // The original is kept, to the byte.
    /// assert_eq!(store.quarantine()?[0].bytes(), br#"{"id":"a","model":7,"tags":["x",null]}"#);
    /// # Ok::<(), larder::Error>(())
    /// ```
    #[must_use]
    pub fn on_invalid(mut self, on_invalid: OnInvalid) -> Self {
        self.on_invalid = Some(on_invalid);
        self
    }

    /// Sets [`on_newer`](Self::on_newer).
    #[must_use]
    pub fn on_newer(mut self, on_newer: OnNewer) -> Self {
        self.on_newer = Some(on_newer);
        self
    }

    /// Sets [`preserve_unknown`](Self::preserve_unknown).
    ///
    /// ```
    /// use larder::prelude::*;
    /// use larder::{Collection, Document};
    /// use schemars::JsonSchema;
    /// use serde::{Deserialize, Serialize};
    ///
    /// /// As an older program knows it.
    /// #[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Record)]
    /// #[record(collection = "notes")]
    /// struct Note {
    ///     #[record(id)]
    ///     id: String,
    ///     turns: u32,
    /// }
    ///
    /// # let dir = tempfile::tempdir().unwrap();
    /// # std::fs::write(
    /// #     dir.path().join("notes.json"),
    /// #     r#"[{"id":"a","cost":1.50,"turns":1}]"#,
    /// # ).unwrap();
    /// # let url = format!("json:{}", dir.path().display());
    /// # let url = url.as_str();
    /// // A newer one has written: [{"id":"a","cost":1.50,"turns":1}]
    /// let store = Store::open(url)?;
    /// store.repository::<Note>()?.update("a", |note| note.turns += 1)?.wait()?;
    /// store.close().wait()?;
    ///
    /// let store = Store::open(url)?;
    /// let notes = store.collection(Collection::<Document>::named("notes"))?;
    /// assert_eq!(notes.get("a")?.unwrap().text(), r#"{"id":"a","cost":1.50,"turns":2}"#);
    /// # Ok::<(), larder::Error>(())
    /// ```
    #[must_use]
    pub fn preserve_unknown(mut self, preserve_unknown: bool) -> Self {
        self.preserve_unknown = Some(preserve_unknown);
        self
    }

    /// Sets [`on_external_change`](Self::on_external_change).
    #[must_use]
    pub fn on_external_change(mut self, on_external_change: OnExternalChange) -> Self {
        self.on_external_change = Some(on_external_change);
        self
    }

    /// Sets [`read_only`](Self::read_only).
    #[must_use]
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = Some(read_only);
        self
    }

    /// Reads a configuration file: TOML if its name ends so (with the feature `toml`), else JSON.
    /// Paths of schemas are relative to the file, and so is the store's if it is relative.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] with the file's path, and the place and the known keys where a key
    /// is unknown. A file over 1 MB is refused.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let mut config = config_file::read(path)?;
        let base = path.parent().unwrap_or(Path::new(""));
        for collection in config.collections.values_mut() {
            if let Some(schema) = &mut collection.schema {
                *schema = base.join(&*schema);
            }
        }
        config.rebase(base).map_err(|error| error.with_path(path))?;
        Ok(config)
    }

    /// The place and the options, with those that stand in the URL.
    pub(crate) fn resolve(
        mut self,
    ) -> Result<(Place, Options, BTreeMap<String, CollectionConfig>)> {
        let StoreUrl { place, options } = self.location()?;
        for (name, value) in &options {
            self.set(name, value)?;
        }
        let default = Options::default();
        let options = Options {
            debounce: self.debounce.unwrap_or(default.debounce),
            durability: self.durability.unwrap_or(default.durability),
            on_invalid: self.on_invalid.unwrap_or(default.on_invalid),
            on_newer: self.on_newer.unwrap_or(default.on_newer),
            preserve_unknown: self.preserve_unknown.unwrap_or(default.preserve_unknown),
            on_external_change: self
                .on_external_change
                .unwrap_or(default.on_external_change),
            read_only: self.read_only.unwrap_or(default.read_only),
            max_file_bytes: self.max_file_bytes.unwrap_or(default.max_file_bytes),
            flush_attempts: self.flush_attempts.unwrap_or(default.flush_attempts),
            drop_timeout: self.drop_timeout.unwrap_or(default.drop_timeout),
        };
        Ok((place, options, self.collections))
    }

    /// Sets what an option of the URL says.
    fn set(&mut self, name: &str, value: &str) -> Result<()> {
        fn once<V>(place: &mut Option<V>, value: Result<V, String>) -> Result<(), String> {
            if place.is_some() {
                return Err("it is set twice".to_owned());
            }
            *place = Some(value?);
            Ok(())
        }
        fn number<N: FromStr>(value: &str) -> Result<N, String> {
            value
                .parse()
                .map_err(|_| format!("{value:?} is not such a number"))
        }
        fn truth(value: &str) -> Result<bool, String> {
            value.parse().map_err(|_| "write true or false".to_owned())
        }
        fn word<W: for<'de> Deserialize<'de>>(value: &str) -> Result<W, String> {
            // Through serde, so that URL and file know the same words.
            W::deserialize(serde::de::value::StrDeserializer::<serde::de::value::Error>::new(value))
                .map_err(|error| error.to_string())
        }
        let result = match name {
            "debounce" => once(&mut self.debounce, duration::parse(value)),
            "durability" => once(&mut self.durability, word(value)),
            "on_invalid" => once(&mut self.on_invalid, word(value)),
            "on_external_change" => once(&mut self.on_external_change, word(value)),
            "on_newer" => once(&mut self.on_newer, word(value)),
            "preserve_unknown" => once(&mut self.preserve_unknown, truth(value)),
            "read_only" => once(&mut self.read_only, truth(value)),
            "max_file_bytes" => once(&mut self.max_file_bytes, number(value)),
            "flush_attempts" => once(&mut self.flush_attempts, number(value)),
            "drop_timeout" => once(&mut self.drop_timeout, duration::parse(value)),
            _ => Err(
                "there is no such option; the options are debounce, durability, on_invalid, \
                      on_newer, preserve_unknown, on_external_change, read_only, max_file_bytes, flush_attempts, drop_timeout"
                    .to_owned(),
            ),
        };
        result.map_err(|message| {
            Error::new(
                ErrorKind::Config,
                format!("the option {name:?} of the URL: {message}"),
            )
        })
    }
}

impl TryFrom<&str> for StoreConfig {
    type Error = Error;

    fn try_from(url: &str) -> Result<Self> {
        Ok(Self::new(url))
    }
}

impl TryFrom<String> for StoreConfig {
    type Error = Error;

    fn try_from(url: String) -> Result<Self> {
        Ok(Self::new(url))
    }
}

impl TryFrom<&String> for StoreConfig {
    type Error = Error;

    fn try_from(url: &String) -> Result<Self> {
        Ok(Self::new(url))
    }
}
