//! Owns the behaviour of `Validator::repair`: what it changes, what it refuses to change, and
//! that everything else stays as it is written.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a helper of tests fails like a test"
)]

#[path = "repairs/random.rs"]
mod random;
mod written;

use std::{collections::BTreeMap, fs, path::PathBuf, sync::LazyLock};

use larder_schema::{Pointer, Repair, RepairKind, Repaired, Tree, Validator};
use proptest::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use written::Written;

fn id() -> Pointer {
    Pointer::field("id").unwrap()
}

fn repair(schema: &Value, text: &str) -> Option<Repaired> {
    let validator = Validator::from_document(schema.clone()).unwrap();
    let repaired = validator.repair(text, &id())?;
    assert!(
        validator
            .check(&Tree::parse(repaired.text()).unwrap())
            .is_empty()
    );
    assert!(!repaired.steps().is_empty());
    Some(repaired)
}

/// What comes of a record, and the steps in words.
fn outcome(schema: &Value, text: &str) -> Option<(String, Vec<String>)> {
    let repaired = repair(schema, text)?;
    let steps = repaired.steps().iter().map(ToString::to_string).collect();
    Some((repaired.into_text(), steps))
}

#[track_caller]
fn becomes(schema: &Value, text: &str, expected: &str, steps: &[&str]) {
    let (text, taken) = outcome(schema, text).unwrap_or_else(|| panic!("not repaired: {text}"));
    assert_eq!(text, expected);
    assert_eq!(taken, steps);
}

#[test]
fn an_optional_property_that_is_wrong_is_removed() {
    let schema = json!({
        "required": ["id"],
        "properties": {"id": {"type": "string"}, "model": {"type": "string"}, "n": {"minimum": 3}},
    });
    becomes(
        &schema,
        r#"{"model":17,"id":"a","cost":1.50,"n":1e3}"#,
        r#"{"id":"a","cost":1.50,"n":1e3}"#,
        &["/model: removed"],
    );
    becomes(
        &schema,
        r#"{"n":2,"id":"a","model":{}}"#,
        r#"{"id":"a"}"#,
        &["/model: removed", "/n: removed"],
    );
}

#[test]
fn a_default_is_used_where_it_is_valid_and_the_property_goes_where_it_is_not() {
    let schema = json!({
        "required": ["id", "turn"],
        "properties": {
            "id": true,
            "turn": {"$ref": "#/$defs/turn"},
            "bad": {"type": "integer", "default": "no"},
        },
        "$defs": {"turn": {"type": "integer", "default": 7}},
    });
    becomes(
        &schema,
        r#"{"turn":"x","id":"a","bad":"y"}"#,
        r#"{"turn":7,"id":"a"}"#,
        &["/bad: removed", "/turn: replaced by the default"],
    );
    becomes(
        &schema,
        r#"{"id":"a"}"#,
        r#"{"id":"a","turn":7}"#,
        &["/turn: added with the default"],
    );
}

#[test]
fn a_default_that_makes_something_else_wrong_is_not_used() {
    let schema = json!({
        "properties": {"a": {"type": "integer", "default": 1}},
        "if": {"properties": {"a": {"const": 1}}, "required": ["a"]},
        "then": {"required": ["z"]},
    });
    becomes(
        &schema,
        r#"{"id":"x","a":"y"}"#,
        r#"{"id":"x"}"#,
        &["/a: removed"],
    );
}

#[test]
fn what_has_to_be_there_makes_wrong_what_it_stands_in() {
    let schema = json!({
        "required": ["id"],
        "properties": {
            "outer": {
                "required": ["inner"],
                "properties": {"inner": {"required": ["n"], "properties": {"n": {"type": "integer"}}}},
            },
            "list": {"items": {"required": ["n"], "properties": {"n": {"type": "integer"}}}},
        },
    });
    becomes(
        &schema,
        r#"{"id":"a","outer":{"inner":{"n":"x"},"y":1},"z":2}"#,
        r#"{"id":"a","z":2}"#,
        &["/outer: removed"],
    );
    becomes(
        &schema,
        r#"{"id":"a","outer":{"inner":{},"y":1},"z":2}"#,
        r#"{"id":"a","z":2}"#,
        &["/outer: removed"],
    );
    becomes(
        &schema,
        r#"{"id":"a","list":[{"n":1},{"n":"x"},{"n":3},{},{"n":5.0}]}"#,
        r#"{"id":"a","list":[{"n":1},{"n":3},{"n":5.0}]}"#,
        &["/list/3: item removed", "/list/1: item removed"],
    );
}

#[test]
fn steps_name_the_places_of_the_record_as_it_was() {
    // What is wrong by its presence only is met last, when items before it are gone.
    let schema = json!({
        "properties": {"list": {"items": {
            "type": "object", "properties": {"n": {"type": "integer"}}, "additionalProperties": false,
        }}},
    });
    becomes(
        &schema,
        r#"{"id":"a","list":[0,{"n":1},0,{"n":2,"m":3}]}"#,
        r#"{"id":"a","list":[{"n":1},{"n":2}]}"#,
        &[
            "/list/2: item removed",
            "/list/0: item removed",
            "/list/3/m: removed",
        ],
    );
}

