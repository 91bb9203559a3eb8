//! A bounded run of each target: the seeds, and mutations of them.
//!
//! Owns how bytes are changed. `LARDER_PROOF=long` runs five hundred times as many.
#![allow(missing_docs, reason = "a test crate")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, and says how much it ran"
)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use larder_figures::{Kind, Proof};

fn is_long() -> bool {
    std::env::var("LARDER_PROOF").is_ok_and(|value| value == "long")
}

/// The seeds of a target, in the order of their names.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target);
    let mut paths: Vec<PathBuf> = std::fs::read_dir(&dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "{} has no seeds", dir.display());
    paths
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect()
}

/// Changes some bytes: flips, cuts, repetitions, pieces of other seeds, and what stands in formats.
fn mutate(random: &mut fastrand::Rng, seeds: &[Vec<u8>]) -> Vec<u8> {
    const WORDS: [&[u8]; 16] = [
        b"\n",
        b",",
        b"{",
        b"}",
        b"[",
        b"]",
        b"\"",
        b"\\",
        b"null",
        b"1e999",
        b"\xff",
        b"\0",
        b"{\"id\":\"x\"}",
        b"\"id\":\"\"",
        b"],\"digest\":\"xxh3:",
        b"\xef\xbb\xbf",
    ];
    let mut bytes = seeds[random.usize(..seeds.len())].clone();
    for _ in 0..random.usize(1..5) {
        let at = random.usize(..=bytes.len());
        match random.u8(..7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.u8(..8),
            1 if at < bytes.len() => bytes[at] = random.u8(..),
            2 => bytes.truncate(at),
            3 => {
                let until = (at + random.usize(..64)).min(bytes.len());
                bytes.drain(at..until);
            }
            4 => {
                let word = WORDS[random.usize(..WORDS.len())];
                bytes.splice(at..at, word.iter().copied());
            }
            5 => {
                let other = &seeds[random.usize(..seeds.len())];
                let from = random.usize(..=other.len());
                let until = (from + random.usize(..200)).min(other.len());
                let piece = other[from..until].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => {
                let until = (at + random.usize(..100)).min(bytes.len());
                let piece = bytes[at..until].to_vec();
                bytes.splice(at..at, piece);
            }
        }
    }
    bytes
}

/// Runs a target on its seeds and on so many mutations of them, for the figures of this suite.
fn run(suite: &str, name: &str, target: fn(&[u8]), ordinary: u64) {
    let proof = Proof::begin(suite, name);
    let seeds = seeds(name);
    for seed in &seeds {
        attempt(name, target, seed);
    }
    let mut random = fastrand::Rng::with_seed(0x1a4d_e400);
    let times = if is_long() { ordinary * 500 } else { ordinary };
    for _ in 0..times {
        attempt(name, target, &mutate(&mut random, &seeds));
    }
    println!(
        "{name}: {} seeds and {times} mutations of them",
        seeds.len()
    );
    proof.done(&[(Kind::Executions, seeds.len() as u64 + times)]);
}

/// Says which bytes it was, in a form that can be made a seed.
fn attempt(name: &str, target: fn(&[u8]), bytes: &[u8]) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| target(bytes))) {
        println!("{name} fails on b\"{}\"", bytes.escape_ascii());
        std::panic::resume_unwind(panic);
    }
}

#[test]
fn arbitrary_bytes_as_a_store_file_lose_nothing() {
    run(
        "arbitrary bytes as files",
        "store_file",
        larder_fuzz::store_file,
        2_000,
    );
}

#[test]
fn arbitrary_bytes_as_a_configuration_are_understood_or_refused() {
    run(
        "arbitrary configurations",
        "config",
        larder_fuzz::config,
        20_000,
    );
}

#[test]
fn arbitrary_histories_keep_what_was_acknowledged() {
    run("arbitrary histories", "history", larder_fuzz::history, 500);
}
