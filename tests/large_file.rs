//! A file so large that several threads read it: what is found is what one thread would find.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test says what is wrong by panicking"
)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use larder::prelude::*;
use larder::{IssueKind, Violation};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// So many that rows and indexes are built side by side, too; some 3 MB.
const RECORDS: usize = 6_007;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "notes", check = within_reason)]
struct Note {
    #[record(id)]
    id: String,
    #[record(unique)]
    channel: String,
    #[record(index)]
    group: u64,
    #[record(index)]
    tags: Vec<String>,
    text: String,
}

/// Stands for a bug in a program's own check.
#[expect(
    clippy::unnecessary_wraps,
    reason = "a check has an error, and this one panics"
)]
fn within_reason(note: &Note) -> Result<(), Violation> {
    assert!(note.text != "a bug", "the check of a note has a bug");
    Ok(())
}

fn note(number: usize) -> Note {
    Note {
        // Not in the order of the file.
        id: format!("note-{:04}", number * 7_919 % RECORDS),
        channel: format!("channel-{number}"),
        group: number as u64 % 10,
        tags: (0..number % 4).map(|tag| format!("tag-{tag}")).collect(),
        text: "x".repeat(500),
    }
}

/// What is in the file in the place of the record of this number.
fn line(number: usize) -> String {
    let text = |note: &Note| serde_json::to_string(note).unwrap();
    match number {
        // The schema refuses it.
        1_000 => text(&note(number)).replace("\"group\":0", "\"group\":\"none\""),
        // An id of a record that stands later: the later one stays.
        2_000 => text(&Note {
            id: note(RECORDS - 1).id,
            ..note(number)
        }),
        // A channel that another has.
        3_000 => text(&Note {
            channel: note(0).channel,
            ..note(number)
        }),
        _ => text(&note(number)),
    }
}

fn write(dir: &Path, line: impl Fn(usize) -> String) {
    let lines: Vec<String> = (0..RECORDS).map(line).collect();
    let file = format!("[\n{}\n]\n", lines.join(",\n"));
    std::fs::write(dir.join("notes.json"), file).unwrap();
}

fn open(dir: &Path) -> larder::AnyRepository<Note> {
    let store = Store::open(format!("json:{}?debounce=1h", dir.display())).unwrap();
    store.repository::<Note>().unwrap()
}

#[test]
fn every_record_is_there_and_every_loss_is_told_where_it_stands() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), line);
    let notes = open(dir.path());

    let report = notes.load_report();
    let told: Vec<_> = report
        .issues()
        .iter()
        .map(|issue| (issue.position().record, issue.position().line, issue.kind()))
        .collect();
    // Of two with one channel the smaller id stays: that of record 0.
    assert!(note(0).id < note(3_000).id);
    assert_eq!(
        told,
        [
            (Some(1_000), Some(1_002), IssueKind::Schema),
            (Some(2_000), Some(2_002), IssueKind::DuplicateId),
            (Some(3_000), Some(3_002), IssueKind::UniqueViolation),
        ]
    );
    let mut expected: Vec<Note> = (0..RECORDS)
        .filter(|number| ![1_000, 2_000, 3_000].contains(number))
        .map(note)
        .collect();
    expected.sort_by(|a, b| a.id.cmp(&b.id));
    let found = notes.find(larder::Query::all()).unwrap();
    assert!(found.iter().map(|note| &**note).eq(&expected));
    for note in &expected {
        let by_channel = notes.find_one(Note::CHANNEL.is(&note.channel)).unwrap();
        assert_eq!(by_channel.as_deref(), Some(note));
    }
    let in_group = notes.find(Note::GROUP.is(3)).unwrap();
    let wanted = expected.iter().filter(|note| note.group == 3);
    assert!(in_group.iter().map(|note| &**note).eq(wanted));
    let tagged = notes.find(Note::TAGS.is("tag-2")).unwrap();
    let wanted = expected.iter().filter(|note| note.tags.len() > 2);
    assert!(tagged.iter().map(|note| &**note).eq(wanted));
}

#[test]
fn a_check_that_panics_takes_the_open_with_it_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let buggy = |number: usize| {
        let mut note = note(number);
        if number == 2_500 {
            note.text = "a bug".to_owned();
        }
        serde_json::to_string(&note).unwrap()
    };
    write(dir.path(), buggy);
    let before = std::fs::read(dir.path().join("notes.json")).unwrap();

    let panic = catch_unwind(AssertUnwindSafe(|| open(dir.path()))).unwrap_err();
    assert_eq!(
        panic.downcast_ref::<&str>(),
        Some(&"the check of a note has a bug")
    );
    assert_eq!(
        std::fs::read(dir.path().join("notes.json")).unwrap(),
        before
    );

    write(dir.path(), |number| {
        serde_json::to_string(&note(number)).unwrap()
    });
    assert_eq!(
        open(dir.path()).count(larder::Query::all()).unwrap(),
        RECORDS as u64
    );
}
