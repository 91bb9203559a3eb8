//! A disk that is full for real, and has space again later: nothing is lost, nothing is half-written.
//!
//! It needs a small file system: one at `LARDER_SMALL_DISK`, which it fills, or on Linux one that it
//! mounts in a namespace of its own, where that is allowed. Without any, its tests say that they
//! were ignored: that is why it has a `main` of its own.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test says what is wrong by panicking"
)]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind as IoErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use larder::prelude::*;
use larder::{AnyRepository, Collection, ErrorKind, HealthState, Query};
use serde_json::{Value, json};

/// The variable with a directory on a small file system.
const DISK: &str = "LARDER_SMALL_DISK";

/// What takes longer than this to fill is not small.
const SMALL: usize = 64 << 20;

type Test = fn(&Path);

const TESTS: [(&str, Test); 4] = [
    ("a_full_disk_under_sqlite", |disk| {
        fills_up(
            disk,
            &format!("sqlite:{}", disk.join("store/data.db").display()),
        );
    }),
    ("a_full_disk_under_json", |disk| {
        fills_up(disk, &format!("json:{}", disk.join("store").display()));
    }),
    ("a_new_store_on_a_full_disk", new_store),
    ("a_store_that_is_opened_on_a_full_disk", opened_there),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let is_wanted = |name: &str| {
        let mut names = arguments
            .iter()
            .filter(|it| !it.starts_with('-'))
            .peekable();
        names.peek().is_none() || names.any(|it| name.contains(it.as_str()))
    };
    let tests = TESTS.into_iter().filter(|(name, _)| is_wanted(name));
    if arguments.iter().any(|it| it == "--list") {
        for (name, _) in tests {
            println!("{name}: test");
        }
        return ExitCode::SUCCESS;
    }
    if let Some(disk) = std::env::var_os(DISK) {
        let failed = tests.filter(|(name, test)| !passes(name, *test, Path::new(&disk)));
        return if failed.count() == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(101)
        };
    }
    let dir = tempfile::tempdir().unwrap();
    if in_namespace(dir.path(), "true", &[]) == Some(true) {
        let me = std::env::current_exe().unwrap();
        let passed = in_namespace(dir.path(), me.to_str().unwrap(), &arguments);
        return if passed == Some(true) {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(101)
        };
    }
    for (name, _) in tests {
        println!("test {name} ... ignored, needs a small file system at {DISK}");
    }
    ExitCode::SUCCESS
}

fn passes(name: &str, test: Test, disk: &Path) -> bool {
    let result = std::panic::catch_unwind(|| test(disk));
    println!(
        "test {name} ... {}",
        if result.is_ok() { "ok" } else { "FAILED" }
    );
    for left in ["store", "new.db", "new.db-wal", "new.db-shm", "filler"] {
        let left = disk.join(left);
        drop(std::fs::remove_dir_all(&left));
        drop(std::fs::remove_file(&left));
    }
    result.is_ok()
}

/// Runs a program where a small file system is mounted on a directory; `None` if there are no
/// namespaces here.
fn in_namespace(dir: &Path, program: &str, arguments: &[String]) -> Option<bool> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let script = format!(
        "mount -t tmpfs -o size=4m tmpfs \"$0\" && {DISK}=\"$0\" && export {DISK} && exec \"$@\""
    );
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", &script]);
    command.arg(dir).arg(program).args(arguments);
    if program == "true" {
        command.stderr(Stdio::null());
    }
    Some(command.status().ok()?.success())
}

/// A file that takes all the space that is left.
struct Filler(PathBuf);

impl Filler {
    fn fill(disk: &Path) -> Self {
        let filler = Self(disk.join("filler"));
        let mut file = File::create(&filler.0).unwrap();
        let mut filled = 0;
        for chunk in [vec![0; 1 << 16], vec![0; 4096], vec![0; 1]] {
            loop {
                match file.write(&chunk) {
                    Ok(wrote) => filled += wrote,
                    Err(error) if error.kind() == IoErrorKind::StorageFull => break,
                    Err(error) => panic!("{error}"),
                }
                assert!(
                    filled < SMALL,
                    "{} is not on a small file system",
                    disk.display()
                );
            }
        }
        filler
    }
}

