//! The log's own format: what is whole is found, and written anew as it was.

use std::io::{self, Cursor, Read, Seek, SeekFrom};

use larder_core::{Backend as _, RepositoryExt as _};

use super::{note, open};
use crate::file::log_path;
use crate::log::{Log as _, LogFile, each_frame};
use crate::store::Parts;
use crate::wal::Chain;

#[test]
fn whole_frames_are_found_and_written_anew_as_they_were() {
    let dir = tempfile::tempdir().unwrap();
    let (store, notes) = open(&Parts::real(), dir.path());
    let path = store.database().path().to_owned();
    let log = LogFile::new(&path);
    let first = log.frames().unwrap();
    for n in 0..20 {
        notes.save(note(&n.to_string())).unwrap().wait().unwrap();
    }
    let then = log.frames().unwrap();
    assert!(then >= first + 20, "{first} {then}");
    assert_eq!(store.database().log_frames().unwrap(), then);
    // The length of the file says the same: it was never begun anew.
    let bytes = std::fs::read(log_path(&path)).unwrap();
    assert_eq!(bytes.len() as u64, 32 + then * (24 + 4_096));

    assert_eq!(log.rewrite().unwrap(), then);
    assert_eq!(std::fs::read(log_path(&path)).unwrap(), bytes);
    log.sync().unwrap();
    store.close().wait().unwrap();
    drop((store, notes));
    assert_eq!(log.frames().unwrap(), 0, "the last connection removed it");
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a test puts files where it needs them"
)]
fn a_frame_that_is_not_whole_ends_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let (store, notes) = open(&Parts::real(), dir.path());
    for n in 0..5 {
        notes.save(note(&n.to_string())).unwrap().wait().unwrap();
    }
    let whole = std::fs::read(log_path(store.database().path())).unwrap();
    let frames = (whole.len() - 32) / (24 + 4_096);
    let other = tempfile::tempdir().unwrap();
    let path = other.path().join("data.db");
    let log = LogFile::new(&path);
    assert_eq!(log.frames().unwrap(), 0);
    let frames_of = |bytes: &[u8]| {
        std::fs::write(log_path(&path), bytes).unwrap();
        log.rewrite().unwrap()
    };
    assert_eq!(frames_of(&whole), frames as u64);
    // A commit without its end is none.
    let torn = frames_of(&whole[..whole.len() - 1]);
    assert!(torn > 0 && torn < frames as u64, "{torn} of {frames}");
    assert_eq!(frames_of(&whole[..40]), 0);
    assert_eq!(frames_of(&whole[..31]), 0);
    let last = 32 + (frames - 1) * (24 + 4_096);
    for (at, left) in [
        (0, 0),
        (20, 0),
        (32, 0),
        (60, 0),
        (last + 4, torn),
        (last + 30, torn),
    ] {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        assert_eq!(frames_of(&flipped), left, "byte {at}");
    }
}

/// The last connection removes the log, and whoever comes next makes another of that name.
#[test]
fn the_log_is_the_file_that_has_its_name_now() {
    let dir = tempfile::tempdir().unwrap();
    let (store, notes) = open(&Parts::real(), dir.path());
    let log = LogFile::new(store.database().path());
    for n in 0..5 {
        notes.save(note(&n.to_string())).unwrap().wait().unwrap();
    }
    let long = log.frames().unwrap();
    store.close().wait().unwrap();
    drop((store, notes));

    let (store, notes) = open(&Parts::real(), dir.path());
    notes.save(note("a")).unwrap().wait().unwrap();
    let short = store.database().log_frames().unwrap();
    assert!(0 < short && short < long, "{short} of {long}");
    assert_eq!(log.frames().unwrap(), short);
    assert_eq!(log.rewrite().unwrap(), short);
}

/// Only a log that is not there, or is not whole, has no frames.
#[cfg(target_os = "linux")]
#[test]
fn a_log_that_cannot_be_read_is_not_one_without_frames() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data.db");
    // At its beginning no process has memory: to read there is an error of the system.
    std::os::unix::fs::symlink("/proc/self/mem", log_path(&path)).unwrap();
    let log = LogFile::new(&path);
    assert!(log.frames().is_err());
    assert!(log.rewrite().is_err());
}

