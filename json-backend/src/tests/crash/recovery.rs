//! What an open does about a commit record: cut short, for reading, and where something is wrong.

use larder_core::{Backend, ErrorKind};
use larder_figures::Kind;

use super::prefix::history;
use super::{
    Depth, NOTES, Proof, Story, ZEBRAS, assert_nothing_written, at, open, options, read, read_only,
};
use crate::disk::Disk as _;
use crate::sim::{Image, SimDisk};

/// Every image of a story in which a record is found, with the step and what was acknowledged then.
fn unfinished(story: &Story, proof: &Proof) -> Vec<(usize, usize, Image)> {
    let mut found = Vec::new();
    let mut known = std::collections::BTreeSet::new();
    for step in 0..=story.disk.steps() {
        for image in story.disk.at(step).unwrap().images(&proof.budget) {
            let acked = story.acked(step);
            if image.bytes(&at("larder.commit")).is_some()
                && known.insert((image.fingerprint(), acked))
            {
                found.push((step, acked, image));
            }
        }
    }
    found
}

#[test]
fn a_recovery_that_is_cut_short_at_any_call_is_finished_by_the_next() {
    for (name, mut story) in [
        ("crash in recovery", Story::begin(SimDisk::new())),
        ("crash in recovery, linked", Story::begin_linked()),
    ] {
        history(&mut story);
        story.close();
        let mut proof = Proof::new(name, Depth::Found);
        for (step, acked, image) in unfinished(&story, &proof) {
            let disk = image.boot_remembering();
            let found = read(&disk, options());
            for second in 0..=disk.steps() {
                for image in disk.at(second).unwrap().images(&proof.budget) {
                    // Whatever was decided the first time stays decided.
                    let states = std::slice::from_ref(&found);
                    proof.image(&image, states, 0, step);
                }
            }
            assert!(story.states[acked..].contains(&found));
        }
        assert!(proof.unfinished > 0);
        let cuts = proof.states();
        proof.end_with(&[(Kind::SecondCuts, cuts)]);
    }
}

/// A disk with a commit of both collections, cut before the first of its contents is moved, and the
/// states before and after.
fn committed() -> (SimDisk, [super::State; 2]) {
    let mut story = Story::begin(SimDisk::new());
    story.put(NOTES, "a", 10);
    story.put(ZEBRAS, "a", 10);
    story.flush();
    let before = story.states.last().unwrap().clone();
    let from = story.disk.steps();
    story.put(NOTES, "b", 10);
    story.delete(ZEBRAS, "a");
    story.flush();
    let after = story.states.last().unwrap().clone();
    let calls = story.disk.calls();
    let moved = calls[from..]
        .iter()
        .position(|call| call == "rename notes.json")
        .unwrap();
    let disk = story.disk.at(from + moved).unwrap().killed();
    (disk, [before, after])
}

#[test]
fn an_open_for_reading_sees_what_was_committed_and_writes_nothing() {
    let (disk, [_, after]) = committed();
    for _ in 0..2 {
        assert_eq!(read(&disk, read_only()), after);
        assert_nothing_written(&disk);
    }
    let store = open(&disk, read_only()).unwrap();
    assert_eq!(store.collections().unwrap(), ["notes", "zebras"]);
}

#[test]
fn a_collection_whose_first_file_waits_to_be_moved_is_listed_for_reading() {
    let mut story = Story::begin(SimDisk::new());
    story.put(NOTES, "a", 10);
    story.put(ZEBRAS, "a", 10);
    story.flush();
    let calls = story.disk.calls();
    let moved = calls.iter().position(|call| call == "rename notes.json");
    let disk = story.disk.at(moved.unwrap()).unwrap().killed();
    for name in ["notes", "zebras"] {
        disk.remove(&at(&format!("{name}.collection.json")))
            .unwrap();
    }
    let store = open(&disk, read_only()).unwrap();
    assert_eq!(store.collections().unwrap(), ["notes", "zebras"]);
    assert_eq!(super::records(&store), *story.states.last().unwrap());
}

