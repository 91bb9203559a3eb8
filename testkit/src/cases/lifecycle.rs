//! Opening and closing: a closed store refuses everything, a collection is opened once, an owner keeps others
//! out or works with them, and a store that was opened for reading writes nothing.

use larder_core::{
    Backend, BackendExt, Collection, Error, ErrorKind, Health, HealthState, Op, Options, Query,
    Repository, RepositoryExt,
};
use serde_json::{Value, json};

use crate::agreement::agree;
use crate::pantry::{Pantry, patient, refused};
use crate::records::{Jar, Recipe, jar, labelled, recipe};
use crate::setup::Setup;

/// Every read of a repository.
fn reads(jars: &dyn Repository<Jar>) -> Vec<(&'static str, Result<(), Error>)> {
    let (all, one) = (Query::all(), jar("a"));
    vec![
        ("get", jars.get("a").map(drop)),
        ("get of nobody", jars.get("nobody").map(drop)),
        ("find", jars.find(Query::all()).map(drop)),
        (
            "find by an index",
            jars.find(Jar::SHELF.is("top")).map(drop),
        ),
        ("find_one", jars.find_one(Jar::LABEL.is("x")).map(drop)),
        ("count", jars.count(Query::all()).map(drop)),
        ("page", jars.page(Query::all().limit(1)).map(drop)),
        ("explain", jars.explain(Query::all()).map(drop)),
        ("cursor_after", jars.cursor_after(&all, &one).map(drop)),
        ("stats", jars.stats().map(drop)),
        ("changes", jars.changes().map(drop)),
    ]
}

/// Every write, in a repository and in a store.
fn writes<S: Setup>(it: &Pantry<'_, S>) -> Vec<(&'static str, Result<(), Error>)> {
    let jars = &it.jars;
    let read = std::sync::Arc::new(jar("a"));
    vec![
        ("save", jars.save(jar("a")).map(drop)),
        ("save_all", jars.save_all([jar("a"), jar("b")]).map(drop)),
        ("insert", jars.insert(jar("n")).map(drop)),
        ("replace", jars.replace(&read, jar("a")).map(drop)),
        ("delete", jars.delete("a").map(drop)),
        ("delete of nobody", jars.delete("nobody").map(drop)),
        ("clear", jars.clear().map(drop)),
        ("apply", jars.apply(vec![Op::Clear]).map(drop)),
        (
            "transaction",
            it.store.transaction(|tx| tx.save(recipe("r", 1))).map(drop),
        ),
        ("purge_quarantine", it.store.purge_quarantine(&[]).map(drop)),
        ("reject", it.store.reject(Vec::new()).map(drop)),
    ]
}

