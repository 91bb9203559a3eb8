//! Indexes agree with records, after any history: what a key finds is what has the key, and a unique key is
//! held by its record, as long as the record is there, and by no other.

use std::sync::Arc;

use larder_core::{
    Backend, BackendExt, Collection, Condition, ErrorKind, Key, Op, Order, Query, Repository,
    RepositoryExt, Target, Test,
};
use serde_json::{Value, json};

use crate::agreement::agree;
use crate::history::{Numbers, history};
use crate::pantry::{Pantry, ids, patient, refused};
use crate::records::{Jar, jar, labelled};
use crate::setup::Setup;

/// Whose label it is.
#[track_caller]
fn holder(jars: &Arc<dyn Repository<Jar>>, label: &str) -> Option<String> {
    let found = jars.find_one(Jar::LABEL.is(label)).unwrap();
    found.map(|jar| jar.id.clone())
}

/// When a record gets another key, the old one is free at once, and the new one is taken.
pub fn a_unique_key_moves_with_its_record<S: Setup>(setup: &S) {
    let it = Pantry::open(setup);
    let jars = &it.jars;
    it.put(labelled("a", "x"));
    jars.update("a", |jar| jar.label = Some("y".into()))
        .unwrap()
        .detach();
    assert_eq!(
        (holder(jars, "x"), holder(jars, "y")),
        (None, Some("a".into()))
    );
    it.put(labelled("b", "x"));
    assert_eq!(holder(jars, "x"), Some("b".into()));
    let error = refused(jars.update("b", |jar| jar.label = Some("y".into())));
    assert_eq!(error.kind(), ErrorKind::UniqueViolation, "{error}");
    assert_eq!(error.current::<Jar>().unwrap().id, "a");
    // A record is not in its own way.
    it.put(labelled("b", "x"));
    jars.update("b", |jar| jar.grams = 7).unwrap().detach();
    let read = jars.get("b").unwrap().unwrap();
    jars.replace(&read, labelled("b", "z")).unwrap().detach();
    assert_eq!(
        (holder(jars, "x"), holder(jars, "z")),
        (None, Some("b".into()))
    );
    agree(&**jars);
}

/// When a record is gone its keys are free, however it went.
pub fn a_unique_key_is_free_when_its_record_is_gone<S: Setup>(setup: &S) {
    let it = Pantry::open(setup);
    let jars = &it.jars;
    let placed = |id: &str| Jar {
        place: Some(1),
        ..labelled(id, "x")
    };
    it.put(placed("a"));
    jars.delete("a").unwrap().detach();
    it.put(placed("b"));
    jars.clear().unwrap().detach();
    it.put(placed("c"));
    it.put(jar("c"));
    it.put(placed("d"));
    let write = it.store.transaction(|tx| {
        tx.delete::<Jar>("d")?;
        tx.insert(placed("e"))
    });
    write.unwrap().detach();
    let write = it.jars.apply(vec![Op::Clear, Op::insert(placed("f"))]);
    write.unwrap().detach();
    assert_eq!(holder(jars, "x"), Some("f".into()));
    assert_eq!(ids(&**jars, Query::all()), ["f"]);
    agree(&**jars);
    // And a key that never was there is nobody's, whoever was refused.
    assert!(jars.insert(labelled("f", "y")).is_err());
    assert_eq!(holder(jars, "y"), None);
    it.put(labelled("g", "y"));
    agree(&**jars);
}

/// Two records exchange their keys in one list, by way of a third, or of nothing.
pub fn two_records_may_exchange_their_keys<S: Setup>(setup: &S) {
    let it = Pantry::stocked(setup, [labelled("a", "x"), labelled("b", "y")]);
    let jars = &it.jars;
    let list = [labelled("a", "z"), labelled("b", "x"), labelled("a", "y")];
    jars.save_all(list).unwrap().detach();
    assert_eq!(
        (holder(jars, "x"), holder(jars, "y")),
        (Some("b".into()), Some("a".into()))
    );
    assert_eq!(holder(jars, "z"), None);
    let ops = vec![
        Op::delete("a"),
        Op::save(labelled("b", "y")),
        Op::insert(labelled("a", "x")),
    ];
    jars.apply(ops).unwrap().detach();
    assert_eq!(
        (holder(jars, "x"), holder(jars, "y")),
        (Some("a".into()), Some("b".into()))
    );
    let write = it.store.transaction(|tx| {
        tx.update::<Jar>("a", |jar| jar.label = None)?;
        tx.update::<Jar>("b", |jar| jar.label = Some("x".into()))?;
        tx.update::<Jar>("a", |jar| jar.label = Some("y".into()))
    });
    write.unwrap().detach();
    assert_eq!(
        (holder(jars, "x"), holder(jars, "y")),
        (Some("b".into()), Some("a".into()))
    );
    agree(&**jars);
}

