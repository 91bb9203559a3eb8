//! A loss of power after every call of the disk, in histories of several flushes.

use larder_core::{BackendExt, RepositoryExt};

use super::{Depth, NOTES, Proof, Story, ZEBRAS, all_or_nothing, is_long, repositories};
use crate::sim::{Budget, SimDisk};

/// Some flushes of both collections and of one, some small and some of several blocks.
pub(super) fn history(story: &mut Story) {
    story.put(NOTES, "a", 10);
    story.put(ZEBRAS, "a", 10);
    story.flush();
    story.put(NOTES, "b", 600);
    story.put(ZEBRAS, "b", 10);
    story.flush();
    // Alone: by itself, right after a record was removed.
    story.put(NOTES, "c", 10);
    story.flush();
    story.put(ZEBRAS, "a", 10);
    story.delete(NOTES, "a");
    story.put(ZEBRAS, "c", 900);
    story.put(NOTES, "b", 10);
    story.flush();
    story.put(ZEBRAS, "d", 10);
    story.flush();
    story.put(ZEBRAS, "e", 10);
    story.put(NOTES, "e", 10);
    story.flush();
}

#[test]
fn after_any_crash_both_collections_are_of_one_moment_and_nothing_acknowledged_is_missing() {
    let mut proof = Proof::new("power loss", Depth::GoesOn);
    let mut story = Story::begin(SimDisk::new());
    history(&mut story);
    story.close();
    proof.every_crash(&story, 0);
    assert!(proof.unfinished > 0);
    proof.end();
}

#[test]
fn also_when_the_files_are_in_two_directories() {
    let mut proof = Proof::new("power loss, linked", Depth::GoesOn);
    let mut story = Story::begin_linked();
    history(&mut story);
    story.close();
    proof.every_crash(&story, 0);
    assert!(proof.unfinished > 0);
    proof.end();
}

/// A history of this number: writes of either collection, of any size, and flushes in between.
fn history_at_random(story: &mut Story, number: u64) {
    let mut state = number;
    let mut next = |of: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % of
    };
    for _ in 0..12 {
        let collection = if next(2) == 0 { NOTES } else { ZEBRAS };
        let id = ["a", "b", "c"][usize::try_from(next(3)).unwrap()];
        match next(7) {
            6 => story.both(id),
            0 => story.delete(collection, id),
            1 => story.put(collection, id, 700),
            _ => story.put(collection, id, 10),
        }
        if next(3) == 0 {
            story.flush();
        }
    }
    story.flush();
    story.close();
}

/// Of so many histories all crashes; of a long run every eighth is looked at from every side.
fn at_random(name: &'static str, begin: fn() -> Story, numbers: std::ops::Range<u64>) {
    let mut proof = Proof::new(name, Depth::Found);
    if is_long() {
        // More histories say more than more survivors of each.
        proof.budget = Budget {
            exhaustive: 256,
            samples: 128,
            seed: 7,
        };
    }
    for number in numbers {
        proof.depth = if is_long() && number % 8 == 0 {
            Depth::GoesOn
        } else {
            Depth::Found
        };
        proof.next_history();
        let mut story = begin();
        history_at_random(&mut story, number);
        proof.every_crash(&story, 0);
    }
    proof.end();
}

#[test]
fn after_any_crash_of_histories_at_random_too() {
    let count = if is_long() { 6_000 } else { 3 };
    let begin = || Story::begin(SimDisk::new());
    at_random("power loss, at random", begin, 0..count);
}

#[test]
fn after_any_crash_of_histories_at_random_in_two_directories_too() {
    let count = if is_long() { 4_500 } else { 3 };
    let numbers = 1_000_000..1_000_000 + count;
    at_random(
        "power loss, at random, linked",
        Story::begin_linked,
        numbers,
    );
}

#[test]
fn the_store_asks_the_disk_the_same_in_every_run() {
    let calls = || {
        let mut story = Story::begin(SimDisk::new());
        history(&mut story);
        story.close();
        story.disk.calls()
    };
    assert_eq!(calls(), calls());
}

#[test]
fn a_transaction_over_two_collections_is_there_or_not() {
    all_or_nothing(
        "a transaction over two collections",
        |store| {
            let [notes, zebras] = repositories(store);
            for repository in [notes, zebras] {
                let record = serde_json::json!({"id": "a", "write": 1});
                repository.save(record).unwrap().detach();
            }
        },
        |store| {
            let write = store.transaction(|tx| {
                for name in ["notes", "zebras"] {
                    let record = serde_json::json!({"id": "a", "write": 2});
                    tx.collection::<serde_json::Value>(name)?.save(record)?;
                }
                Ok(())
            });
            write.unwrap().wait().unwrap();
        },
    );
}

#[test]
fn a_definition_that_belongs_to_its_records_is_as_old_as_they_are() {
    let disk = SimDisk::new();
    let mut story = Story::begin(disk);
    story.store.tie_definitions();
    story.put(NOTES, "a", 10);
    story.flush();
    let calls = story.disk.calls().join("\n");
    assert!(calls.contains("rename larder.commit"), "{calls}");
    story.close();
    let mut proof = Proof::new("definition with its records", Depth::Found);
    proof.every_crash(&story, 0);
    for step in 0..=story.disk.steps() {
        for image in story.disk.at(step).unwrap().images(&proof.budget) {
            let disk = image.boot_remembering();
            super::read(&disk, super::options());
            let after = disk.at(disk.steps()).unwrap();
            // Whatever was not synced at the open is decided now: take all of it.
            let after = after.images(&proof.budget).pop().unwrap();
            assert_eq!(
                after.bytes(&super::at("notes.json")).is_some(),
                after.bytes(&super::at("notes.collection.json")).is_some(),
                "after call {step}"
            );
        }
    }
    proof.end();
}
