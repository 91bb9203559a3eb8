//! A loss of power after every call by which the store changes a file, on the files of a real SQLite.
//!
//! A process does what a plan says, under a recorder that is loaded before the C library and writes
//! down what it does to the files of its store (`recorder.c`). The log is replayed on a disk that
//! forgets (`disk`), and after each call of the log the disks that may be found are made (`images`),
//! each is opened by the store, and what is found must be the state after some prefix of the writes,
//! with every acknowledged one (`proof`).
//!
//! It needs Linux with the GNU C library, and a C compiler. Elsewhere its tests say that they were
//! ignored: that is why it has a `main` of its own. `LARDER_PROOF=long` looks at many more crashes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test says what is wrong by panicking"
)]

mod child;
mod disk;
mod images;
mod plan;
mod proof;
mod recording;
mod story;
mod tests;
mod torn;

use std::path::Path;
use std::process::ExitCode;

use larder_figures::{Kind, Proof};

use recording::{DIR, PLAN, Recorder};

/// What one of the tests has looked at.
fn figures(test: &str, counts: proof::Counts) -> Vec<(Kind, u64)> {
    let states = counts.states as u64;
    let mut figures = vec![
        (Kind::CrashStates, states),
        (Kind::Faults, counts.failed as u64),
    ];
    if test == tests::SECOND_CUT {
        figures.push((Kind::SecondCuts, states));
    }
    figures
}

fn main() -> ExitCode {
    if let (Ok(plan), Some(dir)) = (std::env::var(PLAN), std::env::var_os(DIR)) {
        child::run(&serde_json::from_str(&plan).unwrap(), Path::new(&dir));
        return ExitCode::SUCCESS;
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let is_wanted = |name: &str| {
        let mut names = arguments
            .iter()
            .filter(|it| !it.starts_with('-'))
            .peekable();
        names.peek().is_none() || names.any(|it| name.contains(it.as_str()))
    };
    let tests: Vec<_> = tests::ALL
        .into_iter()
        .filter(|(name, _)| is_wanted(name))
        .collect();
    if arguments.iter().any(|it| it == "--list") {
        for (name, _) in tests {
            println!("{name}: test");
        }
        return ExitCode::SUCCESS;
    }
    let place = proof::workplace();
    let recorder = if cfg!(all(target_os = "linux", target_env = "gnu")) {
        Recorder::compile(place.path())
    } else {
        Err("it needs Linux with the GNU C library".to_owned())
    };
    let recorder = match recorder {
        Ok(recorder) => recorder,
        Err(why) => {
            for (name, _) in tests {
                println!("test {name} ... ignored, {why}");
            }
            return ExitCode::SUCCESS;
        }
    };
    let mut failed = 0;
    let mut all = proof::Counts::default();
    for (name, test) in tests {
        let proof = Proof::begin("SQLite under a loss of power", name);
        let result = std::panic::catch_unwind(|| test(&recorder));
        println!(
            "test {name} ... {}",
            if result.is_ok() { "ok" } else { "FAILED" }
        );
        match result {
            Ok(counts) => {
                proof.done(&figures(name, counts));
                all += counts;
            }
            Err(_) => failed += 1,
        }
    }
    println!("SQLite under a loss of power: {all}");
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(101)
    }
}
