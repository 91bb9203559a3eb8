//! Which session a directory belongs to.
//!
//! Owns the comparison of directories, by the components of their paths and nothing on the disk.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::record::Session;

/// How near a directory is to one below it or to itself: how many components both share, or `None` if
/// it is no ancestor.
pub(super) fn depth(directory: &str, below: &Path) -> Option<usize> {
    let directory = plain(Path::new(directory));
    // An empty path is an ancestor of every other, also of absolute ones.
    (directory.is_absolute() == below.is_absolute() && below.starts_with(&directory))
        .then(|| directory.components().count())
}

/// The path without `.` and `..`, as far as its text tells: a `..` behind a symbolic link leads
/// elsewhere on the disk.
pub(super) fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match (component, plain.components().next_back()) {
            (Component::CurDir, _)
            | (Component::ParentDir, Some(Component::RootDir | Component::Prefix(_))) => {}
            (Component::ParentDir, Some(Component::Normal(_))) => {
                plain.pop();
            }
            _ => plain.push(component),
        }
    }
    plain
}

/// Of several sessions the one whose directory is nearest; of one directory the one that was active
/// last, and then the one whose id comes first.
pub(super) fn nearest(sessions: Vec<Arc<Session>>, path: &Path) -> Option<Arc<Session>> {
    let path = plain(path);
    let mut best: Option<(usize, Arc<Session>)> = None;
    for session in sessions {
        let Some(depth) = depth(&session.directory, &path) else {
            continue;
        };
        let is_better = best.as_ref().is_none_or(|(other_depth, other)| {
            (depth, session.last_activity) > (*other_depth, other.last_activity)
        });
        if is_better {
            best = Some((depth, session));
        }
    }
    best.map(|(_, session)| session)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_compared_by_components() {
        for (directory, below, expected) in [
            ("/srv/a", "/srv/a", Some(3)),
            ("/srv/a/", "/srv/a/b/c", Some(3)),
            ("/srv/./x/../a", "/srv/a/b", Some(3)),
            ("/", "/srv", Some(1)),
            ("/..", "/srv", Some(1)),
            ("/srv/a", "/srv/ab", None),
            ("/srv/a/b", "/srv/a", None),
            ("/srv/a", "/srv/a/../b", None),
            ("srv", "/srv", None),
            (".", "/srv", None),
            (".", "srv", Some(0)),
            ("/", "srv", None),
            ("../a", "../a/b", Some(2)),
            ("a", "../a", None),
        ] {
            let found = depth(directory, &plain(Path::new(below)));
            assert_eq!(found, expected, "{directory} {below}");
        }
    }
}
