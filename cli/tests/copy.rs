//! `larder copy` between stores of one backend: what is copied, what is verified, what is refused.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a helper of a test that cannot go on fails the test"
)]

mod common;

use std::collections::BTreeMap;
use std::process::Stdio;

use common::{Case, STORE};
use serde_json::{Value, json};

const TWO: &str = "json:./two";

/// A store with a collection that has a schema, indexes, good records and a rejected one, and with
/// a collection that has nothing but a definition.
fn case() -> Case {
    let case = Case::new();
    let schema = "{\"properties\":{\"n\":{\"type\":\"number\"}}}";
    let schema = case.file("s.json", schema);
    let records = "[{\"key\":\"b\",\"n\":1.0,\"tags\":[\"x\"]},\n{\"key\":\"a\",\"n\":1e3},\n\
                   { \"key\": \"c\", \"n\": \"one\" }]";
    let file = case.file("a.json", records);
    case.run(&[
        "import", file, "--to", STORE, "-c", "notes", "--schema", schema, "--id", "key",
        "--unique", "n", "--index", "tags[]",
    ])
    .ended(1);
    let none = case.file("none.json", "[]");
    case.run(&[
        "import", none, "--to", STORE, "-c", "empty", "--index", "x,y",
    ])
    .ended(0);
    case
}

fn import(case: &Case, to: &str, collection: &str, records: &str) {
    case.run_with(
        &["import", "-", "--to", to, "-c", collection],
        records.as_bytes(),
    )
    .ended(0);
}

/// Every file of a directory, with its bytes.
fn files(case: &Case, dir: &str) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(case.path(dir)).unwrap();
    entries
        .map(|entry| entry.unwrap())
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, std::fs::read(entry.path()).unwrap())
        })
        .collect()
}

fn quarantine(case: &Case, store: &str) -> Vec<Value> {
    case.run(&["quarantine", "list", store, "--json"])
        .ended(0)
        .json_lines()
}

fn export(case: &Case, store: &str, collection: &str) -> String {
    let args = ["export", store, collection, "--format", "ndjson"];
    case.run(&args).ended(0).out().to_owned()
}

#[test]
fn everything_of_a_store_is_copied_and_the_source_is_untouched() {
    let case = case();
    let before = files(&case, "data");
    let ran = case.run(&["copy", STORE, TWO]).ended(0);
    let lines: Vec<&str> = ran.out().lines().collect();
    assert_eq!(lines.len(), 2, "{}", ran.out());
    assert!(lines[0].starts_with("empty: 0 records, xxh3:"), "{lines:?}");
    assert!(
        lines[1].starts_with("notes: 2 records, xxh3:")
            && lines[1].ends_with(", 1 in quarantine, verified"),
        "{lines:?}"
    );
    assert_eq!(ran.stderr, "");
    assert_eq!(files(&case, "data"), before);

    // To the letter, and with their definitions: the same files but for the quarantine's time.
    let copied = files(&case, "two");
    for file in [
        "notes.json",
        "notes.collection.json",
        "empty.collection.json",
    ] {
        assert_eq!(copied.get(file), before.get(file), "{file}");
    }
    assert_eq!(
        export(&case, TWO, "notes"),
        "{\"key\":\"a\",\"n\":1e3}\n{\"key\":\"b\",\"n\":1.0,\"tags\":[\"x\"]}\n"
    );
    assert_eq!(quarantine(&case, TWO), quarantine(&case, STORE));
    case.run(&["check", TWO]).ended(0);
}

#[test]
fn the_digest_is_of_the_exact_text_in_id_order() {
    let case = case();
    let copied = case.run(&["copy", STORE, TWO, "--json"]).ended(0).json();
    let text = export(&case, STORE, "notes");
    let digest = |text: &str| format!("xxh3:{:016x}", xxhash_rust::xxh3::xxh3_64(text.as_bytes()));
    assert_eq!(
        copied,
        json!({
            "collections": [
                {"name": "empty", "records": 0, "digest": digest(""), "verified": true},
                {"name": "notes", "records": 2, "digest": digest(&text), "verified": true},
            ],
            "quarantined": 1,
        })
    );
    // The order of fields is part of it.
    let other = "{\"n\":1e3,\"key\":\"a\"}\n{\"key\":\"b\",\"n\":1.0,\"tags\":[\"x\"]}\n";
    assert_ne!(digest(other), digest(&text));
}

