//! Visible at once: when a write returns, every later read through the store sees it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use larder_core::{Backend, BackendExt, Collection, Expect, Op, Query, RepositoryExt};

use crate::agreement::agree;
use crate::pantry::{Pantry, ids, jars};
use crate::records::{Jar, jar, labelled, recipe};
use crate::setup::Setup;

/// Whichever way one reads: by id, by a unique key, by an index, by a field, all, or a count.
pub fn a_save_is_seen_by_the_next_read<S: Setup>(setup: &S) {
    let it = Pantry::open(setup);
    let saved = Jar {
        contents: vec!["plums".to_owned()],
        ..labelled("a", "x")
    };
    it.put(saved.clone());
    assert_eq!(it.jars.get("a").unwrap().as_deref(), Some(&saved));
    let by_key = it.jars.find_one(Jar::LABEL.is("x")).unwrap();
    assert_eq!(by_key.as_deref(), Some(&saved));
    for query in [
        Jar::SHELF.is("top"),
        Jar::CONTENTS.is("plums"),
        Jar::GRAMS.is(1_u32),
        Query::all(),
    ] {
        let found = jars(&*it.jars, query.clone());
        assert_eq!(found, std::slice::from_ref(&saved), "{query:?}");
        assert_eq!(it.jars.count(query).unwrap(), 1);
    }
    agree(&*it.jars);
}

/// A save in the place of another, an insert, a compare-and-swap, an update, a delete, a clear.
pub fn every_verb_is_seen_by_the_next_read<S: Setup>(setup: &S) {
    let it = Pantry::open(setup);
    let grams = |id: &str| it.jars.get(id).unwrap().map(|jar| jar.grams);
    let of = |grams| Jar { grams, ..jar("a") };
    it.jars.insert(of(1)).unwrap().detach();
    assert_eq!(grams("a"), Some(1), "inserted");
    it.jars.save(of(2)).unwrap().detach();
    assert_eq!(grams("a"), Some(2), "saved");
    let read = it.jars.get("a").unwrap().unwrap();
    it.jars.replace(&read, of(3)).unwrap().detach();
    assert_eq!(grams("a"), Some(3), "replaced");
    it.jars.update("a", |jar| jar.grams += 1).unwrap().detach();
    assert_eq!(grams("a"), Some(4), "updated");
    it.jars.delete("a").unwrap().detach();
    assert_eq!(grams("a"), None, "deleted");
    it.jars.save_all([jar("b"), jar("c")]).unwrap().detach();
    assert_eq!(ids(&*it.jars, Query::all()), ["b", "c"]);
    it.jars.clear().unwrap().detach();
    assert_eq!(ids(&*it.jars, Query::all()), [""; 0], "cleared");
    let write = it.store.transaction(|tx| tx.save(jar("d")));
    write.unwrap().detach();
    assert_eq!(ids(&*it.jars, Query::all()), ["d"], "in a transaction");
}

/// What a verb gives is what is there now, or what was there, as its documentation says.
pub fn a_verb_gives_what_it_did<S: Setup>(setup: &S) {
    let it = Pantry::open(setup);
    let of = |grams| Jar { grams, ..jar("a") };
    let jars = &it.jars;
    assert_eq!(*jars.save(of(1)).unwrap().into_visible().unwrap(), of(1));
    let saved = jars.save_all([of(2), jar("b")]).unwrap();
    let saved = saved.into_visible().unwrap();
    assert_eq!(saved, [Arc::new(of(2)), Arc::new(jar("b"))]);
    let updated = jars.update("a", |jar| jar.grams = 3).unwrap();
    assert_eq!(updated.into_visible().unwrap().as_deref(), Some(&of(3)));
    let replaced = jars.replace(&Arc::new(of(3)), of(4)).unwrap();
    assert_eq!(*replaced.into_visible().unwrap(), of(4));
    let nobody = jars.update("nobody", |jar| jar.grams = 3).unwrap();
    assert!(nobody.into_visible().unwrap().is_none());
    let gone = jars.delete("a").unwrap().into_visible().unwrap();
    assert_eq!(gone.as_deref(), Some(&of(4)));
    let gone = jars.delete("a").unwrap().into_visible().unwrap();
    assert!(gone.is_none(), "nothing is deleted twice");
    jars.insert(jar("c")).unwrap().detach();
    assert_eq!(jars.clear().unwrap().into_visible().unwrap(), 2);
    assert_eq!(jars.clear().unwrap().into_visible().unwrap(), 0);
    let nothing = jars.save_all([]).unwrap().into_visible().unwrap();
    assert!(nothing.is_empty());
}

