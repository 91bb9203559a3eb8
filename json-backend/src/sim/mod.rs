//! A disk that forgets: it keeps what is visible and what is durable apart, and can be cut off at any
//! moment.
//!
//! Owns [`SimDisk`], which stands in for the real disk, and how it is told to fail. What a directory
//! and a file remember is `world`; what a crash may leave of them is `images`; how each call of the
//! `Disk` trait is answered is `disk`.
//!
//! # The model
//!
//! * **Names.** Each creation, rename and removal in a directory is one effect. Until the directory is
//!   synced a crash keeps any subset of the effects, in their order. The two halves of a rename (the
//!   old name goes, the new one has the file) are one effect, as they are on file systems that keep a
//!   journal. A directory's own name is an effect in its parent.
//! * **Contents.** A file is made of blocks of 512 bytes. Until it is synced a crash keeps any prefix
//!   of it, cut at the end of a block, in which any blocks are as they were before, which is zeros for
//!   those that were not there. A sync of a file does not make its name durable.
//! * **Failed syncs.** What was not durable when a sync failed may be lost from then on, whatever later
//!   syncs answer: they say `Ok` and make durable what came after. So Linux treats contents; here names
//!   are treated so, too, which is worse than what file systems with a journal do.
//! * **A write that fails** leaves half of what was to be written.
//! * **A call that fails** has otherwise done nothing, unless the fault says that it lost only its
//!   answer.
//!
//! Every call has a number, from 1. After each the disk remembers what it holds, so one run has all its
//! crashes in it: [`SimDisk::at`]. Temp names are numbered, and so are times: two runs that ask the
//! same get the same.
//!
//! # Use
//!
//! ```
//! use larder_core::{Collection, Options, Repository, RepositoryExt};
//! use larder_json::sim::{Budget, SimDisk};
//! use serde_json::{Value, json};
//!
//! let disk = SimDisk::new();
//! let store = disk.open("/data", Options::default())?;
//! let notes = store.collection(Collection::<Value>::named("notes"))?;
//! notes.save(json!({"id": "a"}))?.wait()?; // acknowledged: no crash takes it from here on
//! let from = disk.steps();
//! notes.save(json!({"id": "b"}))?.wait()?;
//!
//! let budget = Budget { exhaustive: 100, samples: 20, seed: 1 };
//! for step in from..=disk.steps() {
//!     for image in disk.at(step).expect("it was there").images(&budget) {
//!         let store = image.boot().open("/data", Options::default())?;
//!         let notes = store.collection(Collection::<Value>::named("notes"))?;
//!         assert!(notes.get("a")?.is_some(), "lost by a crash after call {step}");
//!     }
//! }
//! # Ok::<(), larder_core::Error>(())
//! ```

mod disk;
mod images;
mod world;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use larder_core::{Options, Result};
use parking_lot::Mutex;

use crate::JsonStore;
use crate::disk::DiskError;
pub use images::{Budget, Cut, Image};
use world::World;

/// What a fault looks like.
///
/// Kinds of calls are: `resolve`, `identity`, `read`, `list`, `lock`, which only look; `create_temp`,
/// `write`, `sync`, `stat`, `rename`, `create`, `keep`, `drop` of a temp file; `rename`, `remove`,
/// `create_dirs`, `sync_dir` of a directory.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// How many calls still fail.
    pub times: u32,
    /// The number of the system's error.
    pub errno: i32,
    /// Whether the call does what it was told and only its answer is an error. Of renames only.
    pub done: bool,
}

/// A simulated disk. Clones are handles on the same one.
#[derive(Clone, Debug)]
pub struct SimDisk {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug)]
struct Shared {
    world: World,
    /// What was there after each call; empty if nobody is going to ask.
    history: Option<Vec<World>>,
    calls: Vec<String>,
    /// Calls from this number on fail, so many times.
    from: Option<(usize, Fault)>,
    /// Calls of this kind fail.
    kinds: BTreeMap<&'static str, Fault>,
    /// Every call after this one fails: the power is off.
    cut: Option<usize>,
    /// The calls that failed.
    failed: Vec<String>,
    locks: BTreeMap<PathBuf, Locked>,
}

/// Who holds a lock file.
#[derive(Clone, Copy, Debug)]
enum Locked {
    Exclusive,
    Shared(usize),
}

/// How a call goes on.
enum Go {
    /// As it should.
    Well,
    /// Not at all, or in part.
    Fail(io::Error),
    /// As it should, but this is the answer.
    Lie(io::Error),
}

/// As [`SimDisk::new`].
impl Default for SimDisk {
    fn default() -> Self {
        Self::new()
    }
}

impl SimDisk {
    /// An empty disk that remembers what it held after each call.
    #[must_use]
    pub fn new() -> Self {
        Self::of(World::new(), true)
    }

    fn of(world: World, remembers: bool) -> Self {
        Self {
            shared: Arc::new(Mutex::new(Shared {
                history: remembers.then(|| vec![world.clone()]),
                world,
                calls: Vec::new(),
                from: None,
                kinds: BTreeMap::new(),
                cut: None,
                failed: Vec::new(),
                locks: BTreeMap::new(),
            })),
        }
    }

