//! The one gate through which every record comes in, from a caller or from the disk.
//!
//! Owns [`Admission`]: what is checked and in which order. Because a save goes through the same
//! steps as a load, *what `save` accepts, `open` accepts*. It does not look at other records:
//! unique keys and preconditions are the table's.

use std::borrow::Cow;
use std::sync::Arc;

use larder_schema::{Extra, Pointer, Repair, Tree, Validator, Violation};

use crate::arrival::Policy;
use crate::collection::{Collection, Prepared};
use crate::definition::Definition;
use crate::encode::encode;
use crate::error::{Error, ErrorKind, Result};
use crate::index::IndexDef;
use crate::issue::IssueKind;
use crate::json_fields::JsonFields;
use crate::key::Key;
use crate::key_set::KeySet;
use crate::record::Data;

/// Longest id, in bytes.
pub const MAX_ID_BYTES: usize = 1024;

/// A record that may come in, with everything that was worked out on the way.
#[derive(Debug)]
pub struct Admitted<T> {
    /// The id.
    pub id: Arc<str>,
    /// The record.
    pub record: Arc<T>,
    /// The keys, per index of the collection.
    pub keys: Vec<KeySet>,
    /// What of its text the type does not know.
    pub unknown: Option<Extra>,
}

/// Why a text is not a record of the collection.
#[derive(Clone, Debug)]
pub struct Rejection {
    /// What is wrong.
    pub kind: IssueKind,
    /// The id, where it could be read.
    pub id: Option<String>,
    /// One sentence, without values of the record.
    pub message: Cow<'static, str>,
    /// The reasons, with their paths.
    pub violations: Vec<Violation>,
    /// Of a record that was mended: what was done to it.
    pub repairs: Box<[Repair]>,
    /// Line and column within the text, for a syntax error.
    pub place: Option<(usize, usize)>,
}

impl Rejection {
    pub(crate) fn new(kind: IssueKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            id: None,
            message: message.into(),
            violations: Vec::new(),
            repairs: Box::default(),
            place: None,
        }
    }

    fn into_error(self) -> Error {
        let kind = match self.kind {
            IssueKind::InvalidId => ErrorKind::InvalidId,
            IssueKind::InvalidKey => ErrorKind::InvalidKey,
            IssueKind::Schema => ErrorKind::Invalid,
            _ => ErrorKind::Encode,
        };
        let error = Error::new(kind, self.message).with_violations(self.violations);
        match self.id {
            Some(id) => error.with_id(id),
            None => error,
        }
    }
}

/// The checks of one collection, compiled once.
#[derive(Debug)]
pub struct Admission<T> {
    collection: Collection<T>,
    prepared: Arc<Prepared<T>>,
    policy: Policy,
}

impl<T: Data> Admission<T> {
    /// Checks the collection's definition and compiles its schema.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] with what is wrong.
    pub fn new(collection: Collection<T>) -> Result<Self> {
        let prepared = collection.prepare()?.share();
        Ok(Self {
            collection,
            prepared,
            policy: Policy::default(),
        })
    }

    /// The same with what the store was configured to do.
    #[must_use]
    pub fn with_policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    pub(crate) fn policy(&self) -> Policy {
        self.policy
    }

    pub(crate) fn id_path(&self) -> &Pointer {
        &self.prepared.id_path
    }

    /// Whether the schema was made from the type.
    pub(crate) fn schema_is_the_types(&self) -> bool {
        self.collection.has_schema_of_type()
    }

    /// The collection.
    #[must_use]
    pub fn collection(&self) -> &Collection<T> {
        &self.collection
    }

    /// The collection's definition, to keep beside the data.
    #[must_use]
    pub fn definition(&self) -> Definition {
        self.collection.definition_of(&self.prepared)
    }

    /// The indexes, with their paths parsed.
    #[must_use]
    pub fn indexes(&self) -> &[IndexDef<T>] {
        &self.prepared.indexes
    }

    /// The compiled schema.
    #[must_use]
    pub fn validator(&self) -> &Validator {
        &self.prepared.validator
    }

    /// A record from a caller: it is written as JSON, and the JSON must be admitted. Gives the
    /// text too.
    ///
    /// The record that stays in the view is the caller's, with its run-time fields.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Encode`], [`ErrorKind::InvalidId`], [`ErrorKind::InvalidKey`] or
    /// [`ErrorKind::Invalid`]; nothing was changed.
    pub fn admit(&self, record: T) -> Result<(Admitted<T>, String)> {
        let text = encode(&record)?;
        // What the caller's record writes, its type knows.
        let read = self.judge(&text, false).map_err(Rejection::into_error)?;
        let id = read.id;
        if let Some(own) = self.prepared.id
            && own(&record) != &*id
        {
            return Err(Error::new(
                ErrorKind::Encode,
                "the record reads back with another id: its Serialize and Deserialize disagree",
            )
            .with_id(own(&record)));
        }
        let keys = self.keys_of(&record).map_err(|error| error.with_id(&*id))?;
        if keys != read.keys {
            return Err(Error::new(
                ErrorKind::Encode,
                "the record reads back with other index keys: its Serialize and Deserialize \
                 disagree",
            )
            .with_id(&*id));
        }
        Ok((
            Admitted {
                id,
                record: Arc::new(record),
                keys,
                unknown: None,
            },
            text,
        ))
    }

