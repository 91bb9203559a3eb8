//! Older and newer: data of an older version is migrated, data of a newer one is never rewritten, and fields
//! that a type does not know survive its saves.

use std::sync::Arc;

use larder_core::{
    Backend, Collection, Document, ErrorKind, IssueKind, Migrations, OnNewer, Options, Query,
    Record, Repository, RepositoryExt,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::pantry::{patient, refused};
use crate::setup::Setup;

/// A collection without a type, of this version.
fn things(version: u32) -> Collection<Value> {
    Collection::named("things").index("n").with_version(version)
}

/// Opens the store and this collection, lets somebody use it, and closes it.
fn session<S: Setup, T: larder_core::Data>(
    setup: &S,
    options: Options,
    collection: Collection<T>,
    body: impl FnOnce(&S::Store, &Arc<dyn Repository<T>>),
) {
    let store = setup.open(options).unwrap();
    let records = setup.collection(&store, collection).unwrap();
    body(&store, &records);
    store.close().wait().unwrap();
}

/// What is there, read without knowing any version.
fn texts<S: Setup>(setup: &S) -> Vec<Value> {
    let mut texts = Vec::new();
    session(setup, patient(), things(99), |_, records| {
        let found = records.find(Query::all()).unwrap();
        texts = found.iter().map(|it| Value::clone(it)).collect();
    });
    texts
}

fn of_version_one<S: Setup>(setup: &S) {
    session(setup, patient(), things(1), |_, records| {
        let all = [
            json!({"id": "a", "n": 1}),
            json!({"id": "b", "n": "cursed"}),
        ];
        records.save_all(all).unwrap().detach();
    });
}

fn migrations() -> Migrations {
    Migrations::new()
        .step(1, |record| {
            let n = record["n"].as_u64().ok_or("it is cursed")?;
            record["n"] = json!(n + 10);
            Ok(())
        })
        .step(2, |record| {
            record["new"] = json!(true);
            Ok(())
        })
}

/// Step by step, from whatever version. A record whose migration fails goes to quarantine as it was. All of it
/// is kept: the next open has nothing to migrate.
pub fn older_data_is_migrated<S: Setup>(setup: &S) {
    of_version_one(setup);
    let migrating = || things(3).with_migrations(migrations());
    let migrated = json!({"id": "a", "n": 11, "new": true});
    session(setup, patient(), migrating(), |store, records| {
        assert_eq!(*records.get("a").unwrap().unwrap(), migrated);
        assert!(records.get("b").unwrap().is_none());
        let report = records.load_report();
        let [told] = report.migrated() else {
            panic!("{report:?} tells of no migration")
        };
        assert_eq!((told.from, told.to, told.records), (1, 3, 1), "{told}");
        assert_eq!(report.count_of(IssueKind::Migration), 1);
        let [entry] = store.quarantine().unwrap().try_into().unwrap();
        let kept: Value = serde_json::from_slice(entry.bytes()).unwrap();
        assert_eq!(kept, json!({"id": "b", "n": "cursed"}), "as it was");
        let by_index = records.find(larder_core::Condition::new(
            larder_core::Target::Index("n".into()),
            larder_core::Test::Is(larder_core::Key::int(11)),
        ));
        assert_eq!(by_index.unwrap().len(), 1);
    });
    session(setup, patient(), migrating(), |store, records| {
        assert_eq!(
            *records.get("a").unwrap().unwrap(),
            migrated,
            "migrated twice"
        );
        assert!(records.load_report().migrated().is_empty());
        assert_eq!(store.quarantine().unwrap().len(), 1);
    });
}

/// Without migrations it is taken as it is.
pub fn older_data_without_migrations_is_taken<S: Setup>(setup: &S) {
    of_version_one(setup);
    session(setup, patient(), things(2), |_, records| {
        assert!(records.load_report().is_clean());
        assert_eq!(records.count(Query::all()).unwrap(), 2);
    });
}

/// A step that is missing refuses the open, and nothing is touched.
pub fn a_step_that_is_missing_refuses_the_open<S: Setup>(setup: &S) {
    of_version_one(setup);
    let store = setup.open(patient()).unwrap();
    let gap = Migrations::new().step(2, |_| Ok(()));
    let opened = setup.collection(&store, things(3).with_migrations(gap));
    let error = opened.map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    store.close().wait().unwrap();
    drop(store);
    session(setup, patient(), things(1), |_, records| {
        assert_eq!(records.count(Query::all()).unwrap(), 2);
    });
}

/// Data of a newer version is not opened, and not touched.
pub fn newer_data_is_refused<S: Setup>(setup: &S) {
    session(setup, patient(), things(7), |_, records| {
        records.save(json!({"id": "a", "n": 1})).unwrap().detach();
    });
    let store = setup.open(patient()).unwrap();
    let opened = setup.collection(&store, things(6));
    let error = opened.map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NewerVersion, "{error}");
    store.close().wait().unwrap();
    drop(store);
    assert_eq!(texts(setup), [json!({"id": "a", "n": 1})]);
}

