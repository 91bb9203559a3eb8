//! A disk that fails while two collections are flushed, and then the power goes as well.

use std::path::Path;

use larder_core::{Backend, ErrorKind};
use larder_figures::Kind;

use super::{Depth, NOTES, Proof, Story, ZEBRAS, is_long};
use crate::disk::{Disk as _, is_temp_name};
use crate::sim::{Budget, Fault, SimDisk};

const EIO: i32 = 5;
const EACCES: i32 = 13;
const ENOSPC: i32 = 28;

/// What may fail without anybody having to know: the removal of a file that no record names.
fn is_idle(call: &str) -> bool {
    call == "drop"
}

/// A store with both collections on disk, before a flush of both.
fn before_the_flush(linked: bool) -> Story {
    let mut story = if linked {
        Story::begin_linked()
    } else {
        Story::begin(SimDisk::new())
    };
    story.put(NOTES, "a", 10);
    story.put(ZEBRAS, "a", 10);
    story.flush();
    story.put(NOTES, "b", 10);
    story.put(ZEBRAS, "b", 10);
    story
}

/// Flushes until it works, and then goes on: one collection alone, and both again.
fn go_on(story: &mut Story) {
    for _ in 0..10 {
        if story.try_flush().is_ok() {
            break;
        }
        assert_eq!(story.visible(), *story.states.last().unwrap());
    }
    assert!(story.store.health().is_healthy());
    story.put(NOTES, "c", 10);
    story.flush();
    story.put(ZEBRAS, "d", 10);
    story.put(NOTES, "d", 10);
    story.flush();
    story.close();
}

/// How many calls the flush makes that nothing fails in.
fn calls_of_a_flush(linked: bool) -> usize {
    let mut story = before_the_flush(linked);
    let from = story.disk.steps();
    story.flush();
    story.disk.steps() - from
}

fn every_call_fails(name: &'static str, linked: bool) {
    let mut proof = Proof::new(name, Depth::Found);
    if !is_long() {
        proof.budget = Budget {
            exhaustive: 32,
            samples: 16,
            seed: 5,
        };
    }
    let calls = calls_of_a_flush(linked);
    assert!(calls > 20, "{calls} calls");
    let (mut tried, mut told) = (0, 0);
    for number in 1..=calls {
        for errno in [EIO, ENOSPC, EACCES] {
            for (times, done) in [(1, false), (3, false), (1, true)] {
                // A rename that was made: one error is as good as another.
                if done && errno != EIO {
                    continue;
                }
                let mut story = before_the_flush(linked);
                let from = story.disk.steps();
                let fault = Fault { times, errno, done };
                story.disk.fail_from(from + number, fault);
                let context = format!("{name}: call {number}, error {errno}, {times} times");
                tried += 1;
                if let Err(error) = story.try_flush() {
                    told += 1;
                    assert_eq!(error.kind(), ErrorKind::NotDurable, "{context}");
                }
                assert_eq!(story.visible(), story.states[4], "{context}");
                let failed = story.disk.failed();
                assert!(failed.iter().any(|call| !is_idle(call)), "{context}");
                go_on(&mut story);
                let issues = story.store.load_report();
                assert!(issues.is_clean(), "{context}: {issues:?}");
                // Which error it was makes no difference to what is on the disk.
                if errno == EIO {
                    proof.every_crash(&story, from);
                }
            }
        }
    }
    // On a machine that is very busy the store has tried again before the waiter is woken.
    assert!(2 * told > tried, "{told} of {tried} failures told");
    println!("{name}: {told} of {tried} failures told to who waited");
    proof.end_with(&[(Kind::Faults, tried)]);
}

#[test]
fn whatever_fails_in_a_flush_of_two_it_is_told_tried_again_and_a_crash_leaves_a_prefix() {
    every_call_fails("faults", false);
}

#[test]
fn also_when_the_files_are_in_two_directories() {
    every_call_fails("faults, linked", true);
}

