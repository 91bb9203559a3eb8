//! What is wrong with a file apart from its records, as issues.
//!
//! Owns the words for damage, digests and headers, for a load and for an import alike. Records are
//! judged where they are read.

use larder_core::{Action, Issue, IssueKind, Position};

use crate::scan::{DigestState, Kind, Scan};

/// One thing that is wrong with a file.
pub(crate) struct Finding<'a> {
    pub(crate) issue: Issue,
    /// The bytes that belong to no record, where one may have been lost.
    pub(crate) lost: Option<&'a [u8]>,
}

/// Everything that is wrong with a file apart from its records.
pub(crate) fn of_file<'a>(
    bytes: &'a [u8],
    scan: &Scan,
    source: &str,
    collection: &str,
) -> Vec<Finding<'a>> {
    let mut findings = Vec::with_capacity(scan.damage.len());
    let mut lost_before = 0;
    for damage in &scan.damage {
        let mut position =
            Position::in_source(source).at_line(damage.line as u64, Some(damage.column as u64));
        // A blank file held nothing that could be kept apart; there is a copy of it as a whole.
        let lost = damage.lost && scan.kind != Kind::Blank;
        if lost {
            let found_before = scan
                .records
                .partition_point(|span| span.start < damage.start);
            position = position.at_record((found_before + lost_before) as u64);
            lost_before += 1;
        }
        let action = if lost {
            Action::Dropped
        } else {
            Action::Salvaged
        };
        let issue = Issue::new(
            collection,
            IssueKind::Syntax,
            action,
            damage.message.clone(),
        );
        let region = bytes
            .get(damage.start..damage.end)
            .unwrap_or_default()
            .trim_ascii();
        // The comma after a broken record is not part of it.
        let region = region.strip_suffix(b",").unwrap_or(region).trim_ascii_end();
        let lost = lost.then_some(region);
        findings.push(Finding {
            issue: issue.at(position),
            lost,
        });
    }
    if scan.kind == Kind::Blank {
        return findings;
    }
    let mut warn = |kind, message: &str| {
        let issue = Issue::new(collection, kind, Action::Kept, message);
        findings.push(Finding {
            issue: issue.at(Position::in_source(source)),
            lost: None,
        });
    };
    if scan.odd {
        warn(
            IssueKind::Digest,
            "the file has a header that is not whole, or members that no store writes; it is \
             copied before it is written over",
        );
    } else if scan.header_damaged {
        warn(
            IssueKind::Digest,
            "the header is damaged; the digest proves what it was",
        );
    } else if scan.digest == DigestState::Mismatch {
        warn(
            IssueKind::Digest,
            "the digest does not match: the file is damaged, or was edited by hand",
        );
    } else if scan.digest == DigestState::Missing {
        warn(
            IssueKind::Digest,
            "the file has no digest: it was edited by hand",
        );
    }
    if scan
        .header
        .as_ref()
        .is_some_and(|header| header.collection != collection)
    {
        warn(
            IssueKind::ExternalChange,
            "the file says it is another collection: it was renamed or copied",
        );
    }
    findings
}
