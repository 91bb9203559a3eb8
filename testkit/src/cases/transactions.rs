//! Transactions: all of it or nothing, over any collections, for readers, after an error and after a panic. It
//! sees what it wrote. What everybody else sees is `isolation.rs`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use larder_core::{
    BackendExt, Collection, Condition, Error, ErrorKind, Query, Record, RepositoryExt, Target, Test,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::agreement::{agree, look};
use crate::pantry::{Pantry, refused};
use crate::records::{Jar, Recipe, jar, labelled, recipe};
use crate::setup::Setup;

/// What it did is there together, and it is one write with one number.
pub fn it_is_one_write<S: Setup>(setup: &S) {
    let it = Pantry::stocked(setup, [jar("old")]);
    let before = it.sequence();
    let write = it.store.transaction(|tx| {
        tx.insert(labelled("a", "x"))?;
        tx.delete::<Jar>("old")?;
        tx.insert(recipe("r", 1))?;
        tx.insert(jar("b"))
    });
    let write = write.unwrap();
    assert_eq!(
        write.visible().map(|jar| jar.id.as_str()),
        Some("b"),
        "what the closure gave"
    );
    assert_eq!(it.sequence(), before + 1);
    assert_eq!(it.ids(), (vec!["a".into(), "b".into()], vec!["r".into()]));
    write.wait().unwrap();
    // One that only reads, or changes nothing, is none.
    let read = it.store.transaction(|tx| {
        tx.delete::<Recipe>("nobody")?;
        tx.of::<Jar>()?.save_all([])?;
        tx.get::<Jar>("a")
    });
    assert!(read.unwrap().wait().unwrap().is_some());
    assert_eq!(it.sequence(), before + 1);
    agree(&*it.jars);
}

/// An error takes everything back, in every collection, and comes back as it is.
pub fn an_error_takes_everything_back<S: Setup>(setup: &S) {
    let it = Pantry::stocked(setup, [labelled("a", "x")]);
    it.recipes.save(recipe("r", 1)).unwrap().detach();
    let before = look(&it);
    let mut told = it.store.changes().unwrap();
    let failed = it.store.transaction(|tx| {
        tx.delete::<Jar>("a")?;
        tx.save(labelled("b", "x"))?;
        tx.of::<Recipe>()?.clear()?;
        tx.insert(recipe("s", 1))?;
        Err::<(), _>(Error::new(ErrorKind::Config, "on purpose"))
    });
    let error = refused(failed);
    assert_eq!(
        (error.kind(), error.message()),
        (ErrorKind::Config, "on purpose")
    );
    assert_eq!(look(&it), before, "what it did before its error stays");
    assert!(told.try_next().is_none(), "it was told of");
    // What was taken back holds no key.
    it.jars.save(labelled("c", "y")).unwrap().detach();
    let write = it
        .store
        .transaction(|tx| tx.update::<Jar>("a", |jar| jar.grams = 2));
    write.unwrap().detach();
    agree(&*it.jars);
}

/// So does a panic; and the store goes on.
pub fn a_panic_takes_everything_back<S: Setup>(setup: &S) {
    let it = Pantry::stocked(setup, [labelled("a", "x")]);
    let before = look(&it);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _ = it.store.transaction(|tx| -> larder_core::Result<()> {
            tx.delete::<Jar>("a")?;
            tx.insert(recipe("r", 1))?;
            std::panic::resume_unwind(Box::new("on purpose"))
        });
    }));
    assert!(panicked.is_err());
    assert_eq!(look(&it), before, "what it did before its panic stays");
    let write = it.store.transaction(|tx| tx.insert(recipe("r", 1)));
    write.unwrap().wait().unwrap();
    std::thread::scope(|threads| {
        let other = threads.spawn(|| it.jars.save(jar("b")).unwrap().detach());
        other.join().unwrap();
    });
    assert_eq!(it.ids(), (vec!["a".into(), "b".into()], vec!["r".into()]));
}

