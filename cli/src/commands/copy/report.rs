//! The answer of `copy`, `backup` and `restore`.
//!
//! Owns its two forms and the exit status. What is verified is `verify.rs`.

use serde::Serialize;

use super::verify::Verified;
use crate::failure::{Outcome, Verdict};
use crate::output::{Output, counted, note};

/// The answer for machines.
#[derive(Debug, Serialize)]
struct Report<'v> {
    collections: Vec<Line<'v>>,
    quarantined: usize,
}

#[derive(Debug, Serialize)]
struct Line<'v> {
    name: &'v str,
    records: u64,
    digest: String,
    verified: bool,
}

impl<'v> Line<'v> {
    fn of(verified: &'v Verified) -> Self {
        let copied = &verified.copied;
        Self {
            name: &copied.definition.collection,
            records: copied.content.records,
            digest: copied.content.digest(),
            verified: verified.is_ok(),
        }
    }
}

/// Writes what was copied to this place. A record that could not be loaded is a problem, as it is
/// of an export: the copy has it in quarantine only.
pub(in crate::commands) fn report(verified: &[Verified], to: &str, out: &mut Output) -> Outcome {
    let mut verdict = Verdict::Clean;
    for Verified { copied, problems } in verified {
        let name = &copied.definition.collection;
        if copied.dropped > 0 {
            verdict = Verdict::Problems;
            note(format_args!(
                "{} of {name:?} cannot be loaded: {to} has them in quarantine",
                counted(copied.dropped, "record"),
            ));
        }
        for problem in problems {
            verdict = Verdict::Problems;
            note(format_args!(
                "{name:?} of {to} is not what was copied: {problem}"
            ));
        }
    }
    if out.is_json() {
        let quarantined = verified.iter();
        out.value(&Report {
            collections: verified.iter().map(Line::of).collect(),
            quarantined: quarantined.map(|one| one.copied.quarantined.len()).sum(),
        })?;
        return Ok(verdict);
    }
    for one in verified {
        let copied = &one.copied;
        let quarantined = match copied.quarantined.len() {
            0 => String::new(),
            entries => format!(", {entries} in quarantine"),
        };
        out.line(format_args!(
            "{}: {}{quarantined}, {}",
            copied.definition.collection,
            copied.content,
            if one.is_ok() {
                "verified"
            } else {
                "NOT VERIFIED"
            },
        ))?;
    }
    if verified.is_empty() {
        out.line("the store is empty")?;
    }
    Ok(verdict)
}
