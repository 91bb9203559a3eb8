//! When a record expires, and what is found by that.
//!
//! Owns [`Expiry`]. Reading without what has expired is `live.rs`; removing it is `removal.rs`.

use std::fmt;
use std::time::SystemTime;

use crate::error::{Error, ErrorKind, Result};
use crate::query::Query;
use crate::record::Data;
use crate::time_field::{Millis, TimeField};

/// Gives the time at which a record expires; `None` if it never does.
type ExpiryFn<T> = fn(&T) -> Option<SystemTime>;

enum Source<T> {
    Field(TimeField<T>),
    Function(ExpiryFn<T>),
}

impl<T> Clone for Source<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Field(field) => Self::Field(field.clone()),
            Self::Function(function) => Self::Function(*function),
        }
    }
}

/// How the records of a collection say when they expire.
///
/// A collection has one if its records can expire at all: by
/// [`Record::expiry`](crate::Record::expiry), which the derive writes for `#[record(expires)]`, or
/// by [`Collection::expires_at`](crate::Collection::expires_at).
///
/// A record has expired at a moment if its expiry is not after it: at that very millisecond it has.
/// A record that says nothing never expires; see [`TimeField`] for what says nothing.
///
/// **To expire is not to go.** What has expired is found like anything else until it is removed by
/// [`purge_expired`](crate::RepositoryExt::purge_expired); reads that leave it out go through
/// [`live`](crate::RepositoryExt::live). Larder looks at no clock: *now* is what the caller says.
/// So a clock that jumps backwards purges nothing that has not expired by that clock, and one that
/// jumps forwards purges what it says has expired.
///
/// By hand:
///
/// ```
/// # use larder_core::{Expiry, Index, IndexDef, Record};
/// # use schemars::JsonSchema;
/// # use serde::{Deserialize, Serialize};
/// #[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
/// struct Invitation {
///     id: String,
///     /// Milliseconds since the epoch; none for one that never expires.
///     expires: Option<u64>,
/// }
///
/// impl Invitation {
///     const EXPIRES: Index<Self, u64> =
///         Index::new("expires", "/expires", |i, keys| keys.one(&i.expires));
/// }
///
/// impl Record for Invitation {
///     const COLLECTION: &'static str = "invitations";
///
///     fn id(&self) -> &str {
///         &self.id
///     }
///
///     fn indexes() -> Vec<IndexDef<Self>> {
///         vec![Self::EXPIRES.def()] // so that a purge reads only what it removes
///     }
///
///     fn expiry() -> Option<Expiry<Self>> {
///         Some(Expiry::at(Self::EXPIRES))
///     }
/// }
/// ```
pub struct Expiry<T>(Source<T>);

impl<T> Clone for Expiry<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> fmt::Debug for Expiry<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::Field(field) => f.debug_tuple("Expiry").field(field).finish(),
            Source::Function(_) => f.write_str("Expiry(by a function)"),
        }
    }
}

impl<T> Expiry<T> {
    /// At the time in this field: a typed handle, or a path. If the field has an index, what has
    /// expired is found by it.
    pub fn at(field: impl Into<TimeField<T>>) -> Self {
        Self(Source::Field(field.into()))
    }

    /// At the time that this function gives; `None` if the record never expires. To find what has
    /// expired reads every record.
    ///
    /// The function should depend on nothing but the record.
    pub fn by(function: fn(&T) -> Option<SystemTime>) -> Self {
        Self(Source::Function(function))
    }

    /// The field, if the expiry stands in one.
    #[must_use]
    pub fn field(&self) -> Option<&TimeField<T>> {
        match &self.0 {
            Source::Field(field) => Some(field),
            Source::Function(_) => None,
        }
    }

    /// Whether it can be used at all.
    pub(crate) fn check(&self) -> Result<()> {
        self.field().map_or(Ok(()), TimeField::check)
    }

    /// Why a collection without one is refused what asks for it.
    pub(crate) fn missing(collection: &str) -> Error {
        Error::new(
            ErrorKind::Config,
            "the collection does not say when its records expire",
        )
        .with_collection(collection)
    }
}

impl<T: Data> Expiry<T> {
    /// Whether a record has expired at this moment.
    #[must_use]
    pub fn has_expired(&self, record: &T, now: SystemTime) -> bool {
        match &self.0 {
            Source::Field(field) => field.is_until(record, Millis::of(now)),
            Source::Function(function) => function(record).is_some_and(|at| at <= now),
        }
    }

    /// The records that have expired at this moment, to be asked for like any others: what
    /// [`purge_expired`](crate::RepositoryExt::purge_expired) would remove.
    #[must_use]
    pub fn expired_at(&self, now: SystemTime) -> Query<T> {
        match &self.0 {
            Source::Field(field) => field.until(Millis::of(now)),
            Source::Function(_) => {
                let expiry = self.clone();
                Query::all().filter(move |record| expiry.has_expired(record, now))
            }
        }
    }

    /// The records that have not expired at this moment, to be joined with other conditions by
    /// [`Query::and`]; also in a transaction. It is a filter: of what the other conditions find,
    /// each record is tested.
    #[must_use]
    pub fn live_at(&self, now: SystemTime) -> Query<T> {
        let expiry = self.clone();
        Query::all().filter(move |record| !expiry.has_expired(record, now))
    }
}
