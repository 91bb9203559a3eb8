//! Holds the hot paths to the number of instructions that they took when `counts.toml` was written.
//!
//! A count is the same on a busy machine, so it can fail where a time only wavers. Owns the words of the
//! command, what is printed and how it ends. What is run is in `paths`, how it is counted in `callgrind`,
//! and what it is held against in `counts`.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "to print is what it is for"
)]

use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use comfy_table::{CellAlignment, Table, presets};

mod callgrind;
mod counts;
mod paths;
#[path = "../../common/mod.rs"]
mod records;

use callgrind::Valgrind;
use counts::{Built, Counts, Kept};

/// Counts the instructions that a get, a unique look-up, an index look-up of 20 and a detached save take on
/// memory, JSON and SQLite, under valgrind, and compares them with benches/instructions/counts.toml.
///
/// Counts are kept for an unoptimized build, which needs no build of its own after the tests, and for
/// a `--release` one; each is compared with its own, made by the same compiler for the same system.
///
/// Ends with 0 if no path takes noticeably more instructions than it did, with 1 if one does, and with 2 if
/// nothing was compared, which is no success: without valgrind, or with another compiler than the counts.
#[derive(Parser)]
#[command(name = "larder-instructions")]
struct Words {
    /// Writes what is counted now into counts.toml
    #[arg(long)]
    update: bool,
    /// Does, for valgrind, what is counted
    #[arg(long, hide = true, value_name = "BACKEND")]
    run: Option<String>,
}

/// Nothing was compared, and why.
#[derive(Debug)]
struct NotCompared(String);

impl NotCompared {
    fn because(what: impl fmt::Display, why: &dyn fmt::Display) -> Self {
        Self(format!("{what}: {why}"))
    }
}

impl fmt::Display for NotCompared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// More than this many percent above what is kept is too much. The C library, and what it chooses for
/// a processor, make about one percent.
const TOLERANCE: f64 = 4.0;

fn main() -> ExitCode {
    let words = Words::parse();
    if let Some(backend) = words.run {
        return match paths::run(&backend) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{error}");
                ExitCode::FAILURE
            }
        };
    }
    match compare(words.update) {
        Ok(code) => code,
        Err(why) => {
            eprintln!("NOT COMPARED: {why}");
            ExitCode::from(2)
        }
    }
}

fn compare(update: bool) -> Result<ExitCode, NotCompared> {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("counts.toml");
    let built = Built::this()?;
    let valgrind = Valgrind::find()?;
    let mut kept = Kept::read(&file)?;
    if !update {
        kept.of(&built)?;
    }
    let mut now = Counts::new();
    for backend in paths::BACKENDS {
        eprintln!("counting on {backend} ({})", built.profile);
        now.insert(backend.to_owned(), valgrind.count(backend)?);
    }
    if update {
        kept.set(built, now);
        kept.write(&file)?;
        println!("written: {}", file.display());
        return Ok(ExitCode::SUCCESS);
    }
    let compared = kept.of(&built)?.compare(&now);
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["backend", "path", "kept", "now", "", ""]);
    for line in &compared {
        table.add_row([
            line.backend.clone(),
            line.path.clone(),
            line.kept
                .map_or_else(|| "-".to_owned(), |it| it.to_string()),
            line.now.to_string(),
            line.percent()
                .map_or_else(String::new, |it| format!("{it:+.1} %")),
            line.says(TOLERANCE).to_owned(),
        ]);
    }
    for column in table.column_iter_mut().skip(2).take(3) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    println!("instructions a call, {} build\n{table}", built.profile);
    Ok(if compared.iter().any(|line| line.is_too_many(TOLERANCE)) {
        println!(
            "A path takes more instructions than it did. If it must, write down the new counts, and why in \
             the commit: cargo run {}-p larder-instructions -- --update",
            if built.profile == "release" {
                "--release "
            } else {
                ""
            }
        );
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
