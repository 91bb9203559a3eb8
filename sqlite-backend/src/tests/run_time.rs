//! Fields that live at run time only: what becomes of them in a commit that fails, and what somebody sees
//! who reads beside one.

use std::sync::Arc;
use std::thread;

use larder_core::{BackendExt as _, Collection, Repository as _, RepositoryExt as _, Write};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{open, refuse_commits};
use crate::store::Parts;
use crate::{SqliteRepository, SqliteStore};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Lamp {
    id: String,
    #[serde(skip)]
    hours: u32,
}

/// Its JSON is the same however long it is on.
fn lamp(hours: u32) -> Lamp {
    let id = "a".to_owned();
    Lamp { id, hours }
}

fn lamps(store: &SqliteStore) -> SqliteRepository<Lamp> {
    let schema = json!({"type": "object", "required": ["id"]});
    let lamps = Collection::named("lamps").schema(schema);
    store.collection(lamps).unwrap()
}

fn hours(lamps: &SqliteRepository<Lamp>) -> u32 {
    lamps.get("a").unwrap().unwrap().hours
}

fn in_a_transaction(store: &SqliteStore, hours: u32) -> larder_core::Result<Write<()>> {
    store.transaction(|tx| {
        let lamps = tx.collection::<Lamp>("lamps")?;
        lamps.save(lamp(hours)).map(drop)
    })
}

#[test]
fn a_commit_that_failed_leaves_them_as_they_were() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _notes) = open(&Parts::real(), dir.path());
    let lamps = lamps(&store);
    lamps.save(lamp(1)).unwrap().wait().unwrap();
    refuse_commits(&store, true);
    lamps.save(lamp(2)).unwrap_err();
    assert_eq!(hours(&lamps), 1);
    in_a_transaction(&store, 3).unwrap_err();
    assert_eq!(hours(&lamps), 1);
    lamps.delete("a").unwrap_err();
    assert_eq!(hours(&lamps), 1);
    refuse_commits(&store, false);
    in_a_transaction(&store, 4).unwrap().wait().unwrap();
    assert_eq!(hours(&lamps), 4);
}

/// The row and the fields are seen together, by whoever comes between the commit and its end.
#[test]
fn who_reads_what_was_just_committed_finds_them_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _notes) = open(&Parts::real(), dir.path());
    let lamps = Arc::new(lamps(&store));
    lamps.save(lamp(1)).unwrap().wait().unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (reads, sees) = (Arc::clone(&lamps), Arc::clone(&seen));
    // SQLite calls this when others see the commit and nobody was told of it.
    store.database().watch_log(move |_| {
        let found = thread::scope(|scope| scope.spawn(|| hours(&reads)).join());
        sees.lock().push(found.unwrap());
    });
    lamps.save(lamp(2)).unwrap().wait().unwrap();
    in_a_transaction(&store, 3).unwrap().wait().unwrap();
    store.database().watch_log(|_| ());
    assert_eq!(*seen.lock(), [2, 3]);
}
