//! A collection as a value: what [`Record`] says about a type, or what is known only at run time.
//!
//! Owns [`Collection`]. The form in which it is kept beside its data is in `definition.rs`, and what
//! it may be called in `name.rs`.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use larder_schema::{Migrations, Pointer, Validator, Violation};
use serde_json::Value;

use crate::definition::{Definition, IndexDefinition};
use crate::error::{Error, ErrorKind, Result};
use crate::expiry::Expiry;
use crate::index::IndexDef;
use crate::name::check_name;
use crate::record::{Data, Record};
use crate::view::is_plain_json;

/// Where the schema of a collection comes from.
#[derive(Clone, Debug)]
enum SchemaSource {
    /// Any JSON object.
    Any,
    Document(Value),
    Compiled(Result<Validator>),
}

type CheckFn<T> = fn(&T) -> Result<(), Violation>;
type IdFn<T> = fn(&T) -> &str;

/// The name, the id, the schema and the indexes of a collection of `T`.
///
/// For a [`Record`] it is [`Collection::of`]. For data whose form is known only at run time it is
/// built:
///
/// ```
/// use larder_core::Collection;
/// use serde_json::{Value, json};
///
/// let sessions = Collection::<Value>::named("sessions")
///     .id("/id")
///     .unique("/channelId")
///     .index("categoryId")
///     .multi("tags")
///     .schema(json!({"type": "object", "required": ["id", "channelId"]}));
/// assert_eq!(sessions.name(), "sessions");
/// ```
///
/// Mistakes (a bad name, a path that is no path, a schema that is none) are reported when the
/// collection is opened.
pub struct Collection<T> {
    name: String,
    version: u32,
    id_path: String,
    id: Option<IdFn<T>>,
    indexes: Vec<IndexDef<T>>,
    schema: SchemaSource,
    check: Option<CheckFn<T>>,
    run_time_fields: bool,
    migrations: Migrations,
    expiry: Option<Expiry<T>>,
}

impl<T> Clone for Collection<T> {
    fn clone(&self) -> Self {
        Self {
            name: self.name.clone(),
            version: self.version,
            id_path: self.id_path.clone(),
            id: self.id,
            indexes: self.indexes.clone(),
            schema: self.schema.clone(),
            check: self.check,
            run_time_fields: self.run_time_fields,
            migrations: self.migrations.clone(),
            expiry: self.expiry.clone(),
        }
    }
}

impl<T> fmt::Debug for Collection<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collection")
            .field("name", &self.name)
            .field("version", &self.version)
            .field("id_path", &self.id_path)
            .field("indexes", &self.indexes)
            .finish_non_exhaustive()
    }
}

impl<T: Record> Collection<T> {
    /// The collection that the type says.
    #[must_use]
    pub fn of() -> Self {
        Self {
            name: T::COLLECTION.to_owned(),
            version: T::VERSION,
            id_path: T::ID_PATH.to_owned(),
            id: Some(T::id),
            indexes: T::indexes(),
            schema: SchemaSource::Compiled(Validator::of::<T>().map_err(Error::from)),
            check: Some(T::check),
            run_time_fields: T::RUN_TIME_FIELDS,
            migrations: T::migrations(),
            expiry: T::expiry(),
        }
    }
}

/// A field as it is typed, as a JSON pointer. `categoryId`, `workflowState.status`, `/a/b`.
pub(crate) fn pointer_text(field: &str) -> String {
    // What is no path stays as it is: it is reported when it is used.
    Pointer::field(field).map_or_else(|_| field.to_owned(), |pointer| pointer.to_string())
}

/// `/a/b` as `a.b`: what an index over it is called.
fn field_name(path: &str) -> String {
    path.trim_start_matches('/').replace('/', ".")
}

