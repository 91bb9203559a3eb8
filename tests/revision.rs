//! `Store::revision`: a number that is another one after anybody has committed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test says what is wrong by panicking"
)]

use larder::prelude::*;
use larder::{Collection, Document, ErrorKind, Query, StoreConfig};

fn notes(store: &Store) -> larder::AnyRepository<Document> {
    store
        .collection(Collection::named("notes").index("tag"))
        .unwrap()
}

fn note(id: &str, tag: u32) -> Document {
    Document::parse(&format!("{{\"id\":\"{id}\",\"tag\":{tag}}}")).unwrap()
}

#[test]
fn it_changes_with_every_commit_of_anybody_and_not_with_a_read() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", dir.path().join("data.db").display());
    let writer = Store::open(&url).unwrap();
    let records = notes(&writer);
    records.save(note("a", 0)).unwrap().wait().unwrap();
    let reader = Store::open(StoreConfig::new(&url).read_only(true)).unwrap();
    let plain = rusqlite::Connection::open(dir.path().join("data.db")).unwrap();
    let all = [&writer, &reader];
    let ask = || all.map(|store| store.revision().unwrap().expect("a database can tell"));
    let mut before = ask();
    let mut is_another = |what: &str| {
        let now = ask();
        assert!(now[0] != before[0] && now[1] != before[1], "{what}");
        // The first read verifies what another program wrote, and commits that.
        records.find(Query::all()).unwrap();
        let now = ask();
        for _ in 0..3 {
            records.find(Query::all()).unwrap();
            notes(&reader).get("a").unwrap();
            assert_eq!(ask(), now, "{what}, and then nothing");
        }
        before = now;
    };
    for n in 1..4 {
        // Before it is durable: it is visible.
        records.save(note("a", n)).unwrap().detach();
        is_another("a save of the store itself");
    }
    records.delete("a").unwrap().detach();
    is_another("a delete");
    plain
        .execute(
            "INSERT INTO notes (id, doc) VALUES ('b', ?1)",
            [note("b", 1).text()],
        )
        .unwrap();
    is_another("a row of another program");
    notes(&Store::open(&url).unwrap())
        .save(note("c", 1))
        .unwrap()
        .wait()
        .unwrap();
    is_another("a save through another store");
}

#[test]
fn who_cannot_tell_says_so_and_a_closed_store_does_not_answer() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().display();
    for (url, tells) in [
        ("memory:".to_owned(), false),
        (format!("json:{place}/data"), false),
        (format!("sqlite:{place}/data.db"), true),
    ] {
        let store = Store::open(&url).unwrap();
        assert_eq!(store.revision().unwrap().is_some(), tells, "{url}");
        store.close().wait().unwrap();
        let error = store.revision().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Closed, "{url}");
    }
    // It keeps no connection open: the last one has moved the log into the database.
    let mut files: Vec<_> = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    files.sort();
    assert_eq!(files, ["data", "data.db"]);
}
