//! Stores that this and every later version must open: one fixture for each version of the formats, as
//! the program of that time wrote it.
//!
//! Owns what is in the fixtures. `what_is_written_now_opens_as_well` made them; it keeps what it writes
//! for a new version of a format, never again for an old one.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test says what is wrong by panicking, and plays other programs"
)]

use std::path::{Path, PathBuf};

use larder::prelude::*;
use larder::{AnyRepository, Query};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Record)]
#[serde(rename_all = "camelCase")]
#[record(collection = "notes", version = 2, index(BY_PLACE = (place, rank)))]
struct Note {
    #[record(id)]
    id: String,
    #[record(unique)]
    slug: Option<String>,
    #[record(index)]
    tags: Vec<String>,
    place: Option<String>,
    rank: i64,
    #[record(index)]
    ratio: f64,
    is_open: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "zebras")]
struct Zebra {
    #[record(id)]
    id: String,
    stripes: u64,
}

fn notes() -> Vec<Note> {
    let note =
        |id: &str, slug: Option<&str>, tags: &[&str], place: Option<&str>, rank, ratio| Note {
            id: id.to_owned(),
            slug: slug.map(ToOwned::to_owned),
            tags: tags.iter().map(ToString::to_string).collect(),
            place: place.map(ToOwned::to_owned),
            rank,
            ratio,
            is_open: rank > 0,
        };
    vec![
        note("a", Some("first"), &["x", "y"], Some("attic"), 1, 0.1),
        note("b \"quoted\"\n", None, &[], None, i64::MIN, -0.0),
        note(
            "日本",
            Some("zweite Ärger"),
            &["y"],
            Some("attic"),
            2,
            1e300,
        ),
    ]
}

fn zebra() -> Zebra {
    Zebra {
        id: "z".to_owned(),
        stripes: u64::MAX,
    }
}

/// What is rejected in each of them, to the byte.
const REJECTED: &str = r#"{"id":"bad","slug":7}"#;

fn fixture(version: u32, backend: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/format-{version}/{backend}"))
}

/// A copy of a fixture that may be written to, and the URL of the store in it.
fn copy(version: u32, backend: &str) -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(fixture(version, backend)).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), dir.path().join(entry.file_name())).unwrap();
    }
    let url = if backend == "sqlite" {
        format!("sqlite:{}", dir.path().join("data.db").display())
    } else {
        format!("json:{}", dir.path().display())
    };
    (dir, url)
}

fn open(url: &str) -> (Store, AnyRepository<Note>, AnyRepository<Zebra>) {
    let store = Store::open(url).unwrap();
    let notes = store.repository::<Note>().unwrap();
    let zebras = store.repository::<Zebra>().unwrap();
    (store, notes, zebras)
}

/// Everything is there, found by every index, and can be written to.
fn is_whole(url: &str) {
    for again in [false, true] {
        let (store, kept, zebras) = open(url);
        let report = store.load_report();
        assert!(report.is_clean(), "{url}: {report:?}");
        let found: Vec<Note> = kept
            .find(Query::all())
            .unwrap()
            .iter()
            .map(|note| Note::clone(note))
            .collect();
        assert_eq!(found, notes(), "{url}");
        assert!(
            found
                .iter()
                .any(|note| note.ratio.to_bits() == (-0.0_f64).to_bits())
        );
        assert_eq!(zebras.get("z").unwrap().as_deref(), Some(&zebra()));
        let first = kept.find_one(Note::SLUG.is("first")).unwrap().unwrap();
        assert_eq!(first.id, "a");
        assert_eq!(kept.count(Note::TAGS.is("y")).unwrap(), 2);
        assert_eq!(kept.count(Note::BY_PLACE.is(("attic", 2))).unwrap(), 1);
        assert_eq!(kept.count(Note::RATIO.range(0.05..)).unwrap(), 2);
        let rejected = store.quarantine().unwrap();
        let rejected: Vec<&[u8]> = rejected.iter().map(larder::Quarantined::bytes).collect();
        assert_eq!(rejected, [REJECTED.as_bytes()], "{url}");
        if !again {
            let refused = kept.insert(Note {
                id: "c".into(),
                ..Note::clone(&first)
            });
            assert_eq!(
                refused.unwrap_err().kind(),
                larder::ErrorKind::UniqueViolation
            );
            let changed = kept.update("a", |note| note.rank = 5).unwrap();
            changed.wait().unwrap();
            kept.update("a", |note| note.rank = 1)
                .unwrap()
                .wait()
                .unwrap();
        }
        store.close().wait().unwrap();
    }
}

