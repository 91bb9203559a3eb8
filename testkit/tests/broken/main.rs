//! The kit is tested: stores that each break one promise, and the case that says so.
//!
//! Owns the list. A store is broken in what it answers ([`Faulty`], around the store in memory) or in what it
//! keeps ([`Keeping`], a backend of its own). Both are here without a fault, too, and hold every case that
//! applies: so what a case says of a broken one is due to its fault.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test says what is wrong by panicking"
)]

mod faulty;
mod keeping;

use faulty::{Fault as Answers, Faulty};
use keeping::{Fault as Keeps, Keeping};
use larder_testkit::{Memory, Setup, cases, model};

larder_testkit::conformance!(sound_keeping, Keeping::sound());
larder_testkit::conformance!(sound_wrapper, Faulty::sound(Keeping::sound()));

/// Asserts that the case of this name fails, and says this.
#[track_caller]
fn is_caught<S: Setup>(setup: &S, case: &str, says: &str) {
    let all = cases::all::<S>();
    let found = all.iter().find(|it| it.to_string() == case);
    let found = found.unwrap_or_else(|| panic!("there is no case {case}"));
    assert_eq!(found.missing(setup), None, "{case} does not apply");
    match found.run(setup) {
        Ok(()) => panic!("{case} does not notice"),
        Err(message) => assert!(message.contains(says), "{case} fails for this: {message}"),
    }
}

