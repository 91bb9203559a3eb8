//! `examples/orchestrator`, killed at any moment and started again: no pending gate is lost, no decided gate
//! undone, and no run left running without an owner, on JSON and on SQLite.
//!
//! The example says what is durable, line by line (`--ledger`). It is killed when a random number of lines
//! has come, so by its progress and not by a time; then its store is opened for reading, so that nothing
//! is mended by looking, and has to agree with everything that was ever said. `LARDER_SEED` repeats the
//! numbers of an earlier run, though not the scheduling of its threads; `LARDER_PROOF=long` is for a night.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

#[path = "orchestrator_kills/disk.rs"]
mod disk;
#[path = "orchestrator_kills/example.rs"]
mod example;
#[path = "orchestrator_kills/facts.rs"]
mod facts;

use std::collections::BTreeSet;
use std::hint::spin_loop;

use disk::Disk;
use example::Example;
use facts::{Fact, Known};
use fastrand::Rng;
use larder_stores::monitor_run::RunStatus;
use tempfile::TempDir;

/// Long enough that most gates are decided, and short enough that some expire while nobody lives.
const EXPIRY_MS: u64 = 150;

/// More than there will ever be: nothing is put away for good.
const EVERYTHING: &str = "1000000";

fn kills() -> u32 {
    let is_long = std::env::var_os("LARDER_PROOF").is_some_and(|proof| proof == "long");
    if is_long { 1000 } else { 50 }
}

fn random() -> Rng {
    let seed = std::env::var("LARDER_SEED")
        .map_or_else(|_| fastrand::u64(..), |seed| seed.parse().unwrap());
    println!("LARDER_SEED={seed}");
    Rng::with_seed(seed)
}

/// A start that decides by itself.
fn start_alone(url: &str, more: &str) -> Example {
    let arguments =
        format!("--ledger --auto --workers 3 --pace 2 --expiry {EXPIRY_MS} --keep {more}");
    let mut arguments: Vec<&str> = arguments.split(' ').collect();
    arguments.push(url);
    Example::start(&arguments)
}

/// A place where there is no store yet.
fn nowhere(scheme: &str) -> (TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("{scheme}:{}", dir.path().join("store").display());
    (dir, url)
}

#[test]
fn killed_at_any_moment_on_json() {
    killed_at_any_moment(&nowhere("json").1);
}

#[test]
fn killed_at_any_moment_on_sqlite() {
    killed_at_any_moment(&nowhere("sqlite").1);
}

fn killed_at_any_moment(url: &str) {
    let mut random = random();
    let mut known = Known::default();
    let mut before = Disk::default();
    let mut recoveries = 0;
    for kill in 0..kills() {
        let (lines, later) = moment(&mut random);
        let heard = start_and_kill(url, lines, later);
        println!("kill {kill}, after {} lines", heard.len());
        known.learn(&heard);
        let disk = Disk::read(url);
        known.agrees_with(&disk);
        disk.is_consistent(EXPIRY_MS);
        if let Some(recovered) = heard.iter().position(Fact::is_recovered) {
            recoveries += 1;
            everything_was_found(&before, &heard[..recovered]);
            // What is running was begun in this life, or taken over in it.
            for id in disk.running().intersection(&before.running()) {
                let lease = |disk: &Disk| disk.runs[id].lease.clone();
                assert_ne!(lease(&before), lease(&disk), "{id}: its owner is dead");
            }
        }
        known.learn(&disk.facts());
        before = disk;
    }
    println!("{recoveries} of {} starts had recovered; {known}", kills());
    assert!(recoveries > kills() / 3);
    assert!(before.archived_gates > 0);
    known.is_of_all_kinds();

    // In the end everything is brought to an end, and nothing is forgotten.
    let heard = start_alone(url, &format!("{EVERYTHING} --rounds 1")).ends_well();
    let recovered = heard.iter().position(Fact::is_recovered).unwrap();
    everything_was_found(&before, &heard[..recovered]);
    known.learn(&heard);
    let disk = Disk::read(url);
    known.agrees_with(&disk);
    disk.is_consistent(EXPIRY_MS);
    disk.is_at_rest();

    // And what is over may go.
    start_alone(url, "5 --rounds 1").ends_well();
    let disk = Disk::read(url);
    disk.is_at_rest();
    assert_eq!(disk.sizes(), (5, 5, 5));
}

