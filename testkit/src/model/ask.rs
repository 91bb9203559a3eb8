//! Doing one verb on what is tested, outside of a transaction and inside of one.
//!
//! Owns the way from an [`Act`] to an [`Answer`]; what the answer has to be is `reference.rs`.

use std::sync::Arc;

use larder_core::{Error, Repository, RepositoryExt, Result, Scope, Write};

use super::reference::{Answer, Kept, REFUSED, Shelf};
use super::steps::Act;

fn as_it_is<R>(write: Write<R>) -> Write<R> {
    write
}

fn one<T: Clone>(record: Arc<T>) -> Answer<T> {
    Answer::Record(Some(Arc::unwrap_or_clone(record)))
}

fn maybe<T: Clone>(record: Option<Arc<T>>) -> Answer<T> {
    Answer::Record(record.map(Arc::unwrap_or_clone))
}

fn several<T: Clone>(records: Vec<Arc<T>>) -> Answer<T> {
    Answer::Records(records.into_iter().map(Arc::unwrap_or_clone).collect())
}

/// The verbs have the same names in both places; one gives a [`Write`], the other its result.
macro_rules! ask {
    ($on:expr, $act:expr, $shelf:expr, $write:path) => {
        match $act {
            Act::Save(record) => $write($on.save(record.clone())?).map(one),
            Act::SaveAll(records) => $write($on.save_all(records.clone())?).map(several),
            Act::Insert(record) => $write($on.insert(record.clone())?).map(one),
            Act::Replace { new, is_stale } => {
                let id = new.id();
                let read = if *is_stale { None } else { $on.get(id)? };
                let read = read.unwrap_or_else(|| {
                    Arc::new(if *is_stale {
                        $shelf.stale(id)
                    } else {
                        T::never(id)
                    })
                });
                $write($on.replace(&read, new.clone())?).map(one)
            }
            Act::Update(id, change) => $write($on.try_update(id, |record| {
                if record.change(change) {
                    return Ok(());
                }
                Err(Error::new(REFUSED, "the closure refuses"))
            })?)
            .map(maybe),
            Act::Delete(id) => $write($on.delete(id)?).map(maybe),
            Act::Clear => $write($on.clear()?).map(Answer::Number),
        }
    };
}

/// On a repository.
pub(super) fn ask<T: Kept>(
    on: &dyn Repository<T>,
    act: &Act<T>,
    shelf: &Shelf<T>,
) -> Result<Write<Answer<T>>> {
    Ok(ask!(on, act, shelf, as_it_is))
}

/// In a transaction.
pub(super) fn ask_in<T: Kept>(
    on: &Scope<'_, T>,
    act: &Act<T>,
    shelf: &Shelf<T>,
) -> Result<Answer<T>> {
    let done = ask!(on, act, shelf, Write::done);
    done.into_visible()
}

/// Why it was refused, as far as the model knows.
pub(super) fn refusal<T: Kept>(error: &Error) -> Answer<T> {
    let current = error.current::<T>();
    Answer::Refused(error.kind(), current.map(|record| T::clone(&record)))
}
