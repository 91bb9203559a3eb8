//! Random histories on every backend, against the model: `larder_testkit::model`.
//!
//! Owns how many. `LARDER_PROOF=long` runs very many more. What was run is printed past the harness, which
//! shows the output of a passing test to nobody.

#[path = "setups/json.rs"]
mod json;
#[path = "setups/simulated.rs"]
mod simulated;
#[path = "setups/sqlite.rs"]
mod sqlite;

use std::io::Write as _;

use larder_figures::{Kind, Proof};
use larder_testkit::{Ability, Memory, Setup, model};

/// Ordinarily, and where more is asked for.
fn histories<S: Setup>(name: &str, setup: impl Fn() -> S, ordinary: u32, long: u32) {
    let is_long = std::env::var("LARDER_PROOF").is_ok_and(|proof| proof == "long");
    let cases = if is_long { long } else { ordinary };
    let proof = Proof::begin(&format!("model of {name}"), "histories");
    let ran = model::histories(&setup, cases);
    let _ = writeln!(std::io::stderr(), "model of {name}: {ran}");
    assert_eq!(ran.histories, u64::from(cases));
    // A model that never reopens or crashes where it could proves less than it says.
    let setup = setup();
    let can = |ability| setup.abilities().contains(&ability);
    assert_eq!(ran.reopens > 0, can(Ability::Keep), "{ran}");
    assert_eq!(ran.crashes > 0, can(Ability::Crash), "{ran}");
    assert_eq!(ran.faults > 0, can(Ability::Fail), "{ran}");
    proof.done(&[
        (Kind::Histories, ran.histories),
        (Kind::CrashStates, ran.crashes),
        (Kind::Faults, ran.faults),
    ]);
}

#[test]
fn memory_is_as_the_model() {
    histories("memory", || Memory, 300, 60_000);
}

#[test]
fn json_files_are_as_the_model() {
    histories("JSON", json::Json::new, 16, 4_000);
}

#[test]
fn json_files_are_as_the_model_after_a_loss_of_power() {
    histories("JSON, losing power", simulated::Simulated::new, 60, 40_000);
}

#[test]
fn a_database_is_as_the_model() {
    histories("SQLite", sqlite::Sqlite::new, 16, 4_000);
}
