//! Two programs of different versions on one file, and what is found out only inside a transaction.

use super::*;

/// What an old program wrote, which knows `label`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "notes")]
struct Labelled {
    #[record(id)]
    id: String,
    label: String,
}

/// As the new program knows it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "notes", version = 2, migrations = to_named)]
struct Named {
    #[record(id)]
    id: String,
    name: String,
}

fn to_named() -> Migrations {
    Migrations::new().step(1, |record| {
        let fields = record.as_object_mut().ok_or("not an object")?;
        let label = fields.remove("label").ok_or("there is no label")?;
        fields.insert("name".into(), label);
        Ok(())
    })
}

#[test]
fn an_old_program_does_not_judge_what_a_new_one_has_migrated_meanwhile() {
    let dir = tempfile::tempdir().unwrap();
    let first = database(dir.path());
    let label = Labelled {
        id: "a".into(),
        label: "x".into(),
    };
    let notes = first.repository::<Labelled>().unwrap();
    notes.save(label.clone()).unwrap().detach();
    first.close().wait().unwrap();

    let old = database(dir.path());
    let labelled = old.repository::<Labelled>().unwrap();
    let new = database(dir.path());
    let named = new.repository::<Named>().unwrap();
    // It cannot read the record, and that is no reason to move it to quarantine.
    let refused = labelled.get("a").unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ExternalChange);
    let refused = labelled.find(Query::all()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ExternalChange);
    let refused = old.transaction(|tx| tx.get::<Labelled>("a")).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ExternalChange);
    let refused = labelled.save(label).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ExternalChange);
    assert_eq!(named.get("a").unwrap().unwrap().name, "x");
    assert!(new.quarantine().unwrap().is_empty());
}

#[test]
fn an_old_program_writes_nothing_to_a_newer_version_of_the_same_schema() {
    let dir = tempfile::tempdir().unwrap();
    let old = database(dir.path());
    let notes = Collection::<Value>::named("notes");
    let euros = old.collection(notes.clone()).unwrap();
    euros.save(json!({"id": "a", "price": 1})).unwrap().detach();
    let migrations = Migrations::new().step(1, |record| {
        record["price"] = (record["price"].as_u64().ok_or("no price")? * 100).into();
        Ok(())
    });
    let new = database(dir.path());
    let notes = notes.with_version(2).with_migrations(migrations);
    let cents = new.collection(notes).unwrap();
    let refused = euros.save(json!({"id": "b", "price": 2})).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ExternalChange);
    let found = cents.find(Query::all()).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["price"], 100);
}

/// What a row does not hold has to be kept apart from what a transaction may yet take back.
#[test]
fn a_transaction_shows_its_run_time_fields_to_nobody_before_its_end() {
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Record)]
    #[record(collection = "lamps")]
    struct Lamp {
        #[record(id)]
        id: String,
        #[serde(skip)]
        on: bool,
    }
    let lamp = |id: &str, on| Lamp { id: id.into(), on };
    let dir = tempfile::tempdir().unwrap();
    // One that was there when the store was opened, and one that was saved since.
    let lamps = database(dir.path()).repository::<Lamp>().unwrap();
    lamps.save(lamp("old", true)).unwrap().wait().unwrap();
    drop(lamps);
    let store = database(dir.path());
    let lamps = store.repository::<Lamp>().unwrap();
    lamps.save(lamp("new", false)).unwrap().wait().unwrap();
    let all_are = |on| {
        let found = lamps.find(Query::all()).unwrap();
        assert!(found.iter().all(|it| it.on == on), "{found:?}");
        assert_eq!(found.len(), 2);
    };
    all_are(false);
    let taken_back = store.try_transaction(|tx| {
        tx.save(lamp("old", true))?;
        tx.save(lamp("new", true))?;
        assert!(tx.find::<Lamp>(Query::all())?.iter().all(|it| it.on));
        all_are(false);
        Err::<(), _>(larder::Error::new(ErrorKind::Internal, "on purpose"))
    });
    assert!(taken_back.is_err());
    all_are(false);
    let made = store.transaction(|tx| {
        tx.save(lamp("old", true))?;
        tx.save(lamp("new", true))
    });
    made.unwrap().wait().unwrap();
    all_are(true);
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "bags")]
struct Bag {
    #[record(id)]
    id: String,
    items: HashSet<u32>,
}

