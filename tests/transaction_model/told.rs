//! What those who listen are told.
//!
//! Owns [`Ears`]: one who listens to the store, and one to each collection.

use std::fmt::Debug;

use larder::{ChangeEvent, ChangeKind, Changes, RepositoryExt as _, StoreChange, StoreChanges};
use serde_json::Value;

use crate::acts::same_one;
use crate::books::Told;
use crate::forms::{Account, Form, Post, Which};
use crate::run::Open;

/// More than a history makes between two looks.
const ROOM: usize = 4096;

pub struct Ears {
    store: StoreChanges,
    accounts: Changes<Account>,
    posts: Changes<Post>,
    notes: Changes<Value>,
}

fn kind(told: &Told) -> ChangeKind {
    match (&told.before, &told.after) {
        (_, None) => ChangeKind::Deleted,
        (None, Some(_)) => ChangeKind::Inserted,
        (Some(_), Some(_)) => ChangeKind::Updated,
    }
}

/// The changes of the one event that there should be, or none.
fn one<C: Debug>(mut next: impl FnMut() -> Option<ChangeEvent<C>>, wanted: usize) -> Vec<C> {
    let batch = match next() {
        Some(ChangeEvent::Changed(batch)) => batch,
        None if wanted == 0 => return Vec::new(),
        other => panic!("{other:?}, not {wanted} changes"),
    };
    assert_eq!(batch.len(), wanted, "{batch:?}");
    let more = next();
    assert!(more.is_none(), "{more:?} after {batch:?}");
    batch
}

fn is_told<T: Form>(change: &StoreChange, told: &Told) {
    same_one(change.before::<T>().as_ref(), told.before.as_ref(), change);
    same_one(change.after::<T>().as_ref(), told.after.as_ref(), change);
}

fn of_one<T: Form>(changes: &mut Changes<T>, sequence: u64, told: &[Told]) {
    let told: Vec<&Told> = told.iter().filter(|told| told.which == T::WHICH).collect();
    let batch = one(|| changes.try_next(), told.len());
    for (change, told) in batch.iter().zip(told) {
        assert_eq!(change.sequence, sequence);
        assert_eq!((&*change.id, change.kind), (&*told.id, kind(told)));
        same_one(change.before.as_ref(), told.before.as_ref(), change);
        same_one(change.after.as_ref(), told.after.as_ref(), change);
    }
}

impl Ears {
    pub fn listen(open: &Open) -> Self {
        Self {
            store: open.store.listen(ROOM).unwrap(),
            accounts: open.accounts.changes().unwrap(),
            posts: open.posts.changes().unwrap(),
            notes: open.notes.changes().unwrap(),
        }
    }

    /// Everybody was told this since the last look, in one event of this place in the order.
    pub fn were_told(&mut self, sequence: u64, told: &[Told]) {
        let batch = one(|| self.store.try_next(), told.len());
        for (change, told) in batch.iter().zip(told) {
            assert_eq!(change.sequence(), sequence);
            assert_eq!(
                (change.collection(), change.id(), change.kind()),
                (told.which.name(), &*told.id, kind(told))
            );
            match told.which {
                Which::Accounts => is_told::<Account>(change, told),
                Which::Posts => is_told::<Post>(change, told),
                Which::Notes => is_told::<Value>(change, told),
            }
        }
        of_one(&mut self.accounts, sequence, told);
        of_one(&mut self.posts, sequence, told);
        of_one(&mut self.notes, sequence, told);
    }

    /// The store was closed, and nothing was left to tell.
    pub fn hear_the_end(mut self) {
        assert!(self.store.wait().is_none());
        assert!(self.accounts.wait().is_none());
        assert!(self.posts.wait().is_none());
        assert!(self.notes.wait().is_none());
    }
}
