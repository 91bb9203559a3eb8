//! Finding what is still whole in a broken file whose records start on lines of their own.
//!
//! It owns that walk, and noting records and damage for both walks. It does not own which files
//! are walked this way (see `salvage`).
//!
//! The file is cut into chunks, one from each record's first line to the next one's. What is wrong
//! in one chunk cannot reach into another: a quote or a bracket too many ends with its chunk.
//! A record's first line has exactly the indentation of all of them, so an object that is nested
//! in a damaged record is not taken for a record. Right after a whole record we know where we are
//! (*anchored*), and read on generously: a wrong byte in place of a comma or a newline costs
//! nothing. After damage a newline may be a flipped byte in the middle of a record, and then only
//! a chunk that is exactly one record is believed.

use crate::cursor::{Broken, Bytes, is_space};
use crate::outline::{Root, closes};
use crate::salvage::{Region, boundaries, closing_line, first_key};
use crate::scan::Span;

/// How far from the end of the file the end of a list is looked for.
const MAX_TRAILER: usize = 4096;

/// A walk through a broken file.
#[derive(Debug)]
pub(crate) struct Walk<'a> {
    pub(crate) bytes: Bytes<'a>,
    pub(crate) root: Root,
    pub(crate) records: Vec<Span>,
    pub(crate) damage: Vec<Region>,
    /// Whether the offset is known at which the list of records starts.
    pub(crate) knows_list: bool,
    /// The key with which the first record begins, where all are on one line.
    pub(crate) first_key: &'a [u8],
    lost: usize,
    /// Up to where elements were seen to be records before they were read one by one.
    verified: usize,
    /// Where the closing line of an envelope is, or the end of the file.
    trailer: usize,
    indent: &'a [u8],
    anchored: bool,
    closed: bool,
}

impl<'a> Walk<'a> {
    pub(super) fn new(bytes: Bytes<'a>, root: Root) -> Self {
        Self {
            bytes,
            root,
            records: Vec::new(),
            damage: Vec::new(),
            knows_list: false,
            first_key: b"",
            lost: 0,
            verified: 0,
            trailer: bytes.len(),
            indent: b"",
            anchored: false,
            closed: false,
        }
    }

    pub(super) fn lines(&mut self, start: usize, list: Option<usize>, indent: &'a [u8]) {
        self.indent = indent;
        let mut from = list.unwrap_or(start);
        let mut cuts = boundaries(self.bytes, from, indent);
        self.trailer = closing_line(self.bytes, self.root);
        cuts.extend((self.trailer < self.bytes.len()).then_some(self.trailer));
        cuts.push(self.bytes.len());
        self.anchored = list.is_some();
        let mut is_header = list.is_none();
        for cut in cuts {
            self.chunk(from, cut);
            if is_header && self.records.is_empty() {
                // What stands before the first record's line is the header, not a record.
                self.lost = 0;
                for region in &mut self.damage {
                    region.lost = false;
                    "the header is damaged".clone_into(&mut region.message);
                }
            }
            is_header = false;
            from = cut;
        }
        self.finish();
    }

    /// Reads one chunk, in which an element may start at `at`.
    fn chunk(&mut self, mut at: usize, end: usize) {
        loop {
            at = self.bytes.skip_space(at, end);
            if at >= end {
                return;
            }
            if !self.anchored && at == self.trailer {
                self.close(at, end);
                return;
            }
            let element = if self.anchored {
                self.skip_junk(at, end)
            } else {
                at
            };
            if self.anchored && element == at && self.bytes.at(at) == Some(b']') {
                self.close(at, end);
                return;
            }
            match self.bytes.value(element, end) {
                Ok(stop) if self.accepts(element, stop, end) => {
                    if element > at {
                        self.note(at, element, "an unexpected byte between two records");
                    }
                    self.push(element, stop);
                    self.anchored = true;
                    at = self.separator(stop, end);
                }
                Ok(stop) => {
                    let message = "text after a value that is no separator".to_owned();
                    self.lose_chunk(
                        at,
                        end,
                        &Broken {
                            at: stop,
                            eof: false,
                            message,
                        },
                    );
                    return;
                }
                Err(broken) => {
                    self.lose_chunk(at, end, &broken);
                    return;
                }
            }
        }
    }

    /// Steps over one byte that is neither separator nor record, if a record follows it.
    pub(crate) fn skip_junk(&self, at: usize, end: usize) -> usize {
        let next = self.bytes.skip_space(at + 1, end);
        let is_record = next < end
            && self.bytes.at(next) == Some(b'{')
            // A wrong byte in place of the comma of the closing line.
            && !self.bytes.starts_with(next, b"{\"digest\":\"xxh3:");
        if is_record { next } else { at }
    }

