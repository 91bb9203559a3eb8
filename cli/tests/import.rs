//! `larder import`: what is kept, what is dropped, what is said about it, what is left behind.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a helper of a test that cannot go on fails the test"
)]

mod common;

use common::{Case, STORE, fixtures, id, records};
use serde_json::Value;

const COLLECTIONS: [&str; 3] = ["sessions", "gates", "monitor-runs"];

/// The records that a strict load drops.
fn expected_drops(collection: &str) -> Vec<u64> {
    let path = fixtures().join("workspacecord-damaged/expected.json");
    let expected: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    expected[collection]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["dropped"] != false)
        .map(|entry| entry["index"].as_u64().unwrap())
        .collect()
}

fn place(record: u64) -> usize {
    usize::try_from(record).unwrap()
}

fn dropped_records(report: &Value) -> Vec<u64> {
    let issues = report["issues"].as_array().unwrap().iter();
    issues
        .map(|issue| issue["record"].as_u64().unwrap())
        .collect()
}

#[test]
fn damaged_files_lose_exactly_the_damaged_records() {
    for collection in COLLECTIONS {
        let case = Case::new();
        let fixture = format!("workspacecord-damaged/{collection}.json");
        let report = case
            .import(&fixture, collection, &["--json"])
            .ended(1)
            .json();
        let drops = expected_drops(collection);
        assert_eq!(dropped_records(&report), drops, "{collection}");
        assert_eq!(report["dropped"], drops.len());
        assert_eq!(report["kept"], 60 - drops.len());

        // What is kept is kept to the letter, and what is dropped can be had back to the letter.
        let mut kept: Vec<String> = records(&fixture)
            .into_iter()
            .enumerate()
            .filter(|(index, _)| !drops.contains(&(*index as u64)))
            .map(|(_, record)| record)
            .collect();
        kept.sort_by_key(|record| id(record));
        let export = case
            .run(&["export", STORE, collection, "--format", "ndjson"])
            .ended(0);
        assert_eq!(
            export.out().lines().collect::<Vec<_>>(),
            kept,
            "{collection}"
        );
        let text = std::fs::read_to_string(fixtures().join(&fixture)).unwrap();
        let mut entries = case
            .run(&["quarantine", "list", STORE, "--json"])
            .ended(0)
            .json_lines();
        entries.sort_by_key(|entry| entry["record"].as_u64());
        let raw: Vec<Box<serde_json::value::RawValue>> = serde_json::from_str(&text).unwrap();
        assert_eq!(entries.len(), drops.len());
        for entry in entries {
            let key = entry["key"].as_str().unwrap();
            let shown = case.run(&["quarantine", "show", STORE, key]).ended(0);
            let record = entry["record"].as_u64().unwrap();
            assert_eq!(shown.out(), raw[place(record)].get());
            assert_eq!(entry["text"].as_str().unwrap(), raw[place(record)].get());
        }
        let listed = case.run(&["quarantine", "list", STORE, "--bytes"]).ended(0);
        for drop in &drops {
            assert!(listed.out().contains(raw[place(*drop)].get()), "{drop}");
        }
    }
}

#[test]
fn clean_files_lose_nothing() {
    for collection in COLLECTIONS {
        let case = Case::new();
        let fixture = format!("workspacecord/{collection}.json");
        let ran = case.import(&fixture, collection, &[]).ended(0);
        assert_eq!(ran.out(), "60 records kept, 0 dropped\n");
        assert_eq!(
            case.run(&["count", STORE, collection]).ended(0).out(),
            "60\n"
        );
        assert_eq!(case.run(&["check", STORE]).ended(0).stderr, "");
    }
}

