//! The white space of JSON text: taking it out, and putting it in as `JSON.stringify` does.
//!
//! It owns nothing but white space outside strings. It does not parse: numbers, escapes and the
//! order of keys stay as they are spelt. The input is valid JSON; for anything else the output is
//! some text, without a panic.

use std::borrow::Cow;

/// Takes out all white space outside strings.
#[must_use]
pub fn compact(text: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut kept = 0;
    let mut at = 0;
    while let Some(byte) = text.as_bytes().get(at) {
        match byte {
            b'"' => at = string_end(text, at),
            b' ' | b'\t' | b'\n' | b'\r' => {
                if out.capacity() == 0 {
                    out.reserve_exact(text.len());
                }
                out.push_str(text.get(kept..at).unwrap_or_default());
                at += 1;
                kept = at;
            }
            _ => at += 1,
        }
    }
    if kept == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(text.get(kept..).unwrap_or_default());
    Cow::Owned(out)
}

/// Puts every member and element on a line of its own, as `JSON.stringify(value, null, unit)`
/// does; `{}` and `[]` stay so. Every line after the first starts with `depth` units more, so that
/// the result can stand that deep in another text.
#[must_use]
pub fn indent(text: &str, unit: &str, depth: usize) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 2);
    let mut level = depth;
    let mut at = 0;
    let new_line = |out: &mut String, level: usize| {
        out.push('\n');
        for _ in 0..level {
            out.push_str(unit);
        }
    };
    while let Some(&byte) = text.as_bytes().get(at) {
        let start = at;
        at = if byte == b'"' {
            string_end(text, at)
        } else {
            at + 1
        };
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => {}
            b'{' | b'[' => {
                out.push(char::from(byte));
                let next = skip_space(text, at);
                if let Some(&close @ (b'}' | b']')) = text.as_bytes().get(next) {
                    out.push(char::from(close));
                    at = next + 1;
                } else {
                    level += 1;
                    new_line(&mut out, level);
                }
            }
            b'}' | b']' => {
                level = level.saturating_sub(1);
                new_line(&mut out, level);
                out.push(char::from(byte));
            }
            b',' => {
                out.push(',');
                new_line(&mut out, level);
            }
            b':' => out.push_str(": "),
            b'"' => out.push_str(text.get(start..at).unwrap_or_default()),
            _ => {
                at = plain_end(text, start);
                out.push_str(text.get(start..at).unwrap_or_default());
            }
        }
    }
    out
}

/// The offset after the string that starts at `start`, or the end of the text.
fn string_end(text: &str, start: usize) -> usize {
    let bytes = text.as_bytes();
    let mut at = start + 1;
    while let Some(found) = bytes
        .get(at..)
        .and_then(|rest| memchr::memchr2(b'"', b'\\', rest))
    {
        at += found;
        if bytes.get(at) == Some(&b'"') {
            return at + 1;
        }
        at += 2;
    }
    text.len()
}

fn skip_space(text: &str, start: usize) -> usize {
    let rest = text.as_bytes().get(start..).unwrap_or_default();
    start
        + rest
            .iter()
            .take_while(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r'))
            .count()
}

/// The end of a number, a literal, or of whatever invalid text stands in its place.
fn plain_end(text: &str, start: usize) -> usize {
    let rest = text.as_bytes().get(start..).unwrap_or_default();
    let end = rest.iter().position(|b| {
        matches!(
            b,
            b' ' | b'\t' | b'\n' | b'\r' | b'{' | b'}' | b'[' | b']' | b',' | b':' | b'"'
        )
    });
    start + end.unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::{compact, indent};

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "\\PC{0,8}".prop_map(Value::from),
            "[ \\t\\n\\\\\"{},:\\[\\]]{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map("[ -~]{0,6}", inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn white_space_goes_and_comes(value in any_json(), depth in 0usize..4) {
            let text = value.to_string();
            prop_assert_eq!(compact(&text), text.as_str());
            let pretty = serde_json::to_string_pretty(&value).unwrap();
            prop_assert_eq!(indent(&text, "  ", 0), pretty.as_str());
            prop_assert_eq!(indent(&pretty, "  ", 0), pretty.as_str());
            let deep = indent(&text, "\t", depth);
            prop_assert_eq!(compact(&deep), text.as_str());
            prop_assert_eq!(serde_json::from_str::<Value>(&deep).unwrap(), value);
        }

        #[test]
        fn no_text_panics(text in "[\\[\\]{}\",:\\\\ 1aé\\n]{0,30}") {
            let _ = compact(&text);
            let _ = indent(&text, " ", 1);
        }
    }

    #[test]
    fn spelling_and_order_stay() {
        let text = r#"{ "b" : 1.50e+10 , "a" : "\u0041 \" }" , "c" : [ ] , "d" : { } }"#;
        assert_eq!(
            compact(text),
            r#"{"b":1.50e+10,"a":"\u0041 \" }","c":[],"d":{}}"#
        );
        assert_eq!(
            indent(text, "  ", 1),
            "{\n    \"b\": 1.50e+10,\n    \"a\": \"\\u0041 \\\" }\",\n    \"c\": [],\n    \"d\": {}\n  }"
        );
        assert!(matches!(compact("[1,2]"), std::borrow::Cow::Borrowed(_)));
        assert_eq!(compact(" \n"), "");
        assert_eq!(compact(&json!({"a": " "}).to_string()), "{\"a\":\" \"}");
    }
}