/// A caller's own error type comes back as it is, too.
pub fn an_error_of_the_callers_own_comes_back<S: Setup>(setup: &S) {
    #[derive(Debug, PartialEq)]
    enum Mine {
        Refused(u8),
        Store(ErrorKind),
    }
    impl From<Error> for Mine {
        fn from(error: Error) -> Self {
            Self::Store(error.kind())
        }
    }
    let it = Pantry::open(setup);
    let failed = it.store.try_transaction(|tx| {
        tx.insert(jar("a"))?;
        Err::<(), _>(Mine::Refused(7))
    });
    assert_eq!(failed.map(drop).unwrap_err(), Mine::Refused(7));
    let failed = it.store.try_transaction(|tx| {
        tx.insert(jar("a"))?;
        tx.insert(jar("a"))?;
        Ok::<(), Mine>(())
    });
    assert_eq!(
        failed.map(drop).unwrap_err(),
        Mine::Store(ErrorKind::AlreadyExists)
    );
    assert!(it.all().is_empty());
}

/// By id, by a unique key, with keys that were given up and taken within it.
pub fn it_sees_what_it_wrote<S: Setup>(setup: &S) {
    let it = Pantry::stocked(setup, [labelled("a", "x")]);
    let write = it.store.transaction(|tx| {
        tx.update::<Jar>("a", |jar| jar.grams += 1)?;
        tx.update::<Jar>("a", |jar| jar.grams += 1)?;
        assert!(tx.update::<Jar>("nobody", |jar| jar.grams += 1)?.is_none());
        assert_eq!(tx.get::<Jar>("a")?.unwrap().grams, 3);
        tx.delete::<Jar>("a")?;
        assert!(tx.get::<Jar>("a")?.is_none());
        assert!(tx.find_one(Jar::LABEL.is("x"))?.is_none());
        tx.insert(labelled("b", "x"))?;
        assert_eq!(tx.find_one(Jar::LABEL.is("x"))?.unwrap().id, "b");
        let taken = tx.insert(labelled("c", "x")).unwrap_err();
        assert_eq!(taken.kind(), ErrorKind::UniqueViolation, "{taken}");
        assert_eq!(taken.current::<Jar>().unwrap().id, "b");
        assert_eq!(tx.of::<Jar>()?.clear()?, 1);
        assert_eq!(tx.count::<Jar>(Query::all())?, 0);
        tx.insert(labelled("d", "x"))
    });
    write.unwrap().detach();
    assert_eq!(it.all(), [labelled("d", "x")]);
    agree(&*it.jars);
}

/// With conditions, orders, limits, cursors and counts.
pub fn its_queries_see_what_it_wrote<S: Setup>(setup: &S) {
    let of = |id: &str, label: &str| Jar {
        contents: vec!["t".into(), label.into()],
        ..labelled(id, label)
    };
    let it = Pantry::stocked(
        setup,
        [of("a", "1"), of("b", "2"), of("c", "3"), of("d", "4")],
    );
    let ids =
        |found: Vec<Arc<Jar>>| -> Vec<String> { found.iter().map(|jar| jar.id.clone()).collect() };
    let write = it.store.transaction(|tx| {
        tx.delete::<Jar>("b")?;
        tx.update::<Jar>("c", |jar| jar.label = Some("0".into()))?;
        tx.save(of("e", "5"))?;
        assert_eq!(ids(tx.find::<Jar>(Query::all())?), ["a", "c", "d", "e"]);
        assert_eq!(ids(tx.find(Jar::CONTENTS.is("t"))?), ["a", "c", "d", "e"]);
        assert_eq!(ids(tx.find(Jar::CONTENTS.is("5"))?), ["e"]);
        assert!(tx.find_one(Jar::LABEL.is("3"))?.is_none());
        assert_eq!(tx.find_one(Jar::LABEL.is("0"))?.unwrap().id, "c");
        let by_label = Query::all().order_by(Jar::LABEL.asc()).limit(2);
        assert_eq!(ids(tx.find(by_label.clone())?), ["c", "a"]);
        let down = Query::all().order_by(Jar::LABEL.desc()).limit(3);
        assert_eq!(ids(tx.find(down)?), ["e", "d", "a"]);
        let range = Jar::LABEL.range("1".to_owned()..).limit(2);
        assert_eq!(ids(tx.find(range)?), ["a", "d"]);
        assert_eq!(tx.count(Query::all().filter(|jar: &Jar| jar.id != "d"))?, 3);
        assert_eq!(tx.count::<Jar>(Query::all().limit(3))?, 3);
        let after = it.jars.cursor_after(&by_label, &of("a", "1"))?;
        assert_eq!(ids(tx.find(by_label.after(after))?), ["d", "e"]);
        Ok(())
    });
    write.unwrap().detach();
    assert_eq!(it.ids().0, ["a", "c", "d", "e"]);
    agree(&*it.jars);
}

