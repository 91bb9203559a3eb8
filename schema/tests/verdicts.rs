//! Owns the comparison with plain values: on a borrowed tree every schema has the verdict which it
//! has on a `serde_json::Value`. Messages are the matter of `leaks.rs` and `violations.rs`.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a helper of tests fails like a test"
)]

use larder_schema::{Tree, Validator};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Few values, so that schemas and records often meet, and those that are traps: numbers that
/// are equal though written differently, and strings of more bytes than characters.
fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        prop::sample::select(vec![
            json!(0),
            json!(1),
            json!(1.0),
            json!(-1),
            json!(1.5),
            json!(255),
            json!(256),
            json!(u64::MAX),
            json!(i64::MIN),
            json!(1e300),
            json!(9_007_199_254_740_993_u64),
            json!(9_007_199_254_740_992.0),
        ]),
        prop::sample::select(vec!["", "a", "b", "ab", "é", "🦀🦀", "1"]).prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(names(), inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn names() -> BoxedStrategy<String> {
    prop::sample::select(vec!["a", "b", "c", "é"])
        .prop_map(str::to_owned)
        .boxed()
}

fn schemas() -> impl Strategy<Value = Value> {
    let small = 0_u64..4;
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        prop::sample::select(vec![
            "null", "boolean", "integer", "number", "string", "array", "object"
        ])
        .prop_map(|kind| json!({ "type": kind })),
        values().prop_map(|value| json!({ "const": value })),
        prop::collection::vec(values(), 1..4).prop_map(|options| json!({ "enum": options })),
        small.clone().prop_map(|n| json!({ "minLength": n })),
        small.clone().prop_map(|n| json!({ "maxLength": n })),
        small.clone().prop_map(|n| json!({ "minItems": n })),
        small.clone().prop_map(|n| json!({ "maxProperties": n })),
        small.clone().prop_map(|n| json!({ "minimum": n })),
        small.clone().prop_map(|n| json!({ "exclusiveMaximum": n })),
        Just(json!({ "multipleOf": 0.5 })),
        Just(json!({ "uniqueItems": true })),
        Just(json!({ "pattern": "^[ab]+$" })),
        prop::collection::btree_set(names(), 0..4).prop_map(|names| json!({ "required": names })),
    ];
    leaf.prop_recursive(3, 16, 3, |inner| {
        let many = prop::collection::vec(inner.clone(), 1..3);
        let members = prop::collection::btree_map(names(), inner.clone(), 0..4);
        prop_oneof![
            (members.clone(), inner.clone()).prop_map(
                |(members, rest)| json!({ "properties": members, "additionalProperties": rest })
            ),
            (members.clone(), Just(false)).prop_map(
                |(members, rest)| json!({ "properties": members, "unevaluatedProperties": rest })
            ),
            inner
                .clone()
                .prop_map(|schema| json!({ "patternProperties": { "^a": schema } })),
            inner
                .clone()
                .prop_map(|schema| json!({ "propertyNames": schema })),
            members.prop_map(|members| json!({ "dependentSchemas": members })),
            many.clone().prop_map(|schemas| json!({ "anyOf": schemas })),
            many.clone().prop_map(|schemas| json!({ "oneOf": schemas })),
            many.clone().prop_map(|schemas| json!({ "allOf": schemas })),
            many.prop_map(|schemas| json!({ "prefixItems": schemas, "unevaluatedItems": false })),
            inner.clone().prop_map(|schema| json!({ "not": schema })),
            inner.clone().prop_map(|schema| json!({ "items": schema })),
            inner
                .clone()
                .prop_map(|schema| json!({ "contains": schema, "maxContains": 2 })),
            (inner.clone(), inner.clone(), inner)
                .prop_map(|(test, yes, no)| json!({ "if": test, "then": yes, "else": no })),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1024) })]

    #[test]
    fn every_verdict_is_the_one_on_a_plain_value(schema in schemas(), records in prop::collection::vec(values(), 1..8)) {
        let plain = jsonschema::options().build(&schema).unwrap();
        let ours = Validator::from_document(schema).unwrap();
        for record in records {
            let text = record.to_string();
            let tree = Tree::parse(&text).unwrap();
            let violations = ours.check(&tree);
            prop_assert_eq!(violations.is_empty(), plain.is_valid(&record), "{}", text);
            prop_assert_eq!(ours.check_value(&record), violations);
        }
    }
}