#[track_caller]
fn all_refused(results: Vec<(&'static str, Result<(), Error>)>, kind: ErrorKind) {
    for (what, result) in results {
        match result {
            Err(error) => assert_eq!(error.kind(), kind, "{what}: {error}"),
            Ok(()) => panic!("{what} was done, and had to be refused as {kind:?}"),
        }
    }
}

/// Reads as well as writes, through every handle that is still held; and nothing is opened in it any more.
pub fn a_closed_store_refuses_everything<S: Setup>(setup: &S) {
    let it = Pantry::stocked(setup, [jar("a")]);
    let earlier = it.jars.save(jar("b")).unwrap();
    it.store.close().wait().unwrap();
    all_refused(reads(&*it.jars), ErrorKind::Closed);
    all_refused(writes(&it), ErrorKind::Closed);
    all_refused(
        vec![
            ("update", it.jars.update("a", |_| {}).map(drop)),
            (
                "update of nobody",
                it.jars.update("nobody", |_| {}).map(drop),
            ),
            ("listen", it.store.changes().map(drop)),
            ("revision", it.store.revision().map(drop)),
            (
                "open",
                setup
                    .collection(&it.store, Collection::<Jar>::of())
                    .map(drop),
            ),
            (
                "open new",
                setup
                    .collection(&it.store, Collection::<Value>::named("n"))
                    .map(drop),
            ),
        ],
        ErrorKind::Closed,
    );
    // What was made before is durable now.
    earlier.wait().unwrap();
    for health in [it.store.health(), it.jars.health()] {
        assert!(matches!(health.state, HealthState::Closed), "{health:?}");
        assert!(!health.is_dirty(), "{health:?}");
    }
}

/// Closing again is done again, and harms nothing.
pub fn a_store_may_be_closed_twice<S: Setup>(setup: &S) {
    let it = Pantry::stocked(setup, [jar("a")]);
    let (first, second) = (it.store.close(), it.store.close());
    first.wait().unwrap();
    second.wait().unwrap();
    pollster::block_on(it.store.close()).unwrap();
    assert_eq!(it.jars.get("a").unwrap_err().kind(), ErrorKind::Closed);
}

/// Closing while others write: each of their writes is made or refused, and what was made is kept.
pub fn closing_leaves_no_write_in_between<S: Setup>(setup: &S) {
    let it = Pantry::open(setup);
    let jars = &it.jars;
    let made = std::thread::scope(|threads| {
        let writers: Vec<_> = (0..3)
            .map(|writer| {
                threads.spawn(move || {
                    for n in 0.. {
                        match jars.save(jar(&format!("{writer}-{n:06}"))) {
                            Ok(write) => write.detach(),
                            Err(error) => {
                                assert_eq!(error.kind(), ErrorKind::Closed, "{error}");
                                return n;
                            }
                        }
                    }
                    0
                })
            })
            .collect();
        while jars.count(Query::all()).unwrap() < 10 {
            std::thread::yield_now();
        }
        it.store.close().wait().unwrap();
        let made = writers.into_iter().map(|writer| writer.join().unwrap());
        made.sum::<usize>()
    });
    let setup = it.setup;
    drop(it);
    let it = Pantry::open(setup);
    assert_eq!(it.all().len(), made);
    agree(&*it.jars);
}

/// Whoever asks for a collection again gets the same records, as the same type; another type, another case of
/// the name, or what cannot be a collection is refused, and the store goes on.
pub fn a_collection_is_opened_once<S: Setup>(setup: &S) {
    let it = Pantry::stocked(setup, [labelled("a", "x")]);
    let again = setup
        .collection(&it.store, Collection::<Jar>::of())
        .unwrap();
    again.save(jar("b")).unwrap().detach();
    assert_eq!(it.ids().0, ["a", "b"]);
    assert_eq!(again.collection().name(), "jars");
    let error = refused_to_open(setup, &it.store, &Collection::named("jars"));
    assert_eq!(error.kind(), ErrorKind::Config, "another type: {error}");
    let error = refused_to_open(setup, &it.store, &Collection::named("JARS"));
    assert_eq!(error.kind(), ErrorKind::Config, "another case: {error}");
    assert_eq!(it.ids().0, ["a", "b"]);
}

#[track_caller]
fn refused_to_open<S: Setup>(setup: &S, store: &S::Store, collection: &Collection<Value>) -> Error {
    match setup.collection(store, collection.clone()) {
        Err(error) => error,
        Ok(_) => panic!("{collection:?} was opened"),
    }
}

/// A name that is none, two indexes of one name, paths that are none, a schema that is none.
pub fn what_cannot_be_a_collection_is_refused<S: Setup>(setup: &S) {
    let it = Pantry::stocked(setup, [jar("a")]);
    let named = |name: &str| Collection::<Value>::named(name);
    let long = "n".repeat(65);
    for bad in [
        named(""),
        named("has space"),
        named("../up"),
        named("1st"),
        named("a.b"),
        named(&long),
        named("c").index("n").unique("n"),
        named("c").id("/a~2"),
        named("c").index("/a~2"),
        named("c").schema(json!({"type": "nonsense"})),
        named("c").schema(json!({"$ref": "https://example.com/schema.json"})),
    ] {
        let error = refused_to_open(setup, &it.store, &bad);
        assert_eq!(error.kind(), ErrorKind::Config, "{bad:?}: {error}");
    }
    let names = it.store.collections().unwrap();
    assert!(!names.contains(&"c".to_owned()), "{names:?}");
    it.put(jar("b"));
    let good = named("c-1_X")
        .index("n")
        .unique("m.n")
        .compound(&["n", "m.n"]);
    let good = setup.collection(&it.store, good).unwrap();
    good.save(json!({"id": "a", "n": 1, "m": {"n": 2}}))
        .unwrap()
        .wait()
        .unwrap();
}

/// A store in which nothing was kept yet has nothing, and says so.
pub fn a_new_store_is_empty<S: Setup>(setup: &S) {
    let store = setup.open(Options::default()).unwrap();
    assert!(store.collections().unwrap().is_empty());
    assert!(store.quarantine().unwrap().is_empty());
    assert!(store.load_report().is_clean());
    assert!(store.health().is_healthy() && !store.health().is_dirty());
    let jars = setup.collection(&store, Collection::<Jar>::of()).unwrap();
    assert!(jars.get("a").unwrap().is_none());
    assert_eq!(jars.count(Query::all()).unwrap(), 0);
    assert!(jars.find_one(Jar::LABEL.is("x")).unwrap().is_none());
    let report = jars.load_report();
    assert!(report.is_clean() && report.records() == 0, "{report:?}");
    agree(&*jars);
    store.flush().wait().unwrap();
    store.close().wait().unwrap();
}

/// Any handle keeps it open: a repository as well as the store.
pub fn a_repository_keeps_its_store_open<S: Setup>(setup: &S) {
    let Pantry { store, jars, .. } = Pantry::open(setup);
    drop(store);
    jars.save(labelled("a", "x")).unwrap().wait().unwrap();
    assert_eq!(jars.find(Jar::LABEL.is("x")).unwrap().len(), 1);
    assert!(jars.health().is_healthy());
    agree(&*jars);
}

/// While one has it open another is kept out, and told so; or both work, and both are right.
pub fn a_second_owner_is_kept_out_or_right<S: Setup>(setup: &S) {
    let it = Pantry::stocked(setup, [labelled("a", "x")]);
    let second = match setup.open(patient()) {
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Locked, "{error}");
            // The first is none the worse for it.
            it.jars.save(jar("b")).unwrap().wait().unwrap();
            let it = it.reopen();
            assert_eq!(it.ids().0, ["a", "b"]);
            return;
        }
        Ok(second) => second,
    };
    let theirs = setup.collection(&second, Collection::<Jar>::of()).unwrap();
    it.jars.save(labelled("b", "y")).unwrap().wait().unwrap();
    let seen = theirs.get("b").unwrap();
    assert!(seen.is_some(), "a write of the other owner is not seen");
    let error = refused(theirs.save(labelled("c", "y")));
    assert_eq!(error.kind(), ErrorKind::UniqueViolation, "{error}");
    let read = it.jars.get("a").unwrap().unwrap();
    theirs
        .update("a", |jar| jar.grams = 2)
        .unwrap()
        .wait()
        .unwrap();
    let error = refused(it.jars.replace(&read, jar("a")));
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    for _ in 0..5 {
        it.jars.update("a", |jar| jar.grams += 1).unwrap().detach();
        theirs.update("a", |jar| jar.grams += 1).unwrap().detach();
    }
    assert_eq!(it.jars.get("a").unwrap().unwrap().grams, 12);
    theirs.delete("b").unwrap().wait().unwrap();
    agree(&*it.jars);
    agree(&*theirs);
    second.close().wait().unwrap();
    drop((second, theirs));
    let it = it.reopen();
    assert_eq!(it.ids().0, ["a"]);
    assert_eq!(it.jars.get("a").unwrap().unwrap().grams, 12);
}