macro_rules! broken {
    ($($name:ident: $setup:expr => $case:literal says $says:literal;)*) => {
        $(#[test] fn $name() { is_caught(&$setup, $case, $says); })*

        /// The cases that a broken store is named for.
        const CASES: &[&str] = &[$($case),*];
    };
}

broken! {
    remembers_reads: Faulty::broken(Answers::RemembersReads)
        => "visible::every_verb_is_seen_by_the_next_read" says "saved";
    forgets_an_index_on_update: Faulty::broken(Answers::ForgetsAnIndexOnUpdate)
        => "indexes::a_unique_key_moves_with_its_record" says "left: (None, None)";
    mutates_before_it_checks: Faulty::broken(Answers::MutatesBeforeItChecks)
        => "refused::what_the_schema_rejects_changes_nothing" says "the last of a list";
    leaves_twins_out: Faulty::broken(Answers::LeavesTwinsOut)
        => "refused::twins_in_a_list_change_nothing" says "had to be refused";
    insert_overwrites: Faulty::broken(Answers::InsertOverwrites)
        => "conflicts::an_insert_over_a_record_is_told_of_it" says "had to be refused";
    replace_compares_nothing: Faulty::broken(Answers::ReplaceComparesNothing)
        => "conflicts::a_replace_that_is_too_late_is_told_what_is_there" says "had to be refused";
    reverses_equal_keys: Faulty::broken(Answers::ReversesEqualKeys)
        => "queries::an_order_is_by_its_key_and_then_by_id" says "descending: true";
    limit_is_one_off: Faulty::broken(Answers::LimitIsOneOff)
        => "queries::a_limit_is_what_it_says" says "0";
    counts_entries: Faulty::broken(Answers::CountsEntries)
        => "conditions::conditions_on_lists_hold" says "the count of";
    cursor_repeats_a_record: Faulty::broken(Answers::CursorRepeatsARecord)
        => "pages::pages_give_every_record_once" says "is too much";
    tells_twice: Faulty::broken(Answers::TellsTwice)
        => "changes::every_change_is_told_once" says "nothing had happened";
    tells_too_early: Faulty::broken(Answers::TellsTooEarly)
        => "changes::what_is_told_is_visible" says "what is seen by who is told";
    keeps_losses_quiet: Faulty::broken(Answers::KeepsLossesQuiet)
        => "readers::who_does_not_keep_up_is_told_what_was_lost" says "tells of no loss";
    keeps_what_failed: Faulty::broken(Answers::KeepsWhatFailed)
        => "transactions::an_error_takes_everything_back" says "what it did before its error stays";
    loses_writes_beside: Faulty::broken(Answers::LosesWritesBeside)
        => "isolation::a_nested_one_is_an_error" says "had to be refused";
    writes_through: Faulty::broken(Answers::WritesThrough)
        => "isolation::others_see_nothing_before_its_end" says "what is not done yet is seen";
    answers_when_closed: Faulty::broken(Answers::AnswersWhenClosed)
        => "lifecycle::a_closed_store_refuses_everything" says "get was done";

    acknowledges_too_early: Keeping::broken(Keeps::AcknowledgesTooEarly)
        => "durable::a_wait_is_durable" says "an acknowledged write is lost";
    forgets_that_it_was_dirty: Keeping::broken(Keeps::ForgetsThatItWasDirty)
        => "pending::what_failed_is_flushed_later" says "left: ([\"safe\"]";
    acknowledges_what_failed: Keeping::broken(Keeps::AcknowledgesWhatFailed)
        => "pending::who_waits_is_told" says "on an `Ok` value";
    hides_that_it_fails: Keeping::broken(Keeps::HidesThatItFails)
        => "pending::health_says_so" says "Healthy";
    loses_the_last_write: Keeping::broken(Keeps::LosesTheLastWrite)
        => "prefix::the_last_write_before_a_close_is_found" says "after write";
    writes_collections_one_by_one: Keeping::broken(Keeps::WritesCollectionsOneByOne)
        => "prefix::a_transaction_is_there_or_not" says "is a part of";
    forgets_deletes: Keeping::broken(Keeps::ForgetsDeletes)
        => "durable::a_delete_and_a_clear_are_durable" says "left: [\"a\", \"b\", \"c\"]";
    keeps_ascii_only: Keeping::broken(Keeps::KeepsAsciiOnly)
        => "accepted::what_is_saved_comes_back_the_same" says "InvalidId";
    keeps_rejected_tidied: Keeping::broken(Keeps::KeepsRejectedTidied)
        => "rejected::its_exact_bytes_are_kept" says r#"{\"contents\":"#;
    destroys_what_it_rejects: Keeping::broken(Keeps::DestroysWhatItRejects)
        => "rejected::its_exact_bytes_are_kept" says "left: {}";
    lets_everybody_in: Keeping::broken(Keeps::LetsEverybodyIn)
        => "lifecycle::a_second_owner_is_kept_out_or_right" says "of the other owner is not seen";
    knows_no_versions: Keeping::broken(Keeps::KnowsNoVersions)
        => "versions::newer_data_is_refused" says "on an `Ok` value";
    drops_unknown_fields: Keeping::broken(Keeps::DropsUnknownFields)
        => "versions::fields_that_a_type_does_not_know_stay" says "since";
    closes_anyway: Keeping::broken(Keeps::ClosesAnyway)
        => "pending::it_does_not_close_before_it_could_flush" says "on an `Ok` value";
}

#[test]
fn a_summary_tells_what_a_broken_store_broke() {
    let summary = larder_testkit::run(|| Faulty::<Memory>::broken(Answers::LimitIsOneOff));
    assert!(!summary.is_sound());
    let failed: Vec<&str> = summary.failed.iter().map(|(case, _)| &**case).collect();
    assert!(
        failed.contains(&"queries::a_limit_is_what_it_says"),
        "{failed:?}"
    );
    assert!(failed.len() < summary.held.len() / 4, "{failed:?}");
    let text = summary.to_string();
    assert!(
        text.contains("failed: queries::a_limit_is_what_it_says: "),
        "{text}"
    );
}

/// Asserts that some history shows it, with the shortest that does, and says one of these: a write that
/// is lost may be missed at a crash before anything else is asked.
#[track_caller]
fn is_caught_by_the_model<S: Setup>(setup: impl Fn() -> S, says: &[&str]) {
    let search = std::panic::AssertUnwindSafe(|| model::histories(setup, 300));
    let Err(panic) = std::panic::catch_unwind(search) else {
        panic!("the model does not notice");
    };
    let message = panic.downcast_ref::<String>().unwrap();
    let is_told = says.iter().any(|says| message.contains(says));
    assert!(is_told, "it fails for this: {message}");
    assert!(message.contains("minimal failing input: "), "{message}");
}

#[test]
fn the_model_notices_what_is_answered_and_what_is_kept() {
    is_caught_by_the_model(
        || Faulty::broken(Answers::ForgetsAnIndexOnUpdate),
        &["Query"],
    );
    is_caught_by_the_model(
        || Keeping::broken(Keeps::AcknowledgesTooEarly),
        &["since what was acknowledged"],
    );
    let ran = model::histories(|| Faulty::sound(Keeping::sound()), 50);
    assert!(ran.crashes > 0 && ran.reopens > 0, "{ran}");
}

#[test]
fn the_model_notices_what_becomes_of_a_flush_that_failed() {
    let lost = "since what was acknowledged";
    for (fault, says) in [
        (Keeps::AcknowledgesWhatFailed, "no flush can be made"),
        (Keeps::ClosesAnyway, "it closes, and no flush can be made"),
        (Keeps::HidesThatItFails, "the health after a failed flush"),
        (Keeps::ForgetsThatItWasDirty, "the end: the records"),
    ] {
        is_caught_by_the_model(|| Keeping::broken(fault), &[says, lost]);
    }
    let ran = model::histories(Keeping::sound, 50);
    assert!(ran.faults > 0 && ran.told > 0 && ran.left_out == 0, "{ran}");
}

#[test]
fn every_promise_is_broken_by_some_store() {
    for case in cases::all::<Memory>() {
        let group = format!("{}::", case.group);
        let is_broken = CASES.iter().any(|case| case.starts_with(&group));
        assert!(is_broken, "no store breaks a promise of {group}");
    }
}