    /// Opens the store in this directory of the disk, as `JsonStore::open` does in one of a real disk.
    ///
    /// # Errors
    ///
    /// As `JsonStore::open`.
    pub fn open(&self, dir: impl AsRef<Path>, options: Options) -> Result<JsonStore> {
        JsonStore::open_on(Arc::new(self.clone()), dir.as_ref(), options)
    }

    /// A directory that is there, durably.
    pub fn put_dir(&self, path: &Path) {
        self.put(|world| world.put_dir(path));
    }

    /// A symbolic link that is there, durably.
    pub fn put_link(&self, path: &Path, to: &Path) {
        self.put(|world| world.put_link(path, to));
    }

    /// A file that is there, durably.
    pub fn put_file(&self, path: &Path, bytes: &[u8]) {
        self.put(|world| world.put_file(path, bytes));
    }

    /// The files in a directory with what is in them, as a program that runs sees them. It is no call.
    #[must_use]
    pub fn files(&self, dir: &Path) -> BTreeMap<OsString, Vec<u8>> {
        let world = &self.shared.lock().world;
        let names = world.names(dir).unwrap_or_default();
        let files = names.into_iter().filter_map(|name| {
            let number = world.file_number(&dir.join(&name)).ok()?;
            Some((name, world.file(number).ok()?.live.clone()))
        });
        files.collect()
    }

    /// By the back door: it is no call, and what was there after the last one is this from now on.
    fn put(&self, act: impl FnOnce(&mut World)) {
        let mut shared = self.shared.lock();
        act(&mut shared.world);
        let now = shared.world.clone();
        if let Some(last) = shared
            .history
            .as_mut()
            .and_then(|history| history.last_mut())
        {
            *last = now;
        }
    }

    /// How many calls were made.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.shared.lock().calls.len()
    }

    /// The calls that were made: what, and of which file.
    #[must_use]
    pub fn calls(&self) -> Vec<String> {
        self.shared.lock().calls.clone()
    }

    /// The calls that failed, in order.
    #[must_use]
    pub fn failed(&self) -> Vec<String> {
        self.shared.lock().failed.clone()
    }

    /// What the disk held after this many calls; `None` if that is not so many yet, or if nothing is
    /// remembered.
    #[must_use]
    pub fn at(&self, step: usize) -> Option<Cut> {
        let shared = self.shared.lock();
        let world = shared.history.as_ref()?.get(step)?.clone();
        Some(Cut::new(world))
    }

    /// The power goes after this many calls: every later one fails.
    pub fn cut_after(&self, step: usize) {
        self.shared.lock().cut = Some(step);
    }

    /// Calls fail from this number on.
    pub fn fail_from(&self, step: usize, fault: Fault) {
        self.shared.lock().from = Some((step, fault));
    }

    /// Calls of this kind fail from now on.
    pub fn fail_kind(&self, call: &'static str, fault: Fault) {
        self.shared.lock().kinds.insert(call, fault);
    }

    /// Nothing fails any more.
    pub fn heal(&self) {
        let mut shared = self.shared.lock();
        shared.from = None;
        shared.kinds.clear();
    }
}

impl Shared {
    /// Counts a call that may fail, and says how it goes on.
    fn begin(&mut self, call: &'static str, path: &Path) -> Go {
        let number = self.count(call, path);
        if self.cut.is_some_and(|cut| number > cut) {
            return Go::Fail(io::Error::other("the power is off"));
        }
        let numbered = match &mut self.from {
            Some((from, fault)) if number >= *from => take(fault),
            _ => None,
        };
        let fault = numbered.or_else(|| self.kinds.get_mut(call).and_then(take));
        let Some(fault) = fault else {
            return Go::Well;
        };
        self.failed.push(call.to_owned());
        let error = io::Error::from_raw_os_error(fault.errno);
        if fault.done {
            Go::Lie(error)
        } else {
            Go::Fail(error)
        }
    }

    fn count(&mut self, call: &str, path: &Path) -> usize {
        let name = path.file_name().unwrap_or(path.as_os_str());
        self.calls
            .push(format!("{call} {}", name.to_string_lossy()));
        self.calls.len()
    }

    /// Remembers what is there after a call.
    fn end(&mut self) {
        if let Some(history) = &mut self.history {
            history.push(self.world.clone());
        }
    }

    /// A call from its beginning to its end. `fail` is what a call does that fails.
    fn call<T>(
        &mut self,
        (call, op): (&'static str, &'static str),
        path: &Path,
        act: impl FnOnce(&mut World) -> io::Result<T>,
        fail: impl FnOnce(&mut World),
    ) -> std::result::Result<T, DiskError> {
        let result = match self.begin(call, path) {
            Go::Well => act(&mut self.world),
            Go::Fail(error) => {
                if !self.is_off() {
                    fail(&mut self.world);
                }
                Err(error)
            }
            Go::Lie(error) => act(&mut self.world).and(Err(error)),
        };
        self.end();
        result.map_err(|source| DiskError::new(op, path, source))
    }

    /// Whether the last call that was counted came after the power went.
    fn is_off(&self) -> bool {
        self.cut.is_some_and(|cut| self.calls.len() > cut)
    }
}

fn take(fault: &mut Fault) -> Option<Fault> {
    fault.times = fault.times.checked_sub(1)?;
    Some(*fault)
}

#[cfg(test)]
mod tests;
