//! Reading a collection that is not as it should be, without changing it.
//!
//! Owns [`Mirror`]. A store that was opened for reading may find rows that nobody verified, another
//! schema or other indexes; it must not write, so it reads the rows into memory as a file would be
//! read, and answers from there until somebody commits something.

use std::path::Path;
use std::sync::Arc;

use larder_core::backend::{Admission, Journal, Loader, Rejection, Table, newer_version_issue};
use larder_core::{
    Action, Data, Error, Issue, IssueKind, LoadReport, Migrated, Position, Quarantined, Result,
};
use parking_lot::Mutex;
use rusqlite::Connection;
use rusqlite::types::ValueRef;

use crate::adopt::known;
use crate::connection::{Role, is_store, open};
use crate::definition;
use crate::error::SqliteError;
use crate::names::Quoted;

/// A collection as it was read into memory.
pub(crate) struct Mirrored<T> {
    pub(crate) table: Arc<Table<T>>,
    /// What would be in quarantine, had it been opened for writing.
    pub(crate) rejected: Vec<Quarantined>,
}

impl<T> Clone for Mirrored<T> {
    fn clone(&self) -> Self {
        Self {
            table: Arc::clone(&self.table),
            rejected: self.rejected.clone(),
        }
    }
}

/// The last reading, and what the database was then.
pub(crate) struct Mirror<T> {
    admission: Arc<Admission<T>>,
    state: Mutex<State<T>>,
}

struct State<T> {
    /// Its own: by `data_version` a connection tells whether others have committed since.
    connection: Option<Connection>,
    read: Option<(i64, Mirrored<T>)>,
}

impl<T: Data> Mirror<T> {
    pub(crate) fn new(admission: Arc<Admission<T>>) -> Self {
        Self {
            admission,
            state: Mutex::new(State {
                connection: None,
                read: None,
            }),
        }
    }

    /// The collection as it is now, and whether it was read for this.
    pub(crate) fn read(&self, path: &Path) -> Result<(Mirrored<T>, bool)> {
        let mut state = self.state.lock();
        if state.connection.is_none() {
            state.connection = Some(open(path, Role::ReadOnly)?);
        }
        let State { connection, read } = &mut *state;
        let Some(connection) = connection else {
            return Err(SqliteError::TableGone.into());
        };
        let version = data_version(connection)?;
        if let Some((at, mirrored)) = read
            && *at == version
        {
            return Ok((mirrored.clone(), false));
        }
        let mirrored = self.load(connection, path)?;
        *read = Some((version, mirrored.clone()));
        Ok((mirrored, true))
    }

    /// What a reading of all rows finds, and whether SQLite finds the database whole.
    pub(crate) fn verify(&self, connection: &Connection, path: &Path) -> Result<LoadReport> {
        let mirrored = self.load(connection, path)?;
        let mut report = LoadReport::clone(mirrored.table.report());
        let whole: String = connection
            .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
            .map_err(SqliteError::sql("check the database"))?;
        if whole != "ok" {
            let name = self.admission.collection().name();
            let message = format!("SQLite finds the database damaged: {whole}");
            let issue = Issue::new(name, IssueKind::Digest, Action::Kept, message)
                .at(Position::in_source(path.display().to_string()));
            report.merge(&LoadReport::new(0, vec![issue]));
        }
        Ok(report)
    }

