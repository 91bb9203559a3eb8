//! The structure of a store file that is valid JSON: root, header fields, and the elements of the
//! list of records.
//!
//! It owns the careful but unforgiving reading, of any layout. At the first byte that is wrong it
//! stops and says how far it got; what can still be saved is for `salvage`.

use crate::cursor::{Broken, Bytes};
use crate::scan::Span;

/// What a file starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Root {
    Array,
    Object,
    Other,
}

/// How far the reading got.
#[derive(Debug)]
pub(crate) struct Outline {
    pub(crate) root: Root,
    /// The offset after the `[` of the first list of records.
    pub(crate) list: Option<usize>,
    pub(crate) records: Vec<Span>,
    pub(crate) format: Option<u64>,
    pub(crate) collection: Option<String>,
    pub(crate) version: Option<u64>,
    /// How many different keys of our header and trailer the object has.
    pub(crate) known_keys: usize,
    /// Whether the object has members that we never write, or one of ours twice.
    pub(crate) foreign_keys: bool,
    pub(crate) has_digest: bool,
    /// Where it is no longer JSON, if it is not.
    pub(crate) broken: Option<Broken>,
}

/// Every key that we write around the records.
pub(crate) const KEYS: [&str; 5] = ["larder", "collection", "version", "records", "digest"];

/// Reads a file from `start` to its end.
pub(crate) fn outline(bytes: Bytes<'_>, start: usize) -> Outline {
    let at = bytes.skip_space(start, bytes.len());
    let mut outline = Outline {
        root: match bytes.at(at) {
            Some(b'[') => Root::Array,
            Some(b'{') => Root::Object,
            _ => Root::Other,
        },
        list: None,
        records: Vec::new(),
        format: None,
        collection: None,
        version: None,
        known_keys: 0,
        foreign_keys: false,
        has_digest: false,
        broken: None,
    };
    let end = match outline.root {
        Root::Array => {
            outline.list = Some(at + 1);
            elements(bytes, at + 1, &mut outline.records)
        }
        Root::Object => outline.object(bytes, at + 1),
        Root::Other => bytes.value(at, bytes.len()),
    };
    outline.broken = end.and_then(|end| at_end(bytes, end)).err();
    outline
}

/// Reads the elements of an array after its `[`, up to and including its `]`. What was read
/// before an error is in `records`.
pub(crate) fn elements(
    bytes: Bytes<'_>,
    start: usize,
    records: &mut Vec<Span>,
) -> Result<usize, Broken> {
    let len = bytes.len();
    let mut at = bytes.skip_space(start, len);
    if bytes.at(at) == Some(b']') {
        return Ok(at + 1);
    }
    loop {
        let end = bytes.value(at, len)?;
        records.push(Span {
            start: at,
            end,
            line: 0,
            ordinal: records.len(),
        });
        at = bytes.skip_space(end, len);
        match bytes.at(at) {
            Some(b',') => at = bytes.skip_space(at + 1, len),
            Some(b']') => return Ok(at + 1),
            _ => return Err(expected(bytes, at, "expected `,` or `]`")),
        }
    }
}

/// Whether a file closes as it should from `at`, which is at the `]` of the list of records.
pub(crate) fn closes(bytes: Bytes<'_>, at: usize, root: Root) -> Result<(), Broken> {
    let len = bytes.len();
    let mut at = bytes.skip_space(at + 1, len);
    if root == Root::Object {
        while bytes.at(at) == Some(b',') {
            at = bytes.skip_space(at + 1, len);
            let colon = bytes.skip_space(key(bytes, at)?, len);
            at = colon_value(bytes, colon)?.1;
            at = bytes.skip_space(at, len);
        }
        if bytes.at(at) != Some(b'}') {
            return Err(expected(bytes, at, "expected `,` or `}`"));
        }
        at += 1;
    }
    at_end(bytes, at)
}

fn at_end(bytes: Bytes<'_>, at: usize) -> Result<(), Broken> {
    let at = bytes.skip_space(at, bytes.len());
    if at == bytes.len() {
        Ok(())
    } else {
        Err(expected(bytes, at, "text after the end"))
    }
}

fn expected(bytes: Bytes<'_>, at: usize, what: &str) -> Broken {
    Broken {
        at,
        eof: at >= bytes.len(),
        message: what.to_owned(),
    }
}

/// The end of the string that must start at `at`.
fn key(bytes: Bytes<'_>, at: usize) -> Result<usize, Broken> {
    if bytes.at(at) != Some(b'"') {
        return Err(expected(bytes, at, "expected a key"));
    }
    bytes.value(at, bytes.len())
}

/// Start and end of the value after the colon that must be at `at`.
fn colon_value(bytes: Bytes<'_>, at: usize) -> Result<(usize, usize), Broken> {
    if bytes.at(at) != Some(b':') {
        return Err(expected(bytes, at, "expected `:`"));
    }
    let start = bytes.skip_space(at + 1, bytes.len());
    Ok((start, bytes.value(start, bytes.len())?))
}

impl Outline {
    fn object(&mut self, bytes: Bytes<'_>, start: usize) -> Result<usize, Broken> {
        let len = bytes.len();
        let mut seen = [false; KEYS.len()];
        let mut at = bytes.skip_space(start, len);
        if bytes.at(at) == Some(b'}') {
            return Ok(at + 1);
        }
        loop {
            let end = key(bytes, at)?;
            // A key that is spelt with escapes or is not UTF-8 is simply none of ours.
            let name = bytes.slice(at + 1, end.saturating_sub(1));
            let known = seen
                .iter_mut()
                .zip(KEYS)
                .find(|(_, known)| name == known.as_bytes());
            match known {
                Some((seen, _)) if !*seen => {
                    *seen = true;
                    self.known_keys += 1;
                }
                _ => self.foreign_keys = true,
            }
            let colon = bytes.skip_space(end, len);
            let value = bytes.skip_space(colon + 1, len);
            let is_list = bytes.at(colon) == Some(b':') && bytes.at(value) == Some(b'[');
            at = if name == b"records" && is_list {
                self.list.get_or_insert(value + 1);
                elements(bytes, value + 1, &mut self.records)?
            } else {
                let (start, end) = colon_value(bytes, colon)?;
                let value = bytes.slice(start, end);
                match name {
                    b"larder" => self.format = serde_json::from_slice(value).ok(),
                    b"collection" => self.collection = serde_json::from_slice(value).ok(),
                    b"version" => self.version = serde_json::from_slice(value).ok(),
                    b"digest" => self.has_digest = true,
                    _ => {}
                }
                end
            };
            at = bytes.skip_space(at, len);
            match bytes.at(at) {
                Some(b',') => at = bytes.skip_space(at + 1, len),
                Some(b'}') => return Ok(at + 1),
                _ => return Err(expected(bytes, at, "expected `,` or `}`")),
            }
        }
    }
}
