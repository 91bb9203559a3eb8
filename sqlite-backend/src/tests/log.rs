//! The log's own format: what is whole is found, and written anew as it was.

use larder_core::{Backend as _, RepositoryExt as _};

use super::{note, open};
use crate::file::log_path;
use crate::log::{Log as _, LogFile};
use crate::store::Parts;

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
