//! What every store can do that does not depend on a record type.
//!
//! Owns [`Backend`]: the facade holds one. Opening a repository is generic, so it is a method of
//! each store and not of this trait.

use std::fmt::Debug;

use crate::collection::Definition;
use crate::committer::HealthWatch;
use crate::error::Result;
use crate::health::Health;
use crate::quarantine::Quarantined;
use crate::report::LoadReport;
use crate::stats::StoreStats;
use crate::write::Write;

/// The part of a store that does not depend on a record type.
pub trait Backend: Debug + Send + Sync {
    /// A wait for everything that is visible now, in all collections.
    fn flush(&self) -> Write<()>;

    /// Closes the store: writes are refused from now on, everything visible is flushed, the lock
    /// is let go. When it resolves `Ok`, all of that is done; after that reads are refused too.
    ///
    /// # Errors
    ///
    /// [`NotDurable`](crate::ErrorKind::NotDurable) if the flush cannot be made: nothing was
    /// forgotten, the store is open again, and it may be closed again.
    fn close(&self) -> Write<()>;

    /// How the store fares with its disk.
    fn health(&self) -> Health;

    /// Tells when that changes; `None` for a store without a disk.
    fn watch_health(&self) -> Option<HealthWatch>;

    /// What opening the collections found, so far.
    fn load_report(&self) -> LoadReport;

    /// Definitions of the collections that are there, by name, whether opened or not.
    ///
    /// # Errors
    ///
    /// [`Io`](crate::ErrorKind::Io), or [`Config`](crate::ErrorKind::Config) for one that cannot
    /// be read.
    fn definitions(&self) -> Result<Vec<Definition>>;

    /// The rejected records of all collections, oldest first.
    ///
    /// # Errors
    ///
    /// [`Io`](crate::ErrorKind::Io).
    fn quarantine(&self) -> Result<Vec<Quarantined>>;

    /// Forgets these entries for good, durably, and gives their number.
    ///
    /// # Errors
    ///
    /// [`Io`](crate::ErrorKind::Io), [`ReadOnly`](crate::ErrorKind::ReadOnly).
    fn purge_quarantine(&self, keys: &[String]) -> Result<u64>;

    /// Counts and sizes.
    ///
    /// # Errors
    ///
    /// [`Io`](crate::ErrorKind::Io).
    fn stats(&self) -> Result<StoreStats>;
}
