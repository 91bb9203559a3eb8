//! Indexes: the typed handles that stand in a record type, and their definition as a value.
//!
//! Owns [`Index`], [`UniqueIndex`], [`Field`] (what a query is written with), [`IndexDef`] (what a
//! collection is made of) and [`Keys`] (how a record gives its keys). It does not hold entries:
//! each backend does that in its own way.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use larder_schema::Pointer;
use serde::Serialize;

use crate::error::{Error, ErrorKind, Result};
use crate::json_fields::JsonFields;
use crate::key::{Key, KeyError};
use crate::key_encode::key_of;
use crate::key_set::{Gathered, KeySet};

/// Collects the keys of one record under one index.
#[derive(Debug, Default)]
pub struct Keys {
    keys: Gathered,
    error: Option<KeyError>,
}

impl Keys {
    /// The record's one key: the field, or a tuple of fields for a compound index.
    pub fn one<V: Serialize + ?Sized>(&mut self, value: &V) {
        match key_of(value) {
            Ok(key) => self.keys.push(key),
            Err(error) => self.error = Some(error),
        }
    }

    /// One key per element, for a multi-valued index.
    pub fn each<'a, V, I>(&mut self, values: I)
    where
        V: Serialize + 'a,
        I: IntoIterator<Item = &'a V>,
    {
        for value in values {
            self.one(value);
        }
    }

    pub(crate) fn as_mut(&mut self) -> &mut Gathered {
        &mut self.keys
    }

    /// The keys, sorted and each once. A record without a key has the one key [`Key::None`], so
    /// that "is none" can be answered by the index too.
    pub(crate) fn finish(self) -> Result<KeySet, KeyError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        Ok(KeySet::of(self.keys))
    }
}

/// How a record gives its keys: a plain function, so that a handle can be a constant.
pub type Extract<T> = fn(&T, &mut Keys);

macro_rules! handle {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        pub struct $name<T, K: ?Sized> {
            pub(crate) name: &'static str,
            pub(crate) paths: Paths,
            pub(crate) multi: bool,
            pub(crate) extract: Extract<T>,
            pub(crate) key: PhantomData<fn(&K)>,
        }

        impl<T, K: ?Sized> Clone for $name<T, K> {
            fn clone(&self) -> Self {
                *self
            }
        }

        impl<T, K: ?Sized> Copy for $name<T, K> {}

        impl<T, K: ?Sized> fmt::Debug for $name<T, K> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name))
                    .field("name", &self.name)
                    .field("paths", &self.paths.as_slice())
                    .finish_non_exhaustive()
            }
        }

        impl<T, K: ?Sized> $name<T, K> {
            const fn build(
                name: &'static str,
                paths: Paths,
                multi: bool,
                extract: Extract<T>,
            ) -> Self {
                Self { name, paths, multi, extract, key: PhantomData }
            }

            /// The name, as it stands in plans and errors.
            #[must_use]
            pub const fn name(&self) -> &'static str {
                self.name
            }
        }
    };
}

/// Where the keys stand in the JSON: one path, or several for a compound index.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Paths {
    One(&'static str),
    Many(&'static [&'static str]),
}

impl Paths {
    pub(crate) fn as_slice(&self) -> &[&'static str] {
        match self {
            Self::One(path) => std::slice::from_ref(path),
            Self::Many(paths) => paths,
        }
    }
}

handle! {
    /// A handle on an index of `T` whose keys are of type `K`; several records may have one key.
    ///
    /// A constant, made by the derive or by hand:
    ///
    /// ```
    /// use larder_core::Index;
    ///
    /// #[derive(serde::Serialize, serde::Deserialize)]
    /// struct Session { id: String, tags: Vec<String>, turn: u64 }
    ///
    /// impl Session {
    ///     const TURN: Index<Session, u64> =
    ///         Index::new("turn", "/turn", |session, keys| keys.one(&session.turn));
    ///     const TAGS: Index<Session, String> =
    ///         Index::multi("tags", "/tags", |session, keys| keys.each(&session.tags));
    /// }
    /// assert_eq!(Session::TURN.name(), "turn");
    /// # let _ = Session::TAGS;
    /// ```
    Index
}

