//! Ten thousand single-byte flips of a store file: each is reported, none panics, none loses a
//! record that still parses and validates.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::type_complexity,
    reason = "a test says what is wrong by panicking"
)]

use std::collections::BTreeSet;
use std::path::Path;

use larder::prelude::*;
use larder::{AnyRepository, Collection, Document, Query, Store};
use serde_json::{Value, json};

const RECORDS: usize = 24;

/// A small generator, seeded: the same flips in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        // xorshift64*, by Vigna.
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }
}

fn schema() -> Value {
    json!({
        "type": "object",
        "required": ["id", "channelId", "turn", "state"],
        "properties": {
            "id": {"type": "string"},
            "channelId": {"type": "string"},
            "turn": {"type": "integer"},
            "state": {"enum": ["idle", "running"]},
        },
    })
}

fn open(dir: &Path, read_only: bool) -> (Store, AnyRepository<Document>) {
    let url = format!("json:{}?debounce=1h&read_only={read_only}", dir.display());
    let store = Store::open(url).unwrap();
    let collection = Collection::named("sessions")
        .with_version(3)
        .unique("channelId");
    let sessions = store.collection(collection.schema(schema())).unwrap();
    (store, sessions)
}

fn write_file(dir: &Path) -> Vec<u8> {
    let (store, sessions) = open(dir, false);
    let records = (0..RECORDS).map(|n| {
        let record = json!({
            "id": format!("session-{n:02}-{}", n * 7919),
            "channelId": format!("{}", 1_200_000_000_000_000_000_u64 + 7919 * n as u64),
            "turn": n * 31,
            "state": if n % 2 == 0 { "idle" } else { "running" },
            "workflowState": {"status": "idle", "note": "a \"quoted\" {note}, [with] brackets"},
        });
        Document::parse(&record.to_string()).unwrap()
    });
    sessions.save_all(records).unwrap().wait().unwrap();
    store.close().wait().unwrap();
    std::fs::read(dir.join("sessions.json")).unwrap()
}

/// The records that are still there after a flip, worked out line by line without the library.
fn surviving(file: &[u8], original: &[u8], flipped: usize) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    let mut start = 0;
    for line in original.split(|byte| *byte == b'\n') {
        let end = start + line.len();
        let is_record = line.starts_with(b"{\"id\"");
        let line_now = &file[start..end];
        start = end + 1;
        if !is_record {
            continue;
        }
        let text = line_now.strip_suffix(b",").unwrap_or(line_now);
        let touched = (start - 1 - line.len()..end).contains(&flipped);
        // A flip in the comma leaves the record whole.
        let text = if touched && flipped == end - 1 && line.ends_with(b",") {
            &line_now[..line_now.len() - 1]
        } else {
            text
        };
        let Ok(value) = serde_json::from_slice::<Value>(text) else {
            continue;
        };
        let valid = value["id"]
            .as_str()
            .is_some_and(|id| !id.is_empty() && !id.contains('\0'))
            && value["channelId"].is_string()
            && (value["turn"].is_i64() || value["turn"].is_u64())
            && ["idle", "running"]
                .iter()
                .any(|state| value["state"] == *state);
        if valid {
            ids.insert(value["id"].as_str().unwrap().to_owned());
        }
    }
    ids
}

fn ids(sessions: &AnyRepository<Document>) -> BTreeSet<String> {
    let all = sessions.find(Query::all()).unwrap();
    all.iter()
        .map(|record| record.value()["id"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn ten_thousand_flips() {
    std::thread::scope(|threads| {
        for seed in [0x1234_5678_9abc_def1, 0x0fed_cba9_8765_4321] {
            threads.spawn(move || flips(seed, 5_000));
        }
    });
}

fn flips(seed: u64, rounds: u32) {
    let dir = tempfile::tempdir().unwrap();
    let original = write_file(dir.path());
    let path = dir.path().join("sessions.json");
    let mut random = Random(seed);
    for round in 0..rounds {
        let at = random.below(original.len());
        let mut file = original.clone();
        // Half of the flips change one bit, half any byte; never to the byte that was there.
        file[at] ^= if round % 2 == 0 {
            1 << random.below(8)
        } else {
            u8::try_from(1 + random.below(255)).unwrap()
        };
        std::fs::write(&path, &file).unwrap();
        let context = || {
            format!(
                "byte {at} of {} from {:?} to {:?}",
                file.len(),
                original[at] as char,
                file[at] as char
            )
        };
        let (_store, sessions) = open(dir.path(), true);
        let report = sessions.load_report();
        assert!(!report.is_clean(), "not reported: {}", context());
        let lost: Vec<String> = surviving(&file, &original, at)
            .difference(&ids(&sessions))
            .cloned()
            .collect();
        assert!(
            lost.is_empty(),
            "lost {lost:?}: {}: {:?}",
            context(),
            report.issues()
        );
        // And nothing is there that never was: at most the one record has another id.
        assert!(ids(&sessions).len() <= RECORDS, "{}", context());
    }
}

#[test]
fn what_survives_a_flip_survives_the_next_flush_and_the_rest_is_in_quarantine() {
    let dir = tempfile::tempdir().unwrap();
    let original = write_file(dir.path());
    let mut random = Random(0xfeed_beef_0123_4567);
    for _ in 0..60 {
        let dir = tempfile::tempdir().unwrap();
        let at = random.below(original.len());
        let mut file = original.clone();
        file[at] = b'"';
        if file == original {
            continue;
        }
        std::fs::write(dir.path().join("sessions.json"), &file).unwrap();
        let (store, sessions) = open(dir.path(), false);
        let kept = ids(&sessions);
        let dropped = sessions.load_report().dropped();
        let new = json!({"id": "~new", "channelId": "new", "turn": 1, "state": "idle"});
        sessions
            .save(Document::parse(&new.to_string()).unwrap())
            .unwrap()
            .wait()
            .unwrap();
        store.close().wait().unwrap();
        drop((store, sessions));

        let (store, sessions) = open(dir.path(), false);
        let mut expected = kept.clone();
        expected.insert("~new".to_owned());
        assert_eq!(ids(&sessions), expected);
        assert!(
            sessions.load_report().is_clean(),
            "the flush left a damaged file"
        );
        assert!(store.quarantine().unwrap().len() >= dropped.min(1));
    }
}
