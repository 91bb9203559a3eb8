//! What every store can do that does not depend on a record type.
//!
//! Owns [`Backend`]: the facade holds one. Opening a repository is generic, so it is a method of
//! each store and not of this trait.

use std::fmt::Debug;
use std::path::Path;

use crate::committer::HealthWatch;
use crate::definition::Definition;
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

    /// The names of the collections that are there, sorted, whether opened or not.
    ///
    /// # Errors
    ///
    /// [`Io`](crate::ErrorKind::Io).
    fn collections(&self) -> Result<Vec<String>>;

    /// The definition that is kept beside a collection's data. A collection without one, which
    /// another program wrote, is any objects with an `id`.
    ///
    /// # Errors
    ///
    /// [`Io`](crate::ErrorKind::Io), or [`Config`](crate::ErrorKind::Config) if it cannot be read
    /// or the name cannot be a collection's.
    fn definition(&self, collection: &str) -> Result<Definition>;

    /// The rejected records of all collections, oldest first.
    ///
    /// # Errors
    ///
    /// [`Io`](crate::ErrorKind::Io).
    fn quarantine(&self) -> Result<Vec<Quarantined>>;

    /// Puts rejected bytes in quarantine: of records that were offered and refused, such as by an
    /// import. Durable when awaited. An entry that is there already is not added again.
    ///
    /// # Errors
    ///
    /// [`Config`](crate::ErrorKind::Config) if a collection is not open,
    /// [`ReadOnly`](crate::ErrorKind::ReadOnly), [`Closed`](crate::ErrorKind::Closed).
    fn reject(&self, entries: Vec<Quarantined>) -> Result<Write<()>>;

    /// Forgets these entries for good, durably, and gives their number.
    ///
    /// # Errors
    ///
    /// [`Io`](crate::ErrorKind::Io), [`ReadOnly`](crate::ErrorKind::ReadOnly).
    fn purge_quarantine(&self, keys: &[String]) -> Result<u64>;

    /// Reads an open collection again, all of it and whatever is known to be good, and gives what a
    /// load finds. Nothing is changed.
    ///
    /// # Errors
    ///
    /// [`Config`](crate::ErrorKind::Config) if the collection is not open,
    /// [`Io`](crate::ErrorKind::Io).
    fn verify(&self, collection: &str) -> Result<LoadReport>;

    /// Copies the store as it is at this moment, with all its collections, into a new file, if others
    /// may change it while it is read; `false` if nobody can, and nothing was copied. The copy is
    /// not synced.
    ///
    /// # Errors
    ///
    /// [`Io`](crate::ErrorKind::Io), and if the file is there already.
    fn snapshot(&self, file: &Path) -> Result<bool>;

    /// Counts and sizes.
    ///
    /// # Errors
    ///
    /// [`Io`](crate::ErrorKind::Io).
    fn stats(&self) -> Result<StoreStats>;
}
