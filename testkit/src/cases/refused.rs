//! A refused write changes nothing: whatever verb, and whatever the reason. No record, no index, no number,
//! nothing that is told; and the reason is told.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use larder_core::{
    Backend, BackendExt, Collection, Error, ErrorKind, Expect, MAX_ID_BYTES, Op, Query,
    RepositoryExt,
};
use serde_json::{Value, json};

use crate::agreement::{Seen, agree, look};
use crate::pantry::{Pantry, refused};
use crate::records::{Jar, jar, labelled, recipe};
use crate::setup::Setup;

/// Jars with keys that others may want.
fn stocked<S: Setup>(setup: &S) -> Pantry<'_, S> {
    let full = |id: &str, label: &str, place| Jar {
        place: Some(place),
        row: Some(1),
        contents: vec!["b".into(), "c".into()],
        ..labelled(id, label)
    };
    let all = [full("a", "x", 1), full("b", "y", 2), full("q", "q", 9)];
    let it = Pantry::stocked(setup, all);
    it.recipes.save(recipe("r", 1)).unwrap().wait().unwrap();
    it
}

/// Whether something was changed by a write that was refused.
struct Watch<'a, 's, S: Setup> {
    it: &'a Pantry<'s, S>,
    before: Seen,
    told: larder_core::StoreChanges,
}

impl<'a, 's, S: Setup> Watch<'a, 's, S> {
    fn begin(it: &'a Pantry<'s, S>) -> Self {
        Self {
            it,
            before: look(it),
            told: it.store.changes().unwrap(),
        }
    }

    #[track_caller]
    fn nothing_was_changed(&mut self, what: &str) {
        assert_eq!(
            look(self.it),
            self.before,
            "a refused write changed something: {what}"
        );
        let told = self.told.try_next();
        assert!(
            told.is_none(),
            "a refused write was told of: {what}: {told:?}"
        );
    }

    /// Asserts that it was refused for this reason, in the collection of jars.
    #[track_caller]
    fn refused(&mut self, what: &str, kind: ErrorKind, error: &Error) {
        assert_eq!(error.kind(), kind, "{what}: {error}");
        assert_eq!(error.collection(), Some("jars"), "{what}: {error}");
        assert!(error.operation().is_some(), "{what}: {error}");
        assert!(!error.is_transient(), "{what}: {error}");
        self.nothing_was_changed(what);
    }
}

/// Every verb that could put a record like this, under an id that is there (`b`) and under one that is not
/// (`n`), by itself and after others that are possible.
#[track_caller]
fn by_every_verb<S: Setup>(setup: &S, kind: ErrorKind, like: impl Fn(&str) -> Jar) {
    let it = stocked(setup);
    let mut watch = Watch::begin(&it);
    let (jars, read) = (&it.jars, it.jars.get("b").unwrap().unwrap());
    watch.refused("save", kind, &refused(jars.save(like("n"))));
    watch.refused("save over another", kind, &refused(jars.save(like("b"))));
    watch.refused("insert", kind, &refused(jars.insert(like("n"))));
    watch.refused("replace", kind, &refused(jars.replace(&read, like("b"))));
    let update = jars.update("b", |jar| *jar = like("b"));
    watch.refused("update", kind, &refused(update));
    for (what, list) in [
        (
            "the last of a list",
            vec![jar("m"), labelled("a", "z"), like("n")],
        ),
        ("the first of a list", vec![like("n"), jar("m")]),
        (
            "in the midst of a list",
            vec![jar("m"), like("b"), jar("o")],
        ),
    ] {
        watch.refused(what, kind, &refused(jars.save_all(list)));
    }
    let ops = vec![
        Op::insert(jar("m")),
        Op::delete("a"),
        Op::insert(jar("a")),
        Op::save(like("n")),
    ];
    let error = refused(jars.apply(ops)).with_operation("apply");
    watch.refused("after a delete", kind, &error);
    let transaction = it.store.transaction(|tx| {
        tx.save(jar("m"))?;
        tx.delete::<Jar>("a")?;
        tx.save(recipe("s", 1))?;
        tx.save(jar("a"))?;
        tx.save(like("n"))
    });
    watch.refused("in a transaction", kind, &refused(transaction));
    // What was refused is possible when it is mended, and everything else still is.
    jars.insert(labelled("n", "z")).unwrap().detach();
    jars.save_all([jar("m"), jar("o")]).unwrap().detach();
    agree(&**jars);
}