handle! {
    /// A handle on a unique index: at most one record has a key, and a look-up gives an `Option`.
    ///
    /// A record whose field is none is not held to it, and neither is a compound key with a
    /// component that is none, as in SQL.
    UniqueIndex
}

handle! {
    /// A handle on a field that has no index: conditions and orders on it read the records.
    Field
}

impl<T, K: ?Sized> Index<T, K> {
    /// An index over one field.
    pub const fn new(name: &'static str, path: &'static str, extract: Extract<T>) -> Self {
        Self::build(name, Paths::One(path), false, extract)
    }

    /// An index with one entry per element of a list.
    pub const fn multi(name: &'static str, path: &'static str, extract: Extract<T>) -> Self {
        Self::build(name, Paths::One(path), true, extract)
    }

    /// A compound index; `K` is [`Compound`](crate::Compound) of the components' types.
    pub const fn compound(
        name: &'static str,
        paths: &'static [&'static str],
        extract: Extract<T>,
    ) -> Self {
        Self::build(name, Paths::Many(paths), false, extract)
    }

    /// The definition, as a collection holds it.
    #[must_use]
    pub fn def(&self) -> IndexDef<T> {
        IndexDef::from_parts(self.name, false, self.multi, self.paths, self.extract)
    }
}

impl<T, K: ?Sized> UniqueIndex<T, K> {
    /// A unique index over one field.
    pub const fn new(name: &'static str, path: &'static str, extract: Extract<T>) -> Self {
        Self::build(name, Paths::One(path), false, extract)
    }

    /// A unique compound index; `K` is [`Compound`](crate::Compound) of the components' types.
    pub const fn compound(
        name: &'static str,
        paths: &'static [&'static str],
        extract: Extract<T>,
    ) -> Self {
        Self::build(name, Paths::Many(paths), false, extract)
    }

    /// The definition, as a collection holds it.
    #[must_use]
    pub fn def(&self) -> IndexDef<T> {
        IndexDef::from_parts(self.name, true, self.multi, self.paths, self.extract)
    }
}

impl<T, K: ?Sized> Field<T, K> {
    /// A field at this path.
    pub const fn new(path: &'static str, extract: Extract<T>) -> Self {
        Self::build(path, Paths::One(path), false, extract)
    }

    /// A list at this path: a condition holds if it holds for an element.
    pub const fn multi(path: &'static str, extract: Extract<T>) -> Self {
        Self::build(path, Paths::One(path), true, extract)
    }
}

/// The definition of one index of a collection, without the key's type.
pub struct IndexDef<T> {
    name: Cow<'static, str>,
    unique: bool,
    multi: bool,
    paths: Vec<Cow<'static, str>>,
    pointers: Vec<Pointer>,
    extract: Option<Extract<T>>,
}

impl<T> Clone for IndexDef<T> {
    fn clone(&self) -> Self {
        Self {
            name: self.name.clone(),
            unique: self.unique,
            multi: self.multi,
            paths: self.paths.clone(),
            pointers: self.pointers.clone(),
            extract: self.extract,
        }
    }
}

impl<T> fmt::Debug for IndexDef<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IndexDef")
            .field("name", &self.name)
            .field("unique", &self.unique)
            .field("multi", &self.multi)
            .field("paths", &self.paths)
            .finish_non_exhaustive()
    }
}

impl<T> IndexDef<T> {
    fn from_parts(
        name: &'static str,
        unique: bool,
        multi: bool,
        paths: Paths,
        extract: Extract<T>,
    ) -> Self {
        let paths = paths
            .as_slice()
            .iter()
            .map(|path| Cow::Borrowed(*path))
            .collect();
        Self {
            name: name.into(),
            unique,
            multi,
            paths,
            pointers: Vec::new(),
            extract: Some(extract),
        }
    }

