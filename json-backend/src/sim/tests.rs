//! That the simulated disk forgets what it may forget, and nothing else.

use std::collections::BTreeSet;
use std::path::Path;

use super::{Budget, Fault, SimDisk};
use crate::disk::{Access, Disk, PRIVATE_MODE};

const ALL: Budget = Budget {
    exhaustive: 100_000,
    samples: 0,
    seed: 0,
};

const EIO: i32 = 5;

fn path(name: &str) -> std::path::PathBuf {
    Path::new("/d").join(name)
}

/// What may be found under a name after a loss of power.
fn survivors(disk: &SimDisk, name: &str) -> BTreeSet<Option<String>> {
    let images = disk.at(disk.steps()).unwrap().images(&ALL);
    images
        .iter()
        .map(|image| {
            let bytes = image.bytes(&path(name))?;
            Some(String::from_utf8(bytes).unwrap().replace('\0', "-"))
        })
        .collect()
}

fn some(of: &[Option<&str>]) -> BTreeSet<Option<String>> {
    of.iter().map(|text| text.map(ToOwned::to_owned)).collect()
}

fn disk() -> SimDisk {
    let disk = SimDisk::new();
    disk.put_dir(Path::new("/d"));
    disk.put_file(&path("a"), b"old");
    disk
}

fn put(disk: &SimDisk, bytes: &[u8], sync: bool) {
    let mut temp = disk
        .create_temp(Path::new("/d"), &Access::New(PRIVATE_MODE))
        .unwrap();
    temp.write_all(bytes).unwrap();
    if sync {
        temp.sync().unwrap();
    }
    temp.close_and_rename(&path("a")).unwrap();
}

#[test]
fn a_synced_file_is_old_or_new_until_the_directory_is_synced() {
    let disk = disk();
    put(&disk, b"new", true);
    assert_eq!(survivors(&disk, "a"), some(&[Some("old"), Some("new")]));
    disk.sync_dir(Path::new("/d")).unwrap();
    assert_eq!(survivors(&disk, "a"), some(&[Some("new")]));
}

#[test]
fn a_file_that_was_not_synced_may_be_empty_or_zeros() {
    let disk = disk();
    put(&disk, b"new", false);
    disk.sync_dir(Path::new("/d")).unwrap();
    assert_eq!(
        survivors(&disk, "a"),
        some(&[Some(""), Some("---"), Some("new")])
    );
}

#[test]
fn blocks_are_lost_each_by_itself() {
    let disk = disk();
    let bytes = [[b'x'; 512], [b'y'; 512]].concat();
    put(&disk, &bytes, false);
    disk.sync_dir(Path::new("/d")).unwrap();
    // Nothing, one block in two ways, two blocks in four.
    assert_eq!(survivors(&disk, "a").len(), 7);
}

#[test]
fn after_a_failed_sync_a_later_one_says_ok_and_saves_nothing() {
    let disk = disk();
    let mut temp = disk
        .create_temp(Path::new("/d"), &Access::New(PRIVATE_MODE))
        .unwrap();
    temp.write_all(b"new").unwrap();
    disk.fail_kind(
        "sync",
        Fault {
            times: 1,
            errno: EIO,
            done: false,
        },
    );
    assert!(temp.sync().is_err());
    temp.sync().unwrap();
    temp.close_and_rename(&path("a")).unwrap();
    disk.sync_dir(Path::new("/d")).unwrap();
    assert_eq!(
        survivors(&disk, "a"),
        some(&[Some(""), Some("---"), Some("new")])
    );
}

#[test]
fn names_survive_in_any_subset() {
    let disk = disk();
    disk.put_file(&path("b"), b"b");
    disk.remove(&path("a")).unwrap();
    disk.rename(&path("b"), &path("c")).unwrap();
    let images = disk.at(disk.steps()).unwrap().images(&ALL);
    let found: BTreeSet<[bool; 3]> = images
        .iter()
        .map(|image| ["a", "b", "c"].map(|name| image.bytes(&path(name)).is_some()))
        .collect();
    // A rename is one effect: `b` and `c` are never both there, and never both gone.
    let expected = [
        [true, true, false],
        [true, false, true],
        [false, true, false],
        [false, false, true],
    ];
    assert_eq!(found, expected.into());
}

#[test]
fn a_directory_whose_name_is_not_durable_goes_with_what_is_in_it() {
    let disk = SimDisk::new();
    disk.create_dirs(Path::new("/d")).unwrap();
    put(&disk, b"new", true);
    disk.sync_dir(Path::new("/d")).unwrap();
    assert_eq!(survivors(&disk, "a"), some(&[None, Some("new")]));
    disk.sync_dir(Path::new("/")).unwrap();
    assert_eq!(survivors(&disk, "a"), some(&[Some("new")]));
}

#[test]
fn a_sample_holds_the_extremes_and_is_the_same_again() {
    let disk = disk();
    put(&disk, &[b'x'; 6000], false);
    let budget = Budget {
        exhaustive: 10,
        samples: 50,
        seed: 1,
    };
    let cut = disk.at(disk.steps()).unwrap();
    let prints = |budget: &Budget| -> Vec<u64> {
        let images = cut.images(budget);
        images.iter().map(super::Image::fingerprint).collect()
    };
    let found = prints(&budget);
    assert!((40..=62).contains(&found.len()), "{}", found.len());
    assert_eq!(found, prints(&budget));
    assert_ne!(found, prints(&Budget { seed: 2, ..budget }));
    let contents: BTreeSet<_> = cut
        .images(&budget)
        .iter()
        .map(|image| image.bytes(&path("a")).unwrap())
        .collect();
    assert!(contents.contains(b"old".as_slice()) && contents.contains(&vec![b'x'; 6000]));
}

#[test]
fn when_the_power_is_off_nothing_works_and_nothing_changes() {
    let disk = disk();
    put(&disk, b"new", true);
    disk.cut_after(disk.steps());
    assert!(disk.sync_dir(Path::new("/d")).is_err());
    assert!(disk.read(&path("a"), 9).is_err());
    assert_eq!(survivors(&disk, "a"), some(&[Some("old"), Some("new")]));
}

#[test]
fn a_killed_process_loses_nothing_and_makes_nothing_durable() {
    let disk = disk();
    put(&disk, b"new", true);
    let after = disk.at(disk.steps()).unwrap().killed();
    assert_eq!(after.read(&path("a"), 9).unwrap().bytes, b"new");
    assert_eq!(survivors(&after, "a"), some(&[Some("old"), Some("new")]));
}

#[test]
fn a_rename_that_loses_its_answer_was_made() {
    let disk = disk();
    disk.put_file(&path("b"), b"new");
    let fault = Fault {
        times: 1,
        errno: EIO,
        done: true,
    };
    disk.fail_kind("rename", fault);
    assert!(disk.rename(&path("b"), &path("a")).is_err());
    assert_eq!(disk.read(&path("a"), 9).unwrap().bytes, b"new");
}
