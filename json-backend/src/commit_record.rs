//! The commit record: the small file that says which new contents belong together.
//!
//! It owns the record's form, and which names may stand in it. It does not own when a record is
//! written (see `commit`) nor what is done about one that is found (see `recover`).
//!
//! ```text
//! {"larder":1,"files":[
//! {"temp":".larder-x.tmp","target":"notes.json","bytes":93,"digest":"xxh3:5d1c..."},
//! ...
//! ],"digest":"xxh3:9b2e..."}
//! ```
//!
//! Names are relative to the store's directory where they are in it, else absolute. The digest at the
//! end is of the record itself, as in a store file: a flipped byte in the name of a temp file must not
//! make it look as if that file had been moved into place already.

use std::fmt::Write as _;
use std::io;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::disk::{DiskError, is_temp_name, parent_of};
use crate::error::JsonError;
use crate::format::{DIGITS, TRAILER, TRAILER_END};

/// The name of the record in a store directory.
pub(crate) const COMMIT_FILE: &str = "larder.commit";

/// The version of the record's form.
const FORMAT: u64 = 1;

/// What stands before the digits of a digest.
const DIGEST: &str = "xxh3:";

/// One new content, and where it belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Where the new content is, until it is moved.
    pub(crate) temp: PathBuf,
    /// What it replaces; in the same directory.
    pub(crate) target: PathBuf,
    /// Its length.
    pub(crate) bytes: u64,
    /// The XXH3-64 of all its bytes.
    pub(crate) digest: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    temp: String,
    target: String,
    bytes: u64,
    digest: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Whole {
    #[serde(rename = "larder")]
    _larder: u64,
    files: Vec<Line>,
    #[serde(rename = "digest")]
    _digest: String,
}

/// The text of a record.
///
/// # Errors
/// If a name is not UTF-8, which JSON cannot hold: then such files cannot be replaced as one.
pub(crate) fn text(dir: &Path, entries: &[Entry]) -> Result<String, DiskError> {
    let mut text = format!("{{\"larder\":{FORMAT},\"files\":[\n");
    for (number, entry) in entries.iter().enumerate() {
        let line = Line {
            temp: name_of(dir, &entry.temp)?,
            target: name_of(dir, &entry.target)?,
            bytes: entry.bytes,
            digest: format!("{DIGEST}{:016x}", entry.digest),
        };
        text.push_str(if number == 0 { "" } else { ",\n" });
        // Plain strings and a number: it cannot fail to be written.
        let _ = write!(text, "{}", serde_json::json!(line));
    }
    text.push('\n');
    text.push_str(TRAILER);
    let digest = xxh3_64(text.as_bytes());
    let _ = write!(text, "{digest:016x}{TRAILER_END}");
    Ok(text)
}

/// What a record says. Every temp has the name of one of ours and is beside its target.
///
/// # Errors
/// [`JsonError::NewerFormat`], or [`JsonError::OddCommit`] for everything that [`text`] does not write.
pub(crate) fn parse(dir: &Path, path: &Path, bytes: &[u8]) -> Result<Vec<Entry>, JsonError> {
    let odd = |reason: &str| JsonError::OddCommit {
        path: path.to_owned(),
        reason: reason.to_owned(),
    };
    let value: serde_json::Value =
        serde_json::from_slice(bytes).map_err(|_| odd("it is no JSON"))?;
    match value.get("larder").and_then(serde_json::Value::as_u64) {
        Some(FORMAT) => {}
        Some(found) if found > FORMAT => {
            return Err(JsonError::NewerFormat {
                path: path.to_owned(),
                found,
            });
        }
        _ => return Err(odd("it does not say its format")),
    }
    if !is_sealed(bytes) {
        return Err(odd("its digest does not match"));
    }
    let whole: Whole =
        serde_json::from_value(value).map_err(|_| odd("it does not have the form of one"))?;
    whole
        .files
        .into_iter()
        .map(|line| {
            let digest = line
                .digest
                .strip_prefix(DIGEST)
                .and_then(|digits| u64::from_str_radix(digits, 16).ok());
            let entry = Entry {
                temp: place_of(dir, &line.temp).ok_or_else(|| odd("a name leads elsewhere"))?,
                target: place_of(dir, &line.target).ok_or_else(|| odd("a name leads elsewhere"))?,
                bytes: line.bytes,
                digest: digest.ok_or_else(|| odd("a digest is none"))?,
            };
            // Whatever else is wrong: only what looks like ours is moved, and only over its neighbour.
            let is_ours = entry.temp.file_name().is_some_and(is_temp_name)
                && parent_of(&entry.temp) == parent_of(&entry.target);
            is_ours
                .then_some(entry)
                .ok_or_else(|| odd("it names a file that is no temp file beside its target"))
        })
        .collect()
}

