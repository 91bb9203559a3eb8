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

/// What is known of a definition before it may be replaced.
#[derive(Default)]
pub(crate) struct Known {
    pub(crate) definition: Option<Definition>,
    /// The bytes of one that is no definition of this form.
    pub(crate) odd: Option<Vec<u8>>,
}

/// The definition that is there, for a program that knows this version of the collection.
///
/// A newer one refuses the collection, whose file may have no version of its own: a bare array.
pub(crate) fn look(disk: &dyn Disk, names: &Names, version: u32) -> Result<Known, JsonError> {
    match read(disk, names) {
        Ok(Some(definition)) if definition.version > version => Err(JsonError::NewerVersion {
            path: names.definition(),
            found: u64::from(definition.version),
            known: version,
        }),
        Ok(definition) => Ok(Known {
            definition,
            odd: None,
        }),
        Err(JsonError::Definition { path, .. }) => {
            let bytes = disk.read(&path, MAX_BYTES)?.bytes;
            // Of a newer form? Then it is not ours to replace.
            let larder = serde_json::from_slice::<serde_json::Value>(&bytes)
                .ok()
                .and_then(|value| value.get("larder")?.as_u64());
            match larder {
                Some(found) if found > 1 => Err(JsonError::NewerFormat { path, found }),
                _ => Ok(Known {
                    definition: None,
                    odd: Some(bytes),
                }),
            }
        }
        Err(error) => Err(error),
    }
}

/// The version that the definition says; `None` if there is none, or one that is none. One that the
/// disk does not give is an error: records must not be taken for those of another version.
pub(crate) fn version(disk: &dyn Disk, names: &Names) -> Result<Option<u32>, JsonError> {
    match read(disk, names) {
        Ok(definition) => Ok(definition.map(|definition| definition.version)),
        // Why it is none is told when it is to be replaced.
        Err(JsonError::Definition { .. } | JsonError::OtherDefinition { .. }) => Ok(None),
        Err(error) => Err(error),
    }
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

/// The file of a definition, pretty: people read it, and it changes seldom.
pub(crate) fn text(path: &Path, definition: &Definition) -> Result<String, JsonError> {
    let mut text =
        serde_json::to_string_pretty(definition).map_err(|source| JsonError::Definition {
            path: path.to_owned(),
            source,
        })?;
    text.push('\n');
    Ok(text)
}

/// Writes a definition by itself.
pub(crate) fn write(
    disk: &dyn Disk,
    path: &Path,
    definition: &Definition,
    sync: bool,
) -> Result<(), JsonError> {
    let text = text(path, definition)?;
    publish(disk, path, sync, PRIVATE_MODE, |out| {
        out.write_all(text.as_bytes())
    })?;
    Ok(())
}
