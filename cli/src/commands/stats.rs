//! `larder stats`.
//!
//! Owns the forms in which counts and sizes are shown; gathering them is the library's.

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
    if out.is_json() {
        out.value(&as_json(&stats, &collections, &failures))?;
    } else {
        show(&stats, &collections, out)?;
    }
    Ok(Verdict::of(!failures.is_empty()))
}

/// What can be told of a store that somebody else has open.
fn held(place: &Place, error: &larder::Error, out: &mut Output) -> Outcome {
    let Some(holder) = place.holder()? else {
        return Err(Failure::Store(error.clone()));
    };
    let url = &place.config().url;
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

fn as_json(stats: &StoreStats, collections: &[CollectionStats], failures: &Failed) -> Value {
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
        "collections": collections,
        "quarantined": stats.quarantined,
        "held": stats.holder.is_some(),
        "holder": stats.holder,
    })
}

fn show(
    stats: &StoreStats,
    collections: &[CollectionStats],
    out: &mut Output,
) -> Result<(), Failure> {
    out.line(format_args!("backend      {}", stats.backend))?;
    if let Some(path) = &stats.path {
        out.line(format_args!("path         {}", path.display()))?;
    }
    out.line(format_args!("quarantine   {}", stats.quarantined))?;
    out.line(format_args!(
        "held by      {}",
        stats.holder.as_deref().unwrap_or("nobody")
    ))?;
    let written = collections
        .iter()
        .filter_map(|collection| collection.written)
        .max();
    let written = written.and_then(utc).unwrap_or_else(|| "never".to_owned());
    out.line(format_args!("last written {written}"))?;
    if collections.is_empty() {
        return Ok(());
    }
    out.line("")?;
    let rows = collections
        .iter()
        .map(|collection| {
            vec![
                collection.name.clone(),
                collection.records.to_string(),
                collection
                    .bytes
                    .map(|bytes| bytes.to_string())
                    .unwrap_or_default(),
                collection.written.and_then(utc).unwrap_or_default(),
            ]
        })
        .collect();
    out.table(&["collection", "records", "bytes", "written"], rows)?;
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
