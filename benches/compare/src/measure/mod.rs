//! How things are measured.
//!
//! Owns [`Act`], what is measured, and [`Ask`] and [`Turn`], one turn of it. The parts: `turn` runs one
//! in the process of its contender, `serve` is that process, `worker` is its other end, `rounds` lets
//! everybody take turns, `clock` says what time is, `memory` how much is used, `stats` makes one figure
//! of many.

pub(crate) mod clock;
pub(crate) mod memory;
pub(crate) mod rounds;
pub(crate) mod serve;
pub(crate) mod stats;
pub(crate) mod turn;
pub(crate) mod worker;

use clock::Clock;
use serde::{Deserialize, Serialize};

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum Act {
    /// Until the first record was read, in a process that has done nothing before.
    Open,
    Get,
    Unique,
    Index,
    Range,
    /// Visible, not awaited; the key of one index changes.
    Save,
    /// The same, and no key changes.
    SaveNoKey,
    /// Not awaited, twenty thousand a second, while another thread flushes again and again.
    SaveWhileFlushing,
    Awaited,
    Batch,
    Pair,
    /// What is durable after one change, without the change.
    Flush,
}

impl Act {
    /// In words.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Open => "open, first record read",
            Self::Get => "get",
            Self::Unique => "look-up by a unique key",
            Self::Index => "index of 20",
            Self::Range => "range, ordered, limit 20",
            Self::Save => "save, not awaited",
            Self::SaveNoKey => "save, not awaited, same keys",
            Self::SaveWhileFlushing => "save while flushes run",
            Self::Awaited => "save, awaited",
            Self::Batch => "batch of 1,000, awaited",
            Self::Pair => "transaction of two, awaited",
            Self::Flush => "flush after one change",
        }
    }
}

/// One turn of a contender.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Ask {
    pub(crate) act: Act,
    pub(crate) threads: u64,
    pub(crate) clock: Clock,
    /// As often as fits in so much time, and at least once.
    pub(crate) millis: u64,
}

/// What a turn gave.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Turn {
    /// Nanoseconds for each; of several threads, the time in which they together did one.
    pub(crate) nanos: f64,
    pub(crate) ops: u64,
    /// Nanoseconds of processors for each, of all threads of the process, and with what is outside of
    /// the time: making the records and keys.
    pub(crate) processor: Option<f64>,
    /// What all but one in a thousand took at most, where each was timed.
    pub(crate) tail: Option<f64>,
}
