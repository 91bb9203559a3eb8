//! Reading a store file: its shape, its header, the byte range of every record, and what is damaged.
//!
//! It owns finding records, not understanding them: the caller parses every span, and a span that
//! does not parse is that record's own problem. It reads bytes, so a file that is not UTF-8 loses
//! at most the records that are not.
//!
//! There are three ways through a file, each tried when the one before cannot be trusted:
//!
//! 1. The digest is right, so the file is ours byte for byte: it is split at its newlines.
//! 2. It is valid JSON of our shapes, however laid out (`outline`): its elements are the records.
//! 3. It is broken: `salvage` finds every record that is still whole.

use crate::cursor::{Bytes, Lines, is_space};
use crate::format::{self, Shape};
use crate::outline::{KEYS, Outline, Root, outline};
use crate::salvage::{Region, salvage};
use crate::style::array_style;

#[path = "scan_seal.rs"]
mod seal;

use seal::{Trailer, lines, own_header, proven_header};

/// How much of the start of a file is looked at to recognise a damaged header.
const HEADER_WINDOW: usize = 4096;

/// What the store that is opened expects to find.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected<'a> {
    pub(crate) collection: &'a str,
    pub(crate) version: u64,
}

/// Where one element of the list of records is, without white space and comma around it. It may
/// be any JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// One-based line of `start`.
    pub(crate) line: usize,
    /// Position in the list, from 0; each damaged region before it that may have held a record
    /// counts as one.
    pub(crate) ordinal: usize,
}

/// A part of the file that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Damage {
    /// The bytes that belong to no record: those to be kept in quarantine. May be empty, where
    /// something is missing.
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Where the text is wrong, or where it ends too early: within `start..=end`.
    pub(crate) offset: usize,
    /// One-based line of `offset`.
    pub(crate) line: usize,
    /// One-based column of `offset`, in characters.
    pub(crate) column: usize,
    /// Whether a record may have been lost here, and not only punctuation or part of the header.
    pub(crate) lost: bool,
    /// What is wrong; never a piece of the file.
    pub(crate) message: String,
}

/// The first line of an envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) format: u64,
    pub(crate) collection: String,
    pub(crate) version: u64,
}

/// Whether the digest vouches for the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DigestState {
    /// The file is byte for byte as we wrote it.
    Ok,
    /// An envelope without a digest.
    Missing,
    /// At least one byte is not as we wrote it: damage, or somebody's edit.
    Mismatch,
    /// A bare array has none.
    NotApplicable,
}

/// What sort of file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A store file, perhaps damaged.
    Store,
    /// Nothing but white space or NUL bytes, as a power cut may leave it: there is one damage, and
    /// no record.
    Blank,
    /// Another program's: neither shape is recognised. Not to be written over.
    Unrecognised,
}

/// What is in a file.
#[derive(Clone, Debug)]
pub(crate) struct Scan {
    pub(crate) shape: Shape,
    /// `None` in an array, and where an envelope's header cannot be read or trusted.
    pub(crate) header: Option<Header>,
    /// Whether the header's bytes are damaged. If `header` is given nevertheless, the digest
    /// proves that it is the header which was written.
    pub(crate) header_damaged: bool,
    /// In the order of the file.
    pub(crate) records: Vec<Span>,
    /// In the order of the file.
    pub(crate) damage: Vec<Damage>,
    pub(crate) digest: DigestState,
    pub(crate) kind: Kind,
    /// Whether the file starts with a byte order mark.
    pub(crate) bom: bool,
    /// The format and the version that the file says, also where the rest of its header cannot be
    /// read: a newer file must not be taken for one of ours.
    pub(crate) says: (Option<u64>, Option<u64>),
    /// Whether the object holds more than we write, or less of a header: a rewrite would lose what
    /// no record holds.
    pub(crate) odd: bool,
}

/// Finds everything in a file. It takes any bytes, and time in proportion to their number.
pub(crate) fn scan(file: &[u8], expect: &Expected<'_>) -> Scan {
    let bytes = Bytes(file);
    if file.iter().all(|byte| is_space(*byte) || *byte == 0) {
        return blank(file.len());
    }
    let trailer = Trailer::find(bytes);
    let intact = trailer
        .as_ref()
        .is_some_and(|trailer| trailer.vouches_for(bytes));
    if let Some(trailer) = &trailer {
        let found = if intact {
            own_header(bytes)
        } else {
            proven_header(bytes, trailer, expect)
        };
        if let Some((header, start)) = found
            && let Some(records) = lines(bytes, start, trailer.list_end)
        {
            return of_lines(bytes, header, start, records, intact);
        }
    }
    let bom = bytes.starts_with(0, b"\xEF\xBB\xBF");
    let start = if bom { 3 } else { 0 };
    let outline = outline(bytes, start);
    let mut scan = general(bytes, start, outline, expect);
    scan.bom = bom;
    if intact {
        scan.digest = DigestState::Ok;
    }
    scan
}

fn blank(len: usize) -> Scan {
    let what = if len == 0 {
        "the file is empty"
    } else {
        "the file holds only blanks"
    };
    Scan {
        shape: Shape::Envelope,
        header: None,
        header_damaged: false,
        records: Vec::new(),
        damage: vec![Damage {
            start: 0,
            end: len,
            offset: 0,
            line: 1,
            column: 1,
            lost: true,
            message: what.to_owned(),
        }],
        digest: DigestState::Missing,
        kind: Kind::Blank,
        bom: false,
        says: (None, None),
        odd: false,
    }
}

