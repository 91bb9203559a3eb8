//! rusqlite without us, as a careful program uses it: a write-ahead log, prepared statements, a column
//! and an index for every key, one connection that writes and one that reads.
//!
//! Caches are as large as ours: 16 MB for the writer, SQLite's own 2 MB for the reader. Checkpoints are
//! SQLite's own, on whichever commit finds the log long. It validates nothing.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, Row, params};

use super::{Contender, Kind, Place};
use crate::outcome::Outcome;
use crate::records::{RANGE_LIMIT, Session};

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS sessions(
  id TEXT NOT NULL PRIMARY KEY,
  doc TEXT NOT NULL,
  channelId TEXT NOT NULL,
  categoryId TEXT NOT NULL,
  lastActivity INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS by_channel ON sessions(channelId);
CREATE INDEX IF NOT EXISTS by_category ON sessions(categoryId, id);
CREATE INDEX IF NOT EXISTS by_activity ON sessions(lastActivity, id);
";

const UPSERT: &str = "
INSERT INTO sessions(id, doc, channelId, categoryId, lastActivity) VALUES(?1, ?2, ?3, ?4, ?5)
ON CONFLICT(id) DO UPDATE SET doc = excluded.doc, channelId = excluded.channelId,
  categoryId = excluded.categoryId, lastActivity = excluded.lastActivity";

pub(crate) struct Plain {
    writer: Mutex<Connection>,
    reader: Mutex<Connection>,
}

fn connect(place: &Place) -> Outcome<Connection> {
    let connection = Connection::open(place.file("data.db"))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    let synchronous = match place.kind {
        Kind::SqliteFull => "FULL",
        _ => "NORMAL",
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    Ok(connection)
}

fn lock(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Parses while SQLite still holds the text: nothing is copied in between.
fn parsed(row: &Row<'_>) -> Outcome<Session> {
    Ok(serde_json::from_str(row.get_ref(0)?.as_str()?)?)
}

impl Plain {
    fn put(connection: &Connection, session: &Session) -> Outcome {
        let doc = serde_json::to_string(session)?;
        connection.prepare_cached(UPSERT)?.execute(params![
            session.id,
            doc,
            session.channel_id,
            session.category_id,
            i64::try_from(session.last_activity)?,
        ])?;
        Ok(())
    }

    fn read(&self, sql: &str, key: impl rusqlite::ToSql) -> Outcome<Vec<Session>> {
        let reader = lock(&self.reader);
        let mut select = reader.prepare_cached(sql)?;
        let mut rows = select.query([key])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(parsed(row)?);
        }
        Ok(found)
    }

    fn read_one(&self, sql: &str, key: &str) -> Outcome<Option<Session>> {
        let reader = lock(&self.reader);
        let mut select = reader.prepare_cached(sql)?;
        let mut rows = select.query([key])?;
        rows.next()?.map(parsed).transpose()
    }
}

impl Contender for Plain {
    type Held = Session;

    fn open(place: &Place) -> Outcome<Self> {
        let writer = connect(place)?;
        writer.pragma_update(None, "cache_size", -16_384)?;
        writer.execute_batch(TABLES)?;
        Ok(Self {
            writer: Mutex::new(writer),
            reader: Mutex::new(connect(place)?),
        })
    }

    fn get(&self, id: &str) -> Outcome<Option<Session>> {
        self.read_one("SELECT doc FROM sessions WHERE id = ?1", id)
    }

    fn unique(&self, channel: &str) -> Outcome<Option<Session>> {
        self.read_one("SELECT doc FROM sessions WHERE channelId = ?1", channel)
    }

    fn index(&self, category: &str) -> Outcome<Vec<Session>> {
        // In no order: who asks for one has rusqlite's cached statements prepared anew at each use.
        self.read("SELECT doc FROM sessions WHERE categoryId = ?1", category)
    }

    fn range(&self, from: u64) -> Outcome<Vec<Session>> {
        let sql = format!(
            "SELECT doc FROM sessions WHERE lastActivity >= ?1 ORDER BY lastActivity, id \
             LIMIT {RANGE_LIMIT}"
        );
        self.read(&sql, i64::try_from(from)?)
    }

    fn save(&self, session: Session) -> Outcome {
        Self::put(&lock(&self.writer), &session)
    }

    /// With FULL, the log was synced when the statement has ended.
    fn save_awaited(&self, session: Session) -> Outcome {
        self.save(session)
    }

    fn batch(&self, sessions: Vec<Session>) -> Outcome {
        let mut writer = lock(&self.writer);
        let transaction = writer.transaction()?;
        for session in &sessions {
            Self::put(&transaction, session)?;
        }
        Ok(transaction.commit()?)
    }

    fn pair(&self, first: Session, second: Session) -> Outcome {
        self.batch(vec![first, second])
    }
}
