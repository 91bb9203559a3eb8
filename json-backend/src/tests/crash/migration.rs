//! A loss of power while a collection is migrated or mended.

use std::path::Path;

use larder_core::{
    Backend, Collection, Migrations, OnInvalid, Options, Query, Repository, RepositoryExt,
};
use serde_json::{Value, json};

use super::{Depth, Proof, at, open, options};
use crate::JsonRepository;
use crate::disk::Disk as _;
use crate::sim::{Image, SimDisk};

const RECORDS: usize = 3;

fn first() -> Collection<Value> {
    Collection::named("notes")
}

fn second() -> Collection<Value> {
    first()
        .with_version(2)
        .with_migrations(Migrations::new().step(1, |record| {
            if record["n"] == 1 {
                return Err("this one does not migrate".into());
            }
            record["migrated"] = json!(true);
            Ok(())
        }))
}

fn found(notes: &JsonRepository<Value>) -> Vec<Value> {
    let all = notes.find(Query::all()).unwrap();
    all.iter().map(|record| Value::clone(record)).collect()
}

/// A disk with records of the first version, in this shape.
fn of_first(array: bool) -> SimDisk {
    let disk = SimDisk::new();
    if array {
        disk.put_dir(Path::new(super::DIR));
        let records: Vec<Value> = (0..RECORDS)
            .map(|n| json!({"id": n.to_string(), "n": n}))
            .collect();
        disk.put_file(
            &at("notes.json"),
            &serde_json::to_vec_pretty(&records).unwrap(),
        );
        return disk;
    }
    let store = open(&disk, options()).unwrap();
    let notes = store.collection(first()).unwrap();
    for n in 0..RECORDS {
        notes
            .save(json!({"id": n.to_string(), "n": n}))
            .unwrap()
            .detach();
    }
    store.close().wait().unwrap();
    disk
}

fn bytes(disk: &SimDisk, path: &Path) -> Vec<u8> {
    let read = disk.read(path, u64::MAX);
    read.map(|contents| contents.bytes).unwrap_or_default()
}

/// Whoever opens it next finds everything migrated, the one that cannot be in quarantine, and the
/// records as they were in a backup, if anything of theirs was written over.
fn check(image: &Image, original: &[u8], step: usize) {
    let disk = image.boot();
    for again in [false, true] {
        let store = open(&disk, options()).unwrap();
        let notes = store.collection(second()).unwrap();
        let records = found(&notes);
        assert_eq!(records.len(), RECORDS - 1, "after call {step}: {records:?}");
        assert!(records.iter().all(|record| record["migrated"] == true));
        let kept = store.quarantine().unwrap();
        assert_eq!(kept.len(), 1, "after call {step}");
        assert_eq!(
            serde_json::from_slice::<Value>(kept[0].bytes()).unwrap(),
            json!({"id": "1", "n": 1})
        );
        assert!(!again || notes.load_report().migrated().is_empty());
        store.close().wait().unwrap();
    }
    let names = disk.list(Path::new(super::DIR)).unwrap();
    let backups: Vec<&str> = names
        .iter()
        .filter_map(|name| name.to_str())
        .filter(|name| name.starts_with("notes.v1-"))
        .collect();
    let is_original = |name: &&str| bytes(&disk, &at(name).join("notes.json")) == original;
    assert!(
        backups.iter().any(is_original),
        "after call {step}: {backups:?}"
    );
}

fn every_crash(name: &'static str, array: bool) {
    let disk = of_first(array);
    let from = disk.steps();
    let original = bytes(&disk, &at("notes.json"));
    // Looking at it was a call of the disk, too, but none that changes anything.
    let store = open(&disk, options()).unwrap();
    let notes = store.collection(second()).unwrap();
    assert_eq!(notes.load_report().migrated().len(), 1);
    store.close().wait().unwrap();
    let proof = Proof::new(name, Depth::Found);
    let mut images = 0;
    for step in from..=disk.steps() {
        for image in disk.at(step).unwrap().images(&proof.budget) {
            check(&image, &original, step);
            images += 1;
        }
    }
    proof.end_of(images, &[]);
}

#[test]
fn a_migration_is_made_or_made_again_after_any_crash() {
    every_crash("migration", false);
}

#[test]
fn so_is_that_of_a_bare_array_whose_version_stands_beside_it() {
    every_crash("migration of an array", true);
}

#[test]
fn a_mended_record_and_its_original_are_safe_after_any_crash() {
    let schema = json!({
        "type": "object",
        "required": ["id"],
        "properties": {"id": {"type": "string"}, "model": {"type": "string"}}
    });
    let strict = || Collection::<Value>::named("notes").schema(schema.clone());
    let disk = SimDisk::new();
    let store = open(&disk, options()).unwrap();
    let notes = store.collection(first()).unwrap();
    notes.save(json!({"id": "a", "model": 7})).unwrap().detach();
    notes
        .save(json!({"id": "b", "model": "m"}))
        .unwrap()
        .detach();
    store.close().wait().unwrap();
    let from = disk.steps();
    let mending = || Options {
        on_invalid: OnInvalid::Repair,
        ..options()
    };
    let store = open(&disk, mending()).unwrap();
    store.collection(strict()).unwrap();
    store.close().wait().unwrap();
    let proof = Proof::new("repair", Depth::Found);
    let mut images = 0;
    for step in from..=disk.steps() {
        for image in disk.at(step).unwrap().images(&proof.budget) {
            let store = open(&image.boot(), mending()).unwrap();
            let notes = store.collection(strict()).unwrap();
            assert_eq!(
                found(&notes),
                [json!({"id": "a"}), json!({"id": "b", "model": "m"})],
                "after call {step}"
            );
            let kept = store.quarantine().unwrap();
            assert_eq!(kept.len(), 1, "after call {step}");
            assert_eq!(
                serde_json::from_slice::<Value>(kept[0].bytes()).unwrap(),
                json!({"id": "a", "model": 7})
            );
            images += 1;
        }
    }
    proof.end_of(images, &[]);
}
