//! Looking at what crashes leave: each image is put on a disk and opened by a real store.
//!
//! Owns [`Proof`], which hands images to threads, counts them and says what was wrong with one, and the
//! check itself.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use larder_core::{Backend as _, ErrorKind, Options, Query, Repository as _, RepositoryExt as _};
use serde_json::{Value, json};

use super::child::{DATABASE, Opened, open, options};
use super::disk::Disk;
use super::images::{Budget, Image};
use super::plan::{NAMES, State};
use super::recording::Call;
use super::story::Bounds;

/// One of so many images is looked at from every side.
const CLOSELY: u64 = 12;

pub(crate) fn is_long() -> bool {
    std::env::var("LARDER_PROOF").is_ok_and(|value| value == "long")
}

/// An image, and what must be in it.
pub(crate) struct Task {
    pub(crate) image: Image,
    pub(crate) states: Arc<Vec<State>>,
    /// How many writes must be there.
    pub(crate) least: usize,
    /// And no more than so many.
    pub(crate) most: usize,
    /// Whether it is looked at from every side.
    pub(crate) closely: bool,
    /// Whether calls failed before.
    pub(crate) faulty: bool,
    /// Which crash left it.
    pub(crate) after: String,
}

impl Task {
    /// Whether the store is refused, and never was one: while its database was being made a sync failed
    /// more than once and then the power did, so that it has no beginning. Nothing is lost by that.
    fn is_stillborn(&self, database: &Path) -> bool {
        if !self.faulty || self.most > 0 {
            return false;
        }
        let opened = open(database, options());
        opened.is_err_and(|error| error.kind() == ErrorKind::Unrecognized)
    }
}

/// What is done, in a directory, with an image that was checked and in which this was found; gives how
/// many more were checked.
pub(crate) type Also = Arc<dyn Fn(&Task, &Path, &State) -> usize + Send + Sync>;

/// Where directories for images are: in memory, if there is such a place.
pub(crate) fn workplace() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir()
        && let Ok(dir) = tempfile::tempdir_in(memory)
    {
        return dir;
    }
    tempfile::tempdir().unwrap()
}

/// Counts what was looked at, so that nothing is looked at twice.
pub(crate) struct Proof {
    name: &'static str,
    /// Whether calls fail.
    pub(crate) faulty: bool,
    known: BTreeSet<(u64, usize, usize)>,
    calls: usize,
    failed_calls: usize,
    kills: usize,
    closely: Arc<AtomicUsize>,
    more: Arc<AtomicUsize>,
    tasks: Option<SyncSender<Task>>,
    failures: Arc<Mutex<Vec<String>>>,
    workers: Vec<JoinHandle<()>>,
    _place: tempfile::TempDir,
}

/// What was looked at.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    /// Calls of the system in the logs.
    pub(crate) calls: usize,
    /// Those among them that were made to fail.
    pub(crate) failed: usize,
    /// Disks that a crash may leave, each once.
    pub(crate) states: usize,
    /// Those among them that a kill leaves.
    pub(crate) kills: usize,
    /// Those that were looked at from every side.
    pub(crate) closely: usize,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.calls += other.calls;
        self.failed += other.failed;
        self.states += other.states;
        self.kills += other.kills;
        self.closely += other.closely;
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} calls, {} of them failed; {} crash states, {} of them of kills, {} looked at from every side",
            self.calls, self.failed, self.states, self.kills, self.closely
        )
    }
}

impl Proof {
    pub(crate) fn new(name: &'static str) -> Self {
        let nothing: Also = Arc::new(|_, _, _| 0);
        Self::and(name, &nothing)
    }

    /// With something that is done with each image that is looked at closely.
    pub(crate) fn and(name: &'static str, also: &Also) -> Self {
        let place = workplace();
        let (tasks, taken) = sync_channel(8);
        let taken = Arc::new(Mutex::new(taken));
        let failures: Arc<Mutex<Vec<String>>> = Arc::default();
        let closely: Arc<AtomicUsize> = Arc::default();
        let more: Arc<AtomicUsize> = Arc::default();
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        let workers = (0..threads.clamp(1, 8)).map(|number| {
            let worker = Worker {
                taken: Arc::clone(&taken),
                failures: Arc::clone(&failures),
                closely: Arc::clone(&closely),
                more: Arc::clone(&more),
                also: Arc::clone(also),
                dir: place.path().join(number.to_string()),
            };
            std::thread::spawn(move || worker.work())
        });
        let workers = workers.collect();
        Self {
            name,
            faulty: false,
            known: BTreeSet::new(),
            calls: 0,
            failed_calls: 0,
            kills: 0,
            closely,
            more,
            tasks: Some(tasks),
            workers,
            failures,
            _place: place,
        }
    }

