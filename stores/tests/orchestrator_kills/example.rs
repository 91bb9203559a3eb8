//! The example as another process.
//!
//! Owns finding it, starting it, and hearing what it says.

use std::env::consts::EXE_SUFFIX;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::SystemTime;

use crate::facts::Fact;

pub(crate) struct Example {
    child: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
}

impl Example {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(program())
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            to: child.stdin.take(),
            from: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    /// What it says next of its store.
    #[track_caller]
    pub(crate) fn says(&mut self) -> Fact {
        self.next_fact().expect("it ended by itself")
    }

    /// `None` when it has ended. A line that a kill has cut was not said.
    fn next_fact(&mut self) -> Option<Fact> {
        let mut line = String::new();
        loop {
            line.clear();
            self.from.read_line(&mut line).unwrap();
            let said = line.strip_suffix('\n')?;
            if let Some(fact) = said.strip_prefix("ledger ") {
                return Some(Fact::parse(fact));
            }
        }
    }

    /// The next gate of which it says this.
    #[track_caller]
    pub(crate) fn says_that_a_gate_is(&mut self, wanted: &str) -> String {
        loop {
            if let Fact::Gate(id, status, _) = self.says()
                && status == wanted
            {
                return id;
            }
        }
    }

    pub(crate) fn hears(&mut self, words: &str) {
        writeln!(self.to.as_mut().unwrap(), "{words}").unwrap();
    }

    /// By SIGKILL; what it had said before, and nobody has read yet.
    #[track_caller]
    pub(crate) fn kill(mut self) -> Vec<Fact> {
        let ended = self.child.try_wait().unwrap();
        assert_eq!(ended, None, "it ended by itself");
        self.child.kill().unwrap();
        assert!(!self.child.wait().unwrap().success());
        self.rest()
    }

    /// It ends by itself, or because nobody types any more, and says that all went well.
    #[track_caller]
    pub(crate) fn ends_well(mut self) -> Vec<Fact> {
        drop(self.to.take());
        let rest = self.rest();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}");
        rest
    }

    fn rest(&mut self) -> Vec<Fact> {
        std::iter::from_fn(|| self.next_fact()).collect()
    }
}

/// If a test fails, nothing goes on.
impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Cargo puts it beside the directory of this test, but only if it is asked to: for `--test` alone it is not.
fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let built = test.parent().and_then(Path::parent).unwrap();
    let program = built.join(format!("examples/orchestrator{EXE_SUFFIX}"));
    let how = "build it: cargo build -p larder-stores --example orchestrator";
    assert!(program.is_file(), "{} is missing; {how}", program.display());
    let crate_ = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = [crate_.join("src"), crate_.join("../examples/orchestrator")];
    let newest = sources.iter().map(|dir| newest(dir)).max().unwrap();
    let is_current = program.metadata().unwrap().modified().unwrap() >= newest;
    assert!(
        is_current,
        "{} is older than its source; {how}",
        program.display()
    );
    program
}

fn newest(dir: &Path) -> SystemTime {
    let entries = dir.read_dir().unwrap().map(|entry| entry.unwrap().path());
    let times = entries.map(|path| {
        if path.is_dir() {
            newest(&path)
        } else {
            path.metadata().unwrap().modified().unwrap()
        }
    });
    times.max().unwrap_or(SystemTime::UNIX_EPOCH)
}
