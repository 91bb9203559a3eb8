//! Writers that share a transaction: what becomes of the others when one of them is refused.
//!
//! Owns [`together`], by which writers come while nobody can write, in an order that the test says.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use larder_core::{
    Collection, Condition, Key, Op, Options, Query, Repository as _, RepositoryExt as _, Target,
    Test,
};
use serde_json::{Value, json};

use super::{note, notes, refuse_commits};
use crate::{SqliteRepository, SqliteStore};

/// Records of one row each: a save that is refused leaves nothing behind.
fn plain(store: &SqliteStore) -> SqliteRepository<Value> {
    store
        .collection(Collection::named("plain").unique("name"))
        .unwrap()
}

fn open(dir: &tempfile::TempDir) -> SqliteStore {
    SqliteStore::open(dir.path().join("data.db"), Options::default()).unwrap()
}

/// A trigger of somebody else's, after which SQLite rolls back the whole transaction, as it does by itself
/// when the disk fails.
fn roll_back_on(store: &SqliteStore, table: &str, id: &str) {
    let sql = format!(
        "CREATE TRIGGER refuse AFTER INSERT ON {table} WHEN NEW.id = '{id}' \
         BEGIN SELECT RAISE(ROLLBACK, 'no'); END"
    );
    let made = store
        .database()
        .with_writer(|writer| writer.execute_batch(&sql));
    made.unwrap().unwrap();
}

/// Applies each of these in a thread of its own, all of them waiting in this order for one transaction;
/// gives the ids that each wrote, or that it was refused.
fn together(
    store: &SqliteStore,
    repository: &SqliteRepository<Value>,
    writes: Vec<Vec<Op<Value>>>,
) -> Vec<Result<Vec<String>, ()>> {
    thread::scope(|scope| {
        let mut threads = Vec::new();
        // Nobody writes while this is held; the first of them leads, and waits.
        store.database().with_writer(|_| {
            for (before, ops) in writes.into_iter().enumerate() {
                let write = || {
                    let write = repository.apply(ops).map_err(|_| ())?;
                    let outcomes = write.into_visible().map_err(|_| ())?;
                    Ok(outcomes.iter().map(|it| it.id.to_string()).collect())
                };
                threads.push(scope.spawn(write));
                while store.database().queue().waiting() <= before {
                    thread::yield_now();
                }
            }
        });
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    })
}

fn ids(repository: &SqliteRepository<Value>) -> Vec<String> {
    let found = repository.find(Query::all()).unwrap();
    found
        .iter()
        .map(|it| it["id"].as_str().unwrap().to_owned())
        .collect()
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "compared with what may be an error"
)]
fn done(ids: &[&str]) -> Result<Vec<String>, ()> {
    Ok(ids.iter().map(|id| (*id).to_owned()).collect())
}

/// An error that rolls back everything is the one writer's who met it, wherever in the transaction that
/// is: the others are done once, and find nothing of theirs there already.
#[test]
fn who_makes_sqlite_roll_back_takes_nobody_with_him() {
    for bad in 0..4 {
        let dir = tempfile::tempdir().unwrap();
        let store = open(&dir);
        let (plain, notes) = (plain(&store), notes(&store));
        for (repository, table) in [(&plain, "plain"), (&notes, "notes")] {
            roll_back_on(&store, table, &format!("n{bad}"));
            let writes = (0..4).map(|i| vec![Op::insert(note(&format!("n{i}")))]);
            let results = together(&store, repository, writes.collect());
            let mut there = Vec::new();
            for (i, result) in results.into_iter().enumerate() {
                let id = format!("n{i}");
                if i == bad {
                    assert_eq!(result, Err(()), "{table}: {id}");
                } else {
                    assert_eq!(result, done(&[&id]), "{table}: {id} beside n{bad}");
                    there.push(id);
                }
            }
            assert_eq!(ids(repository), there, "{table} beside n{bad}");
            store
                .database()
                .with_writer(|writer| writer.execute_batch("DROP TRIGGER refuse"))
                .unwrap()
                .unwrap();
        }
    }
}

/// The first of a transaction has no savepoint: what it has done before it is refused goes with the
/// transaction, and with nothing else.
#[test]
fn a_list_of_operations_that_is_refused_leaves_nothing_wherever_it_stands() {
    for place in 0..3 {
        let dir = tempfile::tempdir().unwrap();
        let store = open(&dir);
        let plain = plain(&store);
        plain.save(note("there")).unwrap().wait().unwrap();
        let taken = json!({"id": "z", "name": "n-there"});
        let mut writes: Vec<Vec<Op<Value>>> = ["a", "b"]
            .iter()
            .map(|id| vec![Op::insert(note(id)), Op::insert(note(&format!("{id}{id}")))])
            .collect();
        let refused = vec![
            Op::insert(note("x")),
            Op::delete("there"),
            Op::insert(note("there")),
            Op::insert(taken),
        ];
        writes.insert(place, refused);
        let results = together(&store, &plain, writes);
        let mut wanted = vec![done(&["a", "aa"]), done(&["b", "bb"])];
        wanted.insert(place, Err(()));
        assert_eq!(results, wanted, "refused at {place}");
        assert_eq!(ids(&plain), ["a", "aa", "b", "bb", "there"]);
    }
}