#[test]
fn a_directory_of_the_first_format_opens() {
    let (_dir, url) = copy(1, "json");
    is_whole(&url);
}

#[test]
fn a_database_of_the_first_format_opens() {
    let (_dir, url) = copy(1, "sqlite");
    is_whole(&url);
}

/// The power went when the commit of two files was durable and before they were moved.
#[test]
fn an_unfinished_commit_of_the_first_format_is_finished() {
    let (dir, url) = copy(1, "json-unfinished");
    assert!(dir.path().join("larder.commit").exists());
    is_whole(&url);
    assert!(!dir.path().join("larder.commit").exists());
}

fn reject(store: &Store) {
    let issue = larder::Issue::new(
        "notes",
        larder::IssueKind::Schema,
        larder::Action::Dropped,
        "the slug is no text",
    );
    let entry = larder::Quarantined::new(issue, REJECTED.as_bytes());
    store.reject(vec![entry]).unwrap().wait().unwrap();
}

/// As the program of this version writes it.
fn write(url: &str) {
    let (store, kept, zebras) = open(url);
    kept.save_all(notes()).unwrap().wait().unwrap();
    zebras.save(zebra()).unwrap().wait().unwrap();
    reject(&store);
    store.close().wait().unwrap();
}

/// What this version writes opens as the fixtures do. `LARDER_WRITE_FIXTURES=DIR` keeps it there, for a
/// new version of a format.
#[test]
fn what_is_written_now_opens_as_well() {
    let temp = tempfile::tempdir().unwrap();
    let wanted = std::env::var_os("LARDER_WRITE_FIXTURES").map(PathBuf::from);
    let to = wanted.as_deref().unwrap_or(temp.path());
    let at = |backend: &str| to.join(backend);
    for backend in ["json", "sqlite", "json-unfinished"] {
        std::fs::create_dir_all(at(backend)).unwrap();
    }
    write(&format!("json:{}", at("json").display()));
    write(&format!(
        "sqlite:{}",
        at("sqlite").join("data.db").display()
    ));
    unfinished(&at("json-unfinished"));
    if wanted.is_none() {
        is_whole(&format!("json:{}", at("json").display()));
        is_whole(&format!(
            "sqlite:{}",
            at("sqlite").join("data.db").display()
        ));
        is_whole(&format!("json:{}", at("json-unfinished").display()));
    }
}

/// On a simulated disk: what is there after the directory was synced that has the record in it.
fn unfinished(to: &Path) {
    use larder_json::sim::{Budget, SimDisk};
    let disk = SimDisk::new();
    let (dir, options) = ("/data", larder::Options::default());
    let store = Store::from(disk.open(dir, options).unwrap());
    let kept = store.repository::<Note>().unwrap();
    let zebras = store.repository::<Zebra>().unwrap();
    kept.save(notes().remove(0)).unwrap().wait().unwrap();
    reject(&store);
    let from = disk.steps();
    let both = store.transaction(|tx| {
        for note in notes() {
            tx.save(note)?;
        }
        tx.save(zebra())
    });
    both.unwrap().wait().unwrap();
    let _ = zebras;
    let calls = &disk.calls()[from..];
    let record = calls.iter().position(|call| call == "rename larder.commit");
    let budget = Budget {
        exhaustive: 1,
        samples: 0,
        seed: 0,
    };
    let image = &disk.at(from + record.unwrap() + 2).unwrap().images(&budget)[0];
    for (name, bytes) in image.boot().files(Path::new(dir)) {
        std::fs::write(to.join(name), bytes).unwrap();
    }
}
