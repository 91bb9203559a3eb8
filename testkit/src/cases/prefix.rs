//! A crash leaves a prefix: what is found is the state after some of the store's writes, in order, and
//! none that was acknowledged is missing. Without a crash everything is found.

use larder_core::{Backend, BackendExt, Collection, Query, Record, RepositoryExt};

use crate::agreement::agree;
use crate::pantry::Pantry;
use crate::records::{Jar, Recipe, jar, labelled, recipe};
use crate::setup::Setup;

/// All records.
type State = (Vec<Jar>, Vec<Recipe>);

fn state<S: Setup>(it: &Pantry<'_, S>) -> State {
    let recipes = it.recipes.find(Query::all()).unwrap();
    let recipes = recipes.iter().map(|recipe| Recipe::clone(recipe));
    (it.all(), recipes.collect())
}

/// One write, of a kind that depends on its number; awaited if it is to be.
fn write<S: Setup>(it: &Pantry<'_, S>, n: u32, awaited: bool) {
    let id = format!("{}", n % 4);
    let of = Jar {
        grams: n,
        contents: vec![format!("c{n}")],
        ..labelled(&id, &id)
    };
    macro_rules! end {
        ($write:expr) => {{
            let write = $write.unwrap();
            if awaited {
                write.wait().unwrap();
            } else {
                write.detach();
            }
        }};
    }
    match n % 8 {
        0 | 3 => end!(it.jars.save(of)),
        1 => end!(it.recipes.save(recipe(&id, n.into()))),
        2 => end!(it.jars.save_all([of, jar("all")])),
        4 => end!(it.store.transaction(|tx| {
            tx.save(of)?;
            tx.save(recipe("t", n.into()))?;
            tx.delete::<Jar>("all")
        })),
        5 => end!(it.jars.delete(&id)),
        6 => end!(it.recipes.update("t", |recipe| recipe.portions += 100)),
        _ if n.is_multiple_of(3) => end!(it.jars.clear()),
        _ => end!(it.jars.update("0", |jar| jar.grams += 100)),
    }
}

/// After every write of a history over two collections, some of them awaited.
pub fn a_crash_leaves_a_prefix<S: Setup>(setup: &S) {
    let mut it = Pantry::open(setup);
    let mut n = 0;
    for length in 1..8 {
        let mut states = vec![state(&it)];
        let mut acknowledged = 0;
        for step in 0..length {
            n += 1;
            let awaited = (n + length) % 3 == 0 && step != length - 1;
            write(&it, n, awaited);
            states.push(state(&it));
            if awaited {
                acknowledged = states.len() - 1;
            }
        }
        it = it.crash();
        let found = state(&it);
        let place = states.iter().rposition(|state| *state == found);
        let place = place.unwrap_or_else(|| panic!("{found:?} was never there: {states:?}"));
        assert!(
            place >= acknowledged,
            "the state after {place} writes is left, and {acknowledged} were acknowledged"
        );
        agree(&*it.jars);
    }
}

/// After every transaction over two collections: both of what it wrote is there, or neither.
pub fn a_transaction_is_there_or_not<S: Setup>(setup: &S) {
    let mut it = Pantry::open(setup);
    for n in 1..8_u32 {
        let before = state(&it);
        let transaction = it.store.transaction(|tx| {
            tx.save(Jar {
                grams: n,
                ..labelled("a", &format!("l{n}"))
            })?;
            tx.save(recipe("r", n.into()))?;
            tx.insert(recipe(&format!("r{n}"), n.into()))
        });
        let write = transaction.unwrap();
        let awaited = n % 2 == 0;
        if awaited {
            write.wait().unwrap();
        } else {
            write.detach();
        }
        let after = state(&it);
        it = it.crash();
        let found = state(&it);
        assert!(
            found == after || (!awaited && found == before),
            "{found:?} is a part of {after:?}"
        );
        agree(&*it.jars);
    }
}

/// A crash in the moment after a recovery, and an open after that, change nothing.
pub fn recovering_twice_gives_the_same<S: Setup>(setup: &S) {
    let mut it = Pantry::open(setup);
    for n in 1..7 {
        write(&it, n, n % 2 == 0);
    }
    it = it.crash();
    let found = state(&it);
    for _ in 0..2 {
        it = it.crash();
        assert_eq!(state(&it), found, "recovered again");
    }
    it = it.reopen();
    assert_eq!(state(&it), found, "closed and opened again");
    agree(&*it.jars);
}

/// Everything is found: records of every form, in order, with their indexes; nothing is reported. Only what
/// is in no file is not there any more.
pub fn a_reopen_finds_everything<S: Setup>(setup: &S) {
    let it = Pantry::open(setup);
    for n in 1..40 {
        write(&it, n, false);
    }
    let full = Jar {
        row: Some(-1),
        place: Some(7),
        contents: vec!["b".into(), "a".into(), "b".into()],
        price: Some(0.1),
        note: Some(String::new()),
        ..labelled("full", "x")
    };
    it.put(Jar {
        is_open: true,
        ..full.clone()
    });
    let mut before = state(&it);
    for jar in &mut before.0 {
        jar.is_open = false;
    }
    let it = it.reopen();
    assert!(
        it.store.load_report().is_clean(),
        "{:?}",
        it.store.load_report()
    );
    assert_eq!(state(&it), before);
    assert_eq!(it.jars.get("full").unwrap().as_deref(), Some(&full));
    agree(&*it.jars);
    let mut names = it.store.collections().unwrap();
    names.retain(|name| [Jar::COLLECTION, Recipe::COLLECTION].contains(&name.as_str()));
    assert_eq!(names, ["jars", "recipes"]);
}

/// Whatever the last write before the close was.
pub fn the_last_write_before_a_close_is_found<S: Setup>(setup: &S) {
    let mut it = Pantry::open(setup);
    for n in 1..17 {
        write(&it, n, n % 5 == 0);
        let before = state(&it);
        it = it.reopen();
        assert_eq!(state(&it), before, "after write {n}");
    }
    agree(&*it.jars);
}

/// Opening and closing writes nothing that anybody could see, and what is empty stays so.
pub fn reopening_changes_nothing<S: Setup>(setup: &S) {
    let mut it = Pantry::open(setup);
    it.put(labelled("a", "x"));
    it.recipes.save(recipe("r", 1)).unwrap().detach();
    it.recipes.clear().unwrap().detach();
    let before = state(&it);
    for _ in 0..3 {
        it = it.reopen();
        assert_eq!(state(&it), before);
        assert!(it.store.load_report().is_clean());
        assert!(it.store.quarantine().unwrap().is_empty());
    }
}

/// A collection that is not opened in between is not lost, nor changed.
pub fn what_is_not_opened_is_not_lost<S: Setup>(setup: &S) {
    let it = Pantry::open(setup);
    it.put(labelled("a", "x"));
    it.recipes.save(recipe("r", 1)).unwrap().detach();
    it.close();
    let store = setup.open(crate::pantry::patient()).unwrap();
    let recipes = setup
        .collection(&store, Collection::<Recipe>::of())
        .unwrap();
    recipes.save(recipe("s", 1)).unwrap().wait().unwrap();
    let names = store.collections().unwrap();
    assert!(names.contains(&"jars".to_owned()), "{names:?}");
    store.close().wait().unwrap();
    drop((store, recipes));
    let it = Pantry::open(setup);
    let recipes = ["r", "s"].map(str::to_owned).to_vec();
    assert_eq!(it.ids(), (vec!["a".into()], recipes));
    agree(&*it.jars);
}
