//! A store in a SQLite file, and the other program that works on the same file with plain SQL.
//!
//! Owns [`Db`], the record type of these tests, and the check that indexes and records agree, in the
//! store's own answers and in the tables. Not every test file uses all of it.

#![allow(
    dead_code,
    reason = "every test file compiles this on its own and uses a part"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use larder::prelude::*;
use larder::{AnyRepository, Issue, IssueKind, Query, StoreConfig};
use rusqlite::Connection;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is in every bad record and must be in no message.
pub(crate) const SECRET: &str = "hunter2";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Record)]
#[serde(rename_all = "camelCase")]
#[record(collection = "sessions", version = 1)]
pub(crate) struct Session {
    #[record(id)]
    pub(crate) id: String,
    #[record(unique)]
    pub(crate) channel_id: String,
    #[record(index)]
    pub(crate) category_id: String,
    #[record(index)]
    pub(crate) turn: u32,
    #[record(index)]
    pub(crate) open: bool,
    #[record(index)]
    pub(crate) tags: Vec<String>,
    #[serde(default)]
    pub(crate) note: Option<String>,
}

pub(crate) fn session(id: &str) -> Session {
    Session {
        id: id.to_owned(),
        channel_id: format!("c-{id}"),
        category_id: "cat".to_owned(),
        turn: 1,
        open: true,
        tags: vec!["t".to_owned(), format!("t-{id}")],
        note: None,
    }
}

/// The JSON of a session, as some other program would write it.
pub(crate) fn doc(id: &str, channel: &str) -> String {
    format!(
        "{{ \"id\": \"{id}\", \"channelId\": \"{channel}\", \"categoryId\": \"other\", \
         \"turn\": 2, \"open\": false, \"tags\": [\"new\"], \"note\": \"{SECRET}\" }}"
    )
}

/// A directory with a database in it.
pub(crate) struct Db {
    dir: tempfile::TempDir,
}

impl Db {
    pub(crate) fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    /// A closed store with the sessions `a` to `d`.
    pub(crate) fn filled() -> Self {
        let db = Self::new();
        let (store, sessions) = db.open();
        let four = ["a", "b", "c", "d"].map(session);
        sessions.save_all(four).unwrap().wait().unwrap();
        store.close().wait().unwrap();
        db
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("data.db")
    }

    pub(crate) fn config(&self) -> StoreConfig {
        StoreConfig::new(format!("sqlite:{}", self.path().display()))
    }

    pub(crate) fn store(&self) -> Store {
        Store::open(self.config()).unwrap_or_else(|error| panic!("{error:?}"))
    }

    pub(crate) fn open(&self) -> (Store, AnyRepository<Session>) {
        open(self.config())
    }

    /// The other program.
    pub(crate) fn sql(&self) -> Connection {
        let connection = Connection::open(self.path()).unwrap();
        let patience = std::time::Duration::from_secs(10);
        connection.busy_timeout(patience).unwrap();
        connection
    }

    /// Runs statements as the other program, which goes away afterwards.
    #[track_caller]
    pub(crate) fn edit(&self, statements: &str) {
        let connection = self.sql();
        connection.execute_batch(statements).unwrap();
        connection.close().unwrap();
    }

