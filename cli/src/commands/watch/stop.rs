//! What ends a watch: a signal, or that nobody reads what it prints.
//!
//! Owns waiting, so that nothing sleeps through a signal. What is done at the end is `mod.rs`.

use std::cell::Cell;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use crate::failure::Failure;

/// Tells whether the watch is to end.
#[derive(Debug)]
pub(super) struct Stop {
    signals: Receiver<()>,
    /// Kept, so that a wait is one even where no signal is listened to.
    _sender: Sender<()>,
    stopped: Cell<bool>,
}

impl Stop {
    /// Listens to SIGINT and SIGTERM, which then no longer end the process by themselves. The second
    /// one does: standard output may be a pipe that is full and that nobody reads. On systems without
    /// these signals the process ends as the system ends it.
    pub(super) fn new() -> Result<Self, Failure> {
        let (sender, signals) = channel();
        listen(sender.clone())?;
        Ok(Self {
            signals,
            _sender: sender,
            stopped: Cell::new(false),
        })
    }

    /// Listens to nothing.
    #[cfg(test)]
    pub(super) fn never() -> Self {
        let (sender, signals) = channel();
        Self {
            signals,
            _sender: sender,
            stopped: Cell::new(false),
        }
    }

    /// Waits, unless it is to end; whether it is.
    pub(super) fn wait(&self, time: Duration) -> bool {
        if !self.is_stopped() && self.signals.recv_timeout(time) != Err(RecvTimeoutError::Timeout) {
            self.stopped.set(true);
        }
        self.stopped.get() || nobody_reads()
    }

    /// Whether a signal came.
    pub(super) fn is_stopped(&self) -> bool {
        if self.signals.try_recv().is_ok() {
            self.stopped.set(true);
        }
        self.stopped.get()
    }
}

#[cfg(unix)]
fn listen(sender: Sender<()>) -> Result<(), Failure> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;

    let failed = |error| Failure::File {
        what: "listen to signals".to_owned(),
        error,
    };
    let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(failed)?;
    let wait = move || {
        let mut signals = signals.forever();
        // The first one is asked for politely.
        let _ = signals.next().map(|_| sender.send(()));
        if let Some(signal) = signals.next() {
            // As a shell tells of a process that a signal has ended.
            std::process::exit(128 + signal);
        }
    };
    let thread = std::thread::Builder::new().name("signals".to_owned());
    thread.spawn(wait).map(drop).map_err(failed)
}

#[cfg(not(unix))]
#[expect(
    clippy::unnecessary_wraps,
    clippy::needless_pass_by_value,
    reason = "the same signature as where there are signals"
)]
fn listen(_sender: Sender<()>) -> Result<(), Failure> {
    Ok(())
}

/// Whether the other end of standard output is closed: nothing is written while nothing changes, so
/// no write would tell.
#[cfg(unix)]
fn nobody_reads() -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    let stdout = std::io::stdout();
    let mut asked = [PollFd::new(&stdout, PollFlags::empty())];
    let now = Timespec::default();
    let told = poll(&mut asked, Some(&now)).is_ok_and(|ready| ready > 0);
    let gone = PollFlags::ERR | PollFlags::HUP;
    told && asked.iter().any(|asked| asked.revents().intersects(gone))
}

#[cfg(not(unix))]
fn nobody_reads() -> bool {
    false
}