    /// Whether the value in `start..stop` is an element of the list, and not the beginning or a
    /// nested part of a damaged record.
    fn accepts(&mut self, start: usize, stop: usize, end: usize) -> bool {
        let bytes = self.bytes;
        let next = bytes.skip_space(stop, end);
        if bytes.at(start) != Some(b'{') {
            return self.anchored && (next == end || matches!(bytes.at(next), Some(b',' | b']')));
        }
        if self.anchored && self.goes_on(start, stop, end) {
            return true;
        }
        // The brace that closes a record of several lines stands below where the record starts.
        let has_lines = memchr::memchr(b'\n', bytes.slice(start, stop)).is_some();
        let is_closed = !has_lines
            || bytes.slice(bytes.line_start(stop), stop.saturating_sub(1)) == self.indent;
        let rest = bytes.slice(stop, bytes.line_end(stop, end)).trim_ascii();
        if matches!(rest, b"" | b",") {
            return is_closed;
        }
        // A wrong byte may have closed a record too early. Then its own closing brace is still to
        // come: on the same line, or at the indentation of the record.
        let has_brackets = memchr::memchr2(b'}', b']', rest).is_some();
        self.anchored && is_closed && (has_lines || !has_brackets)
    }

    /// Whether what stands behind the record in `record..stop` can follow it, with at most one
    /// wrong byte.
    fn goes_on(&mut self, record: usize, stop: usize, end: usize) -> bool {
        let bytes = self.bytes;
        let at = bytes.skip_space(stop, end);
        let limit = |at: usize| if at < end { bytes.at(at) } else { None };
        if limit(at + 1) == Some(b']') && self.closes_soon(at + 1) {
            return true;
        }
        match limit(at) {
            None => true,
            Some(b']') => self.is_before_record(at, end) || self.is_end(stop, at),
            Some(b'{') => self.opens(record, at, end),
            Some(b',') => {
                let next = bytes.skip_space(at + 1, end);
                let after = self.skip_junk(next, end);
                match limit(next) {
                    _ if after != next && self.opens(record, after, end) => true,
                    None => true,
                    Some(b']') => self.is_end(stop, next),
                    _ => self.opens(record, next, end),
                }
            }
            Some(_) => match limit(at + 1) {
                Some(b'{') => self.opens(record, at + 1, end),
                _ => self.is_before_record(at, end),
            },
        }
    }

    /// Whether the byte at `at` is the last one before the next chunk: a wrong one for a comma.
    fn is_before_record(&self, at: usize, end: usize) -> bool {
        end < self.trailer && self.bytes.skip_space(at + 1, end) == end
    }

    /// Whether the `]` at `at` is that of the list, seen from the end of a record.
    fn is_end(&self, stop: usize, at: usize) -> bool {
        memchr::memchr(b'\n', self.bytes.slice(stop, at)).is_some() || self.closes_soon(at)
    }

    /// Whether the file closes as it should. What stands behind a list is short, and reading
    /// everything behind every bracket would take for ever.
    pub(crate) fn closes_soon(&self, at: usize) -> bool {
        self.bytes.len() - at <= MAX_TRAILER && closes(self.bytes, at, self.root).is_ok()
    }

    /// Whether what stands at `at` opens a record, and is not a piece of the text of the one at
    /// `record`, which a wrong byte has closed too early. What follows tells: records go on to the
    /// end of the chunk or of the list, while a piece ends at a bracket of the cut record. If what
    /// follows is damaged as well, it must at least begin like a record.
    fn opens(&mut self, record: usize, at: usize, end: usize) -> bool {
        let bytes = self.bytes;
        // A row that was read once is not read again for each of its elements.
        if at < self.verified {
            return true;
        }
        let mut next = at;
        while let Ok(stop) = bytes.value(next, end) {
            let after = bytes.skip_space(stop, end);
            if after < end && bytes.at(after) == Some(b']') {
                self.verified = after;
                return self.is_end(stop, after);
            }
            let is_comma = after < end && bytes.at(after) == Some(b',');
            next = bytes.skip_space(if is_comma { after + 1 } else { after }, end);
            if next >= end {
                self.verified = end;
                return true;
            }
            if !is_comma {
                break;
            }
        }
        let key = first_key(bytes, at);
        let is_alike = !key.is_empty() && key == first_key(bytes, record);
        if is_alike {
            self.verified = next + 1;
        }
        is_alike
    }

