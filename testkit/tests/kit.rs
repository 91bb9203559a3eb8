//! The kit as a program uses it, and its list of cases.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test says what is wrong by panicking"
)]

use std::collections::BTreeSet;
use std::path::Path;

use larder_testkit::{Ability, Memory, cases};

/// Every function of the modules under `cases` that takes a setup and is public.
fn written() -> BTreeSet<String> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cases");
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let group = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("pub fn ")
                && let Some((name, _)) = rest.split_once("<S: Setup>(setup: &S)")
            {
                found.insert(format!("{group}::{name}"));
            }
        }
    }
    found
}

#[test]
fn every_case_that_is_written_is_in_the_list() {
    let listed: BTreeSet<String> = cases::all::<Memory>()
        .iter()
        .map(ToString::to_string)
        .collect();
    let written = written();
    assert!(written.len() > 100, "the cases were not found");
    assert_eq!(listed, written);
    assert_eq!(
        listed.len(),
        cases::all::<Memory>().len(),
        "one is there twice"
    );
}

#[test]
fn a_program_can_run_them_and_print_what_came_of_it() {
    let summary = larder_testkit::run(|| Memory);
    assert!(summary.is_sound(), "{summary}");
    let all = cases::all::<Memory>();
    assert_eq!(summary.held.len() + summary.not_applicable.len(), all.len());
    let others = all
        .iter()
        .filter(|case| !case.needs.iter().all(|need| *need == Ability::ReadOnly));
    assert_eq!(summary.not_applicable.len(), others.count());
    let text = summary.to_string();
    assert!(
        text.starts_with(&format!("{} cases ran, 0 failed", summary.held.len())),
        "{text}"
    );
    assert!(
        text.contains("does not apply: durable::a_wait_is_durable: cannot Keep"),
        "{text}"
    );
}
