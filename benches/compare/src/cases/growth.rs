//! What becomes of each case with ten and a hundred times as many records.
//!
//! Owns what is promised for each, how it is measured, and how it is told what it was. Only ours are
//! here, and a bare `HashMap`, which shows what of it is the machine's: more memory is slower memory.

use std::path::Path;

use serde::Serialize;

use crate::contenders::Kind;
use crate::measure::clock::Clock;
use crate::measure::rounds::{Watcher, order};
use crate::measure::serve::{Job, dir_of};
use crate::measure::stats::median;
use crate::measure::worker::Worker;
use crate::measure::{Act, Ask};
use crate::outcome::Outcome;

/// How a cost grows with the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Growth {
    Constant,
    Logarithmic,
    Linear,
    Worse,
}

impl Growth {
    /// By what a cost is multiplied when the records are multiplied by `more`. Between two of them is
    /// memory that does not fit into a cache any more, so the bounds are wide.
    fn of(factor: f64, more: f64) -> Self {
        if factor <= 1.5 {
            Self::Constant
        } else if factor <= more.sqrt() {
            Self::Logarithmic
        } else if factor <= more * 1.6 {
            Self::Linear
        } else {
            Self::Worse
        }
    }

    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Logarithmic => "logarithmic",
            Self::Linear => "linear",
            Self::Worse => "worse than linear",
        }
    }
}

/// What is measured of each, and how it may grow at most.
fn acts(kind: Kind) -> Vec<(Act, Growth)> {
    let mut acts = vec![(Act::Get, Growth::Logarithmic)];
    if kind == Kind::Maps {
        return acts;
    }
    acts.extend([Act::Unique, Act::Index, Act::Range, Act::Save].map(|a| (a, Growth::Logarithmic)));
    let durable = match kind {
        Kind::Json => Growth::Linear,
        _ => Growth::Logarithmic,
    };
    acts.extend([Act::Awaited, Act::Batch, Act::Pair].map(|act| (act, durable)));
    match kind {
        Kind::Json => acts.extend([Act::Flush, Act::Open].map(|act| (act, Growth::Linear))),
        Kind::Sqlite => acts.push((Act::Open, Growth::Constant)),
        _ => {}
    }
    acts
}

/// One act of one contender, by the number of records.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Grown {
    pub(crate) label: &'static str,
    pub(crate) act: &'static str,
    /// Records, and the median in nanoseconds.
    pub(crate) points: Vec<(u64, f64)>,
    /// By what it was multiplied from the first to the last.
    pub(crate) factor: f64,
    pub(crate) measured: Growth,
    pub(crate) promised: Growth,
}

const KINDS: [Kind; 4] = [Kind::Maps, Kind::Memory, Kind::Json, Kind::Sqlite];

/// How many turns it takes.
pub(crate) fn turns(sizes: &[u64], rounds: u32) -> u64 {
    let acts: usize = KINDS.iter().map(|kind| acts(*kind).len()).sum();
    acts as u64 * sizes.len() as u64 * u64::from(rounds)
}

/// Measures all of it.
pub(crate) fn run(
    sizes: &[u64],
    work: &Path,
    rounds: u32,
    millis: u64,
    watcher: &dyn Watcher,
) -> Outcome<Vec<Grown>> {
    let mut all = Vec::new();
    for kind in KINDS {
        watcher.doing(&format!("growth: {} gets its records", kind.label()));
        let job = |records: u64, fresh: bool| Job {
            kind,
            dir: dir_of(work, kind, records),
            records,
            fresh,
        };
        let mut workers = sizes
            .iter()
            .map(|records| Worker::start(&job(*records, false)))
            .collect::<Outcome<Vec<_>>>()?;
        // What opens must not be open already.
        let (opens, others): (Vec<_>, Vec<_>) = acts(kind)
            .into_iter()
            .partition(|(act, _)| *act == Act::Open);
        for (act, promised) in others {
            let ask = ask(kind, act, millis);
            let mut nanos = vec![Vec::new(); sizes.len()];
            for round in 0..rounds {
                for at in order(sizes.len(), round) {
                    watcher.doing(&format!("growth: {}, {}", kind.label(), act.words()));
                    if let (Some(worker), Some(nanos)) = (workers.get_mut(at), nanos.get_mut(at)) {
                        nanos.push(worker.turn(&ask)?.nanos);
                    }
                    watcher.step();
                }
            }
            all.push(grown(kind, act, sizes, &nanos, promised));
        }
        for worker in workers {
            worker.finish()?;
        }
        for (act, promised) in opens {
            let ask = ask(kind, act, millis);
            let mut nanos = vec![Vec::new(); sizes.len()];
            for round in 0..rounds {
                for at in order(sizes.len(), round) {
                    watcher.doing(&format!("growth: {}, {}", kind.label(), act.words()));
                    if let (Some(records), Some(nanos)) = (sizes.get(at), nanos.get_mut(at)) {
                        let mut worker = Worker::start(&job(*records, true))?;
                        nanos.push(worker.turn(&ask)?.nanos);
                        worker.finish()?;
                    }
                    watcher.step();
                }
            }
            all.push(grown(kind, act, sizes, &nanos, promised));
        }
    }
    Ok(all)
}

fn ask(kind: Kind, act: Act, millis: u64) -> Ask {
    let waits = match act {
        Act::Get | Act::Unique | Act::Index | Act::Range => false,
        Act::Save => kind == Kind::Sqlite,
        Act::Awaited | Act::Batch | Act::Pair => kind != Kind::Memory,
        _ => true,
    };
    Ask {
        act,
        threads: 1,
        clock: if waits { Clock::Wall } else { Clock::Thread },
        millis,
    }
}

fn grown(kind: Kind, act: Act, sizes: &[u64], nanos: &[Vec<f64>], promised: Growth) -> Grown {
    let medians = nanos.iter().map(|nanos| median(nanos).unwrap_or(f64::NAN));
    let points: Vec<(u64, f64)> = sizes.iter().copied().zip(medians).collect();
    let factor = match (points.first(), points.last()) {
        (Some((_, first)), Some((_, last))) => last / first,
        _ => f64::NAN,
    };
    #[expect(clippy::cast_precision_loss, reason = "a ratio of two counts")]
    let more = match (sizes.first(), sizes.last()) {
        (Some(first), Some(last)) => *last as f64 / *first as f64,
        _ => 1.0,
    };
    Grown {
        label: kind.label(),
        act: act.words(),
        points,
        factor,
        measured: Growth::of(factor, more),
        promised,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_told_by_what_a_hundred_times_the_records_cost() {
        assert_eq!(Growth::of(1.1, 100.0), Growth::Constant);
        // ln(100,000) / ln(1,000) and a cache that is too small by now.
        assert_eq!(Growth::of(1.7, 100.0), Growth::Logarithmic);
        assert_eq!(Growth::of(5.0, 100.0), Growth::Logarithmic);
        assert_eq!(Growth::of(60.0, 100.0), Growth::Linear);
        assert_eq!(Growth::of(900.0, 100.0), Growth::Worse);
    }
}
