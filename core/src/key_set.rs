//! The keys of one record under one index.
//!
//! Owns [`KeySet`]. Nearly always there is one, and every save makes several of these, so one key stands
//! in place.

use std::ops::Deref;

use smallvec::SmallVec;

use crate::key::Key;

/// Keys on their way into a [`KeySet`].
pub(crate) type Gathered = SmallVec<[Key; 1]>;

/// The keys of one record under one index: sorted, each once, at least one ([`Key::None`] for nothing).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySet(Gathered);

impl KeySet {
    /// Of these keys, in any order.
    pub(crate) fn of(mut keys: Gathered) -> Self {
        if keys.is_empty() {
            keys.push(Key::None);
        } else if keys.len() > 1 {
            keys.sort_unstable();
            keys.dedup();
        }
        Self(keys)
    }
}

impl Deref for KeySet {
    type Target = [Key];

    fn deref(&self) -> &[Key] {
        &self.0
    }
}

impl IntoIterator for KeySet {
    type Item = Key;
    type IntoIter = smallvec::IntoIter<[Key; 1]>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