    fn load(&self, connection: &Connection, path: &Path) -> Result<Mirrored<T>> {
        let name = self.admission.collection().name();
        let fail = || SqliteError::sql("read the collection");
        let mut reading = Reading {
            name,
            source: path.display().to_string(),
            version: 0,
            migrated: 0,
            issues: Vec::new(),
            rejected: Vec::new(),
        };
        let known = self.admission.collection().version();
        let kept = if is_store(connection)? {
            definition::read(connection, name)?
        } else {
            None
        };
        let version = kept.map_or(known, |kept| kept.version);
        self.admission.check_migrations(version)?;
        reading.version = version;
        if version > known {
            let issue = newer_version_issue(name, version, known);
            reading.issues.push(issue.at(reading.place()));
        }
        let mut loader = Loader::new(Arc::clone(&self.admission));
        let there: i64 = connection
            .query_row(
                "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?1",
                [name],
                |row| row.get(0),
            )
            .map_err(fail())?;
        if there > 0 {
            let sql = format!("SELECT id, doc FROM {} ORDER BY id", Quoted(name));
            let mut select = connection.prepare(&sql).map_err(fail())?;
            let mut rows = select.query([]).map_err(fail())?;
            while let Some(row) = rows.next().map_err(fail())? {
                let bytes = |column| match row.get_ref(column) {
                    Ok(ValueRef::Text(bytes) | ValueRef::Blob(bytes)) => Ok(bytes),
                    Ok(_) => Ok(&[][..]),
                    Err(error) => Err(fail()(error)),
                };
                let (id, doc) = (bytes(0)?, bytes(1)?);
                self.row(&mut loader, &mut reading, id, doc);
            }
        }
        let loaded = loader.finish();
        for loser in &loaded.losers {
            let message = match &loser.winner {
                Some((winner, index)) => {
                    format!("the record {winner:?} has the same key in the unique index {index}")
                }
                None => "another row has the same id".to_owned(),
            };
            let issue = reading.issue(loser.kind, message);
            reading.drop(
                issue.with_id(Some(loser.id.to_string())),
                loser.origin.as_bytes(),
            );
        }
        let migrated = self
            .admission
            .migrates(version)
            .then(|| Migrated::new(name, (version, known), reading.migrated, None));
        let report =
            LoadReport::new(loaded.kept.len() as u64, reading.issues).with_migrated(migrated);
        Ok(Mirrored {
            table: Arc::new(loaded.into_table(Arc::new(Journal::read_only()), report)),
            rejected: reading.rejected,
        })
    }

    fn row(
        &self,
        loader: &mut Loader<T, Arc<str>>,
        reading: &mut Reading<'_>,
        id: &[u8],
        doc: &[u8],
    ) {
        let Ok(id) = std::str::from_utf8(id) else {
            let issue = reading.issue(IssueKind::InvalidId, "the id of the row is not UTF-8");
            return reading.drop(issue, doc);
        };
        let text = match std::str::from_utf8(doc) {
            Ok(text) => text,
            Err(error) => {
                let message = format!(
                    "not UTF-8 from byte {} of the document",
                    error.valid_up_to()
                );
                let issue = reading.issue(IssueKind::Syntax, message);
                return reading.drop(issue.with_id(known(id)), doc);
            }
        };
        match self.admission.arrive(text, reading.version) {
            Ok(arrival) if *arrival.admitted.id != *id => {
                let message = "the id of the row is not the record's";
                let issue = reading.issue(IssueKind::InvalidId, message);
                reading.drop(issue.with_id(known(id)), doc);
            }
            // The text is kept until it is known who has the better right to a unique key.
            Ok(arrival) => {
                reading.migrated += u64::from(arrival.migrated);
                if let Some(mended) = arrival.mended {
                    reading.rejected(Action::Repaired, mended, id, doc);
                }
                loader.take(arrival.admitted, text.into());
            }
            Err(rejection) => reading.rejected(Action::Dropped, rejection, id, doc),
        }
    }
}

/// What was found wrong so far.
struct Reading<'a> {
    name: &'a str,
    source: String,
    /// The version of the data, and how many records were migrated from it.
    version: u32,
    migrated: u64,
    issues: Vec<Issue>,
    rejected: Vec<Quarantined>,
}

impl Reading<'_> {
    fn issue(&self, kind: IssueKind, message: impl Into<String>) -> Issue {
        Issue::new(self.name, kind, Action::Dropped, message).at(self.place())
    }

    fn place(&self) -> Position {
        Position::in_source(self.source.clone())
    }

    fn rejected(&mut self, action: Action, rejection: Rejection, id: &str, doc: &[u8]) {
        let issue = Issue::new(self.name, rejection.kind, action, rejection.message)
            .at(self.place())
            .with_id(rejection.id.or_else(|| known(id)))
            .with_violations(rejection.violations)
            .with_repairs(rejection.repairs);
        self.drop(issue, doc);
    }

    fn drop(&mut self, issue: Issue, doc: &[u8]) {
        self.rejected.push(Quarantined::new(issue.clone(), doc));
        self.issues.push(issue);
    }
}

/// A number that changes when another connection commits.
pub(crate) fn data_version(connection: &Connection) -> Result<i64, Error> {
    let read = || -> rusqlite::Result<i64> {
        connection
            .prepare_cached("PRAGMA data_version")?
            .query_row([], |row| row.get(0))
    };
    Ok(read().map_err(SqliteError::sql("ask whether others wrote"))?)
}