    /// Replays what a process did, and looks at what a crash after each of its calls leaves.
    /// `budget` says how many, by the number of the call.
    pub(crate) fn every_crash(
        &mut self,
        disk: &mut Disk,
        calls: &[Call],
        bounds: &[Bounds],
        states: &Arc<Vec<State>>,
        budget: impl Fn(usize) -> Option<Budget>,
    ) {
        disk.next_process();
        for (number, call) in calls.iter().enumerate() {
            disk.apply(call);
            let now = bounds[number + 1];
            if matches!(call, Call::Mark(_)) && now.acked == bounds[number].acked {
                continue;
            }
            self.calls += usize::from(!matches!(call, Call::Mark(_)));
            self.failed_calls += usize::from(call.failed());
            let Some(budget) = budget(number) else {
                continue;
            };
            let after = |what: &str| format!("{what} after call {number}, {call}");
            for image in disk.images(budget, self.calls as u64) {
                self.look(image, states, (now.acked, now.begun), || {
                    after("power loss")
                });
            }
            // The machine goes on: what was visible is there.
            let seen = disk.seen();
            if self.look(seen, states, (now.visible, now.begun), || after("a kill")) {
                self.kills += 1;
            }
        }
    }

    /// Looks at one image; `false` if that was done before.
    pub(crate) fn look(
        &mut self,
        image: Image,
        states: &Arc<Vec<State>>,
        (least, most): (usize, usize),
        after: impl FnOnce() -> String,
    ) -> bool {
        let fingerprint = image.fingerprint();
        if !self.known.insert((fingerprint, least, most)) {
            return false;
        }
        let task = Task {
            image,
            states: Arc::clone(states),
            least,
            most,
            closely: fingerprint.is_multiple_of(CLOSELY),
            faulty: self.faulty,
            after: after(),
        };
        let tasks = self.tasks.as_ref().expect("open until the end");
        assert!(tasks.send(task).is_ok(), "{}: {}", self.name, self.failed());
        true
    }

    fn failed(&self) -> String {
        self.failures.lock().unwrap().join("\n")
    }

    /// Waits for the rest, and says how much was looked at.
    pub(crate) fn end(mut self) -> Counts {
        drop(self.tasks.take());
        for worker in self.workers.drain(..) {
            worker.join().unwrap();
        }
        let failed = self.failed();
        assert!(failed.is_empty(), "{}: {failed}", self.name);
        let counts = Counts {
            calls: self.calls,
            failed: self.failed_calls,
            states: self.known.len() + self.more.load(Ordering::Relaxed),
            kills: self.kills,
            closely: self.closely.load(Ordering::Relaxed),
        };
        println!("    {}: {counts}", self.name);
        assert!(counts.states > 0);
        counts
    }
}

struct Worker {
    taken: Arc<Mutex<Receiver<Task>>>,
    failures: Arc<Mutex<Vec<String>>>,
    closely: Arc<AtomicUsize>,
    more: Arc<AtomicUsize>,
    also: Also,
    dir: PathBuf,
}

impl Worker {
    /// Until there is no more to do, or one is wrong.
    fn work(&self) {
        loop {
            let Ok(task) = self.taken.lock().unwrap().recv() else {
                return;
            };
            if !self.failures.lock().unwrap().is_empty() {
                return;
            }
            clear(&self.dir);
            let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                let found = check(&task, &self.dir);
                if task.closely {
                    clear(&self.dir);
                    let more = (self.also)(&task, &self.dir, &found);
                    self.more.fetch_add(more, Ordering::Relaxed);
                }
            }));
            self.closely
                .fetch_add(usize::from(task.closely), Ordering::Relaxed);
            if let Err(panic) = checked {
                let words = panic.downcast_ref::<String>().cloned();
                let words =
                    words.or_else(|| panic.downcast_ref().map(|it: &&str| (*it).to_owned()));
                // The image stays, for whoever looks for the cause.
                let kept = tempfile::Builder::new().prefix("larder-crash-").tempdir();
                let kept = kept.unwrap().keep();
                task.image.put(&kept);
                let text = format!(
                    "{}: {} (see {})",
                    task.after,
                    words.unwrap_or_default(),
                    kept.display()
                );
                self.failures.lock().unwrap().push(text);
                return;
            }
        }
    }
}