#[test]
fn more_records_than_are_taken_at_a_time_are_copied() {
    let case = Case::new();
    let lines: Vec<String> = (0..2_500)
        .map(|n| format!("{{\"id\":\"r{n:05}\",\"n\":{n}}}\n"))
        .collect();
    import(&case, STORE, "c", &lines.concat());
    let ran = case.run(&["copy", STORE, TWO]).ended(0);
    assert!(ran.out().starts_with("c: 2500 records, "), "{}", ran.out());
    assert_eq!(export(&case, TWO, "c"), lines.concat());
    // A batch that is full, and nothing after it.
    let even: String = lines.iter().take(2_000).map(String::as_str).collect();
    import(&case, "json:./even", "c", &even);
    case.run(&["copy", "json:./even", "json:./three"]).ended(0);
    assert_eq!(export(&case, "json:./three", "c"), even);
}

#[test]
fn what_cannot_be_loaded_is_copied_into_quarantine_and_is_a_problem() {
    let case = case();
    let bad = "[{\"key\":\"a\",\"n\":1},\n{ \"key\":\"b\", \"n\":\"two\" }]";
    case.file("data/notes.json", bad);
    let before = files(&case, "data");
    let ran = case.run(&["copy", STORE, TWO]).ended(1);
    let line = ran.out().lines().nth(1).unwrap();
    assert!(
        line.starts_with("notes: 1 record, ") && line.ends_with(", 2 in quarantine, verified"),
        "{line}"
    );
    assert!(
        ran.stderr
            .contains("1 record of \"notes\" cannot be loaded: json:./two has them in quarantine"),
        "{}",
        ran.stderr
    );
    assert_eq!(files(&case, "data"), before);
    let texts: Vec<Value> = quarantine(&case, TWO)
        .into_iter()
        .map(|mut entry| entry["text"].take())
        .collect();
    assert_eq!(
        texts,
        [
            "{ \"key\": \"c\", \"n\": \"one\" }",
            "{ \"key\":\"b\", \"n\":\"two\" }"
        ]
    );

    // Who wants none of it is not given the rest.
    let strict = "json:./data?on_invalid=reject";
    let ran = case.run(&["copy", strict, "json:./three"]).ended(2);
    assert!(ran.stderr.contains("records rejected"), "{}", ran.stderr);
    assert!(!case.path("three").exists());
}

#[test]
fn a_store_that_is_not_empty_is_left_alone() {
    let case = case();
    import(&case, TWO, "other", "{\"id\":\"x\"}\n");
    let before = files(&case, "two");
    let ran = case.run(&["copy", STORE, TWO]).ended(2);
    for word in [
        "json:./two is not empty",
        "\"other\" has 1 record",
        "--overwrite",
    ] {
        assert!(ran.stderr.contains(word), "{word} in {}", ran.stderr);
    }
    assert!(ran.stdout.is_empty());
    assert_eq!(files(&case, "two"), before);

    // So is one with nothing but a rejected record.
    case.run_with(&["import", "-", "--to", "json:./three", "-c", "c"], b"[7]")
        .ended(1);
    let ran = case.run(&["copy", STORE, "json:./three"]).ended(2);
    assert!(
        ran.stderr.contains("1 record in quarantine"),
        "{}",
        ran.stderr
    );
    // One that holds a definition only is empty.
    let none = case.file("none.json", "[]");
    case.run(&["import", none, "--to", "json:./four", "-c", "notes"])
        .ended(0);
    case.run(&["copy", STORE, "json:./four"]).ended(0);
    case.run(&["check", "json:./four"]).ended(0);
    assert_eq!(
        case.read("four/notes.collection.json"),
        case.read("data/notes.collection.json")
    );
}

