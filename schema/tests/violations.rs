//! Owns which records a `Validator` refuses, with which violations and within which bounds. Which
//! schemas it takes is the matter of `schemas.rs`, and that nothing leaks that of `leaks.rs`.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a helper of tests fails like a test"
)]

use std::time::Instant;

use larder_schema::{Tree, Validator};
use schemars::JsonSchema;
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

#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[allow(dead_code, reason = "only the schema of these types is used")]
struct Session {
    id: String,
    attempts: u8,
    last_activity: u64,
    offset: i64,
    ratio: f64,
    workflow_state: Option<WorkflowState>,
    #[schemars(default)]
    tags: Vec<String>,
    provider: Provider,
    event: Option<Event>,
}

#[derive(JsonSchema)]
#[allow(dead_code, reason = "only the schema of these types is used")]
struct WorkflowState {
    status: Status,
    step: Option<u8>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
#[allow(dead_code, reason = "only the schema of these types is used")]
enum Status {
    Open,
    Closed,
}

#[derive(JsonSchema)]
#[allow(dead_code, reason = "only the schema of these types is used")]
enum Provider {
    /// A described variant.
    Claude,
    /// Another one.
    Codex,
}

#[derive(JsonSchema)]
#[schemars(tag = "kind")]
#[allow(dead_code, reason = "only the schema of these types is used")]
enum Event {
    Started { at: u64 },
    Stopped { at: u64, code: u8 },
}

fn session() -> Value {
    json!({
        "id": "a", "attempts": 3, "lastActivity": u64::MAX, "offset": i64::MIN, "ratio": 1,
        "workflowState": {"status": "open", "step": null}, "tags": ["x"], "provider": "Codex",
        "event": {"kind": "Stopped", "at": 1, "code": 2}
    })
}

fn with(path: &str, value: Value) -> Value {
    let mut record = session();
    *record.pointer_mut(path).unwrap() = value;
    record
}

#[test]
fn a_type_refuses_what_it_could_not_read() {
    let validator = Validator::of::<Session>().unwrap();
    assert_eq!(places(&validator, &session()), []);
    for (path, value, at, keyword) in [
        ("/id", json!(1), "/id", "type"),
        ("/attempts", json!(255), "", ""),
        ("/attempts", json!(256), "/attempts", "maximum"),
        ("/attempts", json!(-1), "/attempts", "minimum"),
        ("/attempts", json!(1.5), "/attempts", "type"),
        ("/lastActivity", json!(-1), "/lastActivity", "minimum"),
        ("/lastActivity", json!("1"), "/lastActivity", "type"),
        ("/offset", json!(null), "/offset", "type"),
        ("/tags", json!(["x", 1]), "/tags/1", "type"),
        ("/provider", json!("Other"), "/provider", "oneOf"),
        ("/workflowState", json!(null), "", ""),
        ("/workflowState", json!(3), "/workflowState", "anyOf"),
        (
            "/workflowState/status",
            json!("lost"),
            "/workflowState/status",
            "enum",
        ),
        (
            "/workflowState/step",
            json!(256),
            "/workflowState/step",
            "maximum",
        ),
        ("/workflowState", json!({}), "/workflowState", "required"),
        ("/event/code", json!("x"), "/event/code", "type"),
        ("/event", json!({"kind": "Started"}), "/event", "required"),
    ] {
        let record = with(path, value);
        let expected = if keyword.is_empty() {
            vec![]
        } else {
            vec![place(at, keyword)]
        };
        assert_eq!(places(&validator, &record), expected, "{record}");
    }
    let empty = places(&validator, &json!({}));
    assert!(empty.iter().all(|it| *it == place("", "required")));
    assert_eq!(empty.len(), 6, "{empty:?}");
}

#[test]
fn the_options_of_described_variants_are_named() {
    let validator = Validator::of::<Session>().unwrap();
    let violations = validator.check_value(&with("/provider", json!("Other")));
    let message = violations[0].message();
    assert!(message.contains("\"Claude\"") && message.contains("\"Codex\""));
}

#[test]
fn all_violations_are_listed() {
    let validator = document(json!({
        "properties": {"a": {"type": "string"}, "b": {"items": {"minimum": 3}}},
        "required": ["c"],
    }));
    let mut found = places(&validator, &json!({"a": 1, "b": [1, 5, 2]}));
    found.sort();
    assert_eq!(
        found,
        [
            place("", "required"),
            place("/a", "type"),
            place("/b/0", "minimum"),
            place("/b/2", "minimum"),
        ]
    );
}

#[test]
fn paths_are_json_pointers() {
    let validator = document(json!({"additionalProperties": {"type": "null"}}));
    assert_eq!(
        places(&validator, &json!({"a/b~c": 1})),
        [place("/a~1b~0c", "type")]
    );
}

#[test]
fn a_collection_without_schema_takes_objects_only() {
    let validator = Validator::any_object();
    for good in [json!({}), json!({"any": ["thing", null]})] {
        assert_eq!(places(&validator, &good), []);
    }
    for bad in [
        json!(null),
        json!([]),
        json!([{}]),
        json!("x"),
        json!(1),
        json!(true),
    ] {
        assert_eq!(places(&validator, &bad), [place("", "type")]);
        assert_eq!(validator.check_value(&bad).len(), 1);
    }
    assert_eq!(
        validator.fingerprint(),
        document(validator.document().clone()).fingerprint()
    );
}

#[test]
fn few_violations_are_all_listed_and_many_are_counted() {
    let validator = document(json!({"items": {"type": "string"}}));
    for wrong in [1_usize, 63, 64] {
        let violations = validator.check_value(&vec![1; wrong].into());
        assert_eq!(violations.len(), wrong);
        assert!(violations.iter().all(|it| it.keyword() == "type"));
    }
    for wrong in [65_usize, 1000] {
        let violations = validator.check_value(&vec![1; wrong].into());
        assert_eq!(violations.len(), 64);
        let last = violations.last().unwrap();
        assert_eq!((last.path(), last.keyword()), ("", "more"));
        assert_eq!(
            last.message(),
            format!("and {} more violations", wrong - 63)
        );
    }
}

#[test]
fn a_flood_is_cut_before_it_costs() {
    let validator = document(json!({"items": {"anyOf": [{"type": "string"}, {"type": "null"}]}}));
    let flood: Value = vec![7; 1_000_000].into();
    let started = Instant::now();
    let violations = validator.check_value(&flood);
    assert_eq!(violations.len(), 64);
    assert_eq!(violations[62].path(), "/62");
    assert_eq!(violations[63].keyword(), "more");
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}

#[test]
fn nothing_is_made_up_when_the_list_is_cut() {
    let options: Vec<_> = (0..150).map(|n| json!({ "const": n })).collect();
    let fields = json!({"properties": {
        "list": {"items": {"anyOf": options}},
        "other": {"required": ["x"], "minProperties": 1, "properties": {"x": {"type": "integer"}}},
    }});
    let record = json!({"list": vec!["wrong"; 50], "other": {"x": 1}});
    for schema in [
        fields.clone(),
        json!({ "oneOf": [{"type": "null"}, fields] }),
        json!({ "anyOf": [{"type": "null"}, fields] }),
        json!({ "allOf": [fields, fields] }),
    ] {
        let violations = document(schema).check_value(&record);
        assert!(violations.len() <= 64);
        for violation in violations {
            assert!(!violation.path().starts_with("/other"), "{violation}");
        }
    }
}

#[test]
fn a_single_error_at_the_end_of_a_large_record_is_found() {
    let validator = document(json!({"items": {"type": "integer"}}));
    let mut items = vec![json!(7); 200_000];
    items.push(json!("x"));
    assert_eq!(
        places(&validator, &items.into()),
        [place("/200000", "type")]
    );
}

#[test]
fn a_recursive_choice_does_not_explode() {
    // Every level has two branches that both go on, so there are 2^120 reasons.
    let validator = document(json!({
        "$defs": {"node": {"anyOf": [
            {"properties": {"next": {"$ref": "#/$defs/node"}}, "type": "object"},
            {"properties": {"next": {"$ref": "#/$defs/node"}}, "minProperties": 1, "type": "object"},
        ]}},
        "$ref": "#/$defs/node",
    }));
    let mut record = json!(1);
    for _ in 0..120 {
        record = json!({ "next": record });
    }
    let started = Instant::now();
    let violations = validator.check_value(&record);
    assert!(!violations.is_empty() && violations.len() <= 64);
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}

#[test]
fn the_deepest_record_is_validated_on_a_small_stack() {
    let check = || {
        let validator = document(json!({
            "$defs": {"node": {
                "anyOf": [{"type": "null"}, {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}],
                "unevaluatedProperties": false,
            }},
            "$ref": "#/$defs/node",
        }));
        for end in ["null", "1"] {
            let text = "{\"next\":".repeat(127) + end + &"}".repeat(127);
            let tree = Tree::parse(&text).unwrap();
            assert_eq!(validator.check(&tree).is_empty(), end == "null");
        }
    };
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(check);
    thread.unwrap().join().unwrap();
}

#[test]
fn a_value_too_deep_to_be_read_back_is_refused() {
    let nested = |depth| (0..depth).fold(json!({}), |inner, _| json!([{ "a": inner }]));
    assert_eq!(document(json!(true)).check_value(&nested(63)), []);
    let violations = Validator::any_object().check_value(&json!({"k": nested(64)}));
    assert_eq!(violations[0].keyword(), "depth");
    assert!(violations[0].path().starts_with("/k/0/a/0"));
}

#[test]
fn a_message_is_shortened_whatever_the_schema_says() {
    let options: Vec<_> = (0..5000).map(|n| format!("option-é-{n}")).collect();
    for schema in [
        json!({ "enum": options }),
        json!({ "enum": ["é".repeat(5000)] }),
        json!({ "const": options }),
        json!({ "required": ["é".repeat(5000)] }),
        json!({ "not": { "enum": [{}, options] } }),
        json!({ "oneOf": options.iter().map(|it| json!({ "const": it })).collect::<Vec<_>>() }),
    ] {
        let violations = document(schema).check_value(&json!({}));
        assert!(violations[0].message().len() <= 300, "{violations:?}");
        assert_ne!(violations[0].keyword(), "schema");
    }
    let long = document(json!({ "const": "é".repeat(5000) })).check_value(&json!(1));
    assert!(long[0].message().starts_with("\"éé") && long[0].message().ends_with('…'));
}
