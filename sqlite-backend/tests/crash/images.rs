//! What a loss of power may leave of a disk.
//!
//! Owns [`Image`], one of the disks that may be found, and the choice among them. The rules are told in
//! the head of `disk`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use xxhash_rust::xxh3::Xxh3;

use super::disk::{BLOCK, Disk, Effect, Entry, File, Names};
use super::plan::scatter;

/// How many of the possible images are looked at, after each call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    /// Up to so many all are.
    pub(crate) exhaustive: usize,
    /// Of more, the two extremes and so many.
    pub(crate) samples: usize,
}

/// The files that are found after a crash.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    pub(crate) dirs: BTreeSet<String>,
    pub(crate) files: BTreeMap<String, Vec<u8>>,
}

/// What is decided of each thing that is not durable: 0 is as it was kept, the last as it is seen.
trait Choice {
    /// One of so many.
    fn choose(&mut self, of: usize) -> usize;
    /// What follows is another file, or another directory.
    fn turn(&mut self) {}
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
        if self.at == self.digits.len() {
            self.digits.push((0, of));
        }
        self.at += 1;
        self.digits[self.at - 1].0
    }
}

/// Always the same.
struct Extreme {
    last: bool,
}

impl Choice for Extreme {
    fn choose(&mut self, of: usize) -> usize {
        if self.last { of - 1 } else { 0 }
    }
}

/// At random, and of each file and directory most, half, or little: chances that are all even would
/// break the first of many frames in nearly every image, and never keep one file and lose another.
struct Random {
    state: u64,
    /// Of sixteen, how many are as they are seen.
    seen: u64,
}

impl Random {
    fn next(&mut self, of: u64) -> u64 {
        self.state = self.state.wrapping_add(1);
        scatter(self.state) % of
    }
}

impl Choice for Random {
    fn choose(&mut self, of: usize) -> usize {
        if self.next(16) < self.seen {
            return of - 1;
        }
        let others = u64::try_from(of.saturating_sub(1).max(1)).unwrap();
        usize::try_from(self.next(others)).unwrap()
    }

    fn turn(&mut self) {
        let which = self.next(6);
        self.seen = [0, 1, 8, 14, 15, 16][usize::try_from(which).unwrap()];
    }
}

impl Image {
    /// Equal if names and contents are.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut hasher = Xxh3::new();
        for dir in &self.dirs {
            hasher.update(dir.as_bytes());
            hasher.update(b"/");
        }
        for (path, bytes) in &self.files {
            hasher.update(path.as_bytes());
            hasher.update(&bytes.len().to_le_bytes());
            hasher.update(bytes);
        }
        hasher.digest()
    }

    /// Puts it into a directory in which nothing else is.
    pub(crate) fn put(&self, into: &Path) {
        for dir in &self.dirs {
            std::fs::create_dir(into.join(dir)).unwrap();
        }
        for (path, bytes) in &self.files {
            std::fs::write(into.join(path), bytes).unwrap();
        }
    }

    /// Where it differs from what is in a directory; the files with these names do not count.
    pub(crate) fn difference(&self, dir: &Path, but: impl Fn(&str) -> bool) -> Option<String> {
        let mut found = BTreeMap::new();
        read(dir, "", &mut found);
        found.retain(|path, _| !but(path));
        if !found.keys().eq(self.files.keys()) {
            return Some(format!("{:?} are there", found.keys()));
        }
        let differs = self
            .files
            .iter()
            .find(|(path, bytes)| found.get(*path) != Some(bytes));
        differs.map(|(path, _)| format!("{path} is another"))
    }
}

fn read(dir: &Path, under: &str, into: &mut BTreeMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let name = format!("{under}{name}");
        if path.is_dir() {
            read(&path, &format!("{name}/"), into);
        } else {
            into.insert(name, std::fs::read(&path).unwrap());
        }
    }
}

