//! The definitions of a store's collections, kept beside the records for tools without the types.
//!
//! Owns reading and writing `<collection>.collection.json`, and telling which collections there
//! are. What a definition says is the core's.

use std::collections::BTreeSet;
use std::path::Path;

use larder_core::{Collection, Definition, Document};

use crate::disk::{Disk, DiskError, PRIVATE_MODE};
use crate::error::JsonError;
use crate::names::{Names, collection_of};
use crate::publish::publish;

/// A definition holds a schema; one that is larger than this is something else.
const MAX_BYTES: u64 = 16 << 20;

/// Which collections have a file in this directory.
pub(crate) fn collections(disk: &dyn Disk, dir: &Path) -> Result<BTreeSet<String>, DiskError> {
    let names = match disk.list(dir) {
        Ok(names) => names,
        Err(error) if error.is_not_found() => return Ok(BTreeSet::new()),
        Err(error) => return Err(error),
    };
    Ok(names
        .iter()
        .filter_map(|name| name.to_str())
        .filter_map(collection_of)
        .map(ToOwned::to_owned)
        .collect())
}

/// The definition that is there, if one is.
pub(crate) fn read(disk: &dyn Disk, names: &Names) -> Result<Option<Definition>, JsonError> {
    let path = names.definition();
    let bytes = match disk.read(&path, MAX_BYTES) {
        Ok(contents) => contents.bytes,
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let definition: Definition =
        serde_json::from_slice(&bytes).map_err(|source| JsonError::Definition {
            path: path.clone(),
            source,
        })?;
    let expected = Names::new(names.dir(), &definition.collection).definition();
    if definition.larder != 1 || expected != path {
        return Err(JsonError::OtherDefinition {
            path,
            found: definition.collection,
        });
    }
    Ok(Some(definition))
}

/// The definition of a collection that may have none, because another program wrote its file: any
/// object with an `id`.
pub(crate) fn read_or_guess(
    disk: &dyn Disk,
    dir: &Path,
    collection: &str,
) -> Result<Definition, larder_core::Error> {
    match read(disk, &Names::new(dir, collection))? {
        Some(definition) => Ok(definition),
        None => Collection::<Document>::named(collection).definition(),
    }
}

/// Writes a definition, pretty: people read it, and it changes seldom.
pub(crate) fn write(
    disk: &dyn Disk,
    path: &Path,
    definition: &Definition,
    sync: bool,
) -> Result<(), JsonError> {
    let text =
        serde_json::to_string_pretty(definition).map_err(|source| JsonError::Definition {
            path: path.to_owned(),
            source,
        })?;
    publish(disk, path, sync, PRIVATE_MODE, |out| {
        out.write_all(text.as_bytes())?;
        out.write_all(b"\n")
    })?;
    Ok(())
}
