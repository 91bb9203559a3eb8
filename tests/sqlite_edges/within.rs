//! What a transaction finds in its way: it is cleared away within the transaction, stays if that is
//! committed, and is undone with it.

use super::*;

/// Two indexes on columns of whole numbers that are as narrow as SQLite's.
fn numbers() -> Collection<Value> {
    let integer = || json!({"type": "integer"});
    let schema = json!({"type": "object", "properties": {"n": integer(), "m": integer()}});
    Collection::named("numbers")
        .index("n")
        .index("m")
        .schema(schema)
}

fn number(id: &str, n: u64, m: u64) -> Value {
    json!({"id": id, "n": n, "m": m})
}

/// The ids that an index has under a key.
#[track_caller]
fn under(numbers: &AnyRepository<Value>, field: &'static str, key: u64) -> Vec<String> {
    let found = numbers.find(by(field, Key::int(key))).unwrap();
    let ids = found.iter().map(|it| it["id"].as_str().unwrap().to_owned());
    ids.collect()
}

fn give_up() -> larder::Error {
    larder::Error::new(ErrorKind::Internal, "on purpose")
}

#[test]
fn a_column_is_made_wider_and_as_it_was_again_if_that_is_taken_back() {
    let dir = tempfile::tempdir().unwrap();
    let store = database(dir.path());
    let records = store.collection(numbers()).unwrap();
    records.save(number("a", 1, 1)).unwrap().detach();
    let wide = |tx: &larder::Transaction<'_>| -> larder::Result<()> {
        let within = tx.collection::<Value>("numbers")?;
        within.save(number("b", u64::MAX, 2))?;
        let condition = at("/n", Test::Is(Key::int(u64::MAX)));
        assert_eq!(within.count(condition)?, 1);
        Ok(())
    };
    let kind = |column| kind_of(dir.path(), "numbers", column);
    for _ in 0..2 {
        let taken_back = store.try_transaction(|tx| {
            wide(tx)?;
            Err::<(), _>(give_up())
        });
        assert!(taken_back.is_err());
        assert_eq!(kind("n"), "INTEGER");
        records.save(number("a", 3, 1)).unwrap().detach();
        assert_eq!(under(&records, "n", 3), ["a"]);
        assert!(under(&records, "n", u64::MAX).is_empty());
    }
    store.transaction(wide).unwrap().wait().unwrap();
    assert_ne!(kind("n"), "INTEGER");
    assert_eq!(kind("m"), "INTEGER");
    records.save(number("c", u64::MAX, 1)).unwrap().detach();
    assert_eq!(under(&records, "n", u64::MAX), ["b", "c"]);
    assert_eq!(under(&records, "n", 3), ["a"]);
    assert_eq!(under(&records, "m", 1), ["a", "c"]);
}

#[test]
fn rows_of_others_are_let_in_though_several_columns_are_too_narrow_for_them() {
    let dir = tempfile::tempdir().unwrap();
    let store = database(dir.path());
    let records = store.collection(numbers()).unwrap();
    records.save(number("a", 1, 1)).unwrap().wait().unwrap();
    let wide = number("b", u64::MAX, u64::MAX - 1);
    plain(dir.path())
        .execute(
            "INSERT INTO numbers (id, doc) VALUES ('b', ?)",
            [wide.to_string()],
        )
        .unwrap();
    let there = |tx: &larder::Transaction<'_>| -> larder::Result<Option<Value>> {
        let within = tx.collection::<Value>("numbers")?;
        Ok(within.get("b")?.map(Arc::unwrap_or_clone))
    };
    let mut seen = None;
    let taken_back = store.try_transaction(|tx| {
        seen = there(tx)?;
        Err::<(), _>(give_up())
    });
    assert!(taken_back.is_err());
    assert_eq!(seen.as_ref(), Some(&wide));
    let made = store.transaction(|tx| {
        seen = there(tx)?;
        Ok(())
    });
    made.unwrap().wait().unwrap();
    assert_eq!(seen.as_ref(), Some(&wide));
    assert_eq!(under(&records, "n", u64::MAX), ["b"]);
    assert_eq!(under(&records, "m", u64::MAX - 1), ["b"]);
    assert_eq!(under(&records, "n", 1), ["a"]);
}