#[test]
fn a_second_attempt_that_fails_anywhere_after_a_first_that_failed_late_leaves_a_prefix() {
    let mut proof = Proof::new("two failures", Depth::Found);
    let calls = {
        let mut story = before_the_flush(false);
        let from = story.disk.steps();
        story.flush();
        story.disk.calls()[from..].to_vec()
    };
    let of = |name: &str| calls.iter().position(|call| call == name).unwrap() + 1;
    let record = of("rename larder.commit");
    // The sync after the record's rename; and everything after it, such as the rename of the second
    // file.
    let late = if is_long() {
        record..=calls.len()
    } else {
        record + 1..=record + 1
    };
    for first in late {
        // The second attempt puts the record of the first in its place before it does the same.
        for second in 1..=calls.len() + 10 {
            let mut story = before_the_flush(false);
            let from = story.disk.steps();
            let once = Fault {
                times: 1,
                errno: EIO,
                done: false,
            };
            story.disk.fail_from(from + first, once);
            let _ = story.try_flush();
            story.put(ZEBRAS, "late", 10);
            story.disk.fail_from(from + first + second, once);
            let _ = story.try_flush();
            go_on(&mut story);
            proof.every_crash(&story, from);
        }
    }
    proof.end();
}

#[test]
fn a_disk_that_fails_for_ever_in_one_call_is_told_and_leaves_a_prefix() {
    let mut proof = Proof::new("faults for ever", Depth::Found);
    for call in [
        "create_temp",
        "write",
        "sync",
        "stat",
        "keep",
        "sync_dir",
        "rename",
        "remove",
    ] {
        let mut story = before_the_flush(false);
        let from = story.disk.steps();
        let fault = Fault {
            times: u32::MAX,
            errno: EIO,
            done: false,
        };
        story.disk.fail_kind(call, fault);
        for _ in 0..3 {
            assert!(story.try_flush().is_err(), "{call}");
            assert!(!story.store.health().is_healthy(), "{call}");
        }
        story.put(NOTES, "e", 10);
        assert!(story.try_flush().is_err(), "{call}");
        story.disk.heal();
        go_on(&mut story);
        proof.every_crash(&story, from);
    }
    proof.end();
}

#[test]
fn attempts_that_fail_do_not_fill_the_disk() {
    let temps = |story: &Story| {
        let names = story.disk.list(Path::new(super::DIR)).unwrap();
        names.iter().filter(|name| is_temp_name(name)).count()
    };
    // Wherever it begins: in the first attempt, or while another is made after a first failure.
    for number in (1..=calls_of_a_flush(false)).step_by(2) {
        let mut story = before_the_flush(false);
        let once = Fault {
            times: 1,
            errno: EIO,
            done: false,
        };
        story.disk.fail_from(story.disk.steps() + number, once);
        let _ = story.try_flush();
        let for_ever = Fault {
            times: u32::MAX,
            ..once
        };
        let from = story.disk.steps() + number;
        story.disk.fail_from(from, for_ever);
        for _ in 0..5 {
            let _ = story.try_flush();
        }
        story.disk.heal();
        let left = temps(&story);
        assert!(left <= 5, "call {number}: {left} temp files of two files");
        go_on(&mut story);
    }
    // Where only names cannot be changed, everything else goes on and on.
    for call in ["rename", "sync_dir", "remove"] {
        let mut story = before_the_flush(false);
        let fault = Fault {
            times: u32::MAX,
            errno: EIO,
            done: false,
        };
        story.disk.fail_kind(call, fault);
        for _ in 0..8 {
            assert!(story.try_flush().is_err(), "{call}");
        }
        story.disk.heal();
        let left = temps(&story);
        assert!(left <= 5, "{call}: {left} temp files of two files");
        go_on(&mut story);
        assert!(call == "remove" || temps(&story) == 0, "{call}");
    }
}

#[test]
fn a_store_that_is_given_up_after_a_failed_commit_leaves_a_prefix() {
    let mut proof = Proof::new("given up", Depth::GoesOn);
    for call in ["sync_dir", "rename", "remove"] {
        for after in 1..=4 {
            let mut story = before_the_flush(false);
            let from = story.disk.steps();
            // Some calls of the kind work before the first that fails.
            let calls = {
                let mut other = before_the_flush(false);
                let from = other.disk.steps();
                other.flush();
                other.disk.calls()[from..].to_vec()
            };
            let at = calls
                .iter()
                .enumerate()
                .filter(|(_, made)| made.starts_with(call))
                .nth(after - 1);
            let Some((at, _)) = at else { continue };
            let fault = Fault {
                times: u32::MAX,
                errno: EIO,
                done: false,
            };
            story.disk.fail_from(from + at + 1, fault);
            assert!(story.try_flush().is_err());
            assert!(story.store.close().wait().is_err());
            proof.every_crash(&story, from);
        }
    }
    proof.end();
}
