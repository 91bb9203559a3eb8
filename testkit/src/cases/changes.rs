//! The feed of changes: every change once, in the store's order, when it is visible, with what was there before
//! and after. How one waits for it, and what becomes of who does not keep up, is `readers.rs`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use larder_core::{
    Backend, BackendExt, ChangeEvent, ChangeKind, Error, ErrorKind, Op, Query, Repository,
    RepositoryExt, StoreChange, StoreChanges,
};

use crate::pantry::Pantry;
use crate::records::{Jar, Recipe, jar, labelled, recipe};
use crate::setup::Setup;

/// More than any case makes.
pub(super) const ROOM: usize = 1 << 20;

/// The changes of the next event, which is there and tells of no loss.
#[track_caller]
pub(super) fn changed<C: std::fmt::Debug>(event: Option<ChangeEvent<C>>) -> Vec<C> {
    match event {
        Some(ChangeEvent::Changed(batch)) => batch,
        other => panic!("{other:?} is no change"),
    }
}

/// Nothing is there, and more may come.
#[track_caller]
pub(super) fn is_quiet(changes: &mut StoreChanges) {
    let event = changes.try_next();
    assert!(
        event.is_none(),
        "{event:?} was told, and nothing had happened"
    );
    let waited = changes.wait_timeout(Duration::ZERO).unwrap_err();
    assert_eq!(waited.kind(), ErrorKind::Timeout, "{waited}");
}

/// Collection, id, and the number before and after.
type Told = (String, String, Option<u64>, Option<u64>);

fn told(change: &StoreChange) -> Told {
    let grams = |jar: Option<Arc<Jar>>| jar.map(|jar| u64::from(jar.grams));
    let portions = |recipe: Option<Arc<Recipe>>| recipe.map(|recipe| recipe.portions);
    let (before, after) = match change.collection() {
        "jars" => (grams(change.before()), grams(change.after())),
        _ => (portions(change.before()), portions(change.after())),
    };
    (
        change.collection().to_owned(),
        change.id().to_owned(),
        before,
        after,
    )
}

pub(super) fn of(id: &str, grams: u32) -> Jar {
    Jar { grams, ..jar(id) }
}

/// Every verb: what it did is told once, as what it was, with the records before and after and the number of
/// the write; also to who listens to that collection only.
pub fn every_change_is_told_once<S: Setup>(setup: &S) {
    let it = Pantry::open(setup);
    it.put(of("old", 1));
    let mut all = it.store.changes().unwrap();
    let mut of_jars = it.jars.changes().unwrap();
    let mut of_recipes = it.recipes.changes().unwrap();
    let read = it.jars.get("old").unwrap().unwrap();
    let mut told_as = |kind: ChangeKind, before: Option<u32>, after: Option<u32>| {
        let batch = changed(all.try_next());
        is_quiet(&mut all);
        assert_eq!(batch.len(), 1, "{batch:?}");
        let change = &batch[0];
        assert_eq!((change.collection(), change.kind()), ("jars", kind));
        assert_eq!(change.sequence(), it.sequence());
        let (_, _, was, is) = told(change);
        assert_eq!((was, is), (before.map(u64::from), after.map(u64::from)));
        let batch = changed(of_jars.try_next());
        let grams = |jar: &Option<Arc<Jar>>| jar.as_ref().map(|jar| jar.grams);
        let typed = (
            batch[0].kind,
            grams(&batch[0].before),
            grams(&batch[0].after),
        );
        assert_eq!(typed, (kind, before, after), "of one collection");
        assert_eq!(
            (&*batch[0].id, batch[0].sequence),
            (change.id(), change.sequence())
        );
        assert!(of_jars.try_next().is_none());
    };
    let jars = &it.jars;
    jars.save(of("a", 1)).unwrap().detach();
    told_as(ChangeKind::Inserted, None, Some(1));
    jars.save(of("a", 2)).unwrap().detach();
    told_as(ChangeKind::Updated, Some(1), Some(2));
    jars.replace(&read, of("old", 3)).unwrap().detach();
    told_as(ChangeKind::Updated, Some(1), Some(3));
    jars.update("a", |jar| jar.grams = 4).unwrap().detach();
    told_as(ChangeKind::Updated, Some(2), Some(4));
    // A record that is put in the place of itself was put.
    jars.save(of("a", 4)).unwrap().detach();
    told_as(ChangeKind::Updated, Some(4), Some(4));
    jars.delete("a").unwrap().detach();
    told_as(ChangeKind::Deleted, Some(4), None);
    jars.insert(of("a", 5)).unwrap().detach();
    told_as(ChangeKind::Inserted, None, Some(5));
    jars.delete("old").unwrap().detach();
    told_as(ChangeKind::Deleted, Some(3), None);
    jars.clear().unwrap().detach();
    told_as(ChangeKind::Deleted, Some(5), None);
    assert!(
        of_recipes.try_next().is_none(),
        "it is of another collection"
    );
}

