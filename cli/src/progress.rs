//! Progress of long work, on a terminal only.
//!
//! Owns [`Progress`]. Short work and work whose messages go to a file show nothing.

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressStyle};

/// Below so many steps nobody waits long enough to wonder.
const LONG: u64 = 5_000;

/// A bar on standard error, or nothing.
#[derive(Debug)]
pub(crate) struct Progress(Option<ProgressBar>);

impl Progress {
    /// A bar of so many steps, if that is many and somebody is looking.
    pub(crate) fn new(what: &'static str, steps: u64) -> Self {
        if steps < LONG || !std::io::stderr().is_terminal() {
            return Self(None);
        }
        let bar = ProgressBar::new(steps).with_message(what);
        let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {eta}");
        Self(Some(
            style.map_or(bar.clone(), |style| bar.with_style(style)),
        ))
    }

    /// One step is done.
    pub(crate) fn step(&self) {
        if let Some(bar) = &self.0 {
            bar.inc(1);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
