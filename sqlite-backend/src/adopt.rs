//! Letting rows into the view that nobody verified under the schema of today.
//!
//! Owns [`adopt`]: it reads rows, lets each through the same gate as a save, writes the keys of the
//! good ones and moves the others to quarantine. All of that is in its caller's transaction.

use std::fmt::Write as _;
use std::path::Path;

use larder_core::backend::{Admission, Arrival, KeySet, Rejection};
use larder_core::{Action, Data, Issue, IssueKind, LoadReport, Position, Quarantined};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, params_from_iter};

use crate::cell::Cell;
use crate::error::SqliteError;
use crate::keys::{Halt, RecordKeys};
use crate::names::Quoted;
use crate::quarantine;
use crate::shape::{Differing, Shape};

/// So many rows are read at once: they are changed while the next are not read yet.
const BATCH: usize = 256;

/// What is to be read and written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// The rows that somebody else wrote.
    Unverified,
    /// All rows. In those that are known to be good the keys under these indexes are written, or
    /// under all of them.
    All(Option<Vec<usize>>),
}

/// One row as it was found.
struct Found {
    id: Vec<u8>,
    doc: Vec<u8>,
    verified: bool,
}

impl Found {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let bytes = |value: ValueRef<'_>| match value {
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.to_vec(),
            _ => Vec::new(),
        };
        Ok(Self {
            id: bytes(row.get_ref(0)?),
            doc: bytes(row.get_ref(1)?),
            verified: row.get::<_, i64>(2)? != 0,
        })
    }
}

/// A text that may not be UTF-8, as SQLite holds it.
struct Raw<'a>(&'a [u8]);

impl rusqlite::ToSql for Raw<'_> {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        Ok(rusqlite::types::ToSqlOutput::Borrowed(ValueRef::Text(
            self.0,
        )))
    }
}

/// Reads rows, whose data is of this version, writes the keys of the good ones and moves the others
/// to quarantine. Gives how many were migrated, too.
pub(crate) fn adopt<T: Data>(
    connection: &Connection,
    path: &Path,
    admission: &Admission<T>,
    shape: &Shape,
    scope: &Scope,
    version: u32,
) -> Result<(LoadReport, u64), Halt> {
    let mut adoption = Adoption {
        connection,
        admission,
        shape,
        source: path.display().to_string(),
        version,
        kept: 0,
        migrated: 0,
        issues: Vec::new(),
    };
    adoption.forget_unique_keys(scope)?;
    let mut after: Option<Vec<u8>> = None;
    loop {
        let batch = adoption.batch(scope, after.as_deref())?;
        let Some(last) = batch.last() else {
            break;
        };
        after = Some(last.id.clone());
        for row in &batch {
            adoption.row(row, scope)?;
        }
    }
    let report = LoadReport::new(adoption.kept, adoption.issues);
    Ok((report, adoption.migrated))
}

struct Adoption<'a, T> {
    connection: &'a Connection,
    admission: &'a Admission<T>,
    shape: &'a Shape,
    source: String,
    version: u32,
    kept: u64,
    migrated: u64,
    issues: Vec<Issue>,
}

