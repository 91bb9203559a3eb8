//! Owns which schemas a `Validator` takes, how it refuses the others, and how it tells them apart.
//! Which records it refuses is the matter of `violations.rs`.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a helper of tests fails like a test"
)]

use larder_schema::{SchemaError, Tree, Validator, Violation};
use serde_json::{Value, json};

fn places(validator: &Validator, record: &Value) -> Vec<(String, String)> {
    let text = record.to_string();
    validator
        .check(&Tree::parse(&text).unwrap())
        .iter()
        .map(|violation| (violation.path().to_owned(), violation.keyword().to_owned()))
        .collect()
}

fn place(path: &str, keyword: &str) -> (String, String) {
    (path.to_owned(), keyword.to_owned())
}

fn document(schema: Value) -> Validator {
    Validator::from_document(schema).unwrap()
}

#[test]
fn the_draft_of_the_document_is_applied() {
    let exclusive = |draft: &str| {
        document(json!({
            "$schema": draft, "definitions": {"n": {"minimum": 1}},
            "properties": {"n": {"$ref": "#/definitions/n", "maximum": 5}}
        }))
    };
    let record = json!({"n": 9});
    // Up to draft 7 a `$ref` hides the keywords beside it.
    let seven = exclusive("http://json-schema.org/draft-07/schema#");
    assert_eq!(places(&seven, &record), []);
    let newest = exclusive("https://json-schema.org/draft/2020-12/schema");
    assert_eq!(places(&newest, &record), [place("/n", "maximum")]);
}

#[test]
fn formats_are_asserted_up_to_draft_7_and_unknown_ones_never() {
    let format = |draft: &str, format: &str| {
        document(json!({"$schema": draft, "properties": {"x": {"format": format}}}))
    };
    let seven = "http://json-schema.org/draft-07/schema#";
    let newest = "https://json-schema.org/draft/2020-12/schema";
    let record = json!({"x": "no date at all"});
    assert_eq!(
        places(&format(seven, "date-time"), &record),
        [place("/x", "format")]
    );
    assert_eq!(places(&format(newest, "date-time"), &record), []);
    for draft in [seven, newest] {
        assert_eq!(places(&format(draft, "uint64"), &record), []);
        assert_eq!(places(&format(draft, "of-our-own"), &record), []);
    }
}

fn refused(schema: Value) -> SchemaError {
    Validator::from_document(schema).unwrap_err()
}

#[test]
fn references_out_of_the_document_are_refused_by_name() {
    for (reference, name) in [
        (
            "https://example.com/user.json",
            "https://example.com/user.json",
        ),
        (
            "http://localhost:1/user.json#/x",
            "http://localhost:1/user.json",
        ),
        ("file:///etc/passwd", "file:///etc/passwd"),
        ("user.json#/$defs/user", "user.json"),
        ("./sub/user.json", "sub/user.json"),
    ] {
        let error = refused(json!({"properties": {"a/b": {"items": {"$ref": reference}}}}));
        assert!(error.reason().contains(name), "{error}");
        assert_eq!(error.path(), "/properties/a~1b/items/$ref", "{error}");
    }
    let based = refused(json!({"$id": "https://example.com/root.json", "$ref": "other.json"}));
    assert!(based.reason().contains("https://example.com/other.json"));
    let unknown = refused(json!({"$schema": "https://example.com/meta", "type": "object"}));
    assert!(unknown.to_string().contains("https://example.com/meta"));
}

#[test]
fn references_within_the_document_work() {
    let local = document(json!({
        "$defs": {"name": {"$anchor": "name", "minLength": 2}},
        "properties": {"a": {"$ref": "#/$defs/name"}, "b": {"$ref": "#name"}, "c": {"$ref": "#"}},
    }));
    let found = places(&local, &json!({"a": "x", "b": "x", "c": {"a": "x"}}));
    assert_eq!(
        found,
        [
            place("/a", "minLength"),
            place("/b", "minLength"),
            place("/c/a", "minLength")
        ]
    );
    assert!(
        refused(json!({"$ref": "#/$defs/none"}))
            .reason()
            .contains("/$defs/none")
    );
    let itself = document(json!({"$ref": "#"}));
    assert_eq!(places(&itself, &json!({})), []);
}

#[test]
fn documents_that_are_no_schemas_are_refused_with_their_place() {
    for none in [json!(null), json!([]), json!("x"), json!(1)] {
        assert_eq!(refused(none).path(), "");
    }
    for (schema, path) in [
        (json!({"type": "text"}), "/type"),
        (
            json!({"properties": {"a": {"minLength": -1}}}),
            "/properties/a/minLength",
        ),
        (json!({"required": "a"}), "/required"),
        (json!({"items": {"pattern": "("}}), "/items/pattern"),
    ] {
        let error = refused(schema);
        assert_eq!(error.path(), path, "{error}");
        assert!(error.to_string().contains(path) && !error.reason().is_empty());
        assert!(std::error::Error::source(&error).is_none());
    }
    let deep = (0..1000).fold(json!(true), |inner, _| json!({ "items": inner }));
    assert!(refused(deep).reason().contains("nested deeper"));
}

#[test]
fn a_boolean_schema_takes_all_or_nothing() {
    assert_eq!(places(&document(json!(true)), &json!(1)), []);
    assert_eq!(
        places(&document(json!(false)), &json!(1)),
        [place("", "falseSchema")]
    );
}

#[test]
fn a_fingerprint_is_that_of_the_document() {
    let read = |text: &str| document(serde_json::from_str(text).unwrap());
    let one = read(r#"{"type": "object", "required": ["a", "b"]}"#);
    let same = read(r#"{ "required":["a","b"],"type":"object" }"#);
    let other = read(r#"{"type": "object", "required": ["b", "a"]}"#);
    assert_eq!(one.fingerprint(), same.fingerprint());
    assert_ne!(one.fingerprint(), other.fingerprint());
    assert_eq!(one.fingerprint().len(), 16);
    assert!(
        one.fingerprint()
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit())
    );
    // A fingerprint is stored, so it must be the same in every version.
    assert_eq!(Validator::any_object().fingerprint(), "96a4f50cd0a52287");
    assert_eq!(one.clone().document(), one.document());
    assert!(format!("{one:?}").len() < 40);
}

#[test]
fn it_is_shared_between_threads() {
    fn shared<T: Send + Sync + Clone + 'static>() {}
    shared::<Validator>();
    shared::<Violation>();
    shared::<SchemaError>();
}
