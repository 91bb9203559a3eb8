//! Conditions: each holds or not for a key, the same with an index and without one, and all of a query must
//! hold.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

use larder_core::{Condition, Key, Query, Repository, RepositoryExt, Target, Test};

use super::queries::filled;
use crate::pantry::{ids, jars};
use crate::records::{Jar, labelled};
use crate::setup::Setup;

/// One condition, the same on an index and on the path of its field, and what it is by hand.
#[track_caller]
fn holds(
    repository: &dyn Repository<Jar>,
    index: &'static str,
    path: &str,
    test: &Test,
    keys: fn(&Jar) -> Vec<Key>,
) {
    let all = jars(repository, Query::all());
    let wanted: Vec<String> = all
        .iter()
        .filter(|jar| keys(jar).iter().any(|key| test.matches(key)))
        .map(|jar| jar.id.clone())
        .collect();
    for target in [Target::Index(index.into()), Target::field(path)] {
        let query = Query::when(Condition::new(target.clone(), test.clone()));
        assert_eq!(
            ids(repository, query.clone()),
            wanted,
            "{target:?}: {test:?}"
        );
        let count = repository.count(query.clone()).unwrap();
        assert_eq!(
            count,
            wanted.len() as u64,
            "the count of {target:?}: {test:?}"
        );
        let first = repository.find_first(query.clone()).unwrap();
        assert_eq!(first.map(|jar| jar.id.clone()).as_ref(), wanted.first());
        let by_note = ids(repository, query.order_by(Jar::NOTE.desc()));
        let as_set: BTreeSet<&String> = by_note.iter().collect();
        assert_eq!(
            as_set,
            wanted.iter().collect(),
            "{target:?}: {test:?}, ordered"
        );
        assert_eq!(
            by_note.len(),
            wanted.len(),
            "one was found twice: {target:?}: {test:?}"
        );
    }
}

/// Every way to bound a range of these keys.
fn ranges(keys: &[Key]) -> Vec<Test> {
    let mut bounds = vec![Bound::Unbounded];
    for key in keys {
        bounds.push(Bound::Included(key.clone()));
        bounds.push(Bound::Excluded(key.clone()));
    }
    let pairs = bounds
        .iter()
        .flat_map(|from| bounds.iter().map(move |to| (from, to)));
    pairs
        .map(|(from, to)| Test::Range(from.clone(), to.clone()))
        .collect()
}

/// Equal, one of several, none, and every range: on text.
pub fn conditions_on_text_hold<S: Setup>(setup: &S) {
    let it = filled(setup);
    let text = |text: &str| Key::text(text);
    let mut tests = ranges(&[text("low"), text("top"), text("topm")]);
    tests.extend(["top", "", "x"].map(|key| Test::Is(text(key))));
    tests.extend(
        ["", "t", "top", "topm", "x", "é"].map(|prefix| Test::StartsWith(prefix.to_owned())),
    );
    tests.push(Test::IsNone);
    tests.push(Test::AnyOf(vec![]));
    tests.push(Test::AnyOf(["top", "x", "low", "top"].map(text).into()));
    tests.push(Test::AnyOf(vec![Key::int(1), text("low")]));
    for test in &tests {
        holds(&*it.jars, "shelf", "shelf", test, |jar| {
            vec![Key::text(&*jar.shelf)]
        });
    }
}

/// On numbers, of which some are none.
pub fn conditions_on_numbers_hold<S: Setup>(setup: &S) {
    let it = filled(setup);
    let mut tests = ranges(&[Key::int(-1), Key::int(2), Key::float(1.5).unwrap()]);
    tests.extend([-1, 2, 7].map(|number| Test::Is(Key::int(number))));
    tests.push(Test::Is(Key::float(2.0).unwrap()));
    tests.push(Test::Is(Key::None));
    tests.push(Test::Is(Key::text("2")));
    tests.push(Test::IsNone);
    tests.push(Test::StartsWith("2".to_owned()));
    // No key is of two kinds.
    let (number, text) = (Key::int(0), Key::text("z"));
    tests.push(Test::Range(Bound::Included(number), Bound::Included(text)));
    tests.push(Test::AnyOf(vec![Key::int(2), Key::None, Key::int(10)]));
    for test in &tests {
        holds(&*it.jars, "row", "row", test, |jar| {
            vec![jar.row.map_or(Key::None, Key::int)]
        });
    }
}

