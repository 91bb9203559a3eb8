//! One turn: an act, as often as fits in its time.
//!
//! Owns what is inside the time and what is not: keys to look up and records to save are made before,
//! what a read gives and what a save replaces is let go inside, as it is in a program. Each answer is
//! looked at, so that nobody is fast by finding nothing.

use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::clock::process;
use super::stats::quantile;
use super::{Act, Ask, Turn};
use crate::contenders::Contender;
use crate::outcome::{Outcome, fail};
use crate::records::{
    BATCH, Change, Lookups, PER_CATEGORY, RANGE_LIMIT, Session, number_of, revised,
};

/// How many reads there are at most between two looks at the clock, which cost as much as a read.
const READS: u64 = 1_024;

/// How many saves that do not wait are timed together.
const SAVES: u64 = 256;

/// How many times a second a record is saved while flushes run.
const PACE: Duration = Duration::from_micros(50);

/// A contender at work.
pub(crate) struct Bench<'c, C> {
    contender: &'c C,
    lookups: Lookups,
    records: u64,
    /// How many saves there were; also the version of what is saved next.
    saved: AtomicU64,
    read: u64,
}

impl<'c, C: Contender> Bench<'c, C> {
    pub(crate) fn new(contender: &'c C, records: u64) -> Self {
        Self {
            contender,
            lookups: Lookups::new(records),
            records,
            saved: AtomicU64::new(0),
            read: 0,
        }
    }

    pub(crate) fn turn(&mut self, ask: &Ask) -> Outcome<Turn> {
        let before = process();
        let mut turn = self.act(ask)?;
        turn.processor = spent_since(before, turn.ops);
        self.contender.settle()?;
        Ok(turn)
    }

    fn act(&mut self, ask: &Ask) -> Outcome<Turn> {
        let contender = self.contender;
        match ask.act {
            Act::Open => fail("an open is no turn of a contender that is open"),
            Act::Get => self.reads(ask, |keys, nth| one(contender.get(keys.id(nth))?)),
            Act::Unique => self.reads(ask, |keys, nth| one(contender.unique(keys.channel(nth))?)),
            Act::Index => {
                let rows = usize::try_from(PER_CATEGORY)?;
                self.reads(ask, |keys, nth| {
                    all(contender.index(keys.category(nth))?, rows)
                })
            }
            Act::Range => self.reads(ask, |keys, nth| {
                all(contender.range(keys.activity(nth))?, RANGE_LIMIT)
            }),
            Act::Save if ask.threads > 1 => self.together(ask, C::save),
            Act::Save => self.saves(ask, SAVES, Change::Activity, C::save),
            Act::SaveNoKey => self.saves(ask, SAVES, Change::NoKey, C::save),
            Act::SaveWhileFlushing => self.beside_flushes(ask),
            Act::Awaited if ask.threads > 1 => self.together(ask, C::save_awaited),
            Act::Awaited => self.saves(ask, 1, Change::Activity, C::save_awaited),
            Act::Batch => self.timed(
                ask,
                |bench| (0..BATCH).map(|_| bench.next(Change::Activity)).collect(),
                C::batch,
            ),
            Act::Pair => self.timed(
                ask,
                |bench| (bench.next(Change::Activity), bench.next(Change::Activity)),
                |contender, (first, second)| contender.pair(first, second),
            ),
            Act::Flush => self.flushes(ask),
        }
    }

    /// The record that is saved next.
    fn next(&self, change: Change) -> Session {
        let nth = self.saved.fetch_add(1, Ordering::Relaxed);
        revised(number_of(0, nth, self.records), nth, change)
    }

    fn reads<R>(&mut self, ask: &Ask, read: impl Fn(&Lookups, u64) -> Outcome<R>) -> Outcome<Turn> {
        let (least, start, first) = (length(ask), ask.clock.begin(), self.read);
        let mut at_once = 1;
        loop {
            for nth in self.read..self.read + at_once {
                black_box(read(&self.lookups, nth)?);
            }
            self.read += at_once;
            let spent = start.elapsed();
            if spent >= least {
                return Ok(turn(spent, self.read - first));
            }
            at_once = READS.min(at_once * 2);
        }
    }

    /// So many at once are made before, and then timed together.
    fn saves(
        &self,
        ask: &Ask,
        at_once: u64,
        change: Change,
        save: impl Fn(&C, Session) -> Outcome,
    ) -> Outcome<Turn> {
        let made = |bench: &Self| (0..at_once).map(|_| bench.next(change)).collect::<Vec<_>>();
        let turn = self.timed(ask, made, |contender, sessions| {
            sessions
                .into_iter()
                .try_for_each(|session| save(contender, session))
        })?;
        Ok(Turn {
            nanos: turn.nanos / as_float(at_once),
            ops: turn.ops * at_once,
            ..turn
        })
    }

