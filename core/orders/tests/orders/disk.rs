//! A store with nothing but a committer, a journal and a disk that does what the scene says.
//!
//! Owns [`Stage`] and [`Disk`]. The disk knows what is durable: it is what an acknowledgement is held against.

use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use larder_core::backend::{Committer, CommitterOptions, Journal, Medium, Progress};
use larder_core::{Error, ErrorKind, Result, Write};
use shuttle::rand::Rng as _;
use shuttle::sync::{Condvar, Mutex};
use shuttle::thread;

/// What a panic of the script says.
pub(crate) const SCRIPTED: &str = "as the script says";

/// Fails so many flushes that no scene makes as many.
pub(crate) const FOR_EVER: u32 = u32::MAX / 2;

pub(crate) struct Disk {
    short: bool,
    journal: OnceLock<Arc<Journal>>,
    /// So many flushes fail.
    pub(crate) failing: AtomicU32,
    pub(crate) failed: AtomicU32,
    pub(crate) panics: AtomicBool,
    is_flushing: AtomicBool,
    durable: AtomicU64,
    pub(crate) released: AtomicBool,
    /// For a scene that waits until something is durable, and asks nobody for it.
    news: (Mutex<()>, Condvar),
}

impl Medium for Disk {
    fn flush(&self) -> Result<u64> {
        assert!(!self.is_flushing.swap(true, SeqCst), "two flush at once");
        let journal = self.journal.get().expect("the journal is set");
        // Who writes now is taken along, and nobody had counted with that.
        take_time();
        let (_, last) = journal.take();
        take_time();
        self.is_flushing.store(false, SeqCst);
        assert!(!self.panics.load(SeqCst), "{SCRIPTED}");
        if self.failing.load(SeqCst) > 0 {
            self.failing.fetch_sub(1, SeqCst);
            self.failed.fetch_add(1, SeqCst);
            return Err(Error::new(ErrorKind::Io, SCRIPTED).transient(true));
        }
        {
            let _guard = self.news.0.lock().unwrap();
            self.durable.store(last, SeqCst);
        }
        self.news.1.notify_all();
        Ok(last)
    }

    fn release(&self) {
        assert!(!self.released.swap(true, SeqCst), "released twice");
    }

    fn flush_is_short(&self) -> bool {
        self.short
    }
}

impl Disk {
    pub(crate) fn durable(&self) -> u64 {
        self.durable.load(SeqCst)
    }

    /// Waits until this is durable; asks for nothing.
    pub(crate) fn await_durable(&self, sequence: u64) {
        let mut guard = self.news.0.lock().unwrap();
        while self.durable() < sequence {
            guard = self.news.1.wait(guard).unwrap();
        }
    }
}

/// Whoever likes goes on meanwhile, for a moment or until he waits.
fn take_time() {
    for _ in 0..shuttle::rand::thread_rng().gen_range(0..8) {
        thread::yield_now();
    }
}

/// What a scene is played on.
pub(crate) struct Stage {
    pub(crate) disk: Arc<Disk>,
    pub(crate) journal: Arc<Journal>,
    pub(crate) committer: Committer,
}

/// A store whose disk fails so many flushes before it works. No window ever ends by itself.
pub(crate) fn stage(short: bool, failing: u32, attempts: u32) -> Stage {
    let options = CommitterOptions {
        debounce: Duration::MAX,
        attempts,
        drop_timeout: Duration::MAX,
    };
    stage_with(short, failing, options)
}

pub(crate) fn stage_with(short: bool, failing: u32, options: CommitterOptions) -> Stage {
    let disk = Arc::new(Disk {
        short,
        journal: OnceLock::new(),
        failing: AtomicU32::new(failing),
        failed: AtomicU32::new(0),
        panics: AtomicBool::new(false),
        is_flushing: AtomicBool::new(false),
        durable: AtomicU64::new(0),
        released: AtomicBool::new(false),
        news: (Mutex::new(()), Condvar::new()),
    });
    let mut journal = None;
    let committer = Committer::start(options, |progress| {
        let made = Arc::new(Journal::committed(progress));
        assert!(disk.journal.set(Arc::clone(&made)).is_ok());
        journal = Some(made);
        Arc::clone(&disk) as Arc<dyn Medium>
    })
    .unwrap();
    Stage {
        disk,
        journal: journal.unwrap(),
        committer,
    }
}

/// How somebody waits.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    Blocked,
    Async,
    /// With a deadline, again and again. It comes only where time passes.
    Patient,
}

/// Who writes and waits.
#[derive(Clone)]
pub(crate) struct Writer {
    pub(crate) disk: Arc<Disk>,
    pub(crate) journal: Arc<Journal>,
}

impl Writer {
    pub(crate) fn write(&self) -> Result<Write<()>> {
        Ok(self.journal.turn()?.commit((), Vec::new()))
    }

    /// What is acknowledged is on the disk.
    pub(crate) fn wait(&self, mut write: Write<()>, way: Way) -> Result<()> {
        let sequence = write.sequence();
        let outcome = match way {
            Way::Blocked => write.wait(),
            Way::Async => shuttle::future::block_on(write),
            Way::Patient => loop {
                match write.wait_timeout(Duration::from_mins(1)) {
                    Err(error) if error.kind() == ErrorKind::Timeout => {}
                    outcome => break outcome,
                }
            },
        };
        if let (Ok(()), Some(sequence)) = (&outcome, sequence) {
            let durable = self.disk.durable();
            assert!(
                durable >= sequence,
                "{sequence} is acknowledged, and {durable} is durable"
            );
        }
        outcome
    }

    pub(crate) fn close(&self, progress: &Arc<Progress>) -> Result<()> {
        let closing = self
            .journal
            .between_writes(|| Write::closing((), Arc::clone(progress)))?;
        closing.wait()
    }
}

impl Stage {
    pub(crate) fn writer(&self) -> Writer {
        Writer {
            disk: Arc::clone(&self.disk),
            journal: Arc::clone(&self.journal),
        }
    }

    pub(crate) fn progress(&self) -> Arc<Progress> {
        Arc::clone(self.committer.progress())
    }

    /// The last handle is dropped: on a disk that works everything is there then.
    pub(crate) fn end(self) {
        let Self {
            disk,
            journal,
            committer,
        } = self;
        drop(committer);
        assert!(disk.released.load(SeqCst), "the store is let go");
        assert_eq!(disk.durable(), journal.last(), "what is durable at the end");
    }
}