/// What the schema rejects.
pub fn what_the_schema_rejects_changes_nothing<S: Setup>(setup: &S) {
    by_every_verb(setup, ErrorKind::Invalid, |id| Jar {
        grams: 1001,
        ..labelled(id, "z")
    });
}

/// What breaks a rule of its type.
pub fn what_breaks_a_rule_changes_nothing<S: Setup>(setup: &S) {
    by_every_verb(setup, ErrorKind::Invalid, |id| Jar {
        grams: 13,
        ..labelled(id, "z")
    });
}

/// A number that JSON cannot hold is refused, and not turned into nothing.
pub fn a_number_that_is_none_changes_nothing<S: Setup>(setup: &S) {
    by_every_verb(setup, ErrorKind::Encode, |id| Jar {
        price: Some(f64::NAN),
        ..labelled(id, "z")
    });
    let it = Pantry::open(setup);
    for price in [f64::INFINITY, f64::NEG_INFINITY] {
        let error = refused(it.jars.save(Jar {
            price: Some(price),
            ..jar("p")
        }));
        assert_eq!(error.kind(), ErrorKind::Encode, "{error}");
    }
}

/// A unique key that another record has. The error says which index, and carries that record.
pub fn a_key_that_is_taken_changes_nothing<S: Setup>(setup: &S) {
    // By the one that is not `b`, which may keep its own.
    by_every_verb(setup, ErrorKind::UniqueViolation, |id| labelled(id, "q"));
}

/// A pair of which both are taken; one of them alone is free.
pub fn a_pair_that_is_taken_changes_nothing<S: Setup>(setup: &S) {
    by_every_verb(setup, ErrorKind::UniqueViolation, |id| Jar {
        place: Some(9),
        ..labelled(id, "z")
    });
}

/// An id that no record can have: empty, too long, with NUL.
pub fn an_id_that_cannot_be_changes_nothing<S: Setup>(setup: &S) {
    let it = stocked(setup);
    let mut watch = Watch::begin(&it);
    let long = "i".repeat(MAX_ID_BYTES + 1);
    for id in ["", "a\0b", &long] {
        let kind = ErrorKind::InvalidId;
        let what = format!("{id:.8?}");
        watch.refused(&what, kind, &refused(it.jars.save(labelled(id, "z"))));
        watch.refused(&what, kind, &refused(it.jars.insert(jar(id))));
        let list = [labelled("a", "z"), jar(id)];
        watch.refused(&what, kind, &refused(it.jars.save_all(list)));
        watch.refused(&what, kind, &refused(it.jars.delete(id)));
        let transaction = it.store.transaction(|tx| {
            tx.save(labelled("a", "z"))?;
            tx.save(jar(id))
        });
        watch.refused(&what, kind, &refused(transaction));
        assert!(it.jars.get(id).unwrap().is_none(), "nobody has it");
        let updated = it.jars.update(id, |jar| jar.grams = 2).unwrap();
        assert!(updated.into_visible().unwrap().is_none(), "nobody has it");
    }
}

/// A record cannot change its id: neither in an update nor by a compare-and-swap.
pub fn another_id_changes_nothing<S: Setup>(setup: &S) {
    let it = stocked(setup);
    let mut watch = Watch::begin(&it);
    let kind = ErrorKind::InvalidId;
    for to in ["elsewhere", "b"] {
        let update = it.jars.update("a", |jar| to.clone_into(&mut jar.id));
        watch.refused("update", kind, &refused(update));
        let read = it.jars.get("a").unwrap().unwrap();
        let replace = it.jars.replace(&read, labelled(to, "z"));
        watch.refused("replace", kind, &refused(replace));
        let transaction = it.store.transaction(|tx| {
            tx.save(recipe("s", 1))?;
            tx.update::<Jar>("a", |jar| to.clone_into(&mut jar.id))
        });
        watch.refused("in a transaction", kind, &refused(transaction));
    }
}