#[test]
fn an_array_that_would_get_too_short_goes_as_a_whole() {
    let schema = json!({
        "properties": {
            "pair": {"prefixItems": [{"type": "string"}, {"type": "integer"}], "minItems": 2},
            "few": {"items": {"type": "integer"}, "minItems": 2, "default": [1, 2]},
        },
    });
    becomes(
        &schema,
        r#"{"pair":["x","y"],"few":[1,"x"],"id":"a"}"#,
        r#"{"few":[1,2],"id":"a"}"#,
        &["/few: replaced by the default", "/pair: removed"],
    );
}

#[test]
fn what_may_not_be_there_goes() {
    let closed = json!({"properties": {"id": true}, "additionalProperties": false});
    becomes(
        &closed,
        r#"{"x":1,"id":"a","y":2}"#,
        r#"{"id":"a"}"#,
        &["/x: removed", "/y: removed"],
    );
    let names = json!({"propertyNames": {"maxLength": 2}});
    becomes(
        &names,
        r#"{"id":"a","long":1}"#,
        r#"{"id":"a"}"#,
        &["/long: removed"],
    );
    let never = json!({"properties": {"old": false, "map": {"additionalProperties": false}}});
    becomes(
        &never,
        r#"{"old":1,"id":"a","map":{"x":1,"y":2}}"#,
        r#"{"id":"a","map":{}}"#,
        &["/map/x: removed", "/map/y: removed", "/old: removed"],
    );
    let dependent = json!({"dependentRequired": {"card": ["address"]}});
    becomes(
        &dependent,
        r#"{"id":"a","card":1}"#,
        r#"{"id":"a"}"#,
        &["/card: removed"],
    );
    let tuple = json!({"properties": {
        "items": {"prefixItems": [true], "items": false},
        "rest": {"prefixItems": [true], "unevaluatedItems": false},
        "set": {"uniqueItems": true},
    }});
    becomes(
        &tuple,
        r#"{"id":"a","items":[1,2,3],"rest":[1,2,3],"set":["x",1e0,"x",{"p":1,"q":2},{"q":2,"p":1}]}"#,
        r#"{"id":"a","items":[1],"rest":[1],"set":["x",1e0,{"p":1,"q":2}]}"#,
        &[
            "/items/2: item removed",
            "/items/1: item removed",
            "/rest/2: item removed",
            "/rest/1: item removed",
            "/set/4: item removed",
            "/set/2: item removed",
        ],
    );
}

#[test]
fn a_member_that_seems_unwanted_only_because_of_another_stays() {
    let schema = json!({
        "allOf": [{"properties": {"id": true, "a": {"type": "integer"}, "b": true}}],
        "unevaluatedProperties": false,
    });
    becomes(
        &schema,
        r#"{"id":"x","a":"wrong","b":[1.0]}"#,
        r#"{"id":"x","b":[1.0]}"#,
        &["/a: removed"],
    );
}

