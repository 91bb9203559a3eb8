//! Histories: what a program does with a store, as a value that both sides of a test work out alike.
//!
//! Owns [`Plan`] and [`Op`]: the process under the recorder does them, the test knows by them what
//! must be there. Which of them were made, and which acknowledged, is `story`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The collections.
pub(crate) const NAMES: [&str; 2] = ["notes", "zebras"];

/// The records of both collections.
pub(crate) type State = [BTreeMap<String, Arc<Value>>; 2];

/// What the process under the recorder does.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// Decides about every write.
    pub(crate) seed: u64,
    /// The first write.
    pub(crate) from: u64,
    /// The last one.
    pub(crate) to: u64,
    /// How many threads write; each a part of them.
    pub(crate) threads: u64,
    /// The size of a page, if it is not SQLite's own choice.
    pub(crate) page: Option<u32>,
    /// After so many writes the store is closed and opened again.
    pub(crate) reopens: Option<u64>,
    /// After so many writes another program moves the log into the database.
    pub(crate) checkpoints: Option<u64>,
    /// From the one of these writes to the other another program reads, and sees what was there before them:
    /// records that no later write touches. Before it ends the log is moved as far as it lets it be.
    pub(crate) reads: Option<(u64, u64)>,
    /// How often a write is awaited, of sixteen.
    pub(crate) awaited: u64,
    /// Whether every write is on its way to the disk at once.
    pub(crate) eager: bool,
    /// Whether the store promises nothing of a loss of power, but that it is whole.
    pub(crate) process_crash: bool,
    /// How it ends.
    pub(crate) end: End,
    /// Whether calls fail, so that the store may refuse to open, to write and to close.
    pub(crate) faulty: bool,
}

/// How a process ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum End {
    /// It closes its store.
    #[default]
    Closed,
    /// It is killed, with its last writes on their way.
    Killed,
}

/// One write.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    /// Into one collection.
    Save(usize, Arc<Value>),
    /// Out of one.
    Delete(usize, String),
    /// Into one collection, all or none.
    Batch(usize, Vec<Arc<Value>>),
    /// Into both collections, in one transaction, and one record out of the second.
    Both(Arc<Value>, String),
}

/// Scatters a number over all words: `SplitMix64`.
pub(crate) fn scatter(number: u64) -> u64 {
    let mut word = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

impl Plan {
    /// Two more writes, by a process that comes after this one and whose calls do not fail.
    pub(crate) fn next(&self) -> Self {
        Self {
            from: self.to + 1,
            to: self.to + 2,
            page: None,
            reads: None,
            faulty: false,
            ..self.clone()
        }
    }

    /// Something about a write, one of so many.
    fn choose(&self, number: u64, what: u64, of: u64) -> u64 {
        scatter(self.seed ^ scatter(number ^ scatter(what))) % of
    }

    /// The write of this number. What it saves is found nowhere else.
    pub(crate) fn op(&self, number: u64) -> Op {
        let collection = usize::try_from(self.choose(number, 1, 2)).unwrap();
        let id = |nth: u64| {
            if self.reads.is_some_and(|(first, _)| number < first) {
                return format!("{number}.{nth}");
            }
            // Threads have records of their own: which of two came later only the store knows.
            let thread = number % self.threads.max(1);
            let letter = self.choose(number, 10 + nth, 7);
            format!(
                "{thread}{}",
                char::from(b'a' + u8::try_from(letter).unwrap())
            )
        };
        let record = |nth: u64| {
            let fill = match self.choose(number, 2, 8) {
                0 => 9_000,
                1 => 900,
                _ => 30,
            };
            Arc::new(json!({
                "id": id(nth),
                "write": number,
                "name": format!("n{number}.{nth}"),
                "tags": ["t", format!("t{}", number % 3)],
                "fill": "x".repeat(fill),
            }))
        };
        match self.choose(number, 3, 16) {
            0 | 1 => Op::Delete(collection, id(0)),
            2 | 3 => Op::Both(record(0), id(1)),
            4 => Op::Batch(collection, (0..3).map(record).collect()),
            _ => Op::Save(collection, record(0)),
        }
    }

    /// Whether a write is awaited.
    pub(crate) fn awaits(&self, number: u64) -> bool {
        self.choose(number, 4, 16) < self.awaited
    }
}

impl Op {
    /// What there is after it.
    pub(crate) fn apply(&self, state: &mut State) {
        let mut save = |collection: usize, record: &Arc<Value>| {
            let id = record["id"].as_str().unwrap().to_owned();
            state[collection].insert(id, Arc::clone(record));
        };
        match self {
            Self::Save(collection, record) => save(*collection, record),
            Self::Batch(collection, records) => {
                for record in records {
                    save(*collection, record);
                }
            }
            Self::Delete(collection, id) => {
                state[*collection].remove(id);
            }
            Self::Both(record, id) => {
                save(0, record);
                save(1, record);
                if record["id"] != id.as_str() {
                    state[1].remove(id);
                }
            }
        }
    }
}
