//! Why a write is refused because of what is there already: the same words on every backend.
//!
//! Owns the checks of an [`Expect`] and the error of a taken unique key. Where the records are that
//! stand in the way is the backend's.

use std::sync::Arc;

use crate::alike::{same_items, same_members};
use crate::encode::encode;
use crate::error::{Error, ErrorKind, Result};
use crate::issue::{Action, Issue, IssueKind};
use crate::op::Expect;
use crate::record::Data;

/// Checks that what is there is what an operation on the record `id` expects.
///
/// # Errors
///
/// [`ErrorKind::AlreadyExists`] or [`ErrorKind::Conflict`], with what is there.
pub fn check_expectation<T: Data>(
    expect: &Expect<T>,
    id: &str,
    present: Option<&Arc<T>>,
) -> Result<()> {
    let refuse = |kind, message: &'static str| Error::new(kind, message).with_id(id);
    match (expect, present) {
        (Expect::Any, _) | (Expect::Absent, None) => Ok(()),
        (Expect::Absent, Some(present)) => Err(refuse(
            ErrorKind::AlreadyExists,
            "a record with this id is there already",
        )
        .with_current(Arc::clone(present))),
        (Expect::Equal(_), None) => Err(refuse(
            ErrorKind::Conflict,
            "the record is not there any more",
        )),
        (Expect::Equal(read), Some(present)) => {
            if Arc::ptr_eq(read, present) || same_json(&**read, &**present)? {
                return Ok(());
            }
            Err(refuse(
                ErrorKind::Conflict,
                "the record was changed since it was read",
            )
            .with_current(Arc::clone(present)))
        }
    }
}

/// Checks that a compare-and-swap is about one record: `read` is the id of what was read.
///
/// # Errors
///
/// [`ErrorKind::InvalidId`].
pub fn check_same_id(read: &str, id: &str) -> Result<()> {
    if read == id {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::InvalidId,
        "a record cannot change its id: insert the new one and delete the old",
    )
    .with_id(id))
}

/// A write to a collection whose data is of version `found`, by a program that knows `known`.
#[must_use]
pub fn newer_version(found: u32, known: u32) -> Error {
    Error::new(
        ErrorKind::NewerVersion,
        format!(
            "the records are of version {found}, this program knows version {known}: the collection \
             was opened for reading only"
        ),
    )
}

/// The issue of a collection that was opened nevertheless.
#[must_use]
pub fn newer_version_issue(collection: &str, found: u32, known: u32) -> Issue {
    let message = format!(
        "the records are of version {found}, this program knows version {known}: opened for reading \
         only"
    );
    Issue::new(collection, IssueKind::NewerVersion, Action::Kept, message)
}

/// The record `holder` has a key of the unique index `index` that the record `id` would take.
#[must_use]
pub fn unique_violation<T: Data>(id: &str, index: &str, holder: &str, record: Arc<T>) -> Error {
    Error::new(
        ErrorKind::UniqueViolation,
        format!("the record {holder:?} has this key already"),
    )
    .with_id(id)
    .with_index(index)
    .with_current(record)
}

/// How often a record is read again to find out whether its lists have an order. Two items of a set
/// come in the same one every other time.
const READINGS: usize = 16;

/// Whether both are the same JSON: a map or a set that was read anew may have another order.
fn same_json<T: Data>(a: &T, b: &T) -> Result<bool> {
    let (a, b) = (encode(a)?, encode(b)?);
    Ok(a == b || same_members(&a, &b) || (same_items(&a, &b) && has_sets::<T>(&b)))
}

/// Whether there are lists in this record that its type gives in another order each time: such an
/// order says nothing, and whoever waits for the same one waits for ever.
fn has_sets<T: Data>(text: &str) -> bool {
    (0..READINGS).any(|_| {
        let again = serde_json::from_str::<T>(text).ok();
        let again = again.and_then(|record| encode(&record).ok());
        again.is_some_and(|again| !same_members(&again, text) && same_items(&again, text))
    })
}