/// An insert where something is, alone, in a list, in a transaction, and twice in one list.
pub fn what_is_there_already_changes_nothing<S: Setup>(setup: &S) {
    let it = stocked(setup);
    let mut watch = Watch::begin(&it);
    let kind = ErrorKind::AlreadyExists;
    watch.refused("insert", kind, &refused(it.jars.insert(jar("b"))));
    for ops in [
        vec![Op::save(jar("n")), Op::delete("a"), Op::insert(jar("b"))],
        vec![Op::insert(jar("n")), Op::insert(jar("n"))],
        vec![Op::Clear, Op::insert(jar("n")), Op::insert(jar("n"))],
    ] {
        let error = refused(it.jars.apply(ops)).with_operation("apply");
        watch.refused("in a list", kind, &error);
    }
    let transaction = it.store.transaction(|tx| {
        tx.insert(jar("n"))?;
        tx.insert(recipe("s", 1))?;
        tx.insert(jar("b"))
    });
    watch.refused("in a transaction", kind, &refused(transaction));
}

/// A record that is not what was read, or is gone: replaced, deleted, alone and in a list.
pub fn what_was_changed_since_changes_nothing<S: Setup>(setup: &S) {
    let it = stocked(setup);
    let mut watch = Watch::begin(&it);
    let kind = ErrorKind::Conflict;
    for stale in [labelled("a", "old"), jar("gone")].map(Arc::new) {
        let new = labelled(&stale.id, "z");
        let replace = it.jars.replace(&stale, new.clone());
        watch.refused("replace", kind, &refused(replace));
        let delete = || Op::Delete {
            id: stale.id.clone(),
            expect: Expect::Equal(Arc::clone(&stale)),
        };
        for ops in [
            vec![delete()],
            vec![Op::save(jar("n")), delete()],
            vec![
                Op::save(labelled("b", "z")),
                Op::replace(Arc::clone(&stale), jar(&stale.id)),
            ],
        ] {
            let error = refused(it.jars.apply(ops)).with_operation("apply");
            watch.refused("in a list", kind, &error);
        }
        let transaction = it.store.transaction(|tx| {
            tx.save(jar("n"))?;
            tx.replace(&stale, new)
        });
        watch.refused("in a transaction", kind, &refused(transaction));
    }
}

/// A closure that refuses; its error comes back as it is.
pub fn a_closure_that_refuses_changes_nothing<S: Setup>(setup: &S) {
    let it = stocked(setup);
    let mut watch = Watch::begin(&it);
    let no = || Error::new(ErrorKind::Config, "not today").with_collection("jars");
    let update = it.jars.try_update("a", |jar| {
        jar.grams = 2;
        jar.label = Some("z".to_owned());
        Err(no())
    });
    let error = refused(update);
    assert_eq!(error.message(), "not today");
    watch.refused("update", ErrorKind::Config, &error);
    let transaction = it.store.transaction(|tx| {
        tx.try_update::<Jar>("a", |jar| {
            jar.grams = 2;
            Err(no())
        })
    });
    watch.refused("in a transaction", ErrorKind::Config, &refused(transaction));
}

/// A closure that panics, an update's or a transaction's; the store goes on.
pub fn a_closure_that_panics_changes_nothing<S: Setup>(setup: &S) {
    let it = stocked(setup);
    let mut watch = Watch::begin(&it);
    let on_purpose = || std::panic::resume_unwind(Box::new("on purpose"));
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _ = it.jars.update("a", |jar| {
            jar.grams = 2;
            on_purpose();
        });
    }));
    assert!(panicked.is_err());
    watch.nothing_was_changed("update");
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _ = it.store.transaction(|tx| -> larder_core::Result<()> {
            tx.save(labelled("a", "z"))?;
            tx.save(recipe("s", 1))?;
            on_purpose();
            Ok(())
        });
    }));
    assert!(panicked.is_err());
    watch.nothing_was_changed("in a transaction");
    it.jars.save(labelled("n", "z")).unwrap().wait().unwrap();
    let write = it.store.transaction(|tx| tx.save(recipe("s", 1)));
    write.unwrap().wait().unwrap();
    agree(&*it.jars);
}

/// Two records of one list that want one unique key.
pub fn twins_in_a_list_change_nothing<S: Setup>(setup: &S) {
    let it = stocked(setup);
    let mut watch = Watch::begin(&it);
    let kind = ErrorKind::UniqueViolation;
    let error = refused(it.jars.save_all([labelled("m", "z"), labelled("n", "z")]));
    assert_eq!((error.id(), error.index()), (Some("n"), Some("label")));
    assert_eq!(error.current::<Jar>().unwrap().id, "m", "who has it");
    watch.refused("a list of twins", kind, &error);
    let place = |id: &str| Jar {
        place: Some(7),
        ..jar(id)
    };
    let error = refused(it.jars.save_all([place("m"), jar("o"), place("n")]));
    assert_eq!(error.index(), Some("BY_PLACE"));
    watch.refused("a list of twins by a pair", kind, &error);
    // They come one after the other: the key is taken before it is given up.
    let early = [labelled("b", "x"), labelled("a", "z")];
    watch.refused("too early", kind, &refused(it.jars.save_all(early)));
    let in_time = [labelled("a", "z"), labelled("b", "x")];
    it.jars.save_all(in_time).unwrap().detach();
    agree(&*it.jars);
}

