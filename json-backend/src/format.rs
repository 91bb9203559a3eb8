//! Writing a store file: the envelope with its digest, and the bare array in the style it was found.
//!
//! It owns every byte around the records. It does not own the records' text, nor where the bytes
//! go (see `publish`). `scan` reads what is written here; the constants keep the two in step.
//!
//! **The digest** is XXH3-64 (seed 0) over every byte of the file before the sixteen hexadecimal
//! digits, that is from the first `{` up to and including `],"digest":"xxh3:`. The digits are lower
//! case, and exactly `"}` and a newline follow them. So every byte of the file is either hashed,
//! a digit, or fixed: no flipped byte goes unnoticed.

use std::io::{self, Write};

use xxhash_rust::xxh3::Xxh3;

use larder_core::backend::{compact, indent};

/// The version of the envelope itself.
pub(crate) const FORMAT: u64 = 1;
/// What stands between the last record's line and the digits of the digest.
pub(crate) const TRAILER: &str = "],\"digest\":\"xxh3:";
/// What stands after the digits.
pub(crate) const TRAILER_END: &str = "\"}\n";
/// What stands between two records of an envelope.
pub(crate) const SEPARATOR: &str = ",\n";
/// As much of a long text is hashed and written at once.
const PIECE: usize = 1 << 20;
/// How many hexadecimal digits a digest has.
pub(crate) const DIGITS: usize = 16;

/// How the elements of a bare array are laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ArrayStyle {
    /// The white space before each element, if each starts on a line of its own; `None` if all
    /// stand on one line.
    pub(crate) prefix: Option<String>,
    /// One step of indentation inside a record, if records are pretty-printed; `None` if compact.
    pub(crate) unit: Option<String>,
    /// Whether a space follows the comma between elements on one line.
    pub(crate) spaced: bool,
    /// Whether the file ends with a newline.
    pub(crate) newline_at_end: bool,
    /// Whether lines end with `\r\n`.
    pub(crate) crlf: bool,
}

impl Default for ArrayStyle {
    /// As `JSON.stringify(records, null, 2)` writes it.
    fn default() -> Self {
        Self {
            prefix: Some("  ".to_owned()),
            unit: Some("  ".to_owned()),
            spaced: false,
            newline_at_end: false,
            crlf: false,
        }
    }
}

impl ArrayStyle {
    fn new_line(&self) -> &'static str {
        if self.crlf { "\r\n" } else { "\n" }
    }

    /// A record's JSON text as a new element is written in this style.
    fn lay_out(&self, text: &str) -> String {
        let Some(unit) = &self.unit else {
            return compact(text).into_owned();
        };
        let depth = match &self.prefix {
            Some(prefix) if !unit.is_empty() => prefix.len() / unit.len(),
            _ => 0,
        };
        let text = indent(text, unit, depth);
        if self.crlf {
            text.replace('\n', "\r\n")
        } else {
            text
        }
    }
}

/// The shape of a store file, which a rewrite keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Our own: header, one record per line, digest.
    Envelope,
    /// A bare array, as other programs write it.
    Array(ArrayStyle),
}

/// The first line of an envelope, with its newline.
pub(crate) fn header(format: u64, collection: &str, version: u64) -> String {
    // Displaying a `Value` is how a string is quoted without a way to fail.
    let collection = serde_json::Value::from(collection);
    format!(
        "{{\"larder\":{format},\"collection\":{collection},\"version\":{version},\"records\":[\n"
    )
}

/// Writes one store file from its first byte to its last: `new`, `record` for each, `finish`.
pub(crate) struct FileWriter<'a> {
    out: &'a mut dyn Write,
    /// `Some` while an envelope is written.
    digest: Option<Box<Xxh3>>,
    style: Option<ArrayStyle>,
    empty: bool,
    written: u64,
}

impl std::fmt::Debug for FileWriter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileWriter")
            .field("written", &self.written)
            .finish_non_exhaustive()
    }
}

impl<'a> FileWriter<'a> {
    /// Writes what stands before the first record. An array has no place for collection and
    /// version.
    pub(crate) fn new(
        out: &'a mut dyn Write,
        shape: &Shape,
        collection: &str,
        version: u64,
    ) -> io::Result<Self> {
        let (digest, style) = match shape {
            Shape::Envelope => (Some(Box::new(Xxh3::new())), None),
            Shape::Array(style) => (None, Some(style.clone())),
        };
        let mut this = Self {
            out,
            digest,
            style,
            empty: true,
            written: 0,
        };
        if this.style.is_some() {
            this.put(b"[")?;
        } else {
            this.put(header(FORMAT, collection, version).as_bytes())?;
        }
        Ok(this)
    }

    /// Writes a record. With `as_found` the text is from a file of the same shape, and an array
    /// takes it byte by byte; otherwise it is laid out as the shape asks for. In an envelope a
    /// record is always one line.
    pub(crate) fn record(&mut self, text: &str, as_found: bool) -> io::Result<()> {
        let first = std::mem::replace(&mut self.empty, false);
        if let Some(style) = self.style.take() {
            let result = self.element(&style, text, first, as_found);
            self.style = Some(style);
            return result;
        }
        if !first {
            self.put(SEPARATOR.as_bytes())?;
        }
        if memchr::memchr2(b'\n', b'\r', text.as_bytes()).is_some() {
            self.put(compact(text).as_bytes())
        } else {
            self.put(text.as_bytes())
        }
    }

    /// Writes records of an envelope as they stand in it: each one line, with what is between them.
    pub(crate) fn lines(&mut self, text: &str) -> io::Result<()> {
        if !std::mem::replace(&mut self.empty, false) {
            self.put(SEPARATOR.as_bytes())?;
        }
        // Hashed and written while it is in the processor's cache.
        text.as_bytes()
            .chunks(PIECE)
            .try_for_each(|piece| self.put(piece))
    }

    fn element(
        &mut self,
        style: &ArrayStyle,
        text: &str,
        first: bool,
        as_found: bool,
    ) -> io::Result<()> {
        if !first {
            self.put(b",")?;
        }
        match &style.prefix {
            Some(prefix) => {
                self.put(style.new_line().as_bytes())?;
                self.put(prefix.as_bytes())?;
            }
            None if style.spaced && !first => self.put(b" ")?,
            None => {}
        }
        if as_found {
            self.put(text.as_bytes())
        } else {
            self.put(style.lay_out(text).as_bytes())
        }
    }

    /// Writes what stands after the last record; answers the length of the file. It does not flush.
    pub(crate) fn finish(mut self) -> io::Result<u64> {
        if let Some(style) = self.style.take() {
            if style.prefix.is_some() && !self.empty {
                self.put(style.new_line().as_bytes())?;
            }
            self.put(b"]")?;
            if style.newline_at_end {
                self.put(style.new_line().as_bytes())?;
            }
            return Ok(self.written);
        }
        if !self.empty {
            self.put(b"\n")?;
        }
        self.put(TRAILER.as_bytes())?;
        let digest = self.digest.take().map_or(0, |digest| digest.digest());
        self.put(format!("{digest:016x}{TRAILER_END}").as_bytes())?;
        Ok(self.written)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(digest) = &mut self.digest {
            digest.update(bytes);
        }
        self.written += bytes.len() as u64;
        self.out.write_all(bytes)
    }
}

#[cfg(test)]
#[path = "format_tests.rs"]
pub(crate) mod tests;
