//! Owns the promise that no violation holds a value of the record, for every keyword there is and
//! at several depths. Which violations there are is the matter of `violations.rs`.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a helper of tests fails like a test"
)]

use larder_schema::{Tree, Validator, Violation};
use serde_json::{Value, json};

const SECRET: &str = "hunter2";

/// A keyword, a schema that refuses the record, and the record with a secret in it.
#[expect(clippy::too_many_lines, reason = "a table")]
fn cases() -> Vec<(&'static str, Value, Value)> {
    let secret = || json!(SECRET);
    let number = || json!(77_123_456_789_u64);
    vec![
        ("type", json!({"type": "integer"}), secret()),
        ("type", json!({"type": ["integer", "null"]}), secret()),
        ("type", json!({"type": "string"}), number()),
        ("type", json!({"type": "string"}), json!({"k": SECRET})),
        ("const", json!({"const": "x"}), secret()),
        ("enum", json!({"enum": ["x", 1, null]}), secret()),
        ("minLength", json!({"minLength": 100}), secret()),
        ("maxLength", json!({"maxLength": 1}), secret()),
        ("pattern", json!({"pattern": "^[0-9]$"}), secret()),
        ("pattern", json!({"pattern": "^(?=x)(a+)+$"}), secret()),
        ("minimum", json!({"minimum": 1e15}), number()),
        ("maximum", json!({"maximum": 1}), number()),
        (
            "exclusiveMinimum",
            json!({"exclusiveMinimum": 1e15}),
            number(),
        ),
        ("exclusiveMaximum", json!({"exclusiveMaximum": 1}), number()),
        ("multipleOf", json!({"multipleOf": 2}), number()),
        ("minItems", json!({"minItems": 5}), json!([SECRET])),
        ("maxItems", json!({"maxItems": 0}), json!([SECRET])),
        (
            "uniqueItems",
            json!({"uniqueItems": true}),
            json!([SECRET, SECRET]),
        ),
        (
            "uniqueItems",
            json!({"uniqueItems": true}),
            json!([[SECRET], [SECRET]]),
        ),
        (
            "contains",
            json!({"contains": {"type": "null"}}),
            json!([SECRET]),
        ),
        (
            "contains",
            json!({"contains": {"type": "string"}, "minContains": 2}),
            json!([SECRET]),
        ),
        (
            "maxContains",
            json!({"contains": {"type": "string"}, "maxContains": 1}),
            json!([SECRET, "x"]),
        ),
        ("type", json!({"items": {"type": "null"}}), json!([SECRET])),
        (
            "type",
            json!({"prefixItems": [{"type": "null"}]}),
            json!([SECRET]),
        ),
        (
            "falseSchema",
            json!({"prefixItems": [true], "items": false}),
            json!([1, SECRET]),
        ),
        (
            "additionalItems",
            json!({"$schema": "http://json-schema.org/draft-07/schema#", "items": [true], "additionalItems": false}),
            json!([1, SECRET]),
        ),
        (
            "unevaluatedItems",
            json!({"prefixItems": [true], "unevaluatedItems": false}),
            json!([1, SECRET]),
        ),
        ("required", json!({"required": ["x"]}), json!({"k": SECRET})),
        (
            "minProperties",
            json!({"minProperties": 2}),
            json!({"k": SECRET}),
        ),
        (
            "maxProperties",
            json!({"maxProperties": 0}),
            json!({"k": SECRET}),
        ),
        (
            "additionalProperties",
            json!({"additionalProperties": false}),
            json!({"k": SECRET}),
        ),
        (
            "type",
            json!({"additionalProperties": {"type": "null"}}),
            json!({"k": SECRET}),
        ),
        (
            "unevaluatedProperties",
            json!({"unevaluatedProperties": false}),
            json!({"k": SECRET}),
        ),
        (
            "propertyNames",
            json!({"propertyNames": {"minLength": 2}}),
            json!({"k": SECRET}),
        ),
        (
            "propertyNames",
            json!({"propertyNames": {"enum": ["x"]}}),
            json!({"k": SECRET}),
        ),
        (
            "type",
            json!({"patternProperties": {"^k": {"type": "null"}}}),
            json!({"k": SECRET}),
        ),
        (
            "required",
            json!({"dependentRequired": {"k": ["x"]}}),
            json!({"k": SECRET}),
        ),
        (
            "required",
            json!({"dependentSchemas": {"k": {"required": ["x"]}}}),
            json!({"k": SECRET}),
        ),
        ("not", json!({"not": {"type": "string"}}), secret()),
        (
            "anyOf",
            json!({"anyOf": [{"type": "null"}, {"type": "integer"}]}),
            secret(),
        ),
        (
            "maxLength",
            json!({"anyOf": [{"type": "null"}, {"maxLength": 1}]}),
            secret(),
        ),
        (
            "oneOf",
            json!({"oneOf": [{"const": "x"}, {"const": "y"}]}),
            secret(),
        ),
        (
            "oneOf",
            json!({"oneOf": [{"type": "string"}, {"minLength": 1}]}),
            secret(),
        ),
        ("maxLength", json!({"allOf": [{"maxLength": 1}]}), secret()),
        (
            "type",
            json!({"if": {"type": "string"}, "then": {"type": "null"}}),
            secret(),
        ),
        ("falseSchema", json!(false), secret()),
        (
            "maxLength",
            json!({"$ref": "#/$defs/d", "$defs": {"d": {"maxLength": 1}}}),
            secret(),
        ),
        (
            "format",
            json!({"$schema": "http://json-schema.org/draft-07/schema#", "format": "date-time"}),
            secret(),
        ),
        (
            "contentMediaType",
            json!({"$schema": "http://json-schema.org/draft-07/schema#", "contentMediaType": "application/json"}),
            secret(),
        ),
        (
            "contentEncoding",
            json!({"$schema": "http://json-schema.org/draft-07/schema#", "contentEncoding": "base64"}),
            json!("hunter2!"),
        ),
        (
            "contentEncoding",
            json!({
                "$schema": "http://json-schema.org/draft-07/schema#",
                "contentEncoding": "base64", "contentMediaType": "application/json"
            }),
            json!("/////w=="),
        ),
    ]
}

