//! `larder watch`: what others change is told, line by line, and it ends when it is told to.
//!
//! Nothing here waits for a time: a test reads what the watching process prints, and goes on then.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a helper of a test that cannot go on fails the test"
)]

mod common;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStderr, ChildStdout, Stdio};

use common::{Case, STORE};
use larder::{Collection, Document, RepositoryExt as _, Store};
use serde_json::{Value, json};

const DATABASE: &str = "sqlite:./data.db";

/// A process that watches.
struct Watching {
    child: Child,
    out: Option<BufReader<ChildStdout>>,
    err: BufReader<ChildStderr>,
}

impl Watching {
    /// Begins to watch, and goes on when every change is told.
    fn start(case: &Case, url: &str, more: &[&str]) -> Self {
        let mut watching = Self::spawn(case, url, more);
        let line = watching.message();
        assert!(line.starts_with("larder: watching "), "{line}");
        watching
    }

    fn spawn(case: &Case, url: &str, more: &[&str]) -> Self {
        let mut child = case
            .command(&["watch", url, "--interval", "10ms"])
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let out = Some(BufReader::new(child.stdout.take().unwrap()));
        let err = BufReader::new(child.stderr.take().unwrap());
        Self { child, out, err }
    }

    /// The next line of standard output.
    fn line(&mut self) -> Value {
        let mut line = String::new();
        self.out.as_mut().unwrap().read_line(&mut line).unwrap();
        assert!(line.ends_with('\n'), "cut off: {line:?}");
        serde_json::from_str(&line).unwrap()
    }

    /// Collection, kind and id of the next change.
    fn change(&mut self) -> (String, String, String) {
        let line = self.line();
        let text = |name: &str| line[name].as_str().unwrap().to_owned();
        (text("collection"), text("kind"), text("id"))
    }

    /// The next line of standard error.
    fn message(&mut self) -> String {
        let mut line = String::new();
        self.err.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    #[cfg(unix)]
    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let sent = std::process::Command::new("kill")
            .args(["-s", signal, &pid])
            .status();
        assert!(sent.unwrap().success());
    }