/// An operation that is refused changes nothing of what the transaction did before; a closure that goes on has
/// all it did but that.
pub fn a_refused_operation_is_no_part_of_it<S: Setup>(setup: &S) {
    let it = Pantry::stocked(setup, [labelled("a", "x")]);
    let mut told = it.store.changes().unwrap();
    let write = it.store.transaction(|tx| {
        tx.insert(recipe("r", 1))?;
        let all = tx.of::<Jar>()?;
        // The last of three is refused, so none of them is made.
        let list = [labelled("m", "1"), labelled("n", "2"), labelled("o", "1")];
        let error = all.save_all(list).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UniqueViolation, "{error}");
        assert_eq!(all.count(Query::all())?, 1);
        assert!(all.find_one(Jar::LABEL.is("1"))?.is_none());
        for error in [
            all.insert(labelled("a", "z")).unwrap_err(),
            all.save(labelled("b", "x")).unwrap_err(),
            all.save(jar("")).unwrap_err(),
            all.replace(&Arc::new(jar("a")), jar("a")).unwrap_err(),
            all.try_update("a", |_| Err(Error::new(ErrorKind::Config, "no")))
                .unwrap_err(),
        ] {
            assert!(error.operation().is_some(), "{error}");
        }
        all.insert(labelled("w", "1"))
    });
    write.unwrap().detach();
    assert_eq!(it.all(), [labelled("a", "x"), labelled("w", "1")]);
    let told: Vec<String> = match told.try_next() {
        Some(larder_core::ChangeEvent::Changed(batch)) => {
            batch.iter().map(|change| change.id().to_owned()).collect()
        }
        other => panic!("{other:?} is no change"),
    };
    assert_eq!(told, ["r", "w"]);
    agree(&*it.jars);
}

/// A compare-and-swap is about what the transaction sees, and its error carries that.
pub fn a_replace_is_about_what_it_sees<S: Setup>(setup: &S) {
    let it = Pantry::open(setup);
    let of = |grams| Jar { grams, ..jar("a") };
    let saved = it.put(of(1));
    let write = it.store.transaction(|tx| {
        let now = tx.replace(&saved, of(2))?;
        let conflict = tx.replace(&saved, of(3)).unwrap_err();
        assert_eq!(conflict.kind(), ErrorKind::Conflict, "{conflict}");
        assert_eq!(conflict.current::<Jar>().as_deref(), Some(&of(2)));
        let there = tx.insert(of(3)).unwrap_err();
        assert_eq!(there.kind(), ErrorKind::AlreadyExists, "{there}");
        assert_eq!(there.current::<Jar>().as_deref(), Some(&of(2)));
        tx.replace(&now, of(4))?;
        tx.delete::<Jar>("a")?;
        let gone = tx.replace(&now, of(5)).unwrap_err();
        assert_eq!(gone.kind(), ErrorKind::Conflict, "{gone}");
        assert!(gone.current::<Jar>().is_none());
        tx.insert(of(6))
    });
    write.unwrap().detach();
    assert_eq!(it.all(), [of(6)]);
}