/// The operations of one list happen in order, each on what those before it left, and each has its
/// outcome: what was there, and what is there.
pub fn the_operations_of_a_list_happen_in_order<S: Setup>(setup: &S) {
    let it = Pantry::stocked(setup, [labelled("a", "x"), jar("b")]);
    let of = |grams| Jar { grams, ..jar("c") };
    let outcomes = it
        .jars
        .apply(vec![
            Op::delete("a"),
            // The label was given up by the one before.
            Op::insert(labelled("d", "x")),
            Op::insert(of(1)),
            Op::replace(Arc::new(of(1)), of(2)),
            Op::delete("nobody"),
            Op::Delete {
                id: "c".to_owned(),
                expect: Expect::Equal(Arc::new(of(2))),
            },
            Op::Clear,
            Op::insert(labelled("e", "x")),
        ])
        .unwrap()
        .into_visible()
        .unwrap();
    let told: Vec<_> = outcomes
        .iter()
        .map(|it| (&*it.id, it.before.as_deref(), it.after.as_deref()))
        .collect();
    let wanted = [
        ("a", Some(&labelled("a", "x")), None),
        ("d", None, Some(&labelled("d", "x"))),
        ("c", None, Some(&of(1))),
        ("c", Some(&of(1)), Some(&of(2))),
        ("nobody", None, None),
        ("c", Some(&of(2)), None),
        // The clear: one for each record that was there.
        ("b", Some(&jar("b")), None),
        ("d", Some(&labelled("d", "x")), None),
        ("e", None, Some(&labelled("e", "x"))),
    ];
    assert_eq!(told, wanted);
    assert_eq!(it.all(), [labelled("e", "x")]);
    agree(&*it.jars);
}

/// Through another handle on the same collection, through one that is asked for later, and on another
/// thread.
pub fn every_handle_sees_it<S: Setup>(setup: &S) {
    let it = Pantry::open(setup);
    let other = it.setup.collection(&it.store, Collection::<Jar>::of());
    let other = other.unwrap();
    for grams in [1, 2, 3] {
        it.put(Jar { grams, ..jar("a") });
        let later = it.setup.collection(&it.store, Collection::<Jar>::of());
        for handle in [&it.jars, &other, &later.unwrap()] {
            assert_eq!(handle.get("a").unwrap().unwrap().grams, grams);
            let elsewhere = std::thread::scope(|threads| {
                let read = threads.spawn(|| ids(&**handle, Jar::GRAMS.is(grams)));
                read.join().unwrap()
            });
            assert_eq!(elsewhere, ["a"]);
        }
    }
}

/// What somebody has read stays as it was, whatever becomes of the record.
pub fn what_was_read_does_not_change<S: Setup>(setup: &S) {
    let it = Pantry::open(setup);
    it.put(jar("a"));
    let one = it.jars.get("a").unwrap().unwrap();
    let all = it.jars.find(Query::all()).unwrap();
    it.jars.update("a", |jar| jar.grams = 2).unwrap().detach();
    let two = it.jars.get("a").unwrap().unwrap();
    it.jars.clear().unwrap().detach();
    assert_eq!((&*one, &*all[0]), (&jar("a"), &jar("a")));
    assert_eq!(two.grams, 2);
}

