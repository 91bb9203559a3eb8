//! The facade of Larder: records, stores and the choice of a backend. It owns the re-exports; what
//! is behind them is in `larder-core`, `larder-json` and `larder-sqlite`.
//!
#![doc = include_str!("../README.md")]

mod collection_config;
mod config;
mod config_file;
mod duration;
mod inner;
mod location;
mod store;
mod url;

pub use collection_config::{CollectionConfig, IndexConfig};
pub use config::StoreConfig;
pub use location::BackendKind;
pub use store::{AnyRepository, Store};

pub use larder_core::{
    Access, Action, CHANGES_KEPT, Change, ChangeEvent, ChangeKind, Changes, Collection,
    CollectionStats, Compound, Condition, Cursor, Data, Definition, Document, Durability, Error,
    ErrorKind, Expect, Expiry, Extract, Field, Filter, Health, HealthState, HealthWatch, Index,
    IndexDef, IndexDefinition, Issue, IssueKind, Key, KeyArg, KeyError, Keys, LeadingKeyArg, Live,
    LoadReport, Lookup, MAX_ID_BYTES, MemoryRepository, MemoryStore, Migrated, MigrationError,
    Migrations, OnExternalChange, OnInvalid, OnNewer, Op, Options, Order, Outcome, Page, Plan,
    Pointer, Position, Quarantined, Query, Record, Repair, RepairKind, Repository, RepositoryExt,
    Result, Retention, Scope, StoreChange, StoreChanges, StoreStats, Target, Test, TimeField,
    Transaction, UniqueIndex, UnixMillis, Violation, Whole, Write,
};
pub use larder_derive::Record;
pub use larder_json::{Damaged, FileRecord, JsonRepository, JsonStore, RecordFile};
pub use larder_sqlite::{SqliteRepository, SqliteStore};

#[cfg(feature = "sim")]
pub use larder_json::sim;

/// What most programs need: the traits, the derive, the store.
pub mod prelude {
    pub use crate::{Record, Repository, RepositoryExt, Store};
}