fn of_lines(
    bytes: Bytes<'_>,
    header: Header,
    start: usize,
    records: Vec<Span>,
    intact: bool,
) -> Scan {
    let mut damage = Vec::new();
    if !intact {
        let written = format::header(header.format, &header.collection, header.version);
        let at = written
            .bytes()
            .zip(bytes.slice(0, start))
            .position(|(a, b)| a != *b)
            .unwrap_or(0);
        damage.push(Region {
            start: 0,
            end: start,
            at,
            lost: false,
            message: "the header is damaged; the digest proves what it was".to_owned(),
        });
    }
    Scan {
        shape: Shape::Envelope,
        says: (Some(header.format), Some(header.version)),
        odd: false,
        header: Some(header),
        header_damaged: !intact,
        records,
        damage: place_damage(bytes, damage),
        digest: if intact {
            DigestState::Ok
        } else {
            DigestState::Mismatch
        },
        kind: Kind::Store,
        bom: false,
    }
}

/// What a file is, as far as its first bytes tell.
fn shape_of(bytes: Bytes<'_>, start: usize, outline: &Outline, expect: &Expected<'_>) -> Root {
    let window = bytes.slice(start, start + HEADER_WINDOW);
    if outline.root == Root::Array {
        let next = outline
            .list
            .map_or(start, |list| bytes.skip_space(list, bytes.len()));
        // The first byte of an envelope may be flipped to a bracket.
        if !bytes.starts_with(next, b"\"larder\"") {
            let object = bytes.at(next) == Some(b'{')
                && matches!(
                    bytes.at(bytes.skip_space(next + 1, bytes.len())),
                    None | Some(b'"' | b'}')
                );
            let plain = matches!(bytes.at(next), None | Some(b']'));
            let known = outline.broken.is_none() || object || plain;
            return if known { Root::Array } else { Root::Other };
        }
    }
    let head = memchr::memchr(b'\n', window)
        .and_then(|end| window.get(..end))
        .unwrap_or(window);
    let written = format::header(format::FORMAT, expect.collection, expect.version);
    // Sound JSON is ours only if it says so: other programs have a `version` and `records`, too.
    let is_own = match &outline.broken {
        None => outline.format.is_some() || (outline.known_keys >= 3 && outline.has_digest),
        Some(_) => {
            outline.known_keys >= 2
                || count_keys(head) >= 2
                || written
                    .as_bytes()
                    .starts_with(bytes.slice(start, bytes.len()))
        }
    };
    if is_own { Root::Object } else { Root::Other }
}

fn count_keys(head: &[u8]) -> usize {
    KEYS.iter()
        .filter(|key| memchr::memmem::find(head, format!("\"{key}\":").as_bytes()).is_some())
        .count()
}

fn general(bytes: Bytes<'_>, start: usize, outline: Outline, expect: &Expected<'_>) -> Scan {
    let is_valid = outline.broken.is_none();
    let mut root = shape_of(bytes, start, &outline, expect);
    let is_sound = is_valid && (root == Root::Array || outline.list.is_some());
    let Outline {
        root: seems,
        list,
        format,
        collection,
        version,
        has_digest,
        foreign_keys,
        ..
    } = outline;
    let mut list_start = list;
    let (mut records, mut damage, mut unrecognised) = (outline.records, Vec::new(), false);
    if root == Root::Other && is_valid {
        // A JSON document of another program.
        unrecognised = true;
        records.clear();
    } else if !is_sound {
        // A list that was found while the file seemed to be something else is no list.
        let list = if seems == Root::Array && root != Root::Object || seems == root {
            list
        } else {
            None
        };
        let saved = salvage(bytes, start, list, root);
        unrecognised = saved.root == Root::Other;
        root = saved.root;
        list_start = saved.list;
        (records, damage) = (saved.records, saved.damage);
    }
    let is_array = root == Root::Array;
    let header = match (format, collection, version) {
        (Some(format), Some(collection), Some(version)) if !is_array && !unrecognised => {
            Some(Header {
                format,
                collection,
                version,
            })
        }
        _ => None,
    };
    let tail = bytes.slice(bytes.len().saturating_sub(128), bytes.len());
    let digest = if is_array {
        DigestState::NotApplicable
    } else if has_digest || memchr::memmem::find(tail, b"\"xxh3:").is_some() {
        DigestState::Mismatch
    } else {
        DigestState::Missing
    };
    place_records(bytes, &mut records);
    Scan {
        shape: if is_array {
            Shape::Array(array_style(bytes, list_start.unwrap_or(start), &records))
        } else {
            Shape::Envelope
        },
        odd: !is_array && (foreign_keys || header.is_none()),
        says: if is_array {
            (None, None)
        } else {
            (format, version)
        },
        header_damaged: !is_array && !unrecognised && header.is_none(),
        header,
        damage: place_damage(bytes, damage),
        records,
        digest,
        kind: if unrecognised {
            Kind::Unrecognised
        } else {
            Kind::Store
        },
        bom: false,
    }
}

/// Fills in the lines of records.
fn place_records(bytes: Bytes<'_>, records: &mut [Span]) {
    let mut lines = Lines::new(bytes);
    for record in records {
        record.line = lines.position(record.start).0;
    }
}

/// Fills in the lines and columns of damage.
fn place_damage(bytes: Bytes<'_>, regions: Vec<Region>) -> Vec<Damage> {
    let mut lines = Lines::new(bytes);
    regions
        .into_iter()
        .map(
            |Region {
                 start,
                 end,
                 at,
                 lost,
                 message,
             }| {
                let offset = at.clamp(start, end);
                let (line, column) = lines.position(offset);
                Damage {
                    start,
                    end,
                    offset,
                    line,
                    column,
                    lost,
                    message,
                }
            },
        )
        .collect()
}

#[cfg(test)]
#[path = "scan_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "scan_cases_tests.rs"]
mod cases;