impl<T: Data> Collection<T> {
    /// A collection of this name, version 1, with its id at `/id`, no index, and no schema but
    /// that a record is a JSON object.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            version: 1,
            id_path: "/id".to_owned(),
            id: None,
            indexes: Vec::new(),
            schema: SchemaSource::Any,
            check: None,
            run_time_fields: !is_plain_json::<T>(),
            migrations: Migrations::default(),
            expiry: None,
        }
    }

    /// Where the id stands: a field or a JSON pointer.
    #[must_use]
    pub fn id(mut self, field: &str) -> Self {
        self.id_path = pointer_text(field);
        self
    }

    /// The version of the records' form.
    #[must_use]
    pub fn with_version(mut self, version: u32) -> Self {
        self.version = version;
        self
    }

    fn with_index(mut self, unique: bool, multi: bool, fields: &[&str]) -> Self {
        let paths: Vec<String> = fields.iter().map(|field| pointer_text(field)).collect();
        let name = paths
            .iter()
            .map(|path| field_name(path))
            .collect::<Vec<_>>()
            .join("+");
        self.indexes
            .push(IndexDef::at_paths(name, unique, multi, paths));
        self
    }

    /// An index over a field.
    #[must_use]
    pub fn index(self, field: &str) -> Self {
        self.with_index(false, false, &[field])
    }

    /// A unique index over a field.
    #[must_use]
    pub fn unique(self, field: &str) -> Self {
        self.with_index(true, false, &[field])
    }

    /// An index with one entry per element of the list in a field.
    #[must_use]
    pub fn multi(self, field: &str) -> Self {
        self.with_index(false, true, &[field])
    }

    /// A compound index over several fields; its name is theirs, joined by `+`.
    #[must_use]
    pub fn compound(self, fields: &[&str]) -> Self {
        self.with_index(false, false, fields)
    }

    /// A unique compound index.
    #[must_use]
    pub fn compound_unique(self, fields: &[&str]) -> Self {
        self.with_index(true, false, fields)
    }

    /// The JSON Schema document that every record satisfies. References to other documents are
    /// refused: nothing is fetched.
    #[must_use]
    pub fn schema(mut self, document: Value) -> Self {
        self.schema = SchemaSource::Document(document);
        self
    }

    /// Rules that no schema can say; see [`Record::check`].
    #[must_use]
    pub fn check(mut self, check: fn(&T) -> Result<(), Violation>) -> Self {
        self.check = Some(check);
        self
    }

    /// How data of older versions becomes data of this one; see [`Record::migrations`].
    #[must_use]
    pub fn with_migrations(mut self, migrations: Migrations) -> Self {
        self.migrations = migrations;
        self
    }

    /// Records expire at the time in this field: an integer, milliseconds since the Unix epoch. One
    /// in which it is absent, null, or anything else than an integer never expires; a schema can
    /// say that nothing else may be there. With an index on the field, a purge reads only what it
    /// removes.
    ///
    /// It is no part of the [`Definition`]: when records expire is what a program says, not what
    /// the data is. But as with all the rest, a collection that is open in a store already stays as
    /// it was opened.
    #[must_use]
    pub fn expires_at(mut self, field: &str) -> Self {
        self.expiry = Some(Expiry::at(field));
        self
    }

    /// Records expire at the time that this function gives; see [`Expiry::by`].
    #[must_use]
    pub fn expires_by(mut self, function: fn(&T) -> Option<SystemTime>) -> Self {
        self.expiry = Some(Expiry::by(function));
        self
    }

    /// The collection that a definition describes. It says nothing of expiry.
    #[must_use]
    pub fn from_definition(definition: Definition) -> Self {
        let indexes = definition
            .indexes
            .into_iter()
            .map(|index| IndexDef::at_paths(index.name, index.unique, index.multi, index.fields))
            .collect();
        let schema = match definition.schema {
            Value::Null => SchemaSource::Any,
            document => SchemaSource::Document(document),
        };
        Self {
            name: definition.collection,
            version: definition.version,
            id_path: definition.id,
            id: None,
            indexes,
            schema,
            check: None,
            run_time_fields: !is_plain_json::<T>(),
            migrations: Migrations::default(),
            expiry: None,
        }
    }

    /// Checks everything that can be wrong about a definition, and compiles the schema.
    pub(crate) fn prepare(&self) -> Result<Prepared<T>> {
        let in_here = |error: Error| error.with_collection(&self.name);
        check_name(&self.name).map_err(in_here)?;
        let id_path = Pointer::parse(&self.id_path).map_err(|error| {
            Error::new(
                ErrorKind::Config,
                format!("{:?} is not a JSON pointer", self.id_path),
            )
            .with_collection(&self.name)
            .with_source(error)
        })?;
        let indexes = self
            .indexes
            .iter()
            .map(|index| index.clone().prepare().map_err(in_here))
            .collect::<Result<Vec<_>>>()?;
        for (position, index) in indexes.iter().enumerate() {
            if indexes
                .iter()
                .take(position)
                .any(|other| other.name() == index.name())
            {
                return Err(Error::new(ErrorKind::Config, "two indexes have this name")
                    .with_index(index.name())
                    .with_collection(&self.name));
            }
        }
        if let Some(expiry) = &self.expiry {
            expiry.check().map_err(in_here)?;
        }
        let validator = match &self.schema {
            SchemaSource::Any => Validator::any_object(),
            SchemaSource::Document(document) => {
                Validator::from_document(document.clone()).map_err(|error| in_here(error.into()))?
            }
            SchemaSource::Compiled(validator) => validator.clone().map_err(in_here)?,
        };
        Ok(Prepared {
            id_path,
            id: self.id,
            indexes,
            validator,
            check: self.check,
        })
    }

    /// The definition, to keep beside the data.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with the collection.
    pub fn definition(&self) -> Result<Definition> {
        self.prepare().map(|prepared| self.definition_of(&prepared))
    }

    /// The definition, where everything was checked already.
    pub(crate) fn definition_of(&self, prepared: &Prepared<T>) -> Definition {
        Definition {
            larder: 1,
            collection: self.name.clone(),
            version: self.version,
            id: self.id_path.clone(),
            indexes: prepared
                .indexes
                .iter()
                .map(|index| IndexDefinition {
                    name: index.name().to_owned(),
                    unique: index.is_unique(),
                    multi: index.is_multi(),
                    fields: index.paths().iter().map(ToString::to_string).collect(),
                })
                .collect(),
            schema: match &self.schema {
                SchemaSource::Any => Value::Null,
                _ => prepared.validator.document().clone(),
            },
        }
    }
}