/// The changes of a list, of a clear and of a transaction come together, as they were made, with one number.
pub fn one_write_is_told_together<S: Setup>(setup: &S) {
    let it = Pantry::stocked(setup, [of("a", 1), of("b", 2)]);
    let mut all = it.store.changes().unwrap();
    let mut of_recipes = it.recipes.changes().unwrap();
    let mut told_as = |wanted: &[(&str, &str, Option<u64>, Option<u64>)]| {
        let batch = changed(all.try_next());
        let made: Vec<Told> = batch.iter().map(told).collect();
        let made: Vec<_> = made
            .iter()
            .map(|(c, id, was, is)| (&**c, &**id, *was, *is))
            .collect();
        assert_eq!(made, wanted);
        assert!(
            batch
                .iter()
                .all(|change| change.sequence() == it.sequence())
        );
        is_quiet(&mut all);
    };
    it.jars
        .save_all([of("c", 3), of("a", 4), of("c", 5)])
        .unwrap()
        .detach();
    told_as(&[
        ("jars", "c", None, Some(3)),
        ("jars", "a", Some(1), Some(4)),
        ("jars", "c", Some(3), Some(5)),
    ]);
    let ops = vec![
        Op::delete("a"),
        Op::delete("nobody"),
        Op::Clear,
        Op::insert(of("d", 6)),
    ];
    it.jars.apply(ops).unwrap().detach();
    told_as(&[
        ("jars", "a", Some(4), None),
        ("jars", "b", Some(2), None),
        ("jars", "c", Some(5), None),
        ("jars", "d", None, Some(6)),
    ]);
    let write = it.store.transaction(|tx| {
        tx.save(recipe("m", 1))?;
        tx.delete::<Jar>("d")?;
        tx.save(recipe("m", 2))?;
        tx.save(of("e", 3))?;
        tx.delete::<Recipe>("m")?;
        tx.of::<Jar>()?.clear()?;
        tx.save(recipe("k", 4))
    });
    write.unwrap().detach();
    told_as(&[
        ("recipes", "m", None, Some(1)),
        ("jars", "d", Some(6), None),
        ("recipes", "m", Some(1), Some(2)),
        ("jars", "e", None, Some(3)),
        ("recipes", "m", Some(2), None),
        ("jars", "e", Some(3), None),
        ("recipes", "k", None, Some(4)),
    ]);
    let batch = changed(of_recipes.try_next());
    let kinds: Vec<ChangeKind> = batch.iter().map(|change| change.kind).collect();
    let wanted = [
        ChangeKind::Inserted,
        ChangeKind::Updated,
        ChangeKind::Deleted,
        ChangeKind::Inserted,
    ];
    assert_eq!(kinds, wanted);
    assert!(of_recipes.try_next().is_none());
}