#[test]
fn a_column_that_another_store_has_made_wider_is_used_as_it_is_now() {
    let dir = tempfile::tempdir().unwrap();
    let [store, other] = [database(dir.path()), database(dir.path())];
    let [records, others] = [&store, &other].map(|it| it.collection(numbers()).unwrap());
    records.save(number("a", 1, 1)).unwrap().detach();
    others.save(number("b", u64::MAX, 2)).unwrap().detach();
    let made = store.transaction(|tx| {
        let within = tx.collection::<Value>("numbers")?;
        within.save(number("c", u64::MAX, 3))?;
        let condition = at("/n", Test::Is(Key::int(u64::MAX)));
        assert_eq!(within.count(condition)?, 2);
        Ok(())
    });
    made.unwrap().wait().unwrap();
    for records in [&records, &others] {
        assert_eq!(under(records, "n", u64::MAX), ["b", "c"]);
    }
}

/// Notes with one good row and one bad row of somebody else's.
fn visited(dir: &Path) -> (Store, AnyRepository<Value>) {
    let store = database(dir);
    let notes = Collection::<Value>::named("notes").index("tag").schema(
        json!({"type": "object", "required": ["id"], "properties": {"tag": {"type": "string"}}}),
    );
    let notes = store.collection(notes).unwrap();
    notes.save(json!({"id": "a", "tag": "x"})).unwrap().detach();
    let other = plain(dir);
    for doc in [r#"{"id":"good","tag":"x"}"#, r#"{"id":"bad","tag":7}"#] {
        let sql = "INSERT INTO notes (id, doc) VALUES (?1 ->> 'id', ?1)";
        other.execute(sql, [doc]).unwrap();
    }
    (store, notes)
}

/// Tagged in a transaction, however that ends.
fn tagged(tx: &larder::Transaction<'_>) -> larder::Result<Vec<Value>> {
    let tagged = by("tag", Key::text("x"));
    let found = tx.collection::<Value>("notes")?.find(tagged)?;
    Ok(found.iter().map(|it| it["id"].clone()).collect())
}

#[test]
fn rows_of_others_are_judged_and_judged_again_if_that_is_taken_back() {
    let dir = tempfile::tempdir().unwrap();
    let (store, notes) = visited(dir.path());
    for _ in 0..2 {
        let taken_back = store.try_transaction(|tx| {
            assert_eq!(tagged(tx)?, ["a", "good"]);
            Err::<(), _>(give_up())
        });
        assert!(taken_back.is_err());
        assert!(store.load_report().is_clean(), "nothing was moved away");
    }
    let docs = |id: &str| -> u32 {
        let docs = "SELECT count(*) FROM notes WHERE id = ?";
        plain(dir.path())
            .query_row(docs, [id], |row| row.get(0))
            .unwrap()
    };
    assert_eq!(docs("bad"), 1, "and is where it was");

    let made = store.transaction(|tx| {
        assert_eq!(tagged(tx)?, ["a", "good"]);
        Ok(())
    });
    made.unwrap().wait().unwrap();
    assert_eq!(docs("bad"), 0);
    let report = store.load_report();
    assert_eq!(report.issues().len(), 1, "{report}");
    assert_eq!(store.quarantine().unwrap().len(), 1);
    assert_eq!(notes.count(Query::all()).unwrap(), 2);
}

/// After a transaction that was taken back, whoever reads meets the rows as they are.
#[test]
fn what_a_transaction_that_was_taken_back_has_judged_is_judged_by_who_reads_next() {
    let dir = tempfile::tempdir().unwrap();
    let (store, notes) = visited(dir.path());
    let taken_back = store.try_transaction(|tx| {
        assert_eq!(tagged(tx)?, ["a", "good"]);
        Err::<(), _>(give_up())
    });
    assert!(taken_back.is_err());
    assert!(notes.get("good").unwrap().is_some());
    assert!(notes.get("bad").unwrap().is_none());
    assert_eq!(store.load_report().issues().len(), 1);
    assert_eq!(store.quarantine().unwrap().len(), 1);
}

#[test]
fn a_bad_row_that_cannot_be_moved_away_fails_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _notes) = visited(dir.path());
    plain(dir.path())
        .execute_batch(
            "CREATE TRIGGER full BEFORE INSERT ON larder_quarantine \
             BEGIN SELECT RAISE(ABORT, 'no room'); END",
        )
        .unwrap();
    let refused = store.transaction(|tx| tagged(tx).map(drop)).unwrap_err();
    let mut told = refused.to_string();
    let mut cause = std::error::Error::source(&refused);
    while let Some(error) = cause {
        told = format!("{told}: {error}");
        cause = error.source();
    }
    assert!(told.contains("no room"), "{told}");
    assert!(store.quarantine().unwrap().is_empty());
}