/// A reader sees all of what one call wrote or nothing of it, while others write.
pub fn a_reader_sees_a_list_whole<S: Setup>(setup: &S) {
    let it = Pantry::open(setup);
    let of = |grams| ["a", "b", "c"].map(|id| Jar { grams, ..jar(id) });
    it.jars.save_all(of(0)).unwrap().detach();
    let stop = AtomicBool::new(false);
    let (repository, stopped) = (&it.jars, &stop);
    std::thread::scope(|threads| {
        let readers: Vec<_> = (0..2)
            .map(|_| {
                threads.spawn(move || {
                    let mut last = 0;
                    while !stopped.load(Ordering::SeqCst) {
                        let found = jars(&**repository, Query::all());
                        let grams: Vec<u32> = found.iter().map(|jar| jar.grams).collect();
                        let first = grams.first().copied().unwrap_or_default();
                        assert_eq!(grams, [first; 3], "a list was seen in part");
                        assert!(first >= last, "{first} was seen after {last}");
                        last = first;
                    }
                })
            })
            .collect();
        let stop = StopAtEnd(stopped);
        for grams in 1..=12 {
            repository.save_all(of(grams)).unwrap().detach();
            std::thread::yield_now();
        }
        drop(stop);
        for reader in readers {
            reader.join().unwrap();
        }
    });
}

/// Ends those who go on until they are told, however the case ends.
pub(crate) struct StopAtEnd<'a>(pub(crate) &'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Fields that are in no file are found again by whoever reads the record that was saved.
pub fn run_time_fields_are_seen_too<S: Setup>(setup: &S) {
    let it = Pantry::open(setup);
    let opened = |id: &str| Jar {
        is_open: true,
        ..jar(id)
    };
    it.put(opened("a"));
    assert!(it.jars.get("a").unwrap().unwrap().is_open);
    assert!(jars(&*it.jars, Jar::SHELF.is("top"))[0].is_open);
    it.jars.update("a", |jar| jar.grams = 2).unwrap().detach();
    assert!(it.jars.get("a").unwrap().unwrap().is_open, "updated");
    let read = it.jars.get("a").unwrap().unwrap();
    it.jars.replace(&read, jar("a")).unwrap().detach();
    assert!(!it.jars.get("a").unwrap().unwrap().is_open, "replaced");
    it.jars
        .save_all([opened("a"), opened("b")])
        .unwrap()
        .detach();
    assert!(it.all().iter().all(|jar| jar.is_open));
    // What is refused leaves them as they are.
    assert!(it.jars.insert(jar("a")).is_err());
    assert!(it.jars.get("a").unwrap().unwrap().is_open, "refused");
}

/// The collections of a store are apart: one id may be in both.
pub fn collections_do_not_mix<S: Setup>(setup: &S) {
    let it = Pantry::open(setup);
    it.put(jar("a"));
    it.recipes.save(recipe("a", 7)).unwrap().detach();
    it.recipes.save(recipe("b", 8)).unwrap().detach();
    assert_eq!(it.ids(), (vec!["a".into()], vec!["a".into(), "b".into()]));
    it.jars.clear().unwrap().detach();
    assert_eq!(it.recipes.count(Query::all()).unwrap(), 2);
    assert_eq!(it.recipes.get("a").unwrap().unwrap().portions, 7);
    let mut names = it.store.collections().unwrap();
    names.retain(|name| name == "jars" || name == "recipes");
    assert_eq!(names, ["jars", "recipes"], "sorted");
}

/// The result of a write is there before it is durable.
pub fn a_write_carries_its_result<S: Setup>(setup: &S) {
    let it = Pantry::open(setup);
    let write = it.jars.save(jar("a")).unwrap();
    assert_eq!(write.visible().map(|jar| &**jar), Some(&jar("a")));
    let write = write.map(|jar| jar.grams);
    assert_eq!(write.visible(), Some(&1));
    assert_eq!(write.wait().unwrap(), 1);
    let write = it.jars.delete("nobody").unwrap();
    assert!(write.wait().unwrap().is_none());
}