#[test]
fn files_cut_in_a_record_lose_that_record_only() {
    for collection in COLLECTIONS {
        let case = Case::new();
        let fixture = format!("workspacecord-damaged/truncated/{collection}.json");
        let text = std::fs::read_to_string(fixtures().join(&fixture)).unwrap();
        let whole = text.matches("\n  },").count();
        let report = case
            .import(&fixture, collection, &["--json"])
            .ended(1)
            .json();
        assert_eq!(report["kept"], whole, "{collection}");
        assert_eq!(report["dropped"], 1);
        let [entry] = &case
            .run(&["quarantine", "list", STORE, "--json"])
            .ended(0)
            .json_lines()[..]
        else {
            panic!("not one entry");
        };
        let shown = case.run(&["quarantine", "show", STORE, entry["key"].as_str().unwrap()]);
        let tail = &text[text.rfind("\n  {").unwrap()..];
        assert_eq!(shown.out().trim(), tail.trim());
    }
}

#[test]
fn the_report_says_where_which_and_why() {
    let case = Case::new();
    let ran = case
        .import("workspacecord-damaged/sessions.json", "sessions", &[])
        .ended(1);
    let lines: Vec<&str> = ran.out().lines().collect();
    assert_eq!(lines[0], "47 records kept, 13 dropped");
    assert_eq!(lines.len(), 14);
    let line = |record: u64| {
        let start = format!("record {record}, line ");
        *lines.iter().find(|line| line.starts_with(&start)).unwrap()
    };
    assert!(
        line(4).ends_with("record 5 has the same id, and takes its place"),
        "{}",
        line(4)
    );
    assert!(
        line(4).contains("id \"review-pr\": duplicate-id: "),
        "{}",
        line(4)
    );
    assert!(line(8).contains("schema: "), "{}", line(8));
    assert!(line(8).contains("channelId"), "{}", line(8));
    assert!(line(28).contains("/projectName: type: "), "{}", line(28));
    assert!(line(30).contains("/provider: enum: "), "{}", line(30));
    // The values are not told.
    assert!(!ran.out().contains("gemini"));
}

#[test]
fn ndjson_envelopes_and_standard_input_are_read() {
    let case = Case::new();
    let lines = b"{\"id\":\"b\",\"n\":1.0}\n\n{\"id\":\"a\",\"n\":1e3}\n";
    let ran = case
        .run_with(&["import", "-", "--to", STORE, "-c", "notes"], lines)
        .ended(0);
    assert_eq!(ran.out(), "2 records kept, 0 dropped\n");
    let wanted = "[\n{\"id\":\"a\",\"n\":1e3},\n{\"id\":\"b\",\"n\":1.0}\n]\n";
    assert_eq!(case.run(&["export", STORE, "notes"]).ended(0).out(), wanted);
    // The file of a store is a file of records, too.
    let ran = case
        .run(&[
            "import",
            "data/notes.json",
            "--to",
            "json:./two",
            "-c",
            "notes",
        ])
        .ended(0);
    assert_eq!(ran.out(), "2 records kept, 0 dropped\n");
    assert_eq!(
        case.run(&["export", "json:./two", "notes"]).ended(0).out(),
        wanted
    );
}

#[test]
fn records_that_are_no_text_or_no_json_are_kept_in_quarantine() {
    let case = Case::new();
    let lines = b"{\"id\":\"a\"}\n{\"id\":\"b\",\"t\":\"\xff\"}\n{\"id\":\"c\",}\n{\"id\":7}\n";
    let args = ["import", "-", "--to", STORE, "-c", "notes", "--json"];
    let report = case.run_with(&args, lines).ended(1).json();
    assert_eq!(
        (&report["kept"], &report["dropped"]),
        (&1.into(), &3.into())
    );
    let kinds: Vec<_> = report["issues"]
        .as_array()
        .unwrap()
        .iter()
        .map(|i| &i["kind"])
        .collect();
    assert_eq!(kinds, ["syntax", "syntax", "invalid-id"]);
    let shown = |record: usize| {
        let entries = case
            .run(&["quarantine", "list", STORE, "--json"])
            .ended(0)
            .json_lines();
        let entry = entries
            .iter()
            .find(|entry| entry["record"] == record)
            .unwrap();
        case.run(&["quarantine", "show", STORE, entry["key"].as_str().unwrap()])
            .ended(0)
            .stdout
    };
    assert_eq!(shown(1), b"{\"id\":\"b\",\"t\":\"\xff\"}");
    assert_eq!(shown(2), b"{\"id\":\"c\",}");
}

