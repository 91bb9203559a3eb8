//! A store of JSON files on a disk that forgets: a crash is a loss of power, and may take whatever was not
//! synced.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a setup fails like a test"
)]

use std::path::Path;
use std::sync::{Arc, Mutex};

use larder_core::{Collection, Data, Options, Repository, Result};
use larder_json::JsonStore;
use larder_json::sim::{Budget, Fault, SimDisk};
use larder_testkit::{Ability, Setup};

/// One disk after the other.
pub(crate) struct Simulated {
    /// The disk that is there now, and how often the power went.
    current: Mutex<(SimDisk, usize)>,
}

impl Simulated {
    pub(crate) fn new() -> Self {
        Self {
            current: Mutex::new((SimDisk::new(), 0)),
        }
    }

    fn disk(&self) -> SimDisk {
        self.current.lock().unwrap().0.clone()
    }
}

const DIR: &str = "/data";

/// `ENOSPC`.
const DISK_FULL: i32 = 28;

impl Setup for Simulated {
    type Store = JsonStore;

    fn open(&self, options: Options) -> Result<JsonStore> {
        self.disk().open(DIR, options)
    }

    fn collection<T: Data>(
        &self,
        store: &JsonStore,
        collection: Collection<T>,
    ) -> Result<Arc<dyn Repository<T>>> {
        Ok(Arc::new(store.collection(collection)?))
    }

    fn abilities(&self) -> &[Ability] {
        &Ability::ALL
    }

    /// Of what may be left, another one each time, and in each history; in the same history the same.
    fn crash(&self) {
        let mut current = self.current.lock().unwrap();
        let (disk, crashes) = &mut *current;
        *crashes += 1;
        let which = disk.steps() * 31 + *crashes * 7;
        let budget = Budget {
            exhaustive: 64,
            samples: 16,
            seed: which as u64,
        };
        let images = disk.at(disk.steps()).unwrap().images(&budget);
        *disk = images[which % images.len()].boot_remembering();
    }

    fn plant(&self, collection: &str, records: &[&str]) {
        let file = Path::new(DIR).join(format!("{collection}.json"));
        let text = format!("[\n{}\n]\n", records.join(",\n"));
        self.disk().put_file(&file, text.as_bytes());
    }

    fn fail(&self, failing: bool) {
        let disk = self.disk();
        if failing {
            let fault = Fault {
                times: u32::MAX,
                errno: DISK_FULL,
                done: false,
            };
            disk.fail_from(disk.steps() + 1, fault);
        } else {
            disk.heal();
        }
    }

    /// Calls of the disk, anywhere in a flush or in the next.
    fn fail_times(&self, times: u32) -> bool {
        let disk = self.disk();
        let steps = disk.steps();
        let fault = Fault {
            times,
            errno: DISK_FULL,
            done: steps.is_multiple_of(2),
        };
        disk.fail_from(steps + 1 + steps * 7 % 13, fault);
        true
    }
}
