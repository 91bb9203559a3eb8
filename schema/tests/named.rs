//! Owns the behaviour of `Validator::names_all`: that it says yes to what a type writes, and no
//! as soon as a member is there which the type would lose.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a helper of tests fails like a test"
)]

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

/// A type with all that makes it hard to say what it would write.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Everything {
    a: Option<Leaf>,
    #[serde(default)]
    b: Vec<Leaf>,
    c: Option<Tagged>,
    d: Option<Either>,
    e: Option<BTreeMap<String, Leaf>>,
    #[serde(rename = "x/y")]
    xy: Option<Box<Everything>>,
    #[serde(rename = "")]
    empty: Option<Value>,
    #[serde(flatten)]
    flat: Flat,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Leaf {
    a: Option<Value>,
    b: Option<bool>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(tag = "a")]
enum Tagged {
    #[serde(rename = "a")]
    One { b: Option<Leaf> },
    #[serde(rename = "")]
    Two { b: Option<Leaf>, c: Option<Leaf> },
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Either {
    Text(String),
    Few { a: Leaf },
    Many { b: Leaf, c: Option<u8> },
    Outer(External),
}

#[derive(Serialize, Deserialize, JsonSchema)]
enum External {
    #[serde(rename = "d")]
    D(Leaf),
    #[serde(rename = "e")]
    E { a: Option<u8> },
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Flat {
    #[serde(rename = "é")]
    acute: Option<Leaf>,
}

static EVERYTHING: LazyLock<Validator> = LazyLock::new(|| Validator::of::<Everything>().unwrap());

/// Records that often fit the type, with members that nobody knows.
fn records() -> BoxedStrategy<Value> {
    fn object(members: Vec<(&'static str, BoxedStrategy<Value>)>) -> BoxedStrategy<Value> {
        let each: Vec<_> = members
            .into_iter()
            .map(|(name, value)| {
                prop::option::weighted(0.5, value)
                    .prop_map(move |value| Some((name.to_owned(), value?)))
            })
            .collect();
        each.prop_map(|members| Value::Object(members.into_iter().flatten().collect()))
            .boxed()
    }
    let unknown = || prop_oneof![Just(json!(1)), Just(json!({"a": 1}))].boxed();
    let stray = move |inner: BoxedStrategy<Value>| {
        (
            inner,
            prop::option::weighted(0.03, prop::sample::select(vec!["a", "b", "c", "q"])),
            unknown(),
        )
            .prop_map(|(mut value, name, stray)| {
                if let (Some(members), Some(name)) = (value.as_object_mut(), name) {
                    members.entry(name).or_insert(stray);
                }
                value
            })
            .boxed()
    };
    let leaf = move || {
        let flags = prop_oneof![Just(json!(true)), Just(Value::Null)].boxed();
        stray(object(vec![("a", unknown()), ("b", flags)]))
    };
    let tags = || prop::sample::select(vec![json!("a"), json!("")]).boxed();
    let tagged = stray(
        (tags(), object(vec![("b", leaf()), ("c", leaf())]))
            .prop_map(|(tag, mut value)| {
                value["a"] = tag;
                if value["a"] == "a" && value["c"] != Value::Null {
                    value["b"] = value["c"].take();
                }
                value
            })
            .boxed(),
    );
    let either = stray(
        prop_oneof![
            Just(json!("text")),
            leaf().prop_map(|leaf| json!({ "a": leaf })),
            leaf().prop_map(|leaf| json!({ "b": leaf })),
            (leaf(), leaf()).prop_map(|(a, b)| json!({ "a": a, "b": b })),
            leaf().prop_map(|leaf| json!({ "d": leaf })),
            Just(json!({"e": {"a": 1}})),
        ]
        .boxed(),
    );
    let map = prop::collection::btree_map("[a-c]", leaf(), 0..3)
        .prop_map(|map| json!(map))
        .boxed();
    let flat = move |inner: Option<BoxedStrategy<Value>>| {
        let mut members = vec![
            ("a", leaf()),
            (
                "b",
                prop::collection::vec(leaf(), 0..3)
                    .prop_map(Value::from)
                    .boxed(),
            ),
            ("c", tagged.clone()),
            ("d", either.clone()),
            ("e", map.clone()),
            ("", unknown()),
            ("é", leaf()),
        ];
        members.extend(inner.map(|inner| ("x/y", inner)));
        stray(object(members))
    };
    flat(None)
        .prop_recursive(2, 4, 1, move |inner| flat(Some(inner.boxed())))
        .boxed()
}

/// What the type makes of a text, if it reads it.
fn rewritten<T: Serialize + DeserializeOwned>(text: &str) -> Option<String> {
    let record: T = serde_json::from_str(text).ok()?;
    Some(serde_json::to_string(&record).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, max_global_rejects: 100_000, ..ProptestConfig::with_cases(1024) })]

    #[test]
    fn a_type_loses_nothing_of_what_its_schema_names(record in records(), any in written::any_object()) {
        for text in [record.to_string(), Written::to_string(&any)] {
            let tree = Tree::parse(&text).unwrap();
            if EVERYTHING.check(&tree).is_empty()
                && EVERYTHING.names_all(&tree)
                && let Some(known) = rewritten::<Everything>(&text)
            {
                let lost = Extra::between(&text, &known);
                prop_assert!(lost.is_none(), "{:?} of {}", lost, text);
            }
        }
    }

    #[test]
    fn all_that_a_type_writes_is_named(record in records()) {
        let text = record.to_string();
        let Some(known) = rewritten::<Everything>(&text) else { return Ok(()) };
        let value: Value = serde_json::from_str(&known).unwrap();
        let tree = Tree::parse(&known).unwrap();
        prop_assume!(EVERYTHING.check(&tree).is_empty());
        prop_assert!(names_all(&EVERYTHING, &value), "{}", known);
    }
}
