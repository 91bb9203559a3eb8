//! What an index reads of a record's JSON.
//!
//! Owns [`JsonFields`], and reading a value and a borrowed tree. Which fields an index has is `index.rs`.

use larder_schema::{Pointer, Tree};
use serde_json::Value;

use crate::key::{Key, KeyError};
use crate::key_set::Gathered;

/// A record's JSON, in whatever form is at hand, as far as an index needs it.
pub(crate) trait JsonFields {
    /// The key at a path; a field that is not there is [`Key::None`].
    fn key(&self, path: &Pointer) -> Result<Key, KeyError>;

    /// The key of each element of the list at a path; one scalar counts as a list of one.
    fn each_key(&self, path: &Pointer, keys: &mut Gathered) -> Result<(), KeyError>;
}

impl JsonFields for Value {
    fn key(&self, path: &Pointer) -> Result<Key, KeyError> {
        path.resolve(self).map_or(Ok(Key::None), Key::from_json)
    }

    fn each_key(&self, path: &Pointer, keys: &mut Gathered) -> Result<(), KeyError> {
        match path.resolve(self) {
            None | Some(Value::Null) => {}
            Some(Value::Array(values)) => {
                for value in values {
                    keys.push(Key::from_json(value)?);
                }
            }
            Some(value) => keys.push(Key::from_json(value)?),
        }
        Ok(())
    }
}

impl JsonFields for Tree<'_> {
    fn key(&self, path: &Pointer) -> Result<Key, KeyError> {
        self.pointer(path).map_or(Ok(Key::None), Key::from_tree)
    }

    fn each_key(&self, path: &Pointer, keys: &mut Gathered) -> Result<(), KeyError> {
        match self.pointer(path) {
            None | Some(Tree::Null) => {}
            Some(Tree::Array(values)) => {
                for value in values {
                    keys.push(Key::from_tree(value)?);
                }
            }
            Some(value) => keys.push(Key::from_tree(value)?),
        }
        Ok(())
    }
}

impl Key {
    /// The key of a JSON value that borrows its text; the same as [`Key::from_json`].
    fn from_tree(tree: &Tree<'_>) -> Result<Self, KeyError> {
        match tree {
            Tree::String(text) => Ok(Self::text(&**text)),
            other => Self::from_json(&other.to_value()),
        }
    }
}
