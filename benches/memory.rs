//! What opening 100,000 validated records costs in time and memory, beside the file's own size.
//!
//! `cargo bench --bench memory` prints one line a phase. Peak memory is the process's own high-water
//! mark, so every phase runs in a process of its own. Linux only: it reads `/proc`.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

mod common;

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use common::{Session, session};
use larder::prelude::*;
use larder::{Query, Result};

const RECORDS: u64 = 100_000;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, phase, dir] = arguments.as_slice() {
        return run(phase, Path::new(dir));
    }
    if std::env::args().any(|argument| argument == "--test") {
        return Ok(());
    }
    let dir = std::env::temp_dir().join(format!("larder-memory-{}", std::process::id()));
    let me = std::env::current_exe().map_err(io)?;
    for phase in ["write", "floor", "typed", "open", "read-only"] {
        let status = Command::new(&me)
            .arg(phase)
            .arg(&dir)
            .status()
            .map_err(io)?;
        assert!(status.success(), "{phase} failed");
    }
    std::fs::remove_dir_all(&dir).map_err(io)
}

fn io(error: std::io::Error) -> larder::Error {
    larder::Error::new(larder::ErrorKind::Io, "the bench cannot run").with_source(error)
}

fn run(phase: &str, dir: &Path) -> Result<()> {
    let url = format!("json:{}", dir.display());
    let file = dir.join("sessions.json");
    let before = high_water();
    let start = Instant::now();
    match phase {
        "write" => {
            let store = Store::open(&url)?;
            store
                .repository::<Session>()?
                .save_all((0..RECORDS).map(session))?
                .detach();
            store.close().wait()?;
        }
        // Just the bytes.
        "floor" => drop(std::hint::black_box(std::fs::read(&file).map_err(io)?)),
        // What a program does that keeps its own list: no check, no index.
        "typed" => {
            #[derive(serde::Deserialize)]
            struct File {
                records: Vec<Session>,
            }
            let bytes = std::fs::read(&file).map_err(io)?;
            let read: File = serde_json::from_slice(&bytes).map_err(|error| io(error.into()))?;
            assert_eq!(read.records.len() as u64, RECORDS);
            report(phase, start, before, &file)?;
            drop(std::hint::black_box(read.records));
            return Ok(());
        }
        _ => {
            let store = Store::open(format!("{url}?read_only={}", phase == "read-only"))?;
            let sessions = store.repository::<Session>()?;
            assert_eq!(sessions.count(Query::all())?, RECORDS);
            assert!(sessions.load_report().is_clean());
            report(phase, start, before, &file)?;
            return Ok(());
        }
    }
    report(phase, start, before, &file)
}

fn report(phase: &str, start: Instant, before: u64, file: &Path) -> Result<()> {
    let elapsed = start.elapsed();
    let bytes = std::fs::metadata(file).map_err(io)?.len();
    let peak = high_water().saturating_sub(before) * 1024;
    let now = status("VmRSS:").saturating_sub(before) * 1024;
    println!(
        "{phase:>10}: {:>6} ms, peak {:>4} MB = {:.2} x the file, kept {:>4} MB = {:.2} x; file {} MB",
        elapsed.as_millis(),
        peak >> 20,
        ratio(peak, bytes),
        now >> 20,
        ratio(now, bytes),
        bytes >> 20,
    );
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "two digits are printed")]
fn ratio(a: u64, b: u64) -> f64 {
    a as f64 / b as f64
}

fn high_water() -> u64 {
    status("VmHWM:")
}

/// A figure of `/proc/self/status`, in kB.
fn status(name: &str) -> u64 {
    std::fs::read_to_string("/proc/self/status")
        .ok()
        .and_then(|text| {
            let line = text.lines().find(|line| line.starts_with(name))?;
            line.split_whitespace().nth(1)?.parse().ok()
        })
        .unwrap_or(0)
}