    /// Steps over what stands between two elements; answers where the next may start.
    fn separator(&mut self, stop: usize, end: usize) -> usize {
        let bytes = self.bytes;
        let at = bytes.skip_space(stop, end);
        if at >= end {
            if end < self.trailer {
                self.note(stop, stop, "a comma is missing");
            }
            return at;
        }
        let is_last = bytes.at(at + 1) == Some(b']') && self.closes_soon(at + 1);
        match bytes.at(at) {
            Some(b',') => {
                let next = bytes.skip_space(at + 1, end);
                if next < end && bytes.at(next) == Some(b']') && self.skip_junk(next, end) == next {
                    self.note(at, at + 1, "a comma after the last record");
                }
                at + 1
            }
            Some(b']') if self.skip_junk(at, end) == at && !self.is_before_record(at, end) => at,
            Some(b'{') if !is_last => {
                self.note(stop, stop, "a comma is missing");
                at
            }
            _ => {
                let after = match bytes.at(at + 1) {
                    Some(b'{' | b']') => at + 1,
                    _ => {
                        at + bytes
                            .slice(at, bytes.line_end(at, end))
                            .trim_ascii_end()
                            .len()
                    }
                };
                self.note(at, after, "unexpected text after a record");
                after
            }
        }
    }

    /// Reads what stands from the `]` of the list to the end of the file.
    fn close(&mut self, at: usize, end: usize) {
        // Once only, for the same reason as in `closes_soon`.
        let closing = if self.closed && !self.closes_soon(at) {
            Err(Broken {
                at,
                eof: false,
                message: String::new(),
            })
        } else {
            closes(self.bytes, at, self.root)
        };
        match closing {
            Ok(()) => {}
            Err(broken) if broken.eof => {
                self.note_at(at, end, broken.at, "the file ends inside its closing line");
            }
            Err(broken) => {
                let start = broken.at.min(end);
                self.note(start, end, "unexpected text after the list of records");
            }
        }
        self.closed = true;
        self.anchored = false;
    }

    /// Gives up on the rest of a chunk; but its last line may close the list as it should.
    fn lose_chunk(&mut self, start: usize, end: usize, broken: &Broken) {
        self.anchored = false;
        let mut stop = end;
        if end == self.bytes.len() {
            let line = self
                .bytes
                .line_start(self.bytes.last_before(end).map_or(end, |(at, _)| at));
            let at = self.bytes.skip_space(line, end);
            // The bracket of the list is further out than the records.
            let is_outside = at - line < self.indent.len().max(1);
            let is_close = at > start && is_outside && self.bytes.at(at) == Some(b']');
            if is_close && closes(self.bytes, at, self.root).is_ok() {
                self.closed = true;
                stop = at;
            }
        }
        self.lose(start, stop, broken);
    }

    pub(crate) fn push(&mut self, start: usize, end: usize) {
        let ordinal = self.records.len() + self.lost;
        self.records.push(Span {
            start,
            end,
            line: 0,
            ordinal,
        });
    }

    /// Notes bytes among which there may have been a record.
    pub(crate) fn lose(&mut self, start: usize, end: usize, broken: &Broken) {
        self.lost += 1;
        let message = match broken.eof {
            true if end == self.bytes.len() => "the file ends inside a record".to_owned(),
            true => "the record does not end".to_owned(),
            false => format!("not valid JSON: {}", broken.message),
        };
        self.region(start, end, broken.at, true, message);
    }

    /// Notes bytes that are no record.
    pub(crate) fn note(&mut self, start: usize, end: usize, message: &str) {
        self.note_at(start, end, start, message);
    }

    fn note_at(&mut self, start: usize, end: usize, at: usize, message: &str) {
        self.region(start, end, at, false, message.to_owned());
    }

    fn region(&mut self, start: usize, end: usize, at: usize, lost: bool, message: String) {
        let blank = self
            .bytes
            .slice(start, end)
            .iter()
            .rev()
            .take_while(|b| is_space(**b))
            .count();
        let end = (end - blank).max(start);
        self.damage.push(Region {
            start,
            end,
            at: at.clamp(start, end),
            lost,
            message,
        });
    }

    /// Notes that the end is missing, unless the damage already reaches up to there.
    pub(crate) fn finish(&mut self) {
        let len = self.bytes.len();
        let end = self.bytes.last_before(len).map_or(len, |(at, _)| at + 1);
        if !self.closed
            && self
                .damage
                .last()
                .is_none_or(|last| last.end < end || last.start == last.end)
        {
            self.note(
                len,
                len,
                "the file ends before the list of records is closed",
            );
        }
    }

    pub(crate) fn set_closed(&mut self) {
        self.closed = true;
    }
}
