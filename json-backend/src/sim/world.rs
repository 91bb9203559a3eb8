//! What a simulated disk remembers: directories and files, each as it is seen and as it is kept.
//!
//! Owns [`World`], [`Dir`] and [`File`]. Which of the possible survivors a crash leaves is chosen in
//! `images`.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::{Identity, TEMP_PREFIX, TEMP_SUFFIX, parent_of};

/// A block: what a disk writes whole.
pub(super) const BLOCK: usize = 512;

/// How many links are followed.
const MAX_LINKS: usize = 40;

/// What a name in a directory stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    File(u64),
    Dir,
    Link(PathBuf),
}

/// One change of a directory.
#[derive(Clone, Debug)]
pub(super) enum Effect {
    Add(OsString, Entry),
    Move(OsString, OsString, Entry),
    Remove(OsString),
}

impl Effect {
    pub(super) fn apply(&self, names: &mut BTreeMap<OsString, Entry>) {
        match self {
            Self::Add(name, entry) => {
                names.insert(name.clone(), entry.clone());
            }
            Self::Move(from, to, entry) => {
                names.remove(from);
                names.insert(to.clone(), entry.clone());
            }
            Self::Remove(name) => {
                names.remove(name);
            }
        }
    }
}

/// How far something has come on its way to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The next sync makes it durable.
    Pending,
    /// A sync failed under it: no later one makes it durable.
    Lost,
    Durable,
}

impl Fate {
    fn after_sync(&mut self, sync: bool) {
        if *self == Self::Pending {
            *self = if sync { Self::Durable } else { Self::Lost };
        }
    }
}

/// A directory: the names that are kept, and what was done since.
#[derive(Clone, Debug, Default)]
pub(super) struct Dir {
    pub(super) kept: BTreeMap<OsString, Entry>,
    pub(super) effects: Vec<(Effect, Fate)>,
    pub(super) live: BTreeMap<OsString, Entry>,
}

impl Dir {
    pub(super) fn of(names: BTreeMap<OsString, Entry>) -> Self {
        Self {
            live: names.clone(),
            kept: names,
            effects: Vec::new(),
        }
    }

    fn act(&mut self, effect: Effect) {
        effect.apply(&mut self.live);
        self.effects.push((effect, Fate::Pending));
    }

    fn sync(&mut self, works: bool) {
        for (_, fate) in &mut self.effects {
            fate.after_sync(works);
        }
        let durable = self
            .effects
            .iter()
            .take_while(|(_, fate)| *fate == Fate::Durable)
            .count();
        for (effect, _) in self.effects.drain(..durable) {
            effect.apply(&mut self.kept);
        }
    }
}

/// A file: its bytes as they are seen and as they are kept. It only ever grows.
#[derive(Clone, Debug, Default)]
pub(super) struct File {
    pub(super) live: Vec<u8>,
    pub(super) kept: Vec<u8>,
    pub(super) blocks: Vec<Fate>,
    pub(super) mode: u32,
    pub(super) modified: u64,
}

impl File {
    fn write(&mut self, bytes: &[u8], now: u64) {
        let first = self.live.len() / BLOCK;
        self.live.extend_from_slice(bytes);
        self.blocks.truncate(first);
        self.blocks
            .resize(self.live.len().div_ceil(BLOCK), Fate::Pending);
        self.modified = now;
    }

    fn sync(&mut self, works: bool) {
        for (number, fate) in self.blocks.iter_mut().enumerate() {
            let was = *fate;
            fate.after_sync(works);
            if was == Fate::Pending && *fate == Fate::Durable {
                let start = number * BLOCK;
                let end = (start + BLOCK).min(self.live.len());
                if self.kept.len() < end {
                    self.kept.resize(end, 0);
                }
                let block = self.live.get(start..end).unwrap_or_default();
                if let Some(kept) = self.kept.get_mut(start..end) {
                    kept.copy_from_slice(block);
                }
            }
        }
    }

    pub(super) fn identity(&self, number: u64) -> Identity {
        Identity {
            len: self.live.len() as u64,
            modified_ns: Some(i128::from(self.modified)),
            node: Some((1, number)),
            mode: Some(self.mode),
            owner: None,
            is_file: true,
        }
    }
}

/// Everything on a disk. A clone costs little.
#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) dirs: BTreeMap<PathBuf, Arc<Dir>>,
    pub(super) files: BTreeMap<u64, Arc<File>>,
    /// Numbers files, temp names and times.
    pub(super) next: u64,
}

impl World {
    pub(super) fn new() -> Self {
        let root = (PathBuf::from("/"), Arc::new(Dir::default()));
        Self {
            dirs: BTreeMap::from([root]),
            files: BTreeMap::new(),
            next: 1,
        }
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn dir(&self, path: &Path) -> io::Result<&Dir> {
        self.dirs.get(path).map(|dir| &**dir).ok_or_else(not_found)
    }

    fn dir_mut(&mut self, path: &Path) -> io::Result<&mut Dir> {
        self.dirs
            .get_mut(path)
            .map(Arc::make_mut)
            .ok_or_else(not_found)
    }

    /// What is at a path; links are not followed.
    pub(super) fn entry(&self, path: &Path) -> Option<&Entry> {
        let name = path.file_name()?;
        self.dirs.get(parent_of(path))?.live.get(name)
    }

    pub(super) fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        let mut at = path.to_path_buf();
        for _ in 0..MAX_LINKS {
            match self.entry(&at) {
                Some(Entry::Link(to)) => at = parent_of(&at).join(to),
                _ => return Ok(at),
            }
        }
        Err(io::Error::other("too many levels of symbolic links"))
    }

