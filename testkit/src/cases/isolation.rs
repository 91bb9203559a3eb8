//! Transactions and everybody else: nobody sees one before its end, or in part, and nobody writes beside it.

use std::sync::atomic::{AtomicBool, Ordering};

use larder_core::{Backend, BackendExt, Collection, ErrorKind, Query, RepositoryExt};
use serde_json::Value;

use super::visible::StopAtEnd;
use crate::agreement::agree;
use crate::pantry::{Pantry, refused};
use crate::records::{Jar, Recipe, jar, labelled, recipe};
use crate::setup::Setup;

/// Whoever reads outside of it sees what was there before, on this thread and on others, until it ends.
pub fn others_see_nothing_before_its_end<S: Setup>(setup: &S) {
    let it = Pantry::stocked(setup, [labelled("a", "x")]);
    let (jars, recipes) = (&it.jars, &it.recipes);
    let looks = || {
        let too_early = "what is not done yet is seen";
        assert_eq!(jars.get("a").unwrap().unwrap().grams, 1, "{too_early}");
        assert!(jars.get("b").unwrap().is_none(), "{too_early}");
        assert_eq!(jars.count(Query::all()).unwrap(), 1, "{too_early}");
        let labelled = jars.find(Jar::LABEL.is("x")).unwrap();
        assert_eq!(labelled.len(), 1, "{too_early}");
        assert_eq!(recipes.count(Query::all()).unwrap(), 0, "{too_early}");
    };
    let write = it.store.transaction(|tx| {
        tx.update::<Jar>("a", |jar| jar.grams = 2)?;
        tx.save(jar("b"))?;
        tx.save(recipe("r", 1))?;
        looks();
        std::thread::scope(|threads| threads.spawn(looks).join().unwrap());
        tx.update::<Jar>("a", |jar| jar.label = None)?;
        looks();
        Ok(())
    });
    write.unwrap().detach();
    assert_eq!(it.jars.get("a").unwrap().unwrap().grams, 2);
    assert_eq!(it.ids(), (vec!["a".into(), "b".into()], vec!["r".into()]));
}

/// Readers beside it see all of it or nothing, in both collections, whenever they look.
pub fn readers_see_it_whole<S: Setup>(setup: &S) {
    let it = Pantry::stocked(setup, [jar("a")]);
    it.recipes.save(recipe("r", 1)).unwrap().detach();
    let (store, jars, recipes) = (&it.store, &it.jars, &it.recipes);
    let stop = AtomicBool::new(false);
    let stopped = &stop;
    std::thread::scope(|threads| {
        let reader = threads.spawn(move || {
            let mut last = 0;
            while !stopped.load(Ordering::SeqCst) {
                // The recipe is never behind the jar that was read before it.
                let before = u64::from(jars.get("a").unwrap().unwrap().grams);
                let portions = recipes.get("r").unwrap().unwrap().portions;
                assert!(
                    portions >= before,
                    "{portions} portions after {before} grams"
                );
                // And within a transaction they are the same.
                let both = store.transaction(|tx| {
                    let grams = tx.get::<Jar>("a")?.unwrap().grams;
                    Ok((u64::from(grams), tx.get::<Recipe>("r")?.unwrap().portions))
                });
                let (grams, portions) = both.unwrap().into_visible().unwrap();
                assert_eq!(grams, portions);
                assert!(grams >= last);
                last = grams;
            }
        });
        let stop = StopAtEnd(stopped);
        for n in 2..14_u32 {
            // A jar's thirteenth gram would be bad luck.
            let grams = n + 100;
            let write = store.transaction(|tx| {
                tx.save(recipe("r", grams.into()))?;
                std::thread::yield_now();
                tx.save(Jar { grams, ..jar("a") })
            });
            write.unwrap().detach();
        }
        drop(stop);
        reader.join().unwrap();
    });
}

/// To write, to flush, to listen, to close or to begin another one beside it, on the thread that it runs on,
/// would wait for itself, and is an error; the transaction goes on. Another store is none of its business.
pub fn a_nested_one_is_an_error<S: Setup>(setup: &S) {
    let it = Pantry::open(setup);
    let write = it.store.transaction(|tx| {
        tx.insert(jar("a"))?;
        let nested = refused(it.store.transaction(|tx| tx.insert(recipe("r", 1))));
        let beside = [
            ("a transaction", nested),
            ("a save", refused(it.jars.save(jar("b")))),
            ("a save elsewhere", refused(it.recipes.save(recipe("r", 1)))),
            ("a delete", refused(it.jars.delete("a"))),
            ("listening", it.jars.changes().map(drop).unwrap_err()),
            (
                "listening to all",
                it.store.changes().map(drop).unwrap_err(),
            ),
            ("a flush", it.store.flush().wait().unwrap_err()),
            ("a flush of one", it.jars.flush().wait().unwrap_err()),
            ("a close", it.store.close().wait().unwrap_err()),
        ];
        for (what, error) in beside {
            assert_eq!(
                error.kind(),
                ErrorKind::NestedTransaction,
                "{what}: {error}"
            );
        }
        let opened = setup.collection(&it.store, Collection::<Value>::named("new"));
        let error = opened.map(drop).unwrap_err();
        assert_eq!(
            error.kind(),
            ErrorKind::NestedTransaction,
            "opening: {error}"
        );
        // One that is open is given.
        setup.collection(&it.store, Collection::<Jar>::of())?;
        let other = larder_core::MemoryStore::new();
        other.repository::<Recipe>()?.save(recipe("r", 1))?.wait()?;
        Ok(())
    });
    write.unwrap().wait().unwrap();
    assert_eq!(it.ids(), (vec!["a".into()], vec![]));
    it.recipes.save(recipe("r", 1)).unwrap().wait().unwrap();
    assert_eq!(it.ids().1, ["r"]);
}

/// They come one after the other: each sees all that those before it did.
pub fn they_come_one_after_the_other<S: Setup>(setup: &S) {
    const EACH: u32 = 15;
    let it = Pantry::stocked(setup, [jar("a")]);
    let store = &it.store;
    std::thread::scope(|threads| {
        for writer in 0..3 {
            threads.spawn(move || {
                for n in 0..EACH {
                    let write = store.transaction(|tx| {
                        let count = tx.count::<Recipe>(Query::all())?;
                        let jar =
                            tx.update::<Jar>("a", |jar| jar.row = Some(jar.row.unwrap_or(0) + 1))?;
                        let row = jar.unwrap().row.unwrap();
                        assert_eq!(u64::try_from(row).unwrap(), count + 1);
                        tx.insert(recipe(&format!("{writer}-{n}"), 1))
                    });
                    write.unwrap().detach();
                }
            });
        }
    });
    let row = it.jars.get("a").unwrap().unwrap().row;
    assert_eq!(row, Some(i64::from(3 * EACH)));
    assert_eq!(it.recipes.count(Query::all()).unwrap(), u64::from(3 * EACH));
    agree(&*it.jars);
}
