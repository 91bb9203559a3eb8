//! Running a process under the recorder, and reading what it wrote down.
//!
//! Owns [`Recorder`] (`recorder.c`, compiled) and [`Call`], a line of its log. What a log does to a
//! disk is `disk`.

use std::collections::BTreeSet;
use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::child::MARKS;
use super::plan::{End, Plan};

/// The variable with the plan of a process under the recorder.
pub(crate) const PLAN: &str = "LARDER_CRASH_PLAN";
/// The variable with the directory that is recorded.
pub(crate) const DIR: &str = "LARDER_CRASH_DIR";

/// One thing that a process did. Numbers of files are those of its process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// A file that was there before.
    Found { path: String, id: u64 },
    /// A new name of a file, which may be new itself.
    Name { path: String, id: u64 },
    /// A new directory.
    Dir { path: String },
    /// A file has another name.
    Move { from: String, to: String },
    /// A name is gone.
    Gone { path: String },
    /// Bytes were written.
    Write {
        id: u64,
        offset: u64,
        bytes: Vec<u8>,
    },
    /// A file is so long now.
    Length { id: u64, length: u64 },
    /// A sync of a file begins.
    Begin { sync: u64, id: u64 },
    /// A sync of a directory begins.
    BeginDir { sync: u64, path: String },
    /// A sync has ended.
    End { sync: u64, ok: bool },
    /// A write failed.
    Failed,
    /// What the process says of itself.
    Mark(String),
}

impl Call {
    /// Whether it did not do what it was told.
    pub(crate) fn failed(&self) -> bool {
        matches!(self, Self::Failed | Self::End { ok: false, .. })
    }
}

/// Without the bytes.
impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write { id, offset, bytes } => {
                write!(f, "write {id} at {offset}, {} bytes", bytes.len())
            }
            other => write!(f, "{other:?}"),
        }
    }
}

/// Calls that fail, counted from the first of the process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    /// `sync` or `write`.
    pub(crate) call: &'static str,
    /// How the file's name ends; `/` is the directory's.
    pub(crate) name: &'static str,
    /// The first that fails, from 1.
    pub(crate) first: usize,
    /// So many fail.
    pub(crate) times: usize,
}

impl Fault {
    /// This sync of a file fails, and no other.
    pub(crate) fn of_sync(name: &'static str, first: usize) -> Self {
        let (call, times) = ("sync", 1);
        Self {
            call,
            name,
            first,
            times,
        }
    }
}

/// The recorder, as a library to be loaded before the C library.
#[derive(Clone)]
pub(crate) struct Recorder {
    library: PathBuf,
}

impl Recorder {
    /// Compiles it into a directory; if that cannot be done, says why.
    pub(crate) fn compile(into: &Path) -> Result<Self, String> {
        let library = into.join("recorder.so");
        let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
        let mut command = Command::new(&compiler);
        command
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(&library);
        command.arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/crash/recorder.c"
        ));
        let output = command.args(["-ldl", "-lpthread"]).output();
        let output = output.map_err(|error| format!("there is no C compiler: {error}"))?;
        if output.status.success() {
            return Ok(Self { library });
        }
        let errors = String::from_utf8_lossy(&output.stderr);
        Err(format!("the recorder cannot be compiled: {errors}"))
    }

    /// Runs a process that does what a plan says in a directory, and gives what it did.
    pub(crate) fn run(&self, plan: &Plan, dir: &Path, fault: Option<Fault>) -> Vec<Call> {
        let log = dir.with_extension("log");
        drop(std::fs::remove_file(&log));
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .env(PLAN, serde_json::to_string(plan).unwrap())
            .env(DIR, dir)
            .env("LARDER_CRASH_LOG", &log)
            .env("LD_PRELOAD", &self.library)
            .stdin(Stdio::null());
        if let Some(Fault {
            call,
            name,
            first,
            times,
        }) = fault
        {
            command.env(
                "LARDER_CRASH_FAULT",
                format!("{call} {name} {first} {times}"),
            );
        }
        let output = command.output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        // One that is to be killed kills itself.
        assert_eq!(
            output.status.success(),
            plan.end == End::Closed,
            "{plan:?}: {errors}"
        );
        assert!(!errors.contains("recorder:"), "{plan:?}: {errors}");
        let mut bytes = Vec::new();
        let file = std::fs::File::open(&log).expect("the recorder was loaded");
        std::io::BufReader::new(file)
            .read_to_end(&mut bytes)
            .unwrap();
        std::fs::remove_file(&log).unwrap();
        parse(&bytes)
    }
}

/// Reads a log. The shared memory of SQLite's is left out: it is made anew after a crash.
fn parse(mut log: &[u8]) -> Vec<Call> {
    let mut calls = Vec::new();
    let mut marks = BTreeSet::new();
    let mut ignored = BTreeSet::new();
    let mut syncs = BTreeSet::new();
    while let Some(end) = log.iter().position(|byte| *byte == b'\n') {
        let line = std::str::from_utf8(&log[..end]).unwrap();
        log = &log[end + 1..];
        let words: Vec<&str> = line.split(' ').collect();
        let number = |at: usize| words[at].parse::<u64>().unwrap();
        let path = |at: usize| words[at].to_owned();
        let call = match words[0] {
            "found" | "name" => {
                let (path, id) = (path(1), number(2));
                if path == MARKS {
                    marks.insert(id);
                    continue;
                }
                if path.ends_with("-shm") {
                    ignored.insert(id);
                    continue;
                }
                if words[0] == "found" {
                    Call::Found { path, id }
                } else {
                    Call::Name { path, id }
                }
            }
            "dir" => Call::Dir { path: path(1) },
            "move" => Call::Move {
                from: path(1),
                to: path(2),
            },
            "gone" if words[1].ends_with("-shm") => continue,
            "gone" => Call::Gone { path: path(1) },
            "write" => {
                let (bytes, rest) = log.split_at(usize::try_from(number(3)).unwrap());
                log = rest;
                let id = number(1);
                if marks.contains(&id) {
                    let mark = std::str::from_utf8(bytes).unwrap();
                    Call::Mark(mark.trim_end().to_owned())
                } else if ignored.contains(&id) {
                    continue;
                } else {
                    Call::Write {
                        id,
                        offset: number(2),
                        bytes: bytes.to_vec(),
                    }
                }
            }
            "length" | "begin"
                if ignored.contains(&number(if words[0] == "begin" { 2 } else { 1 })) =>
            {
                continue;
            }
            "length" => Call::Length {
                id: number(1),
                length: number(2),
            },
            "begin" => {
                syncs.insert(number(1));
                Call::Begin {
                    sync: number(1),
                    id: number(2),
                }
            }
            "begindir" => {
                syncs.insert(number(1));
                let path = if words[2] == "." {
                    String::new()
                } else {
                    path(2)
                };
                Call::BeginDir {
                    sync: number(1),
                    path,
                }
            }
            "end" if !syncs.remove(&number(1)) => continue,
            "end" => Call::End {
                sync: number(1),
                ok: words[2] == "ok",
            },
            "failed" => Call::Failed,
            other => panic!("a line of the log is not known: {other}"),
        };
        calls.push(call);
    }
    assert!(log.is_empty(), "the log ends in a line");
    calls
}
