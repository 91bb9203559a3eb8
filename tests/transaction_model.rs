//! The model-based test of transactions: random histories over three collections, in transactions
//! and outside of them, against every backend and against a reference that has no code of Larder's.
//!
//! Besides the answers it compares how the store's sequence number grows and what those who listen
//! are told. `model.rs` goes deeper into one collection; here the alphabets are small, so that the
//! operations of a transaction meet. `LARDER_PROOF=long` runs many more histories.
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

use larder_figures::{Kind, Proof};
use proptest::prelude::*;

use crate::moves::{Move, history};
use crate::run::Runner;

#[path = "transaction_model/acts.rs"]
mod acts;
#[path = "transaction_model/books.rs"]
mod books;
#[path = "transaction_model/desk.rs"]
mod desk;
#[path = "transaction_model/forms.rs"]
mod forms;
#[path = "model/keys.rs"]
mod keys;
#[path = "transaction_model/moves.rs"]
mod moves;
#[path = "transaction_model/run.rs"]
mod run;
#[path = "transaction_model/told.rs"]
mod told;

fn cases(ordinary: u32) -> ProptestConfig {
    let long = std::env::var("LARDER_PROOF").is_ok_and(|proof| proof == "long");
    ProptestConfig {
        cases: if long { ordinary * 40 } else { ordinary },
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// The same history on every backend, and refused for the same reasons.
fn everywhere(history: &[Move]) {
    let proof = Proof::begin("model of transactions", "every backend");
    let refusals = Runner::open("memory:").run(history);
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().display();
    for place in [format!("json:{dir}"), format!("sqlite:{dir}/data.db")] {
        assert_eq!(Runner::open(&place).run(history), refusals, "{place}");
    }
    proof.done(&[(Kind::Histories, 1)]);
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn transactions_answer_as_the_reference(history in history()) {
        everywhere(&history);
    }
}
