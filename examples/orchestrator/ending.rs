//! When the program is to end.
//!
//! Owns [`Ending`], on which everybody waits who would otherwise sleep.

use std::sync::Arc;
use std::time::Duration;

use larder_stores::Result;
use parking_lot::{Condvar, Mutex};

/// Comes once, for all.
#[derive(Debug, Default)]
pub(crate) struct Ending {
    come: Mutex<bool>,
    news: Condvar,
}

impl Ending {
    pub(crate) fn end(&self) {
        *self.come.lock() = true;
        self.news.notify_all();
    }

    pub(crate) fn has_come(&self) -> bool {
        *self.come.lock()
    }

    /// Waits for so long, or until it comes; whether it has.
    pub(crate) fn wait(&self, time: Duration) -> bool {
        let mut come = self.come.lock();
        self.news.wait_while_for(&mut come, |come| !*come, time);
        *come
    }
}

/// Ctrl-C and SIGTERM end it in order. On other systems they end it as a kill does, which does no harm
/// either.
#[cfg(unix)]
pub(crate) fn on_signal(ending: &Arc<Ending>) -> Result<()> {
    use larder::{Error, ErrorKind};
    use signal_hook::consts::{SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;

    let mut signals = Signals::new([SIGINT, SIGTERM])
        .map_err(|error| Error::new(ErrorKind::Io, "no signal can be heard").with_source(error))?;
    let ending = Arc::clone(ending);
    std::thread::spawn(move || {
        for _ in signals.forever() {
            ending.end();
        }
    });
    Ok(())
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "as where there are signals")]
pub(crate) fn on_signal(_ending: &Arc<Ending>) -> Result<()> {
    Ok(())
}
