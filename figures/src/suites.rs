//! Which suites leave figures, of which backend, and how many parts each has.
//!
//! Owns [`SUITES`]. A suite that is not in it cannot begin, and one in it that did not run is told as such; so
//! is one with another number of parts than stands here.

/// Whose figures they are: a line of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Row {
    /// The store in memory.
    Memory,
    /// JSON files on a real disk.
    Json,
    /// JSON files on a disk that forgets what was not synced.
    Simulated,
    /// A database.
    Sqlite,
    /// What all of them stand on: the committer, and configuration.
    Core,
}

impl Row {
    /// In the order of the table.
    pub const ALL: [Self; 5] = [
        Self::Memory,
        Self::Json,
        Self::Simulated,
        Self::Sqlite,
        Self::Core,
    ];

    /// As it stands in the table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Json => "JSON",
            Self::Simulated => "JSON, simulated disk",
            Self::Sqlite => "SQLite",
            Self::Core => "beneath all",
        }
    }
}

/// What is counted: a column of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Cases of the conformance kit that hold.
    Cases,
    /// Those that do not apply.
    NotApplicable,
    /// Random histories against a model.
    Histories,
    /// States that a crash may leave, opened.
    CrashStates,
    /// Those among them that are of a crash while a crash was recovered from.
    SecondCuts,
    /// Failures that were made: of a call of the disk, or of flushes.
    Faults,
    /// Runs on arbitrary bytes.
    Executions,
    /// Orders of threads.
    Orders,
}

impl Kind {
    /// In the order of the table.
    pub const ALL: [Self; 8] = [
        Self::Cases,
        Self::NotApplicable,
        Self::Histories,
        Self::CrashStates,
        Self::SecondCuts,
        Self::Faults,
        Self::Executions,
        Self::Orders,
    ];

    /// As it stands in the table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cases => "cases",
            Self::NotApplicable => "not applicable",
            Self::Histories => "histories",
            Self::CrashStates => "crash states",
            Self::SecondCuts => "second cuts",
            Self::Faults => "faults",
            Self::Executions => "fuzz executions",
            Self::Orders => "orders of threads",
        }
    }
}

/// How many parts a suite has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parts {
    /// So many.
    Of(usize),
    /// A part for each case of the kit that applies, and the one that says how many do.
    Cases,
}

/// The part of a suite of [`Parts::Cases`] that says which do not apply: its name.
pub const LISTED: &str = "the list";

/// Tests that leave figures together.
#[derive(Clone, Copy, Debug)]
pub struct Suite {
    /// What it is called.
    pub name: &'static str,
    /// Whose figures they are. If several, each has all of them.
    pub rows: &'static [Row],
    /// What is counted.
    pub kinds: &'static [Kind],
    /// How many parts it has.
    pub parts: Parts,
}

const fn suite(
    name: &'static str,
    rows: &'static [Row],
    kinds: &'static [Kind],
    parts: usize,
) -> Suite {
    Suite {
        name,
        rows,
        kinds,
        parts: Parts::Of(parts),
    }
}

const fn conformance(name: &'static str, rows: &'static [Row]) -> Suite {
    Suite {
        name,
        rows,
        kinds: &[Kind::Cases, Kind::NotApplicable],
        parts: Parts::Cases,
    }
}

use Kind::{CrashStates, Executions, Faults, Histories, Orders, SecondCuts};
use Row::{Core, Json, Memory, Simulated, Sqlite};

const ALL_BACKENDS: &[Row] = &[Memory, Json, Sqlite];

/// All suites that leave figures.
pub const SUITES: &[Suite] = &[
    conformance("conformance of memory", &[Memory]),
    conformance("conformance of JSON", &[Json]),
    conformance("conformance of JSON, losing power", &[Simulated]),
    conformance("conformance of SQLite", &[Sqlite]),
    suite("model of memory", &[Memory], &[Histories], 1),
    suite(
        "model of JSON",
        &[Json],
        &[Histories, CrashStates, Faults],
        1,
    ),
    suite(
        "model of JSON, losing power",
        &[Simulated],
        &[Histories, CrashStates, Faults],
        1,
    ),
    suite("model of SQLite", &[Sqlite], &[Histories, CrashStates], 1),
    // tests/model.rs
    suite("model of one collection", ALL_BACKENDS, &[Histories], 3),
    // tests/transaction_model.rs
    suite("model of transactions", ALL_BACKENDS, &[Histories], 1),
    // stores/tests/
    suite(
        "model of sessions",
        &[Simulated],
        &[Histories, CrashStates],
        1,
    ),
    suite(
        "acts over several stores",
        &[Simulated],
        &[CrashStates, SecondCuts],
        5,
    ),
    // json-backend/src/tests/crash/
    suite(
        "JSON under a loss of power",
        &[Simulated],
        &[CrashStates, SecondCuts, Faults],
        27,
    ),
    // sqlite-backend/tests/crash/
    suite(
        "SQLite under a loss of power",
        &[Sqlite],
        &[CrashStates, SecondCuts, Faults],
        9,
    ),
    // fuzz/tests/
    suite("arbitrary bytes as files", &[Simulated], &[Executions], 1),
    suite("arbitrary histories", &[Simulated], &[Executions], 1),
    suite("arbitrary configurations", &[Core], &[Executions], 1),
    // core/orders/
    suite("orders of threads", &[Core], &[Orders], 28),
];