impl<T: Data> Adoption<'_, T> {
    /// The unique keys in rows that somebody else changed are those of before, and so are those in all
    /// rows that are migrated or read by another schema: two records that were exchanged must not
    /// stand in each other's way.
    fn forget_unique_keys(&self, scope: &Scope) -> Result<(), SqliteError> {
        let sets: Vec<String> = self
            .shape
            .layout
            .indexes
            .iter()
            .filter(|index| index.unique)
            .flat_map(|index| &index.columns)
            .map(|column| format!("{} = NULL", Quoted(&column.name)))
            .collect();
        if sets.is_empty() {
            return Ok(());
        }
        let (table, sets) = (&self.shape.table, sets.join(", "));
        let sql = match scope {
            // Each is marked anew when its keys are written.
            Scope::All(None) => format!("UPDATE {table} SET {sets}, larder = 0"),
            _ => format!("UPDATE {table} SET {sets} WHERE larder = 0"),
        };
        self.connection
            .execute(&sql, [])
            .map_err(SqliteError::sql("take in rows that others changed"))?;
        Ok(())
    }

    fn batch(&self, scope: &Scope, after: Option<&[u8]>) -> Result<Vec<Found>, SqliteError> {
        let mut sql = format!("SELECT id, doc, larder FROM {} WHERE 1", self.shape.table);
        if after.is_some() {
            sql.push_str(" AND id > ?1");
        }
        if *scope == Scope::Unverified {
            sql.push_str(" AND larder = 0");
        }
        // Writing to a string cannot fail.
        let _ = write!(sql, " ORDER BY id LIMIT {BATCH}");
        let read = || -> rusqlite::Result<Vec<Found>> {
            let mut select = self.connection.prepare_cached(&sql)?;
            let after: Vec<Raw<'_>> = after.map(Raw).into_iter().collect();
            select
                .query_map(params_from_iter(after), Found::read)?
                .collect()
        };
        read().map_err(SqliteError::sql("read rows to verify them"))
    }

    fn row(&mut self, row: &Found, scope: &Scope) -> Result<(), Halt> {
        let Ok(id) = std::str::from_utf8(&row.id) else {
            let issue = self.issue(IssueKind::InvalidId, "the id of the row is not UTF-8");
            return self.drop_row(&Raw(&row.id), &row.doc, issue);
        };
        let text = match std::str::from_utf8(&row.doc) {
            Ok(text) => text,
            Err(error) => {
                let message = format!(
                    "not UTF-8 from byte {} of the document",
                    error.valid_up_to()
                );
                let issue = self.issue(IssueKind::Syntax, message).with_id(known(id));
                return self.drop_row(&id, &row.doc, issue);
            }
        };
        match self.admission.arrive(text, self.version) {
            Ok(arrival) if &*arrival.admitted.id == id => {
                let Arrival {
                    admitted,
                    text,
                    migrated,
                    mended,
                } = arrival;
                // One with a unique key that was dropped meanwhile is read once more from the list
                // that was made before; it is not there any more.
                if !self.make_room(id, &admitted.keys, row)? {
                    return Ok(());
                }
                self.kept += 1;
                self.migrated += u64::from(migrated);
                if let Some(mended) = mended {
                    let issue = self.rejected(Action::Repaired, mended, id);
                    let entry = Quarantined::new(issue.clone(), &row.doc);
                    quarantine::add(self.connection, &[entry])?;
                    self.issues.push(issue);
                }
                if let Some(text) = text {
                    return self.rewrite(id, &text, &admitted.keys);
                }
                match scope {
                    Scope::All(only) if row.verified => {
                        self.write_keys(id, &admitted.keys, only.as_deref())
                    }
                    _ => self.write_keys(id, &admitted.keys, None),
                }
            }
            Ok(_) => {
                let message = "the id of the row is not the record's";
                let issue = self.issue(IssueKind::InvalidId, message).with_id(known(id));
                self.drop_row(&id, &row.doc, issue)
            }
            Err(rejection) => {
                let issue = self.rejected(Action::Dropped, rejection, id);
                self.drop_row(&id, &row.doc, issue)
            }
        }
    }

    /// Of two records with one unique key the earlier in id order stays. False if that is not this
    /// one, or if it is gone already.
    fn make_room(&mut self, id: &str, keys: &[KeySet], row: &Found) -> Result<bool, Halt> {
        if !self.is_there(id)? {
            return Ok(false);
        }
        for (position, index) in self.shape.layout.indexes.iter().enumerate() {
            let Some(key) = keys.get(position).and_then(|keys| keys.first()) else {
                continue;
            };
            if !index.unique || !key.is_enforced() {
                continue;
            }
            let cells = crate::keys::column_cells(index, key)
                .ok_or_else(|| Halt::Narrow(index.name.clone()))?;
            let Some((holder, doc)) = holder(self.connection, self.shape, position, &cells, id)?
            else {
                continue;
            };
            let loses = *holder < *id;
            let (winner, loser) = if loses {
                (&*holder, id)
            } else {
                (id, &*holder)
            };
            let message = format!(
                "the record {winner:?} has the same key in the unique index {}",
                index.name
            );
            let issue = self
                .issue(IssueKind::UniqueViolation, message)
                .with_id(known(loser));
            if loses {
                self.drop_row(&id, &row.doc, issue)?;
                return Ok(false);
            }
            self.drop_row(&&*holder, doc.as_bytes(), issue)?;
        }
        Ok(true)
    }

    fn is_there(&self, id: &str) -> Result<bool, SqliteError> {
        self.connection
            .prepare_cached(&self.shape.get)
            .and_then(|mut select| select.exists([id]))
            .map_err(SqliteError::sql("read rows to verify them"))
    }

    fn write_keys(&self, id: &str, keys: &[KeySet], only: Option<&[usize]>) -> Result<(), Halt> {
        let keys = RecordKeys::new(&self.shape.layout, keys)?;
        self.shape
            .write_keys(self.connection, id, &keys, only)
            .map_err(SqliteError::sql("write the keys of a record"))?;
        Ok(())
    }

    /// Writes a document that was migrated or mended, and its keys.
    fn rewrite(&self, id: &str, text: &str, keys: &[KeySet]) -> Result<(), Halt> {
        let keys = RecordKeys::new(&self.shape.layout, keys)?;
        self.shape
            .update(self.connection, id, text, &keys, Differing::Several)
            .map_err(SqliteError::sql(
                "write a record that was migrated or mended",
            ))?;
        Ok(())
    }

    fn issue(&self, kind: IssueKind, message: impl Into<std::borrow::Cow<'static, str>>) -> Issue {
        let message = message.into().into_owned();
        Issue::new(&self.shape.collection, kind, Action::Dropped, message)
            .at(Position::in_source(self.source.clone()))
    }

    fn rejected(&self, action: Action, rejection: Rejection, id: &str) -> Issue {
        let place = Position::in_source(self.source.clone());
        let place = match rejection.place {
            Some((line, column)) => place.at_line(line as u64, Some(column as u64)),
            None => place,
        };
        let message = rejection.message.into_owned();
        Issue::new(&self.shape.collection, rejection.kind, action, message)
            .with_id(rejection.id.or_else(|| known(id)))
            .with_violations(rejection.violations)
            .with_repairs(rejection.repairs)
            .at(place)
    }

    fn drop_row(&mut self, id: &dyn rusqlite::ToSql, doc: &[u8], issue: Issue) -> Result<(), Halt> {
        quarantine::add(self.connection, &[Quarantined::new(issue.clone(), doc)])?;
        self.connection
            .prepare_cached(&self.shape.delete)
            .and_then(|mut delete| delete.execute([id]))
            .map_err(SqliteError::sql("move a row to quarantine"))?;
        self.issues.push(issue);
        Ok(())
    }
}

