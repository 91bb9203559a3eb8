//! Counting with valgrind's callgrind.
//!
//! Owns how it is started and how its file is read: the instructions of everything that was called by one
//! of the functions in `paths::measured`. Not what these do.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::NotCompared;
use crate::counts::Paths;
use crate::paths::{CALLS, PATHS};

/// A valgrind that can be started.
pub(crate) struct Valgrind {
    program: &'static str,
}

impl Valgrind {
    pub(crate) fn find() -> Result<Self, NotCompared> {
        let program = "valgrind";
        let asked = Command::new(program)
            .arg("--version")
            .stdout(Stdio::null())
            .status();
        match asked {
            Ok(status) if status.success() => Ok(Self { program }),
            Ok(status) => Err(NotCompared::because("valgrind --version", &status)),
            Err(error) => Err(NotCompared::because(
                "valgrind cannot be started; it is a package of that name",
                &error,
            )),
        }
    }

    /// Runs this program once more, on a backend, and counts what each path takes a call.
    pub(crate) fn count(&self, backend: &str) -> Result<Paths, NotCompared> {
        let failed = |error: std::io::Error| NotCompared::because("valgrind", &error);
        let dir = tempfile::tempdir().map_err(failed)?;
        let file = dir.path().join("callgrind.out");
        let run = Command::new(self.program)
            .args(["--tool=callgrind", "--compress-strings=no", "-q"])
            .arg(format!("--callgrind-out-file={}", file.display()))
            .arg(std::env::current_exe().map_err(failed)?)
            .args(["--run", backend])
            .output()
            .map_err(failed)?;
        if !run.status.success() {
            return Err(NotCompared::because(
                format_args!("under valgrind, on {backend}"),
                &String::from_utf8_lossy(&run.stderr),
            ));
        }
        read(&file)
    }
}

/// A line `cfn=` names who is called, and two lines below, beside `calls=`, stands what the call took with
/// all that it called in turn.
fn read(file: &Path) -> Result<Paths, NotCompared> {
    let text = std::fs::read(file).map_err(|error| NotCompared::because(file.display(), &error))?;
    // Names of other programs' functions need not be UTF-8.
    let text = String::from_utf8_lossy(&text);
    let mut paths = Paths::new();
    let mut callee = None;
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(name) = line.strip_prefix("cfn=") {
            callee = PATHS.into_iter().find(|path| is_measured(name, path));
        } else if let (true, Some(path)) = (line.starts_with("calls="), callee) {
            let cost = lines
                .next()
                .and_then(|line| line.split(' ').nth(1)?.parse::<u64>().ok())
                .ok_or_else(|| NotCompared(format!("no cost beside {line:?} of {path}")))?;
            *paths.entry(path.to_owned()).or_default() += cost / CALLS;
        }
    }
    match PATHS.into_iter().find(|path| !paths.contains_key(*path)) {
        None => Ok(paths),
        Some(path) => Err(NotCompared(format!(
            "callgrind saw no call of {path}: it was built without the names of functions"
        ))),
    }
}

/// `larder_instructions::paths::measured::get`, with or without a hash behind it.
fn is_measured(name: &str, path: &str) -> bool {
    name.split("::measured::")
        .nth(1)
        .is_some_and(|rest| rest == path || rest.starts_with(&format!("{path}::")))
}