    /// A record from the disk, or from any text.
    ///
    /// # Errors
    ///
    /// Why it is not a record of this collection.
    pub fn read(&self, text: &str) -> Result<Admitted<T>, Rejection> {
        self.judge(text, true)
    }

    /// As [`read`](Self::read); whether the type knows all of the text is asked only if it matters.
    fn judge(&self, text: &str, unknown: bool) -> Result<Admitted<T>, Rejection> {
        let tree = Tree::parse(text).map_err(|error| {
            let mut rejection = Rejection::new(IssueKind::Syntax, error.message().to_owned());
            rejection.place = Some((error.line(), error.column()));
            if let Some(path) = error.duplicate_key() {
                rejection.violations = vec![Violation::new(path, "duplicateKey", error.message())];
            }
            rejection
        })?;
        let id = self.read_id(&tree);
        let readable = id.as_ref().ok().map(ToString::to_string);
        let name = |mut rejection: Rejection| {
            rejection.id.clone_from(&readable);
            rejection
        };

        let violations = self.prepared.validator.check(&tree);
        if !violations.is_empty() {
            let mut rejection = Rejection::new(IssueKind::Schema, "the record is not valid");
            rejection.violations = violations;
            return Err(name(rejection));
        }
        let id: Arc<str> = id?.into();
        let record: T = serde_json::from_str(text).map_err(|error| {
            // The message of a type's own Deserialize may hold the value: only the place is told.
            let mut rejection = Rejection::new(
                IssueKind::Schema,
                "the schema accepts the record, but the record type cannot read it",
            );
            rejection.place = Some((error.line(), error.column()));
            name(rejection)
        })?;
        if let Some(own) = self.prepared.id
            && own(&record) != &*id
        {
            let message = "the record type reads another id than the one that is written";
            return Err(name(Rejection::new(IssueKind::InvalidId, message)));
        }
        if let Some(check) = self.prepared.check {
            check(&record).map_err(|violation| {
                let mut rejection =
                    Rejection::new(IssueKind::Schema, "the record breaks a rule of its type");
                rejection.violations = vec![violation];
                name(rejection)
            })?;
        }
        // The type may give a field a default that the text does not have; the keys are the
        // record's, as they will be when it is changed.
        let view = crate::view::View::new(&record);
        let json: &dyn JsonFields = if crate::view::is_plain_json::<T>() {
            &tree
        } else {
            &view
        };
        let keys = self
            .prepared
            .indexes
            .iter()
            .map(|index| index.keys(&record, json).map_err(|error| (index, error)))
            .collect::<Result<_, _>>()
            .map_err(|(index, error)| {
                let path = index.path_at_fault(json);
                let mut rejection =
                    Rejection::new(IssueKind::InvalidKey, "an indexed field cannot be a key");
                rejection.violations = vec![Violation::new(path, "index", error.to_string())];
                name(rejection)
            })?;
        let unknown = if unknown {
            self.unknown_of(&tree, text, &record)
        } else {
            None
        };
        Ok(Admitted {
            id,
            record: Arc::new(record),
            keys,
            unknown,
        })
    }

    /// The keys of a record that is in the view, per index.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidKey`]; never for a record that was admitted.
    pub fn keys_of(&self, record: &T) -> Result<Vec<KeySet>> {
        let json = crate::view::View::new(record);
        self.prepared
            .indexes
            .iter()
            .map(|index| {
                index.keys(record, &json).map_err(|error| {
                    Error::new(ErrorKind::InvalidKey, error.to_string()).with_index(index.name())
                })
            })
            .collect()
    }

    /// The id of a record.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidId`]; never for a record that was admitted.
    pub fn id_of(&self, record: &T) -> Result<Arc<str>> {
        if let Some(id) = self.prepared.id {
            return Ok(id(record).into());
        }
        match crate::view::View::new(record).key(&self.prepared.id_path) {
            Ok(Key::Text(id)) => Ok(id.into()),
            _ => Err(Error::new(
                ErrorKind::InvalidId,
                "the id is missing or not a string",
            )),
        }
    }

    fn read_id<'t>(&self, tree: &'t Tree<'_>) -> Result<&'t str, Rejection> {
        let refuse = |message: &'static str| {
            let mut rejection = Rejection::new(IssueKind::InvalidId, message);
            let path = self.prepared.id_path.to_string();
            rejection.violations = vec![Violation::new(path, "id", message)];
            Err(rejection)
        };
        match tree.pointer(&self.prepared.id_path) {
            None => refuse("the id is missing"),
            Some(Tree::String(id)) => check_id(id).map(|()| &**id).or_else(refuse),
            Some(_) => refuse("the id is not a string"),
        }
    }
}

/// Checks an id by the rules of [`Record::id`](crate::Record::id).
///
/// # Errors
///
/// The rule that is broken.
pub fn check_id(id: &str) -> Result<(), &'static str> {
    if id.is_empty() {
        Err("the id is empty")
    } else if id.len() > MAX_ID_BYTES {
        Err("the id is longer than 1,024 bytes")
    } else if id.contains('\0') {
        Err("the id contains NUL")
    } else {
        Ok(())
    }
}