    fn flushes(&self, ask: &Ask) -> Outcome<Turn> {
        self.timed(
            ask,
            |bench| {
                let changed = bench.next(Change::Activity);
                bench.contender.save(changed)
            },
            |contender, changed| changed.and_then(|()| contender.flush()),
        )
    }

    fn timed<A>(
        &self,
        ask: &Ask,
        make: impl Fn(&Self) -> A,
        act: impl Fn(&C, A) -> Outcome,
    ) -> Outcome<Turn> {
        let (mut spent, mut ops) = (Duration::ZERO, 0);
        loop {
            let made = make(self);
            let start = ask.clock.begin();
            act(self.contender, made)?;
            spent += start.elapsed();
            ops += 1;
            if spent >= length(ask) {
                return Ok(turn(spent, ops));
            }
        }
    }

    /// Threads that do nothing but save. Making the record is in the time; everybody makes the same.
    fn together(&self, ask: &Ask, save: impl Fn(&C, Session) -> Outcome + Sync) -> Outcome<Turn> {
        let least = length(ask);
        let begin = Barrier::new(usize::try_from(ask.threads)? + 1);
        let base = self.saved.fetch_add(1 << 20, Ordering::Relaxed);
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..ask.threads)
                .map(|thread| {
                    let (begin, save) = (&begin, &save);
                    scope.spawn(move || -> Outcome<u64> {
                        begin.wait();
                        let start = Instant::now();
                        let mut saves = 0;
                        while start.elapsed() < least {
                            let number = number_of(thread, base + saves, self.records);
                            let session = revised(number, base + saves, Change::Activity);
                            save(self.contender, session)?;
                            saves += 1;
                        }
                        Ok(saves)
                    })
                })
                .collect();
            begin.wait();
            let start = Instant::now();
            let mut ops = 0;
            for thread in threads {
                match thread.join() {
                    Ok(saves) => ops += saves?,
                    Err(_) => return fail("a thread that saved has panicked"),
                }
            }
            Ok(turn(start.elapsed(), ops))
        })
    }

    /// How long saves take while somebody else flushes all the time.
    fn beside_flushes(&self, ask: &Ask) -> Outcome<Turn> {
        let least = length(ask);
        let (stop, flushed) = (AtomicBool::new(false), AtomicU64::new(0));
        let contender = self.contender;
        std::thread::scope(|scope| {
            let flusher = scope.spawn(|| -> Outcome {
                while !stop.load(Ordering::Relaxed) {
                    contender.flush()?;
                    flushed.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            });
            let start = Instant::now();
            let mut times = Vec::new();
            let mut saved = Ok(());
            let mut due = start;
            while saved.is_ok()
                && !flusher.is_finished()
                && (start.elapsed() < least || flushed.load(Ordering::Relaxed) < 2)
            {
                let session = self.next(Change::Activity);
                // Waking up takes longer than what is measured.
                while Instant::now() < due {
                    std::hint::spin_loop();
                }
                let begin = Instant::now();
                saved = contender.save(session);
                times.push(begin.elapsed().as_secs_f64() * 1e9);
                due = begin + PACE;
            }
            stop.store(true, Ordering::Relaxed);
            match flusher.join() {
                Ok(flushes) => flushes?,
                Err(_) => return fail("the thread that flushed has panicked"),
            }
            saved?;
            let Some(nanos) = quantile(&times, 0.5) else {
                return fail("nothing was saved while flushes ran");
            };
            Ok(Turn {
                nanos,
                ops: times.len() as u64,
                processor: None,
                tail: quantile(&times, 0.999),
            })
        })
    }
}

fn one<T>(found: Option<T>) -> Outcome<T> {
    found.map_or_else(|| fail("a record that is there was not found"), Ok)
}

fn all<T>(found: Vec<T>, rows: usize) -> Outcome<Vec<T>> {
    if found.len() == rows {
        Ok(found)
    } else {
        fail(format!("{} rows were found, and not {rows}", found.len()))
    }
}

fn length(ask: &Ask) -> Duration {
    Duration::from_millis(ask.millis)
}

/// A turn of which the time for each is known.
pub(super) fn turn(spent: Duration, ops: u64) -> Turn {
    Turn {
        nanos: spent.as_secs_f64() * 1e9 / as_float(ops.max(1)),
        ops,
        processor: None,
        tail: None,
    }
}

/// The time of processors for each.
pub(super) fn spent_since(before: Option<Duration>, ops: u64) -> Option<f64> {
    let spent = process()?.saturating_sub(before?);
    Some(spent.as_secs_f64() * 1e9 / as_float(ops.max(1)))
}

#[expect(clippy::cast_precision_loss, reason = "a count that is divided by")]
fn as_float(count: u64) -> f64 {
    count as f64
}
