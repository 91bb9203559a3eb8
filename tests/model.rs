//! The model-based test: random histories against every backend and against a reference that has
//! no indexes, no files and no code of Larder's.
//!
//! `LARDER_PROOF=long` runs many more histories.
#![allow(missing_docs, unreachable_pub, reason = "a test crate")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]
#![allow(
    clippy::result_large_err,
    clippy::large_enum_variant,
    reason = "a refusal carries the record, and nothing here is hot"
)]

use larder::{Document, Query, RepositoryExt, Store};
use larder_figures::{Kind, Proof};
use proptest::prelude::*;
use serde_json::Value;

use crate::moves::{Move, history};
use crate::query::Handled;
use crate::rec::Rec;
use crate::run::{Runner, file_holds};

#[path = "model/exhaustive.rs"]
mod exhaustive;
#[path = "model/handles.rs"]
mod handles;
#[path = "model/keys.rs"]
mod keys;
#[path = "model/moves.rs"]
mod moves;
#[path = "model/promises.rs"]
mod promises;
#[path = "model/query.rs"]
mod query;
#[path = "model/rec.rs"]
mod rec;
#[path = "model/reference.rs"]
mod reference;
#[path = "model/run.rs"]
mod run;
#[path = "model/steps.rs"]
mod steps;
#[path = "model/threads.rs"]
mod threads;

fn long() -> bool {
    std::env::var("LARDER_PROOF").is_ok_and(|proof| proof == "long")
}

fn cases(ordinary: u32) -> ProptestConfig {
    ProptestConfig {
        cases: if long() { ordinary * 50 } else { ordinary },
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// The same history on every backend, as this form of the record.
fn everywhere<T: Handled>(form: &str, history: &[Move]) {
    let proof = Proof::begin("model of one collection", form);
    let (_, refusals) = Runner::<T>::open("memory:").run(history);
    let dir = tempfile::tempdir().unwrap();
    let (reference, on_disk) = Runner::<T>::open(&json(dir.path())).run(history);
    assert_eq!(refusals, on_disk);
    file_holds(dir.path(), &reference);
    // What was written as one form is read as every other.
    let json = json(dir.path());
    reread::<Rec>(&json, &reference);
    reread::<Value>(&json, &reference);
    reread::<Document>(&json, &reference);

    let sqlite = sqlite(dir.path());
    let (reference, in_database) = Runner::<T>::open(&sqlite).run(history);
    assert_eq!(refusals, in_database);
    reread::<Rec>(&sqlite, &reference);
    reread::<Value>(&sqlite, &reference);
    reread::<Document>(&sqlite, &reference);
    proof.done(&[(Kind::Histories, 1)]);
}

fn json(dir: &std::path::Path) -> String {
    format!("json:{}", dir.to_str().unwrap())
}

fn sqlite(dir: &std::path::Path) -> String {
    format!("sqlite:{}/data.db", dir.to_str().unwrap())
}

fn reread<T: Handled>(url: &str, reference: &reference::Reference) {
    let store = Store::open(url).unwrap();
    let repo = store.collection(T::collection()).unwrap();
    let found = repo.find(Query::all()).unwrap();
    assert!(
        found
            .iter()
            .zip(reference.records())
            .all(|(a, b)| a.view() == b.json())
    );
    assert_eq!(found.len(), reference.records().len());
    assert!(store.load_report().issues().is_empty());
    store.close().wait().unwrap();
}

proptest! {
    #![proptest_config(cases(100))]

    #[test]
    fn typed_collections_answer_as_the_reference(history in history()) {
        everywhere::<Rec>("types", &history);
    }
}

proptest! {
    #![proptest_config(cases(30))]

    #[test]
    fn collections_of_values_answer_as_the_reference(history in history()) {
        everywhere::<Value>("values", &history);
    }

    #[test]
    fn collections_of_documents_answer_as_the_reference(history in history()) {
        everywhere::<Document>("documents", &history);
    }
}

/// Every kind of key, asked of every field.
fn asked_of_everything<T: Handled>() {
    let dir = tempfile::tempdir().unwrap();
    for place in ["memory:".to_owned(), json(dir.path()), sqlite(dir.path())] {
        exhaustive::every_key_of_every_target::<T>(&place);
    }
}

#[test]
fn whatever_is_asked_of_whatever_field_is_answered_as_the_reference() {
    asked_of_everything::<Rec>();
    asked_of_everything::<Value>();
}

/// On every backend, in a place of its own.
fn on_each(test: impl Fn(&str)) {
    test("memory:");
    for debounce in ["0s", "5ms", "1h"] {
        let dir = tempfile::tempdir().unwrap();
        for place in [json(dir.path()), sqlite(dir.path())] {
            test(&format!(
                "{place}?debounce={debounce}&durability=process-crash"
            ));
        }
    }
}

#[test]
fn no_update_is_lost_among_eight_threads() {
    let each = if long() { 5_000 } else { 200 };
    on_each(|url| threads::increments(url, each));
}

#[test]
fn a_reader_never_sees_an_index_that_disagrees_with_the_records() {
    let each = if long() { 5_000 } else { 200 };
    on_each(|url| threads::readers(url, each));
}

#[test]
fn a_query_that_is_none_is_refused_everywhere() {
    on_each(promises::a_query_that_is_none_is_refused);
}

#[test]
fn counting_refuses_what_finding_refuses() {
    on_each(promises::counting_refuses_what_finding_refuses);
}

#[test]
fn a_range_of_two_kinds_holds_nothing() {
    on_each(promises::a_range_of_two_kinds_holds_nothing);
}

#[test]
fn the_first_operation_that_cannot_be_done_is_told() {
    on_each(promises::the_first_operation_that_cannot_be_done_is_told);
}

#[test]
fn a_plan_reads_no_more_records_than_there_are() {
    on_each(promises::a_plan_reads_no_more_records_than_there_are);
}
