//! What was said to be durable.
//!
//! Owns [`Fact`], one line of the example's ledger, and [`Known`], all that was ever said.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::disk::Disk;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fact {
    /// Id, status, version.
    Gate(String, String, u64),
    /// Id, status, iteration.
    Run(String, String, u64),
    /// Id, and whether it is in the archive.
    Session(String, bool),
    Note(String),
}

impl Fact {
    pub(crate) fn parse(line: &str) -> Self {
        let words: Vec<&str> = line.split(' ').collect();
        match *words.as_slice() {
            ["gate", id, status, version] => {
                Self::Gate(id.into(), status.into(), version.parse().unwrap())
            }
            ["run", id, status, iteration] => {
                Self::Run(id.into(), status.into(), iteration.parse().unwrap())
            }
            ["session", id, "live"] => Self::Session(id.into(), false),
            ["session", id, "archived"] => Self::Session(id.into(), true),
            ["note", words] => Self::Note(words.into()),
            _ => panic!("what is {line:?}?"),
        }
    }

    pub(crate) fn is_recovered(&self) -> bool {
        *self == Self::Note("recovered".to_owned())
    }
}

pub(crate) fn gates(facts: &[Fact]) -> BTreeSet<String> {
    ids(facts, |fact| match fact {
        Fact::Gate(id, ..) => Some(id),
        _ => None,
    })
}

pub(crate) fn runs(facts: &[Fact]) -> BTreeSet<String> {
    ids(facts, |fact| match fact {
        Fact::Run(id, ..) => Some(id),
        _ => None,
    })
}

pub(crate) fn sessions(facts: &[Fact]) -> BTreeSet<String> {
    ids(facts, |fact| match fact {
        Fact::Session(id, _) => Some(id),
        _ => None,
    })
}

fn ids<'a>(facts: &'a [Fact], of: impl Fn(&'a Fact) -> Option<&'a String>) -> BTreeSet<String> {
    facts.iter().filter_map(of).cloned().collect()
}

/// The most that was said of each record: facts come from several threads, and so in any order.
#[derive(Debug, Default)]
pub(crate) struct Known {
    gates: BTreeMap<String, (u64, String)>,
    /// What is over is more than what is running, then the iteration counts.
    runs: BTreeMap<String, (bool, u64, String)>,
    archived: BTreeMap<String, bool>,
}

impl Known {
    pub(crate) fn learn(&mut self, facts: &[Fact]) {
        for fact in facts {
            match fact {
                Fact::Gate(id, status, version) => {
                    let said = (*version, status.clone());
                    let known = self.gates.entry(id.clone()).or_insert_with(|| said.clone());
                    let is_so = known.0 != said.0 || known.1 == said.1;
                    assert!(is_so, "the gate {id} was {known:?}, and then {said:?}");
                    *known = said.max(known.clone());
                }
                Fact::Run(id, status, iteration) => {
                    let said = (status != "running", *iteration, status.clone());
                    let known = self.runs.entry(id.clone()).or_insert_with(|| said.clone());
                    let is_so = !known.0 || !said.0 || *known == said;
                    assert!(is_so, "the run {id} was {known:?}, and then {said:?}");
                    *known = said.max(known.clone());
                }
                Fact::Session(id, archived) => {
                    *self.archived.entry(id.clone()).or_default() |= archived;
                }
                Fact::Note(_) => {}
            }
        }
    }

    /// All of it is there. What is more than was said was done and not said before the kill.
    pub(crate) fn agrees_with(&self, disk: &Disk) {
        for (id, known) in &self.gates {
            let gate = disk.gates.get(id).unwrap_or_else(|| panic!("{id} is lost"));
            let found = (gate.version, gate.status.to_string());
            if known.1 == "pending" {
                assert!(found >= *known, "{id} was {known:?}, and is {found:?}");
            } else {
                assert_eq!(found, *known, "{id}");
            }
        }
        for (id, known) in &self.runs {
            let run = disk.runs.get(id).unwrap_or_else(|| panic!("{id} is lost"));
            let found = (
                run.status.is_terminal(),
                run.iteration,
                run.status.to_string(),
            );
            if known.0 {
                assert_eq!(found, *known, "{id}");
            } else {
                assert!(found.1 >= known.1, "{id} was {known:?}, and is {found:?}");
            }
        }
        for (id, archived) in &self.archived {
            let is_there = disk.archive.contains_key(id);
            assert!(is_there || disk.sessions.contains_key(id), "{id} is lost");
            assert!(is_there || !archived, "{id} is back from the archive");
        }
    }

    /// Else less was proved than it seems.
    pub(crate) fn is_of_all_kinds(&self) {
        for status in ["approved", "rejected", "expired"] {
            assert!(
                self.gates.values().any(|it| it.1 == status),
                "no {status} gate"
            );
        }
        for status in ["completed", "blocked"] {
            assert!(
                self.runs.values().any(|it| it.2 == status),
                "no {status} run"
            );
        }
    }
}

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (gates, runs) = (self.gates.len(), self.runs.len());
        write!(
            f,
            "{gates} gates, {runs} runs and {} sessions are known",
            self.archived.len()
        )
    }
}