    /// Every file of the directory, but the shared memory of SQLite.
    pub(crate) fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        for entry in std::fs::read_dir(self.dir()).unwrap() {
            let path = entry.unwrap().path();
            // A log of no length says as much as none.
            if path.is_file() && !path.to_str().unwrap().ends_with("-shm") {
                let bytes = std::fs::read(&path).unwrap();
                if !(bytes.is_empty() && path.to_str().unwrap().ends_with("-wal")) {
                    files.insert(path, bytes);
                }
            }
        }
        files
    }

    /// The rows of the table, by id.
    pub(crate) fn rows(&self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let connection = self.sql();
        let sql = "SELECT CAST(id AS BLOB), CAST(doc AS BLOB) FROM sessions";
        let mut select = connection.prepare(sql).unwrap();
        let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
        rows.unwrap().map(Result::unwrap).collect()
    }

    /// That the tables hold what they should: columns and lists agree with the documents, every row
    /// is verified, and SQLite finds nothing wrong.
    #[track_caller]
    pub(crate) fn is_sound(&self) {
        let connection = self.sql();
        assert_eq!(integrity(&connection), "ok");
        let keys = "SELECT s.id, j.value FROM sessions s, json_each(s.doc, '$.tags') j";
        let lists = "SELECT id, key FROM \"sessions.tags\" WHERE typeof(key) <> 'blob'";
        for (what, sql) in [
            ("a row is not verified", "FROM sessions WHERE larder = 0"),
            (
                "a key is not the document's",
                "FROM sessions WHERE channelId IS NOT json_extract(doc, '$.channelId') \
                 OR categoryId IS NOT json_extract(doc, '$.categoryId') \
                 OR turn IS NOT json_extract(doc, '$.turn') \
                 OR open IS NOT json_extract(doc, '$.open')",
            ),
            (
                "a list has a key that no document has",
                &format!("FROM ({lists} EXCEPT {keys})"),
            ),
            (
                "a list lacks a key",
                &format!("FROM ({keys} EXCEPT {lists})"),
            ),
            (
                "a list has a key of a row that is not there",
                "FROM \"sessions.tags\" WHERE id NOT IN (SELECT id FROM sessions)",
            ),
        ] {
            assert_eq!(count(&connection, sql), 0, "{what}");
        }
    }
}

#[track_caller]
pub(crate) fn open(config: StoreConfig) -> (Store, AnyRepository<Session>) {
    let store = Store::open(config).unwrap_or_else(|error| panic!("{error:?}"));
    let sessions = store.repository();
    let sessions = sessions.unwrap_or_else(|error| panic!("{error:?}"));
    (store, sessions)
}

pub(crate) fn integrity(connection: &Connection) -> String {
    connection
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap()
}

/// How many rows there are `FROM ..`.
pub(crate) fn count(connection: &Connection, from: &str) -> i64 {
    connection
        .query_row(&format!("SELECT count(*) {from}"), [], |row| row.get(0))
        .unwrap_or_else(|error| panic!("{from}: {error}"))
}

pub(crate) fn ids(
    sessions: &AnyRepository<Session>,
    query: impl Into<Query<Session>>,
) -> Vec<String> {
    let found = sessions.find(query).unwrap();
    found.iter().map(|session| session.id.clone()).collect()
}

/// That every index answers as a walk over all records would, for the keys that are there and for
/// some that were or never were. Gives the ids that are there.
#[track_caller]
pub(crate) fn agrees(sessions: &AnyRepository<Session>) -> Vec<String> {
    let all = sessions.find(Query::all()).unwrap();
    let picked = |pick: &dyn Fn(&Session) -> bool| -> Vec<String> {
        let picked = all.iter().filter(|session| pick(session));
        picked.map(|session| session.id.clone()).collect()
    };
    let check = |query: Query<Session>, pick: &dyn Fn(&Session) -> bool| {
        let wanted = picked(pick);
        assert_eq!(ids(sessions, query.clone()), wanted, "{query:?}");
        let counted = sessions.count(query.clone()).unwrap();
        assert_eq!(counted, wanted.len() as u64, "count of {query:?}");
    };
    let texts = |of: &dyn Fn(&Session) -> Vec<String>| -> BTreeSet<String> {
        let more = [
            "c-a", "c-b", "c-z", "cat", "other", "t", "t-b", "new", "", SECRET,
        ];
        let there = all.iter().flat_map(|session| of(session));
        there.chain(more.map(str::to_owned)).collect()
    };
    for key in texts(&|session| vec![session.channel_id.clone()]) {
        let lookup = Session::CHANNEL_ID.is(&key);
        check(lookup.into(), &|session| session.channel_id == key);
    }
    for key in texts(&|session| vec![session.category_id.clone()]) {
        check(Session::CATEGORY_ID.is(&key), &|session| {
            session.category_id == key
        });
    }
    for key in texts(&|session| session.tags.clone()) {
        check(Session::TAGS.is(&key), &|session| {
            session.tags.contains(&key)
        });
    }
    check(Session::TAGS.is_none(), &|session| session.tags.is_empty());
    for turn in 0..4 {
        check(Session::TURN.is(turn), &|session| session.turn == turn);
        check(Session::TURN.range(turn..), &|session| session.turn >= turn);
    }
    for open in [true, false] {
        check(Session::OPEN.is(open), &|session| session.open == open);
    }
    for session in &all {
        assert_eq!(sessions.get(&session.id).unwrap().as_ref(), Some(session));
    }
    assert_eq!(sessions.count(Query::all()).unwrap(), all.len() as u64);
    picked(&|_| true)
}

