//! What the database says of its collections.
//!
//! Owns the rows of `larder_collections`: the definition of each, for tools without the types, the
//! version and the schema that its rows were verified by, and where its keys are.

use larder_core::{Collection, Definition, Document, Result};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::error::SqliteError;
use crate::layout::IndexLayout;

/// What is kept of a collection.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) name: String,
    pub(crate) version: u32,
    pub(crate) fingerprint: String,
    pub(crate) definition: String,
    pub(crate) layout: Vec<IndexLayout>,
}

fn bookkeeping(error: impl std::fmt::Display) -> SqliteError {
    SqliteError::Bookkeeping {
        reason: error.to_string(),
    }
}

/// The names of the collections.
pub(crate) fn collections(connection: &Connection) -> Result<Vec<String>, SqliteError> {
    let read = || -> rusqlite::Result<Vec<String>> {
        connection
            .prepare_cached("SELECT name FROM larder_collections ORDER BY name COLLATE BINARY")?
            .query_map([], |row| row.get(0))?
            .collect()
    };
    read().map_err(SqliteError::sql("list the collections"))
}

/// What is kept of this collection, whatever the case of its name.
pub(crate) fn read(connection: &Connection, name: &str) -> Result<Option<Kept>, SqliteError> {
    let row = connection
        .prepare_cached(
            "SELECT name, version, fingerprint, definition, layout FROM larder_collections \
             WHERE name = ?1",
        )
        .and_then(|mut select| {
            select
                .query_row([name], |row| {
                    let layout: String = row.get(4)?;
                    Ok((
                        row.get(0)?,
                        row.get::<_, i64>(1)?,
                        row.get(2)?,
                        row.get(3)?,
                        layout,
                    ))
                })
                .optional()
        })
        .map_err(SqliteError::sql("read the definition of the collection"))?;
    row.map(|(name, version, fingerprint, definition, layout)| {
        Ok(Kept {
            name,
            version: u32::try_from(version).map_err(bookkeeping)?,
            fingerprint,
            definition,
            layout: serde_json::from_str(&layout).map_err(bookkeeping)?,
        })
    })
    .transpose()
}

/// Keeps this of a collection from now on.
pub(crate) fn write(connection: &Connection, kept: &Kept) -> Result<(), SqliteError> {
    let layout = serde_json::to_string(&kept.layout).map_err(bookkeeping)?;
    connection
        .prepare_cached(
            "INSERT INTO larder_collections(name, version, fingerprint, definition, layout) \
             VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT(name) DO UPDATE SET version = ?2, \
             fingerprint = ?3, definition = ?4, layout = ?5",
        )
        .and_then(|mut insert| {
            insert.execute(params![
                kept.name,
                kept.version,
                kept.fingerprint,
                kept.definition,
                layout
            ])
        })
        .map_err(SqliteError::sql("keep the definition of the collection"))?;
    Ok(())
}

/// The definition of a collection; for one that is not there, any objects with an `id`.
pub(crate) fn read_or_guess(connection: &Connection, name: &str) -> Result<Definition> {
    match read(connection, name)? {
        Some(kept) => Ok(serde_json::from_str(&kept.definition).map_err(bookkeeping)?),
        None => Collection::<Document>::named(name).definition(),
    }
}
