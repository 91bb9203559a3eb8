//! The core of Larder: records, collections, repositories, queries, durable awaits.
//!
//! Applications use the `larder` crate, which puts a backend behind these types. This crate is for
//! those who write a backend, or who want the memory store alone.
//!
//! | to know | read |
//! |---|---|
//! | what a type must say to be kept | [`Record`], [`Collection`] |
//! | what a repository promises | [`Repository`], and its verbs [`RepositoryExt`] |
//! | how to find records | [`Query`], [`Index`], [`UniqueIndex`], [`Field`] |
//! | what "saved" means | [`Write`] |
//! | how several operations are one | [`Transaction`], [`BackendExt::transaction`] |
//! | how records expire, and how much is kept | [`Expiry`], [`RepositoryExt::purge_expired`], [`Retention`] |
//! | how to listen to changes | [`Changes`], [`RepositoryExt::changes`] |
//! | what can go wrong | [`Error`], [`ErrorKind`], [`Issue`], [`LoadReport`], [`Health`] |
//! | how a backend is made | [`backend`] |
//!
//! No type of a database, of a JSON parser or of a validator stands in these signatures, but for
//! [`serde_json::Value`] and the bound on [`schemars::JsonSchema`].

mod admission;
mod alike;
mod arrival;
mod changes;
mod collection;
mod committer;
mod conditions;
mod cursor;
mod definition;
mod document;
mod encode;
mod error;
mod expiry;
mod ext;
mod feed;
mod health;
mod holder;
mod index;
mod issue;
mod journal;
mod json_fields;
mod key;
mod key_arg;
mod key_encode;
mod key_set;
mod key_text;
mod live;
mod memory;
mod name;
mod op;
mod options;
mod plan;
mod quarantine;
mod query;
mod record;
mod refusal;
mod removal;
mod report;
mod repository;
mod resolve;
mod retention;
mod shelf;
mod side_by_side;
mod span;
mod stamp;
mod stats;
mod store;
#[cfg(not(larder_orders))]
mod sync;
/// Only the package in `core/orders` sets this.
#[cfg(larder_orders)]
#[path = "../orders/sync.rs"]
pub mod sync;
mod table;
mod text;
mod time_field;
mod transaction;
mod unknown;
mod view;
mod write;

pub use admission::MAX_ID_BYTES;
pub use changes::{CHANGES_KEPT, Change, ChangeEvent, Changes, StoreChanges};
pub use collection::Collection;
pub use committer::HealthWatch;
pub use cursor::Cursor;
pub use definition::{Definition, IndexDefinition};
pub use document::Document;
pub use error::{Error, ErrorKind, Result};
pub use expiry::Expiry;
pub use ext::{Page, RepositoryExt};
pub use feed::{ChangeKind, StoreChange};
pub use health::{Health, HealthState};
pub use index::{Extract, Field, Index, IndexDef, Keys, UniqueIndex};
pub use issue::{Action, Issue, IssueKind, Position};
pub use key::{Key, KeyError, Whole};
pub use key_arg::{Compound, KeyArg, LeadingKeyArg};
pub use key_text::KeyText;
pub use live::Live;
pub use memory::{MemoryRepository, MemoryStore};
pub use op::{Expect, Op, Outcome};
pub use options::{Durability, OnExternalChange, OnInvalid, OnNewer, Options};
pub use plan::{Access, Plan};
pub use quarantine::Quarantined;
pub use query::{Condition, Filter, Lookup, Order, Query, Target, Test};
pub use record::{Data, Record};
pub use report::{LoadReport, Migrated};
pub use repository::Repository;
pub use retention::Retention;
pub use stats::{CollectionStats, StoreStats};
pub use store::{Backend, BackendExt};
pub use time_field::{TimeField, UnixMillis};
pub use transaction::{Scope, Transaction};
pub use write::Write;

pub use larder_schema::{MigrationError, Migrations, Pointer, Repair, RepairKind, Violation};

/// What a backend is made of.
///
/// A backend that holds its records in memory loads them with a [`Loader`](backend::Loader) into a
/// [`Table`](backend::Table), whose changes gather in a [`Journal`](backend::Journal); a
/// [`Committer`](backend::Committer) calls its [`Medium`](backend::Medium) to make them durable.
/// One that keeps its records elsewhere lets them in by an [`Admission`](backend::Admission), and
/// [`Resolved`](backend::Resolved) says what a query means. Each open collection stands on a
/// [`Shelf`](backend::Shelf), with its [`Part`](backend::Part) in transactions.
pub mod backend {
    pub use crate::admission::{Admission, Admitted, Rejection, check_id};
    pub use crate::arrival::{Arrival, Policy};
    pub use crate::committer::{Committer, CommitterOptions, Medium, Progress};
    pub use crate::encode::encode;
    pub use crate::feed::Feed;
    pub use crate::journal::{Entry, EntryChange, Journal, Turn};
    pub use crate::key_set::KeySet;
    pub use crate::name::check_name;
    pub use crate::refusal::{
        check_expectation, check_same_id, newer_version, newer_version_issue, unique_violation,
    };
    pub use crate::resolve::{Resolved, ResolvedCondition, ResolvedOrder, cursor_after};
    pub use crate::shelf::{Shelf, Shelved};
    pub use crate::stamp::utc_stamp;
    pub use crate::table::{Host, Loaded, Loader, Loser, Table, TableRepository, transact_tables};
    pub use crate::text::{compact, indent};
    pub use crate::transaction::{Part, busy_session, foreign_session};
    pub use crate::view::is_plain_json;
}
