//! Another process that runs the same test, and how the two speak.
//!
//! Owns [`other`], which starts it, [`role`], which tells it what it is, and [`Peer`], with which the
//! first one speaks over pipes. Not every test file uses all of it.

#![allow(
    dead_code,
    reason = "every test file compiles this on its own and uses a part"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// The variable with the path of the database, in a process that is the other one.
const ROLE: &str = "LARDER_TEST_DATABASE";

/// The first word of every line that is meant for the first process. The line before it may be the
/// test harness's, which does not end it.
const MARK: &str = "#larder ";

/// This very test as another process.
pub(crate) fn other(test: &str, db: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(ROLE, db)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The path of the database, if this is the other process.
pub(crate) fn role() -> Option<String> {
    std::env::var(ROLE).ok()
}

/// Says something to the first process.
pub(crate) fn say(words: &str) {
    // One write a line: a kill leaves whole lines, and at most one that has no end.
    let line = format!("{MARK}{words}\n");
    let mut out = std::io::stdout().lock();
    out.write_all(line.as_bytes()).unwrap();
    out.flush().unwrap();
}

/// What a line says, if it is meant for us.
pub(crate) fn said(line: &str) -> Option<&str> {
    let words = line.strip_suffix('\n')?;
    words.split_once(MARK).map(|(_, words)| words)
}

/// The other process, spoken with over pipes.
pub(crate) struct Peer {
    pub(crate) child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Peer {
    pub(crate) fn new(mut child: Child) -> Self {
        Self {
            to: child.stdin.take().unwrap(),
            from: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    /// What it says next.
    #[track_caller]
    pub(crate) fn says(&mut self) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            let read = self.from.read_line(&mut line).unwrap();
            assert!(read > 0, "the other process ended before it said anything");
            if let Some(words) = said(&line) {
                return words.to_owned();
            }
        }
    }

    #[track_caller]
    pub(crate) fn hears(&mut self, wanted: &str) {
        assert_eq!(self.says(), wanted);
    }

    /// Says something to it.
    pub(crate) fn tell(&mut self, words: &str) {
        writeln!(self.to, "{words}").unwrap();
        self.to.flush().unwrap();
    }

    /// It ends by itself, and no test of it failed.
    #[track_caller]
    pub(crate) fn ends_well(mut self) {
        drop(self.to);
        let mut rest = String::new();
        self.from.read_to_string(&mut rest).unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "the other process: {status}: {rest}");
    }
}
