//! What the real disk answers, in a directory of its own.

use std::fs;
use std::path::Path;

use crate::disk::{Access, Disk, PRIVATE_MODE, is_temp_name, parent_of};
use crate::real_disk::RealDisk;

fn dir() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn put(path: &Path, bytes: &[u8]) {
    use std::io::Write as _;
    fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(path)
        .unwrap()
        .write_all(bytes)
        .unwrap();
}

#[test]
fn reading_gives_bytes_and_identity() {
    let dir = dir();
    let path = dir.path().join("a.json");
    put(&path, b"hello");
    let found = RealDisk.read(&path, 5).unwrap();
    assert_eq!(found.bytes, b"hello");
    assert_eq!(Some(found.identity), RealDisk.identity(&path).unwrap());
    let error = RealDisk.read(&path, 4).unwrap_err();
    assert!(error.is_too_large() && !error.is_not_found());
    assert!(error.to_string().ends_with("a.json"));
    put(&path, b"other!");
    assert!(
        !found
            .identity
            .same_version(&RealDisk.identity(&path).unwrap().unwrap())
    );
}

#[test]
fn only_not_found_is_nothing() {
    let dir = dir();
    let path = dir.path().join("a.json");
    assert_eq!(RealDisk.identity(&path).unwrap(), None);
    assert!(RealDisk.read(&path, 9).unwrap_err().is_not_found());
    put(&path, b"x");
    // A file where a directory should be is not "not found".
    let inside = path.join("b.json");
    assert!(RealDisk.identity(&inside).is_err());
    assert!(!RealDisk.read(&inside, 9).unwrap_err().is_not_found());
    assert!(RealDisk.read(dir.path(), 9).is_err());
    assert!(RealDisk.remove(&path).unwrap());
    assert!(!RealDisk.remove(&path).unwrap());
}

#[test]
fn a_large_sparse_file_is_refused_unread() {
    let dir = dir();
    let path = dir.path().join("huge.json");
    put(&path, b"");
    fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(600 << 20)
        .unwrap();
    let begin = std::time::Instant::now();
    assert!(RealDisk.read(&path, 500 << 20).unwrap_err().is_too_large());
    // Reading 600 MB takes longer than this, even of zeros.
    assert!(begin.elapsed().as_millis() < 50, "{:?}", begin.elapsed());
}

#[cfg(unix)]
#[test]
fn a_pipe_is_refused_without_waiting() {
    let dir = dir();
    let path = dir.path().join("pipe");
    let made = std::process::Command::new("mkfifo")
        .arg(&path)
        .status()
        .unwrap();
    assert!(made.success());
    assert!(RealDisk.read(&path, 9).is_err());
}

#[cfg(unix)]
#[test]
fn links_are_followed() {
    use std::os::unix::fs::symlink;
    let dir = dir();
    let at = |name: &str| dir.path().join(name);
    assert_eq!(RealDisk.resolve(&at("a")).unwrap(), at("a"));
    fs::create_dir(at("sub")).unwrap();
    symlink("sub/real", at("dangling")).unwrap();
    symlink("dangling", at("twice")).unwrap();
    assert_eq!(RealDisk.resolve(&at("twice")).unwrap(), at("sub/real"));
    symlink(at("b"), at("absolute")).unwrap();
    assert_eq!(RealDisk.resolve(&at("absolute")).unwrap(), at("b"));
    symlink("loop", at("loop")).unwrap();
    assert!(RealDisk.resolve(&at("loop")).is_err());
}

#[test]
fn temp_files_come_and_go() {
    let dir = dir();
    let temp = RealDisk
        .create_temp(dir.path(), &Access::New(PRIVATE_MODE))
        .unwrap();
    let names = RealDisk.list(dir.path()).unwrap();
    assert!(names.len() == 1 && names.iter().all(|name| is_temp_name(name)));
    drop(temp);
    assert!(RealDisk.list(dir.path()).unwrap().is_empty());
    let mut temp = RealDisk
        .create_temp(dir.path(), &Access::New(PRIVATE_MODE))
        .unwrap();
    temp.write_all(b"1").unwrap();
    temp.sync().unwrap();
    temp.close_and_rename(&dir.path().join("a")).unwrap();
    let temp = RealDisk
        .create_temp(dir.path(), &Access::New(PRIVATE_MODE))
        .unwrap();
    let taken = temp.close_and_create(&dir.path().join("a")).unwrap_err();
    assert!(taken.is_already_there());
    assert_eq!(RealDisk.list(dir.path()).unwrap(), ["a"]);
    assert_eq!(fs::read(dir.path().join("a")).unwrap(), b"1");
    for name in [
        ".larder-.tmp",
        ".larder-a/b.tmp",
        "larder-abc.tmp",
        ".larder-abc.tm",
    ] {
        assert!(!is_temp_name(name.as_ref()), "{name}");
    }
}

#[test]
fn directories_are_created_once() {
    let dir = dir();
    let deep = dir.path().join("a/b/c");
    let created = RealDisk.create_dirs(&deep).unwrap();
    assert_eq!(
        created,
        [dir.path().join("a"), dir.path().join("a/b"), deep.clone()]
    );
    assert!(RealDisk.create_dirs(&deep).unwrap().is_empty());
    RealDisk.sync_dir(&deep).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(
            fs::metadata(&deep).unwrap().permissions().mode() & 0o777,
            0o700
        );
    }
    put(&deep.join("file"), b"");
    assert!(RealDisk.create_dirs(&deep.join("file")).is_err());
    assert!(RealDisk.create_dirs(&deep.join("file/x")).is_err());
    assert_eq!(parent_of(Path::new("data")), Path::new("."));
    assert_eq!(parent_of(Path::new("/")), Path::new("/"));
}
