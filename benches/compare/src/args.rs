//! What the command line takes.
//!
//! Owns the arguments and what `--help` says. `contender` is how the program starts itself for each
//! that takes part; it is for nobody else.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Measures Larder beside what a program would use instead.
///
/// Everybody keeps the same records and makes the same changes durable in the same way. Each runs in a
/// process of its own; in each round everybody has one turn, in another order than in the round before.
/// What is compared are the medians of the ratios within the rounds, so a machine that is busy now and
/// then disturbs little. Use --list to see the cases.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[derive(Debug, Parser)]
#[command(
    name = "larder-compare",
    version,
    args_conflicts_with_subcommands = true,
    after_long_help = "\
Examples:
  cargo run --release -p larder-compare                      everything, some ten minutes
  cargo run --release -p larder-compare -- --quick           a look: 10,000 records, three rounds
  cargo run --release -p larder-compare -- --only json-open --only json-flush --rounds 9
  cargo run --release -p larder-compare -- --dir /mnt/disk --json figures.json --svg figures.svg

Ends with 0 when everything was measured, with 1 under --strict if a target was missed, and with 2 if
it could not be measured."
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    /// A look: 10,000 records and short turns. Targets are for 100,000 records, so they are shown for
    /// comparison only.
    #[arg(long)]
    pub(crate) quick: bool,

    /// Only this case; may be given several times. `growth` is one of them.
    #[arg(long, value_name = "CASE")]
    pub(crate) only: Vec<String>,

    /// How many turns everybody has.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) rounds: Option<u32>,

    /// How many records there are in most cases.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1_000..=10_000_000))]
    pub(crate) records: Option<u64>,

    /// Where durable work is done: a directory on the disk that is to be measured, with 4 GB free (1 GB
    /// with --quick). What is made there is removed again. Without it: beside the program, in `target`.
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) dir: Option<PathBuf>,

    /// Writes all figures of all rounds to this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,

    /// Writes the picture to this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,

    /// Writes the tables into `docs/performance.md` of the repository that this was built from, and
    /// the picture beside it.
    #[arg(long, conflicts_with_all = ["quick", "only"])]
    pub(crate) write_docs: bool,

    /// Ends with 1 if a target was missed.
    #[arg(long)]
    pub(crate) strict: bool,

    /// Shows the cases and measures nothing.
    #[arg(long)]
    pub(crate) list: bool,
}

/// What it starts itself for.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// One contender.
    #[command(hide = true)]
    Contender {
        /// What it is to do, as JSON.
        job: String,
    },
}
