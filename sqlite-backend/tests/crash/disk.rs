//! A disk that forgets: what a log did to it, as it is seen and as it is kept.
//!
//! Owns [`Disk`], which takes one call of a log after the other. What a loss of power may leave of it
//! is `images`.
//!
//! # The model
//!
//! It is that of the simulated disk under the JSON backend, for files that are written in their place.
//!
//! * **Names.** Each creation, rename and removal in a directory is one effect. Until the directory is
//!   synced a crash keeps any subset of them, in their order. A sync of a file does not make its name
//!   durable.
//! * **Contents.** A file is made of blocks of 512 bytes. Until it is synced a crash leaves each block
//!   as it was at the last sync or as any write after it made it, whatever it does to the others. A
//!   block that never was is zeros.
//! * **Length.** A file that grew has the length that was kept, any that it had since, or ends with a
//!   block between. One that was cut is cut or not: file systems keep that in a journal, and give what is
//!   written after it a place after it.
//! * **Syncs.** What was done before a sync began is durable when it has ended. What is done meanwhile
//!   is not.
//! * **Failed syncs.** What was not durable when a sync of a file failed is so no more by later ones,
//!   whatever they answer, until it is written anew. Names are not lost so: file systems keep them in a
//!   journal, and one whose journal cannot be written takes no more writes.

use std::collections::{BTreeMap, BTreeSet};

use super::recording::Call;

/// A block: what a disk writes whole.
pub(crate) const BLOCK: usize = 512;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// The number of a file, on this disk.
    File(u64),
    Dir,
}

/// One change of a directory, with whole paths.
#[derive(Clone, Debug)]
pub(crate) enum Effect {
    Add(String, Entry),
    Move(String, String, Entry),
    Remove(String),
}

/// The names in a directory, as whole paths.
pub(crate) type Names = BTreeMap<String, Entry>;

impl Effect {
    pub(crate) fn apply(&self, names: &mut Names) {
        match self {
            Self::Add(name, entry) => {
                names.insert(name.clone(), *entry);
            }
            Self::Move(from, to, entry) => {
                names.remove(from);
                names.insert(to.clone(), *entry);
            }
            Self::Remove(name) => {
                names.remove(name);
            }
        }
    }
}

/// A directory: the names that are kept, and what was done since, and when.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dir {
    pub(crate) kept: Names,
    pub(crate) effects: Vec<(u64, Effect)>,
    pub(crate) live: Names,
}

/// The bytes of a block after a write.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    at: u64,
    /// A sync failed under it.
    lost: bool,
    pub(crate) bytes: [u8; BLOCK],
}

/// A file has become longer.
#[derive(Clone, Copy, Debug)]
struct Growth {
    at: u64,
    lost: bool,
    to: usize,
}

/// A file: its bytes as they are seen and as they are kept.
#[derive(Clone, Debug, Default)]
pub(crate) struct File {
    pub(crate) live: Vec<u8>,
    now: Content,
    /// What it was before each cut that is not durable yet, and when it was cut.
    uncut: Vec<(u64, Content)>,
}

/// What is kept of a file, and what is not durable yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Content {
    /// Whole blocks; those that are missing are zeros.
    kept: Vec<u8>,
    kept_length: usize,
    /// What was written since, oldest first.
    pub(crate) blocks: BTreeMap<usize, Vec<Version>>,
    growths: Vec<Growth>,
}

impl File {
    /// A file that is durable.
    pub(crate) fn of(bytes: Vec<u8>) -> Self {
        let mut kept = bytes.clone();
        kept.resize(bytes.len().next_multiple_of(BLOCK), 0);
        let now = Content {
            kept,
            kept_length: bytes.len(),
            ..Content::default()
        };
        Self {
            live: bytes,
            now,
            uncut: Vec::new(),
        }
    }

    /// What it may be made of after a crash, oldest first: without a cut, or with all of them.
    pub(crate) fn contents(&self) -> Vec<&Content> {
        let uncut = self.uncut.iter().map(|(_, content)| content);
        uncut.chain([&self.now]).collect()
    }

