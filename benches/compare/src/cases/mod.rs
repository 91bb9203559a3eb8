//! What is compared: the cases, and what is asked of ours in each.
//!
//! Owns [`Case`] and the list of all. The cases are in a file per group, each with its targets; how a
//! target is judged is in `target`. `growth` is the other question: what becomes of a case with more
//! records.

mod flush;
pub(crate) mod growth;
mod open;
mod reads;
mod saves;
pub(crate) mod target;
mod threads;

use crate::contenders::Kind;
use crate::measure::Act;
use crate::measure::clock::Clock;
use target::Target;

/// How many records there are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    /// In most cases.
    pub(crate) records: u64,
    /// Where each save writes them all.
    pub(crate) small: u64,
    /// A database that is small.
    pub(crate) first: u64,
    /// The one that is to open as fast.
    pub(crate) large: u64,
}

/// One that takes part in a case.
#[derive(Clone, Debug)]
pub(crate) struct Entrant {
    /// Unique in its case.
    pub(crate) label: String,
    pub(crate) kind: Kind,
    pub(crate) act: Act,
    pub(crate) threads: u64,
    pub(crate) records: u64,
    pub(crate) clock: Clock,
}

impl Entrant {
    fn new(kind: Kind, act: Act, records: u64) -> Self {
        Self {
            label: kind.label().to_owned(),
            kind,
            act,
            threads: 1,
            records,
            clock: match act {
                Act::Get | Act::Unique | Act::Index | Act::Range => Clock::Thread,
                _ => Clock::Wall,
            },
        }
    }

    /// It waits for nobody.
    fn on_its_own(mut self) -> Self {
        self.clock = Clock::Thread;
        self
    }

    fn threads(mut self, threads: u64) -> Self {
        self.threads = threads;
        self
    }

    fn called(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }
}

/// Something that several can do, and who does it. The first entrant is ours.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// As `--only` takes it.
    pub(crate) name: &'static str,
    pub(crate) title: String,
    /// What is in the time and what is not.
    pub(crate) about: &'static str,
    pub(crate) entrants: Vec<Entrant>,
    /// How long a turn is.
    pub(crate) millis: u64,
}

/// Every case, and what is asked of ours in it.
pub(crate) fn all(sizes: Sizes) -> Vec<(Case, Vec<Target>)> {
    let mut all = open::cases(sizes);
    all.extend(flush::cases(sizes));
    all.extend(saves::cases(sizes));
    all.extend(threads::cases(sizes));
    all.extend(reads::cases(sizes));
    all
}

/// `100000` as `100,000`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_target_is_about_entrants_of_its_case() {
        let sizes = Sizes {
            records: 100_000,
            small: 10_000,
            first: 10_000,
            large: 1_000_000,
        };
        let mut names = HashSet::new();
        for (case, targets) in all(sizes) {
            assert!(names.insert(case.name), "{} is there twice", case.name);
            let labels: HashSet<&str> = case.entrants.iter().map(|e| e.label.as_str()).collect();
            assert_eq!(labels.len(), case.entrants.len(), "{}", case.name);
            assert!(case.entrants[0].kind.is_ours(), "{}", case.name);
            for target in targets {
                for label in target.labels() {
                    assert!(labels.contains(label), "{}: {label}", case.name);
                }
            }
        }
    }

    #[test]
    fn counts_are_grouped() {
        assert_eq!(
            [count(7), count(1_000), count(1_234_567)],
            ["7", "1,000", "1,234,567"]
        );
    }
}
