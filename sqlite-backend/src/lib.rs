//! The SQLite backend of Larder: a store is one database file, a collection is one table.
//!
//! Applications open it through the `larder` crate (`Store::open("sqlite:./data.db")`). Here are
//! [`SqliteStore`] and [`SqliteRepository`] for those who want no other backend.
//!
//! # The tables
//!
//! ```text
//! CREATE TABLE "sessions"(
//!   id TEXT NOT NULL PRIMARY KEY,
//!   doc TEXT NOT NULL,                   -- the record, as JSON
//!   larder INTEGER NOT NULL DEFAULT 0,   -- 0: nobody has verified this row yet
//!   "channelId" TEXT,                    -- a column for each field that is indexed
//!   "categoryId" TEXT
//! ) STRICT;
//! CREATE UNIQUE INDEX "sessions by channelId" ON "sessions"("channelId");
//! CREATE INDEX "sessions by categoryId" ON "sessions"("categoryId", id);
//! CREATE TABLE "sessions.tags"(id, key)  -- one row for each element of an indexed list
//! ```
//!
//! So people can read them with any tool for SQLite, and may write to them: a row that somebody
//! else put or changed is verified before it is in the view, and its keys are worked out from `doc`.
//! `larder_collections` holds the definitions, `larder_quarantine` the rejected records.
//!
//! # What is durable when
//!
//! A save commits and returns: every reader sees it, in this process and in others, and it survives
//! the death of the process. When it is awaited, the write-ahead log is synced, once for all who
//! wait; then it survives a loss of power, as with `synchronous=FULL`. Sources:
//! <https://www.sqlite.org/wal.html> and <https://www.sqlite.org/pragma.html#pragma_synchronous>;
//! why it is the same stands in the project's `DESIGN.md`.

mod act;
mod adopt;
mod apply;
mod backup;
mod cell;
mod checkpoint;
mod combine;
mod connection;
mod database;
mod ddl;
mod definition;
mod error;
mod explain;
mod file;
mod json_field;
mod keys;
mod kind;
mod layout;
mod live;
mod load;
mod log;
mod medium;
mod mirror;
mod names;
mod predicate;
mod quarantine;
mod repository;
mod reshape;
mod rows;
mod search;
mod select;
mod shape;
mod store;
mod transact;
mod wal;

#[cfg(test)]
mod tests;

pub use repository::SqliteRepository;
pub use store::SqliteStore;