/// What was refused or taken back is not told, nor what changed nothing.
pub fn what_changes_nothing_is_not_told<S: Setup>(setup: &S) {
    let it = Pantry::stocked(setup, [labelled("a", "x")]);
    let mut all = it.store.changes().unwrap();
    let before = it.sequence();
    assert!(it.jars.insert(jar("a")).is_err());
    assert!(it.jars.save(jar("")).is_err());
    assert!(it.jars.save(labelled("b", "x")).is_err());
    assert!(it.jars.save_all([jar("b"), labelled("c", "x")]).is_err());
    assert!(it.jars.replace(&Arc::new(of("a", 7)), jar("a")).is_err());
    let taken_back = it.store.transaction(|tx| {
        tx.save(jar("b"))?;
        tx.delete::<Jar>("a")?;
        Err::<(), _>(Error::new(ErrorKind::Config, "no"))
    });
    assert!(taken_back.is_err());
    it.jars.delete("nobody").unwrap().detach();
    it.recipes.clear().unwrap().detach();
    it.jars
        .update("nobody", |jar| jar.grams = 2)
        .unwrap()
        .detach();
    it.jars.save_all([]).unwrap().detach();
    it.store.transaction(|_| Ok(())).unwrap().detach();
    let write = it.store.transaction(|tx| tx.delete::<Jar>("nobody"));
    write.unwrap().detach();
    is_quiet(&mut all);
    assert_eq!(it.sequence(), before, "and has no number");
    it.put(jar("b"));
    assert_eq!(changed(all.try_next())[0].sequence(), before + 1);
}

/// The grams of the jar `a`, how many jars are on its shelf, and the portions of the recipe `a`.
type Seen = (Option<u32>, u64, Option<u64>);

/// Looks at the store on the very thread that tells, in that very moment.
struct Look {
    jars: Arc<dyn Repository<Jar>>,
    recipes: Arc<dyn Repository<Recipe>>,
    seen: Mutex<Option<Seen>>,
}

impl Wake for Look {
    fn wake(self: Arc<Self>) {
        let grams = self.jars.get("a").unwrap().map(|jar| jar.grams);
        let indexed = self.jars.count(Jar::SHELF.is("top")).unwrap();
        let portions = self.recipes.get("a").unwrap().map(|recipe| recipe.portions);
        *self.seen.lock().unwrap() = Some((grams, indexed, portions));
    }
}

/// Whoever is told sees it, in that moment, in every collection and index that it touched.
pub fn what_is_told_is_visible<S: Setup>(setup: &S) {
    let it = Pantry::open(setup);
    let mut all = it.store.changes().unwrap();
    let look = Arc::new(Look {
        jars: Arc::clone(&it.jars),
        recipes: Arc::clone(&it.recipes),
        seen: Mutex::new(None),
    });
    let waker = Waker::from(Arc::clone(&look));
    let mut told = |write: &dyn Fn(), wanted: Seen| {
        let mut next = Box::pin(all.next());
        let mut context = Context::from_waker(&waker);
        assert!(
            next.as_mut().poll(&mut context).is_pending(),
            "nothing was written yet"
        );
        write();
        let seen = look.seen.lock().unwrap().take();
        assert_eq!(seen, Some(wanted), "what is seen by who is told");
        let Poll::Ready(event) = next.as_mut().poll(&mut context) else {
            panic!("it was woken for nothing");
        };
        changed(event);
    };
    told(
        &|| it.jars.save(of("a", 1)).unwrap().detach(),
        (Some(1), 1, None),
    );
    told(
        &|| it.jars.save(of("a", 2)).unwrap().detach(),
        (Some(2), 1, None),
    );
    let both = || {
        let write = it.store.transaction(|tx| {
            tx.save(of("a", 3))?;
            tx.save(of("b", 3))?;
            tx.save(recipe("a", 4))
        });
        write.unwrap().detach();
    };
    told(&both, (Some(3), 2, Some(4)));
    told(
        &|| it.jars.delete("a").unwrap().detach(),
        (None, 1, Some(4)),
    );
    told(&|| it.recipes.clear().unwrap().detach(), (None, 1, None));
}