#[test]
fn with_overwrite_collections_of_the_same_name_are_replaced_and_others_stay() {
    let case = case();
    import(&case, TWO, "other", "{\"id\":\"x\"}\n");
    // Of this one a record, its rejected one and its definition go.
    let old = "[{\"id\":\"old\"},7]";
    case.run_with(&["import", "-", "--to", TWO, "-c", "notes"], old.as_bytes())
        .ended(1);
    case.run_with(&["import", "-", "--to", TWO, "-c", "other"], b"[8]")
        .ended(1);
    let other = files(&case, "two");
    let ran = case.run(&["copy", STORE, TWO, "--overwrite"]).ended(0);
    assert!(
        ran.stderr
            .contains("json:./data has no \"other\": what json:./two has of that stays as it is"),
        "{}",
        ran.stderr
    );
    assert_eq!(
        ran.out().matches("verified").count(),
        2,
        "what is not copied is not told of: {}",
        ran.out()
    );
    assert_eq!(export(&case, TWO, "notes"), export(&case, STORE, "notes"));
    let after = files(&case, "two");
    for file in ["other.json", "other.quarantine.ndjson"] {
        assert_eq!(after.get(file), other.get(file), "{file}");
    }
    assert_eq!(
        after.get("notes.collection.json"),
        Some(&case.read("data/notes.collection.json"))
    );
    let texts: Vec<Value> = quarantine(&case, TWO)
        .into_iter()
        .map(|mut entry| entry["text"].take())
        .collect();
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert!(!texts.contains(&json!("7")), "{texts:?}");
    case.run(&["check", TWO]).ended(0);

    // Once more comes to the same.
    case.run(&["copy", STORE, TWO, "--overwrite"]).ended(0);
    assert_eq!(files(&case, "two"), after);
    // An empty collection replaces a full one, too.
    import(&case, TWO, "empty", "{\"id\":\"x\"}\n");
    case.run(&["copy", STORE, TWO, "--overwrite"]).ended(0);
    assert_eq!(export(&case, TWO, "empty"), "");
}

#[test]
fn a_request_that_makes_no_sense_is_refused() {
    let case = case();
    let here = format!("json:{}/../data", case.path("data").display());
    let before = files(&case, "data");
    for (from, to, says) in [
        (STORE, STORE, "are the same store"),
        (STORE, &*here, "are the same store"),
        ("json:./nowhere", TWO, "nowhere"),
        ("memory:", TWO, "memory: holds nothing"),
        (STORE, "memory:", "memory: keeps nothing"),
        (STORE, "two", "write one of: json:DIRECTORY, sqlite:FILE"),
    ] {
        for overwrite in [&[][..], &["--overwrite"]] {
            let args = [&["copy", from, to], overwrite].concat();
            let ran = case.run(&args).ended(2);
            assert!(ran.stderr.contains(says), "{args:?}: {}", ran.stderr);
            assert!(ran.stdout.is_empty());
        }
    }
    assert!(!case.path("two").exists() && !case.path("nowhere").exists());
    assert_eq!(files(&case, "data"), before);
}

#[test]
fn configuration_files_name_stores_and_keep_their_say() {
    let case = case();
    let from = case.file("from.toml", "backend = \"json\"\npath = \"./data\"\n");
    let same =
        "backend = \"json\"\npath = \"./two\"\n[collections.empty]\nindexes = [[\"x\", \"y\"]]\n";
    let to = case.file("to.toml", same);
    let ran = case.run(&["copy", from, to]).ended(0);
    assert!(ran.out().contains("notes: 2 records, "), "{}", ran.out());
    let other = case.file(
        "other.toml",
        same.replace("two", "three").replace("\"y\"", "\"z\""),
    );
    let ran = case.run(&["copy", from, other]).ended(2);
    assert!(
        ran.stderr
            .contains("other.toml defines \"empty\" in another way than from.toml"),
        "{}",
        ran.stderr
    );
    assert!(!case.path("three").exists());
}

