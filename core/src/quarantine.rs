//! A record that was rejected, with its exact bytes and the reason.
//!
//! Owns [`Quarantined`] and its text form, one JSON line. Where the lines are kept is the
//! backend's.

use std::fmt;

use data_encoding::BASE64;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::issue::Issue;

/// A rejected record: its bytes, exactly, and why.
///
/// `Debug` does not show the bytes: they are what the issue's message must not hold.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Line", try_from = "Line")]
pub struct Quarantined {
    key: String,
    at: Timestamp,
    issue: Issue,
    bytes: Vec<u8>,
}

impl Quarantined {
    /// Puts these bytes in quarantine, now.
    #[must_use]
    pub fn new(issue: Issue, bytes: &[u8]) -> Self {
        Self::at(issue, bytes, Timestamp::now())
    }

    fn at(issue: Issue, bytes: &[u8], at: Timestamp) -> Self {
        // Same collection, same place, same bytes: the same entry, however often the file is
        // opened. The place, because a file may hold `null` twice.
        let mut hashed = issue.collection().as_bytes().to_vec();
        hashed.push(0);
        hashed.extend_from_slice(&issue.position().record.unwrap_or(u64::MAX).to_le_bytes());
        hashed.extend_from_slice(bytes);
        Self {
            key: format!("{:016x}", xxh3_64(&hashed)),
            at,
            issue,
            bytes: bytes.to_vec(),
        }
    }

    /// An entry as a backend kept it: why, since when ([`since`](Self::since)) and which bytes.
    ///
    /// # Errors
    ///
    /// A time that is not RFC 3339.
    pub fn kept(issue: Issue, since: &str, bytes: &[u8]) -> Result<Self, &'static str> {
        let at = since.parse().map_err(|_| "the time is not RFC 3339")?;
        Ok(Self::at(issue, bytes, at))
    }

    /// What names the entry: 16 hexadecimal digits, the same for the same bytes at the same place.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The collection.
    #[must_use]
    pub fn collection(&self) -> &str {
        self.issue.collection()
    }

    /// When it was put here, as RFC 3339.
    #[must_use]
    pub fn since(&self) -> String {
        self.at.to_string()
    }

    /// Why.
    #[must_use]
    pub fn issue(&self) -> &Issue {
        &self.issue
    }

    /// The record's bytes, exactly as they stood in the file.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Debug for Quarantined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Quarantined")
            .field("key", &self.key)
            .field("issue", &self.issue)
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

/// One line: the bytes as text where they are UTF-8, so that people can read and search them.
#[derive(Serialize, Deserialize)]
struct Line {
    key: String,
    at: String,
    issue: Issue,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

impl From<Quarantined> for Line {
    fn from(entry: Quarantined) -> Self {
        let (text, base64) = match String::from_utf8(entry.bytes) {
            Ok(text) => (Some(text), None),
            Err(error) => (None, Some(BASE64.encode(error.as_bytes()))),
        };
        Self {
            key: entry.key,
            at: entry.at.to_string(),
            issue: entry.issue,
            text,
            base64,
        }
    }
}

impl TryFrom<Line> for Quarantined {
    type Error = &'static str;

    fn try_from(line: Line) -> Result<Self, &'static str> {
        let bytes = match (line.text, line.base64) {
            (Some(text), None) => text.into_bytes(),
            (None, Some(base64)) => BASE64
                .decode(base64.as_bytes())
                .map_err(|_| "the bytes are not base64")?,
            _ => return Err("an entry needs either text or base64"),
        };
        let at = line.at.parse().map_err(|_| "the time is not RFC 3339")?;
        let entry = Self::at(line.issue, &bytes, at);
        if entry.key != line.key {
            return Err("the bytes do not match their key");
        }
        Ok(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issue::{Action, IssueKind};

    fn issue() -> Issue {
        Issue::new("c", IssueKind::Syntax, Action::Dropped, "cut off")
    }

    #[test]
    fn bytes_come_back_exactly_whatever_they_are() {
        for bytes in [b"{\"a\":\"\n\"}".as_slice(), b"\xff\xfe\x00", b""] {
            let entry = Quarantined::new(issue(), bytes);
            let line = serde_json::to_string(&entry).unwrap();
            assert!(!line.contains('\n'));
            assert_eq!(serde_json::from_str::<Quarantined>(&line).unwrap(), entry);
        }
    }

    #[test]
    fn a_line_whose_bytes_were_changed_is_not_taken_for_the_entry() {
        let line = serde_json::to_string(&Quarantined::new(issue(), b"abc")).unwrap();
        assert!(serde_json::from_str::<Quarantined>(&line.replace("abc", "abd")).is_err());
    }

    #[test]
    fn debug_hides_the_bytes() {
        assert!(!format!("{:?}", Quarantined::new(issue(), b"secret")).contains("secret"));
    }
}
