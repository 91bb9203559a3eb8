//! The records of every contender, and in which order they are looked up and changed.
//!
//! Owns what "the record of this number after its nth change" is, so that everybody saves the same.
//! The record type and its first version are those of the other benches.

#[path = "../../common/mod.rs"]
mod common;

pub(crate) use common::{Session, Status, WorkflowState, session};

/// How many records have the same category.
pub(crate) const PER_CATEGORY: u64 = 20;

/// How many rows a range gives.
pub(crate) const RANGE_LIMIT: usize = 20;

/// How many records a batch has.
pub(crate) const BATCH: u64 = 1_000;

/// Which change is made to a record that is saved again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Something was said in the session: counters, costs and times, and with them the key of one
    /// index of three.
    Activity,
    /// The same, but for the time that is indexed: no key changes.
    NoKey,
}

/// The record of this number after its `version`th change.
pub(crate) fn revised(number: u64, version: u64, change: Change) -> Session {
    let mut session = session(number);
    session.message_count += version;
    session.current_turn += version;
    session.total_cost += 0.25;
    session.workflow_state.updated_at += version * 1_000;
    if change == Change::Activity {
        session.last_activity += version * 1_000;
    }
    session
}

/// The keys of all records, in an order that has nothing to do with that of any index.
#[derive(Debug)]
pub(crate) struct Lookups {
    ids: Vec<String>,
    channels: Vec<String>,
    categories: Vec<String>,
    activities: Vec<u64>,
}

impl Lookups {
    pub(crate) fn new(records: u64) -> Self {
        let mut numbers: Vec<u64> = (0..records).collect();
        fastrand::Rng::with_seed(7).shuffle(&mut numbers);
        let mut lookups = Self {
            ids: Vec::new(),
            channels: Vec::new(),
            categories: Vec::new(),
            activities: Vec::new(),
        };
        for number in numbers {
            let session = session(number);
            lookups.ids.push(session.id);
            lookups.channels.push(session.channel_id);
            lookups.categories.push(session.category_id);
            lookups.activities.push(session.last_activity);
        }
        // A range from the last few would find less than a page.
        let mut sorted = lookups.activities.clone();
        sorted.sort_unstable();
        let last = sorted.len().saturating_sub(RANGE_LIMIT);
        let highest = sorted.get(last).copied().unwrap_or_default();
        for at in &mut lookups.activities {
            *at = (*at).min(highest);
        }
        lookups
    }

    pub(crate) fn id(&self, nth: u64) -> &str {
        cycle(&self.ids, nth).map_or("", String::as_str)
    }

    pub(crate) fn channel(&self, nth: u64) -> &str {
        cycle(&self.channels, nth).map_or("", String::as_str)
    }

    pub(crate) fn category(&self, nth: u64) -> &str {
        cycle(&self.categories, nth).map_or("", String::as_str)
    }

    pub(crate) fn activity(&self, nth: u64) -> u64 {
        cycle(&self.activities, nth).copied().unwrap_or_default()
    }
}

fn cycle<T>(keys: &[T], nth: u64) -> Option<&T> {
    let length = keys.len().max(1) as u64;
    keys.get(usize::try_from(nth % length).ok()?)
}

/// Which record is changed at the nth save of a thread: any of them, the same for every contender.
pub(crate) fn number_of(thread: u64, nth: u64, records: u64) -> u64 {
    let mixed = (thread << 40 | nth)
        .wrapping_add(1)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed ^ mixed >> 27) % records.max(1)
}