/// Whether the record ends with the digest of all that is before it.
fn is_sealed(bytes: &[u8]) -> bool {
    let Some(rest) = bytes.strip_suffix(TRAILER_END.as_bytes()) else {
        return false;
    };
    let Some((sealed, digits)) = rest
        .len()
        .checked_sub(DIGITS)
        .and_then(|at| rest.split_at_checked(at))
    else {
        return false;
    };
    sealed.ends_with(TRAILER.as_bytes()) && digits == format!("{:016x}", xxh3_64(sealed)).as_bytes()
}

/// How a path is named in the record.
fn name_of(dir: &Path, path: &Path) -> Result<String, DiskError> {
    let name = within(dir, path).unwrap_or(path);
    name.to_str().map(ToOwned::to_owned).ok_or_else(|| {
        let source = io::Error::new(io::ErrorKind::InvalidData, "the name is not UTF-8");
        DiskError::new("name in a commit record", path, source)
    })
}

/// The name of a path relative to the directory, if it is in it.
pub(crate) fn within<'a>(dir: &Path, path: &'a Path) -> Option<&'a Path> {
    path.strip_prefix(dir).ok().filter(|rest| is_inside(rest))
}

/// Where a name of the record leads; `None` for one that [`name_of`] does not give.
fn place_of(dir: &Path, name: &str) -> Option<PathBuf> {
    let path = Path::new(name);
    (path.is_absolute() || is_inside(path)).then(|| dir.join(path))
}

/// Whether a relative path stays below where it begins.
fn is_inside(path: &Path) -> bool {
    path.components().next().is_some()
        && path
            .components()
            .all(|part| matches!(part, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> Vec<Entry> {
        ["/d/notes.json", "/elsewhere/zebras.json", "/d/sub/x.json"]
            .map(|target| Entry {
                temp: parent_of(Path::new(target)).join(".larder-abc.tmp"),
                target: target.into(),
                bytes: 7,
                digest: 0xab,
            })
            .into()
    }

    fn read(text: &[u8]) -> Result<Vec<Entry>, JsonError> {
        parse(Path::new("/d"), Path::new("/d/larder.commit"), text)
    }

    #[test]
    fn a_record_reads_as_it_was_written_with_names_relative_to_the_store() {
        let text = text(Path::new("/d"), &entries()).unwrap();
        assert!(text.contains("\"target\":\"notes.json\""), "{text}");
        assert!(
            text.contains("\"target\":\"/elsewhere/zebras.json\""),
            "{text}"
        );
        assert_eq!(read(text.as_bytes()).unwrap(), entries());
    }

    #[test]
    fn a_link_that_leads_out_of_the_directory_is_named_absolutely() {
        let out = Entry {
            temp: "/d/../e/.larder-abc.tmp".into(),
            target: "/d/../e/notes.json".into(),
            bytes: 0,
            digest: 0,
        };
        let text = text(Path::new("/d"), std::slice::from_ref(&out)).unwrap();
        assert!(text.contains("\"/d/../e/notes.json\""), "{text}");
        assert_eq!(read(text.as_bytes()).unwrap(), [out]);
    }

    #[test]
    fn no_flipped_bit_and_no_missing_byte_goes_unnoticed() {
        let text = text(Path::new("/d"), &entries()).unwrap().into_bytes();
        for at in 0..text.len() {
            for bit in 0..8 {
                let mut flipped = text.clone();
                flipped[at] ^= 1 << bit;
                assert!(read(&flipped).is_err(), "byte {at}, bit {bit}");
            }
            assert!(read(&text[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn a_newer_record_is_told_from_a_broken_one() {
        assert!(matches!(
            read(b"{\"larder\":2,\"other\":[]}"),
            Err(JsonError::NewerFormat { found: 2, .. })
        ));
        for odd in ["", "{}", "[]", "{\"larder\":1}", "{\"larder\":0}"] {
            assert!(matches!(
                read(odd.as_bytes()),
                Err(JsonError::OddCommit { .. })
            ));
        }
    }

    #[test]
    fn only_temp_files_of_ours_beside_their_targets_are_accepted() {
        for (temp, target) in [
            ("/d/.larder-a.tmp", "/e/a.json"),
            ("/d/secrets", "/d/a.json"),
            ("/d/sub/.larder-a.tmp", "/d/a.json"),
        ] {
            let entry = Entry {
                temp: temp.into(),
                target: target.into(),
                bytes: 0,
                digest: 0,
            };
            let text = text(Path::new("/d"), &[entry]).unwrap();
            assert!(read(text.as_bytes()).is_err(), "{temp} {target}");
        }
    }
}