/// Or it is opened for reading, if so configured: what is valid is in the view, and writes are refused.
pub fn newer_data_may_be_read<S: Setup>(setup: &S) {
    session(setup, patient(), things(7), |_, records| {
        records.save(json!({"id": "a", "n": 1})).unwrap().detach();
    });
    let reading = Options {
        on_newer: OnNewer::ReadOnly,
        ..patient()
    };
    session(setup, reading, things(6), |store, records| {
        assert_eq!(records.count(Query::all()).unwrap(), 1);
        assert_eq!(records.load_report().count_of(IssueKind::NewerVersion), 1);
        for error in [
            refused(records.save(json!({"id": "b", "n": 2}))),
            refused(records.delete("a")),
            refused(records.clear()),
        ] {
            assert_eq!(error.kind(), ErrorKind::NewerVersion, "{error}");
        }
        // The other collections are as ever.
        let other = setup
            .collection(store, Collection::<Value>::named("other"))
            .unwrap();
        other.save(json!({"id": "a"})).unwrap().wait().unwrap();
    });
    assert_eq!(texts(setup), [json!({"id": "a", "n": 1})]);
}

/// As an older program knows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Old {
    id: String,
    n: u32,
    state: OldState,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct OldState {
    status: String,
}

impl Record for Old {
    const COLLECTION: &'static str = "things";

    fn id(&self) -> &str {
        &self.id
    }
}

/// They are there after the older program has saved the record, also inside of objects; fields that it knows
/// are what it saved.
pub fn fields_that_a_type_does_not_know_stay<S: Setup>(setup: &S) {
    let text = r#"{"id":"a","more":[1,{"x":null}],"n":1,"state":{"since":7,"status":"idle"}}"#;
    let documents = Collection::<Document>::named("things");
    session(setup, patient(), documents.clone(), |_, records| {
        records
            .save(Document::parse(text).unwrap())
            .unwrap()
            .detach();
    });
    session(setup, patient(), Collection::<Old>::of(), |_, records| {
        let change = |old: &mut Old| {
            old.n = 2;
            "busy".clone_into(&mut old.state.status);
        };
        records.update("a", change).unwrap().detach();
        assert_eq!(records.get("a").unwrap().unwrap().n, 2);
    });
    session(setup, patient(), documents.clone(), |_, records| {
        let found = records.get("a").unwrap().unwrap().value();
        let wanted = json!({
            "id": "a", "n": 2, "more": [1, {"x": null}], "state": {"since": 7, "status": "busy"},
        });
        assert_eq!(found, wanted);
    });
    // Unless the store is told not to keep them.
    let forgetful = Options {
        preserve_unknown: false,
        ..patient()
    };
    session(setup, forgetful, Collection::<Old>::of(), |_, records| {
        records.update("a", |old| old.n = 3).unwrap().detach();
    });
    session(setup, patient(), documents, |_, records| {
        let found = records.get("a").unwrap().unwrap().value();
        assert_eq!(
            found,
            json!({"id": "a", "n": 3, "state": {"status": "busy"}})
        );
    });
}