/// The keys of a list are rows of their own, which are written before the record's: they go with it, in
/// the transaction that goes on for the others.
#[test]
fn a_save_that_is_refused_leaves_the_keys_of_its_lists_as_they_were() {
    for place in 0..3 {
        let dir = tempfile::tempdir().unwrap();
        let store = open(&dir);
        let notes = notes(&store);
        for id in ["there", "other"] {
            notes.save(note(id)).unwrap().wait().unwrap();
        }
        let mut writes: Vec<Vec<Op<Value>>> =
            ["a", "b"].map(|id| vec![Op::insert(note(id))]).into();
        let taken = json!({"id": "there", "name": "n-other", "tags": ["new"]});
        writes.insert(place, vec![Op::save(taken)]);
        let results = together(&store, &notes, writes);
        let mut wanted = vec![done(&["a"]), done(&["b"])];
        wanted.insert(place, Err(()));
        assert_eq!(results, wanted, "refused at {place}");
        // Else whoever reads next would have to put them right.
        let unverified = "SELECT count(*) FROM notes WHERE larder = 0";
        let reader = store.database().reader().unwrap();
        let unverified = reader.query_row(unverified, [], |row| row.get::<_, u32>(0));
        assert_eq!(unverified.unwrap(), 0, "refused at {place}");
        let tagged = |tag: &str| {
            let tags = Target::Index("tags".into());
            let condition = Condition::new(tags, Test::Is(Key::text(tag)));
            let found = notes.find(condition).unwrap();
            let ids = found.iter().map(|it| it["id"].as_str().unwrap().to_owned());
            ids.collect::<Vec<_>>()
        };
        assert_eq!(tagged("there"), ["there"], "refused at {place}");
        assert_eq!(tagged("new"), Vec::<String>::new(), "refused at {place}");
        assert_eq!(tagged("t"), ["a", "b", "other", "there"]);
    }
}

/// One that changes much begins a transaction; those who came before it and after it are done as well, in
/// their order.
#[test]
fn a_large_list_waits_for_a_transaction_of_its_own() {
    for place in 0..3 {
        let dir = tempfile::tempdir().unwrap();
        let store = open(&dir);
        let plain = plain(&store);
        let numbers = |of: usize| json!({"id": "last", "name": "last", "by": of});
        let mut writes: Vec<Vec<Op<Value>>> = (0..2).map(|i| vec![Op::save(numbers(i))]).collect();
        let mut large: Vec<Op<Value>> = (0..100)
            .map(|i| Op::insert(note(&format!("n{i:03}"))))
            .collect();
        large.push(Op::save(numbers(9)));
        writes.insert(place, large);
        let results = together(&store, &plain, writes);
        let done = results.iter().map(|it| it.as_ref().map(Vec::len));
        let mut wanted = vec![Ok(1), Ok(1)];
        wanted.insert(place, Ok(101));
        assert_eq!(done.collect::<Vec<_>>(), wanted);
        assert_eq!(ids(&plain).len(), 101);
        let last = plain.get("last").unwrap().unwrap();
        assert_eq!(last["by"], if place == 2 { 9 } else { 1 }, "at {place}");
    }
}

/// A large one is not put into a transaction that others have begun: to keep the pages that it changes, in
/// case that it is refused, would cost more than a transaction.
#[test]
fn a_list_that_is_large_and_no_other_begins_a_transaction() {
    let puts = |writer: usize, len: usize| -> Vec<Op<Value>> {
        let ids = (0..len).map(|n| format!("{writer}-{n}"));
        ids.map(|id| Op::save(note(&id))).collect()
    };
    for (lens, wanted) in [
        ([1, 1, 1], 1),
        ([16, 16, 16], 1),
        ([17, 1, 1], 1),
        ([1, 17, 1], 2),
        ([1, 1, 17], 2),
        ([17, 17, 1], 2),
        // To clear is large whatever is there.
        ([1, 0, 1], 2),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let store = open(&dir);
        let plain = plain(&store);
        let commits = Arc::new(AtomicUsize::new(0));
        let count = |on: bool| {
            let commits = Arc::clone(&commits);
            let count = move || {
                commits.fetch_add(1, Ordering::SeqCst);
                false
            };
            let set = |writer: &mut rusqlite::Connection| writer.commit_hook(on.then_some(count));
            store.database().with_writer(set).unwrap().unwrap();
        };
        count(true);
        let writes = lens.into_iter().enumerate().map(|(writer, len)| {
            if len == 0 {
                return vec![Op::Clear];
            }
            puts(writer, len)
        });
        let results = together(&store, &plain, writes.collect());
        assert!(results.iter().all(Result::is_ok), "{lens:?}");
        count(false);
        assert_eq!(commits.load(Ordering::SeqCst), wanted, "{lens:?}");
    }
}

#[test]
fn who_writes_alone_is_told_what_his_commit_has_failed_with() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let plain = plain(&store);
    refuse_commits(&store, true);
    let error = plain.save(note("a")).unwrap_err();
    assert!(error.to_string().contains("could not commit"), "{error}");
    refuse_commits(&store, false);
    plain.save(note("a")).unwrap().wait().unwrap();
}

/// A transaction that SQLite has rolled back is over: what its closure does after that is not committed
/// by itself.
#[test]
fn a_transaction_that_sqlite_rolled_back_takes_no_more_writes() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let plain = plain(&store);
    roll_back_on(&store, "plain", "bad");
    let ended = larder_core::BackendExt::transaction(&store, |tx| {
        tx.collection::<Value>("plain")?.save(note("a"))?;
        let error = tx.collection::<Value>("plain")?.save(note("bad"));
        let error = error.unwrap_err();
        assert!(
            std::error::Error::source(&error)
                .unwrap()
                .to_string()
                .contains("no")
        );
        tx.collection::<Value>("plain")?
            .save(note("b"))
            .unwrap_err();
        tx.collection::<Value>("plain")?.get("a").unwrap_err();
        Ok(())
    });
    let error = ended.map(|_| ()).unwrap_err();
    assert!(error.message().contains("roll back all of it"), "{error}");
    assert_eq!(ids(&plain), Vec::<String>::new());
    plain.save(note("c")).unwrap().wait().unwrap();
    assert_eq!(ids(&plain), ["c"]);
}
