//! Owns the behaviour of `Migrations`: which steps run, what their failures come to, and that
//! whatever they do not change stays as it is written.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a helper of tests fails like a test"
)]

mod written;

use larder_schema::{MigrationError, Migrations, Tree};
use proptest::prelude::*;
use serde_json::{Value, json};
use written::Written;

fn set(value: &mut Value, name: &str, to: impl Into<Value>) -> Result<(), MigrationError> {
    let members = value.as_object_mut().ok_or("it is no object")?;
    members.insert(name.to_owned(), to.into());
    Ok(())
}

/// Three steps, each of which leaves a mark.
fn chain() -> Migrations {
    Migrations::new()
        .step(2, |record| set(record, "second", record["first"].clone()))
        .step(1, |record| set(record, "first", 1))
        .step(3, |record| set(record, "third", 3))
}

#[track_caller]
fn one(
    text: &str,
    migrate: impl Fn(&mut Value) -> Result<(), MigrationError> + Send + Sync + 'static,
) -> String {
    Migrations::new()
        .step(1, migrate)
        .apply(text, 1, 2)
        .unwrap()
}

#[test]
fn steps_chain_from_any_older_version() {
    let steps = chain();
    for (from, to, expected) in [
        (1, 4, r#"{"a":1.50,"first":1,"second":1,"third":3}"#),
        (2, 4, r#"{"a":1.50,"second":null,"third":3}"#),
        (2, 3, r#"{"a":1.50,"second":null}"#),
        (4, 4, r#"{"a":1.50}"#),
    ] {
        let text = r#"{"a":1.50}"#;
        assert_eq!(steps.apply(text, from, to).unwrap(), expected);
        let mut value: Value = serde_json::from_str(text).unwrap();
        steps.apply_value(&mut value, from, to).unwrap();
        assert_eq!(value, serde_json::from_str::<Value>(expected).unwrap());
    }
    assert!(!steps.is_empty());
    assert!(Migrations::new().is_empty());
    assert_eq!(format!("{steps:?}"), "Migrations[2, 1, 3]");
}

#[test]
fn a_text_of_the_newest_version_is_not_even_read() {
    assert_eq!(chain().apply(" {oops", 4, 4).unwrap(), " {oops");
}

#[test]
fn mistakes_in_the_steps_are_reported() {
    let steps = chain();
    assert_eq!(steps.check(1, 4), Ok(()));
    assert_eq!(steps.check(4, 4), Ok(()));
    assert_eq!(Migrations::new().check(3, 3), Ok(()));
    let none = |_: &mut Value| Ok(());
    for (steps, from, to, expected) in [
        (
            steps.clone(),
            0,
            4,
            "there is no migration from version 0 to 1",
        ),
        (
            steps.clone(),
            1,
            5,
            "there is no migration from version 4 to 5",
        ),
        (
            steps.clone(),
            1,
            3,
            "there is a migration from version 3, and the newest version is 3",
        ),
        (
            steps.clone().step(2, none),
            3,
            4,
            "there are two migrations from version 2 to 3",
        ),
        (steps, 9, 4, "there is no way back from version 9 to 4"),
        (
            Migrations::new().step(u32::MAX, none),
            0,
            u32::MAX,
            "there is a migration from version 4294967295, and the newest version is 4294967295",
        ),
        (
            Migrations::new(),
            0,
            u32::MAX,
            "there is no migration from version 0 to 1",
        ),
    ] {
        let error = steps.check(from, to).unwrap_err();
        assert_eq!(error.to_string(), expected);
        assert_eq!(error.step(), None);
    }
}

#[test]
fn nothing_runs_unless_the_whole_way_is_there() {
    let steps = Migrations::new()
        .step(1, |_| panic!("it must not run"))
        .step(3, |_| Ok(()))
        .step(4, |_| Ok(()))
        .step(4, |_| Ok(()));
    for (from, to) in [(1, 4), (3, 5), (5, 1)] {
        let text = steps.apply("{}", from, to).unwrap_err();
        let value = steps.apply_value(&mut json!({}), from, to).unwrap_err();
        assert_eq!(text, value);
        assert_eq!(text.step(), None, "{text}");
    }
}

#[test]
fn a_step_that_fails_says_which_it_was_and_changes_nothing() {
    let steps = Migrations::new()
        .step(1, |record| set(record, "a", 2))
        .step(2, |_| Err(MigrationError::new("no")));
    let mut value = json!({"a": 1});
    let error = steps.apply_value(&mut value, 1, 3).unwrap_err();
    assert_eq!(value, json!({"a": 1}));
    assert_eq!(error.step(), Some((2, 3)));
    assert_eq!(error.message(), "no");
    assert_eq!(
        error.to_string(),
        "the migration from version 2 to 3 failed: no"
    );
    assert_eq!(steps.apply(r#"{"a":1}"#, 1, 3).unwrap_err(), error);
    let owned: MigrationError = "x".repeat(1000).into();
    assert!(owned.message().len() <= 300);
}

#[test]
fn a_step_that_panics_is_an_error_of_that_record() {
    let steps = Migrations::new().step(7, |record| {
        *record = Value::Null;
        panic!("on purpose")
    });
    let mut value = json!({"a": 1});
    for error in [
        steps.apply(r#"{"a":1}"#, 7, 8).unwrap_err(),
        steps.apply_value(&mut value, 7, 8).unwrap_err(),
    ] {
        assert_eq!(error.message(), "the migration panicked");
        assert_eq!(error.step(), Some((7, 8)));
    }
    assert_eq!(value, json!({"a": 1}));
}

#[test]
fn no_error_shows_the_record() {
    let steps = Migrations::new().step(1, |_| Ok(()));
    for text in [r#"{"a":hunter2}"#, r#""hunter2"x"#, "hunter2"] {
        let error = steps.apply(text, 1, 2).unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
        assert!(error.message().starts_with("the record is not JSON"));
    }
}

#[test]
fn a_record_that_could_not_be_read_back_is_refused() {
    let deepen = |levels: usize| {
        Migrations::new().step(1, move |record| {
            for _ in 0..levels {
                *record = json!([record.take()]);
            }
            Ok(())
        })
    };
    let text = deepen(126).apply("{}", 1, 2).unwrap();
    assert!(Tree::parse(&text).is_ok());
    let error = deepen(127).apply("{}", 1, 2).unwrap_err();
    assert!(error.message().contains("127 levels"), "{error}");
    assert_eq!(error.step(), Some((1, 2)));
}

#[test]
fn what_is_not_changed_stays_as_it_is_written() {
    let text = r#"{"z":1e3,"y":{"q":[1.0,{"s":"\u0061","r":123456789012345678901234567890}],"p":-0.0},"x":0}"#;
    assert_eq!(
        one(text, |record| set(record, "x", 1)),
        text.replace("\"x\":0", "\"x\":1")
    );
    assert_eq!(
        one(text, |record| set(&mut record["y"]["q"][1], "n", 1.5)),
        text.replace("890}]", "890,\"n\":1.5}]")
    );
    assert_eq!(
        one(text, |record| {
            record["y"]["q"]
                .as_array_mut()
                .unwrap()
                .push(json!({"b": 1, "a": 2}));
            record.as_object_mut().unwrap().remove("z");
            Ok(())
        }),
        text.replace("\"z\":1e3,", "")
            .replace("890}]", "890},{\"a\":2,\"b\":1}]")
    );
    // A member that is taken out and put in again is where it was.
    assert_eq!(
        one(text, |record| {
            let members = record.as_object_mut().unwrap();
            let z = members.remove("z").unwrap();
            members.insert("z".to_owned(), z);
            Ok(())
        }),
        text
    );
    assert_eq!(
        one(text, |record| {
            *record = json!(["other"]);
            Ok(())
        }),
        r#"["other"]"#
    );
}

#[test]
fn whitespace_inside_of_what_is_not_changed_stays() {
    let text = " {\n  \"a\": [ 1, 2 ],\n  \"b\": 0\n} ";
    assert_eq!(one(text, |_| Ok(())), text.trim());
    assert_eq!(
        one(text, |record| set(record, "b", 1)),
        r#"{"a":[ 1, 2 ],"b":1}"#
    );
}

/// What an edit does at one place.
#[derive(Clone, Debug)]
enum Edit {
    Put(Written),
    Remove,
    Push(Written),
    Insert(String, Written),
}

fn edits() -> impl Strategy<Value = Edit> {
    prop_oneof![
        written::any_json().prop_map(Edit::Put),
        Just(Edit::Remove),
        written::any_json().prop_map(Edit::Push),
        ("[a-g]", written::any_json()).prop_map(|(name, value)| Edit::Insert(name, value)),
    ]
}

fn value(text: &Written) -> Value {
    serde_json::from_str(&text.to_string()).unwrap()
}

fn at<'v>(value: &'v mut Value, path: &[String]) -> Option<&'v mut Value> {
    let escaped = path
        .iter()
        .map(|segment| segment.replace('~', "~0").replace('/', "~1"));
    let pointer = escaped.fold(String::new(), |pointer, segment| pointer + "/" + &segment);
    value.pointer_mut(&pointer)
}

fn edit(record: &mut Value, path: &[String], edit: &Edit) {
    let Some(place) = at(record, path) else {
        return;
    };
    match (edit, place) {
        (Edit::Put(new), place) => *place = value(new),
        (Edit::Push(new), Value::Array(items)) => items.push(value(new)),
        (Edit::Insert(name, new), Value::Object(members)) => {
            members.insert(name.clone(), value(new));
        }
        (Edit::Remove, _) => {
            let (last, around) = path.split_last().unwrap();
            match at(record, around) {
                Some(Value::Object(members)) => drop(members.remove(last)),
                Some(Value::Array(items)) => drop(items.remove(last.parse().unwrap())),
                _ => {}
            }
        }
        _ => {}
    }
}

/// Checks that what is equal before and after, by its place, is written in one way, and that
/// members which are in both have one order, before those which are not.
fn agrees(before: &Written, after: &Written) {
    if value(before) == value(after) {
        assert_eq!(before, after);
        return;
    }
    match (before, after) {
        (Written::Object(old), Written::Object(new)) => {
            let kept = old
                .iter()
                .map(|(name, _)| name)
                .filter(|name| after.get(name).is_some());
            let added = new
                .iter()
                .map(|(name, _)| name)
                .filter(|name| before.get(name).is_none());
            let names: Vec<_> = new.iter().map(|(name, _)| name).collect();
            assert_eq!(names, kept.chain(added).collect::<Vec<_>>());
            for (name, new) in new {
                if let Some(old) = before.get(name) {
                    agrees(old, new);
                }
            }
        }
        (Written::Array(old), Written::Array(new)) => {
            for (old, new) in old.iter().zip(new) {
                agrees(old, new);
            }
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1024) })]

    #[test]
    fn a_step_that_changes_nothing_gives_the_same_text(record in written::any_json()) {
        let text = record.to_string();
        let rebuilt = one(&text, |record| {
            *record = serde_json::from_str(&record.to_string()).unwrap();
            Ok(())
        });
        prop_assert_eq!(rebuilt, text);
    }

    #[test]
    fn the_text_says_what_the_value_is_and_keeps_what_is_not_changed(
        record in written::any_object(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), edits()), 1..4),
    ) {
        let places = record.places();
        prop_assume!(!places.is_empty());
        let edits: Vec<_> = edits.into_iter().map(|(place, edit)| (place.get(&places).clone(), edit)).collect();
        let text = record.to_string();
        let steps = Migrations::new().step(1, move |record| {
            for (path, change) in &edits {
                edit(record, path, change);
            }
            Ok(())
        });
        let mut expected = value(&record);
        steps.apply_value(&mut expected, 1, 2).unwrap();
        let migrated = steps.apply(&text, 1, 2).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Value>(&migrated).unwrap(), &expected);
        let after = Written::parse(&migrated);
        prop_assert_eq!(after.to_string(), migrated, "compact");
        agrees(&record, &after);
    }
}
