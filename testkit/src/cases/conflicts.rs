//! Conflicts: whoever comes too late is told, with what is there now, and of many who come at once one wins.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};

use larder_core::{Backend, BackendExt, Error, ErrorKind, Expect, Op, Query, RepositoryExt, Write};

use crate::agreement::agree;
use crate::pantry::{Pantry, refused};
use crate::records::{Jar, jar, labelled, recipe};
use crate::setup::Setup;

fn of(grams: u32) -> Jar {
    Jar { grams, ..jar("a") }
}

/// The error has the record that stands in the way, and says where.
pub fn an_insert_over_a_record_is_told_of_it<S: Setup>(setup: &S) {
    let it = Pantry::stocked(setup, [of(1)]);
    let error = refused(it.jars.insert(of(2)));
    assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}");
    assert_eq!(error.current::<Jar>().as_deref(), Some(&of(1)));
    assert_eq!(error.operation(), Some("insert"));
    assert_eq!((error.collection(), error.id()), (Some("jars"), Some("a")));
    assert!(!error.is_transient(), "{error}");
    assert!(error.current::<String>().is_none(), "it is no text");
    assert_eq!(it.all(), [of(1)]);
}

/// Who has the key, and under which index; also by a pair.
pub fn a_key_that_is_taken_is_told_with_its_holder<S: Setup>(setup: &S) {
    let holder = Jar {
        place: Some(1),
        ..labelled("a", "x")
    };
    let it = Pantry::stocked(setup, [holder.clone(), jar("b")]);
    let by_label = labelled("b", "x");
    let by_place = Jar {
        place: Some(1),
        ..jar("b")
    };
    for (wanted, index) in [(by_label, "label"), (by_place, "BY_PLACE")] {
        let read = it.jars.get("b").unwrap().unwrap();
        for error in [
            refused(it.jars.save(wanted.clone())),
            refused(it.jars.replace(&read, wanted.clone())),
            refused(it.jars.update("b", |jar| *jar = wanted.clone())),
        ] {
            assert_eq!(error.kind(), ErrorKind::UniqueViolation, "{error}");
            assert_eq!(error.index(), Some(index), "{error}");
            assert_eq!(error.id(), Some("b"), "who wanted it: {error}");
            assert_eq!(error.current::<Jar>().as_deref(), Some(&holder));
        }
    }
}

/// A compare-and-swap on what is not there any more has what is there now; or nothing, if it is gone.
pub fn a_replace_that_is_too_late_is_told_what_is_there<S: Setup>(setup: &S) {
    let it = Pantry::open(setup);
    let read = it.put(of(1));
    let now = it
        .jars
        .replace(&read, of(2))
        .unwrap()
        .into_visible()
        .unwrap();
    let error = refused(it.jars.replace(&read, of(3)));
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert_eq!(error.current::<Jar>().as_deref(), Some(&of(2)));
    assert_eq!(error.operation(), Some("replace"));
    assert_eq!(error.id(), Some("a"));
    // On what it is told it may try again.
    let current = error.current::<Jar>().unwrap();
    it.jars.replace(&current, of(4)).unwrap().detach();
    assert!(it.jars.replace(&now, of(5)).is_err());
    it.jars.delete("a").unwrap().detach();
    let error = refused(it.jars.replace(&current, of(6)));
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert!(error.current::<Jar>().is_none(), "it is gone");
    assert!(it.all().is_empty());
}

/// What counts is what is stored, and not which copy of it one holds: one that was read, one that was made by
/// hand, one that was away and came back.
pub fn a_replace_compares_what_is_stored<S: Setup>(setup: &S) {
    let it = Pantry::stocked(setup, [of(1)]);
    it.jars.replace(&Arc::new(of(1)), of(2)).unwrap().detach();
    let read = it.jars.get("a").unwrap().unwrap();
    it.put(of(3));
    it.put(of(2));
    it.jars.replace(&read, of(4)).unwrap().detach();
    // A field that is in no file is no difference.
    let open = Jar {
        is_open: true,
        ..of(4)
    };
    it.jars.replace(&Arc::new(open), of(5)).unwrap().detach();
    let other = Jar {
        note: Some(String::new()),
        ..of(5)
    };
    assert!(
        it.jars.replace(&Arc::new(other), of(6)).is_err(),
        "an empty text is not none"
    );
    assert_eq!(it.all(), [of(5)]);
}

/// What was read before a restart is as good as what was read after it.
pub fn a_replace_reaches_across_a_restart<S: Setup>(setup: &S) {
    let it = Pantry::open(setup);
    let full = |grams| Jar {
        price: Some(0.1),
        contents: vec!["b".into(), "a".into()],
        note: Some("é\"".into()),
        row: Some(i64::MAX),
        ..of(grams)
    };
    let read = it.put(full(1));
    let it = it.reopen();
    it.jars.replace(&read, full(2)).unwrap().detach();
    let it = it.reopen();
    let error = refused(it.jars.replace(&read, full(3)));
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert_eq!(error.current::<Jar>().as_deref(), Some(&full(2)));
}