#[test]
fn opening_for_writing_finishes_and_leaves_nothing_behind() {
    let (disk, [_, after]) = committed();
    assert_eq!(read(&disk, options()), after);
    let left = disk.at(disk.steps()).unwrap().killed();
    let names = left.list(std::path::Path::new(super::DIR)).unwrap();
    let expected = [
        "notes.collection.json",
        "notes.json",
        "zebras.collection.json",
        "zebras.json",
    ];
    assert_eq!(names, expected);
}

/// The name of the temp file that waits for `notes.json`.
fn temp_of_notes(disk: &SimDisk) -> String {
    let record = disk.read(&at("larder.commit"), u64::MAX).unwrap();
    let record: serde_json::Value = serde_json::from_slice(&record.bytes).unwrap();
    let files = record["files"].as_array().unwrap();
    let notes = files.iter().find(|file| file["target"] == "notes.json");
    notes.unwrap()["temp"].as_str().unwrap().to_owned()
}

#[test]
fn what_is_not_as_it_was_written_refuses_the_open_and_nothing_is_touched() {
    type Damage = fn(&SimDisk);
    let damages: [(&str, Damage, ErrorKind); 6] = [
        (
            "a flipped byte",
            |disk| {
                let temp = at(&temp_of_notes(disk));
                let mut bytes = disk.read(&temp, u64::MAX).unwrap().bytes;
                bytes[20] ^= 1;
                disk.put_file(&temp, &bytes);
            },
            ErrorKind::Unrecognized,
        ),
        (
            "a longer file",
            |disk| {
                let temp = at(&temp_of_notes(disk));
                let mut bytes = disk.read(&temp, u64::MAX).unwrap().bytes;
                bytes.push(b'\n');
                disk.put_file(&temp, &bytes);
            },
            ErrorKind::Unrecognized,
        ),
        (
            "an empty file",
            |disk| disk.put_file(&at(&temp_of_notes(disk)), b""),
            ErrorKind::Unrecognized,
        ),
        (
            "a record of somebody else",
            |disk| disk.put_file(&at("larder.commit"), b"fix: everything\n"),
            ErrorKind::Unrecognized,
        ),
        (
            "a record of a newer program",
            |disk| disk.put_file(&at("larder.commit"), b"{\"larder\":2}"),
            ErrorKind::NewerVersion,
        ),
        (
            "a record that is larger than any",
            |disk| disk.put_file(&at("larder.commit"), &vec![b' '; (16 << 20) + 1]),
            ErrorKind::Unrecognized,
        ),
    ];
    for (name, damage, kind) in damages {
        let (disk, _) = committed();
        damage(&disk);
        let left = disk.at(disk.steps()).unwrap();
        for options in [options(), read_only()] {
            let disk = left.killed();
            let error = open(&disk, options).unwrap_err();
            assert_eq!(error.kind(), kind, "{name}: {error}");
            assert!(error.path().is_some(), "{name}: {error}");
            let calls = disk.calls().join("\n");
            assert!(!calls.contains("rename"), "{name}: {calls}");
            assert!(!calls.contains("remove"), "{name}: {calls}");
        }
    }
}

#[test]
fn a_directory_that_is_not_there_is_not_one_in_which_all_is_done() {
    let mut story = Story::begin_linked();
    story.put(NOTES, "a", 10);
    story.put(ZEBRAS, "a", 10);
    story.flush();
    let calls = story.disk.calls();
    let moved = calls.iter().position(|call| call == "rename notes.json");
    let disk = story.disk.at(moved.unwrap()).unwrap().killed();
    // As if nothing were mounted on `/elsewhere`: the link leads to a directory that is empty.
    disk.put_dir(std::path::Path::new("/nowhere"));
    let record = {
        let bytes = disk.read(&at("larder.commit"), u64::MAX).unwrap().bytes;
        crate::commit_record::parse(
            std::path::Path::new(super::DIR),
            &at("larder.commit"),
            &bytes,
        )
        .unwrap()
    };
    for entry in &record {
        if entry.target.starts_with("/elsewhere") {
            disk.remove(&entry.temp).unwrap();
        }
    }
    let error = open(&disk, options()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.path().unwrap().ends_with("elsewhere/zebras.json"));
}
