//! Everybody takes turns.
//!
//! Owns in which order. In each round every entrant has one turn, and the order is another one in each,
//! so that a machine that is slow for a while is slow for all of them, and nobody always comes after
//! the same one. Ratios are taken within a round.

use std::collections::HashMap;
use std::path::Path;

use serde::Serialize;

use super::clock::Clock;
use super::serve::{Done, Job, dir_of};
use super::worker::Worker;
use super::{Act, Ask, Turn, stats};
use crate::cases::{Case, Entrant};
use crate::contenders::Kind;
use crate::outcome::{Outcome, fail};

/// What was measured of one entrant.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figures {
    pub(crate) label: String,
    #[serde(skip)]
    pub(crate) kind: Kind,
    pub(crate) records: u64,
    pub(crate) threads: u64,
    /// Nanoseconds, one a round.
    pub(crate) nanos: Vec<f64>,
    pub(crate) clock: Clock,
    /// Nanoseconds of processors, one a round.
    pub(crate) processor: Vec<f64>,
    /// What all but one in a thousand took at most, one a round, where each was timed.
    pub(crate) tails: Vec<f64>,
    /// Memory in bytes, beyond that of an empty process.
    pub(crate) peak: Option<u64>,
    pub(crate) kept: Option<u64>,
    /// The bytes in its files.
    pub(crate) bytes: u64,
}

impl Figures {
    fn new(entrant: &Entrant) -> Self {
        Self {
            label: entrant.label.clone(),
            kind: entrant.kind,
            records: entrant.records,
            threads: entrant.threads,
            nanos: Vec::new(),
            clock: entrant.clock,
            processor: Vec::new(),
            tails: Vec::new(),
            peak: None,
            kept: None,
            bytes: 0,
        }
    }

    fn add(&mut self, turn: Turn) {
        self.nanos.push(turn.nanos);
        self.processor.extend(turn.processor);
        self.tails.extend(turn.tail);
    }

    fn end(&mut self, done: Done) {
        self.peak = self.peak.max(done.peak);
        self.kept = self.kept.max(done.kept);
        self.bytes = done.bytes;
    }

    /// The median, in nanoseconds.
    pub(crate) fn typical(&self) -> f64 {
        stats::median(&self.nanos).unwrap_or(f64::NAN)
    }

    /// The median of the time of processors.
    pub(crate) fn processor(&self) -> Option<f64> {
        stats::median(&self.processor)
    }

    /// The median of the tails.
    pub(crate) fn tail(&self) -> Option<f64> {
        stats::median(&self.tails)
    }
}

/// Is told what is being done.
pub(crate) trait Watcher {
    fn doing(&self, what: &str);
    /// One turn is over.
    fn step(&self);
}

/// How many turns a case takes.
pub(crate) fn turns_of(case: &Case, rounds: u32) -> u64 {
    case.entrants.len() as u64 * (u64::from(rounds) + 1)
}

/// Measures one case.
pub(crate) fn run(
    case: &Case,
    work: &Path,
    rounds: u32,
    watcher: &dyn Watcher,
) -> Outcome<Vec<Figures>> {
    let mut figures: Vec<Figures> = case.entrants.iter().map(Figures::new).collect();
    let mut workers = Workers::start(case, work, watcher)?;
    for round in 0..rounds {
        for at in order(case.entrants.len(), round) {
            let (Some(entrant), Some(figures)) = (case.entrants.get(at), figures.get_mut(at))
            else {
                continue;
            };
            let of = format!(
                "{}: {}, round {} of {rounds}",
                case.name,
                entrant.label,
                round + 1
            );
            watcher.doing(&of);
            let (turn, done) = workers.turn(entrant, case.millis)?;
            figures.add(turn);
            if let Some(done) = done {
                figures.end(done);
            }
            watcher.step();
        }
    }
    let ends = workers.finish()?;
    for (figures, entrant) in figures.iter_mut().zip(&case.entrants) {
        if let Some(done) = ends.get(&(entrant.kind, entrant.records)) {
            figures.end(*done);
        }
    }
    Ok(figures)
}

/// Who comes when: everybody once, each round begins with another, and every other one is backwards.
pub(crate) fn order(entrants: usize, round: u32) -> Vec<usize> {
    let first = round as usize;
    let mut order: Vec<usize> = (0..entrants)
        .map(|at| (at + first) % entrants.max(1))
        .collect();
    if round % 2 == 1 {
        order.reverse();
    }
    order
}

/// The processes of a case. Two entrants that are one store with different acts share theirs; where
/// opening is measured there is one for every turn.
struct Workers<'w> {
    work: &'w Path,
    kept: HashMap<(Kind, u64), Worker>,
}

impl<'w> Workers<'w> {
    fn start(case: &Case, work: &'w Path, watcher: &dyn Watcher) -> Outcome<Self> {
        let mut workers = Self {
            work,
            kept: HashMap::new(),
        };
        for entrant in &case.entrants {
            watcher.doing(&format!(
                "{}: {} gets its records",
                case.name, entrant.label
            ));
            let key = (entrant.kind, entrant.records);
            if !workers.kept.contains_key(&key) {
                let worker = Worker::start(&workers.job(entrant, false))?;
                if entrant.act == Act::Open {
                    // It is filled, and that is all this process is for.
                    worker.finish()?;
                } else {
                    workers.kept.insert(key, worker);
                }
            }
            // Everybody once, so that caches are warm and tables have grown.
            workers.turn(entrant, case.millis / 4)?;
            watcher.step();
        }
        Ok(workers)
    }

    fn job(&self, entrant: &Entrant, fresh: bool) -> Job {
        Job {
            kind: entrant.kind,
            dir: dir_of(self.work, entrant.kind, entrant.records),
            records: entrant.records,
            fresh,
        }
    }

    /// A turn, and the end of its process if that was all it was for.
    fn turn(&mut self, entrant: &Entrant, millis: u64) -> Outcome<(Turn, Option<Done>)> {
        let ask = Ask {
            act: entrant.act,
            threads: entrant.threads,
            clock: entrant.clock,
            millis,
        };
        if entrant.act == Act::Open {
            let mut worker = Worker::start(&self.job(entrant, true))?;
            let turn = worker.turn(&ask)?;
            return Ok((turn, Some(worker.finish()?)));
        }
        match self.kept.get_mut(&(entrant.kind, entrant.records)) {
            Some(worker) => Ok((worker.turn(&ask)?, None)),
            None => fail(format!("{} was not started", entrant.label)),
        }
    }

    fn finish(self) -> Outcome<HashMap<(Kind, u64), Done>> {
        self.kept
            .into_iter()
            .map(|(key, worker)| Ok((key, worker.finish()?)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_has_one_turn_in_each_round_and_nobody_is_always_first() {
        let mut firsts = Vec::new();
        for round in 0..4 {
            let mut order = order(4, round);
            firsts.push(order[0]);
            order.sort_unstable();
            assert_eq!(order, [0, 1, 2, 3]);
        }
        firsts.sort_unstable();
        firsts.dedup();
        assert!(firsts.len() > 1, "{firsts:?}");
    }
}