#[test]
fn a_database_that_is_named_as_a_file_is_no_configuration() {
    let case = Case::new();
    let file = case.file("a.db", b"SQLite format 3\0\x10\0");
    let ran = case.run(&["copy", file, TWO]).ended(2);
    assert!(ran.stderr.contains("write sqlite:a.db"), "{}", ran.stderr);
}

#[test]
fn an_empty_store_is_copied() {
    let case = Case::new();
    std::fs::create_dir(case.path("data")).unwrap();
    let ran = case.run(&["copy", STORE, TWO]).ended(0);
    assert_eq!(ran.out(), "the store is empty\n");
    assert!(case.path("two").is_dir());
    let ran = case.run(&["copy", STORE, TWO, "--json"]).ended(0);
    assert_eq!(ran.json(), json!({"collections": [], "quarantined": 0}));
}

#[test]
fn what_cannot_be_opened_again_is_not_verified() {
    let case = case();
    // The file is written, and then larger than what may be read.
    let ran = case
        .run(&["copy", STORE, "json:./two?max_file_bytes=20", "--json"])
        .ended(1);
    let [empty, notes] = &ran.json()["collections"].as_array().unwrap().clone()[..] else {
        panic!("not two collections: {}", ran.out());
    };
    assert_eq!(empty["verified"], true);
    assert_eq!(
        (&notes["name"], &notes["verified"]),
        (&json!("notes"), &json!(false))
    );
    assert!(
        ran.stderr.contains("\"notes\" of json:./two") && ran.stderr.contains("too large"),
        "{}",
        ran.stderr
    );
    let ran = case
        .run(&["copy", STORE, "json:./three?max_file_bytes=20"])
        .ended(1);
    assert!(ran.out().contains("NOT VERIFIED"), "{}", ran.out());
}

/// A disk that takes no more, as a limit on the size of files.
#[cfg(unix)]
#[test]
fn a_copy_that_fails_says_what_it_leaves_behind() {
    let case = Case::new();
    let text = "x".repeat(1_000);
    let lines: Vec<String> = (0..300)
        .map(|n| format!("{{\"id\":\"r{n:05}\",\"t\":\"{text}\"}}\n"))
        .collect();
    import(&case, STORE, "c", &lines.concat());
    let before = files(&case, "data");
    let script = "trap '' XFSZ; ulimit -f 32; exec \"$0\" \"$@\"";
    let copy = |to: &str| {
        let mut command = std::process::Command::new("sh");
        command.args([
            "-c",
            script,
            env!("CARGO_BIN_EXE_larder"),
            "copy",
            STORE,
            to,
        ]);
        let path = case.path(".");
        common::Ran::from(command.current_dir(path).output().unwrap())
    };
    let ran = copy("json:./two?flush_attempts=1&drop_timeout=0s").ended(2);
    for says in [
        "the copy is not whole: json:./two",
        "json:./data is as it was",
        "copy again with --overwrite",
        "caused by: ",
    ] {
        assert!(ran.stderr.contains(says), "{says} in {}", ran.stderr);
    }
    assert!(ran.stdout.is_empty());
    assert_eq!(files(&case, "data"), before);
    case.run(&["copy", STORE, TWO, "--overwrite"]).ended(0);
    assert_eq!(export(&case, TWO, "c"), lines.concat());
}

#[test]
fn an_interrupted_copy_can_be_made_again() {
    let case = Case::new();
    let lines: Vec<String> = (0..20_000)
        .map(|n| format!("{{\"id\":\"r{n:05}\"}}\n"))
        .collect();
    import(&case, STORE, "c", &lines.concat());
    let before = files(&case, "data");
    let mut copy = case
        .command(&["copy", STORE, TWO])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while !case.path("two").exists() && copy.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    // Wherever it is now; it may have come to its end.
    let _ = copy.kill();
    copy.wait().unwrap();
    assert_eq!(files(&case, "data"), before);
    case.run(&["copy", STORE, TWO, "--overwrite"]).ended(0);
    assert_eq!(export(&case, TWO, "c"), lines.concat());
}
