//! Owns the behaviour of `Validator::names_all`: that it says yes to what a type writes, and no
//! as soon as a member is there which the type would lose.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a helper of tests fails like a test"
)]

#[path = "named/random.rs"]
mod random;
mod written;

use std::{
    collections::{BTreeMap, HashMap},
    sync::LazyLock,
};

use larder_schema::{Extra, Tree, Validator};
use proptest::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};
use written::Written;

fn names_all(validator: &Validator, record: &Value) -> bool {
    let text = record.to_string();
    validator.names_all(&Tree::parse(&text).unwrap())
}

/// Asserts which valid records have all their members named by the schema of a type.
#[track_caller]
fn of_type<T: JsonSchema>(named: &[Value], others: &[Value]) {
    let validator = Validator::of::<T>().unwrap();
    of_validator(&validator, named, others);
}

#[track_caller]
fn of_validator(validator: &Validator, named: &[Value], others: &[Value]) {
    for (records, expected) in [(named, true), (others, false)] {
        for record in records {
            let violations = validator.check_value(record);
            assert_eq!(violations, [], "{record} under {}", validator.document());
            assert_eq!(
                names_all(validator, record),
                expected,
                "{record} under {}",
                validator.document()
            );
        }
    }
}

#[test]
fn structs_name_their_fields_at_any_depth() {
    #[derive(JsonSchema)]
    #[allow(dead_code, reason = "only the schema matters")]
    struct Outer {
        id: String,
        inner: Inner,
        maybe: Option<Inner>,
        list: Vec<Inner>,
        nested: Option<Vec<Option<Vec<Inner>>>>,
        pair: (u8, Inner),
        map: HashMap<String, Inner>,
        numbers: BTreeMap<u32, Inner>,
    }
    #[derive(JsonSchema)]
    #[allow(dead_code, reason = "only the schema matters")]
    struct Inner {
        n: Option<u8>,
    }
    let whole = json!({
        "id": "a", "inner": {"n": 1}, "maybe": null, "list": [{"n": 1}, {}],
        "nested": [null, [{}, {"n": null}]], "pair": [1, {"n": 2}],
        "map": {"any": {"n": 1}}, "numbers": {"7": {"n": 1}},
    });
    let with = |place: &str, value: Value| {
        let mut record = whole.clone();
        *record.pointer_mut(place).unwrap() = value;
        record
    };
    let extra = || json!({"n": 1, "x": 1});
    of_type::<Outer>(
        &[
            whole.clone(),
            with("/maybe", json!({"n": 3})),
            with("/map", json!({})),
        ],
        &[
            with("/inner", extra()),
            with("/maybe", extra()),
            with("/list/1", extra()),
            with("/nested/1/0", extra()),
            with("/pair/1", extra()),
            with("/map/any", extra()),
            with("/numbers/7", extra()),
            with("", {
                let mut record = whole.clone();
                record["x"] = json!(null);
                record
            }),
        ],
    );
}

#[test]
fn enums_name_the_fields_of_the_variant_that_is_meant() {
    #[derive(JsonSchema)]
    #[allow(dead_code, reason = "only the schema matters")]
    enum External {
        Unit,
        New(Fields),
        Struct {
            a: u8,
        },
        /// With a description, a unit variant is a branch of its own.
        Other,
    }
    #[derive(JsonSchema)]
    #[allow(dead_code, reason = "only the schema matters")]
    struct Fields {
        a: u8,
        b: Option<u8>,
    }
    #[derive(JsonSchema)]
    #[serde(tag = "type")]
    #[allow(dead_code, reason = "only the schema matters")]
    enum Internal {
        Unit,
        New(Fields),
        Struct { a: u8 },
    }
    #[derive(JsonSchema)]
    #[serde(tag = "t", content = "c")]
    #[allow(dead_code, reason = "only the schema matters")]
    enum Adjacent {
        Unit,
        New(Fields),
        Struct { a: u8 },
    }
    #[derive(JsonSchema)]
    #[serde(untagged)]
    #[allow(dead_code, reason = "only the schema matters")]
    enum Untagged {
        Text(String),
        List(Vec<Fields>),
        Struct { z: u8 },
        Fields(Fields),
    }
    of_type::<(External, Option<External>)>(
        &[
            json!(["Unit", "Other"]),
            json!([{"New": {"a": 1, "b": 2}}, null]),
            json!([{"Struct": {"a": 1}}, {"New": {"a": 1}}]),
        ],
        &[
            json!([{"Struct": {"a": 1, "b": 2}}, null]),
            json!(["Unit", {"New": {"a": 1, "c": 2}}]),
        ],
    );
    of_type::<(Internal, Option<Internal>)>(
        &[
            json!([{"type": "Unit"}, null]),
            json!([{"type": "New", "a": 1, "b": 2}, {"type": "Struct", "a": 1}]),
        ],
        &[
            json!([{"type": "Unit", "a": 1}, null]),
            json!([{"type": "Struct", "a": 1, "b": 2}, null]),
            json!([{"type": "Unit"}, {"type": "New", "a": 1, "c": 1}]),
        ],
    );
    of_type::<(Adjacent, Option<Adjacent>)>(
        &[
            json!([{"t": "Unit"}, null]),
            json!([{"t": "New", "c": {"a": 1, "b": 2}}, {"t": "Struct", "c": {"a": 1}}]),
        ],
        &[
            json!([{"t": "Unit", "c": null}, null]),
            json!([{"t": "Struct", "c": {"a": 1, "b": 2}}, null]),
            json!([{"t": "New", "c": {"a": 1}, "d": 1}, null]),
        ],
    );
    of_type::<(Untagged, Option<Untagged>)>(
        &[
            json!(["x", null]),
            json!([[{"a": 1}, {"a": 1, "b": 2}], {"a": 1, "b": 2}]),
            json!([{"z": 1}, "y"]),
        ],
        &[
            json!([[{"a": 1, "c": 2}], null]),
            json!([{"a": 1, "c": 2}, null]),
            // Both variants fit, and the first loses a member.
            json!([{"z": 1, "a": 1}, null]),
        ],
    );
}

