//! Finding what is still whole in a broken store file.
//!
//! It owns the decision what a broken file is and how it is walked. `salvage_lines` owns the walk of
//! files in which every record starts on a line of its own, `salvage_inline` that of files on one
//! line. What is done with the bytes that are lost is for the caller.

use crate::cursor::Bytes;
use crate::format::TRAILER;
use crate::outline::{Root, closes, elements};
use crate::scan::Span;

#[path = "salvage_lines.rs"]
mod lines;

pub(crate) use lines::Walk;

/// How many lines from the end are looked at for the indentation of the last closing brace.
const LINES_FROM_END: usize = 4096;

/// Where the header may say that the records start.
const HEADER_WINDOW: usize = 4096;

/// A part of the file that belongs to no record; see `scan::Damage`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Region {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) at: usize,
    pub(crate) lost: bool,
    pub(crate) message: String,
}

/// What could be saved.
#[derive(Debug)]
pub(crate) struct Saved {
    /// `Other` if the file is of no shape we know.
    pub(crate) root: Root,
    pub(crate) list: Option<usize>,
    pub(crate) records: Vec<Span>,
    pub(crate) damage: Vec<Region>,
}

/// Saves what it can from a file that starts at `start` and whose list of records starts at `list`.
pub(crate) fn salvage(bytes: Bytes<'_>, start: usize, list: Option<usize>, root: Root) -> Saved {
    match root {
        Root::Other => beyond_recognition(bytes, start, list),
        Root::Object => walk(bytes, start, list.or_else(|| find_list(bytes, start)), root),
        Root::Array => walk(bytes, start, list, root),
    }
}

fn walk(bytes: Bytes<'_>, start: usize, list: Option<usize>, root: Root) -> Saved {
    let mut walk = Walk::new(bytes, root);
    walk.knows_list = list.is_some();
    match record_indent(bytes, start, list, root) {
        Some(indent) => walk.lines(start, list, indent),
        None => walk.inline(list.unwrap_or(start)),
    }
    Saved {
        root,
        list,
        records: walk.records,
        damage: walk.damage,
    }
}

/// A file whose first bytes say nothing: an array without its bracket or with something strange
/// behind it, or the record lines of an envelope without its header. Records must be most of the
/// file, because a file of another program may hold something similar.
fn beyond_recognition(bytes: Bytes<'_>, start: usize, list: Option<usize>) -> Saved {
    if list.is_some() {
        let saved = walk(bytes, start, list, Root::Array);
        let is_closed = matches!(bytes.last_before(bytes.len()), Some((_, b']')));
        if saved.is_most_of(bytes) || is_closed && saved.has_object(bytes) {
            return saved;
        }
    }
    let first = bytes.skip_space(start, bytes.len());
    for list in [first + 1, first] {
        let mut records = Vec::new();
        let is_array = bytes.skip_space(list, bytes.len()) < bytes.len()
            && elements(bytes, list, &mut records)
                .is_ok_and(|end| closes(bytes, end.saturating_sub(1), Root::Array).is_ok());
        if is_array
            && records
                .iter()
                .any(|span| bytes.at(span.start) == Some(b'{'))
        {
            let mut walk = Walk::new(bytes, Root::Array);
            walk.note(first, list, "the opening bracket is missing");
            return Saved {
                root: Root::Array,
                list: Some(list),
                records,
                damage: walk.damage,
            };
        }
    }
    let mut walk = Walk::new(bytes, Root::Object);
    if !boundaries(bytes, start, b"").is_empty() {
        walk.lines(start, None, b"");
    }
    // Lines of JSON without commas are another format.
    let commas = walk
        .records
        .iter()
        .filter(|span| bytes.at(span.end) == Some(b','))
        .count();
    let is_list = commas * 2 >= walk.records.len();
    let saved = Saved {
        root: Root::Object,
        list: None,
        records: walk.records,
        damage: walk.damage,
    };
    if is_list && saved.is_most_of(bytes) {
        return saved;
    }
    Saved {
        root: Root::Other,
        list: None,
        records: Vec::new(),
        damage: Vec::new(),
    }
}

impl Saved {
    fn has_object(&self, bytes: Bytes<'_>) -> bool {
        self.records
            .iter()
            .any(|span| bytes.at(span.start) == Some(b'{'))
    }

