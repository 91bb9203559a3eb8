//! The columns of a table of records.
//!
//! Owns [`Column`], and which columns are shown where nobody says so: the id, what is indexed, then
//! plain fields as the records have them, as far as they fit.

use std::fmt;
use std::sync::Arc;

use larder::{Collection, Document, Pointer};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use crate::failure::Failure;
use crate::output::shown;

/// How many records are looked at to choose columns.
const SAMPLE: usize = 50;

/// One column.
#[derive(Clone, Debug)]
pub(super) struct Column {
    name: String,
    path: Pointer,
}

impl Column {
    fn at(path: Pointer) -> Self {
        Self {
            name: path.segments().join("."),
            path,
        }
    }

    /// What stands above it.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What stands in it for this record, cut where it is long; nothing for null and for what is
    /// not there.
    pub(super) fn cell(&self, record: &Value) -> String {
        match self.path.resolve(record) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => shown(text),
            Some(other) => shown(&other.to_string()),
        }
    }

    fn width(&self, records: &[Value]) -> usize {
        let cells = records
            .iter()
            .map(|record| self.cell(record).chars().count());
        cells.chain([self.name.chars().count()]).max().unwrap_or(0) + 2
    }
}

/// These fields.
pub(super) fn chosen(fields: &[String]) -> Result<Vec<Column>, Failure> {
    fields
        .iter()
        .map(|field| {
            Pointer::field(field)
                .map(|path| Column {
                    name: field.clone(),
                    path,
                })
                .map_err(|error| Failure::Request(format!("--fields: {error}")))
        })
        .collect()
}

/// What people want to see first, in a line of so many characters.
pub(super) fn sensible(
    collection: &Collection<Document>,
    records: &[Arc<Document>],
    mut left: usize,
) -> Vec<Column> {
    let values: Vec<Value> = records
        .iter()
        .take(SAMPLE)
        .map(|record| record.value())
        .collect();
    let indexed = collection
        .indexes()
        .iter()
        .flat_map(larder::IndexDef::paths);
    let paths = std::iter::once(collection.id_path()).chain(indexed.map(|path| &**path));
    let mut columns: Vec<Column> = Vec::new();
    let mut add = |column: Column, always: bool| {
        let width = column.width(&values);
        if columns.iter().any(|known| known.path == column.path) || (!always && width > left) {
            return;
        }
        left = left.saturating_sub(width);
        columns.push(column);
    };
    for (position, path) in paths
        .filter_map(|path| Pointer::parse(path).ok())
        .enumerate()
    {
        add(Column::at(path), position == 0);
    }
    let fields = records
        .first()
        .map(|record| top_level(record))
        .unwrap_or_default();
    for field in fields {
        // As a pointer, because a field may have a dot in its name.
        let pointer = format!("/{}", field.replace('~', "~0").replace('/', "~1"));
        let Ok(path) = Pointer::parse(&pointer) else {
            continue;
        };
        let is_plain = |value: &Value| !path.resolve(value).is_some_and(is_nested);
        if values.iter().all(is_plain) {
            add(Column { name: field, path }, false);
        }
    }
    columns
}

fn is_nested(value: &Value) -> bool {
    value.is_object() || value.is_array()
}

/// The fields of a record, in its order.
fn top_level(record: &Document) -> Vec<String> {
    struct Fields(Vec<String>);

    impl<'de> Deserialize<'de> for Fields {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Names;

            impl<'de> Visitor<'de> for Names {
                type Value = Fields;

                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("an object")
                }

                fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                    let mut names = Vec::new();
                    while let Some(name) = map.next_key()? {
                        map.next_value::<IgnoredAny>()?;
                        names.push(name);
                    }
                    Ok(Fields(names))
                }
            }

            deserializer.deserialize_map(Names)
        }
    }

    serde_json::from_str(record.text())
        .map(|Fields(names)| names)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(records: &[&str]) -> Vec<String> {
        let collection = Collection::<Document>::named("c")
            .id("key")
            .index("kind")
            .index("a.b");
        let records: Vec<_> = records
            .iter()
            .map(|text| Arc::new(Document::parse(text).unwrap()))
            .collect();
        sensible(&collection, &records, 100)
            .into_iter()
            .map(|column| column.name)
            .collect()
    }

    #[test]
    fn the_id_then_the_indexes_then_what_fits() {
        let record = r#"{"z":1,"nested":{"x":1},"key":"k","kind":"a","a":{"b":2},"d.e":null}"#;
        assert_eq!(names(&[record]), ["key", "kind", "a.b", "z", "d.e"]);
    }

    #[test]
    fn wide_fields_are_left_out_and_narrow_ones_are_not() {
        let wide = "w".repeat(60);
        let record =
            format!(r#"{{"key":"{wide}","one":"{wide}","two":"{wide}","three":"{wide}","n":1}}"#);
        assert_eq!(names(&[&record]), ["key", "kind", "a.b", "one", "n"]);
    }
}
