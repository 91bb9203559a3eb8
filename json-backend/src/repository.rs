//! A collection of a JSON store.
//!
//! Owns what a repository asks of this store: whether it is open, how it fares, what its file says.
//! Reads and writes are the table's, in memory.

use std::time::{Duration, SystemTime};

use larder_core::backend::{Host, TableRepository};
use larder_core::{CollectionStats, Error, ErrorKind, Health, HealthState, Result};

use crate::store::{Access, Shared};

/// A collection of a [`JsonStore`](crate::JsonStore). It keeps the store open.
pub type JsonRepository<T> = TableRepository<T>;

impl Host for Shared {
    fn check_open(&self) -> Result<()> {
        let closed = match self.access() {
            Access::Write { committer, .. } => committer.progress().is_closed(),
            Access::Read(access) => access.is_closed(),
        };
        if closed {
            return Err(Error::new(ErrorKind::Closed, "the store was closed"));
        }
        Ok(())
    }

    fn health(&self) -> Health {
        match self.access() {
            Access::Write { committer, .. } => committer.progress().health(),
            Access::Read(access) if access.is_closed() => Health::new(HealthState::Closed, 0, 0),
            Access::Read(_) => Health::new(HealthState::Healthy, 0, 0),
        }
    }

    fn add_file(&self, stats: &mut CollectionStats) -> Result<()> {
        if let Some((bytes, modified)) = self.file_stats(&stats.name)? {
            stats.bytes = Some(bytes);
            stats.written = modified
                .and_then(|ns| u64::try_from(ns).ok())
                .and_then(|ns| SystemTime::UNIX_EPOCH.checked_add(Duration::from_nanos(ns)));
        }
        Ok(())
    }
}
