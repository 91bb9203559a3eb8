//! The file in which a collection's rejected records are kept, one JSON line each.
//!
//! Owns reading, adding to and purging `<collection>.quarantine.ndjson`. A line that cannot be read
//! stays as it is: this file is the last place where somebody's data may be.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;

use larder_core::Quarantined;

use crate::disk::{Disk, DiskError, PRIVATE_MODE};
use crate::publish::publish;

/// The lines of a quarantine file.
#[derive(Debug, Default)]
struct Lines {
    lines: Vec<(Vec<u8>, Option<Quarantined>)>,
}

impl Lines {
    fn read(disk: &dyn Disk, path: &Path) -> Result<Self, DiskError> {
        let bytes = match disk.read(path, u64::MAX) {
            Ok(contents) => contents.bytes,
            Err(error) if error.is_not_found() => return Ok(Self::default()),
            Err(error) => return Err(error),
        };
        let lines = bytes
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| (line.to_vec(), serde_json::from_slice(line).ok()))
            .collect();
        Ok(Self { lines })
    }

    fn publish(&self, disk: &dyn Disk, path: &Path, sync: bool) -> Result<(), DiskError> {
        publish(disk, path, sync, PRIVATE_MODE, |out| {
            for (line, _) in &self.lines {
                out.write_all(line)?;
                out.write_all(b"\n")?;
            }
            Ok(())
        })?;
        Ok(())
    }

    fn keys(&self) -> BTreeSet<String> {
        self.lines
            .iter()
            .filter_map(|(_, entry)| entry.as_ref().map(|entry| entry.key().to_owned()))
            .collect()
    }
}

/// The entries that are kept there, in the order in which they came.
pub(crate) fn read(disk: &dyn Disk, path: &Path) -> Result<Vec<Quarantined>, DiskError> {
    Ok(Lines::read(disk, path)?
        .lines
        .into_iter()
        .filter_map(|(_, entry)| entry)
        .collect())
}

/// Adds these entries, durably. One that is there already, because the same bytes were rejected
/// before, is not added again. The file is written anew all the same: what is seen in it may be what
/// could not be synced, by this program or by one before it.
pub(crate) fn add(
    disk: &dyn Disk,
    path: &Path,
    entries: &[Quarantined],
    sync: bool,
) -> Result<(), DiskError> {
    let mut lines = Lines::read(disk, path)?;
    let mut known = lines.keys();
    let before = lines.lines.len();
    for entry in entries {
        if known.insert(entry.key().to_owned()) {
            let mut line = Vec::new();
            // An entry is plain strings and numbers: it cannot fail to be written.
            if write!(line, "{}", serde_json::json!(entry)).is_ok() {
                lines.lines.push((line, Some(entry.clone())));
            }
        }
    }
    let is_durable = entries.is_empty() || !sync;
    if lines.lines.len() == before && is_durable {
        return Ok(());
    }
    lines.publish(disk, path, sync)
}

/// Removes these entries, durably, and gives their number.
pub(crate) fn purge(
    disk: &dyn Disk,
    path: &Path,
    keys: &BTreeSet<&str>,
    sync: bool,
) -> Result<u64, DiskError> {
    let mut lines = Lines::read(disk, path)?;
    let before = lines.lines.len();
    lines.lines.retain(|(_, entry)| {
        !entry
            .as_ref()
            .is_some_and(|entry| keys.contains(entry.key()))
    });
    let purged = before - lines.lines.len();
    if purged > 0 {
        lines.publish(disk, path, sync)?;
    }
    Ok(purged as u64)
}
