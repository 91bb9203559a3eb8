//! Owns the behaviour of `Tree::parse`: what it reads, what it refuses, and how it says so.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a helper of tests fails like a test"
)]

use std::{fmt::Write as _, time::Instant};

use larder_schema::{ParseError, Pointer, Tree, Validator};
use proptest::prelude::*;
use serde_json::{Value, json};

fn refused(text: &str) -> ParseError {
    Tree::parse(text).unwrap_err()
}

#[test]
fn strings_without_escapes_are_borrowed() {
    let text = r#"{"plain":"text","escaped":"a\nb"}"#;
    let tree = Tree::parse(text).unwrap();
    let object = tree.as_object().unwrap();
    let within = |part: &str| text.as_bytes().as_ptr_range().contains(&part.as_ptr());
    assert!(within(object.get("plain").unwrap().as_str().unwrap()));
    assert!(object.keys().all(within));
    let escaped = object.get("escaped").unwrap().as_str().unwrap();
    assert_eq!(escaped, "a\nb");
    assert!(!within(escaped));
}

#[test]
fn numbers_are_those_of_serde_json() {
    for text in [
        "0",
        "-0",
        "-0.0",
        "1",
        "-1",
        "18446744073709551615",
        "18446744073709551616",
        "-9223372036854775808",
        "-9223372036854775809",
        "1.0",
        "0.1",
        "1e3",
        "1E-3",
        "5e-324",
        "1e-400",
        "1.7976931348623157e308",
        "123456789012345678901234567890",
    ] {
        let ours = Tree::parse(text).unwrap();
        let theirs: Value = serde_json::from_str(text).unwrap();
        assert_eq!(ours.as_number(), theirs.as_number(), "{text}");
        assert_eq!(ours.to_value().to_string(), theirs.to_string(), "{text}");
    }
}

#[test]
fn what_is_not_one_json_value_is_refused_with_its_place() {
    for (text, line, column, message) in [
        ("", 1, 1, "EOF while parsing a value"),
        ("  \n ", 2, 1, "EOF while parsing a value"),
        ("{\"a\":1", 1, 6, "EOF while parsing an object"),
        ("[1,]", 1, 4, "trailing comma"),
        ("{} {}", 1, 4, "trailing characters"),
        ("{}\nx", 2, 1, "trailing characters"),
        ("\u{feff}{}", 1, 1, "expected value"),
        ("1e999", 1, 5, "number out of range"),
        ("-1e999", 1, 6, "number out of range"),
        ("NaN", 1, 1, "expected value"),
        ("01", 1, 2, "invalid number"),
        ("{a:1}", 1, 2, "key must be a string"),
        ("\"\\ud800\"", 1, 8, "unexpected end of hex escape"),
        (
            "\"\\ud800\\u0041\"",
            1,
            13,
            "lone leading surrogate in hex escape",
        ),
        ("\"\\udc00\"", 1, 7, "lone leading surrogate in hex escape"),
        (
            "\"a\nb\"",
            2,
            1,
            "control character (\\u0000-\\u001F) found while parsing a string",
        ),
    ] {
        let error = refused(text);
        assert_eq!(error.message(), message, "{text:?}");
        assert_eq!((error.line(), error.column()), (line, column), "{text:?}");
        assert_eq!(error.duplicate_key(), None, "{text:?}");
    }
}