/// A log on a disk that has gone bad at this byte.
struct Unreadable(Cursor<Vec<u8>>, u64);

impl Read for Unreadable {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.1.saturating_sub(self.0.position());
        if left == 0 {
            return Err(io::Error::other("the disk is bad here"));
        }
        let len = buffer.len().min(usize::try_from(left).unwrap());
        self.0.read(&mut buffer[..len])
    }
}

impl Seek for Unreadable {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

/// What follows may be whole, and be acknowledged: it is not for this reader to say that it is gone.
#[test]
fn a_frame_that_cannot_be_read_is_not_the_end_of_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let (store, notes) = open(&Parts::real(), dir.path());
    for n in 0..5 {
        notes.save(note(&n.to_string())).unwrap().wait().unwrap();
    }
    let bytes = std::fs::read(log_path(store.database().path())).unwrap();
    let len = bytes.len() as u64;
    let frame = 24 + 4_096;
    for at in [0, 31, 32, 33, 32 + frame, 32 + 2 * frame + 100, len - 1] {
        let mut log = Unreadable(Cursor::new(bytes.clone()), at);
        let error = each_frame(&mut log, |_, _, _| Ok(())).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Other, "bad from byte {at}");
    }
    let mut log = Unreadable(Cursor::new(bytes), len + 1);
    let frames = each_frame(&mut log, |_, _, _| Ok(())).unwrap();
    assert_eq!(frames, (len - 32) / frame);
}

/// A checksum of the format, over words of this order.
fn sum(is_big_endian: bool, bytes: &[u8], (mut a, mut b): (u32, u32)) -> (u32, u32) {
    let word = |at: usize| {
        let word = bytes[at..at + 4].try_into().unwrap();
        if is_big_endian {
            u32::from_be_bytes(word)
        } else {
            u32::from_le_bytes(word)
        }
    };
    for at in (0..bytes.len()).step_by(8) {
        a = a.wrapping_add(word(at)).wrapping_add(b);
        b = b.wrapping_add(word(at + 4)).wrapping_add(a);
    }
    (a, b)
}

fn big_endian(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// The header of a log, which its checksum says is whole, and that checksum.
fn header(magic: u32, version: u32, page: u32) -> ([u8; 32], (u32, u32)) {
    let mut bytes = big_endian(&[magic, version, page, 0, 7, 9]);
    let sum = sum(magic & 1 == 1, &bytes, (0, 0));
    bytes.extend(big_endian(&[sum.0, sum.1]));
    (bytes.try_into().unwrap(), sum)
}

/// Whichever machine wrote it: the order of the bytes is that of the machine.
#[test]
fn a_log_is_read_in_either_order_of_bytes() {
    for (magic, is_big_endian) in [(0x377f_0682, false), (0x377f_0683, true)] {
        let (header, before) = header(magic, 3_007_000, 512);
        let mut chain = Chain::begin(&header).unwrap();
        let page: Vec<u8> = (0..128).cycle().take(512).collect();
        // The first page, which ends a commit of a database of one page.
        let head = big_endian(&[1, 1]);
        let after = sum(is_big_endian, &page, sum(is_big_endian, &head, before));
        let rest = big_endian(&[7, 9, after.0, after.1]);
        let mut frame = [head, rest, page].concat();
        // A byte of the page; and of the salt, which is in no checksum: such a frame is of an earlier log.
        for at in [100, 8] {
            frame[at] ^= 1;
            assert!(!chain.next(&frame), "{magic:x} {at}");
            frame[at] ^= 1;
        }
        assert!(chain.next(&frame), "{magic:x}");
        assert_eq!(chain.committed(), 1);
    }
}

#[test]
fn a_header_of_something_else_is_none_though_it_is_whole() {
    let (magic, version) = (0x377f_0682, 3_007_000);
    for (magic, version, page) in [
        (magic + 2, version, 4_096),
        (magic, version + 1, 4_096),
        (magic, version, 256),
        (magic, version, 1_000),
        (magic, version, 131_072),
    ] {
        let (header, _) = header(magic, version, page);
        assert_eq!(Chain::begin(&header), None, "{magic:x} {version} {page}");
    }
    assert!(Chain::begin(&header(magic, version, 65_536).0).is_some());
}