/// A delete may expect what it deletes.
pub fn a_delete_may_expect_what_it_finds<S: Setup>(setup: &S) {
    let it = Pantry::stocked(setup, [of(1)]);
    let delete = |expected| Op::Delete {
        id: "a".to_owned(),
        expect: Expect::Equal(Arc::new(expected)),
    };
    let error = refused(it.jars.apply(vec![delete(of(2))]));
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert_eq!(error.current::<Jar>().as_deref(), Some(&of(1)));
    it.jars.apply(vec![delete(of(1))]).unwrap().detach();
    let error = refused(it.jars.apply(vec![delete(of(1))]));
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert!(error.current::<Jar>().is_none());
}

/// The closure of an update runs again, on what is there then, if somebody was faster. One that is gone by then
/// is not there to be updated.
pub fn an_update_runs_again_on_what_is_there<S: Setup>(setup: &S) {
    let it = Pantry::stocked(setup, [of(1)]);
    let mut seen = Vec::new();
    let updated = it.jars.update("a", |jar| {
        seen.push(jar.grams);
        if seen.len() < 3 {
            it.put(of(jar.grams + 10));
        }
        jar.grams += 100;
    });
    assert_eq!(updated.unwrap().into_visible().unwrap().unwrap().grams, 121);
    assert_eq!(seen, [1, 11, 21]);
    let gone = it
        .jars
        .update("a", |_| it.jars.delete("a").unwrap().detach());
    assert!(gone.unwrap().into_visible().unwrap().is_none());
    assert!(it.all().is_empty());
}

const THREADS: usize = 4;

/// All at once, each of them so often; gives what each got.
fn all_at_once<R: Send>(act: impl Fn(usize) -> R + Sync) -> Vec<R> {
    let start = Barrier::new(THREADS);
    let (start, act) = (&start, &act);
    std::thread::scope(|threads| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                threads.spawn(move || {
                    start.wait();
                    act(thread)
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    })
}

/// Asserts that one of them won and the others were told this.
#[track_caller]
fn one_won<R>(results: Vec<larder_core::Result<Write<R>>>, kind: ErrorKind) {
    let won = results.iter().filter(|result| result.is_ok()).count();
    assert_eq!(won, 1, "so many won");
    for error in results.into_iter().filter_map(Result::err) {
        assert_eq!(error.kind(), kind, "{error}");
    }
}

/// Of many who replace what they have all read, one wins.
pub fn one_of_many_who_replace_wins<S: Setup>(setup: &S) {
    let it = Pantry::stocked(setup, [of(0)]);
    let jars = &it.jars;
    for round in 0..20 {
        let read = jars.get("a").unwrap().unwrap();
        let results = all_at_once(|thread| {
            let grams = round * 10 + u32::try_from(thread).unwrap() + 20;
            jars.replace(&read, of(grams))
        });
        one_won(results, ErrorKind::Conflict);
    }
    agree(&**jars);
}

/// Of many who insert the same, and of many who want one key.
pub fn one_of_many_who_insert_wins<S: Setup>(setup: &S) {
    let it = Pantry::open(setup);
    let jars = &it.jars;
    for round in 0..20 {
        let id = format!("same-{round}");
        one_won(
            all_at_once(|_| jars.insert(jar(&id))),
            ErrorKind::AlreadyExists,
        );
        let results =
            all_at_once(|thread| jars.insert(labelled(&format!("{round}-{thread}"), &id)));
        one_won(results, ErrorKind::UniqueViolation);
    }
    assert_eq!(it.all().len(), 40);
    agree(&**jars);
}

/// Many add to one number, by every means that there is, and none of what they add is lost.
pub fn no_update_is_lost<S: Setup>(setup: &S) {
    const EACH: u64 = 24;
    let it = Pantry::open(setup);
    it.recipes.save(recipe("r", 0)).unwrap().detach();
    let (store, recipes) = (&it.store, &it.recipes);
    let replaced = AtomicU64::new(0);
    all_at_once(|_| {
        for n in 0..EACH {
            if n % 3 == 0 {
                let mut read = recipes.get("r").unwrap().unwrap();
                loop {
                    match recipes.replace(&read, recipe("r", read.portions + 1)) {
                        Ok(write) => break write.detach(),
                        Err(error) => read = later(&error, read.portions),
                    }
                }
                replaced.fetch_add(1, Ordering::Relaxed);
            } else if n % 3 == 1 {
                recipes
                    .update("r", |recipe| recipe.portions += 1)
                    .unwrap()
                    .detach();
            } else {
                let write = store.transaction(|tx| {
                    tx.update::<crate::records::Recipe>("r", |recipe| recipe.portions += 1)
                });
                write.unwrap().detach();
            }
        }
    });
    assert_eq!(replaced.into_inner(), EACH / 3 * THREADS as u64);
    let wanted = EACH * THREADS as u64;
    assert_eq!(recipes.get("r").unwrap().unwrap().portions, wanted);
    assert_eq!(recipes.count(Query::all()).unwrap(), 1);
    assert_eq!(it.store.health().applied, it.recipes.health().applied);
}

/// What a conflict carries: what somebody else has made of it meanwhile.
fn later(error: &Error, than: u64) -> Arc<crate::records::Recipe> {
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    let current = error.current::<crate::records::Recipe>().unwrap();
    assert!(current.portions > than, "{} after {than}", current.portions);
    current
}
