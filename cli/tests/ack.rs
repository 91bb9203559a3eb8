//! `larder import --ack`: a driver that writes a line, waits for its answer, and writes the next.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a helper of a test that cannot go on fails the test"
)]

mod common;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use common::{Case, STORE};

/// A running import.
struct Driven {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Driven {
    fn start(case: &Case, more: &[&str]) -> Self {
        let mut args = vec!["import", "-", "--to", STORE, "-c", "notes", "--ack"];
        args.extend(more);
        let mut child = case
            .command(&args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self {
            child,
            stdin,
            stdout,
        }
    }

    fn write(&mut self, text: impl AsRef<[u8]>) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(text.as_ref()).unwrap();
        stdin.flush().unwrap();
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        assert!(line.ends_with('\n'), "cut off: {line:?}");
        line.trim_end().to_owned()
    }

    /// Closes the input and gives status, the rest of the answers, and standard error.
    fn end(mut self) -> (i32, String, String) {
        drop(self.stdin.take());
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        let mut stderr = String::new();
        self.child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut stderr)
            .unwrap();
        (self.child.wait().unwrap().code().unwrap(), rest, stderr)
    }
}

#[test]
fn each_record_is_answered_while_the_input_is_open() {
    let case = Case::new();
    let mut driven = Driven::start(&case, &[]);
    for n in 1..=5 {
        driven.write(format!("{{\"id\":\"r{n}\"}}\n"));
        assert_eq!(driven.answer(), format!("ACK {n}"));
        // What was acknowledged is in the file, whatever happens to the process now.
        let file = String::from_utf8(case.read("data/notes.json")).unwrap();
        assert!(file.contains(&format!("\"r{n}\"")), "{file}");
    }
    let (code, rest, report) = driven.end();
    assert_eq!((code, &*rest), (0, ""));
    assert_eq!(report, "5 records kept, 0 dropped\n");
}

#[test]
fn a_refused_record_is_answered_once_its_bytes_are_in_quarantine() {
    let case = Case::new();
    let mut driven = Driven::start(&case, &["--json"]);
    driven.write("not even json\n");
    let answer = driven.answer();
    assert!(answer.starts_with("NAK 1 syntax: "), "{answer}");
    let kept = String::from_utf8(case.read("data/notes.quarantine.ndjson")).unwrap();
    assert!(kept.contains("not even json"), "{kept}");
    driven.write("\n{\"id\":\"a\"}\n{\"n\":1}\n");
    assert_eq!(driven.answer(), "ACK 2");
    assert!(driven.answer().starts_with("NAK 3 invalid-id: "));
    let (code, rest, report) = driven.end();
    assert_eq!((code, &*rest), (1, ""));
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(
        (&report["kept"], &report["dropped"]),
        (&1.into(), &2.into())
    );
    assert_eq!(report["issues"][1]["line"], 4);
}

#[test]
fn an_acknowledged_record_survives_a_kill() {
    let case = Case::new();
    let mut driven = Driven::start(&case, &[]);
    for n in 1..=3 {
        driven.write(format!("{{\"id\":\"r{n}\"}}\n"));
        driven.answer();
    }
    driven.child.kill().unwrap();
    driven.child.wait().unwrap();
    let export = case
        .run(&["export", STORE, "notes", "--format", "ndjson"])
        .ended(0);
    assert_eq!(
        export.out(),
        "{\"id\":\"r1\"}\n{\"id\":\"r2\"}\n{\"id\":\"r3\"}\n"
    );
}

#[test]
fn many_records_share_a_flush() {
    const MANY: usize = 2_000;
    let case = Case::new();
    let mut driven = Driven::start(&case, &[]);
    let lines: Vec<String> = (1..=MANY)
        .map(|n| format!("{{\"id\":\"r{n:05}\"}}\n"))
        .collect();
    let started = std::time::Instant::now();
    driven.write(lines.concat());
    for n in 1..=MANY {
        assert_eq!(driven.answer(), format!("ACK {n}"));
    }
    // A flush for each would write two million lines and sync thousands of times.
    let together = started.elapsed();
    let alone = std::time::Instant::now();
    for n in 1..=5 {
        driven.write(format!("{{\"id\":\"s{n}\"}}\n"));
        driven.answer();
    }
    assert!(together < alone.elapsed() / 5 * 400, "{together:?} for all");
    assert_eq!(driven.end().0, 0);
    assert_eq!(
        case.run(&["count", STORE, "notes"]).out(),
        format!("{}\n", MANY + 5)
    );
}

#[test]
fn a_file_that_makes_sense_as_a_whole_is_answered_too() {
    let case = Case::new();
    let mut driven = Driven::start(&case, &[]);
    driven.write("[\n{\"id\":\"a\"},\n7,\n{\"id\":\"b\"}\n]\n");
    let (code, answers, _) = driven.end();
    assert_eq!(code, 1);
    let answers: Vec<&str> = answers.lines().collect();
    assert_eq!(
        (answers[0], answers[2], answers.len()),
        ("ACK 1", "ACK 3", 3)
    );
    assert!(answers[1].starts_with("NAK 2 schema: "), "{answers:?}");
}

#[test]
fn what_cannot_be_made_durable_is_not_acknowledged() {
    let case = Case::new();
    let mut driven = Driven::start(&case, &[]);
    driven.write("{\"id\":\"a\"}\n");
    assert_eq!(driven.answer(), "ACK 1");
    std::fs::remove_dir_all(case.path("data")).unwrap();
    driven.write("{\"id\":\"b\"}\n");
    // The input stays open, and yet the command ends: no answer will come.
    let mut rest = String::new();
    driven.stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
    let mut stderr = String::new();
    let err = driven.child.stderr.as_mut().unwrap();
    err.read_to_string(&mut stderr).unwrap();
    assert_eq!(driven.child.wait().unwrap().code(), Some(2));
    assert!(stderr.starts_with("larder: not durable yet"), "{stderr}");
    assert!(stderr.contains("what is not durable is lost"), "{stderr}");
}
