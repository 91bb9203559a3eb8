//! The `larder` command.
//!
//! Owns nothing but the way in and the exit status: what can be typed is `args.rs`, what it does is
//! one file per command under `commands/`.

mod args;
mod commands;
mod definition;
mod failure;
mod help;
mod open;
mod output;
mod progress;
mod record_type;
mod where_clause;

use std::process::ExitCode;

use clap::Parser as _;

use args::Cli;
use output::Output;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut out = Output::new(cli.json);
    let result =
        commands::run(cli.command, &mut out).and_then(|verdict| out.finish().map(|()| verdict));
    match result {
        Ok(verdict) => ExitCode::from(verdict.code()),
        Err(failure) => {
            failure.tell();
            ExitCode::from(failure.code())
        }
    }
}
