//! The records of a file through the gate, on as many threads as there are processors.
//!
//! Owns who judges which record, and that what was judged comes in the order of the file. Judging, which
//! is most of an open, is [`Admission::arrive`]; what becomes of it is `load.rs`.

use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::str::Utf8Error;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{self, Scope};

use larder_core::Data;
use larder_core::backend::{Admission, Arrival, Rejection};
use parking_lot::Mutex;

use crate::scan::Span;

/// A file with fewer bytes of records is read before a thread has started.
const SMALL: usize = 1 << 20;

/// So many records, or so many bytes of them, are one piece of work.
const BLOCK: (usize, usize) = (256, 128 << 10);

/// More threads than this wait for the one that takes what they judged.
const MOST: usize = 16;

/// As large as the stack of a program's main thread mostly is: what a record type's code does there it
/// can do here.
const STACK: usize = 8 << 20;

/// What the gate says of the bytes of one record.
pub(crate) type Judged<T> = Result<Result<Arrival<T>, Rejection>, Utf8Error>;

/// A file's records, and the gate.
pub(crate) struct Gate<'a, T> {
    pub(crate) admission: &'a Admission<T>,
    /// The version of the data.
    pub(crate) version: u32,
    pub(crate) bytes: &'a [u8],
    pub(crate) spans: &'a [Span],
}

/// The number of a block, and its records, judged, or the panic of one of them.
type Block<'a, T> = (usize, thread::Result<Vec<(&'a [u8], Judged<T>)>>);

impl<'a, T: Data> Gate<'a, T> {
    /// Judges every record; `take` gets them in the order of the file, on this thread.
    ///
    /// Serde code, checks and migrations of the record type run on other threads too. If one panics, this
    /// does, with the panic of the first record of the file that has one.
    pub(crate) fn judge_all(&self, take: impl FnMut(&Span, &'a [u8], Judged<T>)) {
        let length: usize = self.spans.iter().map(|span| span.end - span.start).sum();
        let threads = thread::available_parallelism().map_or(1, usize::from);
        if length < SMALL || threads < 2 {
            self.judge_here(take);
        } else {
            self.judge_beside(threads.min(MOST), BLOCK, take);
        }
    }

    fn judge_here(&self, mut take: impl FnMut(&Span, &'a [u8], Judged<T>)) {
        for span in self.spans {
            let (record, judged) = self.judge(span);
            take(span, record, judged);
        }
    }

    fn judge_beside(
        &self,
        threads: usize,
        block: (usize, usize),
        mut take: impl FnMut(&Span, &'a [u8], Judged<T>),
    ) {
        let blocks = blocks(self.spans, block);
        let (ask, asked) = channel();
        let asked = Mutex::new(asked);
        thread::scope(|scope| {
            let (give, given) = sync_channel(threads);
            let started = (0..threads.min(blocks.len()))
                .filter(|_| self.start(scope, &asked, &blocks, give.clone()))
                .count();
            drop(give);
            if started == 0 {
                // The system gives no thread.
                return self.judge_here(take);
            }
            self.take_in_order(&blocks, started * 2, ask, &given, &mut take);
        });
    }

    /// Starts a thread that judges the blocks that it is asked for, until nobody asks any more.
    fn start<'s>(
        &'s self,
        scope: &'s Scope<'s, '_>,
        asked: &'s Mutex<Receiver<usize>>,
        blocks: &'s [Range<usize>],
        give: SyncSender<Block<'a, T>>,
    ) -> bool {
        let next = || asked.lock().recv().ok();
        let work = move || {
            while let Some(number) = next() {
                let spans = blocks
                    .get(number)
                    .and_then(|block| self.spans.get(block.clone()));
                let judged = catch_unwind(AssertUnwindSafe(|| {
                    let spans = spans.unwrap_or_default().iter();
                    spans.map(|span| self.judge(span)).collect()
                }));
                if give.send((number, judged)).is_err() {
                    return;
                }
            }
        };
        thread::Builder::new()
            .name("larder-load".to_owned())
            .stack_size(STACK)
            .spawn_scoped(scope, work)
            .is_ok()
    }

    /// Asks for blocks, no more than so many beyond the one that is due, because what is judged waits in
    /// memory; and hands on their records as they stand in the file.
    fn take_in_order(
        &self,
        blocks: &[Range<usize>],
        ahead: usize,
        ask: Sender<usize>,
        given: &Receiver<Block<'a, T>>,
        take: &mut impl FnMut(&Span, &'a [u8], Judged<T>),
    ) {
        let mut unasked = 0..blocks.len();
        let mut early = BTreeMap::new();
        for (due, block) in blocks.iter().enumerate() {
            while unasked.start < blocks.len().min(due + ahead) {
                // All threads that could hear it wait for this one, so they are there.
                let _ = ask.send(unasked.start);
                unasked.start += 1;
            }
            let judged = loop {
                if let Some(judged) = early.remove(&due) {
                    break judged;
                }
                match given.recv() {
                    Ok((number, judged)) => {
                        early.insert(number, judged);
                    }
                    // The threads end after the last block is asked for, and never before.
                    Err(_) => return,
                }
            };
            let spans = self.spans.get(block.clone()).unwrap_or_default();
            match judged {
                Ok(judged) => {
                    for (span, (record, judged)) in spans.iter().zip(judged) {
                        take(span, record, judged);
                    }
                }
                // With `ask` and `given` gone, the other threads end.
                Err(panic) => {
                    drop(ask);
                    resume_unwind(panic);
                }
            }
        }
    }

    fn judge(&self, span: &Span) -> (&'a [u8], Judged<T>) {
        let record = self.bytes.get(span.start..span.end).unwrap_or_default();
        let judged =
            std::str::from_utf8(record).map(|text| self.admission.arrive(text, self.version));
        (record, judged)
    }
}

/// Cuts records into pieces of work of at most so many records and not many more bytes.
fn blocks(spans: &[Span], (records, bytes): (usize, usize)) -> Vec<Range<usize>> {
    let mut blocks = Vec::new();
    let mut start = 0;
    let mut held = 0;
    for (at, span) in spans.iter().enumerate() {
        held += span.end - span.start;
        if at + 1 - start >= records || held >= bytes {
            blocks.push(start..at + 1);
            (start, held) = (at + 1, 0);
        }
    }
    if start < spans.len() {
        blocks.push(start..spans.len());
    }
    blocks
}

#[cfg(test)]
#[path = "gate_tests.rs"]
mod tests;
