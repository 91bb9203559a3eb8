//! The comparison: Larder beside what a program would use instead.
//!
//! `cargo run --release -p larder-compare -- --help` tells how to use it. This file owns the order of
//! things: which cases are wanted, measuring them, judging them, and giving it all out. `contenders` are
//! who is compared, `cases` is what, `measure` is how, `output` is for whom.

mod args;
mod cases;
mod contenders;
mod measure;
mod outcome;
mod output;
mod records;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser as _;
use indicatif::{ProgressBar, ProgressStyle};

use args::{Args, Command};
use cases::target::Target;
use cases::{Case, Sizes, growth};
use measure::rounds::{self, Watcher};
use outcome::{Outcome, fail};
use output::machine::Machine;
use output::{Report, Section, markdown, plot, table};

/// How the directories begin in which the work is done.
const WORK: &str = "larder-compare-";

/// The case that is none of the list.
const GROWTH: &str = "growth";

fn main() -> ExitCode {
    let args = Args::parse();
    let outcome = match &args.command {
        Some(Command::Contender { job }) => contender(job).map(|()| true),
        None if args.list => list(&args).map(|()| true),
        None => compare(&args),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            let mut message = format!("larder-compare: {error}");
            let mut source = error.source();
            while let Some(cause) = source {
                message = format!("{message}: {cause}");
                source = cause.source();
            }
            let _ = writeln!(std::io::stderr(), "{message}");
            ExitCode::from(2)
        }
    }
}

fn contender(job: &str) -> Outcome {
    measure::serve::run(&serde_json::from_str(job)?)
}

/// How much is done.
struct Plan {
    sizes: Sizes,
    growth: Vec<u64>,
    rounds: u32,
    growth_rounds: u32,
    /// By what turns are divided.
    haste: u64,
}

impl Plan {
    fn new(args: &Args) -> Self {
        let records = args
            .records
            .unwrap_or(if args.quick { 10_000 } else { 100_000 });
        let rounds = args.rounds.unwrap_or(if args.quick { 3 } else { 5 });
        Self {
            sizes: Sizes {
                records,
                small: records.min(10_000),
                first: records / 10,
                large: if args.quick { records } else { 10 * records },
            },
            growth: [records / 100, records / 10, records]
                .into_iter()
                .filter(|records| *records >= 100)
                .collect(),
            rounds,
            growth_rounds: rounds.min(3),
            haste: if args.quick { 4 } else { 1 },
        }
    }

    fn cases(&self, args: &Args) -> Outcome<Vec<(Case, Vec<Target>)>> {
        let mut all = cases::all(self.sizes);
        for name in &args.only {
            if name != GROWTH && !all.iter().any(|(case, _)| case.name == name) {
                return fail(format!("there is no case {name:?}; --list shows them"));
            }
        }
        if !args.only.is_empty() {
            all.retain(|(case, _)| args.only.iter().any(|name| name == case.name));
        }
        for (case, _) in &mut all {
            case.millis /= self.haste;
        }
        Ok(all)
    }
}

fn list(args: &Args) -> Outcome {
    let mut out = std::io::stdout().lock();
    for (case, targets) in Plan::new(args).cases(args)? {
        writeln!(out, "{:<26}{}", case.name, case.title)?;
        for target in targets {
            writeln!(out, "{:<28}{}: {}", "", target.of, target.wanted())?;
        }
    }
    writeln!(out, "{GROWTH:<26}Each of ours by the number of records")?;
    Ok(())
}

/// Shows on standard error what is being done: a bar on a terminal, a line a case elsewhere.
struct Shown {
    bar: ProgressBar,
}

impl Shown {
    fn new(turns: u64) -> Self {
        let bar = ProgressBar::new(turns);
        if let Ok(style) =
            ProgressStyle::with_template("[{elapsed_precise}] {wide_bar} {pos}/{len}\n{msg}")
        {
            bar.set_style(style);
        }
        Self { bar }
    }