    fn write(&mut self, offset: usize, bytes: &[u8], at: u64) {
        let end = offset + bytes.len();
        if self.live.len() < end {
            self.live.resize(end, 0);
        }
        self.live[offset..end].copy_from_slice(bytes);
        for number in offset / BLOCK..end.div_ceil(BLOCK) {
            let mut bytes = [0; BLOCK];
            let start = number * BLOCK;
            let end = (start + BLOCK).min(self.live.len());
            bytes[..end - start].copy_from_slice(&self.live[start..end]);
            let versions = self.now.blocks.entry(number).or_default();
            versions.push(Version {
                at,
                lost: false,
                bytes,
            });
        }
        self.now.grow(end, at);
    }

    fn set_length(&mut self, length: usize, at: u64) {
        if length < self.live.len() {
            self.uncut.push((at, self.now.clone()));
            self.now.cut(length);
        }
        self.live.resize(length, 0);
        self.now.grow(length, at);
    }

    fn each(&mut self) -> impl Iterator<Item = &mut Content> {
        let uncut = self.uncut.iter_mut().map(|(_, content)| content);
        uncut.chain([&mut self.now])
    }

    fn synced(&mut self, before: u64) {
        self.uncut.retain(|(at, _)| *at >= before);
        for content in self.each() {
            content.synced(before);
        }
    }

    fn failed(&mut self) {
        for content in self.each() {
            for version in content.blocks.values_mut().flatten() {
                version.lost = true;
            }
            for growth in &mut content.growths {
                growth.lost = true;
            }
        }
    }
}

impl Content {
    /// So many bytes of it as they are kept.
    pub(crate) fn kept(&self, length: usize) -> Vec<u8> {
        let mut bytes = self.kept[..length.min(self.kept.len())].to_vec();
        bytes.resize(length, 0);
        bytes
    }

    /// Written anew it grows anew: that it is as long already may have been lost.
    fn grow(&mut self, to: usize, at: u64) {
        if to > self.kept_length {
            self.growths.push(Growth {
                at,
                lost: false,
                to,
            });
        }
    }

    fn cut(&mut self, length: usize) {
        let keep = |start: usize, block: &mut [u8]| {
            block[length.saturating_sub(start).min(BLOCK)..].fill(0);
        };
        self.kept.truncate(length.next_multiple_of(BLOCK));
        self.blocks.retain(|number, _| number * BLOCK < length);
        let last = length / BLOCK * BLOCK;
        if let Some(block) = self.kept.get_mut(last..) {
            keep(last, block);
        }
        for version in self.blocks.get_mut(&(length / BLOCK)).into_iter().flatten() {
            keep(last, &mut version.bytes);
        }
        self.kept_length = self.kept_length.min(length);
        self.growths.retain_mut(|growth| {
            growth.to = growth.to.min(length);
            growth.to > self.kept_length
        });
    }

    fn synced(&mut self, before: u64) {
        let kept = &mut self.kept;
        self.blocks.retain(|number, versions| {
            let is_synced = |version: &Version| !version.lost && version.at < before;
            if let Some(last) = versions.iter().rposition(is_synced) {
                let end = (number + 1) * BLOCK;
                if kept.len() < end {
                    kept.resize(end, 0);
                }
                kept[end - BLOCK..end].copy_from_slice(&versions[last].bytes);
                versions.drain(..=last);
            }
            !versions.is_empty()
        });
        let synced = self
            .growths
            .iter()
            .filter(|growth| !growth.lost && growth.at < before);
        let longest = synced.map(|growth| growth.to).max().unwrap_or_default();
        self.kept_length = self.kept_length.max(longest);
        self.growths.retain(|growth| growth.to > self.kept_length);
    }

    /// The lengths that it may have after a crash: what is kept first, the longest last.
    pub(crate) fn lengths(&self) -> Vec<usize> {
        let mut lengths: BTreeSet<usize> = self.growths.iter().map(|growth| growth.to).collect();
        lengths.insert(self.kept_length);
        let longest = lengths.last().copied().unwrap_or_default();
        lengths.extend((self.kept_length / BLOCK + 1..=longest / BLOCK).map(|block| block * BLOCK));
        lengths.into_iter().collect()
    }
}

/// Everything in one directory.
#[derive(Clone, Debug)]
pub(crate) struct Disk {
    /// By their paths; that of the whole is empty.
    pub(crate) dirs: BTreeMap<String, Dir>,
    pub(crate) files: BTreeMap<u64, File>,
    /// Counts what was done.
    now: u64,
    next: u64,
    /// What the process calls the files.
    process: BTreeMap<u64, u64>,
    /// What is being synced, and since when.
    syncs: BTreeMap<u64, (Entry, String, u64)>,
}

