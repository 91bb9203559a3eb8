//! What must be found in a file, worked out without Larder.
//!
//! Owns [`Expected`]. It knows the format from its documentation only.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

/// The collection whose file it is.
pub(crate) const COLLECTION: &str = "notes";

/// What must be found.
pub(crate) struct Expected {
    /// These records.
    pub(crate) records: BTreeMap<String, Value>,
    /// Behind the records of these ids stands what is not read here and may have another of the same id, as
    /// two records on one line: the later stays.
    pub(crate) may_be_replaced: BTreeSet<String>,
    /// Of these ids it is not said: one of their records names a field twice.
    pub(crate) unsaid: BTreeSet<String>,
    /// Whether no others may be found.
    pub(crate) exactly: bool,
}

/// Reads the bytes as the documentation says: a bare array of records, or an envelope with one record a
/// line. Of two records with one id the later stays. Of a file of another program nothing is said.
pub(crate) fn expected(bytes: &[u8]) -> Expected {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match serde_json::from_slice::<Vec<&RawValue>>(bytes) {
        Ok(records) => by_id(records.iter().map(|record| record.get().as_bytes()), true),
        Err(_) => by_id(lines(bytes), false),
    }
}

/// The lines of a file that begins as one of ours does, damaged or not. A record begins with its line: what is
/// further in may be a piece of a damaged record, and is read as one where nothing is damaged only.
fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let header =
        format!("{{\"larder\":1,\"collection\":\"{COLLECTION}\",\"version\":1,\"records\":[\n");
    let lines = bytes.strip_prefix(header.as_bytes()).unwrap_or_default();
    lines
        .split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b",").unwrap_or(line))
}

fn by_id<'b>(records: impl Iterator<Item = &'b [u8]>, exactly: bool) -> Expected {
    let mut found = Expected {
        records: BTreeMap::new(),
        may_be_replaced: BTreeSet::new(),
        unsaid: BTreeSet::new(),
        exactly,
    };
    for record in records {
        let is_record = exactly || record.first() == Some(&b'{');
        let read = serde_json::from_slice::<Value>(record).ok();
        let Some(value) = read.filter(|_| is_record) else {
            if record.contains(&b'{') {
                found.may_be_replaced.extend(found.records.keys().cloned());
            }
            continue;
        };
        let id = value.as_object().and_then(|it| it.get("id")?.as_str());
        let Some(id) = id.filter(|id| is_id(id)).map(ToOwned::to_owned) else {
            continue;
        };
        if serde_json::from_slice::<Once>(record).is_err() {
            found.unsaid.insert(id);
        } else {
            found.may_be_replaced.remove(&id);
            found.records.insert(id, value);
        }
    }
    found.records.retain(|id, _| !found.unsaid.contains(id));
    found
}

fn is_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= larder::MAX_ID_BYTES && !id.contains('\0')
}

/// JSON in which no object names a field twice.
struct Once;

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OnceVisitor)
    }
}

struct OnceVisitor;

impl<'de> Visitor<'de> for OnceVisitor {
    type Value = Once;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Once, E> {
        Ok(Once)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Once, E> {
        Ok(Once)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Once, E> {
        Ok(Once)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Once, E> {
        Ok(Once)
    }

    fn visit_str<E>(self, _: &str) -> Result<Once, E> {
        Ok(Once)
    }

    fn visit_unit<E>(self) -> Result<Once, E> {
        Ok(Once)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Once, A::Error> {
        while items.next_element::<Once>()?.is_some() {}
        Ok(Once)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Once, A::Error> {
        let mut known = BTreeSet::new();
        while let Some((name, _)) = fields.next_entry::<String, Once>()? {
            if !known.insert(name) {
                return Err(serde::de::Error::custom("a field twice"));
            }
        }
        Ok(Once)
    }
}
