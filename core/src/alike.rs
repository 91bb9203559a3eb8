//! Whether two texts are the same JSON, whatever the order of what has none.
//!
//! Owns [`same_members`] and [`same_items`]. A map or a set of Rust's may come in another order each
//! time that it is read from the same text. What follows from two texts being alike is for others to
//! say.

use std::collections::BTreeMap;

use serde_json::Value;

/// Whether these are the same but for the order of the members of objects.
pub(crate) fn same_members(a: &str, b: &str) -> bool {
    parse(a).is_some_and(|a| Some(a) == parse(b))
}

/// Whether these are the same but for the order of the members of objects and of the items of lists.
pub(crate) fn same_items(a: &str, b: &str) -> bool {
    let sorted = |text| parse(text).map(sorted);
    sorted(a).is_some_and(|a| Some(a) == sorted(b))
}

fn parse(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok()
}

/// The same value with its lists in an order that does not depend on the one they had.
fn sorted(value: Value) -> Value {
    match value {
        Value::Array(items) => {
            let mut items: Vec<Value> = items.into_iter().map(sorted).collect();
            items.sort_by_cached_key(canonical);
            Value::Array(items)
        }
        Value::Object(members) => members
            .into_iter()
            .map(|(name, member)| (name, sorted(member)))
            .collect(),
        other => other,
    }
}

/// A text that equal values have in common, whatever the order of their members.
fn canonical(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        Value::Object(members) => {
            let members: BTreeMap<&String, String> = members
                .iter()
                .map(|(name, member)| (name, canonical(member)))
                .collect();
            format!("{members:?}")
        }
        other => other.to_string(),
    }
}
