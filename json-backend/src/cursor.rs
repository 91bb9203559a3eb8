//! Walking over the bytes of a store file: white space, lines, and where one JSON value ends.
//!
//! It owns offsets and nothing else. It does not know what a record, a header or damage is. Every
//! walk is bounded by an `end`, and none of them recurses, so no file is too deep.

use serde::de::IgnoredAny;

/// The bytes of a file, with access that cannot go out of bounds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

/// Why no value could be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    /// Where reading failed.
    pub(crate) at: usize,
    /// Whether everything up to the end was fine and only the rest is missing.
    pub(crate) eof: bool,
    /// What was expected. It holds nothing of the file.
    pub(crate) message: String,
}

impl<'a> Bytes<'a> {
    pub(crate) fn len(self) -> usize {
        self.0.len()
    }

    pub(crate) fn at(self, offset: usize) -> Option<u8> {
        self.0.get(offset).copied()
    }

    /// The bytes of a range, or as many as there are.
    pub(crate) fn slice(self, start: usize, end: usize) -> &'a [u8] {
        self.0.get(start..end.min(self.0.len())).unwrap_or_default()
    }

    pub(crate) fn starts_with(self, offset: usize, prefix: &[u8]) -> bool {
        self.slice(offset, self.len()).starts_with(prefix)
    }

    /// The first offset from `from` on that is no JSON white space, at most `end`.
    pub(crate) fn skip_space(self, from: usize, end: usize) -> usize {
        let rest = self.slice(from, end);
        from + rest
            .iter()
            .position(|b| !is_space(*b))
            .unwrap_or(rest.len())
    }

    /// The last byte before `offset` that is no white space, and where it is.
    pub(crate) fn last_before(self, offset: usize) -> Option<(usize, u8)> {
        let at = self.slice(0, offset).iter().rposition(|b| !is_space(*b))?;
        Some((at, self.at(at)?))
    }

    /// Where the line that holds `offset` starts.
    pub(crate) fn line_start(self, offset: usize) -> usize {
        memchr::memrchr(b'\n', self.slice(0, offset)).map_or(0, |at| at + 1)
    }

    /// Where the line that holds `offset` ends (before its newline), at most `end`.
    pub(crate) fn line_end(self, offset: usize, end: usize) -> usize {
        let rest = self.slice(offset, end);
        offset + memchr::memchr(b'\n', rest).unwrap_or(rest.len())
    }

    /// Where the JSON value that starts at `start` ends. The value is checked completely, except
    /// that its strings may hold bytes that are not UTF-8.
    pub(crate) fn value(self, start: usize, end: usize) -> Result<usize, Broken> {
        let slice = self.slice(start, end);
        let mut values = serde_json::Deserializer::from_slice(slice).into_iter::<IgnoredAny>();
        match values.next() {
            Some(Ok(IgnoredAny)) => Ok(start + values.byte_offset()),
            Some(Err(error)) => {
                let at = position(slice, error.line(), error.column());
                // A number that is cut off is an invalid number to the parser.
                let is_cut = at + 1 >= slice.len()
                    && matches!(slice.last(), Some(b'-' | b'+' | b'.' | b'e' | b'E'));
                let eof = error.is_eof() || is_cut;
                let at = if eof { slice.len() } else { at };
                let text = error.to_string();
                // The position is relative to the slice, and ours is reported instead.
                let what = text
                    .rsplit_once(" at line ")
                    .map_or(text.as_str(), |(what, _)| what);
                Err(Broken {
                    at: start + at,
                    eof,
                    message: what.to_owned(),
                })
            }
            None => Err(Broken {
                at: start + slice.len(),
                eof: true,
                message: "EOF where a value should be".to_owned(),
            }),
        }
    }

    /// Whether the string that ends at `end` is the key of a member: a colon follows it.
    pub(crate) fn is_key(self, start: usize, end: usize, limit: usize) -> bool {
        self.at(start) == Some(b'"') && self.at(self.skip_space(end, limit)) == Some(b':')
    }
}

pub(crate) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// The offset of a one-based line and column, as `serde_json` counts them: in bytes.
fn position(slice: &[u8], line: usize, column: usize) -> usize {
    let start = match line.checked_sub(2) {
        None => 0,
        Some(nth) => memchr::memchr_iter(b'\n', slice)
            .nth(nth)
            .map_or(0, |at| at + 1),
    };
    // Column 0 is the newline before the line.
    (start + column).saturating_sub(1).min(slice.len())
}

/// Counts lines and columns of offsets that only grow, so that no byte is counted twice.
#[derive(Debug)]
pub(crate) struct Lines<'a> {
    bytes: Bytes<'a>,
    line: usize,
    /// Characters of this line before `seen`.
    characters: usize,
    seen: usize,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(bytes: Bytes<'a>) -> Self {
        // A byte order mark is no character.
        let seen = if bytes.starts_with(0, b"\xEF\xBB\xBF") {
            3
        } else {
            0
        };
        Self {
            bytes,
            line: 1,
            characters: 0,
            seen,
        }
    }

    /// The one-based line of `offset`, which must not be before that of the last call, and its
    /// one-based column in characters. A byte that belongs to no character counts as part of the
    /// one before it.
    pub(crate) fn position(&mut self, offset: usize) -> (usize, usize) {
        let passed = self.bytes.slice(self.seen, offset);
        let rest = match memchr::memrchr(b'\n', passed) {
            Some(last) => {
                self.line += memchr::memchr_iter(b'\n', passed).count();
                self.characters = 0;
                passed.get(last + 1..).unwrap_or_default()
            }
            None => passed,
        };
        self.characters += rest.iter().filter(|byte| **byte & 0xC0 != 0x80).count();
        self.seen = self.seen.max(offset);
        (self.line, self.characters + 1)
    }
}