#[test]
fn a_set_that_was_read_is_what_is_stored_whatever_its_order() {
    let dir = tempfile::tempdir().unwrap();
    let bags = database(dir.path()).repository::<Bag>().unwrap();
    let bag = Bag {
        id: "a".into(),
        items: (0..20).collect(),
    };
    bags.save(bag).unwrap().detach();
    // It is tried until nobody else has changed the record since it was read.
    bags.update("a", |bag| bag.items.extend([20]))
        .unwrap()
        .detach();
    let read = bags.get("a").unwrap().unwrap();
    assert_eq!(read.items, (0..=20).collect());
    let mut other = Bag::clone(&read);
    other.items.remove(&0);
    bags.replace(&read, other.clone()).unwrap().detach();
    let late = bags.replace(&read, other).unwrap_err();
    assert_eq!(late.kind(), ErrorKind::Conflict);

    // A list has an order, and who changes it has changed the record.
    let lists = Collection::<Value>::named("lists");
    let lists = database(dir.path()).collection(lists).unwrap();
    lists
        .save(json!({"id": "a", "items": [1, 2]}))
        .unwrap()
        .detach();
    let read = lists.get("a").unwrap().unwrap();
    lists
        .save(json!({"id": "a", "items": [2, 1]}))
        .unwrap()
        .detach();
    let late = lists.replace(&read, json!({"id": "a"})).unwrap_err();
    assert_eq!(late.kind(), ErrorKind::Conflict);
}

#[test]
fn what_a_transaction_replaces_unread_is_kept_or_not_replaced() {
    /// Reads less than its schema allows.
    #[derive(Clone, Debug, Serialize, Deserialize)]
    struct Counted {
        id: String,
        n: u32,
    }
    let dir = tempfile::tempdir().unwrap();
    let schema = json!({"type": "object", "required": ["id"]});
    let raw = database(dir.path());
    let rows = Collection::<Value>::named("rows").schema(schema.clone());
    let rows = raw.collection(rows).unwrap();
    rows.save(json!({"id": "a", "n": "one"})).unwrap().detach();
    drop((raw, rows));

    let store = database(dir.path());
    let counted = Collection::<Counted>::named("rows").schema(schema);
    let _open = store.collection(counted).unwrap();
    let new = || Counted {
        id: "a".into(),
        n: 1,
    };
    let other = plain(dir.path());
    other
        .execute_batch(
            "CREATE TRIGGER full BEFORE INSERT ON larder_quarantine \
             BEGIN SELECT RAISE(ABORT, 'full'); END",
        )
        .unwrap();
    let doc = || -> String {
        let doc = "SELECT doc FROM rows WHERE id = 'a'";
        other.query_row(doc, [], |row| row.get(0)).unwrap()
    };
    let before = doc();
    store
        .transaction(|tx| {
            let rows = tx.collection::<Counted>("rows")?;
            assert!(rows.save(new()).is_err());
            rows.save(Counted {
                id: "b".into(),
                n: 2,
            })
        })
        .unwrap()
        .wait()
        .unwrap();
    assert_eq!(doc(), before);
    assert!(store.quarantine().unwrap().is_empty());

    other.execute_batch("DROP TRIGGER full").unwrap();
    store
        .transaction(|tx| tx.collection::<Counted>("rows")?.save(new()))
        .unwrap()
        .wait()
        .unwrap();
    assert_eq!(doc(), r#"{"id":"a","n":1}"#);
    assert_eq!(store.quarantine().unwrap()[0].bytes(), before.as_bytes());
}