    /// Waits for its end, and gives the exit status and what was not read of both outputs.
    fn end(mut self) -> (Option<i32>, String, String) {
        let (mut out, mut err) = (String::new(), String::new());
        if let Some(rest) = &mut self.out {
            rest.read_to_string(&mut out).unwrap();
        }
        self.err.read_to_string(&mut err).unwrap();
        (self.child.wait().unwrap().code(), out, err)
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        // Of a test that failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A store with `a` and `b` in the collection `c`.
fn case(url: &str) -> Case {
    let case = Case::new();
    let records = b"{\"id\":\"a\",\"n\":1}\n{\"id\":\"b\",\"n\":1}\n";
    case.run_with(&["import", "-", "--to", url, "-c", "c"], records)
        .ended(0);
    case
}

fn put(case: &Case, url: &str, record: &str) {
    case.run_with(&["put", url, "c"], record.as_bytes())
        .ended(0);
}

fn told(collection: &str, kind: &str, id: &str) -> (String, String, String) {
    (collection.to_owned(), kind.to_owned(), id.to_owned())
}

/// The store of a case, opened here.
fn open(case: &Case, url: &str) -> Store {
    let (scheme, path) = url.split_once(':').unwrap();
    Store::open(format!("{scheme}:{}", case.path(path).display())).unwrap()
}

fn document(text: &str) -> Document {
    Document::parse(text).unwrap()
}

#[test]
fn what_another_process_changes_is_told() {
    for url in [STORE, DATABASE] {
        let case = case(url);
        let mut watching = Watching::start(&case, url, &["c"]);
        put(&case, url, "{ \"n\": 1.0, \"id\": \"x\" }");
        let line = watching.line();
        assert_eq!(
            line.to_string(),
            json!({"collection":"c","id":"x","kind":"inserted","after":{"n":1.0,"id":"x"}})
                .to_string()
        );
        put(&case, url, "{\"id\":\"a\",\"n\":2}");
        let line = watching.line();
        assert_eq!(
            (&line["kind"], &line["id"]),
            (&json!("updated"), &json!("a"))
        );
        assert_eq!(line["after"], json!({"id": "a", "n": 2}));
        assert_eq!(line.get("before"), None);
        // What is put again as it is, is no change.
        put(&case, url, "{\"id\":\"a\",\"n\":2}");
        case.run(&["delete", url, "c", "b"]).ended(0);
        let line = watching.line();
        assert_eq!(
            (&line["kind"], &line["id"]),
            (&json!("deleted"), &json!("b"))
        );
        assert_eq!(line["after"], Value::Null);
    }
}

#[test]
fn what_was_before_is_told_if_it_is_asked_for() {
    for url in [STORE, DATABASE] {
        let case = case(url);
        let mut watching = Watching::start(&case, url, &["--before", "--count", "3"]);
        put(&case, url, "{\"id\":\"a\",\"n\":2}");
        assert_eq!(watching.line()["before"], json!({"id": "a", "n": 1}));
        put(&case, url, "{\"id\":\"x\"}");
        assert_eq!(watching.line().get("before"), Some(&Value::Null));
        case.run(&["delete", url, "c", "a"]).ended(0);
        assert_eq!(watching.line()["before"], json!({"id": "a", "n": 2}));
        assert_eq!(watching.end(), (Some(0), String::new(), String::new()));
    }
}

#[test]
fn what_is_there_comes_first_and_does_not_count() {
    for url in [STORE, DATABASE] {
        let case = case(url);
        let mut watching = Watching::start(&case, url, &["--initial", "--once"]);
        assert_eq!(watching.change(), told("c", "inserted", "a"));
        assert_eq!(watching.change(), told("c", "inserted", "b"));
        put(&case, url, "{\"id\":\"0\"}");
        assert_eq!(watching.change(), told("c", "inserted", "0"));
        assert_eq!(watching.end(), (Some(0), String::new(), String::new()));
    }
}

#[test]
fn a_machine_is_told_when_the_first_look_is_done() {
    let case = case(DATABASE);
    let mut watching = Watching::spawn(&case, DATABASE, &["--json"]);
    let message: Value = serde_json::from_str(&watching.message()).unwrap();
    assert_eq!(
        message,
        json!({"watching": DATABASE, "collections": 1, "records": 2})
    );
}

#[test]
fn a_transaction_is_told_as_one_by_collection_and_id() {
    for url in [STORE, DATABASE] {
        let case = case(url);
        let store = open(&case, url);
        let collection = |name| {
            store
                .collection(Collection::<Document>::named(name))
                .unwrap()
        };
        let (c, d) = (store.documents("c").unwrap(), collection("d"));
        d.save(document("{\"id\":\"z\"}")).unwrap().wait().unwrap();
        let mut watching = Watching::start(&case, url, &[]);
        // The program that writes has the store open all the while.
        let transaction = store.transaction(|tx| {
            let (c, d) = (tx.collection("c")?, tx.collection("d")?);
            d.save(document("{\"id\":\"y\"}"))?;
            d.delete("z")?;
            c.save(document("{\"id\":\"q\"}"))?;
            c.save(document("{\"id\":\"b\"}"))?;
            c.delete("a").map(drop)
        });
        transaction.unwrap().wait().unwrap();
        for change in [
            told("c", "deleted", "a"),
            told("c", "updated", "b"),
            told("c", "inserted", "q"),
            told("d", "inserted", "y"),
            told("d", "deleted", "z"),
        ] {
            assert_eq!(watching.change(), change, "{url}");
        }
        drop(c);
        // A collection that was not there when it began.
        let e = collection("e");
        e.save(document("{\"id\":\"1\"}")).unwrap().wait().unwrap();
        assert_eq!(watching.change(), told("e", "inserted", "1"));
    }
}

#[test]
fn no_more_than_so_many_are_told() {
    for url in [STORE, DATABASE] {
        let case = case(url);
        let watching = Watching::start(&case, url, &["--count", "2"]);
        case.run(&["delete", url, "c", "a", "b"]).ended(0);
        let records = b"{\"id\":\"r\"}\n{\"id\":\"s\"}\n{\"id\":\"t\"}\n";
        case.run_with(&["import", "-", "--to", url, "-c", "c"], records)
            .ended(0);
        let (code, out, err) = watching.end();
        assert_eq!(
            (code, out.lines().count(), &*err),
            (Some(0), 2, ""),
            "{out}"
        );
    }
}

/// However the looks fall, their changes lead to what is there.
#[test]
fn the_changes_of_a_busy_store_lead_to_what_is_there() {
    const WRITES: u32 = 400;
    for url in [STORE, DATABASE] {
        let case = case(url);
        let store = open(&case, url);
        let c = store.documents("c").unwrap();
        let mut watching = Watching::start(&case, url, &["--initial"]);
        let writes = std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut random = 7u32;
                for n in 0..WRITES {
                    random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    let id = format!("r{}", random >> 28);
                    if random & 1024 == 0 {
                        c.delete(&id).unwrap().detach();
                    } else {
                        let record = format!("{{\"id\":\"{id}\",\"n\":{}}}", n % 3);
                        c.save(document(&record)).unwrap().detach();
                    }
                    if n % 8 == 0 {
                        c.flush().wait().unwrap();
                    }
                }
                // The last one, in order of time and of ids.
                let last = c.save(document("{\"id\":\"~\"}")).unwrap();
                last.wait().unwrap();
            });
            let mut there = BTreeMap::new();
            while !there.contains_key("~") {
                let line = watching.line();
                let id = line["id"].as_str().unwrap().to_owned();
                let was_there = match line["after"].clone() {
                    Value::Null => there.remove(&id).is_some(),
                    after => there.insert(id, after).is_some(),
                };
                assert_eq!(line["kind"] == json!("inserted"), !was_there, "{line}");
            }
            there
        });
        let wanted: BTreeMap<String, Value> = c
            .find(larder::Query::all())
            .unwrap()
            .iter()
            .map(|record| {
                let value = record.value();
                (value["id"].as_str().unwrap().to_owned(), value)
            })
            .collect();
        assert_eq!(writes, wanted, "{url}");
    }
}

