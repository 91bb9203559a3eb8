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

/// The text of one record. Its place is that in a bare array, which keeps the order it was found in; new
/// records come last. (Flat, and with a length of 32 bits, because there are as many as records.)
enum Row {
    /// A range of what was loaded.
    Loaded { start: usize, len: u32, place: u32 },
    /// A text of its own.
    Own { text: Box<str>, place: u32 },
}

impl Row {
    fn place(&self) -> u32 {
        match self {
            Self::Loaded { place, .. } | Self::Own { place, .. } => *place,
        }
    }

    /// Where in what was loaded it is.
    fn range(&self) -> Option<Range<usize>> {
        match self {
            Self::Loaded { start, len, .. } => Some(*start..*start + *len as usize),
            Self::Own { .. } => None,
        }
    }
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
    next_place: u32,
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
        records: impl IntoIterator<Item = (Arc<str>, Range<usize>, u32, Option<Box<str>>)>,
    ) -> Self {
        let mut live = 0;
        let mut next_place = 0;
        let (loaded, broken) = match String::from_utf8(bytes) {
            Ok(text) => (text, Vec::new()),
            // Some other part of the file is not UTF-8. Each record is, so each gets its own text.
            Err(error) => (String::new(), error.into_bytes()),
        };
        let own = |text: Box<str>, place| Row::Own { text, place };
        let rows = records
            .into_iter()
            .map(|(id, range, place, new)| {
                next_place = next_place.max(place.saturating_add(1));
                let row = match (new, u32::try_from(range.len())) {
                    (Some(new), _) => own(new, place),
                    (None, Ok(len)) if broken.is_empty() => {
                        live += range.len();
                        let start = range.start;
                        Row::Loaded { start, len, place }
                    }
                    (None, _) => {
                        let bytes = if broken.is_empty() {
                            loaded.as_bytes()
                        } else {
                            &broken
                        };
                        let bytes = bytes.get(range).unwrap_or_default();
                        own(String::from_utf8_lossy(bytes).into(), place)
                    }
                };
                (id, row)
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
                if let Some(row) = self.rows.get_mut(&id) {
                    let place = row.place();
                    let before = std::mem::replace(row, Row::Own { text, place });
                    self.forget(Some(&before));
                } else {
                    let place = self.next_place;
                    // After some four billion new records in one process the newest come by id.
                    self.next_place = place.saturating_add(1);
                    self.rows.insert(id, Row::Own { text, place });
                }
            }
            EntryChange::Delete { id } => {
                let before = self.rows.remove(&id);
                self.forget(before.as_ref());
            }
            EntryChange::Clear => {
                self.rows.clear();
                self.loaded = String::new();
                self.live = 0;
            }
        }
    }

    fn forget(&mut self, row: Option<&Row>) {
        if let Some(range) = row.and_then(Row::range) {
            self.live -= range.len();
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
            if let Some(range) = row.range() {
                let text = loaded.get(range).unwrap_or_default().into();
                let place = row.place();
                *row = Row::Own { text, place };
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
                rows.sort_by_key(|row| row.place());
                for row in rows {
                    self.write_one(&mut file, row)?;
                }
            }
        }
        file.finish()
    }

    fn write_one(&self, file: &mut FileWriter<'_>, row: &Row) -> io::Result<()> {
        match (row, row.range()) {
            (Row::Own { text, .. }, _) => file.record(text, false),
            (_, range) => file.record(self.loaded(range.unwrap_or_default())?, true),
        }
    }

    /// Records that stand side by side in what was loaded are written as one piece, with what is
    /// between them: most of a large file is such pieces, and nothing of them is looked at or copied.
    fn write_runs(&self, file: &mut FileWriter<'_>) -> io::Result<()> {
        let mut run: Option<Range<usize>> = None;
        for row in self.rows.values() {
            let next = row.range();
            if let (Some(run), Some(next)) = (&mut run, &next)
                && self.loaded.get(run.end..next.start) == Some(SEPARATOR)
            {
                run.end = next.end;
                continue;
            }
            if let Some(run) = std::mem::replace(&mut run, next) {
                file.lines(self.loaded(run)?)?;
            }
            if let Row::Own { text, .. } = row {
                file.record(text, false)?;
            }
        }
        run.map_or(Ok(()), |run| file.lines(self.loaded(run)?))
    }

    /// Whether each text that was loaded is one line. Every file of ours is like that; an editor may
    /// have laid out another.
    fn is_one_line(&self) -> bool {
        *self.one_line.get_or_init(|| {
            let mut loaded = self.rows.values().filter_map(Row::range);
            loaded.all(|range| {
                self.loaded
                    .get(range)
                    .is_some_and(|text| memchr::memchr2(b'\n', b'\r', text.as_bytes()).is_none())
            })
        })
    }

    fn loaded(&self, range: Range<usize>) -> io::Result<&str> {
        let lost = || io::Error::new(io::ErrorKind::InvalidData, "a record's text is lost");
        self.loaded.get(range).ok_or_else(lost)
    }
}

#[cfg(test)]
#[path = "image_tests.rs"]
mod tests;
