//! Owns finding the schemas of one place of a record in a schema document, and what they suggest
//! for it. It finds more than applies, for example every branch of a choice: whoever asks checks
//! what comes of a suggestion.

use std::ptr;

use serde_json::Value;

use crate::pointer::{self, Pointer};

/// How many schemas one place may have.
const MAX_SCHEMAS: usize = 256;
/// How many values are suggested for one place.
const MAX_DEFAULTS: usize = 4;

/// The values which the schema gives as a default at this place, those of nearer schemas first.
pub(crate) fn defaults<'d>(document: &'d Value, path: &[String]) -> Vec<&'d Value> {
    let mut found: Vec<&Value> = Vec::new();
    for schema in at(document, path) {
        if let Some(default) = schema.get("default")
            && found.len() < MAX_DEFAULTS
            && !found.contains(&default)
        {
            found.push(default);
        }
    }
    found
}

/// The names of members at this place which, if they are there, ask for `missing` to be there.
pub(crate) fn dependents<'d>(
    document: &'d Value,
    path: &[String],
    missing: &str,
) -> Vec<&'d String> {
    let mut found = Vec::new();
    for schema in at(document, path) {
        for keyword in ["dependentRequired", "dependencies"] {
            let members = schema.get(keyword).and_then(Value::as_object);
            found.extend(members.into_iter().flatten().filter_map(|(name, asked)| {
                asked
                    .as_array()?
                    .iter()
                    .any(|name| name == missing)
                    .then_some(name)
            }));
        }
    }
    found
}

fn at<'d>(document: &'d Value, path: &[String]) -> Vec<&'d Value> {
    let mut schemas = Schemas::new(document);
    schemas.add(document);
    for segment in path {
        let mut below = Schemas::new(document);
        for schema in schemas.found {
            below.descend(schema, segment);
        }
        schemas = below;
    }
    schemas.found
}

/// The schemas of one place, in the order in which they were found, each once.
struct Schemas<'d> {
    document: &'d Value,
    found: Vec<&'d Value>,
}

impl<'d> Schemas<'d> {
    fn new(document: &'d Value) -> Self {
        Self {
            document,
            found: Vec::new(),
        }
    }

    /// Adds a schema and those that apply to the same value.
    fn add(&mut self, schema: &'d Value) {
        if self.found.len() >= MAX_SCHEMAS
            || !schema.is_object()
            || self.found.iter().any(|known| ptr::eq(*known, schema))
        {
            return;
        }
        self.found.push(schema);
        if let Some(target) = target(self.document, schema) {
            self.add(target);
        }
        for keyword in ["allOf", "anyOf", "oneOf"] {
            for branch in schema
                .get(keyword)
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
            {
                self.add(branch);
            }
        }
        for keyword in ["then", "else"] {
            if let Some(branch) = schema.get(keyword) {
                self.add(branch);
            }
        }
    }

    /// Adds the schemas of a member or an item of what `schema` applies to.
    fn descend(&mut self, schema: &'d Value, segment: &str) {
        let named = schema
            .get("properties")
            .and_then(|named| named.get(segment));
        let rest = || schema.get("additionalProperties");
        if let Some(inner) = named.or_else(rest) {
            self.add(inner);
        }
        let Some(index) = pointer::array_index(segment) else {
            return;
        };
        let (items, rest) = match schema.get("items") {
            // The items of a tuple, up to draft 2019-09.
            Some(Value::Array(items)) => (Some(items), schema.get("additionalItems")),
            rest => (schema.get("prefixItems").and_then(Value::as_array), rest),
        };
        if let Some(inner) = items.and_then(|items| items.get(index)).or(rest) {
            self.add(inner);
        }
    }
}

/// What the reference of a schema leads to, if that is a pointer into the document.
pub(crate) fn target<'d>(document: &'d Value, schema: &Value) -> Option<&'d Value> {
    let fragment = schema.get("$ref")?.as_str()?.strip_prefix('#')?;
    let plain = percent_decoded(fragment)?;
    Pointer::parse(&plain).ok()?.resolve(document)
}

/// A fragment without its %-escapes, which a name such as `Map<String, u8>` has.
fn percent_decoded(fragment: &str) -> Option<String> {
    if !fragment.contains('%') {
        return Some(fragment.to_owned());
    }
    let mut bytes = Vec::with_capacity(fragment.len());
    let mut rest = fragment.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            u8::from_str_radix(str::from_utf8(&digits).ok()?, 16).ok()?
        } else {
            byte
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::{defaults, dependents};
    use crate::pointer::Pointer;
    use serde_json::{Value, json};

    fn at(document: &Value, path: &str) -> Vec<Value> {
        let path = Pointer::parse(path).unwrap();
        defaults(document, path.segments())
            .into_iter()
            .cloned()
            .collect()
    }

    #[test]
    fn a_default_is_found_through_everything_that_leads_to_it() {
        let document = json!({
            "properties": {
                "plain": {"default": 1},
                "referred": {"$ref": "#/$defs/two%20words"},
                "both": {"$ref": "#/$defs/two%20words", "default": 3},
                "list": {"items": {"properties": {"x": {"default": 4}}}},
                "pair": {"prefixItems": [{"default": 5}], "items": {"default": 6}},
                "choice": {"anyOf": [{"type": "null"}, {"oneOf": [{"default": 7}]}]},
                "map": {"additionalProperties": {"default": 8}},
            },
            "allOf": [{"properties": {"merged": {"default": 9}}}],
            "$defs": {"two words": {"default": 2}},
        });
        for (path, expected) in [
            ("/plain", json!([1])),
            ("/referred", json!([2])),
            ("/both", json!([3, 2])),
            ("/list/17/x", json!([4])),
            ("/pair/0", json!([5])),
            ("/pair/1", json!([6])),
            ("/choice", json!([7])),
            ("/map/any", json!([8])),
            ("/merged", json!([9])),
            ("/nothing", json!([])),
        ] {
            assert_eq!(json!(at(&document, path)), expected, "{path}");
        }
    }

    #[test]
    fn a_recursive_schema_comes_to_an_end() {
        let document = json!({
            "allOf": [{"$ref": "#"}],
            "properties": {"next": {"$ref": "#"}, "end": {"default": 1}},
        });
        assert_eq!(at(&document, "/next/next/next/end"), [1]);
    }

    #[test]
    fn members_that_ask_for_another_are_named() {
        let document = json!({"dependentRequired": {"a": ["c"], "b": ["d"]}});
        assert_eq!(dependents(&document, &[], "c"), ["a"]);
    }
}
