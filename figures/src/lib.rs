//! How much a run of the tests looked at: what each proof left behind, and one table of all of it.
//!
//! Owns [`Proof`], with which a test says that it begins and what it has looked at, and where that is kept. Which
//! suites there are is `suites.rs`; adding up is `summary.rs`; `main.rs` prints it:
//!
//! ```sh
//! cargo run -p larder-figures -- begin   # forgets what earlier runs left
//! cargo test --workspace
//! cargo run -p larder-figures
//! ```
//!
//! Every part of a suite has a file of its own, so no order between tests matters. It is there from when the part
//! begins: one that failed, or was cut off, is seen as such. It names the test program and when that was built,
//! so the figures of a program that was built anew since do not count.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::missing_panics_doc,
    reason = "it serves tests, fails as they do, and its files need not survive anything"
)]

mod suites;
mod summary;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

pub use suites::{Kind, LISTED, Parts, Row, SUITES, Suite};
pub use summary::{State, Summary};

/// What this process knows of its parts: a part may be done several times, and once failed it has failed.
static PARTS: Mutex<BTreeMap<PathBuf, Left>> = Mutex::new(BTreeMap::new());

#[derive(Clone, Debug, Default)]
struct Left {
    counts: BTreeMap<Kind, u64>,
    is_done: bool,
    has_failed: bool,
}

/// A part of a suite that has begun. If it is dropped before it is [done](Self::done), it has failed.
#[derive(Debug)]
#[must_use = "it is done when `done` is called"]
pub struct Proof {
    file: PathBuf,
    is_done: bool,
}

impl Proof {
    /// A part of this suite begins.
    ///
    /// # Panics
    ///
    /// If the suite is not in [`SUITES`]: nobody would miss it.
    pub fn begin(suite: &str, part: &str) -> Self {
        Self::begin_in(&directory(), suite, part)
    }

    fn begin_in(all: &Path, suite: &str, part: &str) -> Self {
        assert!(
            SUITES.iter().any(|it| it.name == suite),
            "{suite} is not in figures/src/suites.rs"
        );
        let dir = all.join(plain(suite));
        fs::create_dir_all(&dir).expect("a directory for the figures");
        let proof = Self {
            file: dir.join(plain(part)),
            is_done: false,
        };
        proof.note(|_| {});
        proof
    }

    /// It holds, and has looked at so much.
    pub fn done(mut self, counts: &[(Kind, u64)]) {
        self.is_done = true;
        self.note(|left| {
            left.is_done = true;
            for (kind, count) in counts {
                *left.counts.entry(*kind).or_default() += count;
            }
        });
    }

    fn note(&self, change: impl FnOnce(&mut Left)) {
        let mut parts = PARTS.lock().unwrap_or_else(PoisonError::into_inner);
        let left = parts.entry(self.file.clone()).or_default();
        change(left);
        let mut text = match left {
            Left {
                has_failed: true, ..
            } => "failed\n".to_owned(),
            Left { is_done: true, .. } => "done\n".to_owned(),
            _ => "begun\n".to_owned(),
        };
        let program = std::env::current_exe().expect("a path of this program");
        let _ = writeln!(text, "{} {}", built(&program), program.display());
        for (kind, count) in &left.counts {
            let _ = writeln!(text, "{count} {}", kind.as_str());
        }
        fs::write(&self.file, text).expect("a file for the figures");
    }
}

impl Drop for Proof {
    fn drop(&mut self) {
        if !self.is_done {
            self.note(|left| left.has_failed = true);
        }
    }
}

/// When a program was built; 0 if it is gone.
fn built(program: &Path) -> u128 {
    let time = fs::metadata(program).and_then(|it| it.modified()).ok();
    let since = time.and_then(|it| it.duration_since(SystemTime::UNIX_EPOCH).ok());
    since.map_or(0, |it| it.as_nanos())
}

/// Beside the programs that are built: `target/debug/figures`.
fn directory() -> PathBuf {
    let program = std::env::current_exe().expect("a path of this program");
    let dir = program.parent().expect("a program is in a directory");
    let profile = match dir.file_name() {
        Some(name) if name == "deps" || name == "examples" => dir.parent().unwrap_or(dir),
        _ => dir,
    };
    profile.join("figures")
}

/// As a file's name.
fn plain(name: &str) -> String {
    name.replace(|letter: char| !letter.is_ascii_alphanumeric(), "_")
}

/// A run begins: what earlier ones left is forgotten.
///
/// # Errors
///
/// If it cannot be removed.
pub fn begin() -> std::io::Result<()> {
    let dir = directory();
    if dir.exists() {
        fs::remove_dir_all(&dir)?;
    }
    fs::create_dir_all(&dir)?;
    fs::write(dir.join(BEGUN), "")
}

/// When this file was made the run began.
const BEGUN: &str = "begun";
