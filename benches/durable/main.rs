//! What a save costs that is on disk when it returns, by the way in which the log is synced.
//!
//! `cargo bench --bench durable` prints saves per second for 1, 8 and 64 threads, each figure the
//! median of five rounds. The ways take turns within a round, so that a disk that is slow for a
//! while is slow for all of them. Every ratio is to the first way in the same round, and of these
//! the median: plain SQLite with `synchronous=FULL` behind a mutex, one transaction a save.
//!
//! The second line is Larder itself, with all that a save through a repository does; its rows are put
//! as they always are, whatever the others do. The further lines are ways to share a sync on the bare
//! database.
//!
//! It owns what is measured and what is printed. A further way implements [`Way`] and is named in
//! [`Kind`]; each has a database of its own with 10,000 records. It says nothing about what survives
//! a power loss, which no bench can see, nor about reads.
//!
//! The databases are below the target directory, which is on a disk and not in memory.
//! `-- --seconds 0.2 --rounds 3` is for a quick look, `-- --only barrier` for a single way.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints its figures and ends at the first error"
)]

mod database;
mod rows;
mod ways;

use std::path::Path;
use std::time::{Duration, Instant};

use database::Upsert;
use ways::{Kind, Way};

const THREADS: [usize; 3] = [1, 8, 64];

/// What the command line asks for.
struct Options {
    round: Duration,
    rounds: u64,
    only: Option<String>,
}

impl Options {
    fn read() -> Self {
        let arguments: Vec<String> = std::env::args().collect();
        let value = |name: &str| {
            let at = arguments.iter().position(|argument| argument == name)?;
            arguments.get(at + 1)
        };
        let number = |name, default| value(name).map_or(default, |text| text.parse().unwrap());
        Self {
            round: Duration::from_secs_f64(number("--seconds", 1.0)),
            rounds: value("--rounds").map_or(5, |text| text.parse().unwrap()),
            only: value("--only").cloned(),
        }
    }

    /// The baseline is always one of them.
    fn kinds(&self) -> Vec<Kind> {
        let wanted = |kind: &Kind| {
            let only = self.only.as_ref();
            matches!(kind, Kind::Full) || only.is_none_or(|only| kind.name().contains(only))
        };
        Kind::ALL.into_iter().filter(wanted).collect()
    }
}

fn main() {
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let options = Options::read();
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    for upsert in [Upsert::Plain, Upsert::Narrow] {
        println!("{}", title(upsert));
        for threads in THREADS {
            compare(&options, dir.path(), upsert, threads);
        }
    }
}

fn title(upsert: Upsert) -> &'static str {
    match upsert {
        Upsert::Plain => "Every save sets every column",
        Upsert::Narrow => "A save sets the indexed columns only if they change; the baseline too",
    }
}

fn compare(options: &Options, dir: &Path, upsert: Upsert, threads: usize) {
    let kinds = options.kinds();
    let path = |name: &str| dir.join(format!("{name}-{threads}-{}", upsert == Upsert::Plain));
    let ways: Vec<Box<dyn Way>> = kinds
        .iter()
        .map(|kind| kind.open(&path(kind.name()), upsert))
        .collect();
    let mut figures = vec![Vec::new(); ways.len()];
    for round in 0..options.rounds {
        for (way, figures) in ways.iter().zip(&mut figures) {
            figures.push(measure(way.as_ref(), threads, round, options.round));
        }
    }
    println!("  {threads} threads");
    let baseline = figures.first().cloned().unwrap_or_default();
    for (kind, figures) in kinds.iter().zip(figures) {
        let ratios = figures
            .iter()
            .zip(&baseline)
            .map(|(way, first)| way / first);
        let ratio = median(ratios.collect());
        println!(
            "    {:<16} {:>8.0}/s {ratio:>6.2} x",
            kind.name(),
            median(figures)
        );
    }
}

/// Saves a second in one round.
#[expect(clippy::cast_precision_loss, reason = "four digits are printed")]
fn measure(way: &dyn Way, threads: usize, round: u64, time: Duration) -> f64 {
    let start = Instant::now();
    let saves: u64 = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads)
            .map(|thread| scope.spawn(move || save_for(way, thread, round << 32, start + time)))
            .collect();
        threads.into_iter().map(|one| one.join().unwrap()).sum()
    });
    saves as f64 / start.elapsed().as_secs_f64()
}

fn save_for(way: &dyn Way, thread: usize, first: u64, end: Instant) -> u64 {
    let mut saves = 0;
    while Instant::now() < end {
        way.save_and_wait(thread, first + saves);
        saves += 1;
    }
    saves
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(0.0)
}
