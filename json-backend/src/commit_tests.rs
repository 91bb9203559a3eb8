//! What the callers of today never ask, because what failed together is still dirty together.

use std::ffi::OsStr;
use std::path::Path;

use super::{Commits, Piece};
use crate::disk::PRIVATE_MODE;
use crate::sim::{Fault, SimDisk};

fn piece(name: &str, content: &'static str) -> Piece<'static> {
    Piece {
        target: Path::new("/store").join(name),
        mode: PRIVATE_MODE,
        content: Box::new(|out| out.write_all(content.as_bytes())),
    }
}

#[test]
fn one_file_goes_by_record_as_long_as_an_earlier_record_may_come_back() {
    let disk = SimDisk::new();
    disk.put_dir(Path::new("/store"));
    let mut commits = Commits::new("/store".into(), true);
    let records = |disk: &SimDisk| {
        let calls = disk.calls();
        let of_record = calls.iter().filter(|call| *call == "rename larder.commit");
        of_record.count()
    };
    let alone = [piece("a.json", "one")];
    commits.commit(&disk, &alone).unwrap();
    assert_eq!(records(&disk), 0);

    let both = [piece("a.json", "two"), piece("b.json", "two")];
    let fault = Fault {
        times: 1,
        errno: 5,
        done: false,
    };
    disk.fail_kind("remove", fault);
    let failed = commits.commit(&disk, &both).unwrap_err();
    // Both are ours, and none is to be blamed.
    assert_eq!((failed.piece, failed.replaced.len()), (None, 2));
    assert_eq!(records(&disk), 1);

    let alone = [piece("a.json", "three")];
    commits.commit(&disk, &alone).unwrap();
    // The earlier record once more, and its own.
    assert_eq!(records(&disk), 3);
    commits.commit(&disk, &alone).unwrap();
    assert_eq!(records(&disk), 3);
}

#[test]
fn nothing_to_write_asks_the_disk_nothing() {
    let disk = SimDisk::new();
    let mut commits = Commits::new("/store".into(), true);
    assert!(commits.commit(&disk, &[]).unwrap().is_empty());
    assert!(disk.calls().is_empty());
}

#[test]
fn a_content_may_be_written_in_any_way_a_writer_has() {
    let disk = SimDisk::new();
    disk.put_dir(Path::new("/store"));
    let mut commits = Commits::new("/store".into(), true);
    let mut by_hand = piece("a.json", "");
    by_hand.content = Box::new(|out| {
        assert_eq!(out.write(b"one by one")?, 10);
        out.flush()
    });
    let both = [by_hand, piece("b.json", "whole")];
    let written = commits.commit(&disk, &both).unwrap();
    let lengths: Vec<u64> = written.iter().map(|identity| identity.len).collect();
    assert_eq!(lengths, [10, 5]);
    let files = disk.files(Path::new("/store"));
    assert_eq!(files[OsStr::new("a.json")], b"one by one");
    // What the record says of it is right, too.
    let moved = disk.calls().iter().position(|it| it == "rename a.json");
    let cut = disk.at(moved.unwrap()).unwrap().killed();
    let finished = crate::recover::finish(&cut, Path::new("/store"), true).unwrap();
    assert_eq!(finished, Some(2));
    assert_eq!(cut.files(Path::new("/store")), files);
}
