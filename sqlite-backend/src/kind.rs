//! What a column holds, from the schema of the records.
//!
//! Owns [`kind_at`]. It promises nothing: where the schema is silent or says several things the
//! column holds anything, and a key that does not fit its column widens it (see `load.rs`).

use serde_json::Value;

use crate::cell::Kind;

/// References are followed so far; a schema may refer to itself.
const MAX_DEPTH: u32 = 16;

/// The kind of the field at a path, or of its elements for the path of a list.
pub(crate) fn kind_at(schema: &Value, path: &str, elements: bool) -> Kind {
    let mut at = schema;
    for token in path.split('/').skip(1) {
        let name = token.replace("~1", "/").replace("~0", "~");
        let Some(next) = member(schema, at, MAX_DEPTH, &|found| {
            found.get("properties")?.get(&name)
        }) else {
            return Kind::Any;
        };
        at = next;
    }
    if elements {
        let Some(items) = member(schema, at, MAX_DEPTH, &|found| found.get("items")) else {
            return Kind::Any;
        };
        at = items;
    }
    let mut seen = None;
    if collect(schema, at, MAX_DEPTH, &mut seen) {
        seen.unwrap_or(Kind::Any)
    } else {
        Kind::Any
    }
}

/// What stands behind a reference.
fn behind<'s>(root: &'s Value, at: &'s Value) -> Option<&'s Value> {
    root.pointer(at.get("$ref")?.as_str()?.strip_prefix('#')?)
}

/// The first schema that has what `find` wants, of this one and of those it stands for.
fn member<'s>(
    root: &'s Value,
    at: &'s Value,
    depth: u32,
    find: &dyn Fn(&'s Value) -> Option<&'s Value>,
) -> Option<&'s Value> {
    let depth = depth.checked_sub(1)?;
    if let Some(found) = find(at) {
        return Some(found);
    }
    if let Some(target) = behind(root, at) {
        return member(root, target, depth, find);
    }
    ["anyOf", "oneOf", "allOf"]
        .iter()
        .filter_map(|word| at.get(word)?.as_array())
        .flatten()
        .find_map(|part| member(root, part, depth, find))
}

/// Adds the kinds that a schema lets through; false if that cannot be told, or if it is several.
fn collect(root: &Value, at: &Value, depth: u32, seen: &mut Option<Kind>) -> bool {
    let Some(depth) = depth.checked_sub(1) else {
        return false;
    };
    if let Some(target) = behind(root, at) {
        return collect(root, target, depth, seen);
    }
    if let Some(types) = at.get("type") {
        let one = std::slice::from_ref(types);
        let types = types.as_array().map_or(one, Vec::as_slice);
        return types
            .iter()
            .all(|word| word.as_str().is_some_and(|word| add(word, seen)));
    }
    if let Some(value) = at.get("const") {
        return add(word_of(value), seen);
    }
    if let Some(values) = at.get("enum").and_then(Value::as_array) {
        return values.iter().all(|value| add(word_of(value), seen));
    }
    for word in ["anyOf", "oneOf"] {
        if let Some(parts) = at.get(word).and_then(Value::as_array) {
            return parts.iter().all(|part| collect(root, part, depth, seen));
        }
    }
    match at.get("allOf").and_then(Value::as_array).map(Vec::as_slice) {
        Some([only]) => collect(root, only, depth, seen),
        _ => false,
    }
}

fn word_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::String(_) => "string",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::Array(_) | Value::Object(_) => "object",
    }
}

fn add(word: &str, seen: &mut Option<Kind>) -> bool {
    let kind = match word {
        "null" => return true,
        "string" => Kind::Text,
        "boolean" => Kind::Boolean,
        "integer" => Kind::Integer,
        "number" => Kind::Real,
        _ => return false,
    };
    *seen.get_or_insert(kind) == kind
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_schema_says_what_a_column_holds() {
        let schema = json!({
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "turn": {"type": ["integer", "null"]},
                "cost": {"type": "number"},
                "open": {"type": "boolean"},
                "either": {"type": ["string", "integer"]},
                "mode": {"anyOf": [{"$ref": "#/$defs/Mode"}, {"type": "null"}]},
                "state": {"$ref": "#/$defs/State"},
                "tags": {"type": "array", "items": {"type": "string"}},
                "loop": {"$ref": "#/$defs/Loop"},
                "a/b": {"type": "string"},
                "free": {}
            },
            "$defs": {
                "Mode": {"oneOf": [{"const": "a"}, {"type": "string", "enum": ["b"]}]},
                "State": {"type": "object", "properties": {"status": {"enum": ["x", null]}}},
                "Loop": {"$ref": "#/$defs/Loop"}
            }
        });
        for (path, kind) in [
            ("/name", Kind::Text),
            ("/turn", Kind::Integer),
            ("/cost", Kind::Real),
            ("/open", Kind::Boolean),
            ("/either", Kind::Any),
            ("/mode", Kind::Text),
            ("/state/status", Kind::Text),
            ("/state/nothing", Kind::Any),
            ("/tags", Kind::Any),
            ("/loop", Kind::Any),
            ("/a~1b", Kind::Text),
            ("/free", Kind::Any),
        ] {
            assert_eq!(kind_at(&schema, path, false), kind, "{path}");
        }
        assert_eq!(kind_at(&schema, "/tags", true), Kind::Text);
        assert_eq!(kind_at(&schema, "/name", true), Kind::Any);
        assert_eq!(kind_at(&Value::Null, "/name", false), Kind::Any);
    }
}
