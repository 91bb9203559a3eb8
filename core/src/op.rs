//! The one write primitive: a list of operations that happen together or not at all.
//!
//! Owns [`Op`], [`Expect`] and [`Outcome`]. Every verb of a repository is one of these lists.

use std::sync::Arc;

/// What must be there for an operation to happen.
#[derive(Debug)]
#[non_exhaustive]
pub enum Expect<T> {
    /// Anything or nothing.
    Any,
    /// Nothing; else [`AlreadyExists`](crate::ErrorKind::AlreadyExists).
    Absent,
    /// A record equal to this one, as JSON; else [`Conflict`](crate::ErrorKind::Conflict).
    Equal(Arc<T>),
}

impl<T> Clone for Expect<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Any => Self::Any,
            Self::Absent => Self::Absent,
            Self::Equal(record) => Self::Equal(Arc::clone(record)),
        }
    }
}

/// One operation on a collection.
#[derive(Debug)]
#[non_exhaustive]
pub enum Op<T> {
    /// Puts a record in the place of whatever has its id.
    Put {
        /// The record.
        record: T,
        /// What must be there before.
        expect: Expect<T>,
    },
    /// Removes the record with this id; removing nothing is no error.
    Delete {
        /// The id.
        id: String,
        /// What must be there before.
        expect: Expect<T>,
    },
    /// Removes every record.
    Clear,
}

impl<T> Op<T> {
    /// Puts, whatever is there.
    pub fn save(record: T) -> Self {
        Self::Put {
            record,
            expect: Expect::Any,
        }
    }

    /// Puts, where nothing may be.
    pub fn insert(record: T) -> Self {
        Self::Put {
            record,
            expect: Expect::Absent,
        }
    }

    /// Puts, where this must be: compare-and-swap.
    pub fn replace(read: Arc<T>, record: T) -> Self {
        Self::Put {
            record,
            expect: Expect::Equal(read),
        }
    }

    /// Removes, whatever is there.
    pub fn delete(id: impl Into<String>) -> Self {
        Self::Delete {
            id: id.into(),
            expect: Expect::Any,
        }
    }
}

/// What one operation did to one record. `Op::Clear` has one for each record that was there.
#[derive(Debug)]
pub struct Outcome<T> {
    /// The id.
    pub id: Arc<str>,
    /// What was there before.
    pub before: Option<Arc<T>>,
    /// What is there now.
    pub after: Option<Arc<T>>,
}

impl<T> Clone for Outcome<T> {
    fn clone(&self) -> Self {
        Self {
            id: Arc::clone(&self.id),
            before: self.before.clone(),
            after: self.after.clone(),
        }
    }
}
