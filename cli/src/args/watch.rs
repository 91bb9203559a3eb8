//! What can be typed for `larder watch`.
//!
//! Owns the shape of its arguments, as `args.rs` does for all others.

use std::time::Duration;

use clap::Args;

/// More often would be a busy loop.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(10);
/// Who waits longer does not watch.
const LONGEST_INTERVAL: Duration = Duration::from_hours(24);

#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    /// Store URL (json:./data, sqlite:./data.db), or a configuration file
    #[arg(value_name = "URL")]
    pub(crate) url: String,

    /// Name of the collection [default: all of the store]
    #[arg(value_name = "COLLECTION")]
    pub(crate) collection: Option<String>,

    /// How long to wait between two looks, such as 100ms or 5s
    #[arg(long, value_name = "TIME", default_value = "500ms", value_parser = interval)]
    pub(crate) interval: Duration,

    /// Prints what is there first, as inserted
    #[arg(long)]
    pub(crate) initial: bool,

    /// Adds to each line what the record was before; keeps all records in memory for it
    #[arg(long)]
    pub(crate) before: bool,

    /// Stops after so many changes, not counting those of --initial
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,

    /// Stops after one change: --count 1
    #[arg(long, conflicts_with = "count")]
    pub(crate) once: bool,
}

/// A time between two looks: neither a busy loop nor for ever.
fn interval(text: &str) -> Result<Duration, String> {
    let interval: jiff::SignedDuration = text
        .parse()
        .map_err(|_| "write it as 500ms, 2s or 1m".to_owned())?;
    match Duration::try_from(interval) {
        Ok(interval) if (SHORTEST_INTERVAL..=LONGEST_INTERVAL).contains(&interval) => Ok(interval),
        _ => Err("it must be between 10ms and 24h".to_owned()),
    }
}
