//! Tests of the store on a disk that records its calls, fails on demand and can be held; and, in
//! `crash`, on one that forgets.
//!
//! Owns [`ProbeDisk`]. What needs no such disk is tested through the public interface, in the
//! tests of the `larder` package.

#![allow(
    clippy::disallowed_methods,
    reason = "a test plays other programs, too"
)]

mod changed_behind;
mod crash;
mod durability;
mod faults;
mod sizes;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use larder_core::{Collection, Options, RepositoryExt};
use parking_lot::{Condvar, Mutex};
use serde_json::{Value, json};

use crate::disk::{Access, Contents, Disk, DiskError, Identity, TempFile};
use crate::lock::{LockError, LockHandle, LockMode};
use crate::real_disk::RealDisk;
use crate::{JsonRepository, JsonStore};

/// A real disk that records what is asked of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct ProbeDisk {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Calls that change the disk or make it durable, in order.
    calls: Vec<String>,
    /// How often each kind of call still fails.
    failing: BTreeMap<&'static str, (u32, i32)>,
    /// Calls of this kind wait until the gate is opened.
    gate: Option<&'static str>,
    /// How many calls wait there.
    waiting: u32,
}

impl ProbeDisk {
    /// Every further call of this kind fails with this error number, so many times.
    pub(crate) fn fail(&self, call: &'static str, times: u32, errno: i32) {
        self.shared
            .state
            .lock()
            .failing
            .insert(call, (times, errno));
    }

    pub(crate) fn heal(&self) {
        self.shared.state.lock().failing.clear();
    }

    /// Calls of this kind wait from now on.
    pub(crate) fn hold(&self, call: &'static str) {
        self.shared.state.lock().gate = Some(call);
    }

    pub(crate) fn let_go(&self) {
        self.shared.state.lock().gate = None;
        self.shared.changed.notify_all();
    }

    /// Returns when a call waits at the gate.
    pub(crate) fn until_held(&self) {
        let mut state = self.shared.state.lock();
        while state.waiting == 0 {
            self.shared.changed.wait(&mut state);
        }
    }

    /// Returns when at least so many calls of this kind were made.
    pub(crate) fn until_called(&self, call: &str, times: usize) {
        let mut state = self.shared.state.lock();
        while state
            .calls
            .iter()
            .filter(|made| made.starts_with(call))
            .count()
            < times
        {
            self.shared.changed.wait(&mut state);
        }
    }

    pub(crate) fn take_calls(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.state.lock().calls)
    }

    pub(crate) fn count(&self, call: &str) -> usize {
        self.shared
            .state
            .lock()
            .calls
            .iter()
            .filter(|made| made.starts_with(call))
            .count()
    }

    fn call(&self, call: &'static str, path: &Path) -> Result<(), DiskError> {
        let mut state = self.shared.state.lock();
        state.waiting += 1;
        self.shared.changed.notify_all();
        while state.gate == Some(call) {
            self.shared.changed.wait(&mut state);
        }
        state.waiting -= 1;
        // Temp names are random; everything else is told by its name.
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or("/");
        let name = if crate::disk::is_temp_name(name.as_ref()) {
            "TEMP"
        } else {
            name
        };
        state.calls.push(format!("{call} {name}"));
        self.shared.changed.notify_all();
        if let Some((times, errno)) = state.failing.get_mut(call)
            && *times > 0
        {
            *times -= 1;
            return Err(DiskError::new(
                call,
                path,
                io::Error::from_raw_os_error(*errno),
            ));
        }
        Ok(())
    }
}

impl Disk for ProbeDisk {
    fn resolve(&self, path: &Path) -> Result<PathBuf, DiskError> {
        RealDisk.resolve(path)
    }

    fn identity(&self, path: &Path) -> Result<Option<Identity>, DiskError> {
        RealDisk.identity(path)
    }

    fn read(&self, path: &Path, max: u64) -> Result<Contents, DiskError> {
        self.call("read", path)?;
        RealDisk.read(path, max)
    }

