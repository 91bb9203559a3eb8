//! The order of a store's writes, as its journal gives it: numbers, entries, and who is told.
#![allow(missing_docs, reason = "a test crate")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use larder_core::backend::{Committer, CommitterOptions, Entry, EntryChange, Journal, Medium};
use larder_core::{ErrorKind, Result, StoreChanges};

struct Nothing;

impl Medium for Nothing {
    fn flush(&self) -> Result<u64> {
        Ok(u64::MAX)
    }

    fn release(&self) {}
}

fn committed() -> (Journal, Committer) {
    let mut journal = None;
    let committer = Committer::start(CommitterOptions::default(), |progress| {
        journal = Some(Journal::committed(progress));
        Arc::new(Nothing)
    });
    (journal.unwrap(), committer.unwrap())
}

fn cleared() -> Vec<Entry> {
    vec![Entry {
        collection: "notes".into(),
        change: EntryChange::Clear,
    }]
}

#[test]
fn a_write_has_its_place_in_the_order_and_what_changed_nothing_has_that_of_the_last() {
    let (journal, _committer) = committed();
    let numbers = [(); 2].map(|()| {
        let write = journal.turn().unwrap().commit((), cleared());
        write.sequence()
    });
    assert_eq!(numbers, [Some(1), Some(2)]);
    let unchanged = journal.turn().unwrap().unchanged(());
    assert_eq!(unchanged.sequence(), Some(2));
    assert_eq!(journal.flush().sequence(), Some(2));
    let (entries, last) = journal.take();
    assert_eq!((entries.len(), last), (2, 2));
    assert_eq!(journal.take().0.len(), 0, "they were taken");
    // In memory nothing is pending.
    let memory = Journal::memory();
    let write = memory.turn().unwrap().commit((), Vec::new());
    assert_eq!((write.sequence(), memory.last()), (None, 1));
}

#[test]
fn entries_are_wanted_only_where_somebody_makes_them_durable() {
    let (journal, _committer) = committed();
    assert!(journal.turn().unwrap().wants_entries());
    assert!(!Journal::memory().turn().unwrap().wants_entries());
}

#[test]
fn a_turn_knows_whether_somebody_listens() {
    let journal = Arc::new(Journal::memory());
    assert!(!journal.turn().unwrap().is_watched());
    let listener = StoreChanges::open(&journal, 8).unwrap();
    assert!(journal.turn().unwrap().is_watched());
    drop(listener);
    assert!(!journal.turn().unwrap().is_watched());
}

#[test]
fn a_journal_that_is_closed_refuses_writes() {
    let journal = Journal::memory();
    journal.close().unwrap();
    assert_eq!(journal.turn().unwrap_err().kind(), ErrorKind::Closed);
}