/// The id of a row, for an issue: an empty one is none.
pub(crate) fn known(id: &str) -> Option<String> {
    (!id.is_empty()).then(|| id.to_owned())
}

/// Who has this unique key, other than `id`: his id and his document.
pub(crate) fn holder(
    connection: &Connection,
    shape: &Shape,
    position: usize,
    cells: &[Cell],
    id: &str,
) -> Result<Option<(String, String)>, SqliteError> {
    let Some(index) = shape.layout.indexes.get(position) else {
        return Ok(None);
    };
    let tests: Vec<String> = index
        .columns
        .iter()
        .enumerate()
        .map(|(place, column)| format!("{} = ?{}", Quoted(&column.name), place + 2))
        .collect();
    let sql = format!(
        "SELECT id, doc FROM {} WHERE id <> ?1 AND {} LIMIT 1",
        shape.table,
        tests.join(" AND ")
    );
    let read = || -> rusqlite::Result<Option<(String, String)>> {
        let id = Cell::text(id);
        let mut select = connection.prepare_cached(&sql)?;
        let mut rows = select.query(params_from_iter(std::iter::once(&id).chain(cells)))?;
        rows.next()?
            .map(|row| Ok((row.get(0)?, row.get(1)?)))
            .transpose()
    };
    read().map_err(SqliteError::sql("look for a unique key"))
}
