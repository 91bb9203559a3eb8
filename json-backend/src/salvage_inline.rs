//! Finding what is still whole in a broken file whose records stand on one line, `[{..},{..}]`.
//!
//! It owns where to read on after damage when no line break tells. A record may start after any
//! `,` but so may an object in an array inside a damaged record. It is told by how the row of
//! elements that starts there ends: at the end of the list, or at a `]` with a record around it.
//! Where that row is damaged as well, its first element must begin with the key with which the
//! records before begin. This is a guess where the other walk has proof, and may let a nested
//! object pass; its bytes are then still inside the copy that is kept of the whole file.

use crate::cursor::Broken;
use crate::outline::closes;
use crate::salvage::{Walk, first_key};
use crate::scan::Span;

/// How often, on average, each byte may be read in vain before the search is given up. Without a
/// limit a hostile file of a few megabytes would be read for hours.
const MAX_REREADS: usize = 8;

/// What may be read in vain in any case.
const FREE_REREADS: usize = 1 << 22;

impl Walk<'_> {
    /// Reads the elements from `at` to the end of the file.
    pub(crate) fn inline(&mut self, mut at: usize) {
        let len = self.bytes.len();
        let first = self.bytes.skip_space(at, len);
        self.first_key = first_key(self.bytes, self.skip_junk(first, len));
        let mut budget = len.saturating_mul(MAX_REREADS).saturating_add(FREE_REREADS);
        loop {
            at = self.bytes.skip_space(at, len);
            if at >= len {
                break;
            }
            let element = self.skip_junk(at, len);
            if element == at && self.bytes.at(at) == Some(b']') {
                let Err(broken) = closes(self.bytes, at, self.root) else {
                    self.set_closed();
                    break;
                };
                if self.bytes.at(broken.at) == Some(b'[') {
                    self.note(broken.at, broken.at + 1, "a second list of records");
                    at = broken.at + 1;
                    continue;
                }
                let next = self.resync(broken.at.max(at + 1), false, &mut budget);
                let message = "unexpected text after the list of records";
                self.note(broken.at.min(next), next, message);
                self.set_closed();
                at = next;
                continue;
            }
            let broken = match self.bytes.value(element, len) {
                Ok(stop) if self.follows(element, stop) => {
                    if element > at {
                        self.note(at, element, "an unexpected byte between two records");
                    }
                    self.push(element, stop);
                    at = self.separator_inline(stop);
                    continue;
                }
                Ok(stop) => {
                    let message = "text after a value that is no separator".to_owned();
                    Broken {
                        at: stop,
                        eof: false,
                        message,
                    }
                }
                Err(broken) => broken,
            };
            // Without a single error up to the end of the file, the file was cut off in this
            // record, and whatever starts inside it is a part of it. Unless the file ends as a
            // list does: then a wrong byte has opened an array that swallows the other records.
            let is_cut =
                broken.eof && !matches!(self.bytes.last_before(len), Some((_, b']' | b'}')));
            let next = if is_cut {
                len
            } else {
                self.resync(at + 1, broken.eof, &mut budget)
            };
            // Not the comma before the next record.
            let end = match self.bytes.last_before(next) {
                Some((comma, b',')) if next < len && comma > at => comma,
                _ => next,
            };
            self.lose(at, end, &broken);
            at = next;
        }
        self.finish();
    }

    /// Whether what stands after a value shows that it is an element of the list.
    fn follows(&self, start: usize, stop: usize) -> bool {
        let (bytes, len) = (self.bytes, self.bytes.len());
        let at = bytes.skip_space(stop, len);
        if bytes.at(start) != Some(b'{') {
            return matches!(bytes.at(at), None | Some(b',' | b']'));
        }
        match bytes.at(at) {
            None | Some(b']' | b'{') => true,
            Some(b',') => {
                // A key: a wrong byte has closed the record too early, and here it goes on. But if
                // it is the key with which records begin, the brace of the next one is missing.
                let next = bytes.skip_space(at + 1, len);
                let is_string = bytes.at(next) == Some(b'"') && self.skip_junk(next, len) == next;
                !is_string
                    || bytes.value(next, len).is_ok_and(|stop| {
                        !bytes.is_key(next, stop, len)
                            || bytes.slice(next, stop) == first_key(bytes, start)
                    })
            }
            Some(wrong) => {
                let next = bytes.skip_space(at + 1, len);
                matches!(bytes.at(next), None | Some(b'{'))
                    || bytes.at(next) == Some(b',') && !matches!(wrong, b'"' | b'}' | b']')
            }
        }
    }

    fn separator_inline(&mut self, stop: usize) -> usize {
        let at = self.bytes.skip_space(stop, self.bytes.len());
        match self.bytes.at(at) {
            Some(b',') => {
                let next = self.bytes.skip_space(at + 1, self.bytes.len());
                if self.bytes.at(next) == Some(b']') {
                    self.note(at, at + 1, "a comma after the last record");
                }
                at + 1
            }
            None | Some(b']') => at,
            Some(b'{') => {
                self.note(stop, stop, "a comma is missing");
                at
            }
            Some(_) => {
                self.note(at, at + 1, "an unexpected byte after a record");
                at + 1
            }
        }
    }

    /// The first offset from `from` on where a record starts, or the end of the file.
    fn resync(&self, from: usize, may_be_cut: bool, budget: &mut usize) -> usize {
        let len = self.bytes.len();
        let mut from = from;
        while let Some(found) = memchr::memchr(b'{', self.bytes.slice(from, len)) {
            let at = from + found;
            from = at + 1;
            if !self.may_start(at) {
                continue;
            }
            match self.row(at, may_be_cut) {
                Row::Records => return at,
                Row::Nothing { end, read } => {
                    from = from.max(end);
                    match budget.checked_sub(read) {
                        Some(left) => *budget = left,
                        None => return len,
                    }
                }
            }
        }
        len
    }

    /// Whether what stands before a `{` allows a record there.
    fn may_start(&self, at: usize) -> bool {
        match self.bytes.last_before(at) {
            Some((_, b',')) => true,
            Some((_, b'[')) => !self.knows_list && self.records.is_empty(),
            // A wrong byte in place of the comma.
            Some((wrong, _)) => matches!(self.bytes.last_before(wrong), Some((_, b'}'))),
            None => false,
        }
    }

    /// Reads the elements that start at `start`, to see how they end. At the end of a file that
    /// may have been cut off, a nested row looks like the end of the list.
    fn row(&self, start: usize, may_be_cut: bool) -> Row {
        let (bytes, len) = (self.bytes, self.bytes.len());
        let mut at = start;
        let mut count = 0;
        loop {
            let stop = match bytes.value(at, len) {
                Ok(stop) => stop,
                Err(broken) => {
                    // Another candidate may start inside of what failed, but not before it.
                    let read = broken.at - start;
                    return if count > 0 && self.looks_like_a_record(start) {
                        Row::Records
                    } else {
                        Row::Nothing {
                            end: if count > 0 { at } else { 0 },
                            read,
                        }
                    };
                }
            };
            count += 1;
            let next = bytes.skip_space(stop, len);
            match bytes.at(next) {
                Some(b',') => at = bytes.skip_space(next + 1, len),
                Some(b']') => {
                    let after = bytes.at(bytes.skip_space(next + 1, len));
                    let is_nested =
                        matches!(after, Some(b',' | b'}' | b']')) && !self.closes_soon(next);
                    let is_doubtful = may_be_cut && !self.looks_like_a_record(start);
                    return if is_nested || is_doubtful {
                        Row::Nothing {
                            end: next,
                            read: next - start,
                        }
                    } else {
                        Row::Records
                    };
                }
                _ if self.looks_like_a_record(start) => return Row::Records,
                _ => {
                    return Row::Nothing {
                        end: stop,
                        read: stop - start,
                    };
                }
            }
        }
    }

    /// Whether an object begins with the key with which the first record begins, also if that one
    /// is damaged, or the last that was found.
    fn looks_like_a_record(&self, at: usize) -> bool {
        let bytes = self.bytes;
        let is_object = |span: &&Span| bytes.at(span.start) == Some(b'{');
        let last = self
            .records
            .iter()
            .rev()
            .find(is_object)
            .map_or(b"".as_slice(), |span| first_key(bytes, span.start));
        let known = [self.first_key, last];
        known.contains(&first_key(bytes, at)) || known.iter().all(|key| key.is_empty())
    }
}

enum Row {
    /// Records start here.
    Records,
    /// None does, up to `end`; this took reading `read` bytes.
    Nothing { end: usize, read: usize },
}