#[test]
fn the_id_is_never_touched() {
    let schema = json!({
        "required": ["id"],
        "properties": {
            "id": {"type": "string", "minLength": 1, "default": "made up"},
            "meta": {"type": "object", "properties": {"id": {"type": "string"}, "n": {"type": "null"}},
                     "required": ["n"], "default": {"id": "made up", "n": null}},
        },
    });
    for text in [r#"{"id":""}"#, r#"{"id":17}"#, r#"{"n":1}"#, "{}"] {
        assert!(outcome(&schema, text).is_none(), "{text}");
    }
    let validator = Validator::from_document(schema).unwrap();
    let inner = Pointer::field("meta.id").unwrap();
    assert!(
        validator
            .repair(r#"{"id":"a","meta":{"id":"b"}}"#, &inner)
            .is_none()
    );
    let other = validator.repair(r#"{"id":"a","meta":{"id":"b"}}"#, &id());
    assert_eq!(
        other.unwrap().text(),
        r#"{"id":"a","meta":{"id":"made up","n":null}}"#
    );
    let around = r#"{"id":"a","meta":{"n":1}}"#;
    assert!(validator.repair(around, &inner).is_none());
    let same = r#"{"id":"a","meta":{"id":"made up"}}"#;
    assert!(validator.repair(same, &inner).is_none());
    // An id in a list must not move.
    let list =
        Validator::from_document(json!({"properties": {"ids": {"items": {"type": "string"}}}}))
            .unwrap();
    let second = Pointer::parse("/ids/1").unwrap();
    assert!(list.repair(r#"{"ids":[1,"x","y"]}"#, &second).is_none());
    let kept = list.repair(r#"{"ids":["y","x",1]}"#, &second).unwrap();
    assert_eq!(kept.text(), r#"{"ids":["y","x"]}"#);
}

#[test]
fn nothing_comes_of_what_is_valid_or_no_object() {
    let schema = json!({"properties": {"n": {"type": "integer"}}, "type": "object"});
    for text in [r#"{"id":"a","n":1}"#, "{}", "null", "[1]", "3", "{oops"] {
        assert!(outcome(&schema, text).is_none(), "{text}");
    }
    assert!(Validator::any_object().repair("{}", &id()).is_none());
    assert!(Validator::any_object().repair("[]", &id()).is_none());
    let never = Validator::from_document(json!(false)).unwrap();
    assert!(never.repair(r#"{"id":"a"}"#, &id()).is_none());
}

#[test]
fn the_work_on_a_hopeless_record_is_bounded() {
    let schema = json!({"properties": {"list": {"items": {"type": "integer"}, "minItems": 900}},
                        "required": ["id", "list"]});
    let items: Vec<Value> = (0..3000).map(|n| json!(n.to_string())).collect();
    let text = json!({"id": "a", "list": items}).to_string();
    assert!(outcome(&schema, &text).is_none());
}

#[test]
fn a_long_list_loses_all_that_is_wrong_in_it() {
    let schema = json!({"properties": {"list": {"items": {"type": "integer", "minimum": 0}}}});
    let items = (0..3000).map(|n| if n % 3 == 0 { json!(n) } else { json!(-0.5) });
    let text = json!({"id": "a", "list": items.collect::<Vec<_>>()}).to_string();
    let repaired = repair(&schema, &text).unwrap();
    let kept: Vec<_> = (0..3000).filter(|n| n % 3 == 0).collect();
    assert_eq!(
        repaired.text(),
        json!({"id": "a", "list": kept}).to_string()
    );
    let places: Vec<_> = repaired.steps().iter().map(Repair::path).collect();
    let expected = (0..3000)
        .filter(|n| n % 3 != 0)
        .map(|n| Pointer::parse(&format!("/list/{n}")).unwrap());
    assert_eq!(places.len(), 2000);
    assert!(expected.into_iter().all(|place| places.contains(&&place)));
}

#[test]
fn a_choice_too_deep_to_tell_what_is_wrong_is_left_alone() {
    // So deep a choice has more errors than are ever listed.
    let node = json!({
        "$ref": "#/$defs/node",
        "$defs": {"node": {"properties": {"n": {"type": "integer"},
            "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"$ref": "#/$defs/node"}, {"type": "null"}]}}}},
    });
    let text = format!(
        "{}{}{}",
        r#"{"next":"#.repeat(60),
        r#"{"n":"x"}"#,
        "}".repeat(60)
    );
    assert!(outcome(&node, &text).is_none());
}

#[test]
fn no_step_shows_a_value() {
    let schema = json!({"properties": {"token": {"type": "integer"}}});
    let repaired = repair(&schema, r#"{"id":"a","token":"hunter2"}"#).unwrap();
    assert!(!format!("{repaired:?} {}", repaired.steps()[0]).contains("hunter2"));
    assert_eq!(repaired.steps()[0].what(), RepairKind::RemovedProperty);
    assert_eq!(repaired.steps()[0].path().to_string(), "/token");
}

/// What another program's damage comes to: kept by a repair is what a repair can keep, and only
/// that.
#[test]
fn of_a_real_programs_damaged_records_only_optional_fields_are_repaired() {
    let fixtures = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures");
    let read = |name: &str| fs::read_to_string(fixtures.join(name)).unwrap();
    let expected: Value =
        serde_json::from_str(&read("workspacecord-damaged/expected.json")).unwrap();
    let mut repaired = Vec::new();
    for (collection, schema) in [
        ("sessions", "session"),
        ("gates", "gate"),
        ("monitor-runs", "monitor-run"),
    ] {
        let document = serde_json::from_str(&read(&format!("{schema}.schema.json"))).unwrap();
        let validator = Validator::from_document(document).unwrap();
        let records = Written::parse(&read(&format!("workspacecord-damaged/{collection}.json")));
        let Written::Array(records) = records else {
            panic!("an array of records");
        };
        for entry in expected[collection].as_array().unwrap() {
            let kind = entry["kind"].as_str().unwrap();
            let index = usize::try_from(entry["index"].as_u64().unwrap()).unwrap();
            let text = records[index].to_string();
            let outcome = validator.repair(&text, &id());
            assert_eq!(
                outcome.is_some(),
                kind == "optional-wrong-type",
                "{collection} {index}: {kind}"
            );
            if let Some(outcome) = outcome {
                assert!(
                    validator
                        .check(&Tree::parse(outcome.text()).unwrap())
                        .is_empty()
                );
                let steps = outcome.steps();
                assert_eq!(steps.len(), 1);
                let mut without = records[index].clone();
                without.remove(steps[0].path().segments()).unwrap();
                assert_eq!(outcome.text(), without.to_string());
                repaired.push(steps[0].to_string());
            }
        }
    }
    assert_eq!(
        repaired,
        [
            "/model: removed",
            "/detail: removed",
            "/lastRationale: removed"
        ]
    );
}