impl Drop for Filler {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
    }
}

fn record(n: usize) -> Value {
    // Now and then a large one, so that the next page is not always there already.
    let len = if n.is_multiple_of(10) { 30_000 } else { 300 };
    json!({"id": format!("r{n:06}"), "name": format!("n{n}"), "tags": ["t", format!("t{}", n % 3)],
        "fill": "x".repeat(len)})
}

fn id(n: usize) -> String {
    format!("r{n:06}")
}

fn collection() -> Collection<Value> {
    Collection::named("notes").unique("name").multi("tags")
}

fn open(url: &str) -> (Store, AnyRepository<Value>) {
    let store = Store::open(url).unwrap_or_else(|error| panic!("{error:?}"));
    let notes = store.collection(collection());
    let notes = notes.unwrap_or_else(|error| panic!("{error:?}"));
    (store, notes)
}

type Held = BTreeMap<String, Value>;

fn all(notes: &AnyRepository<Value>) -> Held {
    let found = notes.find(Query::all()).unwrap();
    let found = found.iter().map(|it| Value::clone(it));
    found
        .map(|it| (it["id"].as_str().unwrap().to_owned(), it))
        .collect()
}

/// That these records are in the view, and that every way of reading says so.
#[track_caller]
fn holds(notes: &AnyRepository<Value>, wanted: &Held) {
    let found = all(notes);
    assert!(
        found.keys().eq(wanted.keys()),
        "{:?}\n{:?}",
        found.keys(),
        wanted.keys()
    );
    assert!(found == *wanted, "a record is not what it should be");
    let by = |index: &'static str, key: &str| {
        let target = larder::Target::Index(index.into());
        let is = larder::Test::Is(larder::Key::text(key));
        notes.count(larder::Condition::new(target, is)).unwrap()
    };
    assert_eq!(by("tags", "t"), wanted.len() as u64);
    for record in wanted.values() {
        assert_eq!(by("name", record["name"].as_str().unwrap()), 1);
    }
    for id in wanted.keys() {
        assert!(notes.get(id).unwrap().is_some());
    }
}

/// What would be found after the death of this process, now.
fn after_a_crash(disk: &Path, url: &str) -> Held {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(disk.join("store")).unwrap() {
        let path = entry.unwrap().path();
        if !path.to_str().unwrap().ends_with("-shm") {
            std::fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
        }
    }
    let url = url.replace(
        disk.join("store").to_str().unwrap(),
        copy.path().to_str().unwrap(),
    );
    let (store, notes) = open(&url);
    assert!(store.load_report().is_clean(), "{}", store.load_report());
    let found = all(&notes);
    holds(&notes, &found);
    found
}

#[track_caller]
fn says_that_the_disk_is_full(error: &larder::Error) {
    let mut words = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        words = format!("{words}: {inner}");
        source = inner.source();
    }
    println!("    {words}");
    let is_kind = matches!(error.kind(), ErrorKind::Io | ErrorKind::NotDurable);
    assert!(is_kind, "{error:?}");
    assert!(error.is_transient(), "{error:?}");
    let words = words.to_lowercase();
    assert!(
        words.contains("full") || words.contains("no space"),
        "{words}"
    );
}

