//! The rules of the sources that no lint knows.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::type_complexity,
    reason = "a test says what is wrong by panicking"
)]

use std::path::{Path, PathBuf};

/// Every Rust source of the workspace.
fn sources() -> Vec<(PathBuf, String)> {
    fn walk(dir: &Path, into: &mut Vec<(PathBuf, String)>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() {
                if !name.starts_with('.') && !name.starts_with("target") {
                    walk(&path, into);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                into.push((path, text));
            }
        }
    }
    let mut sources = Vec::new();
    walk(Path::new(env!("CARGO_MANIFEST_DIR")), &mut sources);
    assert!(sources.len() > 50, "the sources were not found");
    sources
}

#[test]
fn every_file_says_first_what_it_owns() {
    let silent: Vec<PathBuf> = sources()
        .into_iter()
        .filter(|(_, text)| !text.starts_with("//!"))
        .map(|(path, _)| path)
        .collect();
    assert!(silent.is_empty(), "{silent:?} do not begin with //!");
}

#[test]
fn no_file_is_a_hall() {
    let long: Vec<(PathBuf, usize)> = sources()
        .into_iter()
        .map(|(path, text)| (path, text.lines().count()))
        // A test file is read from its first test to its last, not looked around in.
        .filter(|(path, lines)| {
            let is_test = path.to_str().is_some_and(|path| path.contains("test"));
            *lines > if is_test { 550 } else { 450 }
        })
        .collect();
    assert!(long.is_empty(), "{long:?} ask to be two");
}

#[test]
fn nothing_is_called_after_nothing() {
    for (path, text) in sources() {
        if path.ends_with("tidy.rs") {
            continue;
        }
        for line in text.lines() {
            let public = line.trim_start();
            if ["pub struct ", "pub enum ", "pub trait "]
                .iter()
                .any(|p| public.starts_with(p))
            {
                for word in ["Manager", "Helper", "Util"] {
                    assert!(!public.contains(word), "{}: {public}", path.display());
                }
            }
        }
    }
}

#[test]
fn nothing_is_left_to_do_in_the_sources() {
    for (path, text) in sources() {
        if path.ends_with("tidy.rs") {
            continue;
        }
        for mark in ["todo!(", "unimplemented!(", "#[ignore", "FIXME", "XXX"] {
            // A case of the kit that does not apply to a backend is an ignored test, with the reason.
            if mark == "#[ignore" && path.ends_with("testkit/src/macros.rs") {
                continue;
            }
            assert!(!text.contains(mark), "{}: {mark}", path.display());
        }
    }
}
