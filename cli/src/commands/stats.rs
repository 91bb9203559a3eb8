//! `larder stats`.
//!
//! Owns the forms in which counts and sizes are shown, and the sizes of the files of a database.
//! Everything else is gathered by the library.

use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use larder::{CollectionStats, ErrorKind, Repository as _, Store, StoreStats};
use serde_json::{Value, json};

use crate::args::StoreArgs;
use crate::failure::{Failure, Outcome, Verdict};
use crate::open::Place;
use crate::output::{Output, note};

pub(super) fn run(args: &StoreArgs, out: &mut Output) -> Outcome {
    let place = Place::parse(&args.url)?;
    let store = match place.reader() {
        Ok(store) => store,
        Err(error) if error.kind() == ErrorKind::Locked => return held(&place, &error, out),
        Err(error) => return Err(error.into()),
    };
    let stats = store.stats()?;
    let (collections, failures) = collections(&place, &store, &stats);
    for (name, error) in &failures {
        note(format_args!("{name:?} cannot be opened: {error}"));
    }
    let sizes = Sizes::of(&stats);
    if out.is_json() {
        out.value(&as_json(&stats, &sizes, &collections, &failures))?;
    } else {
        show(&stats, &sizes, &collections, out)?;
    }
    Ok(Verdict::of(!failures.is_empty()))
}

/// What can be told of a store that somebody else has open.
fn held(place: &Place, error: &larder::Error, out: &mut Output) -> Outcome {
    let Some(holder) = place.holder()? else {
        return Err(Failure::Store(error.clone()));
    };
    let url = place.url();
    if out.is_json() {
        out.value(&json!({ "url": url, "held": true, "holder": holder }))?;
    } else {
        out.line(format_args!("store        {url}"))?;
        out.line(format_args!("held by      {holder}"))?;
        note(format_args!(
            "while it is open for writing, its records cannot be counted from here"
        ));
    }
    Ok(Verdict::Clean)
}

/// Whether the backend can tell who holds the store and when it was last written.
fn is_of_files(stats: &StoreStats) -> bool {
    stats.backend == "json"
}

/// The sizes of the files of a database.
#[derive(Debug, Default)]
struct Sizes {
    database: Option<u64>,
    /// What was written last and is not in the database yet.
    log: Option<u64>,
}

impl Sizes {
    /// No file is opened for it: to close one would take from SQLite the locks of this process.
    fn of(stats: &StoreStats) -> Self {
        let Some(path) = stats.path.as_deref().filter(|_| stats.backend == "sqlite") else {
            return Self::default();
        };
        let size = |path: &Path| fs::metadata(path).ok().map(|meta| meta.len());
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        Self {
            database: size(path),
            log: size(Path::new(&log)),
        }
    }
}

type Failed = Vec<(String, larder::Error)>;

fn collections(place: &Place, store: &Store, stats: &StoreStats) -> (Vec<CollectionStats>, Failed) {
    let mut counted = Vec::new();
    let mut failures = Vec::new();
    for name in place.collections(stats) {
        match store
            .documents(&name)
            .and_then(|repository| repository.stats())
        {
            Ok(stats) => counted.push(stats),
            Err(error) => failures.push((name, error)),
        }
    }
    (counted, failures)
}

/// What the backend cannot tell is null.
fn as_json(
    stats: &StoreStats,
    sizes: &Sizes,
    collections: &[CollectionStats],
    failures: &Failed,
) -> Value {
    let collections: Vec<Value> = collections
        .iter()
        .map(|collection| {
            let indexes: serde_json::Map<String, Value> = collection
                .indexes
                .iter()
                .map(|(name, keys)| (name.clone(), json!(keys)))
                .collect();
            json!({
                "name": collection.name,
                "records": collection.records,
                "bytes": collection.bytes,
                "indexes": indexes,
                "written": collection.written.and_then(utc),
            })
        })
        .chain(
            failures
                .iter()
                .map(|(name, error)| json!({ "name": name, "error": error.to_string() })),
        )
        .collect();
    json!({
        "backend": stats.backend,
        "path": stats.path,
        "bytes": sizes.database,
        "log_bytes": sizes.log,
        "collections": collections,
        "quarantined": stats.quarantined,
        "held": is_of_files(stats).then_some(stats.holder.is_some()),
        "holder": stats.holder,
    })
}

/// What the backend cannot tell is left out.
fn show(
    stats: &StoreStats,
    sizes: &Sizes,
    collections: &[CollectionStats],
    out: &mut Output,
) -> Result<(), Failure> {
    out.line(format_args!("backend      {}", stats.backend))?;
    if let Some(path) = &stats.path {
        out.line(format_args!("path         {}", path.display()))?;
    }
    if let Some(bytes) = sizes.database {
        out.line(format_args!("bytes        {bytes}"))?;
    }
    if let Some(bytes) = sizes.log {
        out.line(format_args!("log bytes    {bytes}"))?;
    }
    out.line(format_args!("quarantine   {}", stats.quarantined))?;
    if is_of_files(stats) {
        let holder = stats.holder.as_deref().unwrap_or("nobody");
        out.line(format_args!("held by      {holder}"))?;
        let written = collections
            .iter()
            .filter_map(|collection| collection.written)
            .max()
            .and_then(utc)
            .unwrap_or_else(|| "never".to_owned());
        out.line(format_args!("last written {written}"))?;
    }
    if collections.is_empty() {
        return Ok(());
    }
    out.line("")?;
    let files = is_of_files(stats);
    let rows = collections
        .iter()
        .map(|collection| {
            let mut row = vec![collection.name.clone(), collection.records.to_string()];
            if files {
                let bytes = collection.bytes.map(|bytes| bytes.to_string());
                row.push(bytes.unwrap_or_default());
                row.push(collection.written.and_then(utc).unwrap_or_default());
            }
            row
        })
        .collect();
    let header: &[&str] = if files {
        &["collection", "records", "bytes", "written"]
    } else {
        &["collection", "records"]
    };
    out.table(header, rows)?;
    let indexes: Vec<Vec<String>> = collections
        .iter()
        .flat_map(|collection| {
            collection
                .indexes
                .iter()
                .map(|(name, keys)| vec![collection.name.clone(), name.clone(), keys.to_string()])
        })
        .collect();
    if !indexes.is_empty() {
        out.line("")?;
        out.table(&["collection", "index", "keys"], indexes)?;
    }
    Ok(())
}

/// A time to the second, as RFC 3339.
fn utc(time: SystemTime) -> Option<String> {
    let since = time.duration_since(UNIX_EPOCH).ok()?;
    let seconds = i64::try_from(since.as_secs()).ok()?;
    jiff::Timestamp::from_second(seconds)
        .ok()
        .map(|time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_time_is_told_to_the_second() {
        let time = UNIX_EPOCH + Duration::from_millis(1_700_000_000_999);
        assert_eq!(utc(time).as_deref(), Some("2023-11-14T22:13:20Z"));
    }
}
