//! Store URLs: `json:./data?debounce=0s`, `sqlite:./data.db`, `memory:`.
//!
//! Owns [`StoreUrl`]: splitting a URL into a backend, a place and options. What the options mean is
//! `config.rs`; opening is `store.rs`.

use percent_encoding::percent_decode_str;

use crate::{Error, ErrorKind, Result};

/// The backends of this build, as they stand in a URL.
const SCHEMES: &str = "json:DIRECTORY, sqlite:FILE, memory:";

/// Which backend, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Nothing on disk.
    Memory,
    /// A directory of JSON files.
    Json(String),
    /// A database file.
    Sqlite(String),
}

/// A URL, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoreUrl {
    pub(crate) place: Place,
    pub(crate) options: Vec<(String, String)>,
}

fn refuse(message: String) -> Error {
    Error::new(ErrorKind::Config, message)
}

fn decode(text: &str) -> Result<String> {
    percent_decode_str(text)
        .decode_utf8()
        .map(Into::into)
        .map_err(|_| {
            refuse(format!(
                "{text:?} is not UTF-8 after its %-escapes are decoded"
            ))
        })
}

impl StoreUrl {
    /// Takes a URL apart. In the path `%3F` stands for a question mark and `%25` for a percent
    /// sign that is followed by two hexadecimal digits.
    pub(crate) fn parse(url: &str) -> Result<Self> {
        let (scheme, rest) = url.split_once(':').ok_or_else(|| {
            refuse(format!(
                "{url:?} is not a store URL; write one of: {SCHEMES}"
            ))
        })?;
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let place = match scheme {
            "json" if path.is_empty() => {
                return Err(refuse(
                    "json: needs a directory, such as json:./data".to_owned(),
                ));
            }
            "sqlite" if path.is_empty() => {
                return Err(refuse(
                    "sqlite: needs a file, such as sqlite:./data.db".to_owned(),
                ));
            }
            "json" | "sqlite" if path.starts_with("//") && !path.starts_with("///") => {
                return Err(refuse(format!(
                    "{url:?} names a host; write {scheme}:/path or {scheme}:./path"
                )));
            }
            "json" => Place::Json(decode(path.strip_prefix("//").unwrap_or(path))?),
            "sqlite" => Place::Sqlite(decode(path.strip_prefix("//").unwrap_or(path))?),
            "memory" if path.is_empty() => Place::Memory,
            "memory" => return Err(refuse("memory: takes no path".to_owned())),
            other => {
                return Err(refuse(format!(
                    "there is no backend {other:?} in this build; write one of: {SCHEMES}"
                )));
            }
        };
        let options = query
            .split('&')
            .filter(|option| !option.is_empty())
            .map(|option| {
                let (name, value) = option.split_once('=').ok_or_else(|| {
                    refuse(format!("the option {option:?} of the URL has no value"))
                })?;
                Ok((decode(name)?, decode(value)?))
            })
            .collect::<Result<_>>()?;
        Ok(Self { place, options })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_backend_a_place_and_options() {
        let url = StoreUrl::parse("json:./my%3Fdata?debounce=0s&read_only=true").unwrap();
        assert_eq!(url.place, Place::Json("./my?data".to_owned()));
        assert_eq!(url.options[0], ("debounce".to_owned(), "0s".to_owned()));
        assert_eq!(
            StoreUrl::parse("json:///abs").unwrap().place,
            Place::Json("/abs".to_owned())
        );
        assert_eq!(
            StoreUrl::parse("json:/100%").unwrap().place,
            Place::Json("/100%".to_owned())
        );
        assert_eq!(StoreUrl::parse("memory:").unwrap().place, Place::Memory);
        let url = StoreUrl::parse("sqlite:./my%3Fdata.db?debounce=0s").unwrap();
        assert_eq!(url.place, Place::Sqlite("./my?data.db".to_owned()));
        assert_eq!(url.options[0], ("debounce".to_owned(), "0s".to_owned()));
        assert_eq!(
            StoreUrl::parse("sqlite:///abs.db").unwrap().place,
            Place::Sqlite("/abs.db".to_owned())
        );
    }

    #[test]
    fn what_is_no_url_is_told_what_one_looks_like() {
        for (url, says) in [
            (
                "./data",
                "write one of: json:DIRECTORY, sqlite:FILE, memory:",
            ),
            ("mongo:x", "no backend \"mongo\""),
            ("json:", "needs a directory"),
            ("json://host/x", "names a host"),
            ("sqlite:", "needs a file"),
            ("sqlite://host/x.db", "write sqlite:/path or sqlite:./path"),
            ("sqlite:%ff", "not UTF-8"),
            ("memory:x", "takes no path"),
            ("json:x?debounce", "has no value"),
        ] {
            let error = StoreUrl::parse(url).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.to_string().contains(says), "{url}: {error}");
        }
    }
}