#[test]
fn what_is_flattened_is_named() {
    #[derive(JsonSchema)]
    #[allow(dead_code, reason = "only the schema matters")]
    struct Outer {
        id: String,
        #[serde(flatten)]
        part: Part,
        #[serde(flatten)]
        kind: Kind,
    }
    #[derive(JsonSchema)]
    #[allow(dead_code, reason = "only the schema matters")]
    struct Part {
        p: u8,
    }
    #[derive(JsonSchema)]
    #[serde(tag = "kind")]
    #[allow(dead_code, reason = "only the schema matters")]
    enum Kind {
        A { a: u8 },
        B { b: u8 },
    }
    #[derive(JsonSchema)]
    #[allow(dead_code, reason = "only the schema matters")]
    struct Open {
        id: String,
        #[serde(flatten)]
        others: Map<String, Value>,
    }
    #[derive(JsonSchema)]
    #[allow(dead_code, reason = "only the schema matters")]
    struct Typed {
        id: String,
        #[serde(flatten)]
        others: BTreeMap<String, Part>,
    }
    of_type::<Outer>(
        &[
            json!({"id": "a", "p": 1, "kind": "A", "a": 1}),
            json!({"id": "a", "p": 1, "kind": "B", "b": 1}),
        ],
        &[
            json!({"id": "a", "p": 1, "kind": "A", "a": 1, "b": 2}),
            json!({"id": "a", "p": 1, "kind": "A", "a": 1, "x": 2}),
        ],
    );
    of_type::<Open>(&[json!({"id": "a", "x": {"y": [{"z": 1}]}})], &[]);
    of_type::<Typed>(
        &[json!({"id": "a", "x": {"p": 1}})],
        &[json!({"id": "a", "x": {"p": 1, "q": 2}})],
    );
}

#[test]
fn recursive_types_are_followed() {
    #[derive(JsonSchema)]
    #[allow(dead_code, reason = "only the schema matters")]
    struct Node {
        n: Option<u8>,
        next: Option<Box<Node>>,
        children: Vec<Node>,
    }
    let chain = |end: Value, depth: usize| {
        (0..depth).fold(end, |next, _| json!({"next": next, "children": []}))
    };
    of_type::<Node>(
        &[
            chain(json!({"n": 1, "children": [{"children": []}]}), 60),
            chain(Value::Null, 126),
        ],
        &[
            chain(json!({"n": 1, "children": [], "x": 1}), 60),
            json!({"children": [{"children": [{"children": [], "x": 1}]}]}),
        ],
    );
}

#[test]
fn anything_goes_where_nothing_is_constrained() {
    #[derive(JsonSchema)]
    #[allow(dead_code, reason = "only the schema matters")]
    struct Free {
        value: Value,
        maybe: Option<Value>,
        map: Map<String, Value>,
        list: Vec<Value>,
    }
    of_type::<Free>(
        &[
            json!({"value": {"x": [{"y": 1}]}, "maybe": {"x": 1}, "map": {"x": {"y": 1}}, "list": [{"x": 1}]}),
        ],
        &[json!({"value": 1, "map": {}, "list": [], "x": 1})],
    );
    let all = |schema: Value| Validator::from_document(schema).unwrap();
    for open in [
        json!(true),
        json!({}),
        json!({"title": "t", "$defs": {"a": false}}),
    ] {
        of_validator(&all(open), &[json!({"x": {"y": 1}}), json!({})], &[]);
    }
}