fn shown(violations: &[Violation]) -> String {
    let plain: Vec<_> = violations.iter().map(Violation::to_string).collect();
    format!("{plain:?} {violations:?}")
}

fn check(schema: Value, record: &Value) -> Vec<Violation> {
    let validator = Validator::from_document(schema).unwrap();
    let text = record.to_string();
    let violations = validator.check(&Tree::parse(&text).unwrap());
    assert_eq!(violations, validator.check_value(record));
    let shown = shown(&violations);
    for secret in [SECRET, "77123456789", "7.7123456789", "/////w=="] {
        assert!(!shown.contains(secret), "{shown}");
    }
    violations
}

/// The schema within others, `$schema` staying outermost where it is needed.
fn wrapped(schema: &Value, wrap: impl FnOnce(Value) -> Value) -> Value {
    let mut inner = schema.clone();
    let outermost: Vec<_> = ["$schema", "$defs"]
        .into_iter()
        .filter_map(|key| Some((key, inner.as_object_mut()?.remove(key)?)))
        .collect();
    let mut outer = wrap(inner);
    for (key, value) in outermost {
        outer[key] = value;
    }
    outer
}

#[test]
fn no_keyword_shows_the_value_it_refuses() {
    for (keyword, schema, record) in cases() {
        let violations = check(schema.clone(), &record);
        let first = violations
            .first()
            .unwrap_or_else(|| panic!("{schema} accepts {record}"));
        if keyword != "maxContains" {
            assert_eq!(first.keyword(), keyword, "{schema}: {first}");
        }
        assert!(!first.message().is_empty());
    }
}

#[test]
fn no_depth_and_no_context_shows_it_either() {
    for (_, schema, record) in cases() {
        let nested = wrapped(
            &schema,
            |inner| json!({"properties": {"a": {"items": {"properties": {"b": inner}}}}}),
        );
        let violations = check(nested, &json!({"a": [{"b": null}, {"b": record}]}));
        assert!(
            violations.iter().any(|it| it.path().starts_with("/a/1/b")),
            "{schema} {violations:?}"
        );

        for combine in ["anyOf", "oneOf", "allOf"] {
            let context = wrapped(&schema, |inner| {
                let field = json!({"properties": {"b": inner}});
                json!({"items": {combine: [field.clone(), {"type": "null"}, field, {"required": ["z"]}]}})
            });
            check(context, &json!([{"b": record}]));
        }
        let negated = wrapped(&schema, |inner| json!({"not": {"not": inner}}));
        assert_ne!(check(negated, &record), [], "{schema}");
        let conditional = wrapped(
            &schema,
            |inner| json!({"if": true, "then": {"items": inner}}),
        );
        assert_ne!(check(conditional, &json!([record])), [], "{schema}");
        let unevaluated = wrapped(
            &schema,
            |inner| json!({"anyOf": [inner], "unevaluatedProperties": false}),
        );
        assert_ne!(check(unevaluated, &record), [], "{schema}");
    }
}

#[test]
fn a_pattern_that_gives_up_refuses_without_showing_anything() {
    let pattern = json!({"pattern": "^(?=h)(?:[a-z0-9]+x?)+\\1?([!])$"});
    let endless = json!({"properties": {"list": {"items": pattern}}});
    let record = json!({"list": [format!("{SECRET}{}", "a".repeat(60))], "other": SECRET});
    let violations = check(endless.clone(), &record);
    assert!(
        violations[0].message().contains("too complex"),
        "{violations:?}"
    );
    let named = json!({"propertyNames": {"pattern": "^(?=h)(?:[a-z0-9]+x?)+\\1?([!])$"}});
    let name = "h".repeat(60);
    assert_ne!(check(named, &json!({ name: SECRET })), []);
    let context = json!({"anyOf": [endless, {"type": "null"}], "oneOf": [{"type": "string"}]});
    assert_ne!(check(context, &record), []);
}

#[test]
fn names_are_shown_and_shortened() {
    let closed = json!({"properties": {"known": true}, "additionalProperties": false});
    let violations = check(closed.clone(), &json!({"extra": SECRET}));
    assert!(violations[0].message().contains("extra"));

    let short = json!({"propertyNames": {"maxLength": 3}});
    let violations = check(short, &json!({"extra": SECRET}));
    assert!(
        violations[0].message().contains("\"extra\""),
        "{violations:?}"
    );

    let names: Value = (0..10_000)
        .map(|n| (format!("name-{n}"), json!(SECRET)))
        .collect();
    let violations = check(closed, &names);
    assert!(violations[0].message().len() <= 300);
}
