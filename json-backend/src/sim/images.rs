//! What a crash may leave of a simulated disk.
//!
//! Owns [`Cut`], a moment, and [`Image`], one of the disks that may be found after a crash in it. The
//! rules are told in the module's head.

use std::collections::{BTreeMap, BTreeSet, hash_map::DefaultHasher};
use std::ffi::OsString;
use std::hash::{Hash, Hasher as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::SimDisk;
use super::world::{BLOCK, Dir, Entry, Fate, File, World};
use crate::disk::parent_of;

/// How many of the possible images are looked at.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Up to so many all are.
    pub exhaustive: usize,
    /// Of more, so many.
    pub samples: usize,
    /// Which ones.
    pub seed: u64,
}

/// A moment in the life of a simulated disk.
#[derive(Clone, Debug)]
pub struct Cut {
    world: World,
}

/// A disk after a crash: everything on it is durable.
#[derive(Clone, Debug)]
pub struct Image {
    world: World,
}

/// What is decided of each thing that is not durable.
trait Choice {
    /// One of so many.
    fn choose(&mut self, of: usize) -> usize;
}

/// One way through all the choices after the other, as a counter with digits of changing bases.
#[derive(Default)]
struct Odometer {
    digits: Vec<(usize, usize)>,
    at: usize,
}

impl Odometer {
    /// Goes on to the next way; `false` after the last.
    fn advance(&mut self) -> bool {
        self.at = 0;
        while let Some((digit, base)) = self.digits.pop() {
            if digit + 1 < base {
                self.digits.push((digit + 1, base));
                return true;
            }
        }
        false
    }
}

impl Choice for Odometer {
    fn choose(&mut self, of: usize) -> usize {
        let at = self.at;
        self.at += 1;
        if let Some((digit, _)) = self.digits.get(at) {
            return *digit;
        }
        self.digits.push((0, of));
        0
    }
}

/// A small generator: `SplitMix64`.
struct Random(u64);

impl Choice for Random {
    fn choose(&mut self, of: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^= word >> 31;
        usize::try_from(word % (of.max(1) as u64)).unwrap_or(0)
    }
}

/// Always the same.
struct Extreme {
    last: bool,
}

impl Choice for Extreme {
    fn choose(&mut self, of: usize) -> usize {
        if self.last { of.saturating_sub(1) } else { 0 }
    }
}

impl Cut {
    pub(super) fn new(world: World) -> Self {
        Self { world }
    }

    /// The process is killed in this moment, and the machine goes on: nothing is lost, but nothing is
    /// more durable either. The new disk remembers what it holds after each call.
    #[must_use]
    pub fn killed(&self) -> SimDisk {
        SimDisk::of(self.world.clone(), true)
    }

    /// The disks that a loss of power in this moment may leave, each once. All of them, up to the
    /// budget; else the two extremes and a sample.
    #[must_use]
    pub fn images(&self, budget: &Budget) -> Vec<Image> {
        let mut found = Vec::new();
        let mut known = BTreeSet::new();
        let mut keep = |image: Image| {
            if known.insert(image.fingerprint()) {
                found.push(image);
            }
        };
        let mut odometer = Odometer::default();
        for _ in 0..budget.exhaustive {
            keep(self.survivor(&mut odometer));
            if !odometer.advance() {
                return found;
            }
        }
        for last in [false, true] {
            keep(self.survivor(&mut Extreme { last }));
        }
        let mut random = Random(budget.seed);
        for _ in 0..budget.samples {
            keep(self.survivor(&mut random));
        }
        found
    }

    /// One disk that may be found.
    fn survivor(&self, choice: &mut dyn Choice) -> Image {
        let mut dirs: BTreeMap<PathBuf, Arc<Dir>> = BTreeMap::new();
        let mut files = BTreeMap::new();
        // A parent comes before what is in it.
        for (path, dir) in &self.world.dirs {
            let is_there = path == Path::new("/") || {
                let above = dirs.get(parent_of(path));
                let name = path.file_name().unwrap_or_default();
                above.is_some_and(|above| above.live.get(name) == Some(&Entry::Dir))
            };
            if !is_there {
                continue;
            }
            let mut names: BTreeMap<OsString, Entry> = dir.kept.clone();
            for (effect, fate) in &dir.effects {
                if *fate == Fate::Durable || choice.choose(2) == 1 {
                    effect.apply(&mut names);
                }
            }
            for entry in names.values() {
                if let Entry::File(number) = entry
                    && !files.contains_key(number)
                    && let Some(file) = self.world.files.get(number)
                {
                    files.insert(*number, Arc::new(survivor_of(file, choice)));
                }
            }
            dirs.insert(path.clone(), Arc::new(Dir::of(names)));
        }
        Image {
            world: World {
                dirs,
                files,
                next: self.world.next,
            },
        }
    }
}

/// One file that may be found.
fn survivor_of(file: &File, choice: &mut dyn Choice) -> File {
    let (live, kept) = (&file.live, &file.kept);
    // Each end of a block after what is durable, and the end of the file.
    let lengths = (live.len().div_ceil(BLOCK)).saturating_sub(kept.len() / BLOCK);
    let certain = file.blocks.iter().all(|fate| *fate == Fate::Durable);
    let len = if certain {
        live.len()
    } else {
        match choice.choose(lengths + 1) {
            0 => kept.len(),
            more => ((kept.len() / BLOCK + more) * BLOCK).min(live.len()),
        }
    };
    let mut bytes = live.get(..len).unwrap_or(live).to_vec();
    for (number, fate) in file.blocks.iter().enumerate() {
        let start = number * BLOCK;
        if *fate == Fate::Durable || start >= len || choice.choose(2) == 1 {
            continue;
        }
        for (at, byte) in bytes.iter_mut().enumerate().skip(start).take(BLOCK) {
            *byte = kept.get(at).copied().unwrap_or(0);
        }
    }
    File {
        blocks: vec![Fate::Durable; bytes.len().div_ceil(BLOCK)],
        kept: bytes.clone(),
        live: bytes,
        mode: file.mode,
        modified: file.modified,
    }
}

impl Image {
    /// A machine that starts with this disk.
    #[must_use]
    pub fn boot(&self) -> SimDisk {
        SimDisk::of(self.world.clone(), false)
    }

    /// The same, and the disk remembers what it holds after each call.
    #[must_use]
    pub fn boot_remembering(&self) -> SimDisk {
        SimDisk::of(self.world.clone(), true)
    }

    /// The bytes of a file, if it is there.
    #[must_use]
    pub fn bytes(&self, path: &Path) -> Option<Vec<u8>> {
        let number = self.world.file_number(path).ok()?;
        Some(self.world.file(number).ok()?.live.clone())
    }

    /// Equal if names and contents are.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        let mut hash = DefaultHasher::new();
        for (path, dir) in &self.world.dirs {
            path.hash(&mut hash);
            for (name, entry) in &dir.live {
                name.hash(&mut hash);
                match entry {
                    Entry::File(number) => {
                        let bytes = self.world.file(*number).map(|file| &file.live).ok();
                        bytes.hash(&mut hash);
                    }
                    Entry::Dir => 0_u8.hash(&mut hash),
                    Entry::Link(to) => to.hash(&mut hash),
                }
            }
        }
        hash.finish()
    }
}