#[test]
fn a_key_that_stands_twice_is_refused_by_its_path() {
    for (text, path) in [
        (r#"{"a":1,"a":1}"#, "/a"),
        (r#"{"a":1,"\u0061":2}"#, "/a"),
        (r#"[0,{"x":{"k":1,"l":2,"k":3}}]"#, "/1/x/k"),
        (r#"{"a/b":{"m~n":0,"m~n":0}}"#, "/a~1b/m~0n"),
        (r#"{"":{"":0,"":0}}"#, "//"),
    ] {
        let error = refused(text);
        assert_eq!(error.duplicate_key(), Some(path), "{text}");
        assert_eq!(error.message(), format!("the key {path} stands twice"));
    }
    let spread = refused("{\n\"a\":1,\n\"a\":2}");
    assert_eq!(spread.line(), 3);
}

#[test]
fn one_key_in_two_objects_is_no_repetition() {
    assert!(Tree::parse(r#"{"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]}"#).is_ok());
}

#[test]
fn a_repeated_key_is_found_in_objects_of_every_size() {
    for size in [2_usize, 31, 32, 33, 34, 100, 1000] {
        for repeated in [0, size / 2, size - 1] {
            let mut text = String::from("[{");
            for index in 0..size {
                write!(text, "\"k{index}\":{index},").unwrap();
            }
            write!(text, "\"k{repeated}\":0}}]").unwrap();
            let path = format!("/0/k{repeated}");
            assert_eq!(refused(&text).duplicate_key(), Some(&*path), "{size}");
        }
    }
}

#[test]
fn every_member_of_a_large_object_is_found() {
    let value: Value = (0..5000).map(|n| (format!("k{n}"), json!(n))).collect();
    let text = value.to_string();
    let tree = Tree::parse(&text).unwrap();
    let object = tree.as_object().unwrap();
    for n in 0..5000 {
        let found = object.get(&format!("k{n}")).and_then(Tree::as_number);
        assert_eq!(found.and_then(serde_json::Number::as_u64), Some(n));
    }
    assert!(object.get("k5000").is_none());
    assert!(object.get("").is_none());
    assert_eq!(tree.to_value(), value);
}

#[test]
fn the_order_of_the_text_is_kept_and_does_not_count() {
    let one = Tree::parse(r#"{"b":1,"a":[1,2]}"#).unwrap();
    let other = Tree::parse(r#"{"a":[1,2],"b":1}"#).unwrap();
    assert_eq!(one, other);
    assert!(one.as_object().unwrap().keys().eq(["b", "a"]));
    assert_ne!(one, Tree::parse(r#"{"b":1,"a":[2,1]}"#).unwrap());
}

#[test]
fn nesting_ends_where_serde_json_ends() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        for depth in [126, 127, 128, 129, 200, 100_000] {
            let inner = if open == "[" { "" } else { "0" };
            let text = open.repeat(depth) + inner + &close.repeat(depth);
            let theirs = serde_json::from_str::<Value>(&text);
            let ours = Tree::parse(&text);
            assert_eq!(ours.is_ok(), theirs.is_ok(), "{depth}");
            if let Err(error) = ours {
                assert_eq!(error.message(), "nested deeper than 127 levels");
            }
        }
    }
}

#[test]
fn an_object_of_a_hundred_thousand_keys_is_not_quadratic() {
    let mut schema = serde_json::Map::new();
    let mut text = String::from("{");
    for index in 0..100_000 {
        let comma = if index == 0 { "" } else { "," };
        write!(text, "{comma}\"key-{index}\":{index}").unwrap();
        if index % 10 == 0 {
            schema.insert(format!("key-{index}"), json!({"type": "integer"}));
        }
    }
    text.push('}');
    let names: Vec<_> = schema.keys().cloned().collect();
    let validator =
        Validator::from_document(json!({"properties": schema, "required": names})).unwrap();
    let started = Instant::now();
    let tree = Tree::parse(&text).unwrap();
    assert!(validator.check(&tree).is_empty());
    // Quadratic work is ten thousand million comparisons, which takes a minute.
    assert!(started.elapsed().as_secs() < 10, "{:?}", started.elapsed());
}

#[test]
fn no_message_holds_a_value_of_the_text() {
    let whole = r#"{"a":"s3cr3t","b":["s3cr3t",{"c":"s3cr3t","d":12.5e3}],"e":"s3cr3t\n"}"#;
    for end in 0..whole.len() {
        let error = refused(&whole[..end]);
        assert!(!format!("{error} {error:?}").contains("s3cr"), "{error}");
        for junk in ["s3cr3t", "\"s3cr3t", "\\", "}", "\u{1}"] {
            let text = format!("{}{junk}{}", &whole[..end], &whole[end..]);
            if let Err(error) = Tree::parse(&text)
                && error.duplicate_key().is_none()
            {
                assert!(!format!("{error} {error:?}").contains("s3cr"), "{error}");
            }
        }
    }
}

#[test]
fn a_pointer_finds_what_it_finds_in_a_plain_value() {
    let text = r#"{"a":[{"b":1},[2,3]],"x/y":{"m~n":null},"0":{"0":true}}"#;
    let tree = Tree::parse(text).unwrap();
    let value = tree.to_value();
    for path in [
        "",
        "/a",
        "/a/0",
        "/a/0/b",
        "/a/1/1",
        "/a/01",
        "/a/2",
        "/a/-",
        "/x~1y/m~0n",
        "/0/0",
        "/a/b",
        "/nope",
        "/a/0/b/c",
    ] {
        let pointer = Pointer::parse(path).unwrap();
        let found = tree.pointer(&pointer).map(Tree::to_value);
        assert_eq!(found.as_ref(), pointer.resolve(&value), "{path}");
        assert_eq!(found.as_ref(), value.pointer(path), "{path}");
    }
}

#[test]
fn every_kind_of_value_has_its_name_and_its_accessor() {
    let text = r#"[null,true,1,"s",[],{}]"#;
    let tree = Tree::parse(text).unwrap();
    let items = tree.as_array().unwrap();
    let names: Vec<_> = items.iter().map(Tree::type_name).collect();
    assert_eq!(
        names,
        ["null", "boolean", "number", "string", "array", "object"]
    );
    for (place, item) in items.iter().enumerate() {
        let answers = [
            item.is_null(),
            item.as_bool().is_some(),
            item.as_number().is_some(),
            item.as_str().is_some(),
            item.as_array().is_some(),
            item.as_object().is_some(),
        ];
        assert_eq!(answers.iter().filter(|answer| **answer).count(), 1);
        assert!(answers[place]);
    }
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::hash_map(".{0,4}", inner, 0..50)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_serde_json_writes_is_read_back(value in values(), pretty in any::<bool>()) {
        let text = if pretty {
            serde_json::to_string_pretty(&value).unwrap()
        } else {
            value.to_string()
        };
        prop_assert_eq!(Tree::parse(&text).unwrap().to_value(), value);
    }

    #[test]
    fn any_text_is_read_as_serde_json_reads_it_or_refused(text in "[\\[\\]{}:,\" 0-9a\\\\.eE+-]{0,24}") {
        match (Tree::parse(&text), serde_json::from_str::<Value>(&text)) {
            (Ok(ours), Ok(theirs)) => prop_assert_eq!(ours.to_value(), theirs),
            (Err(ours), Ok(_)) => prop_assert!(ours.duplicate_key().is_some(), "{}", ours),
            (Ok(_), Err(theirs)) => prop_assert!(false, "{}", theirs),
            (Err(_), Err(_)) => {}
        }
    }
}
