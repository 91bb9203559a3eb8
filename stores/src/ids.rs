//! The part of an id that tells records of one moment apart.
//!
//! Owns [`Ids`]. What an id is made of besides is each store's.

use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};

/// Gives suffixes of ids: lower-case letters and digits.
pub trait Ids: Debug + Send + Sync {
    /// One that was not given before, as far as chance goes.
    fn suffix(&self) -> String;
}

/// Seven random letters and digits.
#[derive(Clone, Copy, Debug, Default)]
pub struct RandomIds;

impl Ids for RandomIds {
    fn suffix(&self) -> String {
        let mut random = fastrand::Rng::new();
        (0..7).map(|_| random.digit(36)).collect()
    }
}

/// `1`, `2`, `3`: for tests.
#[derive(Debug, Default)]
pub struct SerialIds(AtomicU64);

impl Ids for SerialIds {
    fn suffix(&self) -> String {
        (self.0.fetch_add(1, Ordering::SeqCst) + 1).to_string()
    }
}