/// When it was closed, or let go, it is nobody's.
pub fn a_store_that_was_let_go_is_free<S: Setup>(setup: &S) {
    let it = Pantry::stocked(setup, [jar("a")]);
    it.store.close().wait().unwrap();
    // The handles are still held.
    let second = Pantry::open(setup);
    second.jars.save(jar("b")).unwrap().detach();
    drop(it);
    drop(second);
    let third = Pantry::open(setup);
    assert_eq!(third.ids().0, ["a", "b"]);
}

/// Every write is refused, every read is answered, and a flush and a close have nothing to do.
pub fn a_store_for_reading_refuses_writes<S: Setup>(setup: &S) {
    // Something has to be there to be opened.
    Pantry::open(setup).close();
    let read_only = Options {
        read_only: true,
        ..patient()
    };
    let it = Pantry::open_with(setup, read_only);
    all_refused(writes(&it), ErrorKind::ReadOnly);
    for (what, result) in reads(&*it.jars) {
        result.unwrap_or_else(|error| panic!("{what}: {error}"));
    }
    it.store.flush().wait().unwrap();
    let healths = || [it.store.health(), it.jars.health()];
    assert!(healths().iter().all(Health::is_healthy));
    it.store.close().wait().unwrap();
    all_refused(reads(&*it.jars), ErrorKind::Closed);
    for health in healths() {
        assert!(matches!(health.state, HealthState::Closed), "{health:?}");
    }
}

/// Several may read what one has written, and nothing that they do changes it.
pub fn several_may_read<S: Setup>(setup: &S) {
    let it = Pantry::stocked(setup, [labelled("a", "x")]);
    it.recipes.save(recipe("r", 1)).unwrap().detach();
    it.close();
    let read_only = || Options {
        read_only: true,
        ..patient()
    };
    let one = Pantry::open_with(setup, read_only());
    let other = Pantry::open_with(setup, read_only());
    for it in [&one, &other] {
        assert_eq!(it.all(), [labelled("a", "x")]);
        assert_eq!(it.ids().1, ["r"]);
        agree(&*it.jars);
        assert!(it.jars.save(jar("b")).is_err());
        let definition = it.store.definition("jars").unwrap();
        assert_eq!(definition, Collection::<Jar>::of().definition().unwrap());
    }
    one.close();
    other.close();
    let it = Pantry::open(setup);
    let recipes = it.recipes.get("r").unwrap();
    assert_eq!(recipes.as_deref(), Some(&Recipe { ..recipe("r", 1) }));
    assert_eq!(it.all(), [labelled("a", "x")]);
}
