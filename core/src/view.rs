//! The JSON of a record in the view, made only when somebody asks for it.
//!
//! Owns [`View`]: conditions on paths and indexes known at run time read records through it. Typed
//! handles do not come here; they read the field.

use std::any::{Any, TypeId};
use std::borrow::Cow;
use std::cell::OnceCell;

use larder_schema::Pointer;
use serde_json::Value;

use crate::document::Document;
use crate::encode::encode;
use crate::json_fields::JsonFields;
use crate::key::{Key, KeyError};
use crate::key_set::Gathered;
use crate::record::Data;

/// Whether a record of this type is its JSON: then the text says all there is.
#[must_use]
pub fn is_plain_json<T: 'static>() -> bool {
    let is = TypeId::of::<T>();
    is == TypeId::of::<Value>() || is == TypeId::of::<Document>()
}

/// A record, and its JSON once it was needed.
pub(crate) struct View<'a, T> {
    record: &'a T,
    json: OnceCell<Cow<'a, Value>>,
}

impl<'a, T: Data> View<'a, T> {
    pub(crate) fn new(record: &'a T) -> Self {
        Self {
            record,
            json: OnceCell::new(),
        }
    }

    fn json(&self) -> &Value {
        self.json.get_or_init(|| {
            let any: &dyn Any = self.record;
            if let Some(value) = any.downcast_ref::<Value>() {
                Cow::Borrowed(value)
            } else if let Some(document) = any.downcast_ref::<Document>() {
                Cow::Owned(document.value())
            } else {
                // Through the text, so that keys are those of the JSON on disk: an `f32` is its
                // decimal there, and a number beyond 64 bits a float. A record in the view was
                // encoded once already, so neither fails.
                let text = encode(self.record).unwrap_or_default();
                Cow::Owned(serde_json::from_str(&text).unwrap_or_default())
            }
        })
    }
}

impl<T: Data> JsonFields for View<'_, T> {
    fn key(&self, path: &Pointer) -> Result<Key, KeyError> {
        self.json().key(path)
    }

    fn each_key(&self, path: &Pointer, keys: &mut Gathered) -> Result<(), KeyError> {
        self.json().each_key(path, keys)
    }
}
