//! The configuration of a store, from a file, a URL or code.
//!
//! Owns [`StoreConfig`]: strict, so that a misspelt key is an error and not a default. What the
//! settings mean is [`Options`]; which backend a URL names is `url.rs`.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::url::{Place, StoreUrl};
use crate::{
    Collection, Document, Durability, Error, ErrorKind, OnExternalChange, OnInvalid, Options,
    Result, duration,
};

/// A configuration file above this size is something else.
const MAX_CONFIG_BYTES: u64 = 1 << 20;
/// So is a schema above this one.
const MAX_SCHEMA_BYTES: u64 = 16 << 20;

/// The configuration of a store.
///
/// As a `larder.toml`, or any other format that serde reads:
///
/// ```toml
/// url        = "json:./data"      # or memory:
/// debounce   = "1s"
/// durability = "power-loss"       # or "process-crash": nothing is synced
/// on_invalid = "drop"             # or "reject"
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
    /// Which backend, and where: `json:./data`, `memory:`.
    pub url: String,
    /// How long a write that nobody waits for may stay in memory; default 1 s. See
    /// [`Options::debounce`].
    #[serde(default, with = "duration", skip_serializing_if = "Option::is_none")]
    pub debounce: Option<Duration>,
    /// What an acknowledged write survives; default `power-loss`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub durability: Option<Durability>,
    /// What happens to invalid records; default `drop`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_invalid: Option<OnInvalid>,
    /// What happens when someone else changed a file; default `keep-copy`.
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

/// A collection that is known at run time only.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct CollectionConfig {
    /// Where the id stands: a field, or a JSON pointer; default `id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The version of the records' form; default 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// The JSON Schema: the path of a file (from a configuration file: relative to it).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<PathBuf>,
    /// Fields with a unique index; several in brackets for a compound one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unique: Vec<IndexConfig>,
    /// Fields with an index; several in brackets for a compound one, `tags[]` for one entry per
    /// element of a list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub indexes: Vec<IndexConfig>,
}

/// The field or fields of an index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "an index is a field, or a list of fields")]
pub enum IndexConfig {
    /// One field.
    Field(String),
    /// The fields of a compound index.
    Compound(Vec<String>),
}

impl CollectionConfig {
    /// The collection of this name that is described here.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if the schema cannot be read.
    pub fn collection(&self, name: &str) -> Result<Collection<Document>> {
        let mut collection = Collection::named(name);
        if let Some(id) = &self.id {
            collection = collection.id(id);
        }
        if let Some(version) = self.version {
            collection = collection.with_version(version);
        }
        if let Some(path) = &self.schema {
            let text = read_bounded(path, MAX_SCHEMA_BYTES)?;
            let schema: Value = serde_json::from_str(&text).map_err(|error| {
                Error::new(ErrorKind::Config, "the schema is not JSON")
                    .with_path(path)
                    .with_source(error)
            })?;
            collection = collection.schema(schema);
        }
        for index in &self.unique {
            collection = match index {
                IndexConfig::Field(field) => collection.unique(field),
                IndexConfig::Compound(fields) => collection.compound_unique(&borrowed(fields)),
            };
        }
        for index in &self.indexes {
            collection = match index {
                IndexConfig::Field(field) => match field.strip_suffix("[]") {
                    Some(list) => collection.multi(list),
                    None => collection.index(field),
                },
                IndexConfig::Compound(fields) => collection.compound(&borrowed(fields)),
            };
        }
        Ok(collection)
    }
}

fn borrowed(fields: &[String]) -> Vec<&str> {
    fields.iter().map(String::as_str).collect()
}

/// Reads a file that must not be large.
fn read_bounded(path: &Path, max: u64) -> Result<String> {
    let fail = |error: std::io::Error| {
        Error::new(ErrorKind::Config, "the file cannot be read")
            .with_path(path)
            .with_source(error)
    };
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(fail)?;
    file.take(max + 1).read_to_string(&mut text).map_err(fail)?;
    if text.len() as u64 > max {
        return Err(Error::new(
            ErrorKind::Config,
            format!("the file is larger than {max} bytes; this is not what was meant"),
        )
        .with_path(path));
    }
    Ok(text)
}

