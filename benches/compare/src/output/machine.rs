//! Where it was measured, and with what.
//!
//! Owns what is said of the machine, of the file system and of the versions. What cannot be told is
//! left out.

use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use serde::Serialize;

use crate::contenders::Kind;
use crate::measure::stats::median;
use crate::outcome::Outcome;

/// What was compared, to the version: this package's lock file as it was built.
const LOCK: &str = include_str!("../../Cargo.lock");

/// Where and with what.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) date: String,
    pub(crate) system: String,
    pub(crate) processor: String,
    pub(crate) cores: usize,
    /// The file system that durable work was done on.
    pub(crate) file_system: String,
    /// What it takes there to add 4 kB to a file and to sync it, in nanoseconds.
    pub(crate) sync: f64,
    /// How many programs wanted to run, before and after.
    pub(crate) load: Vec<f64>,
    /// For which part of the time the host of a virtual machine had its processors do something else;
    /// known when it is over.
    pub(crate) stolen: Option<f64>,
    #[serde(skip)]
    ticks: Option<Ticks>,
    /// Name and version.
    pub(crate) versions: Vec<(String, String)>,
}

impl Machine {
    pub(crate) fn look(dir: &Path) -> Outcome<Self> {
        Ok(Self {
            date: jiff::Zoned::now().strftime("%Y-%m-%d").to_string(),
            system: system(),
            processor: processor().unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            file_system: file_system(dir).unwrap_or_else(|| "unknown".to_owned()),
            sync: sync(dir)?,
            load: load().into_iter().collect(),
            stolen: None,
            ticks: ticks(),
            versions: versions(),
        })
    }

    /// It is over.
    pub(crate) fn look_again(&mut self) {
        self.load.extend(load());
        if let (Some(before), Some(after)) = (self.ticks, ticks()) {
            self.stolen = stolen(before, after);
        }
    }

    /// Whether a sync there does nothing.
    pub(crate) fn is_in_memory(&self) -> bool {
        self.file_system == "tmpfs" || self.file_system == "ramfs"
    }
}

fn system() -> String {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{} {}", std::env::consts::OS, release.trim())
        .trim()
        .to_owned()
}

fn processor() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// The mean of the last minute.
fn load() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    text.split_whitespace().next()?.parse().ok()
}

/// The time of all processors since the system began, in its own units.
#[derive(Clone, Copy, Debug)]
struct Ticks {
    all: u64,
    stolen: u64,
}

fn ticks() -> Option<Ticks> {
    ticks_of(&std::fs::read_to_string("/proc/stat").ok()?)
}

/// See `proc_stat(5)`: user, nice, system, idle, iowait, irq, softirq, steal; guests are in the first.
fn ticks_of(stat: &str) -> Option<Ticks> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let counts: Option<Vec<u64>> = line.split_whitespace().map(|it| it.parse().ok()).collect();
    let counts = counts?;
    let all = counts.get(..8)?;
    Some(Ticks {
        all: all.iter().sum(),
        stolen: *all.last()?,
    })
}

#[expect(clippy::cast_precision_loss, reason = "a part of a hundred is shown")]
fn stolen(before: Ticks, after: Ticks) -> Option<f64> {
    let all = after.all.checked_sub(before.all).filter(|all| *all > 0)?;
    let stolen = after.stolen.checked_sub(before.stolen)?;
    Some(stolen as f64 / all as f64)
}

/// The type of the mount that a directory is below.
fn file_system(dir: &Path) -> Option<String> {
    let dir = dir.canonicalize().ok()?;
    let mounts = std::fs::read_to_string("/proc/self/mounts").ok()?;
    let mounts = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        Some((words.next()?, words.next()?))
    });
    mounts
        .filter(|(at, _)| dir.starts_with(at))
        // The last of the longest: what was mounted over it.
        .max_by_key(|(at, _)| at.len())
        .map(|(_, kind)| kind.to_owned())
}

fn sync(dir: &Path) -> Outcome<f64> {
    let mut file = tempfile::tempfile_in(dir)?;
    let mut nanos = Vec::new();
    for _ in 0..50 {
        let start = Instant::now();
        file.write_all(&[b'x'; 4_096])?;
        file.sync_data()?;
        nanos.push(start.elapsed().as_secs_f64() * 1e9);
    }
    Ok(median(&nanos).unwrap_or_default())
}

fn versions() -> Vec<(String, String)> {
    let kinds = [
        Kind::Json,
        Kind::Floor,
        Kind::Checked,
        Kind::SqliteFull,
        Kind::Redb,
        Kind::NativeDb,
        Kind::Rustbreak,
    ];
    let mut versions: Vec<(String, String)> = kinds
        .into_iter()
        .filter_map(Kind::package)
        .filter_map(|name| Some((name.to_owned(), version_of(LOCK, name)?)))
        .collect();
    versions.push(("SQLite".to_owned(), rusqlite::version().to_owned()));
    versions
}

/// The newest version of a package in a lock file.
fn version_of(lock: &str, name: &str) -> Option<String> {
    let head = format!("name = \"{name}\"");
    let lines = lock.lines().zip(lock.lines().skip(1));
    lines
        .filter(|(first, _)| *first == head)
        .filter_map(|(_, second)| second.strip_prefix("version = \"")?.strip_suffix('"'))
        .last()
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_host_took_is_a_part_of_the_time_between() {
        let stat = "cpu  10 20 30 900 5 0 5 30 7 0\ncpu0 1 2 3 4 5 6 7 8 9 0\n";
        let before = ticks_of(stat).unwrap();
        assert_eq!((before.all, before.stolen), (1_000, 30));
        let later = stat.replace("cpu  10 20 30 900 5 0 5 30", "cpu  60 20 30 940 5 0 5 40");
        let part = stolen(before, ticks_of(&later).unwrap()).unwrap();
        assert!((part - 0.1).abs() < 1e-9, "{part}");
        assert!(stolen(before, before).is_none());
        assert!(ticks_of("cpu  1 2 3\n").is_none());
    }

    #[test]
    fn versions_are_those_of_the_lock_file() {
        let lock = "[[package]]\nname = \"redb\"\nversion = \"2.6.4\"\n\n[[package]]\nname = \
                    \"redb\"\nversion = \"4.6.0\"\n";
        assert_eq!(version_of(lock, "redb").as_deref(), Some("4.6.0"));
        assert_eq!(version_of(lock, "other"), None);
        for (name, version) in versions() {
            assert!(version.starts_with(char::is_numeric), "{name} {version}");
        }
    }
}
