//! How the simulated disk answers each call.
//!
//! Owns the `Disk` of [`SimDisk`], its temp files and its locks. What a call does to what is there is
//! in `world`.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use super::world::not_found;
use super::{Go, Locked, SimDisk};
use crate::disk::{Access, Contents, Disk, DiskError, Identity, PRIVATE_MODE, TempFile};
use crate::lock::{LockError, LockHandle, LockMode};

impl Disk for SimDisk {
    fn resolve(&self, path: &Path) -> Result<PathBuf, DiskError> {
        self.shared.lock().call(
            ("resolve", "follow the link"),
            path,
            |world| world.resolve(path),
            |_| {},
        )
    }

    fn identity(&self, path: &Path) -> Result<Option<Identity>, DiskError> {
        self.shared.lock().call(
            ("identity", "look at"),
            path,
            |world| match world.file_number(path) {
                Ok(number) => Ok(Some(world.file(number)?.identity(number))),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(_) => Ok(Some(Identity {
                    len: 0,
                    modified_ns: None,
                    node: None,
                    mode: Some(0o700),
                    owner: None,
                    is_file: false,
                })),
            },
            |_| {},
        )
    }

    fn read(&self, path: &Path, max: u64) -> Result<Contents, DiskError> {
        self.shared.lock().call(
            ("read", "read"),
            path,
            |world| {
                let number = world.file_number(path)?;
                let file = world.file(number)?;
                if file.live.len() as u64 > max {
                    return Err(io::ErrorKind::FileTooLarge.into());
                }
                Ok(Contents {
                    bytes: file.live.clone(),
                    identity: file.identity(number),
                })
            },
            |_| {},
        )
    }

    fn create_temp(&self, dir: &Path, access: &Access) -> Result<Box<dyn TempFile>, DiskError> {
        let mode = match access {
            Access::New(mode) => *mode,
            Access::Like(like) => like.mode.unwrap_or(PRIVATE_MODE),
        };
        let (path, number) = self.shared.lock().call(
            ("create_temp", "create a temp file in"),
            dir,
            |world| world.create_temp(dir, mode),
            |_| {},
        )?;
        Ok(Box::new(SimTemp {
            disk: self.clone(),
            path,
            number,
            ours: true,
        }))
    }

    fn sync_dir(&self, dir: &Path) -> Result<(), DiskError> {
        self.shared.lock().call(
            ("sync_dir", "sync the directory"),
            dir,
            |world| world.sync_dir(dir, true),
            |world| {
                let _ = world.sync_dir(dir, false);
            },
        )
    }

    fn create_dirs(&self, dir: &Path) -> Result<Vec<PathBuf>, DiskError> {
        self.shared.lock().call(
            ("create_dirs", "create the directory"),
            dir,
            |world| world.create_dirs(dir),
            |_| {},
        )
    }

    fn list(&self, dir: &Path) -> Result<Vec<OsString>, DiskError> {
        self.shared
            .lock()
            .call(("list", "list"), dir, |world| world.names(dir), |_| {})
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        self.shared.lock().call(
            ("rename", "move into place"),
            to,
            |world| world.rename(from, to),
            |_| {},
        )
    }

    fn remove(&self, path: &Path) -> Result<bool, DiskError> {
        self.shared.lock().call(
            ("remove", "remove"),
            path,
            |world| world.remove(path),
            |_| {},
        )
    }