    fn is_most_of(&self, bytes: Bytes<'_>) -> bool {
        let objects = self
            .records
            .iter()
            .filter(|span| bytes.at(span.start) == Some(b'{'));
        let len: usize = objects.map(|span| span.end - span.start).sum();
        len * 2 >= bytes.len()
    }
}

/// The offset after `"records":[`, if the header still has it.
fn find_list(bytes: Bytes<'_>, start: usize) -> Option<usize> {
    let key = b"\"records\"";
    let at = start + memchr::memmem::find(bytes.slice(start, start + HEADER_WINDOW), key)?;
    // In a record's line it is the record's.
    if boundaries(bytes, start, b"")
        .first()
        .is_some_and(|first| *first < at)
    {
        return None;
    }
    let colon = bytes.skip_space(at + key.len(), bytes.len());
    let open = bytes.skip_space(colon + 1, bytes.len());
    (bytes.at(colon) == Some(b':') && bytes.at(open) == Some(b'[')).then_some(open + 1)
}

/// The white space before each record, if records start on lines of their own. Several places
/// tell it, any of which may be damaged: what stands before the first record, what stands before
/// the last closing brace, half of what stands inside the first record, and our own form.
fn record_indent(bytes: Bytes<'_>, start: usize, list: Option<usize>, root: Root) -> Option<&[u8]> {
    let opening = list.and_then(|list| {
        let before = bytes.slice(list, bytes.skip_space(list, bytes.len()));
        before.get(memchr::memrchr(b'\n', before)? + 1..)
    });
    let mut end = bytes.len();
    let closing = (0..LINES_FROM_END).find_map(|_| {
        let line = bytes.line_start(end);
        let text = bytes.skip_space(line, end);
        let is_close = bytes.at(text) == Some(b'}');
        end = line.saturating_sub(1);
        is_close.then(|| bytes.slice(line, text))
    });
    let inner = list.and_then(|list| {
        let open = bytes.skip_space(list, bytes.len());
        let line = bytes.line_end(open, bytes.len()) + 1;
        let inside = bytes.slice(line, bytes.skip_space(line, bytes.len()));
        inside.get(..inside.len() / 2)
    });
    let own: Option<&[u8]> = (root == Root::Object).then_some(b"");
    // The inside of a record is no evidence that records start on lines of their own: on one line
    // a flipped byte may be the only newline. It only says which of two answers is right.
    let told = [opening, closing, own];
    let mut best = None;
    for indent in told.into_iter().flatten() {
        let count = boundaries(bytes, list.unwrap_or(start), indent).len();
        let agreed = told
            .into_iter()
            .chain([inner])
            .filter(|other| *other == Some(indent))
            .count();
        let score = (agreed, count > 1);
        if count > 0 && best.is_none_or(|(other, _)| score > other) {
            best = Some((score, indent));
        }
    }
    best.map(|(_, indent)| indent)
}

/// Every `{` that is the first on its line after exactly `indent`. Any control character ends a
/// line here: none may stand inside a record, so it can only be a flipped newline or lost bytes.
fn boundaries(bytes: Bytes<'_>, from: usize, indent: &[u8]) -> Vec<usize> {
    memchr::memchr_iter(b'{', bytes.slice(from, bytes.len()))
        .map(|at| from + at)
        .filter(|at| {
            let Some(line) = at.checked_sub(indent.len()) else {
                return false;
            };
            let ends_line = line.checked_sub(1).and_then(|before| bytes.at(before));
            bytes.slice(line, *at) == indent && ends_line.is_some_and(|b| b < 0x20 && b != b'\t')
        })
        .collect()
}

/// Where the closing line of our own form is, so that no damaged record swallows it; else the end.
fn closing_line(bytes: Bytes<'_>, root: Root) -> usize {
    let end = bytes.last_before(bytes.len()).map_or(0, |(at, _)| at);
    let line = bytes.line_start(end);
    if root == Root::Object && bytes.starts_with(line, TRAILER.as_bytes()) {
        line
    } else {
        bytes.len()
    }
}

/// The first key of the object at `object`, with its quotes; nothing if it has none.
pub(crate) fn first_key(bytes: Bytes<'_>, object: usize) -> &[u8] {
    let start = bytes.skip_space(object + 1, bytes.len());
    if bytes.at(start) != Some(b'"') {
        return b"";
    }
    bytes
        .value(start, bytes.len())
        .map(|end| bytes.slice(start, end))
        .unwrap_or_default()
}