impl<T> Collection<T> {
    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The version of the records' form on disk.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.version
    }

    /// How data of older versions becomes data of this one.
    #[must_use]
    pub fn migrations(&self) -> &Migrations {
        &self.migrations
    }

    /// Whether the schema was made from the type, and was not given.
    pub(crate) fn has_schema_of_type(&self) -> bool {
        matches!(self.schema, SchemaSource::Compiled(_))
    }

    /// The JSON pointer of the id.
    #[must_use]
    pub fn id_path(&self) -> &str {
        &self.id_path
    }

    /// The indexes.
    #[must_use]
    pub fn indexes(&self) -> &[IndexDef<T>] {
        &self.indexes
    }

    /// When records expire, if they do.
    #[must_use]
    pub fn expiry(&self) -> Option<&Expiry<T>> {
        self.expiry.as_ref()
    }

    /// Whether records have more than their JSON says; see [`Record::RUN_TIME_FIELDS`].
    #[must_use]
    pub fn has_run_time_fields(&self) -> bool {
        self.run_time_fields
    }
}

/// A collection whose every part was checked.
#[derive(Debug)]
pub(crate) struct Prepared<T> {
    pub(crate) id_path: Pointer,
    pub(crate) id: Option<IdFn<T>>,
    pub(crate) indexes: Vec<IndexDef<T>>,
    pub(crate) validator: Validator,
    pub(crate) check: Option<CheckFn<T>>,
}

impl<T> Prepared<T> {
    /// Shared by the table and by whoever loads into it.
    pub(crate) fn share(self) -> Arc<Self> {
        Arc::new(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_comes_back_as_the_same_collection() {
        let collection = Collection::<Value>::named("c")
            .with_version(3)
            .id("key")
            .unique("a.b")
            .multi("/tags")
            .compound(&["x", "y"])
            .schema(serde_json::json!({"type": "object"}));
        let definition = collection.definition().unwrap();
        let text = serde_json::to_string(&definition).unwrap();
        let read: Definition = serde_json::from_str(&text).unwrap();
        let again = Collection::<Value>::from_definition(read)
            .definition()
            .unwrap();
        assert_eq!(again, definition);
        assert_eq!(definition.indexes[0].name, "a.b");
        assert_eq!(definition.indexes[2].name, "x+y");
    }
}