/// Errors name the collection that they are about, with all else that the same verb of a repository says.
pub fn errors_say_what_they_are_about<S: Setup>(setup: &S) {
    let it = Pantry::stocked(setup, [labelled("a", "x")]);
    let nowhere = || {
        Query::<Jar>::from(Condition::new(
            Target::Index("nowhere".into()),
            Test::IsNone,
        ))
    };
    let write = it.store.transaction(|tx| {
        for error in [
            tx.find(nowhere()).map(drop).unwrap_err(),
            tx.count(nowhere()).map(drop).unwrap_err(),
            tx.insert(jar("")).map(drop).unwrap_err(),
            tx.save(labelled("b", "x")).map(drop).unwrap_err(),
        ] {
            assert_eq!(error.collection(), Some("jars"), "{error}");
        }
        let error = tx.save(labelled("b", "x")).unwrap_err();
        assert_eq!(
            (error.operation(), error.index()),
            (Some("save"), Some("label"))
        );
        assert_eq!(error.id(), Some("b"));
        Ok(())
    });
    write.unwrap().detach();
    let failed = it.store.transaction(|tx| {
        tx.save(recipe("r", 1))?;
        tx.save(labelled("b", "x"))
    });
    let error = refused(failed);
    assert_eq!(error.current::<Jar>().unwrap().id, "a");
    assert_eq!(it.ids().1, [""; 0]);
}

/// One that is in no collection of the store.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
struct Stranger {
    id: String,
}

impl Record for Stranger {
    const COLLECTION: &'static str = "strangers";

    fn id(&self) -> &str {
        &self.id
    }
}

/// A collection that is not open, or is open as another type, is named, and nothing is opened for it.
pub fn a_collection_must_be_open<S: Setup>(setup: &S) {
    let it = Pantry::open(setup);
    let stranger = Stranger { id: "s".into() };
    let error = refused(it.store.transaction(|tx| {
        tx.save(jar("a"))?;
        tx.save(stranger)
    }));
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    assert_eq!(error.collection(), Some("strangers"), "{error}");
    let error = refused(
        it.store
            .transaction(|tx| tx.collection::<Value>("jars").map(drop)),
    );
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    assert_eq!(error.collection(), Some("jars"), "{error}");
    assert!(it.all().is_empty());
}

/// Collections that are described at run time take part.
pub fn collections_without_types_take_part<S: Setup>(setup: &S) {
    let it = Pantry::open(setup);
    let notes = Collection::<Value>::named("notes")
        .unique("n")
        .multi("tags");
    let notes = setup.collection(&it.store, notes).unwrap();
    let write = it.store.transaction(|tx| {
        let notes = tx.collection::<Value>("notes")?;
        notes.save(json!({"id": "a", "n": 1}))?;
        // Of another kind than before.
        notes.save(json!({"id": "b", "n": "two", "tags": ["x"]}))?;
        notes.save(json!({"id": "c", "n": true}))?;
        let taken = notes.save(json!({"id": "d", "n": true})).unwrap_err();
        assert_eq!(taken.kind(), ErrorKind::UniqueViolation, "{taken}");
        let tagged = Condition::new(
            Target::Index("tags".into()),
            Test::Is(larder_core::Key::text("x")),
        );
        assert_eq!(notes.count(tagged)?, 1);
        tx.insert(jar("a"))
    });
    write.unwrap().detach();
    assert_eq!(notes.count(Query::all()).unwrap(), 3);
    assert_eq!(it.ids().0, ["a"]);
}

/// Fields that are in no file are seen in it, stay when it ends well, and are as before if it does not.
pub fn run_time_fields_stay<S: Setup>(setup: &S) {
    let it = Pantry::open(setup);
    let open = |id: &str| Jar {
        is_open: true,
        ..jar(id)
    };
    let write = it.store.transaction(|tx| {
        tx.insert(open("a"))?;
        assert!(tx.get::<Jar>("a")?.unwrap().is_open);
        tx.update::<Jar>("a", |jar| jar.label = Some("x".into()))?;
        assert!(tx.find_one(Jar::LABEL.is("x"))?.unwrap().is_open);
        assert!(tx.of::<Jar>()?.save_all([jar("a"), jar("")]).is_err());
        assert!(
            tx.get::<Jar>("a")?.unwrap().is_open,
            "what was refused left it"
        );
        Ok(())
    });
    write.unwrap().detach();
    assert!(it.jars.get("a").unwrap().unwrap().is_open);
    let taken_back = it.store.transaction(|tx| {
        tx.update::<Jar>("a", |jar| jar.is_open = false)?;
        Err::<(), _>(Error::new(ErrorKind::Config, "on purpose"))
    });
    assert!(taken_back.is_err());
    assert!(it.jars.get("a").unwrap().unwrap().is_open, "taken back");
}
