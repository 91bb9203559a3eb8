//! A disk that fails in any call of anything a store does, with any error, once or for ever: what was
//! there is there when it works again, and what was asked for can be done.
//!
//! Owns the acts. A flush of two collections, with crashes on top, is `faults.rs`.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use larder_core::{
    Backend, BackendExt, Collection, ErrorKind, Migrations, Options, Query, RepositoryExt, Result,
};
use larder_figures::{Kind, Proof};
use serde_json::{Value, json};

use super::{DIR, at, is_long};
use crate::JsonStore;
use crate::sim::{Budget, Cut, Fault, SimDisk};

/// EIO, ENOSPC, EDQUOT, EACCES, EINTR, by their numbers on Linux.
const ERRORS: [i32; 5] = [5, 28, 122, 13, 4];

/// What is found when an act is done: the records of both collections, and the rejected bytes.
#[derive(Debug, PartialEq)]
struct Seen {
    records: Vec<String>,
    rejected: BTreeSet<Vec<u8>>,
}

/// Something that a program does with a store, from its opening to its close. Done again it comes to
/// the same.
struct Act {
    name: &'static str,
    before: fn() -> SimDisk,
    then: fn(&SimDisk) -> Result<Seen>,
}

const ACTS: [Act; 7] = [
    Act {
        name: "open",
        before: with_records,
        then: |disk| run(disk, notes(), |_| Ok(())),
    },
    Act {
        name: "open after a crash",
        before: with_a_commit,
        then: |disk| run(disk, notes(), |_| Ok(())),
    },
    Act {
        name: "save",
        before: with_records,
        then: |disk| run(disk, notes(), save),
    },
    Act {
        name: "transaction",
        before: with_records,
        then: |disk| {
            run(disk, notes(), |store| {
                let write = store.transaction(|tx| {
                    for name in ["notes", "zebras"] {
                        let record = json!({"id": "both", "n": 9});
                        tx.collection::<Value>(name)?.save(record)?;
                    }
                    Ok(())
                });
                write?.wait()
            })
        },
    },
    Act {
        name: "quarantine",
        before: || {
            with_file(
                &[r#"{"id":"a","n":1}"#, r#"{"id":"","n":2}"#, "[3]"],
                "]}\n",
            )
        },
        then: |disk| run(disk, notes(), save),
    },
    Act {
        name: "salvage",
        before: || with_file(&[r#"{"id":"a","n":1}"#, r#"{"id":"b","n":"#], ""),
        then: |disk| run(disk, notes(), save),
    },
    Act {
        name: "migration",
        before: with_records,
        then: |disk| run(disk, migrated(), |_| Ok(())),
    },
];

fn options() -> Options {
    Options {
        // A store that is given up while its disk fails is not waited for.
        drop_timeout: Duration::ZERO,
        ..super::options()
    }
}

fn notes() -> Collection<Value> {
    Collection::named("notes")
}

fn migrated() -> Collection<Value> {
    let step = Migrations::new().step(1, |record: &mut Value| {
        if record["n"] == 1 {
            return Err("this one does not migrate".into());
        }
        record["migrated"] = json!(true);
        Ok(())
    });
    notes().with_version(2).with_migrations(step)
}

fn run(
    disk: &SimDisk,
    notes: Collection<Value>,
    act: impl FnOnce(&JsonStore) -> Result<()>,
) -> Result<Seen> {
    let store = disk.open(DIR, options())?;
    let notes = store.collection(notes)?;
    let zebras = store.collection(Collection::<Value>::named("zebras"))?;
    act(&store)?;
    let mut records = Vec::new();
    for repository in [&notes, &zebras] {
        records.extend(
            repository
                .find(Query::all())?
                .iter()
                .map(ToString::to_string),
        );
    }
    let rejected = store.quarantine()?;
    let rejected = rejected.iter().map(|entry| entry.bytes().to_vec());
    let seen = Seen {
        records,
        rejected: rejected.collect(),
    };
    store.close().wait()?;
    Ok(seen)
}

fn save(store: &JsonStore) -> Result<()> {
    let notes = store.collection(notes())?;
    notes.save(json!({"id": "new", "n": 7}))?.wait().map(|_| ())
}

fn with_records() -> SimDisk {
    let disk = SimDisk::new();
    run(&disk, notes(), |store| {
        let notes = store.collection(notes())?;
        let zebras = store.collection(Collection::<Value>::named("zebras"))?;
        for n in 0..3 {
            notes.save(json!({"id": n.to_string(), "n": n}))?.detach();
        }
        zebras.save(json!({"id": "z"}))?.wait().map(|_| ())
    })
    .unwrap();
    disk
}

/// The power went when a commit of two files was durable and the files were not moved yet.
fn with_a_commit() -> SimDisk {
    let disk = with_records();
    let from = disk.steps();
    (ACTS[3].then)(&disk).unwrap();
    let calls = &disk.calls()[from..];
    let committed = calls.iter().position(|call| call == "rename larder.commit");
    // With the sync of the directory after it.
    let step = from + committed.unwrap() + 2;
    let budget = Budget {
        exhaustive: 1,
        samples: 0,
        seed: 0,
    };
    let images = disk.at(step).unwrap().images(&budget);
    assert!(images[0].bytes(&at("larder.commit")).is_some());
    images[0].boot_remembering()
}

fn with_file(lines: &[&str], end: &str) -> SimDisk {
    let header = r#"{"larder":1,"collection":"notes","version":1,"records":["#;
    let disk = SimDisk::new();
    disk.put_dir(Path::new(DIR));
    let file = format!("{header}\n{}\n{end}", lines.join(",\n"));
    disk.put_file(&at("notes.json"), file.as_bytes());
    disk
}

fn now(disk: &SimDisk) -> Cut {
    disk.at(disk.steps()).unwrap()
}

/// One act, with one fault in it.
fn with_fault(act: &Act, before: &Cut, right: &Seen, number: usize, fault: Fault) -> bool {
    let context = format!("{}: call {number}, {fault:?}", act.name);
    let disk = before.killed();
    disk.fail_from(number, fault);
    let told = match (act.then)(&disk) {
        Ok(seen) => {
            assert_eq!(seen, *right, "{context}");
            false
        }
        Err(error) => {
            let known = [ErrorKind::Io, ErrorKind::NotDurable, ErrorKind::Locked];
            assert!(known.contains(&error.kind()), "{context}: {error:?}");
            true
        }
    };
    // The power goes, too; the next machine has a disk that works.
    let budget = Budget {
        exhaustive: if is_long() { 64 } else { 1 },
        samples: if is_long() { 32 } else { 1 },
        seed: 13,
    };
    for image in now(&disk).images(&budget) {
        let seen = (act.then)(&image.boot()).unwrap();
        assert_eq!(seen, *right, "{context}: after a crash");
    }
    // The disk works again, and the program tries again.
    disk.heal();
    assert_eq!((act.then)(&disk).unwrap(), *right, "{context}: once more");
    told
}

#[test]
fn whatever_fails_in_whatever_a_store_does_is_told_and_loses_nothing() {
    for act in &ACTS {
        let proof = Proof::begin(
            "JSON under a loss of power",
            &format!("faults in {}", act.name),
        );
        let before = now(&(act.before)());
        let disk = before.killed();
        let right = (act.then)(&disk).unwrap();
        let calls = disk.steps();
        let (mut tried, mut told) = (0, 0);
        for number in 1..=calls {
            for (nth, errno) in ERRORS.into_iter().enumerate() {
                for times in [1, 3, u32::MAX] {
                    // In the ordinary run the errors take turns.
                    if !is_long() && nth != (number + times as usize) % ERRORS.len() {
                        continue;
                    }
                    let fault = Fault {
                        times,
                        errno,
                        done: false,
                    };
                    told += usize::from(with_fault(act, &before, &right, number, fault));
                    tried += 1;
                }
            }
        }
        println!("{}: {tried} faults in {calls} calls, {told} told", act.name);
        assert!(2 * told >= tried, "{}: {told} of {tried} told", act.name);
        proof.done(&[(Kind::Faults, tried as u64)]);
    }
}

/// Whoever opens the store after a failure cannot tell from the names which of them are durable.
#[test]
fn directories_above_the_store_are_durable_in_the_end_whichever_sync_failed() {
    let dir = Path::new("/a/b/store");
    let open = |disk: &SimDisk| disk.open(dir, options());
    let calls = {
        let disk = SimDisk::new();
        open(&disk).unwrap();
        disk.steps()
    };
    for failing in 1..=calls {
        let disk = SimDisk::new();
        let once = Fault {
            times: 1,
            errno: ERRORS[0],
            done: false,
        };
        disk.fail_from(failing, once);
        drop(open(&disk));
        disk.heal();
        open(&disk).unwrap();
        let calls = disk.calls();
        for (name, parent) in [("a", "/"), ("b", "a"), ("store", "b")] {
            let of = |call: String| {
                move |(at, made): (usize, &String)| (*made == call).then_some(at + 1)
            };
            let mut made = calls
                .iter()
                .enumerate()
                .filter_map(of(format!("create_dirs {name}")));
            let made = made.find(|at| *at != failing).unwrap();
            let mut synced = calls
                .iter()
                .enumerate()
                .filter_map(of(format!("sync_dir {parent}")));
            assert!(
                synced.any(|at| at > made && at != failing),
                "{name} may be lost: call {failing} of {calls:#?} has failed"
            );
        }
    }
}