    /// The number of the file at a path; links are followed.
    pub(super) fn file_number(&self, path: &Path) -> io::Result<u64> {
        let path = self.resolve(path)?;
        if self.dirs.contains_key(&path) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        match self.entry(&path) {
            Some(Entry::File(number)) => Ok(*number),
            _ => Err(not_found()),
        }
    }

    pub(super) fn file(&self, number: u64) -> io::Result<&File> {
        self.files
            .get(&number)
            .map(|file| &**file)
            .ok_or_else(not_found)
    }

    pub(super) fn names(&self, dir: &Path) -> io::Result<Vec<OsString>> {
        Ok(self.dir(dir)?.live.keys().cloned().collect())
    }

    /// Creates an empty file of a new name; gives its path and its number.
    pub(super) fn create_temp(&mut self, dir: &Path, mode: u32) -> io::Result<(PathBuf, u64)> {
        let number = self.number();
        let name: OsString = format!("{TEMP_PREFIX}sim{number:09}{TEMP_SUFFIX}").into();
        let add = Effect::Add(name.clone(), Entry::File(number));
        self.dir_mut(dir)?.act(add);
        let file = File {
            mode,
            modified: number,
            ..File::default()
        };
        self.files.insert(number, Arc::new(file));
        Ok((dir.join(name), number))
    }

    pub(super) fn write(&mut self, number: u64, bytes: &[u8]) -> io::Result<()> {
        let now = self.number();
        self.file_mut(number)?.write(bytes, now);
        Ok(())
    }

    fn file_mut(&mut self, number: u64) -> io::Result<&mut File> {
        self.files
            .get_mut(&number)
            .map(Arc::make_mut)
            .ok_or_else(not_found)
    }

    pub(super) fn sync_file(&mut self, number: u64, works: bool) -> io::Result<()> {
        self.file_mut(number)?.sync(works);
        Ok(())
    }

    pub(super) fn sync_dir(&mut self, dir: &Path, works: bool) -> io::Result<()> {
        self.dir_mut(dir)?.sync(works);
        Ok(())
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        if parent_of(from) != parent_of(to) {
            return Err(io::ErrorKind::CrossesDevices.into());
        }
        if self.dirs.contains_key(to) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let (Some(old), Some(new)) = (from.file_name(), to.file_name()) else {
            return Err(not_found());
        };
        let (old, new): (&OsStr, &OsStr) = (old, new);
        let dir = self.dir_mut(parent_of(from))?;
        let entry = dir.live.get(old).cloned().ok_or_else(not_found)?;
        dir.act(Effect::Move(old.to_owned(), new.to_owned(), entry));
        Ok(())
    }

    /// Removes a file; `false` if there was none.
    pub(super) fn remove(&mut self, path: &Path) -> io::Result<bool> {
        let Some(Entry::File(_) | Entry::Link(_)) = self.entry(path) else {
            return Ok(false);
        };
        if let Some(name) = path.file_name() {
            self.dir_mut(parent_of(path))?
                .act(Effect::Remove(name.to_owned()));
        }
        Ok(true)
    }

    /// Creates a directory and what is missing above it; gives which, outermost first.
    pub(super) fn create_dirs(&mut self, path: &Path) -> io::Result<Vec<PathBuf>> {
        let missing: Vec<PathBuf> = path
            .ancestors()
            .take_while(|path| !self.dirs.contains_key(*path))
            .map(Path::to_path_buf)
            .collect();
        let created: Vec<PathBuf> = missing.into_iter().rev().collect();
        for path in &created {
            if self.entry(path).is_some() {
                return Err(io::ErrorKind::NotADirectory.into());
            }
            if let Some(name) = path.file_name() {
                self.dir_mut(parent_of(path))?
                    .act(Effect::Add(name.to_owned(), Entry::Dir));
            }
            self.dirs.insert(path.clone(), Arc::default());
        }
        Ok(created)
    }

    pub(super) fn put_dir(&mut self, path: &Path) {
        if let Ok(created) = self.create_dirs(path) {
            for path in created {
                let _ = self.sync_dir(parent_of(&path), true);
            }
        }
    }

    pub(super) fn put_link(&mut self, path: &Path, to: &Path) {
        self.put(path, Entry::Link(to.to_owned()));
    }

    pub(super) fn put_file(&mut self, path: &Path, bytes: &[u8]) {
        let number = self.number();
        let mut file = File {
            mode: 0o600,
            ..File::default()
        };
        file.write(bytes, number);
        file.sync(true);
        self.files.insert(number, Arc::new(file));
        self.put(path, Entry::File(number));
    }

    fn put(&mut self, path: &Path, entry: Entry) {
        if let (Some(name), Ok(dir)) = (path.file_name(), self.dir_mut(parent_of(path))) {
            dir.act(Effect::Add(name.to_owned(), entry));
            dir.sync(true);
        }
    }
}

pub(super) fn not_found() -> io::Error {
    io::ErrorKind::NotFound.into()
}