    /// A lock is a matter of the process, not of the disk: no crash leaves one.
    fn lock(&self, path: &Path, mode: LockMode) -> Result<Box<dyn LockHandle>, LockError> {
        let mut shared = self.shared.lock();
        shared.call(("lock", "lock"), path, |_| Ok(()), |_| {})?;
        let held = || LockError::Held {
            path: path.to_owned(),
            by: None,
            same_process: true,
        };
        let now = match (shared.locks.get(path), mode) {
            (None, LockMode::Exclusive) => Locked::Exclusive,
            (None, LockMode::Shared) => Locked::Shared(1),
            (Some(Locked::Shared(readers)), LockMode::Shared) => Locked::Shared(readers + 1),
            (Some(Locked::Exclusive), _) => return Err(held()),
            (Some(Locked::Shared(_)), LockMode::Exclusive) => {
                return Err(LockError::HeldByReaders {
                    path: path.to_owned(),
                    same_process: true,
                });
            }
        };
        shared.locks.insert(path.to_owned(), now);
        Ok(Box::new(SimLock {
            disk: self.clone(),
            path: path.to_owned(),
        }))
    }
}

#[derive(Debug)]
struct SimLock {
    disk: SimDisk,
    path: PathBuf,
}

impl LockHandle for SimLock {
    fn is_current(&self) -> bool {
        true
    }
}

impl Drop for SimLock {
    fn drop(&mut self) {
        let mut shared = self.disk.shared.lock();
        match shared.locks.get(&self.path) {
            Some(Locked::Shared(readers)) if *readers > 1 => {
                let left = Locked::Shared(readers - 1);
                shared.locks.insert(self.path.clone(), left);
            }
            _ => {
                shared.locks.remove(&self.path);
            }
        }
    }
}

#[derive(Debug)]
struct SimTemp {
    disk: SimDisk,
    path: PathBuf,
    number: u64,
    /// Whether it goes when this is dropped.
    ours: bool,
}

impl TempFile for SimTemp {
    fn path(&self) -> &Path {
        &self.path
    }

    fn write_all(&mut self, bytes: &[u8]) -> Result<(), DiskError> {
        let number = self.number;
        self.disk.shared.lock().call(
            ("write", "write"),
            &self.path,
            |world| world.write(number, bytes),
            |world| {
                let half = bytes.get(..bytes.len() / 2).unwrap_or_default();
                let _ = world.write(number, half);
            },
        )
    }

    fn sync(&mut self) -> Result<(), DiskError> {
        let number = self.number;
        self.disk.shared.lock().call(
            ("sync", "sync"),
            &self.path,
            |world| world.sync_file(number, true),
            |world| {
                let _ = world.sync_file(number, false);
            },
        )
    }

    fn identity(&self) -> Result<Identity, DiskError> {
        let number = self.number;
        self.disk.shared.lock().call(
            ("stat", "look at"),
            &self.path,
            |world| Ok(world.file(number)?.identity(number)),
            |_| {},
        )
    }

    fn close_and_rename(mut self: Box<Self>, target: &Path) -> Result<(), DiskError> {
        let from = self.path.clone();
        self.disk.shared.lock().call(
            ("rename", "replace"),
            target,
            |world| world.rename(&from, target),
            |_| {},
        )?;
        self.ours = false;
        Ok(())
    }

    fn close_and_create(mut self: Box<Self>, target: &Path) -> Result<(), DiskError> {
        let from = self.path.clone();
        self.disk.shared.lock().call(
            ("create", "create"),
            target,
            |world| {
                if world.entry(target).is_some() {
                    return Err(io::ErrorKind::AlreadyExists.into());
                }
                world.rename(&from, target)
            },
            |_| {},
        )?;
        self.ours = false;
        Ok(())
    }

    fn close_and_keep(mut self: Box<Self>) -> Result<PathBuf, DiskError> {
        self.disk
            .shared
            .lock()
            .call(("keep", "keep"), &self.path, |_| Ok(()), |_| {})?;
        self.ours = false;
        Ok(self.path.clone())
    }
}

/// The removal is a step, but nobody hears if it fails.
impl Drop for SimTemp {
    fn drop(&mut self) {
        if !self.ours {
            return;
        }
        let mut shared = self.disk.shared.lock();
        if let Go::Well = shared.begin("drop", &self.path) {
            let _ = match shared.world.entry(&self.path) {
                Some(_) => shared.world.remove(&self.path),
                None => Err(not_found()),
            };
        }
        shared.end();
    }
}
