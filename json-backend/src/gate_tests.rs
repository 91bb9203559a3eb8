//! Judging a file of records on several threads: order, panics, and how far ahead.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use larder_core::backend::Admission;
use larder_core::{Collection, Document, Violation};
use proptest::prelude::*;

use super::{Gate, blocks};
use crate::scan::Span;

fn text(number: usize) -> String {
    format!(
        "{{\"id\":\"{number}\",\"pad\":\"{}\"}}",
        "x".repeat(number % 7)
    )
}

/// A file of so many records.
fn file(records: usize) -> (Vec<u8>, Vec<Span>) {
    let (mut bytes, mut spans) = (Vec::new(), Vec::new());
    for ordinal in 0..records {
        let start = bytes.len();
        bytes.extend(text(ordinal).as_bytes());
        let end = bytes.len();
        spans.push(Span {
            start,
            end,
            line: ordinal + 1,
            ordinal,
        });
    }
    (bytes, spans)
}

fn collection() -> Collection<Document> {
    Collection::named("records")
}

/// The ordinals in the order in which they are taken, by so many threads.
fn taken(collection: Collection<Document>, records: usize, threads: usize) -> Vec<usize> {
    let (bytes, spans) = file(records);
    let admission = Admission::new(collection).unwrap();
    let gate = Gate {
        admission: &admission,
        version: 1,
        bytes: &bytes,
        spans: &spans,
    };
    let mut taken = Vec::new();
    gate.judge_beside(threads, (4, 1 << 10), |span, record, judged| {
        assert_eq!(record, text(span.ordinal).as_bytes());
        let id = judged.unwrap().unwrap().admitted.id;
        assert_eq!(*id, *span.ordinal.to_string());
        taken.push(span.ordinal);
    });
    taken
}

#[test]
fn records_are_taken_in_the_order_of_the_file_however_many_threads_judge() {
    for (records, threads) in [(0, 3), (1, 3), (4, 1), (5, 2), (1_003, 8)] {
        assert!(
            taken(collection(), records, threads)
                .into_iter()
                .eq(0..records)
        );
    }
}

#[test]
fn the_panic_is_that_of_the_first_record_that_has_one_and_little_is_judged_after_it() {
    static JUDGED: AtomicUsize = AtomicUsize::new(0);
    let buggy = collection().check(|record: &Document| {
        JUDGED.fetch_add(1, Ordering::SeqCst);
        let id: usize = record.value()["id"].as_str().unwrap().parse().unwrap();
        if id == 90 {
            // The other threads come to their own panic first, if they are let.
            thread::yield_now();
        }
        assert!(id < 90, "a bug at {id}");
        Ok::<(), Violation>(())
    });
    let panic = catch_unwind(AssertUnwindSafe(|| taken(buggy, 100_000, 4))).unwrap_err();
    assert_eq!(panic.downcast_ref::<String>().unwrap(), "a bug at 90");
    // No more than the blocks that may be ahead: 4 threads, twice, of 4 records.
    assert!(JUDGED.load(Ordering::SeqCst) <= 90 + 4 * (4 * 2 + 1));
}

#[test]
fn whoever_takes_may_panic() {
    let (bytes, spans) = file(1_000);
    let admission = Admission::new(collection()).unwrap();
    let gate = Gate {
        admission: &admission,
        version: 1,
        bytes: &bytes,
        spans: &spans,
    };
    let panic = catch_unwind(AssertUnwindSafe(|| {
        gate.judge_beside(3, (4, 1 << 10), |span, _, _| {
            assert!(span.ordinal < 10, "enough");
        });
    }))
    .unwrap_err();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"enough"));
}

proptest! {
    #[test]
    fn blocks_are_all_records_once_and_none_is_large(
        lengths in proptest::collection::vec(0_usize..100, 0..60), records in 1_usize..9, bytes in 1_usize..200,
    ) {
        let spans: Vec<Span> = lengths
            .iter()
            .enumerate()
            .map(|(ordinal, length)| Span { start: 0, end: *length, line: 1, ordinal })
            .collect();
        let blocks = blocks(&spans, (records, bytes));
        prop_assert!(blocks.iter().cloned().flatten().eq(0..spans.len()));
        for block in &blocks {
            prop_assert!(block.len() <= records && !block.is_empty());
            let but_last: usize = lengths[block.start..block.end - 1].iter().sum();
            prop_assert!(but_last < bytes);
        }
        let numbers: BTreeSet<usize> = blocks.iter().map(|block| block.start).collect();
        prop_assert_eq!(numbers.len(), blocks.len());
    }
}
