//! `larder stats` of a database: what is told, and that nothing is told which is not known.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a helper of a test that cannot go on fails the test"
)]

mod common;

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;

use common::Case;
use serde_json::Value;

const SQLITE: &str = "sqlite:./data.db";
const RECORDS: &[u8] = b"{\"id\":\"a\",\"n\":1}\n{\"id\":\"b\",\"n\":1}\n";

fn case() -> Case {
    let case = Case::new();
    let args = ["import", "-", "--to", SQLITE, "-c", "c", "--index", "n"];
    case.run_with(&args, RECORDS).ended(0);
    case
}

fn length(case: &Case, file: &str) -> u64 {
    case.path(file).metadata().unwrap().len()
}

/// The first word of each line with what stands behind it.
fn line<'o>(out: &'o str, name: &str) -> Option<&'o str> {
    out.lines()
        .find_map(|line| Some(line.strip_prefix(name)?.trim()))
}

#[test]
fn only_what_is_known_is_told() {
    let case = case();
    let ran = case.run(&["stats", SQLITE]).ended(0);
    let out = ran.out();
    for word in ["held by", "nobody", "last written", "never", "written"] {
        assert!(!out.contains(word), "{word} in {out}");
    }
    assert_eq!(line(out, "backend"), Some("sqlite"));
    assert_eq!(
        line(out, "bytes"),
        Some(&*length(&case, "data.db").to_string())
    );
    assert_eq!(line(out, "quarantine"), Some("0"));
    let rows: Vec<Vec<&str>> = out
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    for row in [
        &["collection", "records"][..],
        &["c", "2"],
        &["collection", "index", "keys"],
        &["c", "n", "1"],
    ] {
        assert!(rows.iter().any(|other| other == row), "{row:?} in {out}");
    }

    let json = case.run(&["stats", SQLITE, "--json"]).ended(0).json();
    assert_eq!(json["bytes"], length(&case, "data.db"));
    let fields = json.as_object().unwrap();
    for field in ["held", "holder"] {
        assert_eq!(fields[field], Value::Null, "{field}");
    }
    let collection = json["collections"][0].as_object().unwrap();
    assert_eq!(collection["records"], 2);
    for field in ["bytes", "written"] {
        assert_eq!(collection[field], Value::Null, "{field}");
    }
}

#[test]
fn the_log_is_told_while_somebody_writes() {
    let case = case();
    let mut writer = case
        .command(&["import", "-", "--to", SQLITE, "-c", "c", "--ack"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = writer.stdin.take().unwrap();
    input.write_all(b"{\"id\":\"d\",\"n\":2}\n").unwrap();
    let mut ack = String::new();
    let mut output = BufReader::new(writer.stdout.take().unwrap());
    output.read_line(&mut ack).unwrap();
    assert_eq!(ack, "ACK 1\n");

    let json = case.run(&["stats", SQLITE, "--json"]).ended(0).json();
    let log = length(&case, "data.db-wal");
    assert!(log > 0);
    assert_eq!(json["log_bytes"], log);
    assert_eq!(json["collections"][0]["records"], 3);
    let people = case.run(&["stats", SQLITE]).ended(0);
    assert_eq!(line(people.out(), "log bytes"), Some(&*log.to_string()));

    drop(input);
    assert!(writer.wait().unwrap().success());
}