    /// An index known only at run time: its keys are read from the record's JSON at these paths.
    pub(crate) fn at_paths(name: String, unique: bool, multi: bool, paths: Vec<String>) -> Self {
        let paths = paths.into_iter().map(Cow::Owned).collect();
        Self {
            name: name.into(),
            unique,
            multi,
            paths,
            pointers: Vec::new(),
            extract: None,
        }
    }

    /// Parses the paths; a definition is only used after this.
    pub(crate) fn prepare(mut self) -> Result<Self> {
        let refuse = |message: String| Error::new(ErrorKind::Config, message);
        if self.name.is_empty() || self.paths.is_empty() {
            return Err(refuse("an index needs a name and a field".to_owned()));
        }
        if self.multi && self.paths.len() > 1 {
            return Err(refuse("a compound index cannot be multi-valued".to_owned())
                .with_index(self.name.clone()));
        }
        if self.multi && self.unique {
            return Err(refuse("a multi-valued index cannot be unique".to_owned())
                .with_index(self.name.clone()));
        }
        self.pointers = self
            .paths
            .iter()
            .map(|path| {
                Pointer::parse(path).map_err(|error| {
                    refuse(format!("{path:?} is not a JSON pointer"))
                        .with_index(self.name.clone())
                        .with_source(error)
                })
            })
            .collect::<Result<_>>()?;
        Ok(self)
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether at most one record may have a key.
    #[must_use]
    pub fn is_unique(&self) -> bool {
        self.unique
    }

    /// Whether a record has one key per element of a list.
    #[must_use]
    pub fn is_multi(&self) -> bool {
        self.multi
    }

    /// Whether the key has several components.
    #[must_use]
    pub fn is_compound(&self) -> bool {
        self.paths.len() > 1
    }

    /// The JSON pointers of the fields, in the order of the key's components.
    #[must_use]
    pub fn paths(&self) -> &[Cow<'static, str>] {
        &self.paths
    }

    /// The keys of a record: sorted, each once, at least one ([`Key::None`] for nothing).
    ///
    /// # Errors
    ///
    /// If a field holds something that cannot be a key.
    pub(crate) fn keys(&self, record: &T, json: &dyn JsonFields) -> Result<KeySet, KeyError> {
        if let Some(extract) = self.extract {
            let mut keys = Keys::default();
            extract(record, &mut keys);
            if keys.keys.len() > 1 && !self.multi {
                return Err(KeyError::new(
                    "an index that is not over a list was given several keys",
                ));
            }
            return keys.finish();
        }
        keys_at(&self.pointers, self.multi, json)
    }

    /// Where the value stands that cannot be a key, of a record whose [`keys`](Self::keys) are an error.
    pub(crate) fn path_at_fault(&self, json: &dyn JsonFields) -> &str {
        let mut fields = self.pointers.iter().zip(&self.paths);
        fields
            .find(|(pointer, _)| json.key(pointer).is_err())
            .map(|(_, path)| path)
            .or(self.paths.first())
            .map_or("", |path| path)
    }
}

/// The keys at these paths of a JSON document.
pub(crate) fn keys_at(
    pointers: &[Pointer],
    multi: bool,
    json: &dyn JsonFields,
) -> Result<KeySet, KeyError> {
    let mut keys = Keys::default();
    match pointers {
        [pointer] if multi => json.each_key(pointer, &mut keys.keys)?,
        [pointer] => keys.keys.push(json.key(pointer)?),
        parts => {
            let parts: Vec<Key> = parts
                .iter()
                .map(|path| json.key(path))
                .collect::<Result<_, _>>()?;
            keys.keys.push(Key::Compound(parts.into()));
        }
    }
    keys.finish()
}