#[test]
fn what_names_nothing_says_no() {
    for record in [
        json!({}),
        json!({"id": "a"}),
        json!({"id": "a", "x": {"y": 1}}),
    ] {
        of_validator(&Validator::any_object(), &[], std::slice::from_ref(&record));
        let object = Validator::from_document(json!({"type": "object"})).unwrap();
        of_validator(&object, &[], &[record]);
    }
    let never = Validator::from_document(json!(false)).unwrap();
    assert!(!names_all(&never, &json!({})));
}

#[test]
fn hand_written_schemas_are_read_with_care() {
    let a = json!({"properties": {"a": true}});
    for (schema, named, others) in [
        (
            json!({"allOf": [a, {"properties": {"b": true}}]}),
            vec![json!({"a": 1, "b": {"c": 1}})],
            vec![json!({"a": 1, "c": 1})],
        ),
        // What says nothing in a list of parts names nothing.
        (
            json!({"allOf": [a, {}, {"$ref": "#/$defs/open"}], "$defs": {"open": true}}),
            vec![json!({"a": 1})],
            vec![json!({"b": 1})],
        ),
        (
            json!({"anyOf": [a, {}]}),
            vec![json!({"a": 1})],
            vec![json!({"b": 1})],
        ),
        (
            json!({"$ref": "#/$defs/open", "$defs": {"open": true}}),
            vec![json!({"a": {"b": 1}})],
            vec![],
        ),
        (
            json!({"$schema": "http://json-schema.org/draft-07/schema#",
                   "properties": {"t": {"items": [{"$ref": "#/definitions/a%20b"}, true], "additionalItems": a}},
                   "definitions": {"a b": {"properties": {"b": true}}}}),
            vec![json!({"t": [{"b": 1}, {"x": 1}, {"a": 1}, {"a": 1}]})],
            vec![json!({"t": [{"a": 1}]}), json!({"t": [{}, {}, {"b": 1}]})],
        ),
        (
            json!({"patternProperties": {"^x": a}, "additionalProperties": false, "properties": {"id": true}}),
            vec![json!({"id": 1, "x1": {"a": 1}})],
            vec![json!({"x1": {"b": 1}})],
        ),
        (
            json!({"patternProperties": {"^x": a}, "additionalProperties": {"properties": {"b": true}}}),
            vec![json!({"x": 1, "y": {}})],
            vec![json!({"x": {"a": 1}}), json!({"y": {"b": 1}})],
        ),
        (
            json!({"patternProperties": {"^x": a}}),
            vec![],
            vec![json!({"x": {"a": 1}}), json!({"y": 1})],
        ),
        // A list of anything, which its schema does not look into.
        (
            json!({"properties": {"l": {"type": "array"}}}),
            vec![json!({"l": [1, "x"]})],
            vec![json!({"l": [{"a": 1}]})],
        ),
        (
            json!({"if": a, "then": {"properties": {"b": true}}, "properties": {"a": true}}),
            vec![json!({"a": 1})],
            vec![json!({"a": 1, "b": 1})],
        ),
        (
            json!({"properties": {"x": {"$id": "https://example.com/x", "$ref": "#/$defs/y",
                   "$defs": {"y": {"properties": {"b": true}}}}}, "$defs": {"y": a}}),
            vec![json!({"x": {}})],
            vec![json!({"x": {"a": 1}}), json!({"x": {"b": 1}})],
        ),
    ] {
        of_validator(&Validator::from_document(schema).unwrap(), &named, &others);
    }
}

#[test]
fn a_schema_that_says_one_thing_in_many_ways_comes_to_an_end() {
    let twice = json!({
        "$ref": "#/$defs/node",
        "$defs": {"node": {"allOf": [{"$ref": "#/$defs/way"}, {"$ref": "#/$defs/way"}]},
                  "way": {"properties": {"next": {"$ref": "#/$defs/node"}}}},
    });
    let validator = Validator::from_document(twice).unwrap();
    let chain = |end: Value| (0..100).fold(end, |next, _| json!({ "next": next }));
    assert!(names_all(&validator, &chain(json!({}))));
    assert!(!names_all(&validator, &chain(json!({"x": 1}))));
    let itself = json!({"properties": {"id": true}, "allOf": [{"$ref": "#/$defs/a"}],
                        "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}, {"type": "object"}]}}});
    if let Ok(validator) = Validator::from_document(itself) {
        assert!(names_all(&validator, &json!({"id": 1})));
        assert!(!names_all(&validator, &json!({"x": 1})));
    }
}

#[test]
fn the_deepest_record_is_walked_on_a_small_stack() {
    #[derive(JsonSchema)]
    #[allow(dead_code, reason = "only the schema matters")]
    struct Node {
        next: Option<Box<Node>>,
    }
    let validator = Validator::of::<Node>().unwrap();
    let text = format!("{}null{}", "{\"next\":".repeat(127), "}".repeat(127));
    let walk = move || validator.names_all(&Tree::parse(&text).unwrap());
    let thread = std::thread::Builder::new().stack_size(1 << 20).spawn(walk);
    assert!(thread.unwrap().join().unwrap());
}
