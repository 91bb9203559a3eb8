//! The JSON text of every record of a collection: what a flush writes.
//!
//! Owns [`Image`]. A flush serialises nothing: each save brings its text, and the rest is text
//! that is here already. Only the committer's thread changes an image after it was loaded.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use larder_core::backend::EntryChange;

use crate::format::{FileWriter, SEPARATOR, Shape};

/// The text of one record.
struct Row {
    text: Text,
    /// The place in a bare array, which keeps the order it was found in; new records come last.
    place: u64,
}

enum Text {
    /// A range of what was loaded.
    Loaded { start: usize, end: usize },
    /// A text of its own.
    Own(Box<str>),
}

/// The text of every record of a collection, and the shape of its file.
pub(crate) struct Image {
    shape: Shape,
    loaded: String,
    /// Whether each text that was loaded is one line, as far as somebody has looked.
    one_line: OnceLock<bool>,
    /// How much of `loaded` is still the text of a record.
    live: usize,
    rows: BTreeMap<Arc<str>, Row>,
    next_place: u64,
}

impl Image {
    /// The image of a collection without a file.
    pub(crate) fn empty() -> Self {
        Self {
            shape: Shape::Envelope,
            loaded: String::new(),
            one_line: OnceLock::new(),
            live: 0,
            rows: BTreeMap::new(),
            next_place: 0,
        }
    }

    /// The image of a file: its bytes, and where in them each record stands, or its text where it is
    /// another by now.
    pub(crate) fn of_file(
        shape: Shape,
        bytes: Vec<u8>,
        records: impl IntoIterator<Item = (Arc<str>, Range<usize>, u64, Option<Box<str>>)>,
    ) -> Self {
        let mut live = 0;
        let mut next_place = 0;
        let (loaded, broken) = match String::from_utf8(bytes) {
            Ok(text) => (text, Vec::new()),
            // Some other part of the file is not UTF-8. Each record is, so each gets its own text.
            Err(error) => (String::new(), error.into_bytes()),
        };
        let rows = records
            .into_iter()
            .map(|(id, range, place, new)| {
                next_place = next_place.max(place + 1);
                let text = if let Some(new) = new {
                    Text::Own(new)
                } else if broken.is_empty() {
                    live += range.len();
                    Text::Loaded {
                        start: range.start,
                        end: range.end,
                    }
                } else {
                    let bytes = broken.get(range).unwrap_or_default();
                    Text::Own(String::from_utf8_lossy(bytes).into())
                };
                (id, Row { text, place })
            })
            .collect();
        Self {
            shape,
            loaded,
            one_line: OnceLock::new(),
            live,
            rows,
            next_place,
        }
    }

    /// Takes in a change.
    pub(crate) fn apply(&mut self, change: EntryChange) {
        match change {
            EntryChange::Put { id, text } => {
                let text = Text::Own(text);
                if let Some(row) = self.rows.get_mut(&id) {
                    let before = std::mem::replace(&mut row.text, text);
                    self.forget(&before);
                } else {
                    self.rows.insert(
                        id,
                        Row {
                            text,
                            place: self.next_place,
                        },
                    );
                    self.next_place += 1;
                }
            }
            EntryChange::Delete { id } => {
                if let Some(row) = self.rows.remove(&id) {
                    self.forget(&row.text);
                }
            }
            EntryChange::Clear => {
                self.rows.clear();
                self.loaded = String::new();
                self.live = 0;
            }
        }
    }

    fn forget(&mut self, text: &Text) {
        if let Text::Loaded { start, end } = text {
            self.live -= end - start;
        }
    }

    /// Lets go of the loaded text once more than half of it is of no use.
    pub(crate) fn compact(&mut self) {
        if self.live >= self.loaded.len() / 2 {
            return;
        }
        let loaded = std::mem::take(&mut self.loaded);
        self.live = 0;
        for row in self.rows.values_mut() {
            if let Text::Loaded { start, end } = row.text {
                row.text = Text::Own(loaded.get(start..end).unwrap_or_default().into());
            }
        }
    }

    /// Writes the whole file; gives its length.
    pub(crate) fn write(
        &self,
        out: &mut dyn Write,
        collection: &str,
        version: u32,
    ) -> io::Result<u64> {
        let mut file = FileWriter::new(out, &self.shape, collection, u64::from(version))?;
        match &self.shape {
            Shape::Envelope if self.is_one_line() => self.write_runs(&mut file)?,
            Shape::Envelope => {
                for row in self.rows.values() {
                    self.write_one(&mut file, row)?;
                }
            }
            Shape::Array(_) => {
                let mut rows: Vec<&Row> = self.rows.values().collect();
                rows.sort_unstable_by_key(|row| row.place);
                for row in rows {
                    self.write_one(&mut file, row)?;
                }
            }
        }
        file.finish()
    }

    fn write_one(&self, file: &mut FileWriter<'_>, row: &Row) -> io::Result<()> {
        match &row.text {
            Text::Own(text) => file.record(text, false),
            Text::Loaded { start, end } => file.record(self.loaded(*start..*end)?, true),
        }
    }

    /// Records that stand side by side in what was loaded are written as one piece, with what is
    /// between them: most of a large file is such pieces, and nothing of them is looked at or copied.
    fn write_runs(&self, file: &mut FileWriter<'_>) -> io::Result<()> {
        let mut run: Option<Range<usize>> = None;
        for row in self.rows.values() {
            let next = match &row.text {
                Text::Loaded { start, end } => Some(*start..*end),
                Text::Own(_) => None,
            };
            if let (Some(run), Some(next)) = (&mut run, &next)
                && self.loaded.get(run.end..next.start) == Some(SEPARATOR)
            {
                run.end = next.end;
                continue;
            }
            if let Some(run) = std::mem::replace(&mut run, next) {
                file.lines(self.loaded(run)?)?;
            }
            if let Text::Own(text) = &row.text {
                file.record(text, false)?;
            }
        }
        run.map_or(Ok(()), |run| file.lines(self.loaded(run)?))
    }

    /// Whether each text that was loaded is one line. Every file of ours is like that; an editor may
    /// have laid out another.
    fn is_one_line(&self) -> bool {
        *self.one_line.get_or_init(|| {
            let mut loaded = self.rows.values().filter_map(|row| match &row.text {
                Text::Loaded { start, end } => Some(self.loaded.get(*start..*end)),
                Text::Own(_) => None,
            });
            loaded.all(|text| {
                text.is_some_and(|text| memchr::memchr2(b'\n', b'\r', text.as_bytes()).is_none())
            })
        })
    }

    fn loaded(&self, range: Range<usize>) -> io::Result<&str> {
        let lost = || io::Error::new(io::ErrorKind::InvalidData, "a record's text is lost");
        self.loaded.get(range).ok_or_else(lost)
    }
}