#[cfg(unix)]
#[test]
fn a_signal_ends_it_between_two_lines() {
    for (url, signal) in [(STORE, "INT"), (DATABASE, "TERM")] {
        let case = case(url);
        let store = open(&case, url);
        let c = store.documents("c").unwrap();
        // Longer than what a pipe and a buffer hold, so that it comes in the middle of the output.
        let text = "x".repeat(1_000);
        let mut watching = Watching::start(&case, url, &[]);
        let records = (0..500).map(|n| document(&format!("{{\"id\":\"r{n}\",\"t\":\"{text}\"}}")));
        c.save_all(records).unwrap().wait().unwrap();
        watching.line();
        watching.signal(signal);
        let (code, out, err) = watching.end();
        assert_eq!((code, &*err), (Some(0), ""));
        assert!(out.is_empty() || out.ends_with('\n'), "cut off");
        for line in out.lines() {
            assert!(serde_json::from_str::<Value>(line).is_ok(), "{line}");
        }
    }
    // While it waits, however long that would be.
    let case = case(STORE);
    let watching = Watching::start(&case, STORE, &[]);
    watching.signal("TERM");
    assert_eq!(watching.end(), (Some(0), String::new(), String::new()));
    let mut child = case
        .command(&["watch", STORE, "--interval", "24h"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut err = BufReader::new(child.stderr.take().unwrap());
    err.read_line(&mut line).unwrap();
    let pid = child.id().to_string();
    let mut kill = std::process::Command::new("kill");
    assert!(kill.arg(pid).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[cfg(unix)]
#[test]
fn it_ends_quietly_when_nobody_reads_even_if_nothing_changes() {
    for url in [STORE, DATABASE] {
        let case = case(url);
        let mut watching = Watching::start(&case, url, &[]);
        drop(watching.out.take());
        assert_eq!(watching.end(), (Some(0), String::new(), String::new()));
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "somebody moves the store away")]
fn a_store_that_is_gone_for_a_while_is_watched_again() {
    for (url, name) in [(STORE, "data"), (DATABASE, "data.db")] {
        let case = case(url);
        let mut watching = Watching::start(&case, url, &[]);
        std::fs::rename(case.path(name), case.path("away")).unwrap();
        let message = watching.message();
        assert!(message.contains("cannot read"), "{message}");
        assert!(message.ends_with("still watching"), "{message}");
        // Another one, in which `a` is another and `b` is not.
        let (scheme, _) = url.split_once(':').unwrap();
        let other = format!("{scheme}:./other");
        let records = b"{\"id\":\"a\",\"n\":5}\n";
        case.run_with(&["import", "-", "--to", &other, "-c", "c"], records)
            .ended(0);
        std::fs::rename(case.path("other"), case.path(name)).unwrap();
        assert_eq!(watching.message(), "larder: the store can be read again");
        assert_eq!(watching.change(), told("c", "updated", "a"));
        assert_eq!(watching.change(), told("c", "deleted", "b"));
        put(&case, url, "{\"id\":\"z\"}");
        assert_eq!(watching.change(), told("c", "inserted", "z"));
    }
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "somebody moves another store there"
)]
fn another_database_under_the_same_name_is_noticed() {
    let case = case(DATABASE);
    let mut watching = Watching::start(&case, DATABASE, &[]);
    let records = b"{\"id\":\"a\",\"n\":5}\n";
    case.run_with(
        &["import", "-", "--to", "sqlite:./other", "-c", "c"],
        records,
    )
    .ended(0);
    std::fs::rename(case.path("other"), case.path("data.db")).unwrap();
    assert_eq!(watching.change(), told("c", "updated", "a"));
    assert_eq!(watching.change(), told("c", "deleted", "b"));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "somebody writes into the store")]
fn a_half_written_file_is_no_deletion() {
    let case = case(STORE);
    let whole = case.read("data/c.json");
    let mut watching = Watching::start(&case, STORE, &[]);
    for half in [&whole[..whole.len() / 2], b""] {
        case.file("half", half);
        std::fs::rename(case.path("half"), case.path("data/c.json")).unwrap();
        let message = watching.message();
        assert!(message.ends_with("still watching"), "{message}");
    }
    let text = String::from_utf8(whole).unwrap();
    case.file("whole", text.replace("\"a\",\"n\":1", "\"a\",\"n\":3"));
    std::fs::rename(case.path("whole"), case.path("data/c.json")).unwrap();
    assert_eq!(watching.message(), "larder: \"c\" can be read again");
    let line = watching.line();
    assert_eq!(line["after"], json!({"id": "a", "n": 3}));
    put(&case, STORE, "{\"id\":\"z\"}");
    assert_eq!(watching.change(), told("c", "inserted", "z"));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "somebody writes into the store")]
fn what_a_crash_left_of_a_commit_keeps_nothing_back() {
    let case = case(STORE);
    let mut watching = Watching::start(&case, STORE, &[]);
    case.file("data/larder.commit", "{}");
    for n in 2..5 {
        case.file(
            "next",
            format!("[{{\"id\":\"a\",\"n\":{n}}},{{\"id\":\"b\",\"n\":1}}]"),
        );
        std::fs::rename(case.path("next"), case.path("data/c.json")).unwrap();
        assert_eq!(watching.line()["after"]["n"], n);
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "another program's file")]
fn a_file_of_another_program_is_watched_in_any_form() {
    let case = Case::new();
    let config = case.file(
        "larder.toml",
        "url = \"json:./data\"\n[collections.c]\nid = \"key\"\n",
    );
    case.file(
        "data/c.json",
        "[\n  { \"key\": \"b\", \"n\": 1 },\n  { \"key\": \"a\" },\n  { \"id\": \"x\" }\n]\n",
    );
    let mut watching = Watching::spawn(&case, config, &["--initial"]);
    let message = watching.message();
    assert!(
        message.contains("1 record of \"c\" have no id"),
        "{message}"
    );
    assert_eq!(watching.change(), told("c", "inserted", "a"));
    assert_eq!(watching.change(), told("c", "inserted", "b"));
    // Other white space, another order: of the records only one is another.
    case.file("next", "[{\"key\":\"a\"},{\"key\":\"b\",\"n\":2},7]");
    std::fs::rename(case.path("next"), case.path("data/c.json")).unwrap();
    assert_eq!(watching.line()["after"], json!({"key": "b", "n": 2}));
}

#[test]
fn of_a_database_only_what_is_good_is_told() {
    let case = Case::new();
    case.file("s.json", "{\"properties\":{\"n\":{\"type\":\"integer\"}}}");
    let args = [
        "import", "-", "--to", DATABASE, "-c", "c", "--schema", "s.json",
    ];
    case.run_with(&args, b"{\"id\":\"a\",\"n\":1}\n{\"id\":\"b\",\"n\":1}\n")
        .ended(0);
    let mut watching = Watching::start(&case, DATABASE, &[]);
    let mut sql = rusqlite::Connection::open(case.path("data.db")).unwrap();
    let tx = sql.transaction().unwrap();
    let change = "UPDATE c SET doc = ?2 WHERE id = ?1";
    tx.execute(change, ["a", "{\"id\":\"a\",\"n\":\"one\"}"])
        .unwrap();
    tx.execute(change, ["b", "{\"id\":\"b\",\"n\":7}"]).unwrap();
    tx.commit().unwrap();
    assert_eq!(watching.change(), told("c", "deleted", "a"));
    assert_eq!(watching.line()["after"], json!({"id": "b", "n": 7}));
}

#[test]
fn what_cannot_be_watched_is_told_why() {
    let case = case(STORE);
    case.run_with(
        &["import", "-", "--to", DATABASE, "-c", "c"],
        b"{\"id\":\"a\"}",
    )
    .ended(0);
    for (args, says) in [
        (&["memory:"][..], "within one program"),
        (&["json:./nothing"], "cannot read ./nothing"),
        (&["sqlite:./nothing.db"], "cannot read ./nothing.db"),
        (&[STORE, "d"], "there is no collection \"d\""),
        (&[DATABASE, "d"], "there is no collection \"d\""),
        (&["json:./data?debunce=1s"], "debounce"),
        (&[STORE, "--interval", "0s"], "between 10ms and 24h"),
        (&[STORE, "--interval", "soon"], "write it as 500ms"),
        (&[STORE, "--once", "--count", "2"], "cannot be used with"),
    ] {
        let mut all = vec!["watch"];
        all.extend(args);
        let ran = case.run(&all).ended(2);
        assert!(ran.stdout.is_empty(), "{args:?}: {}", ran.out());
        assert!(ran.stderr.contains(says), "{args:?}: {}", ran.stderr);
    }
}
