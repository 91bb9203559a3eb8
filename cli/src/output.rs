//! What a command writes: data to standard output, messages to standard error.
//!
//! Owns [`Output`], tables, and making text safe for a terminal. What is written is each command's.

use std::fmt::{Arguments, Display};
use std::io::{self, BufWriter, IsTerminal as _, Stdout, Write};

use comfy_table::{Table, presets};
use serde::Serialize;

use crate::failure::Failure;

/// Longer cells are cut where there are many.
const MAX_CELL: usize = 40;

/// Width of a table where the terminal does not tell.
const DEFAULT_WIDTH: usize = 100;

/// Standard output, and the form that was asked for.
#[derive(Debug)]
pub(crate) struct Output {
    out: BufWriter<Stdout>,
    json: bool,
}

impl Output {
    /// Output for machines, or for people.
    pub(crate) fn new(json: bool) -> Self {
        Self {
            out: BufWriter::new(io::stdout()),
            json,
        }
    }

    /// Whether a machine reads it.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// One line of data.
    pub(crate) fn line(&mut self, line: impl Display) -> Result<(), Failure> {
        writeln!(self.out, "{line}").map_err(Failure::Write)
    }

    /// One line that somebody is waiting for.
    pub(crate) fn line_now(&mut self, line: impl Display) -> Result<(), Failure> {
        self.line(line)?;
        self.out.flush().map_err(Failure::Write)
    }

    /// Bytes as they are, without a newline.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.out.write_all(bytes).map_err(Failure::Write)
    }

    /// One JSON value on a line of its own.
    pub(crate) fn value(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        serde_json::to_writer(&mut self.out, value)
            .map_err(|error| Failure::Write(error.into()))
            .and_then(|()| self.line(""))
    }

    /// A table for people.
    pub(crate) fn table(&mut self, header: &[&str], rows: Vec<Vec<String>>) -> Result<(), Failure> {
        let mut table = Table::new();
        let header: Vec<String> = header.iter().map(|name| plain(name)).collect();
        table.load_style(presets::NOTHING).set_header(header);
        for row in rows {
            table.add_row(row.iter().map(|cell| plain(cell)).collect::<Vec<_>>());
        }
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        self.line(table.trim_fmt())
    }

    /// Writes out what is still in memory.
    pub(crate) fn finish(&mut self) -> Result<(), Failure> {
        self.out.flush().map_err(Failure::Write)
    }
}

/// A message to standard error.
pub(crate) fn note(message: Arguments<'_>) {
    // If standard error is gone, there is nobody to tell.
    let _ = writeln!(io::stderr().lock(), "larder: {message}");
}

/// A line to standard error as it is.
pub(crate) fn note_line(line: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Text without anything a terminal would obey, so that a record cannot move the cursor.
pub(crate) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            plain.extend(character.escape_default());
        } else {
            plain.push(character);
        }
    }
    plain
}

/// Text as one cell of many: plain, and cut where it is long.
pub(crate) fn shown(text: &str) -> String {
    let plain = plain(text);
    match plain.char_indices().nth(MAX_CELL) {
        Some(_) => plain.chars().take(MAX_CELL - 1).chain(['…']).collect(),
        None => plain,
    }
}

/// How many characters a line may have.
pub(crate) fn width() -> usize {
    let columns = std::env::var("COLUMNS")
        .ok()
        .and_then(|columns| columns.parse().ok());
    columns
        .filter(|_| io::stdout().is_terminal())
        .unwrap_or(DEFAULT_WIDTH)
}

/// `1 record`, `2 records`.
pub(crate) fn counted(count: usize, what: &str) -> String {
    if count == 1 {
        format!("1 {what}")
    } else {
        format!("{count} {what}s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_cannot_give_orders_to_the_terminal() {
        assert_eq!(plain("a\u{1b}[2Jb\n\u{9b}é"), "a\\u{1b}[2Jb\\n\\u{9b}é");
    }

    #[test]
    fn long_cells_are_cut_on_a_character() {
        assert_eq!(shown(&"é".repeat(40)), "é".repeat(40));
        assert_eq!(shown(&"é".repeat(41)), format!("{}…", "é".repeat(39)));
    }

    #[test]
    fn one_is_not_many() {
        assert_eq!(
            (counted(1, "record"), counted(0, "record")),
            ("1 record".into(), "0 records".into())
        );
    }
}
