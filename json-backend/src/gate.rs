//! The records of a file through the gate, on as many threads as there are processors.
//!
//! Owns who judges which record, and that what was judged comes in the order of the file. Judging, which
//! is most of an open, is [`Admission::arrive`]; what becomes of it is `load.rs`.

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::str::Utf8Error;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, Scope, ScopedJoinHandle};

use larder_core::Data;
use larder_core::backend::{Admission, Arrival, Rejection};

use crate::scan::Span;

/// A file with fewer bytes of records is read before a thread has started.
const SMALL: usize = 1 << 20;

/// So many records are one piece of work.
const BLOCK: usize = 256;

/// More threads than this wait for the one that takes what they judged.
const MOST: usize = 16;

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

impl<'a, T: Data> Gate<'a, T> {
    /// Judges every record; `take` gets them in the order of the file, on this thread.
    ///
    /// Serde code and checks of the record type run on other threads too. If one panics, this does.
    pub(crate) fn judge_all(&self, take: impl FnMut(&Span, &'a [u8], Judged<T>)) {
        let length: usize = self.spans.iter().map(|span| span.end - span.start).sum();
        let threads = thread::available_parallelism().map_or(1, usize::from);
        if length < SMALL || threads < 2 {
            self.judge_here(take);
        } else {
            self.judge_beside(threads.min(MOST), take);
        }
    }

    fn judge_here(&self, mut take: impl FnMut(&Span, &'a [u8], Judged<T>)) {
        for span in self.spans {
            let (record, judged) = self.judge(span);
            take(span, record, judged);
        }
    }

    fn judge_beside(&self, threads: usize, mut take: impl FnMut(&Span, &'a [u8], Judged<T>)) {
        let next = AtomicUsize::new(0);
        thread::scope(|scope| {
            // As many blocks as threads may wait to be taken: memory does not grow with the file.
            let (give, given) = sync_channel(threads);
            let started: Vec<_> = (0..threads)
                .map_while(|_| self.start(scope, &next, give.clone()))
                .collect();
            drop(give);
            if started.is_empty() {
                // The system gives no thread.
                return self.judge_here(take);
            }
            self.take_in_order(&given, &mut take);
            // Nobody waits to give any more, whatever happened.
            drop(given);
            for thread in started {
                if let Err(panic) = thread.join() {
                    resume_unwind(panic);
                }
            }
        });
    }

    fn start<'s>(
        &'s self,
        scope: &'s Scope<'s, '_>,
        next: &'s AtomicUsize,
        give: SyncSender<Block<'a, T>>,
    ) -> Option<ScopedJoinHandle<'s, ()>> {
        thread::Builder::new()
            .name("larder-load".to_owned())
            .spawn_scoped(scope, move || {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(spans) = self.spans.chunks(BLOCK).nth(number) else {
                        return;
                    };
                    let judged = spans.iter().map(|span| self.judge(span)).collect();
                    if give.send((number, judged)).is_err() {
                        return;
                    }
                }
            })
            .ok()
    }

    /// Takes blocks as they come, and hands on their records as they stand in the file.
    fn take_in_order(
        &self,
        given: &Receiver<Block<'a, T>>,
        take: &mut impl FnMut(&Span, &'a [u8], Judged<T>),
    ) {
        let mut early = BTreeMap::new();
        let mut blocks = self.spans.chunks(BLOCK).enumerate().peekable();
        while let Some((due, spans)) = blocks.peek() {
            if let Some(judged) = early.remove(due) {
                let judged: Vec<(&'a [u8], Judged<T>)> = judged;
                for (span, (record, judged)) in spans.iter().zip(judged) {
                    take(span, record, judged);
                }
                blocks.next();
                continue;
            }
            let Ok((number, judged)) = given.recv() else {
                // A thread panicked: its block never comes.
                return;
            };
            early.insert(number, judged);
        }
    }

    fn judge(&self, span: &Span) -> (&'a [u8], Judged<T>) {
        let record = self.bytes.get(span.start..span.end).unwrap_or_default();
        let judged =
            std::str::from_utf8(record).map(|text| self.admission.arrive(text, self.version));
        (record, judged)
    }
}

/// The number of a block, and its records, judged.
type Block<'a, T> = (usize, Vec<(&'a [u8], Judged<T>)>);
