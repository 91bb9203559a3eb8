//! Whether everything that a repository says agrees with its records.
//!
//! Owns [`agree`], which asks every index for every key, and [`Seen`], everything that a refused write has
//! to leave as it was. The naive answers are worked out here from the records alone.

use std::collections::{BTreeMap, BTreeSet};

use larder_core::{Backend, Key, Order, Query, Repository, RepositoryExt, Target};

use crate::pantry::{Pantry, ids, jars};
use crate::records::{Jar, Recipe};
use crate::setup::Setup;

/// Keys that are asked for whether a record has them or not.
const TEXTS: [&str; 8] = ["a", "b", "c", "x", "y", "top", "low", ""];
const NUMBERS: [i64; 5] = [-1, 0, 1, 2, 7];

type KeysOf = fn(&Jar) -> Vec<Key>;

fn option<T>(value: Option<T>, key: impl Fn(T) -> Key) -> Key {
    value.map_or(Key::None, key)
}

/// The keys of a jar in each index, worked out by hand.
fn indexes() -> [(&'static str, KeysOf); 6] {
    [
        ("label", |jar| vec![option(jar.label.as_deref(), Key::text)]),
        ("shelf", |jar| vec![Key::text(&*jar.shelf)]),
        ("row", |jar| vec![option(jar.row, Key::int)]),
        ("contents", |jar| {
            let keys: BTreeSet<Key> = jar.contents.iter().map(|text| Key::text(&**text)).collect();
            if keys.is_empty() {
                vec![Key::None]
            } else {
                keys.into_iter().collect()
            }
        }),
        ("BY_ROW", |jar| {
            let parts = [Key::text(&*jar.shelf), option(jar.row, Key::int)];
            vec![Key::Compound(parts.into())]
        }),
        ("BY_PLACE", |jar| {
            let parts = [Key::text(&*jar.shelf), option(jar.place, Key::int)];
            vec![Key::Compound(parts.into())]
        }),
    ]
}

/// The ids of the records that a test of their keys picks, in id order.
fn picked(all: &[Jar], keys: KeysOf, picks: impl Fn(&Key) -> bool) -> Vec<String> {
    let picked = all.iter().filter(|jar| keys(jar).iter().any(&picks));
    picked.map(|jar| jar.id.clone()).collect()
}

/// Asserts that every index answers as the records do, for keys that are there and for others, and that
/// queries, counts, orders and statistics agree with each other.
#[track_caller]
pub(crate) fn agree(repository: &dyn Repository<Jar>) {
    let all = jars(repository, Query::all());
    let sorted: Vec<&str> = {
        let mut ids: Vec<&str> = all.iter().map(|jar| jar.id.as_str()).collect();
        ids.sort_unstable();
        ids
    };
    let found: Vec<&str> = all.iter().map(|jar| jar.id.as_str()).collect();
    assert_eq!(found, sorted, "all records, by id");
    assert_eq!(
        repository.count(Query::all()).expect("a count"),
        all.len() as u64,
        "the number of all records"
    );
    for jar in &all {
        let got = repository.get(&jar.id).expect("a look-up by id");
        assert_eq!(got.as_deref(), Some(jar), "{} by its id", jar.id);
    }
    keys_agree(repository, &all);
    orders_agree(repository, &all);
    sizes_agree(repository, &all);
}

#[track_caller]
fn same(repository: &dyn Repository<Jar>, query: Query<Jar>, wanted: &[String], what: &str) {
    let count = repository.count(query.clone()).expect("a count");
    assert_eq!(count, wanted.len() as u64, "the count of {what}");
    assert_eq!(ids(repository, query), wanted, "{what}");
}

#[track_caller]
fn keys_agree(repository: &dyn Repository<Jar>, all: &[Jar]) {
    let [label, shelf, row, contents, by_row, by_place] = indexes().map(|(_, keys)| keys);
    let mut texts: BTreeSet<&str> = TEXTS.into();
    let mut numbers: BTreeSet<i64> = NUMBERS.into();
    for jar in all {
        texts.extend(jar.label.as_deref());
        texts.insert(&jar.shelf);
        texts.extend(jar.contents.iter().map(String::as_str));
        numbers.extend(jar.row);
        numbers.extend(jar.place.map(i64::from));
    }
    let asked = |query: Query<Jar>, keys: KeysOf, key: Key, what: &str| {
        let wanted = picked(all, keys, |have| *have == key);
        same(repository, query, &wanted, &format!("{what} is {key:?}"));
    };
    for text in &texts {
        let key = Key::text(*text);
        asked(Jar::LABEL.is(*text).into(), label, key.clone(), "label");
        asked(Jar::SHELF.is(*text), shelf, key.clone(), "shelf");
        asked(Jar::CONTENTS.is(*text), contents, key.clone(), "contents");
        for number in &numbers {
            let pair = Key::Compound([key.clone(), Key::int(*number)].into());
            asked(
                Jar::BY_ROW.is((*text, *number)),
                by_row,
                pair.clone(),
                "BY_ROW",
            );
            if let Ok(place) = u32::try_from(*number) {
                let lookup = Jar::BY_PLACE.is((*text, place));
                asked(lookup.into(), by_place, pair, "BY_PLACE");
            }
        }
        let leading = picked(all, shelf, |have| *have == key);
        let what = format!("BY_ROW leading {text:?}");
        same(repository, Jar::BY_ROW.leading((*text,)), &leading, &what);
    }
    for number in &numbers {
        asked(Jar::ROW.is(*number), row, Key::int(*number), "row");
    }
    asked(Jar::LABEL.is_none(), label, Key::None, "label");
    asked(Jar::ROW.is_none(), row, Key::None, "row");
    asked(Jar::CONTENTS.is_none(), contents, Key::None, "contents");
}

/// By an index, up and down: by key, and where keys are equal by id, upwards in both cases.
#[track_caller]
fn orders_agree(repository: &dyn Repository<Jar>, all: &[Jar]) {
    for (name, keys) in indexes()
        .into_iter()
        .filter(|(name, _)| *name != "contents")
    {
        for descending in [false, true] {
            let mut wanted: Vec<(Vec<Key>, &str)> =
                all.iter().map(|jar| (keys(jar), jar.id.as_str())).collect();
            wanted.sort_by(|(a, a_id), (b, b_id)| {
                let by_key = if descending { b.cmp(a) } else { a.cmp(b) };
                by_key.then(a_id.cmp(b_id))
            });
            let wanted: Vec<&str> = wanted.into_iter().map(|(_, id)| id).collect();
            let order = Order::new(Target::Index(name.into()), descending);
            let found = ids(repository, Query::all().order_by(order));
            assert_eq!(found, wanted, "ordered by {name}, descending: {descending}");
        }
    }
}

/// As many different keys as the statistics say.
#[track_caller]
fn sizes_agree(repository: &dyn Repository<Jar>, all: &[Jar]) {
    let stats = repository.stats().expect("statistics");
    assert_eq!(stats.name, "jars");
    assert_eq!(
        stats.records,
        all.len() as u64,
        "the number in the statistics"
    );
    let told: BTreeMap<String, u64> = stats.indexes.into_iter().collect();
    let counted: BTreeMap<String, u64> = indexes()
        .into_iter()
        .map(|(name, keys)| {
            let different: BTreeSet<Key> = all.iter().flat_map(keys).collect();
            (name.to_owned(), different.len() as u64)
        })
        .collect();
    assert_eq!(told, counted, "the number of different keys of each index");
}

/// Everything that a refused write has to leave as it was.
#[derive(Debug, PartialEq)]
pub(crate) struct Seen {
    jars: Vec<Jar>,
    recipes: Vec<Recipe>,
    sequence: u64,
    sizes: Vec<(String, u64)>,
    quarantine: usize,
}

/// Looks at everything, and that it agrees.
#[track_caller]
pub(crate) fn look<S: Setup>(it: &Pantry<'_, S>) -> Seen {
    agree(&*it.jars);
    let recipes = it.recipes.find(Query::all()).expect("a query of all");
    Seen {
        jars: it.all(),
        recipes: recipes.iter().map(|recipe| Recipe::clone(recipe)).collect(),
        sequence: it.sequence(),
        sizes: it.jars.stats().expect("statistics").indexes,
        quarantine: it.store.quarantine().expect("the quarantine").len(),
    }
}