/// Whoever begins to listen and then reads misses nothing in between, and is told nothing from before.
pub fn it_begins_when_one_begins_to_listen<S: Setup>(setup: &S) {
    let it = Pantry::open(setup);
    it.put(of("a", 1));
    let mut all = it.store.changes().unwrap();
    let mut of_jars = it.jars.changes().unwrap();
    is_quiet(&mut all);
    assert!(of_jars.try_next().is_none());
    it.put(of("a", 2));
    let mut later = it.store.changes().unwrap();
    it.put(of("a", 3));
    let after = |changes: &mut StoreChanges| {
        let events = std::iter::from_fn(|| changes.try_next());
        let grams = events.map(|event| changed(Some(event))[0].after::<Jar>().unwrap().grams);
        grams.collect::<Vec<u32>>()
    };
    assert_eq!((after(&mut all), after(&mut later)), (vec![2, 3], vec![3]));
    // A transaction that is under way is waited for: what is read after listening is not told, and what is told
    // was not read.
    for _ in 0..10 {
        std::thread::scope(|threads| {
            let writer = threads.spawn(|| {
                let write = it.store.transaction(|tx| {
                    std::thread::yield_now();
                    tx.update::<Jar>("a", |jar| jar.row = Some(jar.row.unwrap_or(0) + 1))
                });
                write.unwrap().detach();
            });
            let mut begun = it.jars.changes().unwrap();
            let read = it.jars.get("a").unwrap().unwrap().row.unwrap_or(0);
            writer.join().unwrap();
            let now = it.jars.get("a").unwrap().unwrap().row.unwrap_or(0);
            let told = std::iter::from_fn(|| begun.try_next()).count();
            assert!(
                i64::try_from(told).unwrap() >= now - read,
                "{now} is there, {read} was read"
            );
        });
    }
}

/// Many writers over two collections: whoever applies what he is told, in the order in which he is told, has
/// what the store has; and the numbers have no gap.
pub fn who_applies_what_is_told_has_what_is_there<S: Setup>(setup: &S) {
    let it = Pantry::open(setup);
    let mut all = it.store.listen(ROOM).unwrap();
    let first = it.sequence();
    let (store, jars, recipes) = (&it.store, &it.jars, &it.recipes);
    std::thread::scope(|threads| {
        for writer in 0..3_u32 {
            threads.spawn(move || {
                for n in 0..30_u32 {
                    let id = ((writer + n) % 4).to_string();
                    let grams = 100 + writer * 30 + n;
                    match n % 6 {
                        0 | 1 => jars.save(of(&id, grams)).unwrap().detach(),
                        2 => jars.delete(&id).unwrap().detach(),
                        3 => {
                            let write = store.transaction(|tx| {
                                tx.save(recipe(&id, grams.into()))?;
                                tx.delete::<Jar>(&id)?;
                                tx.save(of("all", grams))
                            });
                            write.unwrap().detach();
                        }
                        4 => jars
                            .save_all([of("all", grams), of(&id, grams)])
                            .unwrap()
                            .detach(),
                        _ if n % 12 == 5 => jars.clear().unwrap().detach(),
                        _ => recipes.save(recipe(&id, grams.into())).unwrap().detach(),
                    }
                }
            });
        }
    });
    let mut has: BTreeMap<(String, String), u64> = BTreeMap::new();
    let mut sequence = first;
    while let Some(event) = all.try_next() {
        sequence += 1;
        for change in changed(Some(event)) {
            assert_eq!(change.sequence(), sequence, "a number was left out");
            let (collection, id, before, after) = told(&change);
            let key = (collection, id);
            let was = match after {
                Some(now) => has.insert(key, now),
                None => has.remove(&key),
            };
            assert_eq!(was, before, "{change:?} begins with what is not there");
        }
    }
    assert_eq!(sequence, it.sequence());
    let jars = it
        .all()
        .into_iter()
        .map(|jar| ("jars", jar.id, u64::from(jar.grams)));
    let recipes = it.recipes.find(Query::all()).unwrap();
    let recipes = recipes
        .iter()
        .map(|it| ("recipes", it.id.clone(), it.portions));
    let there: BTreeMap<(String, String), u64> = jars
        .chain(recipes)
        .map(|(collection, id, n)| ((collection.to_owned(), id), n))
        .collect();
    assert_eq!(has, there);
}