/// Any number of records may have none; and so with a pair of which one is none.
pub fn none_is_held_to_nothing<S: Setup>(setup: &S) {
    let it = Pantry::open(setup);
    for id in ["a", "b", "c"] {
        it.put(jar(id));
    }
    assert_eq!(ids(&*it.jars, Jar::LABEL.is_none()), ["a", "b", "c"]);
    let placed = |id: &str, place| Jar { place, ..jar(id) };
    it.put(placed("d", Some(1)));
    let error = refused(it.jars.insert(placed("e", Some(1))));
    assert_eq!(error.index(), Some("BY_PLACE"));
    // On another shelf it is another place.
    it.put(Jar {
        shelf: "low".into(),
        ..placed("e", Some(1))
    });
    it.put(placed("d", None));
    it.put(placed("f", Some(1)));
    agree(&*it.jars);
}

/// One entry for each element, once; they go and come with the record's changes, and an empty list is none.
pub fn a_list_has_an_entry_for_each_element<S: Setup>(setup: &S) {
    let it = Pantry::open(setup);
    let of = |id: &str, contents: &[&str]| Jar {
        contents: contents.iter().map(|&text| text.to_owned()).collect(),
        ..jar(id)
    };
    let find = |text: &str| ids(&*it.jars, Jar::CONTENTS.is(text));
    it.put(of("a", &["x", "y", "x"]));
    it.put(of("b", &["y"]));
    it.put(of("c", &[]));
    assert_eq!(
        (find("x"), find("y")),
        (vec!["a".into()], vec!["a".into(), "b".into()])
    );
    assert_eq!(ids(&*it.jars, Jar::CONTENTS.is_none()), ["c"]);
    it.put(of("a", &["z", "y"]));
    assert_eq!((find("x"), find("z")), (vec![], vec!["a".into()]));
    it.jars
        .update("b", |jar| jar.contents.clear())
        .unwrap()
        .detach();
    assert_eq!(ids(&*it.jars, Jar::CONTENTS.is_none()), ["b", "c"]);
    it.put(of("c", &["x"]));
    it.jars.delete("a").unwrap().detach();
    assert_eq!(
        (find("y"), find("z"), find("x")),
        (vec![], vec![], vec!["c".into()])
    );
    agree(&*it.jars);
}

/// By all components, or by the first of them; in the order of the components.
pub fn a_compound_key_is_found_whole_or_by_its_beginning<S: Setup>(setup: &S) {
    let it = Pantry::open(setup);
    let at = |id: &str, shelf: &str, row| Jar {
        shelf: shelf.into(),
        row,
        ..jar(id)
    };
    it.put(at("a", "top", Some(2)));
    it.put(at("b", "low", Some(10)));
    it.put(at("c", "top", None));
    it.put(at("d", "top", Some(-1)));
    it.put(at("e", "topmost", Some(0)));
    assert_eq!(ids(&*it.jars, Jar::BY_ROW.is(("top", 2))), ["a"]);
    assert_eq!(
        ids(&*it.jars, Jar::BY_ROW.leading(("top",))),
        ["a", "c", "d"]
    );
    let ordered = Query::all().order_by(Jar::BY_ROW.asc());
    assert_eq!(ids(&*it.jars, ordered), ["b", "c", "d", "a", "e"]);
    let leading = Jar::BY_ROW.leading(("top",)).order_by(Jar::BY_ROW.desc());
    assert_eq!(ids(&*it.jars, leading), ["a", "d", "c"]);
    agree(&*it.jars);
}

/// A collection without a type, with a field that holds what it likes.
fn anything<S: Setup>(setup: &S, store: &S::Store) -> Arc<dyn Repository<Value>> {
    let things = Collection::<Value>::named("things")
        .unique("k")
        .multi("tags")
        .compound(&["k", "n"]);
    setup.collection(store, things).unwrap()
}