/// Makes an empty directory.
pub(crate) fn clear(dir: &Path) {
    drop(std::fs::remove_dir_all(dir));
    std::fs::create_dir(dir).unwrap();
}

/// That a store opens what a crash left, and finds what must be there.
pub(crate) fn check(task: &Task, dir: &Path) -> State {
    task.image.put(dir);
    let database = dir.join(DATABASE);
    let for_reading = if task.closely {
        read_only(task, dir)
    } else {
        None
    };
    if task.is_stillborn(&database) {
        return State::default();
    }
    let opened = must_open(&database);
    let found = records(&opened);
    is_a_prefix(task, &found);
    if let Some(for_reading) = for_reading {
        assert!(for_reading == found, "for reading there is something else");
    }
    opened.store.close().wait().unwrap();
    drop(opened);
    if !task.closely {
        return found;
    }
    assert_eq!(integrity(&database), "ok");
    let opened = must_open(&database);
    assert!(
        records(&opened) == found,
        "a second open finds something else"
    );
    for name in NAMES {
        let report = opened.store.verify(name).unwrap();
        assert!(report.is_clean(), "{report}");
    }
    for (collection, repository) in opened.repositories.iter().enumerate() {
        let later = json!({"id": "later", "write": 0, "name": "later", "tags": ["t"]});
        repository.save(later).unwrap().wait().unwrap();
        let all = found[collection].len() + 1;
        assert_eq!(repository.find(Query::all()).unwrap().len(), all);
    }
    opened.store.close().wait().unwrap();
    drop(opened);
    let opened = must_open(&database);
    for (repository, found) in opened.repositories.iter().zip(&found) {
        assert!(
            repository.get("later").unwrap().is_some(),
            "it does not go on"
        );
        assert_eq!(
            repository.find(Query::all()).unwrap().len(),
            found.len() + 1
        );
    }
    opened.store.close().wait().unwrap();
    found
}

fn must_open(database: &Path) -> Opened {
    let opened = open(database, options());
    let opened =
        opened.unwrap_or_else(|error| panic!("the store does not open: {error}: {error:?}"));
    let report = opened.store.load_report();
    assert!(report.is_clean(), "{report}");
    opened
}

fn is_a_prefix(task: &Task, found: &State) {
    let allowed = &task.states[task.least..=task.most];
    assert!(
        allowed.contains(found),
        "no prefix of {} to {} writes, but {}",
        task.least,
        task.most,
        describe(found, &task.states)
    );
}

/// Who only reads finds the same, or is told that the store is not to be read yet.
fn read_only(task: &Task, dir: &Path) -> Option<State> {
    let database = dir.join(DATABASE);
    let options = Options {
        read_only: true,
        ..options()
    };
    let found = match open(&database, options) {
        Ok(opened) => Some(records(&opened)),
        Err(error) => {
            let is_told = matches!(error.kind(), ErrorKind::Io | ErrorKind::Unrecognized);
            assert!(is_told, "for reading: {error:?}");
            // What a journal would undo only a writer can undo.
            let is_undone = task
                .image
                .files
                .keys()
                .any(|path| path.ends_with("-journal"));
            assert!(
                is_undone || task.least == 0,
                "for reading there is nothing: {error:?}"
            );
            None
        }
    };
    // SQLite has files of its own beside the database.
    let is_beside = |path: &str| !task.image.files.contains_key(path);
    let difference = task.image.difference(dir, is_beside);
    assert_eq!(difference, None, "who only reads has written");
    found
}

fn records(opened: &Opened) -> State {
    opened.repositories.each_ref().map(|repository| {
        let all = repository.find(Query::all()).unwrap();
        let all = all.into_iter();
        all.map(|record| (record["id"].as_str().unwrap().to_owned(), record))
            .collect()
    })
}

fn integrity(database: &Path) -> String {
    let connection = rusqlite::Connection::open(database).unwrap();
    let found = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0));
    found.unwrap()
}

/// Which writes are there: the records themselves would be unreadable.
fn describe(found: &State, states: &[State]) -> String {
    if let Some(number) = states.iter().position(|state| state == found) {
        return format!("{number}");
    }
    let numbers = found.each_ref().map(|records| {
        let all = records
            .values()
            .map(|record: &Arc<Value>| record["write"].to_string());
        all.collect::<Vec<_>>().join(" ")
    });
    format!("none at all: {numbers:?}")
}