    fn begin(&self, case: &str) {
        if self.bar.is_hidden() {
            let _ = writeln!(std::io::stderr(), "{case}");
        }
    }
}

impl Watcher for Shown {
    fn doing(&self, what: &str) {
        self.bar.set_message(what.to_owned());
    }

    fn step(&self) {
        self.bar.inc(1);
    }
}

/// `false` if a target was missed and that matters.
fn compare(args: &Args) -> Outcome<bool> {
    if cfg!(debug_assertions) {
        return fail("figures of a build without --release mean nothing");
    }
    let plan = Plan::new(args);
    let cases = plan.cases(args)?;
    let grows = args.only.is_empty() || args.only.iter().any(|name| name == GROWTH);
    let start = Instant::now();
    let above = args.dir.clone().map_or_else(beside_the_program, Ok)?;
    remove_left_over(&above);
    let work = tempfile::Builder::new()
        .prefix(&format!("{WORK}{}-", std::process::id()))
        .tempdir_in(&above)?;
    let mut machine = Machine::look(work.path())?;

    let mut turns: u64 = cases
        .iter()
        .map(|(case, _)| rounds::turns_of(case, plan.rounds))
        .sum();
    if grows {
        turns += growth::turns(&plan.growth, plan.growth_rounds);
    }
    let shown = Shown::new(turns);
    let mut sections = Vec::new();
    let mut targets = Vec::new();
    for (case, wanted) in cases {
        shown.begin(case.name);
        let figures = rounds::run(&case, work.path(), plan.rounds, &shown)?;
        targets.extend(
            wanted
                .iter()
                .filter_map(|target| target.judge(case.name, &figures)),
        );
        sections.push(Section {
            name: case.name,
            title: case.title,
            about: case.about,
            figures,
        });
    }
    let growth = if grows {
        shown.begin(GROWTH);
        let millis = 60 / plan.haste;
        growth::run(
            &plan.growth,
            work.path(),
            plan.growth_rounds,
            millis,
            &shown,
        )?
    } else {
        Vec::new()
    };
    shown.bar.finish_and_clear();
    work.close()?;
    machine.look_again();
    let report = Report {
        machine,
        rounds: plan.rounds,
        seconds: start.elapsed().as_secs(),
        sections,
        targets,
        growth,
    };
    give(&report, args)?;
    Ok(!args.strict || report.targets.iter().all(|verdict| verdict.met))
}

/// Removes what a comparison has left there that was ended before its end.
fn remove_left_over(above: &Path) {
    let Ok(entries) = std::fs::read_dir(above) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| {
            let (process, _) = name.strip_prefix(WORK)?.split_once('-')?;
            process.parse::<u32>().ok()
        });
        // Without /proc it cannot be told whether somebody is at work there.
        let processes = Path::new("/proc");
        if let Some(process) = process
            && processes.join("self").exists()
            && !processes.join(process.to_string()).exists()
        {
            // It is in nobody's way.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// Where this program was built: on the disk that the repository is on.
fn beside_the_program() -> Outcome<PathBuf> {
    let program = std::env::current_exe()?;
    match program.parent() {
        Some(dir) => Ok(dir.to_owned()),
        None => fail("the program is in no directory; name one with --dir"),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "it writes figures, and not a store"
)]
fn give(report: &Report, args: &Args) -> Outcome {
    table::print(report, &mut std::io::stdout().lock())?;
    if let Some(path) = &args.json {
        std::fs::write(path, serde_json::to_vec_pretty(report)?)?;
    }
    if let Some(path) = &args.svg {
        std::fs::write(path, plot::svg(report))?;
    }
    if args.write_docs {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
        markdown::write(report, &docs.join("performance.md"))?;
        std::fs::write(docs.join("performance.svg"), plot::svg(report))?;
    }
    Ok(())
}