/// What is told is what is wrong with the first operation that cannot be done, whatever is wrong with a later
/// one.
pub fn the_first_that_cannot_be_done_is_told<S: Setup>(setup: &S) {
    let it = stocked(setup);
    let mut watch = Watch::begin(&it);
    let taken = || labelled("n", "x");
    let invalid = || Jar {
        grams: 1001,
        ..jar("n")
    };
    let error = refused(it.jars.save_all([jar("m"), taken(), invalid()]));
    watch.refused("taken, then invalid", ErrorKind::UniqueViolation, &error);
    let error = refused(it.jars.save_all([jar("m"), invalid(), taken()]));
    watch.refused("invalid, then taken", ErrorKind::Invalid, &error);
    let error = refused(it.jars.save_all([taken(), jar("")]));
    watch.refused(
        "taken, then without an id",
        ErrorKind::UniqueViolation,
        &error,
    );
    let both = Jar {
        grams: 1001,
        ..labelled("n", "x")
    };
    let error = refused(it.jars.save(both));
    watch.refused("both at once", ErrorKind::Invalid, &error);
}

/// A field under an index that holds what cannot be a key: an object, or a list where one value is expected.
pub fn what_cannot_be_a_key_changes_nothing<S: Setup>(setup: &S) {
    let it = Pantry::open(setup);
    let things = Collection::<Value>::named("things")
        .index("kind")
        .multi("tags")
        .compound(&["kind", "at.n"]);
    let things = setup.collection(&it.store, things).unwrap();
    things
        .save(json!({"id": "a", "kind": "k", "tags": ["x", 1, null]}))
        .unwrap()
        .detach();
    let (before, sequence) = (things.find(Query::all()).unwrap(), it.sequence());
    for (bad, path) in [
        (json!({"id": "a", "kind": {"no": "key"}}), "/kind"),
        (json!({"id": "a", "kind": ["list"]}), "/kind"),
        (json!({"id": "a", "tags": [{"no": "key"}]}), "/tags"),
        (json!({"id": "a", "tags": ["x", ["nested"]]}), "/tags"),
        (json!({"id": "a", "kind": "k", "at": {"n": {}}}), "/at/n"),
    ] {
        for write in [
            things.save(bad.clone()).map(|write| write.map(drop)),
            things
                .save_all([json!({"id": "b"}), bad.clone()])
                .map(|write| write.map(drop)),
        ] {
            let error = refused(write);
            assert_eq!(error.kind(), ErrorKind::InvalidKey, "{bad}: {error}");
            assert_eq!(error.violations()[0].path(), path, "{bad}: {error}");
        }
        assert_eq!(things.find(Query::all()).unwrap(), before);
        assert_eq!(it.sequence(), sequence);
    }
}

/// Nor is anything of it found when the store is opened again.
pub fn what_was_refused_is_not_found_later<S: Setup>(setup: &S) {
    let it = stocked(setup);
    let before = it.all();
    let invalid = Jar {
        grams: 1001,
        ..jar("n")
    };
    assert!(
        it.jars
            .save_all([labelled("a", "z"), jar("m"), invalid])
            .is_err()
    );
    assert!(
        it.jars
            .save_all([labelled("m", "z"), labelled("n", "z")])
            .is_err()
    );
    assert!(
        it.jars
            .apply(vec![Op::Clear, Op::insert(jar("m")), Op::insert(jar("m"))])
            .is_err()
    );
    let transaction = it.store.transaction(|tx| {
        tx.of::<Jar>()?.clear()?;
        tx.save(recipe("s", 1))?;
        tx.save(jar(""))
    });
    assert!(transaction.is_err());
    it.store.flush().wait().unwrap();
    let it = it.reopen();
    assert_eq!(it.all(), before);
    assert_eq!(it.ids().1, ["r"]);
    agree(&*it.jars);
    assert!(it.store.load_report().is_clean());
    assert!(
        it.store.quarantine().unwrap().is_empty(),
        "nothing was offered"
    );
}
