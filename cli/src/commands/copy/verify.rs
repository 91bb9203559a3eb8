//! What is in a collection, in short, and whether a copy has it.
//!
//! Owns [`content`]: the one walk over all records, for copying and for verifying, so that both see
//! the same; and [`verify`].

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use larder::{AnyRepository, Document, Page, Query, RepositoryExt as _, Store};
use xxhash_rust::xxh3::Xxh3Default;

use super::transfer::Copied;
use crate::failure::Failure;
use crate::output::counted;
use crate::progress::Progress;

/// How many records are taken at a time.
const BATCH: usize = 1_000;

/// The records of a collection, in short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::commands) struct Content {
    pub(in crate::commands) records: u64,
    /// Over the exact text of each record, in id order, and a newline.
    digest: u64,
}

impl Content {
    /// The digest as it is shown.
    pub(super) fn digest(&self) -> String {
        format!("xxh3:{:016x}", self.digest)
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let records = usize::try_from(self.records).unwrap_or(usize::MAX);
        write!(f, "{}, {}", counted(records, "record"), self.digest())
    }
}

/// Gives all records in id order, some at a time, and says what they were. Of an empty collection
/// no records are given, once.
pub(super) fn content(
    repository: &AnyRepository<Document>,
    progress: &Progress,
    mut take: impl FnMut(&[Arc<Document>]) -> Result<(), Failure>,
) -> Result<Content, Failure> {
    let mut digest = Xxh3Default::new();
    let mut count = 0;
    let mut query = Query::all().limit(BATCH);
    loop {
        let Page { records, next } = repository.page(query)?;
        for record in &records {
            digest.update(record.text().as_bytes());
            digest.update(b"\n");
            progress.step();
        }
        count += records.len() as u64;
        take(&records)?;
        match next {
            Some(next) => query = Query::all().limit(BATCH).after(next),
            None => {
                return Ok(Content {
                    records: count,
                    digest: digest.digest(),
                });
            }
        }
    }
}

/// One collection that was copied, and what is wrong with the copy.
#[derive(Debug)]
pub(in crate::commands) struct Verified {
    pub(super) copied: Copied,
    pub(super) problems: Vec<String>,
}

impl Verified {
    /// Whether the copy is what was copied.
    pub(in crate::commands) fn is_ok(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Compares what was copied with what is in the store now.
pub(in crate::commands) fn verify(
    copied: Vec<Copied>,
    store: &Store,
) -> Result<Vec<Verified>, Failure> {
    let records = copied.iter().map(|copied| copied.content.records).sum();
    let progress = Progress::new("verifying", records);
    let mut verified = Vec::new();
    for copied in copied {
        let problems = compare(&copied, store, &progress)?;
        verified.push(Verified { copied, problems });
    }
    // Now that all are open: what could not be loaded from them would be in it.
    let quarantine = store.quarantine()?;
    for Verified { copied, problems } in &mut verified {
        let is_in = |name: &str| name == copied.definition.collection;
        let there: BTreeSet<&str> = quarantine
            .iter()
            .filter(|entry| is_in(entry.collection()))
            .map(larder::Quarantined::key)
            .collect();
        if !there.iter().copied().eq(&copied.quarantined) {
            problems.push(format!(
                "{} in quarantine, and {} copied",
                there.len(),
                copied.quarantined.len()
            ));
        }
    }
    Ok(verified)
}

fn compare(copied: &Copied, store: &Store, progress: &Progress) -> Result<Vec<String>, Failure> {
    let name = &copied.definition.collection;
    let repository = match store.documents(name) {
        Ok(repository) => repository,
        Err(error) => return Ok(vec![format!("it cannot be opened: {error}")]),
    };
    let mut problems = Vec::new();
    if store.definition(name)? != copied.definition {
        problems.push("its definition is another".to_owned());
    }
    let there = content(&repository, progress, |_| Ok(()))?;
    if there != copied.content {
        problems.push(format!("it has {there}, and {} copied", copied.content));
    }
    Ok(problems)
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
