//! What can be typed.
//!
//! Owns [`Args`] and the help.

use std::num::ParseIntError;
use std::time::Duration;

use clap::Parser;

const ABOUT: &str = "\
An orchestrator of agents that may be killed at any moment.

Each worker has one session after the other. A session asks whether it may begin, works in rounds until \
its goal is reached, asks whether the result may be pushed, and goes into the archive. (There are no \
agents behind it: their work is a pause.) All of it is in the store, so after Ctrl-C, kill -9 or a loss of \
power the next start goes on where this one was, and says what it found.";

const AFTER: &str = "\
What you can type while it runs:
  a, approve [GATE]   says yes to this gate, or to the one that waits longest
  r, reject [GATE]    says no
  (nothing)           lists the gates that wait
  q, or Ctrl-D        ends it in order

A gate is named by its id, or by the last part of it.

See it recover:
  cargo run -p larder-stores --example orchestrator -- json:./demo --auto
  kill -9 $(pidof orchestrator)                      # in another terminal, at any moment
  cargo run -p larder-stores --example orchestrator -- json:./demo --auto

The same on a database, and what is in it:
  cargo run -p larder-stores --example orchestrator -- sqlite:./demo.db --auto --rounds 2
  sqlite3 demo.db \"SELECT id, status FROM gates\"

Give it a store of its own, and start it once at a time: a JSON store refuses a second one, but on a \
database nobody does, and two of one name would take each other for dead.";

/// An orchestrator of agents that may be killed at any moment
#[derive(Debug, Parser)]
#[command(name = "orchestrator", long_about = ABOUT, after_help = AFTER)]
pub(crate) struct Args {
    /// Where everything is kept: json:./demo (a directory) or sqlite:./demo.db; made if it is not there
    #[arg(value_name = "STORE")]
    pub(crate) store: String,

    /// Decides the gates itself: most are approved, some rejected, some left to expire
    #[arg(long)]
    pub(crate) auto: bool,

    /// How many sessions work at a time
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub(crate) workers: usize,

    /// Ends when each worker has had so many new sessions; 0 only ends what was found. Without it, it
    /// goes on for ever
    #[arg(long, value_name = "N")]
    pub(crate) rounds: Option<usize>,

    /// How long a round of work takes, and a decision
    #[arg(long, value_name = "MS", default_value = "700", value_parser = millis)]
    pub(crate) pace: Duration,

    /// How long after it was asked a gate expires, by the clock: a restart does not extend it
    #[arg(long, value_name = "MS", default_value = "60000", value_parser = millis)]
    pub(crate) expiry: Duration,

    /// How many archived sessions and gates and ended runs are kept
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub(crate) keep: usize,

    /// Also prints a line for each fact once it is durable, for a program that checks whether it was kept
    #[arg(long)]
    pub(crate) ledger: bool,
}

fn millis(text: &str) -> Result<Duration, ParseIntError> {
    text.parse().map(Duration::from_millis)
}
