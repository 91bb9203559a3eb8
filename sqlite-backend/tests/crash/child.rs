//! The process under the recorder: it does what its plan says, and marks what was told it and when.
//!
//! The marks go into a file beside the store, and by the recorder into the log, where they stand in
//! order with the calls of the system:
//!
//! | mark | says that |
//! |---|---|
//! | `try N` | write N begins |
//! | `wrote N S` | it is visible, under the store's sequence number S |
//! | `refused N` | it was refused |
//! | `ack N` | it is durable, and every write before it |
//! | `ack all` | every visible write is |

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use larder_core::{
    Backend as _, BackendExt as _, Collection, Durability, Options, RepositoryExt as _, Result,
    Write,
};
use larder_sqlite::{SqliteRepository, SqliteStore};
use serde_json::Value;

use super::plan::{End, NAMES, Op, Plan};

/// Where the store is, in the directory that is recorded.
pub(crate) const DATABASE: &str = "deep/store/data.db";
/// The file of the marks.
pub(crate) const MARKS: &str = "marks";

/// So often a store is asked for something while calls fail.
const ATTEMPTS: u32 = 8;

/// How a store is opened where nothing else is wanted.
pub(crate) fn options() -> Options {
    Options {
        // Nothing is flushed but what somebody waits for, and failures are told soon.
        debounce: Duration::from_hours(1),
        flush_attempts: 2,
        drop_timeout: Duration::from_millis(1),
        ..Options::default()
    }
}

pub(crate) fn open(path: &Path, options: Options) -> Result<Opened> {
    let store = SqliteStore::open(path, options)?;
    let notes = Collection::named(NAMES[0]).unique("name").multi("tags");
    let zebras = Collection::named(NAMES[1]).index("write");
    let repositories = [store.collection(notes)?, store.collection(zebras)?];
    Ok(Opened {
        store,
        repositories,
    })
}

/// A store with both collections.
pub(crate) struct Opened {
    pub(crate) store: SqliteStore,
    pub(crate) repositories: [SqliteRepository<Value>; 2],
}

/// Does what a plan says in a directory.
pub(crate) fn run(plan: &Plan, dir: &Path) {
    let database = dir.join(DATABASE);
    if let Some(page) = plan.page {
        found(&database, page);
    }
    let process = Process {
        plan,
        database: &database,
        marks: OpenOptions::new()
            .append(true)
            .create(true)
            .open(dir.join(MARKS))
            .unwrap(),
    };
    let length = plan.reopens.unwrap_or(u64::MAX);
    let mut from = plan.from;
    while from <= plan.to {
        let to = plan.to.min(from.saturating_add(length - 1));
        process.session(from, to);
        from = to + 1;
    }
}

/// Makes an empty database with pages of this size, as another program may, in directories that are durable.
fn found(database: &Path, page: u32) {
    std::fs::create_dir_all(database.parent().unwrap()).unwrap();
    let depth = Path::new(DATABASE).components().count();
    for dir in database.ancestors().skip(2).take(depth - 1) {
        File::open(dir).and_then(|dir| dir.sync_all()).unwrap();
    }
    let connection = rusqlite::Connection::open(database).unwrap();
    connection.pragma_update(None, "page_size", page).unwrap();
    let mode = connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()));
    mode.unwrap();
}

struct Process<'p> {
    plan: &'p Plan,
    database: &'p Path,
    marks: File,
}

