//! Rejected records, with their exact bytes.
//!
//! Owns the rows of `larder_quarantine`. Who is rejected, and why, is told by who adds them.

use larder_core::{Issue, Quarantined};
use rusqlite::{Connection, params};

use crate::error::SqliteError;

/// Adds entries; one that is there already stays as it is.
pub(crate) fn add(connection: &Connection, entries: &[Quarantined]) -> Result<(), SqliteError> {
    let insert = || -> Result<(), SqliteError> {
        let fail = || SqliteError::sql("put a record in quarantine");
        let mut insert = connection
            .prepare_cached(
                "INSERT OR IGNORE INTO larder_quarantine(key, collection, since, issue, bytes) \
                 VALUES(?1, ?2, ?3, ?4, ?5)",
            )
            .map_err(fail())?;
        for entry in entries {
            let issue = serde_json::to_string(entry.issue()).map_err(unreadable)?;
            let row = params![
                entry.key(),
                entry.collection(),
                entry.since(),
                issue,
                entry.bytes()
            ];
            insert.execute(row).map_err(fail())?;
        }
        Ok(())
    };
    insert()
}

fn unreadable(error: impl std::fmt::Display) -> SqliteError {
    SqliteError::Bookkeeping {
        reason: format!("an entry of the quarantine: {error}"),
    }
}

/// All entries, oldest first.
pub(crate) fn read(connection: &Connection) -> Result<Vec<Quarantined>, SqliteError> {
    let fail = || SqliteError::sql("read the quarantine");
    let mut select = connection
        .prepare_cached(
            "SELECT issue, since, bytes FROM larder_quarantine ORDER BY since, collection, key",
        )
        .map_err(fail())?;
    let mut rows = select.query([]).map_err(fail())?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next().map_err(fail())? {
        let (issue, since): (String, String) =
            (row.get(0).map_err(fail())?, row.get(1).map_err(fail())?);
        let bytes: Vec<u8> = row.get(2).map_err(fail())?;
        let issue: Issue = serde_json::from_str(&issue).map_err(unreadable)?;
        entries.push(Quarantined::kept(issue, &since, &bytes).map_err(unreadable)?);
    }
    Ok(entries)
}

/// How many entries there are.
pub(crate) fn count(connection: &Connection) -> Result<u64, SqliteError> {
    connection
        .query_row("SELECT count(*) FROM larder_quarantine", [], |row| {
            row.get::<_, i64>(0)
        })
        .map(i64::unsigned_abs)
        .map_err(SqliteError::sql("read the quarantine"))
}

/// Removes these entries, and gives the number of those that were there.
pub(crate) fn purge(connection: &Connection, keys: &[String]) -> Result<u64, SqliteError> {
    let fail = || SqliteError::sql("purge the quarantine");
    let mut delete = connection
        .prepare_cached("DELETE FROM larder_quarantine WHERE key = ?1")
        .map_err(fail())?;
    let mut purged = 0;
    for key in keys {
        purged += delete.execute([key]).map_err(fail())? as u64;
    }
    Ok(purged)
}