fn fills_up(disk: &Path, url: &str) {
    let is_json = url.starts_with("json:");
    let (store, notes) = open(url);
    let mut held = Held::new();
    let mut next = 0;
    // Three times: what was learnt in the first must not stand in the way of the second.
    for round in 0..3 {
        for _ in 0..15 {
            notes.save(record(next)).unwrap().wait().unwrap();
            held.insert(id(next), record(next));
            next += 1;
        }
        holds(&notes, &held);

        let filler = Filler::fill(disk);
        // What was acknowledged and what is refused, until it is refused.
        let mut pending = held.clone();
        let error = loop {
            let saved = notes.save(record(next));
            if saved.is_ok() {
                pending.insert(id(next), record(next));
            }
            match saved.and_then(larder::Write::wait) {
                Ok(_) => held.insert(id(next), record(next)),
                Err(error) => break error,
            };
            next += 1;
            assert!(next < 10_000, "a full disk takes everything");
        };
        next += 1;
        says_that_the_disk_is_full(&error);
        // JSON holds what it could not write, and says so. SQLite has refused it.
        assert_eq!(
            pending.len(),
            held.len() + usize::from(is_json),
            "round {round}"
        );
        if is_json {
            assert!(matches!(store.health().state, HealthState::Failing { .. }));
        }
        holds(&notes, &pending);
        assert_eq!(after_a_crash(disk, url), held, "round {round}");

        // Of a batch nothing is there, or all of it is, pending.
        let batch: Vec<Value> = (next..next + 30).map(record).collect();
        next += 30;
        match notes.save_all(batch.clone()) {
            Ok(write) => {
                write.detach();
                let records = batch.into_iter();
                pending.extend(records.map(|it| (it["id"].as_str().unwrap().to_owned(), it)));
            }
            Err(error) => says_that_the_disk_is_full(&error),
        }
        holds(&notes, &pending);
        assert_eq!(after_a_crash(disk, url), held, "round {round}");

        drop(filler);
        // There is space: what was pending becomes durable, and new saves are taken.
        store.flush().wait().unwrap();
        notes.save(record(next)).unwrap().wait().unwrap();
        pending.insert(id(next), record(next));
        next += 1;
        assert!(
            matches!(store.health().state, HealthState::Healthy),
            "{:?}",
            store.health()
        );
        held = pending;
        holds(&notes, &held);
        assert_eq!(after_a_crash(disk, url), held, "round {round}");
        let gone = held.pop_first().unwrap().0;
        notes.delete(&gone).unwrap().wait().unwrap();
    }
    store.close().wait().unwrap();
    drop((store, notes));
    let (store, notes) = open(url);
    assert!(store.load_report().is_clean(), "{}", store.load_report());
    holds(&notes, &held);
    if let Some(path) = url.strip_prefix("sqlite:") {
        let connection = rusqlite::Connection::open(path).unwrap();
        let found: String = connection
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .unwrap();
        assert_eq!(found, "ok");
    }
}

fn new_store(disk: &Path) {
    for scheme in ["sqlite", "json"] {
        let path = disk.join("new.db");
        let url = format!("{scheme}:{}", path.display());
        let filler = Filler::fill(disk);
        let opened = Store::open(&url).and_then(|store| {
            let notes = store.collection(collection())?;
            notes.save(record(1))?.wait()?;
            Ok(())
        });
        says_that_the_disk_is_full(&opened.unwrap_err());
        drop(filler);
        let (store, notes) = open(&url);
        notes.save(record(1)).unwrap().wait().unwrap();
        holds(&notes, &Held::from([(id(1), record(1))]));
        store.close().wait().unwrap();
        drop((store, notes));
        for left in ["new.db", "new.db-wal", "new.db-shm"] {
            let left = disk.join(left);
            drop(std::fs::remove_dir_all(&left));
            drop(std::fs::remove_file(&left));
        }
    }
}

/// It opens and shows everything, or says why not; and then everything is there when there is space.
fn opened_there(disk: &Path) {
    for (scheme, path) in [("sqlite", "store/data.db"), ("json", "store")] {
        let url = format!("{scheme}:{}", disk.join(path).display());
        let (store, notes) = open(&url);
        notes.save_all((0..5).map(record)).unwrap().wait().unwrap();
        let held = all(&notes);
        store.close().wait().unwrap();
        drop((store, notes));
        let filler = Filler::fill(disk);
        for options in ["?read_only=true", ""] {
            let opened = Store::open(format!("{url}{options}"));
            match opened.and_then(|store| store.collection(collection())) {
                Ok(notes) => {
                    println!("    {scheme}{options} opens");
                    holds(&notes, &held);
                }
                Err(error) => says_that_the_disk_is_full(&error),
            }
        }
        drop(filler);
        let (store, notes) = open(&url);
        assert!(store.load_report().is_clean());
        holds(&notes, &held);
        notes.save(record(6)).unwrap().wait().unwrap();
        drop((store, notes));
        std::fs::remove_dir_all(disk.join("store")).unwrap();
    }
}
