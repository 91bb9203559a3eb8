//! `larder check` and `stats`, configuration files, locks, and how every command ends.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a helper of a test that cannot go on fails the test"
)]

mod common;

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Stdio};

use common::{Case, STORE};

/// Another process that has the store open for writing.
struct Holder(Child);

impl Holder {
    fn of(case: &Case) -> Self {
        let mut child = case
            .command(&["import", "-", "--to", STORE, "-c", "held", "--ack"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        child
            .stdin
            .as_mut()
            .unwrap()
            .write_all(b"{\"id\":\"a\"}\n")
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert_eq!(line, "ACK 1\n");
        Self(child)
    }

    fn pid(&self) -> String {
        format!("pid {}", self.0.id())
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

#[test]
fn the_second_writer_is_told_who_the_first_is() {
    let case = Case::new();
    let holder = Holder::of(&case);
    for args in [
        &["put", STORE, "held"][..],
        &["get", STORE, "held", "a"],
        &["check", STORE],
        &["import", "-", "--to", STORE, "-c", "held"],
    ] {
        let ran = case.run_with(args, b"{\"id\":\"b\"}").ended(2);
        assert!(ran.stdout.is_empty(), "{args:?}: {}", ran.out());
        assert!(
            ran.stderr.contains(&holder.pid()),
            "{args:?}: {}",
            ran.stderr
        );
    }
    drop(holder);
    assert_eq!(
        case.run(&["get", STORE, "held", "a"]).ended(0).out(),
        "{\"id\":\"a\"}\n"
    );
}

#[test]
fn stats_tell_who_holds_the_store() {
    let case = Case::new();
    let holder = Holder::of(&case);
    let ran = case.run(&["stats", STORE]).ended(0);
    assert!(ran.out().contains(&holder.pid()), "{}", ran.out());
    let json = case.run(&["stats", STORE, "--json"]).ended(0).json();
    assert_eq!(json["held"], true);
    assert!(
        json["holder"].as_str().unwrap().contains(&holder.pid()),
        "{json}"
    );
    drop(holder);
    let json = case.run(&["stats", STORE, "--json"]).ended(0).json();
    assert_eq!(
        (&json["held"], &json["holder"]),
        (&false.into(), &serde_json::Value::Null)
    );
}

#[test]
fn readers_read_side_by_side() {
    let case = Case::new();
    let lines: Vec<String> = (0..20_000)
        .map(|n| format!("{{\"id\":\"r{n}\",\"n\":{n}}}\n"))
        .collect();
    case.run_with(
        &["import", "-", "--to", STORE, "-c", "c"],
        lines.concat().as_bytes(),
    )
    .ended(0);
    // Blocked on a pipe that nobody reads, it has the store open.
    let mut first = case
        .command(&["export", STORE, "c"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut reader = BufReader::new(first.stdout.take().unwrap());
    reader.read_line(&mut line).unwrap();
    assert_eq!(case.run(&["count", STORE, "c"]).ended(0).out(), "20000\n");
    let ran = case
        .run_with(&["put", STORE, "c"], b"{\"id\":\"x\"}")
        .ended(2);
    assert!(ran.stderr.contains("read-only opens"), "{}", ran.stderr);
    // Whoever reads has had enough: the export ends without a word.
    drop(reader);
    let output = first.wait_with_output().unwrap();
    assert_eq!((output.status.code(), &*output.stderr), (Some(0), &b""[..]));
    case.run_with(&["put", STORE, "c"], b"{\"id\":\"x\"}")
        .ended(0);
}

#[test]
fn stats_count() {
    let case = Case::new();
    let indexes = ["--unique", "channelId", "--index", "provider"];
    case.import("workspacecord-damaged/sessions.json", "sessions", &indexes)
        .ended(1);
    let json = case.run(&["stats", STORE, "--json"]).ended(0).json();
    assert_eq!(json["backend"], "json");
    let sessions = &json["collections"][0];
    assert_eq!(
        (&sessions["name"], &sessions["records"]),
        (&"sessions".into(), &47.into())
    );
    assert_eq!(sessions["bytes"], case.read("data/sessions.json").len());
    assert_eq!(
        sessions["indexes"],
        serde_json::json!({"channelId": 47, "provider": 2})
    );
    let entries = case
        .run(&["quarantine", "list", STORE, "--json"])
        .json_lines()
        .len();
    assert_eq!(json["quarantined"], entries);
    assert!(sessions["written"].as_str().unwrap().ends_with('Z'));
    let people = case.run(&["stats", STORE]).ended(0);
    for word in [
        "backend      json",
        "sessions",
        "channelId",
        "held by      nobody",
    ] {
        assert!(people.out().contains(word), "{word} in {}", people.out());
    }
}

#[test]
fn check_is_content_with_what_an_import_left() {
    let case = Case::new();
    let indexes = [
        "--unique",
        "channelId",
        "--index",
        "provider",
        "--index",
        "tags[]",
    ];
    case.import("workspacecord-damaged/sessions.json", "sessions", &indexes)
        .ended(1);
    let found = case.run(&["check", STORE, "--json"]).ended(0).json();
    assert_eq!(found["ok"], true);
    let sessions = &found["collections"][0];
    assert_eq!(
        (&sessions["records"], &sessions["dropped"]),
        (&47.into(), &0.into())
    );
    assert_eq!(sessions["indexes"][0]["keys"], 47);
    assert!(sessions["quarantined"].as_u64().unwrap() > 0);
    let people = case.run(&["check", STORE]).ended(0);
    assert!(
        people
            .out()
            .starts_with("sessions: ok: 47 records, 0 dropped, 3 indexes checked, ")
    );
}

#[test]
fn check_finds_every_kind_of_damage_and_mends_none() {
    let damage = |name: &str, bytes: &str, wanted: &str| {
        let case = Case::new();
        for collection in ["c", "d"] {
            let lines = b"{\"id\":\"a\"}\n{\"id\":\"b\"}\n";
            case.run_with(&["import", "-", "--to", STORE, "-c", collection], lines)
                .ended(0);
        }
        case.file(name, bytes);
        let before = case.read(name);
        let ran = case.run(&["check", STORE]).ended(1);
        assert!(ran.out().contains(wanted), "{name}: {}", ran.out());
        let json = case.run(&["check", STORE, "--json"]).ended(1).json();
        assert_eq!(json["ok"], false);
        assert_eq!(case.read(name), before);
        assert!(!case.path("data/c.quarantine.ndjson").exists());
        ran
    };
    let ran = damage(
        "data/c.json",
        "[{\"id\":\"a\"},{\"id\":1}]",
        "c: NOT OK: 1 record, 1 dropped",
    );
    assert!(ran.out().contains("d: ok: 2 records"), "{}", ran.out());
    damage(
        "data/c.json",
        "[{\"id\":\"a\"},{\"id\":\"b",
        "dropped syntax",
    );
    damage(
        "data/c.json",
        "[{\"id\":\"a\"},{\"id\":\"a\",\"n\":1}]",
        "duplicate-id",
    );
    damage("data/c.json", "hello", "cannot be opened: not a store file");
    damage(
        "data/c.collection.json",
        "{",
        "definition of the collection cannot be read",
    );
}

#[test]
fn a_configuration_file_stands_for_a_store() {
    let case = Case::new();
    case.file(
        "etc/s.json",
        "{\"properties\":{\"n\":{\"type\":\"integer\"}}}",
    );
    let config = case.file(
        "etc/larder.toml",
        "url = \"json:../data\"\n[collections.c]\nid = \"key\"\nschema = \"s.json\"\nunique = [\"n\"]\n",
    );
    assert_eq!(
        case.run_with(&["put", config, "c"], b"{\"key\":\"k\",\"n\":1}")
            .ended(0)
            .out(),
        "k\n"
    );
    let ran = case
        .run_with(&["put", config, "c"], b"{\"key\":\"l\",\"n\":1}")
        .ended(1);
    assert!(ran.stderr.contains("unique violation"), "{}", ran.stderr);
    let file = case.file(
        "a.json",
        "[{\"key\":\"m\",\"n\":2},{\"key\":\"o\",\"n\":\"x\"}]",
    );
    case.run(&["import", file, "--to", config, "-c", "c"])
        .ended(1);
    assert_eq!(
        case.run(&["count", "json:./data", "c"]).ended(0).out(),
        "2\n"
    );
    let ran = case
        .run(&["import", file, "--to", config, "-c", "c", "--index", "z"])
        .ended(2);
    assert!(
        ran.stderr.contains("change the definition there"),
        "{}",
        ran.stderr
    );

    case.file("etc/larder.json", "{\"url\":\"json:../data\"}");
    assert_eq!(
        case.run(&["get", "etc/larder.json", "c", "k"])
            .ended(0)
            .out(),
        "{\"key\":\"k\",\"n\":1}\n"
    );
}

#[test]
fn an_unknown_key_of_a_configuration_is_told_the_known_ones() {
    let case = Case::new();
    let config = case.file("larder.toml", "url = \"json:./data\"\ndebunce = \"1s\"\n");
    let ran = case.run(&["stats", config]).ended(2);
    for word in ["debunce", "debounce", "on_invalid", "larder.toml"] {
        assert!(ran.stderr.contains(word), "{word} in {}", ran.stderr);
    }
    let ran = case.run(&["stats", "json:./data?debunce=1s"]).ended(2);
    assert!(ran.stderr.contains("debounce"), "{}", ran.stderr);
    let ran = case.run(&["stats", "nosql:./data"]).ended(2);
    assert!(ran.stderr.contains("json:DIRECTORY"), "{}", ran.stderr);
}

#[test]
fn help_teaches_and_usage_errors_are_2() {
    let case = Case::new();
    for command in [
        "import",
        "export",
        "get",
        "put",
        "delete",
        "count",
        "find",
        "check",
        "copy",
        "backup",
        "restore",
        "quarantine",
        "stats",
        "watch",
    ] {
        let help = case.run(&[command, "--help"]).ended(0);
        assert!(help.out().contains("Examples:"), "{command}");
        let short = case.run(&[command, "-h"]).ended(0);
        assert!(short.out().contains("--json"), "{command}");
    }
    let help = case.run(&["import", "--help"]).ended(0);
    for word in ["ACK <n>", "NAK <n> <reason>", "interrupted"] {
        assert!(help.out().contains(word), "{word}");
    }
    assert!(
        case.run(&["--help"])
            .ended(0)
            .out()
            .contains("Exit status:")
    );
    let version = case.run(&["--version"]).ended(0);
    assert_eq!(
        version.out(),
        format!("larder {}\n", env!("CARGO_PKG_VERSION"))
    );
    for args in [
        &[][..],
        &["stats"],
        &["frobnicate"],
        &["find", STORE, "c", "--limit", "0"],
    ] {
        case.run(args).ended(2);
    }
}

#[test]
fn a_memory_store_is_a_dry_run() {
    let case = Case::new();
    let file = case.file("a.json", "[{\"id\":\"a\"},7]");
    let ran = case
        .run(&["import", file, "--to", "memory:", "-c", "c"])
        .ended(1);
    assert!(
        ran.out()
            .starts_with("1 record kept, 1 dropped\nrecord 1, line 1: schema: ")
    );
    assert!(
        case.run(&["stats", "memory:"])
            .ended(0)
            .out()
            .contains("memory")
    );
}
