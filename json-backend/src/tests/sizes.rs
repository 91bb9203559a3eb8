//! Files that are too large, and what an image keeps in memory.

use larder_core::{Collection, ErrorKind, Options, Repository, RepositoryExt};
use serde_json::{Value, json};

use super::{ProbeDisk, note, notes, on_disk, open};

#[test]
fn a_file_above_the_limit_is_refused_before_it_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let file = std::fs::File::create(dir.path().join("notes.json")).unwrap();
    file.set_len(600_000_000).unwrap();
    let store = open(&ProbeDisk::default(), dir.path(), Options::default());
    let error = store
        .collection::<Value>(Collection::named("notes"))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    assert!(
        error
            .path()
            .is_some_and(|path| path.ends_with("notes.json"))
    );
    assert_eq!(
        std::fs::metadata(dir.path().join("notes.json"))
            .unwrap()
            .len(),
        600_000_000
    );
}

#[test]
fn loaded_and_new_texts_make_one_file_however_much_is_rewritten() {
    let dir = tempfile::tempdir().unwrap();
    let disk = ProbeDisk::default();
    let store = open(&disk, dir.path(), Options::default());
    notes(&store)
        .save_all((0..200).map(note))
        .unwrap()
        .wait()
        .unwrap();
    drop(store);

    let store = open(&disk, dir.path(), Options::default());
    let notes = notes(&store);
    let mut expected: Vec<String> = (0..200).map(|n| format!("n{n:04}")).collect();
    // Past the half, the loaded text is let go; every flush must write the same records.
    for number in 0..150_u32 {
        if number % 3 == 0 {
            notes.delete(&format!("n{number:04}")).unwrap().detach();
            expected.retain(|id| *id != format!("n{number:04}"));
        } else {
            notes
                .save(json!({"id": format!("n{number:04}"), "new": true}))
                .unwrap()
                .detach();
        }
        if number % 10 == 0 {
            notes.flush().wait().unwrap();
            assert_eq!(on_disk(dir.path()), expected);
        }
    }
    notes.flush().wait().unwrap();
    assert_eq!(on_disk(dir.path()), expected);
}