impl Process<'_> {
    fn mark(&self, what: &str) {
        (&self.marks)
            .write_all(format!("{what}\n").as_bytes())
            .unwrap();
    }

    /// Opens the store, makes some of the writes, and closes it or is killed.
    fn session(&self, from: u64, to: u64) {
        let opened = self.patiently("open", || open(self.database, self.options()));
        if self.plan.threads <= 1 {
            self.writes(&opened, from..=to);
        } else {
            let threads = self.plan.threads;
            std::thread::scope(|scope| {
                for thread in 0..threads {
                    let writes = (from..=to).filter(move |number| number % threads == thread);
                    let opened = &opened;
                    scope.spawn(move || self.writes(opened, writes));
                }
            });
        }
        if self.plan.end == End::Killed && to == self.plan.to {
            std::process::abort();
        }
        if self.plan.faulty {
            // Either all of it is durable now, or the process goes on without having been told so.
            for _ in 0..ATTEMPTS {
                if opened.store.flush().wait().is_ok() {
                    self.mark("ack all");
                    break;
                }
            }
        }
        match opened.store.close().wait() {
            Ok(()) => self.mark("ack all"),
            Err(error) if self.plan.faulty => self.mark(&format!("note not closed: {error}")),
            Err(error) => panic!("the store is not closed: {error:?}"),
        }
    }

    fn options(&self) -> Options {
        let mut options = options();
        if self.plan.eager {
            options.debounce = Duration::ZERO;
        }
        if self.plan.process_crash {
            options.durability = Durability::ProcessCrash;
        }
        options
    }

    fn writes(&self, opened: &Opened, numbers: impl Iterator<Item = u64>) {
        let mut nth = 0;
        let mut reader = None;
        for number in numbers {
            match self.plan.reads {
                Some((first, _)) if number == first => reader = Some(self.reader()),
                Some((_, last)) if number == last => {
                    self.move_log("PASSIVE");
                    drop(reader.take());
                }
                _ => {}
            }
            self.mark(&format!("try {number}"));
            match make(opened, &self.plan.op(number)) {
                Ok(write) => {
                    let sequence = write.sequence().unwrap_or_default();
                    self.mark(&format!("wrote {number} {sequence}"));
                    if self.plan.awaits(number) {
                        self.await_it(number, write);
                    } else {
                        write.detach();
                    }
                }
                Err(error) if self.plan.faulty => {
                    self.mark(&format!("note {error}"));
                    self.mark(&format!("refused {number}"));
                }
                Err(error) => panic!("write {number} is refused: {error:?}"),
            }
            nth += 1;
            if self.plan.checkpoints.is_some_and(|after| nth % after == 0) {
                self.checkpoint(nth);
            }
        }
    }

    fn await_it(&self, number: u64, write: Write<()>) {
        match write.wait() {
            Ok(()) => self.mark(&format!("ack {number}")),
            Err(error) if self.plan.faulty => self.mark(&format!("note not durable: {error}")),
            Err(error) => panic!("write {number} is not durable: {error:?}"),
        }
    }

    /// Another program, which reads the database as it is now for as long as it likes.
    fn reader(&self) -> rusqlite::Connection {
        let connection = rusqlite::Connection::open(self.database).unwrap();
        let begin = format!("BEGIN; SELECT count(*) FROM {}", NAMES[0]);
        connection.execute_batch(&begin).unwrap();
        connection
    }

    /// Another program moves the log into the database, in one of the ways there are.
    fn checkpoint(&self, nth: u64) {
        let after = self.plan.checkpoints.unwrap_or(1);
        let how = ["PASSIVE", "RESTART", "TRUNCATE"];
        self.move_log(how[usize::try_from(nth / after % 3).unwrap()]);
    }

    fn move_log(&self, how: &str) {
        let moved = rusqlite::Connection::open(self.database).and_then(|connection| {
            connection.query_row(&format!("PRAGMA wal_checkpoint({how})"), [], |_| Ok(()))
        });
        if let Err(error) = moved {
            assert!(self.plan.faulty, "no checkpoint: {error}");
            self.mark(&format!("note no checkpoint: {error}"));
        }
    }

    fn patiently<R>(&self, what: &str, mut act: impl FnMut() -> Result<R>) -> R {
        for _ in 1..ATTEMPTS {
            match act() {
                Ok(done) => return done,
                Err(error) if self.plan.faulty => self.mark(&format!("note no {what}: {error}")),
                Err(error) => panic!("no {what}: {error:?}"),
            }
        }
        act().unwrap()
    }
}

fn make(opened: &Opened, op: &Op) -> Result<Write<()>> {
    let repository = |collection: &usize| &opened.repositories[*collection];
    match op {
        Op::Save(collection, record) => {
            let saved = repository(collection).save(Value::clone(record))?;
            Ok(saved.map(|_| ()))
        }
        Op::Delete(collection, id) => Ok(repository(collection).delete(id)?.map(|_| ())),
        Op::Batch(collection, records) => {
            let records = records.iter().map(|record| Value::clone(record));
            Ok(repository(collection).save_all(records)?.map(|_| ()))
        }
        Op::Both(record, id) => opened.store.transaction(|tx| {
            for name in NAMES {
                tx.collection::<Value>(name)?.save(Value::clone(record))?;
            }
            if record["id"] != id.as_str() {
                tx.collection::<Value>(NAMES[1])?.delete(id)?;
            }
            Ok(())
        }),
    }
}