impl StoreConfig {
    /// The configuration with this URL and defaults for all else.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            ..Self::default()
        }
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
    #[must_use]
    pub fn on_invalid(mut self, on_invalid: OnInvalid) -> Self {
        self.on_invalid = Some(on_invalid);
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
    /// Paths of schemas are relative to the file, and so is a relative path in the URL.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] with the file's path, and the place and the known keys where a key
    /// is unknown. A file over 1 MB is refused.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = read_bounded(path, MAX_CONFIG_BYTES)?;
        let mut config = parse(path, &text).map_err(|error| error.with_path(path))?;
        let base = path.parent().unwrap_or(Path::new(""));
        for collection in config.collections.values_mut() {
            if let Some(schema) = &mut collection.schema {
                *schema = base.join(&*schema);
            }
        }
        config.rebase(base)?;
        Ok(config)
    }

    /// Makes a relative path of the URL relative to a directory.
    fn rebase(&mut self, base: &Path) -> Result<()> {
        let url = StoreUrl::parse(&self.url)?;
        let Place::Json(dir) = url.place else {
            return Ok(());
        };
        if Path::new(&dir).is_absolute() {
            return Ok(());
        }
        let joined = base.join(dir);
        let joined = joined.to_str().ok_or_else(|| {
            Error::new(ErrorKind::Config, "the path is not UTF-8").with_path(&joined)
        })?;
        let options = self
            .url
            .split_once('?')
            .map(|(_, options)| options.to_owned());
        self.url = format!("json:{}", joined.replace('%', "%25").replace('?', "%3F"));
        if let Some(options) = options {
            self.url = format!("{}?{options}", self.url);
        }
        Ok(())
    }

    /// The place and the options, with those that stand in the URL.
    pub(crate) fn resolve(
        mut self,
    ) -> Result<(Place, Options, BTreeMap<String, CollectionConfig>)> {
        let url = StoreUrl::parse(&self.url)?;
        for (name, value) in &url.options {
            self.set(name, value)?;
        }
        let default = Options::default();
        let options = Options {
            debounce: self.debounce.unwrap_or(default.debounce),
            durability: self.durability.unwrap_or(default.durability),
            on_invalid: self.on_invalid.unwrap_or(default.on_invalid),
            on_external_change: self
                .on_external_change
                .unwrap_or(default.on_external_change),
            read_only: self.read_only.unwrap_or(default.read_only),
            max_file_bytes: self.max_file_bytes.unwrap_or(default.max_file_bytes),
            flush_attempts: self.flush_attempts.unwrap_or(default.flush_attempts),
            drop_timeout: self.drop_timeout.unwrap_or(default.drop_timeout),
        };
        Ok((url.place, options, self.collections))
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
            "read_only" => once(
                &mut self.read_only,
                value.parse().map_err(|_| "write true or false".to_owned()),
            ),
            "max_file_bytes" => once(&mut self.max_file_bytes, number(value)),
            "flush_attempts" => once(&mut self.flush_attempts, number(value)),
            "drop_timeout" => once(&mut self.drop_timeout, duration::parse(value)),
            _ => Err(
                "there is no such option; the options are debounce, durability, on_invalid, \
                      on_external_change, read_only, max_file_bytes, flush_attempts, drop_timeout"
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

#[cfg(feature = "toml")]
fn parse(path: &Path, text: &str) -> Result<StoreConfig> {
    if path
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("toml"))
    {
        return toml::from_str(text)
            .map_err(|error| Error::new(ErrorKind::Config, error.to_string().trim().to_owned()));
    }
    parse_json(text)
}

#[cfg(not(feature = "toml"))]
fn parse(path: &Path, text: &str) -> Result<StoreConfig> {
    if path
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("toml"))
    {
        return Err(Error::new(
            ErrorKind::Config,
            "TOML is read by builds with the feature `toml` of the crate `larder`",
        ));
    }
    parse_json(text)
}

fn parse_json(text: &str) -> Result<StoreConfig> {
    serde_json::from_str(text).map_err(|error| Error::new(ErrorKind::Config, error.to_string()))
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
