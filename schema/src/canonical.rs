//! Owns the one text of a JSON value, by which values are compared and schemas are told apart. It
//! is not how a record is written.

use serde_json::Value;

/// The one text of a value: with sorted keys and without whitespace.
pub(crate) fn of(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

/// The one text of a value that is given as a text.
pub(crate) fn text(written: &str) -> String {
    serde_json::from_str(written).map_or_else(|_| written.to_owned(), |value| of(&value))
}

/// Writes the one text of a value. The order of keys is made here rather than taken from the map,
/// because a feature of `serde_json` which anyone in the build may switch on changes that.
fn write(value: &Value, text: &mut String) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(key, _)| *key);
            text.push('{');
            for (index, (key, inner)) in members.into_iter().enumerate() {
                text.push_str(if index == 0 { "" } else { "," });
                text.push_str(&Value::from(key.as_str()).to_string());
                text.push(':');
                write(inner, text);
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (index, inner) in items.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { "," });
                write(inner, text);
            }
            text.push(']');
        }
        scalar => text.push_str(&scalar.to_string()),
    }
}