/// A number is one key however it is written, and numbers that differ in the last digit are two.
pub fn a_number_is_one_key_however_it_is_written<S: Setup>(setup: &S) {
    let it = Pantry::open(setup);
    let things = anything(setup, &it.store);
    things.save(json!({"id": "a", "k": 1})).unwrap().detach();
    for same in [json!(1.0), json!(1)] {
        let error = refused(things.save(json!({"id": "b", "k": same})));
        assert_eq!(error.kind(), ErrorKind::UniqueViolation, "{error}");
    }
    // 2^53 and its neighbours: a float cannot tell them apart.
    let large = [
        9_007_199_254_740_991_i64,
        9_007_199_254_740_992,
        9_007_199_254_740_993,
    ];
    for number in large {
        things
            .save(json!({"id": number.to_string(), "k": number}))
            .unwrap()
            .detach();
    }
    things
        .save(json!({"id": "max", "k": u64::MAX}))
        .unwrap()
        .detach();
    things
        .save(json!({"id": "less", "k": u64::MAX - 1}))
        .unwrap()
        .detach();
    let is = |key: Key| {
        let found = things.find(Condition::new(Target::Index("k".into()), Test::Is(key)));
        let found = found.unwrap();
        found
            .iter()
            .map(|it| it["id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    for number in large {
        assert_eq!(is(Key::int(number)), [number.to_string()]);
    }
    assert_eq!(is(Key::int(u64::MAX)), ["max"]);
    assert_eq!(is(Key::int(u64::MAX - 1)), ["less"]);
    assert_eq!(is(Key::float(1.0).unwrap()), ["a"]);
}

/// Keys of all kinds in one index, in their order: none, booleans, numbers by value, text bytewise.
pub fn keys_of_all_kinds_are_in_one_index<S: Setup>(setup: &S) {
    let it = Pantry::open(setup);
    let things = anything(setup, &it.store);
    let ascending = [
        json!(null),
        json!(false),
        json!(true),
        json!(-1e300),
        json!(i64::MIN),
        json!(-1.5),
        json!(-1),
        json!(0),
        json!(0.5),
        json!(1),
        json!(10),
        json!(u64::MAX),
        json!(1e300),
        json!(""),
        json!("10"),
        json!("B"),
        json!("a"),
        json!("é"),
    ];
    // Saved in another order than they are found in.
    for (n, key) in ascending.iter().enumerate().rev() {
        let id = format!("{:02}", (n * 7) % 20);
        let thing = json!({"id": id, "k": key, "n": n, "tags": [key, n]});
        things.save(thing).unwrap().detach();
    }
    for (descending, target) in [
        (false, Target::Index("k".into())),
        (true, Target::Index("k".into())),
        (false, Target::Index("k+n".into())),
        (false, Target::field("n")),
    ] {
        let order = Order::new(target, descending);
        let found = things.find(Query::all().order_by(order)).unwrap();
        let mut found: Vec<Value> = found.iter().map(|it| it["k"].clone()).collect();
        if descending {
            found.reverse();
        }
        assert_eq!(found, ascending);
    }
    for key in &ascending {
        let is = |target: Target<Value>| {
            let test = Test::Is(Key::from_json(key).unwrap());
            things.find(Condition::new(target, test)).unwrap()
        };
        assert_eq!(is(Target::Index("k".into())).len(), 1, "{key}");
        assert!(
            is(Target::Index("tags".into()))
                .iter()
                .any(|it| it["k"] == *key),
            "{key}"
        );
    }
}

/// Few records with few keys, so that they meet, and many writes that are refused.
pub fn they_agree_after_any_history<S: Setup>(setup: &S) {
    let it = Pantry::open(setup);
    let mut numbers = Numbers(7);
    let before = it.sequence();
    for _ in 0..12 {
        history(&it, &mut numbers, 25);
        agree(&*it.jars);
    }
    let made = it.sequence() - before;
    assert!(
        made > 100 && made < 300,
        "{made} of 300 writes changed something"
    );
}

/// Also after the store was closed and opened, and from there on.
pub fn they_agree_after_a_reopen<S: Setup>(setup: &S) {
    let mut it = Pantry::open(setup);
    let mut numbers = Numbers(11);
    for _ in 0..5 {
        history(&it, &mut numbers, 25);
        let before = it.all();
        it = it.reopen();
        assert_eq!(it.all(), before);
        assert!(it.store.load_report().is_clean());
        agree(&*it.jars);
    }
}

/// A collection may be opened with other indexes than it was kept with: a new one knows all records, and one
/// that is gone holds nobody up.
pub fn they_agree_when_there_are_others<S: Setup>(setup: &S) {
    let things = || Collection::<Value>::named("things");
    let open = |collection: Collection<Value>| {
        let store = setup.open(patient()).unwrap();
        let records = setup.collection(&store, collection).unwrap();
        (store, records)
    };
    let (store, records) = open(things().unique("k").index("n"));
    for n in 0..6 {
        let thing = json!({"id": n.to_string(), "k": n, "n": n % 2, "tags": [n % 3]});
        records.save(thing).unwrap().detach();
    }
    store.close().wait().unwrap();
    drop((store, records));

    let (store, records) = open(things().index("k").multi("tags"));
    assert!(records.load_report().is_clean());
    let is = |records: &Arc<dyn Repository<Value>>, index: &'static str, key: u64| {
        let found = Condition::new(Target::Index(index.into()), Test::Is(Key::int(key)));
        let found = records.find(found).unwrap();
        found
            .iter()
            .map(|it| it["id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(is(&records, "tags", 1), ["1", "4"]);
    let unknown = Condition::new(Target::Index("n".into()), Test::Is(Key::int(1)));
    let error = records.find(unknown).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidQuery, "{error}");
    records
        .save(json!({"id": "twin", "k": 0, "n": 7}))
        .unwrap()
        .detach();
    assert_eq!(is(&records, "k", 0), ["0", "twin"]);
    records.delete("twin").unwrap().detach();
    store.close().wait().unwrap();
    drop((store, records));

    let (store, records) = open(things().unique("k").index("n"));
    assert!(records.load_report().is_clean());
    assert_eq!(is(&records, "n", 1), ["1", "3", "5"]);
    let error = refused(records.save(json!({"id": "twin", "k": 5})));
    assert_eq!(error.kind(), ErrorKind::UniqueViolation, "{error}");
    store.close().wait().unwrap();
}
