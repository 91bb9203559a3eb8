//! A file of records, taken apart for an import.
//!
//! Owns [`RecordFile`]: it accepts what a store's own file may look like, damaged or not, and
//! NDJSON. It checks no record and writes nothing.

use larder_core::{Error, ErrorKind, Issue, IssueKind, Position};

use crate::findings;
use crate::format::FORMAT;
use crate::scan::{Expected, Kind, Span, scan};

/// A file of records: a JSON array, a store's own file, or NDJSON (one JSON object per line).
///
/// ```
/// use larder_json::RecordFile;
///
/// let file = RecordFile::parse(b"{\"id\":\"a\"}\n{\"id\":\"b\"}\n".to_vec(), "-", "notes")?;
/// let records: Vec<&[u8]> = file.records().map(|record| record.bytes).collect();
/// assert_eq!(records, [b"{\"id\":\"a\"}", b"{\"id\":\"b\"}"]);
/// # Ok::<(), larder_core::Error>(())
/// ```
#[derive(Debug)]
pub struct RecordFile {
    bytes: Vec<u8>,
    source: String,
    spans: Vec<Span>,
    damage: Vec<Damaged>,
    issues: Vec<Issue>,
}

/// One record of a file.
#[derive(Clone, Debug)]
pub struct FileRecord<'a> {
    /// Its bytes, exactly; they may be no record, or no JSON.
    pub bytes: &'a [u8],
    /// Where it stands.
    pub position: Position,
}

/// A part of a file that could not be taken apart.
#[derive(Clone, Debug)]
pub struct Damaged {
    /// What is wrong, and where. [`Issue::is_drop`] if a record was lost.
    pub issue: Issue,
    /// The bytes that belong to no record.
    pub bytes: Vec<u8>,
}

impl RecordFile {
    /// Takes a file apart. `source` is what positions call it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unrecognized`] if it is none of the forms; [`ErrorKind::NewerVersion`] if a
    /// newer Larder wrote it.
    pub fn parse(bytes: Vec<u8>, source: &str, collection: &str) -> Result<Self, Error> {
        if is_ndjson(&bytes) {
            return Ok(Self::of_lines(bytes, source));
        }
        let found = scan(
            &bytes,
            &Expected {
                collection,
                version: 1,
            },
        );
        if found.kind == Kind::Unrecognised && holds_objects(&bytes) {
            return Ok(Self::of_lines(bytes, source));
        }
        if found.kind == Kind::Unrecognised {
            return Err(Error::new(
                ErrorKind::Unrecognized,
                "the file is neither a JSON array of records, nor a store file, nor NDJSON",
            )
            .with_path(source));
        }
        if let Some(format) = found.says.0.filter(|format| *format > FORMAT) {
            return Err(Error::new(
                ErrorKind::NewerVersion,
                format!("the file is of format {format}, this program knows {FORMAT}"),
            )
            .with_path(source));
        }
        let mut damage = Vec::new();
        let mut issues = Vec::new();
        for finding in findings::of_file(&bytes, &found, source, collection) {
            let issue = finding.issue;
            if issue.kind() == IssueKind::Syntax {
                damage.push(Damaged {
                    issue,
                    bytes: finding.lost.unwrap_or_default().to_vec(),
                });
            } else {
                issues.push(issue);
            }
        }
        let spans = found.records;
        Ok(Self {
            bytes,
            source: source.to_owned(),
            spans,
            damage,
            issues,
        })
    }

    /// NDJSON: each line is a record, or what is left of one.
    fn of_lines(bytes: Vec<u8>, source: &str) -> Self {
        let spans = lines(&bytes);
        let (damage, issues) = (Vec::new(), Vec::new());
        Self {
            bytes,
            source: source.to_owned(),
            spans,
            damage,
            issues,
        }
    }

    /// The records, in the order of the file.
    pub fn records(&self) -> impl Iterator<Item = FileRecord<'_>> {
        self.spans.iter().map(|span| FileRecord {
            bytes: self.bytes.get(span.start..span.end).unwrap_or_default(),
            position: Position::in_source(&self.source)
                .at_record(span.ordinal as u64)
                .at_line(span.line as u64, None),
        })
    }

    /// What could not be taken apart.
    #[must_use]
    pub fn damage(&self) -> &[Damaged] {
        &self.damage
    }

    /// What is wrong with the file as a whole; nothing was dropped for it.
    #[must_use]
    pub fn issues(&self) -> &[Issue] {
        &self.issues
    }
}

/// Whether some line is a whole object with more than one member: NDJSON whose first line is
/// broken, and not the source of some program.
fn holds_objects(bytes: &[u8]) -> bool {
    bytes.split(|byte| *byte == b'\n').any(|line| {
        serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(line)
            .is_ok_and(|object| object.len() > 1)
    })
}

/// Whether the first line is a whole object, and not the first line of a store's file.
fn is_ndjson(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let Some(first) = bytes
        .split(|byte| *byte == b'\n')
        .find(|line| !line.trim_ascii().is_empty())
    else {
        return false;
    };
    match serde_json::from_slice::<serde_json::Value>(first) {
        Ok(serde_json::Value::Object(object)) => {
            !object.contains_key("larder") && !object.contains_key("records")
        }
        _ => false,
    }
}

/// Each line that is not blank.
fn lines(bytes: &[u8]) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut start = if bytes.starts_with(b"\xef\xbb\xbf") {
        3
    } else {
        0
    };
    for (number, line) in bytes
        .get(start..)
        .unwrap_or_default()
        .split(|b| *b == b'\n')
        .enumerate()
    {
        let text = line.trim_ascii();
        if !text.is_empty() {
            let begin = start + (line.len() - line.trim_ascii_start().len());
            spans.push(Span {
                start: begin,
                end: begin + text.len(),
                line: number + 1,
                ordinal: spans.len(),
            });
        }
        start += line.len() + 1;
    }
    spans
}
