//! Records as they come, one line at a time.
//!
//! Owns [`Lines`], and telling a stream of lines from a file that makes sense only as a whole.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

use crate::failure::Failure;

/// The lines of an input that are not blank.
pub(super) struct Lines {
    reader: Box<dyn BufRead + Send>,
    source: String,
    number: u64,
    /// A line that was looked at and is still to be given.
    ahead: Option<Line>,
}

/// One line, without the white space around it.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) bytes: Vec<u8>,
    /// Its number, from 1.
    pub(super) number: u64,
}

/// What an input turned out to be.
pub(super) enum Input {
    /// Records, one per line.
    Lines(Lines),
    /// Something that has to be read as a whole, and was.
    Whole(Vec<u8>),
}

impl Lines {
    /// Of a file, or of standard input for `-`.
    pub(super) fn open(file: &str) -> Result<Self, Failure> {
        if file == "-" {
            return Ok(Self::new(io::stdin(), "standard input"));
        }
        let opened = File::open(file).map_err(|error| Failure::Read {
            what: file.to_owned(),
            error,
        })?;
        Ok(Self::new(opened, file))
    }

    fn new(reader: impl Read + Send + 'static, source: &str) -> Self {
        let reader = Box::new(BufReader::new(reader));
        Self {
            reader,
            source: source.to_owned(),
            number: 0,
            ahead: None,
        }
    }

    /// What positions call the input.
    pub(super) fn source(&self) -> &str {
        &self.source
    }

    /// The next line; waits for it.
    pub(super) fn next(&mut self) -> Result<Option<Line>, Failure> {
        if let Some(line) = self.ahead.take() {
            return Ok(Some(line));
        }
        loop {
            let mut bytes = Vec::new();
            self.reader
                .read_until(b'\n', &mut bytes)
                .map_err(|error| self.failure(error))?;
            if bytes.is_empty() {
                return Ok(None);
            }
            self.number += 1;
            let line = if self.number == 1 {
                without_mark(&bytes)
            } else {
                &bytes
            };
            let line = line.trim_ascii();
            if !line.is_empty() {
                return Ok(Some(Line {
                    bytes: line.to_vec(),
                    number: self.number,
                }));
            }
        }
    }

    /// Looks at the first line to tell what comes.
    pub(super) fn recognise(mut self) -> Result<Input, Failure> {
        let Some(first) = self.next()? else {
            return Ok(Input::Lines(self));
        };
        if !begins_a_whole(&first.bytes) {
            self.ahead = Some(first);
            return Ok(Input::Lines(self));
        }
        // As many newlines as there were, so that line numbers stay right.
        let blank = usize::try_from(first.number.saturating_sub(1)).unwrap_or_default();
        let mut bytes = vec![b'\n'; blank];
        bytes.extend_from_slice(&first.bytes);
        bytes.push(b'\n');
        self.reader
            .read_to_end(&mut bytes)
            .map_err(|error| self.failure(error))?;
        Ok(Input::Whole(bytes))
    }

    fn failure(&self, error: io::Error) -> Failure {
        Failure::Read {
            what: self.source.clone(),
            error,
        }
    }
}

/// Without a byte order mark.
fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// Whether this is the first line of an array or of a store's file. Everything else is a record of
/// its own, good or bad, because whoever wrote it may be waiting for the answer.
fn begins_a_whole(line: &[u8]) -> bool {
    if line.starts_with(b"[") || line == b"{" {
        return true;
    }
    let after_brace = line
        .strip_prefix(b"{")
        .unwrap_or_default()
        .trim_ascii_start();
    after_brace.starts_with(b"\"larder\"") || after_brace.starts_with(b"\"records\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(text: &'static str) -> Input {
        Lines::new(text.as_bytes(), "x").recognise().unwrap()
    }

    #[test]
    fn lines_are_records_whatever_is_in_them() {
        let Input::Lines(mut lines) = input("\u{feff}\n {\"id\": oops\r\n\nnull\n{\"id\":\"a\"}")
        else {
            panic!("not taken for lines");
        };
        let mut found = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            found.push((line.number, String::from_utf8(line.bytes).unwrap()));
        }
        let wanted = [(2, "{\"id\": oops"), (4, "null"), (5, "{\"id\":\"a\"}")];
        assert_eq!(
            found,
            wanted.map(|(number, text)| (number, text.to_owned()))
        );
    }

    #[test]
    fn files_that_make_sense_as_a_whole_are_read_as_one() {
        for text in [
            "\n[\n1,\n2]",
            "\n{\"larder\":1,\n\"records\":[]}",
            "\n{\n \"records\": []}",
        ] {
            let Input::Whole(bytes) = input(text) else {
                panic!("{text} taken for lines")
            };
            assert_eq!(String::from_utf8(bytes).unwrap().trim_end(), text);
        }
        assert!(matches!(input(""), Input::Lines(_)));
    }
}