impl Disk {
    /// What is there if the machine goes on.
    pub(crate) fn seen(&self) -> Image {
        let mut image = Image {
            dirs: BTreeSet::new(),
            files: BTreeMap::new(),
        };
        for (name, entry) in self.dirs.values().flat_map(|dir| &dir.live) {
            match entry {
                Entry::Dir => {
                    image.dirs.insert(name.clone());
                }
                Entry::File(number) => {
                    image
                        .files
                        .insert(name.clone(), self.files[number].live.clone());
                }
            }
        }
        image
    }

    /// The disks that a loss of power may leave now, each once. All of them, up to the budget; else the
    /// two extremes and a sample.
    pub(crate) fn images(&self, budget: Budget, seed: u64) -> Vec<Image> {
        let mut found = Vec::new();
        let mut known = BTreeSet::new();
        let mut keep = |image: Image| {
            if known.insert(image.fingerprint()) {
                found.push(image);
            }
        };
        if self.ways() <= budget.exhaustive {
            let mut odometer = Odometer::default();
            loop {
                keep(self.survivor(&mut odometer));
                if !odometer.advance() {
                    return found;
                }
            }
        }
        for last in [false, true] {
            keep(self.survivor(&mut Extreme { last }));
        }
        let mut random = Random {
            state: scatter(seed),
            seen: 8,
        };
        for _ in 0..budget.samples {
            keep(self.survivor(&mut random));
        }
        found
    }

    /// How many ways there are to choose, at most.
    fn ways(&self) -> usize {
        let names = self.dirs.values().flat_map(|dir| &dir.effects).map(|_| 2);
        let named = self.named();
        let files = named.iter().map(|number| &self.files[number]);
        let contents = files.map(|file| {
            let ways = file.contents().into_iter().map(|content| {
                let blocks = content.blocks.values().map(|versions| versions.len() + 1);
                blocks.fold(content.lengths().len(), usize::saturating_mul)
            });
            ways.fold(0, usize::saturating_add)
        });
        names.chain(contents).fold(1, usize::saturating_mul)
    }

    /// The files that may have a name after a crash.
    fn named(&self) -> BTreeSet<u64> {
        let kept = self.dirs.values().flat_map(|dir| dir.kept.values());
        let effects = self.dirs.values().flat_map(|dir| &dir.effects);
        let given = effects.filter_map(|(_, effect)| match effect {
            Effect::Add(_, entry) | Effect::Move(_, _, entry) => Some(entry),
            Effect::Remove(_) => None,
        });
        kept.chain(given)
            .filter_map(|entry| match entry {
                Entry::File(number) => Some(*number),
                Entry::Dir => None,
            })
            .collect()
    }

    /// One disk that may be found.
    fn survivor(&self, choice: &mut dyn Choice) -> Image {
        let mut image = Image {
            dirs: BTreeSet::new(),
            files: BTreeMap::new(),
        };
        let mut chosen: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
        // A parent comes before what is in it.
        for (path, dir) in &self.dirs {
            if !path.is_empty() && !image.dirs.contains(path) {
                continue;
            }
            choice.turn();
            let mut names: Names = dir.kept.clone();
            for (_, effect) in &dir.effects {
                if choice.choose(2) == 1 {
                    effect.apply(&mut names);
                }
            }
            for (name, entry) in names {
                match entry {
                    Entry::Dir => {
                        image.dirs.insert(name);
                    }
                    Entry::File(number) => {
                        let file = &self.files[&number];
                        let bytes = chosen.entry(number).or_insert_with(|| {
                            choice.turn();
                            survivor_of(file, choice)
                        });
                        image.files.insert(name, bytes.clone());
                    }
                }
            }
        }
        image
    }
}

/// One file that may be found.
fn survivor_of(file: &File, choice: &mut dyn Choice) -> Vec<u8> {
    let contents = file.contents();
    let content = contents[choice.choose(contents.len())];
    let lengths = content.lengths();
    let length = lengths[choice.choose(lengths.len())];
    let mut bytes = content.kept(length);
    for (number, versions) in &content.blocks {
        let start = number * BLOCK;
        if start >= length {
            break;
        }
        let version = choice.choose(versions.len() + 1);
        if version > 0 {
            let end = (start + BLOCK).min(length);
            bytes[start..end].copy_from_slice(&versions[version - 1].bytes[..end - start]);
        }
    }
    bytes
}
