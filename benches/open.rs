//! How long opening a SQLite store takes at 10,000, 100,000 and 1,000,000 records: a table that is
//! known to be good is not looked through, one whose schema has changed is.
//!
//! `cargo bench --bench open` prints one line a size, in microseconds. It needs some two gigabytes of
//! disk for a minute or two.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

mod common;

use std::path::Path;
use std::time::Instant;

use common::{Session, session};
use larder::prelude::*;
use larder::{Collection, Document, Query, Result};
use serde_json::json;

const SIZES: [u64; 3] = [10_000, 100_000, 1_000_000];
const BATCH: u64 = 1_000;
const OPENS: usize = 9;

fn main() -> Result<()> {
    if std::env::args().any(|argument| argument == "--test") {
        return Ok(());
    }
    let mut first = None;
    for size in SIZES {
        let dir = std::env::temp_dir().join(format!("larder-open-{}-{size}", std::process::id()));
        let measured = measure(size, &dir.join("data.db"));
        std::fs::remove_dir_all(&dir).map_err(io)?;
        let Figures {
            fill,
            bytes,
            unchanged,
            changed,
        } = measured?;
        let ratio = unchanged / *first.get_or_insert(unchanged);
        println!(
            "{size:>9} records, {:>4} MB, filled in {:>6.2} s: open {unchanged:>7.0} us \
             (x {ratio:.2}), after a change of the schema {changed:>9.0} us",
            bytes >> 20,
            fill / 1e6,
        );
    }
    Ok(())
}

/// Times in microseconds.
struct Figures {
    fill: f64,
    bytes: u64,
    unchanged: f64,
    changed: f64,
}

fn io(error: std::io::Error) -> larder::Error {
    larder::Error::new(larder::ErrorKind::Io, "the bench cannot run").with_source(error)
}

fn micros(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e6
}

fn measure(size: u64, file: &Path) -> Result<Figures> {
    let url = format!("sqlite:{}?durability=process-crash", file.display());
    let start = Instant::now();
    {
        let store = Store::open(&url)?;
        let sessions = store.repository::<Session>()?;
        for from in (0..size).step_by(usize::try_from(BATCH).unwrap_or(1)) {
            sessions
                .save_all((from..from + BATCH).map(session))?
                .detach();
        }
        store.close().wait()?;
    }
    let fill = micros(start);
    let bytes = std::fs::metadata(file).map_err(io)?.len();

    let mut times = Vec::with_capacity(OPENS);
    for _ in 0..OPENS {
        let start = Instant::now();
        let store = Store::open(&url)?;
        let sessions = store.repository::<Session>()?;
        times.push(micros(start));
        assert!(sessions.get(&session(size / 2).id)?.is_some());
        store.close().wait()?;
    }
    times.sort_by(f64::total_cmp);
    let unchanged = times.get(OPENS / 2).copied().unwrap_or_default();

    let store = Store::open(&url)?;
    let mut definition = store.definition(Session::COLLECTION)?;
    store.close().wait()?;
    // The same records are valid by it, but nobody can know that.
    if let Some(title) = definition.schema.get_mut("title") {
        *title = json!("Another");
    }
    let start = Instant::now();
    let store = Store::open(&url)?;
    let sessions = store.collection(Collection::<Document>::from_definition(definition))?;
    let changed = micros(start);
    assert!(
        sessions.load_report().records() == size,
        "all were to be validated"
    );
    assert_eq!(sessions.count(Query::all())?, size);
    store.close().wait()?;
    Ok(Figures {
        fill,
        bytes,
        unchanged,
        changed,
    })
}
