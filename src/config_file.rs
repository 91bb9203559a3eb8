//! The text of a configuration file.
//!
//! Owns reading it, not beyond a size at which it is something else, and telling TOML from JSON. What
//! its keys mean is `config.rs`.

use std::io::Read;
use std::path::Path;

use crate::{Error, ErrorKind, Result, StoreConfig};

/// A configuration file above this size is something else.
const MAX_CONFIG_BYTES: u64 = 1 << 20;

/// What a configuration file says, word for word: paths are as they stand there.
pub(crate) fn read(path: &Path) -> Result<StoreConfig> {
    let text = read_bounded(path, MAX_CONFIG_BYTES)?;
    parse(path, &text).map_err(|error| error.with_path(path))
}

/// Reads a file that must not be large.
pub(crate) fn read_bounded(path: &Path, max: u64) -> Result<String> {
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