fn dir_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(dir, _)| dir)
}

impl Disk {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self {
            dirs: BTreeMap::from([(String::new(), Dir::default())]),
            files: BTreeMap::new(),
            now: 0,
            next: 0,
            process: BTreeMap::new(),
            syncs: BTreeMap::new(),
        }
    }

    /// One on which these files are, durably.
    pub(crate) fn of(dirs: &BTreeSet<String>, files: &BTreeMap<String, Vec<u8>>) -> Self {
        let mut disk = Self::new();
        for path in dirs {
            disk.add(path, Entry::Dir);
            disk.dirs.insert(path.clone(), Dir::default());
        }
        for (path, bytes) in files {
            let number = disk.number();
            disk.files.insert(number, File::of(bytes.clone()));
            disk.add(path, Entry::File(number));
        }
        for dir in disk.dirs.values_mut() {
            dir.effects.clear();
            dir.kept = dir.live.clone();
        }
        disk
    }

    /// The process is gone, and what it calls things.
    pub(crate) fn next_process(&mut self) {
        self.process.clear();
        self.syncs.clear();
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn act(&mut self, path: &str, effect: Effect) {
        let dir = self.dirs.get_mut(dir_of(path)).expect("a known directory");
        effect.apply(&mut dir.live);
        dir.effects.push((self.now, effect));
    }

    fn add(&mut self, path: &str, entry: Entry) {
        self.act(path, Effect::Add(path.to_owned(), entry));
    }

    fn live(&self, path: &str) -> Option<Entry> {
        self.dirs.get(dir_of(path))?.live.get(path).copied()
    }

    fn file(&mut self, id: u64) -> &mut File {
        let number = self.process.get(&id).expect("a file that has a name");
        self.files.get_mut(number).expect("a known file")
    }

    /// Does what a process did.
    pub(crate) fn apply(&mut self, call: &Call) {
        self.now += 1;
        let now = self.now;
        match call {
            Call::Mark(_) | Call::Failed => {}
            Call::Found { path, id } => match self.live(path) {
                Some(Entry::File(number)) => {
                    self.process.insert(*id, number);
                }
                other => panic!("{path} was found, and is {other:?}"),
            },
            Call::Name { path, id } => {
                let number = self.process.get(id).copied().unwrap_or_else(|| {
                    self.next += 1;
                    self.process.insert(*id, self.next);
                    self.files.insert(self.next, File::default());
                    self.next
                });
                self.add(path, Entry::File(number));
            }
            Call::Dir { path } => {
                if self.live(path).is_none() {
                    self.add(path, Entry::Dir);
                    self.dirs.insert(path.clone(), Dir::default());
                }
            }
            Call::Move { from, to } => {
                assert_eq!(dir_of(from), dir_of(to), "moved into another directory");
                let entry = self.live(from).expect("what is moved is there");
                self.act(from, Effect::Move(from.clone(), to.clone(), entry));
            }
            Call::Gone { path } => self.act(path, Effect::Remove(path.clone())),
            Call::Write { id, offset, bytes } => {
                let offset = usize::try_from(*offset).unwrap();
                self.file(*id).write(offset, bytes, now);
            }
            Call::Length { id, length } => {
                let length = usize::try_from(*length).unwrap();
                self.file(*id).set_length(length, now);
            }
            Call::Begin { sync, id } => {
                let number = self.process[id];
                let begun = (Entry::File(number), String::new(), now);
                self.syncs.insert(*sync, begun);
            }
            Call::BeginDir { sync, path } => {
                self.syncs.insert(*sync, (Entry::Dir, path.clone(), now));
            }
            Call::End { sync, ok } => self.end_sync(*sync, *ok),
        }
    }

    fn end_sync(&mut self, sync: u64, ok: bool) {
        match self.syncs.remove(&sync).expect("it has begun") {
            (Entry::File(number), _, begun) => {
                let file = self.files.get_mut(&number).expect("a known file");
                if ok {
                    file.synced(begun);
                } else {
                    file.failed();
                }
            }
            (Entry::Dir, path, begun) if ok => {
                let dir = self.dirs.get_mut(&path).expect("a known directory");
                let durable = dir.effects.partition_point(|(at, _)| *at < begun);
                for (_, effect) in dir.effects.drain(..durable) {
                    effect.apply(&mut dir.kept);
                }
            }
            (Entry::Dir, ..) => {}
        }
    }
}