/// A change by the other program after which one record is not in the view any more.
pub(crate) struct Bad {
    pub(crate) sql: String,
    pub(crate) kind: IssueKind,
    /// The id of the issue.
    pub(crate) id: Option<&'static str>,
    /// What is in quarantine then.
    pub(crate) bytes: Vec<u8>,
    /// What is in the view then.
    pub(crate) stay: Vec<&'static str>,
}

/// All the bad changes to [`Db::filled`].
pub(crate) fn bad() -> Vec<Bad> {
    let set = |kind, doc: &[u8]| Bad {
        sql: format!(
            "UPDATE sessions SET doc = CAST(x'{}' AS TEXT) WHERE id = 'b'",
            hex(doc)
        ),
        kind,
        id: Some("b"),
        bytes: doc.to_vec(),
        stay: vec!["a", "c", "d"],
    };
    let put = |id: &'static str, doc: String, kind, loser, stay: &[&'static str]| Bad {
        sql: format!("INSERT INTO sessions(id, doc) VALUES('{id}', '{doc}')"),
        kind,
        id: loser,
        bytes: doc.into_bytes(),
        stay: stay.to_vec(),
    };
    let four = ["a", "b", "c", "d"];
    let saved = |id: &str| serde_json::to_vec(&session(id)).unwrap();
    let schema = format!("{{\"id\":\"b\",\"channelId\":\"x\",\"turn\":\"{SECRET}\"}}");
    let twice = doc("b", "x").replacen('{', "{\"turn\": 3,", 1);
    let mut not_utf8 = doc("b", "x").into_bytes();
    not_utf8.insert(10, 0xff);
    vec![
        set(IssueKind::Schema, schema.as_bytes()),
        set(IssueKind::Schema, format!("\"{SECRET}\"").as_bytes()),
        set(
            IssueKind::Syntax,
            format!("{{\"id\":\"b\", {SECRET}").as_bytes(),
        ),
        set(IssueKind::Syntax, b""),
        set(IssueKind::Syntax, b"\0"),
        set(IssueKind::Syntax, twice.as_bytes()),
        set(IssueKind::Syntax, b"\xff"),
        set(IssueKind::Syntax, &not_utf8),
        set(IssueKind::InvalidId, doc("z", "x").as_bytes()),
        Bad {
            sql: "UPDATE sessions SET id = 'bb' WHERE id = 'b'".to_owned(),
            kind: IssueKind::InvalidId,
            id: Some("bb"),
            bytes: saved("b"),
            stay: vec!["a", "c", "d"],
        },
        Bad {
            sql: format!(
                "INSERT INTO sessions(id, doc) VALUES(CAST(x'ff' AS TEXT), '{}')",
                doc("z", "x")
            ),
            kind: IssueKind::InvalidId,
            id: None,
            bytes: doc("z", "x").into_bytes(),
            stay: four.to_vec(),
        },
        put("", doc("", "x"), IssueKind::InvalidId, None, &four),
        put(
            "e",
            doc("e", "c-a"),
            IssueKind::UniqueViolation,
            Some("e"),
            &four,
        ),
        Bad {
            bytes: saved("b"),
            ..put(
                "a0",
                doc("a0", "c-b"),
                IssueKind::UniqueViolation,
                Some("b"),
                &["a", "a0", "c", "d"],
            )
        },
    ]
}

/// A change, and what is in the view then.
pub(crate) type Good = (String, &'static [&'static str]);

