//! How a bare array that was found is laid out, so that it can be written the same way.
//!
//! It owns looking at white space around the first records. `format` owns what is done with it.

use crate::cursor::Bytes;
use crate::format::ArrayStyle;
use crate::scan::Span;

/// How many records are looked at to see how records are indented inside.
const SAMPLE: usize = 16;

/// The style of an array whose elements start at `list`.
pub(crate) fn array_style(bytes: Bytes<'_>, list: usize, records: &[Span]) -> ArrayStyle {
    let crlf = memchr::memchr(b'\n', bytes.0)
        .and_then(|at| bytes.at(at.checked_sub(1)?))
        .is_some_and(|before| before == b'\r');
    let ending = ArrayStyle {
        newline_at_end: bytes.0.ends_with(b"\n"),
        crlf,
        ..ArrayStyle::default()
    };
    let Some(first) = records.first() else {
        return ending;
    };
    let before = bytes.slice(list, first.start);
    let prefix = memchr::memrchr(b'\n', before)
        .and_then(|at| before.get(at + 1..))
        .and_then(text);
    let unit = records.iter().take(SAMPLE).find_map(|record| {
        let record = bytes.slice(record.start, record.end);
        let line = record.get(memchr::memchr(b'\n', record)? + 1..)?;
        let inner = text(line.get(..line.iter().position(|b| !matches!(b, b' ' | b'\t'))?)?)?;
        // What the record's own position adds is no part of one step.
        Some(match &prefix {
            Some(prefix) => inner
                .strip_prefix(prefix.as_str())
                .unwrap_or(&inner)
                .to_owned(),
            None => inner,
        })
    });
    let spaced = match records {
        [first, second, ..] => bytes.slice(first.end, second.start) == b", ",
        _ => false,
    };
    ArrayStyle {
        prefix,
        unit,
        spaced,
        ..ending
    }
}

fn text(blanks: &[u8]) -> Option<String> {
    let is_blank = blanks.iter().all(|byte| matches!(byte, b' ' | b'\t'));
    is_blank.then(|| String::from_utf8_lossy(blanks).into_owned())
}