/// On a list: it is enough that one element passes, and each record is found once.
pub fn conditions_on_lists_hold<S: Setup>(setup: &S) {
    let it = filled(setup);
    let text = |text: &str| Key::text(text);
    let mut tests = ranges(&[text("c0"), text("c1")]);
    tests.extend(["c0", "c2", "c"].map(|key| Test::Is(text(key))));
    tests.push(Test::StartsWith("c".to_owned()));
    tests.push(Test::IsNone);
    tests.push(Test::AnyOf(["c0", "c1", "c2"].map(text).into()));
    for test in &tests {
        holds(&*it.jars, "contents", "contents", test, |jar| {
            if jar.contents.is_empty() {
                return vec![Key::None];
            }
            jar.contents.iter().map(|text| Key::text(&**text)).collect()
        });
    }
}

/// All conditions must hold, whichever of them an index serves; a filter in code is one of them.
pub fn all_conditions_must_hold<S: Setup>(setup: &S) {
    let it = filled(setup);
    let all = it.all();
    let both = |query: Query<Jar>, wanted: fn(&Jar) -> bool| {
        let wanted: Vec<&str> = all
            .iter()
            .filter(|jar| wanted(jar))
            .map(|jar| &*jar.id)
            .collect();
        assert_eq!(ids(&*it.jars, query.clone()), wanted, "{query:?}");
        assert_eq!(it.jars.count(query).unwrap(), wanted.len() as u64);
    };
    both(Jar::SHELF.is("top").and(Jar::ROW.is(2)), |jar| {
        jar.shelf == "top" && jar.row == Some(2)
    });
    both(Jar::GRAMS.range(2..).and(Jar::CONTENTS.is("c0")), |jar| {
        jar.grams >= 2 && jar.contents.contains(&"c0".to_owned())
    });
    both(Jar::LABEL.is("l0").and(Jar::SHELF.is("low")), |_| false);
    both(Jar::LABEL.is("l0").and(Jar::SHELF.is("top")), |jar| {
        jar.id == "e"
    });
    both(
        Jar::ROW
            .is_none()
            .and(Jar::SHELF.starts_with("top"))
            .and(Jar::NOTE.is("")),
        |jar| jar.row.is_none() && jar.shelf.starts_with("top") && jar.note.as_deref() == Some(""),
    );
    both(
        Jar::SHELF
            .is("low")
            .filter(|jar| jar.id != "c")
            .filter(|jar| jar.row != Some(2)),
        |jar| jar.shelf == "low" && jar.id != "c" && jar.row != Some(2),
    );
    both(Jar::PRICE.range(0.0..=1.0), |jar| {
        jar.price.is_some_and(|it| (0.0..=1.0).contains(&it))
    });
}

/// A filter runs outside of every lock, so it may read and write the store.
pub fn a_filter_may_use_the_store<S: Setup>(setup: &S) {
    let it = filled(setup);
    let there = Arc::clone(&it.jars);
    let query = Jar::SHELF.is("top").filter(move |jar| {
        there.save(labelled("new", "new")).unwrap().detach();
        there.get(&jar.id).unwrap().is_some() && there.count(Query::all()).unwrap() == 10
    });
    assert_eq!(it.jars.count(query).unwrap(), 3);
    let panics = Query::all().filter(|jar: &Jar| {
        assert!(jar.id != "e", "on purpose");
        true
    });
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _ = it.jars.find(panics);
    }));
    assert!(panicked.is_err());
    it.jars.delete("new").unwrap().detach();
    assert_eq!(it.all().len(), 9, "the store goes on");
}