#[test]
fn of_one_id_the_last_good_record_stays_and_each_earlier_one_is_kept_as_it_was_spelled() {
    let case = Case::new();
    let lines = "{\"id\":\"a\", \"n\":1}\n{\"id\":\"a\",\"n\":2}\n{\"id\":\"a\",\"n\":3}\n{\"id\":\"a\",\"n\":}\n";
    let args = ["import", "-", "--to", STORE, "-c", "notes", "--json"];
    let report = case.run_with(&args, lines.as_bytes()).ended(1).json();
    assert_eq!(
        (&report["kept"], &report["dropped"]),
        (&1.into(), &3.into())
    );
    assert_eq!(
        case.run(&["get", STORE, "notes", "a"]).ended(0).out(),
        "{\"id\":\"a\",\"n\":3}\n"
    );
    let entries = case
        .run(&["quarantine", "list", STORE, "--json"])
        .ended(0)
        .json_lines();
    let mut bytes: Vec<String> = entries
        .iter()
        .map(|entry| case.run(&["quarantine", "show", STORE, entry["key"].as_str().unwrap()]))
        .map(|shown| shown.out().to_owned())
        .collect();
    bytes.sort();
    assert_eq!(
        bytes,
        [
            "{\"id\":\"a\", \"n\":1}",
            "{\"id\":\"a\",\"n\":2}",
            "{\"id\":\"a\",\"n\":}"
        ]
    );

    // A record that was there before is replaced, and that is no issue.
    let again = case
        .run_with(&args, b"{\"id\":\"a\",\"n\":4}\n")
        .ended(0)
        .json();
    assert_eq!(again["kept"], 1);
}

#[test]
fn with_reject_one_bad_record_keeps_the_store_untouched() {
    let case = Case::new();
    let reject = ["--on-invalid", "reject", "--json"];
    let report = case
        .import("workspacecord-damaged/gates.json", "gates", &reject)
        .ended(1)
        .json();
    assert_eq!(dropped_records(&report), expected_drops("gates"));
    assert_eq!(
        (&report["kept"], &report["rejected"]),
        (&0.into(), &true.into())
    );
    assert!(!case.path("data").exists());

    let report = case
        .import("workspacecord/gates.json", "gates", &reject)
        .ended(0)
        .json();
    assert_eq!(report["kept"], 60);
    let before = case.read("data/gates.json");
    let new = case.file("new.json", "[{\"id\":\"x\"}]");
    let args = [
        "import",
        new,
        "--to",
        "json:./data?on_invalid=reject",
        "-c",
        "gates",
    ];
    let ran = case.run(&args).ended(1);
    assert!(
        ran.out()
            .starts_with("nothing imported: 1 record refused\nrecord 0, line 1, id \"x\"")
    );
    assert_eq!(case.read("data/gates.json"), before);
}

#[test]
fn with_reject_records_that_are_there_count_for_unique_keys() {
    let case = Case::new();
    let one = case.file("one.json", "[{\"id\":\"a\",\"k\":1}]");
    case.run(&["import", one, "--to", STORE, "-c", "c", "--unique", "k"])
        .ended(0);
    let two = case.file(
        "two.json",
        "[{\"id\":\"b\",\"k\":2},{\"id\":\"c\",\"k\":1}]",
    );
    let ran = case
        .run(&[
            "import",
            two,
            "--to",
            STORE,
            "-c",
            "c",
            "--on-invalid",
            "reject",
        ])
        .ended(1);
    assert!(
        ran.out()
            .contains("record 1, line 1, id \"c\": unique-violation"),
        "{}",
        ran.out()
    );
    assert_eq!(case.run(&["count", STORE, "c"]).out(), "1\n");
    case.run(&["import", two, "--to", STORE, "-c", "c"])
        .ended(1);
    assert_eq!(case.run(&["count", STORE, "c"]).out(), "2\n");
}