    fn create_temp(&self, dir: &Path, access: &Access) -> Result<Box<dyn TempFile>, DiskError> {
        self.call("create_temp", dir)?;
        let temp = RealDisk.create_temp(dir, access)?;
        Ok(Box::new(ProbeTemp {
            temp,
            disk: self.clone(),
        }))
    }

    fn sync_dir(&self, dir: &Path) -> Result<(), DiskError> {
        self.call("sync_dir", dir)?;
        RealDisk.sync_dir(dir)
    }

    fn create_dirs(&self, dir: &Path) -> Result<Vec<PathBuf>, DiskError> {
        RealDisk.create_dirs(dir)
    }

    fn list(&self, dir: &Path) -> Result<Vec<OsString>, DiskError> {
        RealDisk.list(dir)
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        self.call("rename", to)?;
        RealDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> Result<bool, DiskError> {
        self.call("remove", path)?;
        RealDisk.remove(path)
    }

    fn lock(&self, path: &Path, mode: LockMode) -> Result<Box<dyn LockHandle>, LockError> {
        self.call("lock", path)?;
        RealDisk.lock(path, mode)
    }
}

#[derive(Debug)]
struct ProbeTemp {
    temp: Box<dyn TempFile>,
    disk: ProbeDisk,
}

impl TempFile for ProbeTemp {
    fn path(&self) -> &Path {
        self.temp.path()
    }

    fn write_all(&mut self, bytes: &[u8]) -> Result<(), DiskError> {
        self.disk.call("write", self.temp.path())?;
        self.temp.write_all(bytes)
    }

    fn sync(&mut self) -> Result<(), DiskError> {
        self.disk.call("sync", self.temp.path())?;
        self.temp.sync()
    }

    fn identity(&self) -> Result<Identity, DiskError> {
        self.temp.identity()
    }

    fn close_and_rename(self: Box<Self>, target: &Path) -> Result<(), DiskError> {
        self.disk.call("rename", target)?;
        self.temp.close_and_rename(target)
    }

    fn close_and_create(self: Box<Self>, target: &Path) -> Result<(), DiskError> {
        self.disk.call("create", target)?;
        self.temp.close_and_create(target)
    }

    fn close_and_keep(self: Box<Self>) -> Result<PathBuf, DiskError> {
        self.disk.call("keep", self.temp.path())?;
        self.temp.close_and_keep()
    }
}

/// `EIO`, `EACCES`, `EEXIST`, `ENOSPC`: on every Unix.
pub(crate) const EIO: i32 = 5;
pub(crate) const EACCES: i32 = 13;
pub(crate) const EEXIST: i32 = 17;
pub(crate) const ENOSPC: i32 = 28;

pub(crate) fn open(disk: &ProbeDisk, dir: &Path, options: Options) -> JsonStore {
    JsonStore::open_on(Arc::new(disk.clone()), dir, options).expect("the store opens")
}

pub(crate) fn notes(store: &JsonStore) -> JsonRepository<Value> {
    store
        .collection(Collection::named("notes").index("tag"))
        .expect("the collection opens")
}

pub(crate) fn note(number: u32) -> Value {
    json!({"id": format!("n{number:04}"), "tag": number % 7})
}

/// The numbers of the notes that are on disk, as another program would read them.
pub(crate) fn on_disk(dir: &Path) -> Vec<String> {
    let Ok(text) = std::fs::read_to_string(dir.join("notes.json")) else {
        return Vec::new();
    };
    let file: Value = serde_json::from_str(&text).expect("a store file is JSON");
    let records = file["records"]
        .as_array()
        .or(file.as_array())
        .expect("records")
        .clone();
    records
        .iter()
        .map(|record| record["id"].as_str().expect("an id").to_owned())
        .collect()
}

/// Saves without waiting.
pub(crate) fn save(notes: &JsonRepository<Value>, number: u32) {
    notes.save(note(number)).expect("a valid note").detach();
}
