//! Listening to changes: the same on every backend.
//!
//! Owns [`Setup`], a store of one backend with two collections. What is told is `told.rs`, to whom
//! when he does not keep up is `slow.rs`, how it is waited for is `waits.rs`, and how it ends is
//! `ends.rs`. That a feed agrees with random histories is tested in `transaction_model.rs`, too; and
//! what a backend by itself promises of it in the conformance kit (`testkit/src/cases/`).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::needless_pass_by_value,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a test fails by panicking, and moves directories where it needs them"
)]

#[path = "changes/ends.rs"]
mod ends;
#[path = "changes/slow.rs"]
mod slow;
#[path = "changes/told.rs"]
mod told;
#[path = "changes/waits.rs"]
mod waits;

use larder::prelude::*;
use larder::{AnyRepository, ChangeEvent, StoreChanges};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "notes")]
struct Note {
    #[record(id)]
    id: String,
    #[record(index)]
    n: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "marks")]
struct Mark {
    #[record(id)]
    id: String,
    #[record(unique)]
    of: Option<String>,
    n: u64,
    /// At run time only: two marks may be one as JSON.
    #[serde(skip)]
    live: bool,
}

fn note(id: &str, n: u64) -> Note {
    Note { id: id.into(), n }
}

fn mark(id: &str, n: u64) -> Mark {
    Mark {
        id: id.into(),
        of: None,
        n,
        live: false,
    }
}

/// More than any test here makes.
const ROOM: usize = 1 << 20;

/// A store of one backend, with both collections open.
struct Setup {
    url: String,
    store: Store,
    notes: AnyRepository<Note>,
    marks: AnyRepository<Mark>,
    dir: tempfile::TempDir,
}

impl Setup {
    fn new(scheme: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store");
        let path = path.display();
        let url = match scheme {
            "json" => format!("json:{path}?durability=process-crash"),
            "sqlite" => format!("sqlite:{path}/data.db?durability=process-crash"),
            _ => "memory:".to_owned(),
        };
        let store = Store::open(&url).unwrap();
        Self {
            notes: store.repository().unwrap(),
            marks: store.repository().unwrap(),
            store,
            url,
            dir,
        }
    }

    fn is(&self, scheme: &str) -> bool {
        self.url.starts_with(scheme)
    }

    fn save(&self, id: &str, n: u64) {
        self.notes.save(note(id, n)).unwrap().detach();
    }

    fn sequence(&self) -> u64 {
        self.store.health().applied
    }
}

/// Ends those who wait when a test fails meanwhile, so that it fails and does not hang.
struct EndIfFailed<'a>(&'a Store);

impl Drop for EndIfFailed<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = self.0.close().wait();
        }
    }
}

/// The changes of the next event, which is there and tells of no loss.
#[track_caller]
fn changed<C: std::fmt::Debug>(event: Option<ChangeEvent<C>>) -> Vec<C> {
    match event {
        Some(ChangeEvent::Changed(batch)) => batch,
        other => panic!("{other:?} is no change"),
    }
}

/// Nothing is there, and more may come.
#[track_caller]
fn is_quiet(changes: &mut StoreChanges) {
    assert!(changes.try_next().is_none());
    let waited = changes.wait_timeout(std::time::Duration::ZERO);
    assert_eq!(waited.unwrap_err().kind(), larder::ErrorKind::Timeout);
}

macro_rules! on_every_backend {
    ($($module:ident::$name:ident,)*) => {
        mod memory { $(#[test] fn $name() { crate::$module::$name("memory"); })* }
        mod json { $(#[test] fn $name() { crate::$module::$name("json"); })* }
        mod sqlite { $(#[test] fn $name() { crate::$module::$name("sqlite"); })* }
    };
}

on_every_backend![
    told::a_fast_reader_is_told_everything_once_and_in_order,
    told::what_is_told_is_visible_at_that_moment,
    told::a_subscription_leaves_no_gap_to_what_is_read_after_it,
    told::what_is_refused_or_taken_back_is_not_told,
    told::a_payload_is_what_the_repository_gives,
    slow::what_a_slow_reader_lost_is_known_exactly,
    slow::readers_are_independent,
    slow::a_reader_that_is_dropped_costs_nothing,
    waits::all_forms_give_the_same,
    waits::a_timeout_loses_nothing,
    waits::a_future_that_is_dropped_loses_nothing,
    waits::who_waits_is_woken,
    ends::a_closed_store_drains_and_ends,
    ends::a_dropped_store_drains_and_ends,
    ends::who_waits_when_it_ends_is_woken,
    ends::a_store_for_reading_ends_as_well,
];
