//! What the digest at the end of an envelope proves: the file as it is, or its header.
//!
//! It owns checking the digest and the reading of files that are byte for byte in our own form.
//! `format` owns the rule of the digest.

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use crate::cursor::Bytes;
use crate::format::{self, DIGITS, TRAILER, TRAILER_END};
use crate::scan::{Expected, Header, Span};

/// How many schema versions above the expected one a damaged header is tried for.
const NEWER_VERSIONS: u64 = 16;

/// The closing line of an envelope, in exactly the form in which it is written.
#[derive(Debug)]
pub(super) struct Trailer {
    /// Where its `]` is.
    pub(super) list_end: usize,
    /// Where the digits are, which is the end of what is hashed.
    digits: usize,
    digest: u64,
}

impl Trailer {
    pub(super) fn find(bytes: Bytes<'_>) -> Option<Self> {
        let end = bytes.0.strip_suffix(TRAILER_END.as_bytes())?.len();
        let digits = end.checked_sub(DIGITS)?;
        let text = std::str::from_utf8(bytes.slice(digits, end)).ok()?;
        // One flipped bit makes a capital of a small letter, which must not pass.
        if !text
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        {
            return None;
        }
        let digest = u64::from_str_radix(text, 16).ok()?;
        let list_end = digits.checked_sub(TRAILER.len())?;
        bytes
            .starts_with(list_end, TRAILER.as_bytes())
            .then_some(Self {
                list_end,
                digits,
                digest,
            })
    }

    pub(super) fn vouches_for(&self, bytes: Bytes<'_>) -> bool {
        xxh3_64(bytes.slice(0, self.digits)) == self.digest
    }
}

/// The header line of a file that the digest vouches for, and where the records start.
pub(super) fn own_header(bytes: Bytes<'_>) -> Option<(Header, usize)> {
    let end = bytes.line_end(0, bytes.len()) + 1;
    let line = std::str::from_utf8(bytes.slice(0, end)).ok()?;
    // Only the exact form counts, and writing the header again is the simplest way to tell.
    let value: serde_json::Value = serde_json::from_str(&format!("{line}]}}")).ok()?;
    let header = Header {
        format: value.get("larder")?.as_u64()?,
        collection: value.get("collection")?.as_str()?.to_owned(),
        version: value.get("version")?.as_u64()?,
    };
    (format::header(header.format, &header.collection, header.version) == line)
        .then_some((header, end))
}

/// The header that was written, if that line alone is damaged: the digest is right with it in
/// place of what is found. So a flipped digit is never taken for another version.
pub(super) fn proven_header(
    bytes: Bytes<'_>,
    trailer: &Trailer,
    expect: &Expected<'_>,
) -> Option<(Header, usize)> {
    (0..=expect.version.saturating_add(NEWER_VERSIONS))
        .rev()
        .take(4096)
        .find_map(|version| {
            let text = format::header(format::FORMAT, expect.collection, version);
            let start = text.len();
            let found = bytes.slice(0, start);
            let wrong = text
                .bytes()
                .zip(found)
                .filter(|(ours, theirs)| ours != *theirs)
                .count();
            // Hashing the file for a header that has hardly a byte in common is a waste.
            if found.len() < start || start > trailer.list_end || wrong == 0 || wrong > start / 2 {
                return None;
            }
            let mut digest = Xxh3::new();
            digest.update(text.as_bytes());
            digest.update(bytes.slice(start, trailer.digits));
            let header = Header {
                format: format::FORMAT,
                collection: expect.collection.to_owned(),
                version,
            };
            (digest.digest() == trailer.digest).then_some((header, start))
        })
}

/// Splits the records of our own form at their newlines; `None` if a line is not of it.
pub(super) fn lines(bytes: Bytes<'_>, start: usize, end: usize) -> Option<Vec<Span>> {
    let mut records = Vec::new();
    let mut at = start;
    let mut more = true;
    for newline in memchr::memchr_iter(b'\n', bytes.slice(start, end)) {
        let newline = start + newline;
        let line = bytes.slice(at, newline);
        let (line, comma) = match line.strip_suffix(b",") {
            Some(line) => (line, true),
            None => (line, false),
        };
        if !more || line.len() < 2 || !line.starts_with(b"{") || !line.ends_with(b"}") {
            return None;
        }
        let ordinal = records.len();
        records.push(Span {
            start: at,
            end: at + line.len(),
            line: ordinal + 2,
            ordinal,
        });
        more = comma;
        at = newline + 1;
    }
    // The last record has no comma, and no list at all may not have one either.
    (at == end && (records.is_empty() || !more)).then_some(records)
}
