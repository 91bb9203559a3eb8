//! A process that is killed, one that goes on from there, and a loss of power after that: what the
//! first had not synced may be lost still, though the second has seen it.

use larder_core::{Durability, Options};

use super::prefix::history;
use super::{Depth, NOTES, Proof, Story, ZEBRAS, is_long};
use crate::sim::{Budget, SimDisk};

/// Kills the process after some calls of the disk, lets another one write, and takes the power away
/// after each of its calls.
fn killed_and_then_cut(name: &'static str, story: &Story, collections: [usize; 2]) {
    let mut proof = Proof::new(name, Depth::Found);
    proof.budget = if is_long() {
        proof.budget
    } else {
        Budget {
            exhaustive: 16,
            samples: 8,
            seed: 11,
        }
    };
    let stride = if is_long() { 1 } else { 4 };
    for step in (0..=story.disk.steps()).step_by(stride) {
        let disk = story.disk.at(step).unwrap().killed();
        let acked = story.acked(step);
        let found = super::read(&disk, super::read_only());
        let known = story.states[acked..].iter().position(|it| *it == found);
        let known = acked + known.expect("a killed process leaves a prefix");
        let states = story.states[..=known].to_vec();
        let mut next = Story::go_on(disk, states, acked);
        assert_eq!(next.visible(), found, "after call {step}");
        // Alone first: its acknowledgement stands for everything that was found, too.
        let [first, second] = collections;
        next.put(first, "next", 10);
        next.flush();
        next.put(first, "next", 10);
        next.put(second, "next", 10);
        next.flush();
        next.close();
        proof.every_crash(&next, 0);
    }
    proof.end();
}

#[test]
fn what_a_killed_process_left_is_durable_before_anything_else_is_acknowledged() {
    let mut story = Story::begin(SimDisk::new());
    history(&mut story);
    story.close();
    killed_and_then_cut("kill, then power loss", &story, [NOTES, ZEBRAS]);
    killed_and_then_cut("kill, then power loss, other way", &story, [ZEBRAS, NOTES]);
}

#[test]
fn also_when_its_files_were_in_two_directories() {
    let mut story = Story::begin_linked();
    history(&mut story);
    story.close();
    killed_and_then_cut("kill, then power loss, linked", &story, [NOTES, ZEBRAS]);
    killed_and_then_cut(
        "kill, then power loss, linked, other way",
        &story,
        [ZEBRAS, NOTES],
    );
}

#[test]
fn without_syncs_a_killed_process_leaves_a_prefix() {
    let unsynced = Options {
        durability: Durability::ProcessCrash,
        ..super::options()
    };
    let disk = SimDisk::new();
    let states = vec![super::State::default()];
    let mut story = Story::with(disk, unsynced.clone(), states, 0);
    history(&mut story);
    story.close();
    let calls = story.disk.calls();
    assert!(!calls.iter().any(|call| call.starts_with("sync")));
    for step in 0..=story.disk.steps() {
        let disk = story.disk.at(step).unwrap().killed();
        let for_reading = super::read(&disk, super::read_only());
        let found = super::read(&disk, unsynced.clone());
        let possible = &story.states[story.acked(step)..];
        assert!(possible.contains(&found), "after call {step}");
        assert_eq!(found, for_reading, "after call {step}");
    }
}
