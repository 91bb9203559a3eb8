//! What was told the program, and when: which writes there were, in which order, and which of them
//! must be there after a crash.
//!
//! Owns [`Story`], made from the marks of a log.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::plan::{Plan, State};
use super::recording::Call;

/// How many writes there are at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Bounds {
    /// So many are acknowledged: they survive a loss of power.
    pub(crate) acked: usize,
    /// So many are visible: they survive the process.
    pub(crate) visible: usize,
    /// So many were begun: more cannot be there.
    pub(crate) begun: usize,
}

/// The writes of one process or of several, one after the other.
#[derive(Debug)]
pub(crate) struct Story {
    /// The state after so many writes.
    states: Vec<State>,
    now: Bounds,
    /// Writes that were refused.
    pub(crate) refused: usize,
}

impl Story {
    /// Begins with these records.
    pub(crate) fn new(before: State) -> Self {
        Self {
            states: vec![before],
            now: Bounds::default(),
            refused: 0,
        }
    }

    /// The state after each number of writes, from none on.
    pub(crate) fn states(&self) -> Arc<Vec<State>> {
        Arc::new(self.states.clone())
    }

    /// Takes along what a process did, and gives how many writes there were before its first call and
    /// after each.
    pub(crate) fn add(&mut self, plan: &Plan, calls: &[Call]) -> Vec<Bounds> {
        let marks = calls.iter().filter_map(|call| match call {
            Call::Mark(mark) => Some(Mark::of(mark)),
            _ => None,
        });
        let mut made: Vec<(u64, u64)> = marks
            .filter_map(|mark| match mark {
                Mark::Wrote(number, sequence) => Some((sequence, number)),
                _ => None,
            })
            .collect();
        if plan.threads > 1 {
            // The marks of two threads may be in another order than their writes.
            made.sort_unstable();
        }
        let mut places = BTreeMap::new();
        for (_, number) in made {
            let mut state = self.states.last().unwrap().clone();
            plan.op(number).apply(&mut state);
            self.states.push(state);
            places.insert(number, self.states.len() - 1);
        }
        let mut all = vec![self.now];
        for call in calls {
            if let Call::Mark(mark) = call {
                self.hear(&Mark::of(mark), &places);
                if plan.process_crash {
                    self.now.acked = 0;
                }
            }
            all.push(self.now);
        }
        all
    }

    fn hear(&mut self, mark: &Mark, places: &BTreeMap<u64, usize>) {
        // What was refused has no place.
        let place = |number: &u64| places.get(number).copied().unwrap_or_default();
        let now = &mut self.now;
        match mark {
            Mark::Try(number) => now.begun = now.begun.max(place(number)),
            Mark::Wrote(number, _) => now.visible = now.visible.max(place(number)),
            Mark::Refused => self.refused += 1,
            Mark::Ack(Some(number)) => now.acked = now.acked.max(place(number)),
            Mark::Ack(None) => now.acked = now.visible,
            Mark::Note => {}
        }
    }
}

enum Mark {
    Try(u64),
    Wrote(u64, u64),
    Refused,
    /// Of one write and those before it, or of all.
    Ack(Option<u64>),
    Note,
}

impl Mark {
    fn of(mark: &str) -> Self {
        let words: Vec<&str> = mark.split(' ').collect();
        let number = |at: usize| words[at].parse().unwrap();
        match words[0] {
            "try" => Self::Try(number(1)),
            "wrote" => Self::Wrote(number(1), number(2)),
            "refused" => Self::Refused,
            "ack" if words[1] == "all" => Self::Ack(None),
            "ack" => Self::Ack(Some(number(1))),
            "note" => Self::Note,
            other => panic!("a mark is not known: {other}"),
        }
    }
}
