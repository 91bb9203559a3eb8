//! What the tests of the command share: running it, the fixtures, files to feed it.
//!
//! Owns [`Case`], a directory with a store in it. Not every test file uses all of it.
#![allow(
    dead_code,
    reason = "every test file compiles this on its own and uses a part"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// A directory of its own, and the command in it. The store is `json:./data`.
pub(crate) struct Case {
    dir: tempfile::TempDir,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

pub(crate) const STORE: &str = "json:./data";

impl Case {
    pub(crate) fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.dir.path().join(file)
    }

    /// Writes a file and gives its name.
    #[expect(clippy::disallowed_methods, reason = "a file of a test is no store")]
    pub(crate) fn file<'n>(&self, name: &'n str, bytes: impl AsRef<[u8]>) -> &'n str {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
        name
    }

    #[expect(clippy::disallowed_methods, reason = "a file of a test is no store")]
    pub(crate) fn remove(&self, file: &str) {
        std::fs::remove_file(self.path(file)).unwrap();
    }

    pub(crate) fn read(&self, file: &str) -> Vec<u8> {
        std::fs::read(self.path(file)).unwrap()
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
        command.args(args).current_dir(self.dir.path());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        self.run_with(args, b"")
    }

    /// Runs it with this standard input.
    pub(crate) fn run_with(&self, args: &[&str], stdin: &[u8]) -> Ran {
        let output = assert_cmd::Command::from_std(self.command(args))
            .write_stdin(stdin)
            .output()
            .unwrap();
        Ran::from(output)
    }

    /// Imports a fixture of the damaged set, or of the clean one, with its schema.
    pub(crate) fn import(&self, fixture: &str, collection: &str, more: &[&str]) -> Ran {
        let file = fixtures().join(fixture);
        let schema = schema(collection);
        let mut args = vec!["import", file.to_str().unwrap(), "--to", STORE];
        args.extend([
            "--collection",
            collection,
            "--schema",
            schema.to_str().unwrap(),
        ]);
        args.extend(more);
        self.run(&args)
    }

    /// Imports a file as records of this type.
    pub(crate) fn import_as(&self, file: &str, to: &str, name: &str, more: &[&str]) -> Ran {
        let mut args = vec!["import", file, "--to", to, "--as", name];
        args.extend(more);
        self.run(&args)
    }

    /// Opens `json:./data` or such in this process.
    pub(crate) fn open(&self, store: &str) -> larder::Store {
        let (scheme, path) = store.split_once(":./").unwrap();
        larder::Store::open(format!("{scheme}:{}", self.path(path).display())).unwrap()
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().expect("ended by itself"),
            stdout: output.stdout,
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ran {
    /// Checks how it ended.
    #[track_caller]
    pub(crate) fn ended(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            code,
            "stdout: {}\nstderr: {}",
            self.out(),
            self.stderr
        );
        self
    }

    pub(crate) fn out(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(self.out()).unwrap()
    }

    #[track_caller]
    pub(crate) fn json_lines(&self) -> Vec<Value> {
        let lines = self.out().lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures")
}

/// The path of a fixture.
pub(crate) fn fixture(path: &str) -> String {
    fixtures().join(path).to_str().unwrap().to_owned()
}

pub(crate) fn schema(collection: &str) -> PathBuf {
    let name = collection.strip_suffix('s').unwrap();
    fixtures().join(format!("{name}.schema.json"))
}

/// The text of each record of a fixture, as its program wrote it but without white space.
pub(crate) fn records(fixture: &str) -> Vec<String> {
    let text = std::fs::read_to_string(fixtures().join(fixture)).unwrap();
    let records: Vec<Box<serde_json::value::RawValue>> = serde_json::from_str(&text).unwrap();
    records.iter().map(|record| compact(record.get())).collect()
}

/// JSON without white space between tokens. Slow and plain, so that it can be believed.
pub(crate) fn compact(text: &str) -> String {
    let mut out = String::new();
    let (mut in_string, mut escaped) = (false, false);
    for character in text.chars() {
        if in_string || !character.is_ascii_whitespace() {
            out.push(character);
        }
        match character {
            _ if escaped => escaped = false,
            '\\' if in_string => escaped = true,
            '"' => in_string = !in_string,
            _ => {}
        }
    }
    out
}

/// The id of a record.
pub(crate) fn id(record: &str) -> Option<String> {
    let record: Value = serde_json::from_str(record).unwrap();
    record.get("id")?.as_str().map(ToOwned::to_owned)
}
