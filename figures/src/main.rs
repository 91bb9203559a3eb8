//! Prints how much the tests looked at; `begin` forgets what earlier runs left.
//!
//! Owns the words of the command. With `--all` it fails unless every suite ran, all of it, and holds.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "to print is what it is for"
)]

use std::process::ExitCode;

use larder_figures::Summary;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["begin"] => match larder_figures::begin() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("what earlier runs left cannot be removed: {error}");
                ExitCode::FAILURE
            }
        },
        [] | ["--all"] => {
            let summary = Summary::gather();
            print!("{summary}");
            if words.is_empty() || summary.is_whole() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        _ => {
            eprintln!("usage: larder-figures [begin | --all]");
            ExitCode::from(2)
        }
    }
}