#[test]
fn killed_while_the_store_is_made() {
    let mut random = random();
    for scheme in ["json", "sqlite"].repeat(5) {
        let (_dir, url) = nowhere(scheme);
        let lines = random.usize(0..4);
        let mut known = Known::default();
        known.learn(&start_and_kill(&url, lines, random.u32(0..200_000)));
        known.agrees_with(&Disk::read(&url));
        known.learn(&start_alone(&url, &format!("{EVERYTHING} --rounds 1")).ends_well());
        let disk = Disk::read(&url);
        known.agrees_with(&disk);
        disk.is_consistent(EXPIRY_MS);
        disk.is_at_rest();
    }
}

/// When to kill: after how many lines, and how much later than that.
fn moment(random: &mut Rng) -> (usize, u32) {
    let (lines, longest) = match random.u32(0..10) {
        // While it opens the store.
        0 => (0, 1_000_000),
        // While it recovers, or begins to work.
        1..=3 => (random.usize(1..12), 20_000),
        _ => (random.usize(12..70), 200_000),
    };
    (lines, random.u32(0..longest))
}

/// What was said by a process that was killed.
fn start_and_kill(url: &str, lines: usize, later: u32) -> Vec<Fact> {
    let mut example = start_alone(url, EVERYTHING);
    let mut heard: Vec<Fact> = (0..lines).map(|_| example.says()).collect();
    // So that it is not always killed while it says something.
    for _ in 0..later {
        spin_loop();
    }
    heard.extend(example.kill());
    heard
}

/// What a start says that it found is what was there: no more and no less.
fn everything_was_found(before: &Disk, found: &[Fact]) {
    assert_eq!(facts::sessions(found), before.live());
    assert_eq!(facts::gates(found), before.pending());
    assert_eq!(facts::runs(found), before.running());
    for fact in found {
        match fact {
            Fact::Gate(id, status, _) => {
                assert!(
                    ["pending", "expired"].contains(&&**status),
                    "{id} is {status}"
                );
            }
            Fact::Run(id, status, _) => assert_eq!(status, "running", "{id}"),
            Fact::Session(..) | Fact::Note(_) => {}
        }
    }
}

#[test]
fn a_person_decides_and_ends_it() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("json:{}", dir.path().display());
    let arguments = [&*url, "--ledger", "--workers", "1", "--pace", "1"];
    let once = [&arguments[..], &["--rounds", "1"]].concat();
    let mut example = Example::start(&once);
    let first = example.says_that_a_gate_is("pending");
    example.hears(&format!("approve {first}"));
    assert_eq!(example.says_that_a_gate_is("approved"), first);
    let second = example.says_that_a_gate_is("pending");
    example.hears("hm?");
    example.hears("r");
    assert_eq!(example.says_that_a_gate_is("rejected"), second);
    example.ends_well();
    let disk = Disk::read(&url);
    disk.is_at_rest();
    let run = disk.runs.values().next().unwrap();
    assert_eq!((run.status, run.iteration), (RunStatus::Blocked, 4));

    // To end it decides nothing.
    let mut example = Example::start(&arguments);
    let third = example.says_that_a_gate_is("pending");
    example.hears("q");
    example.ends_well();
    assert_eq!(Disk::read(&url).pending(), BTreeSet::from([third.clone()]));
    // Nor does it if nobody types any more. By the end of its id a gate can be named, too.
    let mut example = Example::start(&arguments);
    assert_eq!(example.says_that_a_gate_is("pending"), third);
    let end = third.rsplit('_').next().unwrap();
    example.hears(&format!("a {end}"));
    assert_eq!(example.says_that_a_gate_is("approved"), third);
    example.says_that_a_gate_is("pending");
    example.ends_well();
    assert_eq!(Disk::read(&url).pending().len(), 1);
}
