//! Every kind of key asked of every target, where random histories would rarely come by.
//!
//! Owns [`every_key_of_every_target`], over a few records that are none, empty and full.

use std::ops::Bound;

use larder::{RepositoryExt, Write};

use crate::keys::K;
use crate::query::{Ask, Condition, Handled, Test, Via};
use crate::rec::{Meta, Rec};
use crate::reference::{Expected, Step, TARGETS};
use crate::run::Runner;
use crate::threads::rec;

fn records() -> Vec<Rec> {
    let bare = Rec {
        slug: None,
        label: None,
        code: None,
        weight: None,
        meta: None,
        tags: Vec::new(),
        notes: Vec::new(),
        ..rec("bare", 4)
    };
    let full = Rec {
        slug: Some("4".into()),
        label: Some("a".into()),
        code: Some(String::new()),
        weight: Some(4.0),
        meta: Some(Meta { depth: 4 }),
        tags: vec![String::new(), "a".into()],
        notes: vec![0, 4],
        ratio: 4.0,
        is_open: true,
        big: u64::MAX,
        ..rec("full", 0)
    };
    let empty = Rec {
        slug: Some(String::new()),
        label: Some(String::new()),
        code: Some("a".into()),
        weight: Some(-0.0),
        meta: Some(Meta { depth: 0 }),
        ratio: 0.0,
        big: 0,
        ..rec("empty", 1)
    };
    vec![bare, full, empty]
}

/// Keys of every kind: those that the records hold, their like in another kind, and compound keys
/// of every length with a none in every place.
fn keys() -> Vec<K> {
    let mut keys = vec![
        K::None,
        K::Bool(false),
        K::Bool(true),
        K::int(0),
        K::int(1),
        K::int(4),
        K::int(u64::MAX),
        K::float(4.0),
        K::float(0.5),
        K::float(-0.0),
        K::text(""),
        K::text("4"),
        K::text("a"),
        K::text("to do"),
        K::text("true"),
    ];
    let parts = [K::None, K::int(4), K::text("a"), K::text("to do")];
    keys.push(K::Comp(Vec::new()));
    for a in &parts {
        keys.push(K::Comp(vec![a.clone()]));
        for b in &parts {
            keys.push(K::Comp(vec![a.clone(), b.clone()]));
        }
        keys.push(K::Comp(vec![a.clone(), K::text("a"), K::None]));
        keys.push(K::Comp(vec![K::Comp(vec![a.clone()]), K::None]));
    }
    keys
}

fn tests(key: &K) -> Vec<Test> {
    let mut tests = vec![
        Test::Is(key.clone()),
        Test::AnyOf(vec![key.clone()]),
        Test::AnyOf(vec![K::text("a"), key.clone(), K::int(4)]),
        Test::Range(Bound::Included(key.clone()), Bound::Unbounded),
        Test::Range(Bound::Unbounded, Bound::Included(key.clone())),
        Test::Range(Bound::Excluded(key.clone()), Bound::Excluded(key.clone())),
        Test::Leading(vec![key.clone()]),
    ];
    match key {
        K::Text(text) => tests.push(Test::StartsWith(text.clone())),
        K::Comp(parts) => tests.push(Test::Leading(parts.clone())),
        _ => {}
    }
    tests
}

/// What is found is what the reference finds, whatever is asked of whatever field.
pub fn every_key_of_every_target<T: Handled>(place: &str) {
    let mut runner = Runner::<T>::open(place);
    for rec in records() {
        runner.repo.save(T::make(&rec)).map(Write::detach).unwrap();
        runner
            .reference
            .apply(&[Step::Put(rec, Expected::Any)])
            .unwrap();
    }
    for target in 0..TARGETS.len() {
        for test in keys().iter().flat_map(tests) {
            // A handle names the index.
            for via in [Via::Handle, Via::Path] {
                let test = test.clone();
                let condition = Condition { target, via, test };
                runner.look(&Ask {
                    conditions: vec![condition],
                    ..Ask::default()
                });
            }
        }
    }
    runner.store.close().wait().unwrap();
}
