//! Whether the indexes of a collection agree with its records.
//!
//! Owns [`indexes`]. The keys are worked out here once more, from the records' JSON, and every key
//! is looked up: the index must give exactly the records that have it. Each record is read once per
//! index and key, whatever the size of the collection.

use std::collections::BTreeMap;

use larder::{
    Condition, Document, Error, IndexDef, Key, KeyError, Pointer, Query, Repository, Target, Test,
};
use serde::Serialize;
use serde_json::Value;

use crate::progress::Progress;

/// How many problems of one index are told.
const TOLD: usize = 5;

/// What was found of one index.
#[derive(Debug, Serialize)]
pub(super) struct IndexCheck {
    pub(super) name: String,
    /// How many different keys the records have.
    pub(super) keys: u64,
    /// In words, without keys: they are values of records.
    pub(super) problems: Vec<String>,
}

/// Compares every index of a collection with its records.
pub(super) fn indexes(repository: &dyn Repository<Document>) -> Result<Vec<IndexCheck>, Error> {
    let indexes = repository.collection().indexes();
    if indexes.is_empty() {
        return Ok(Vec::new());
    }
    let records = repository.query(&Query::all())?;
    let mut expected: Vec<BTreeMap<Key, Vec<&str>>> = vec![BTreeMap::new(); indexes.len()];
    let mut checks: Vec<IndexCheck> = indexes
        .iter()
        .map(|index| IndexCheck {
            name: index.name().to_owned(),
            keys: 0,
            problems: Vec::new(),
        })
        .collect();
    let progress = Progress::new("verifying indexes", records.len() as u64);
    for record in &records {
        let value = record.value();
        for ((index, expected), check) in indexes.iter().zip(&mut expected).zip(&mut checks) {
            match keys(index, &value) {
                Ok(keys) => {
                    for key in keys {
                        expected.entry(key).or_default().push(record.text());
                    }
                }
                Err(error) => check.problems.push(format!("a record has no key: {error}")),
            }
        }
        progress.step();
    }
    let sizes: BTreeMap<String, u64> = repository.stats()?.indexes.into_iter().collect();
    for ((index, expected), check) in indexes.iter().zip(&expected).zip(&mut checks) {
        check.keys = expected.len() as u64;
        compare(repository, index, expected, &mut check.problems)?;
        if let Some(size) = sizes.get(index.name()).filter(|size| **size != check.keys) {
            check.problems.push(format!(
                "it has {size} keys, the records have {}",
                check.keys
            ));
        }
    }
    Ok(checks)
}

fn compare(
    repository: &dyn Repository<Document>,
    index: &IndexDef<Document>,
    expected: &BTreeMap<Key, Vec<&str>>,
    problems: &mut Vec<String>,
) -> Result<(), Error> {
    let mut wrong = 0;
    let mut shared = 0;
    for (key, records) in expected {
        let target = Target::Index(index.name().to_owned().into());
        let test = if key.is_none() {
            Test::IsNone
        } else {
            Test::Is(key.clone())
        };
        let found = repository.query(&Query::when(Condition::new(target, test)))?;
        // Both are in id order.
        if !found
            .iter()
            .map(|record| record.text())
            .eq(records.iter().copied())
        {
            wrong += 1;
            if wrong <= TOLD {
                problems.push(format!(
                    "a key leads to {} records, and {} have it (or they are others)",
                    found.len(),
                    records.len()
                ));
            }
        }
        if index.is_unique() && key.is_enforced() && records.len() > 1 {
            shared += 1;
        }
    }
    if wrong > TOLD {
        problems.push(format!("and {} more keys", wrong - TOLD));
    }
    if shared > 0 {
        problems.push(format!(
            "it is unique, and {shared} keys belong to several records"
        ));
    }
    Ok(())
}

/// The keys of a record, each once.
fn keys(index: &IndexDef<Document>, record: &Value) -> Result<Vec<Key>, KeyError> {
    let mut keys = Vec::new();
    for path in index.paths() {
        let value = Pointer::parse(path)
            .ok()
            .and_then(|path| path.resolve(record));
        match value {
            Some(Value::Array(values)) if index.is_multi() => {
                for value in values {
                    keys.push(Key::from_json(value)?);
                }
            }
            Some(value) => keys.push(Key::from_json(value)?),
            None => keys.push(Key::None),
        }
    }
    if index.is_compound() {
        return Ok(vec![Key::Compound(keys.into())]);
    }
    keys.sort();
    keys.dedup();
    if keys.is_empty() {
        keys.push(Key::None);
    }
    Ok(keys)
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
