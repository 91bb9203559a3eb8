//! What time is.
//!
//! Owns [`Clock`]. What waits for a disk or for other threads is measured by the clock on the wall. What
//! waits for nobody is measured by the time that its thread had a processor: on a quiet machine that is
//! the same, and on a busy one it does not count what others did meanwhile.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// Which time counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Clock {
    Wall,
    Thread,
}

/// A time that began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Begun {
    wall: Instant,
    thread: Option<Duration>,
}

impl Clock {
    pub(crate) fn begin(self) -> Begun {
        Begun {
            wall: Instant::now(),
            thread: match self {
                Self::Wall => None,
                Self::Thread => thread(),
            },
        }
    }
}

impl Begun {
    pub(crate) fn elapsed(&self) -> Duration {
        match (self.thread, thread_if(self.thread.is_some())) {
            (Some(begin), Some(now)) => now.saturating_sub(begin),
            _ => self.wall.elapsed(),
        }
    }
}

fn thread_if(wanted: bool) -> Option<Duration> {
    wanted.then(thread).flatten()
}

/// The time that this thread had a processor, where the system tells.
#[cfg(unix)]
fn thread() -> Option<Duration> {
    read(rustix::time::ClockId::ThreadCPUTime)
}

/// The time that all threads of this process together had processors.
#[cfg(unix)]
pub(crate) fn process() -> Option<Duration> {
    read(rustix::time::ClockId::ProcessCPUTime)
}

#[cfg(unix)]
fn read(clock: rustix::time::ClockId) -> Option<Duration> {
    rustix::time::clock_gettime(clock).try_into().ok()
}

#[cfg(not(unix))]
fn thread() -> Option<Duration> {
    None
}

#[cfg(not(unix))]
pub(crate) fn process() -> Option<Duration> {
    None
}