/// Good changes to [`Db::filled`].
pub(crate) fn good() -> Vec<Good> {
    let copy = "INSERT INTO sessions(id, doc, channelId, categoryId, turn, open) \
                SELECT 'e', replace(replace(doc, '\"b\"', '\"e\"'), 'c-b', 'c-e'), 'c-e', \
                categoryId, turn, open FROM sessions WHERE id = 'b'";
    vec![
        (
            format!("UPDATE sessions SET doc = '{}' WHERE id = 'b'", doc("b", "c-z")),
            &["a", "b", "c", "d"],
        ),
        (
            format!("INSERT INTO sessions(id, doc) VALUES('e', '{}')", doc("e", "c-e")),
            &["a", "b", "c", "d", "e"],
        ),
        (copy.to_owned(), &["a", "b", "c", "d", "e"]),
        (
            format!("INSERT OR REPLACE INTO sessions(id, doc) VALUES('b', '{}')", doc("b", "c-z")),
            &["a", "b", "c", "d"],
        ),
        (
            format!(
                "INSERT INTO sessions(id, doc) VALUES('b', '{}') \
                 ON CONFLICT DO UPDATE SET doc = excluded.doc",
                doc("b", "c-z")
            ),
            &["a", "b", "c", "d"],
        ),
        // Whoever says so replaces another row by its unique key.
        (
            format!(
                "INSERT OR REPLACE INTO sessions(id, doc, channelId) VALUES('e', '{}', 'c-b')",
                doc("e", "c-b")
            ),
            &["a", "c", "d", "e"],
        ),
        (
            "UPDATE OR REPLACE sessions SET channelId = 'c-b' WHERE id = 'c'".to_owned(),
            &["a", "c", "d"],
        ),
        ("DELETE FROM sessions WHERE id = 'b'".to_owned(), &["a", "c", "d"]),
        ("DELETE FROM sessions".to_owned(), &[]),
        // Keys alone are no change: the document says what they are.
        (
            "UPDATE sessions SET categoryId = 'other', turn = 3, open = 0 WHERE id = 'b'".to_owned(),
            &["a", "b", "c", "d"],
        ),
        (
            "UPDATE sessions SET channelId = NULL".to_owned(),
            &["a", "b", "c", "d"],
        ),
        (
            "UPDATE sessions SET larder = 0".to_owned(),
            &["a", "b", "c", "d"],
        ),
        // Away and back again.
        (
            "UPDATE sessions SET id = 'x' WHERE id = 'b'; UPDATE sessions SET id = 'b' WHERE id = 'x'"
                .to_owned(),
            &["a", "b", "c", "d"],
        ),
        // Both the id and what it stands for.
        (
            format!(
                "UPDATE sessions SET id = 'e', doc = '{}' WHERE id = 'b'",
                doc("e", "c-b")
            ),
            &["a", "c", "d", "e"],
        ),
    ]
}

/// That these are the one issue of a bad change, without a value of the record.
#[track_caller]
pub(crate) fn is_the_issue(issues: &[Issue], bad: &Bad) {
    let [issue] = issues else {
        panic!("{}: {issues:?}", bad.sql)
    };
    assert_eq!(issue.kind(), bad.kind, "{}: {issue}", bad.sql);
    assert_eq!(issue.id(), bad.id, "{}: {issue}", bad.sql);
    assert_eq!(issue.action(), larder::Action::Dropped, "{}", bad.sql);
    assert_eq!(issue.collection(), "sessions");
    assert!(!issue.to_string().contains(SECRET), "{issue}");
}

/// What is in quarantine.
pub(crate) fn rejected(store: &Store) -> Vec<Vec<u8>> {
    let entries = store.quarantine().unwrap();
    for entry in &entries {
        assert!(!entry.issue().to_string().contains(SECRET));
    }
    entries.iter().map(|entry| entry.bytes().to_vec()).collect()
}

fn hex(bytes: &[u8]) -> String {
    let mut hex = String::new();
    for byte in bytes {
        write!(hex, "{byte:02x}").unwrap();
    }
    hex
}

/// Tries every case, and then says which failed.
#[track_caller]
pub(crate) fn each<C: Sync>(
    cases: impl IntoIterator<Item = C>,
    name: fn(&C) -> &str,
    test: fn(&C),
) {
    let cases: Vec<C> = cases.into_iter().collect();
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(Vec::new());
    // Each case has a database of its own, and most of its time goes by in waiting for the disk.
    std::thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let run = std::panic::AssertUnwindSafe(|| test(case));
                    if std::panic::catch_unwind(run).is_err() {
                        failed.lock().unwrap().push(name(case));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "failed: {failed:#?}");
}
