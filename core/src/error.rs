//! The one public error of Larder: what went wrong, where, and what it leaves behind.
//!
//! Owns [`Error`], [`ErrorKind`] and [`Result`]. It does not own the causes: every backend has a
//! private error enum of its own and folds it into this one, so that no type of a database or a
//! JSON library stands in a public signature.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use larder_schema::Violation;

/// A [`std::result::Result`] whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of thing went wrong. New kinds may come; match with a `_` arm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A configuration, a URL, a collection definition or a schema is wrong. Nothing was touched.
    Config,
    /// The record does not satisfy its schema or its own rules; [`Error::violations`] says where.
    /// Nothing was changed.
    Invalid,
    /// The id is empty, longer than 1,024 bytes or contains NUL. Nothing was changed.
    InvalidId,
    /// A value cannot be an index key: not a number (NaN), an object or a list where one value is
    /// expected. Nothing was changed.
    InvalidKey,
    /// The query names an index the collection does not have, or a cursor of another query.
    InvalidQuery,
    /// The record cannot be written as JSON, or not in a way that reads back. Nothing was changed.
    Encode,
    /// A record with this id is there already; [`Error::current`] is that record. Nothing was
    /// changed.
    AlreadyExists,
    /// The record is no longer what the caller read; [`Error::current`] is what is there now.
    /// Nothing was changed.
    Conflict,
    /// Another record has this unique key; [`Error::current`] is that record. Nothing was changed.
    UniqueViolation,
    /// The store is in use by another process (or by this one). Of a JSON store the message names
    /// the holder; a database was kept locked for longer than a write waits.
    Locked,
    /// A write on a store that was opened for reading only.
    ReadOnly,
    /// The data was written by a newer version than this program. It was not touched.
    NewerVersion,
    /// The file is not a store of Larder's. It was not touched.
    Unrecognized,
    /// The file is larger than the configured limit, and was not read; or a value is larger than a
    /// database takes.
    TooLarge,
    /// Records were rejected and `on_invalid = "reject"` is set. Nothing was touched.
    Rejected,
    /// Someone else changed the data: a file that the store is configured not to replace, the schema
    /// or the indexes of a collection in a database, or its rows faster than they can be verified.
    ExternalChange,
    /// The operating system refused a read, a write or a sync.
    Io,
    /// The write is visible and pending, but could not be made durable yet. The store keeps
    /// trying; [`std::error::Error::source`] is the last failure.
    NotDurable,
    /// The time given to a wait ran out. The write is visible and still on its way to the disk.
    Timeout,
    /// A transaction, a write, a flush or a wait inside a transaction of the same thread, which
    /// would wait for itself, or the opening of a collection there. Nothing was changed, and the
    /// transaction goes on.
    NestedTransaction,
    /// The store was closed.
    Closed,
    /// The background thread of the store panicked: later writes fail, nothing hangs.
    Poisoned,
    /// A bug, or a state that should not exist. Please report it.
    Internal,
}

impl ErrorKind {
    /// A short name in words, as it stands in messages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Config => "configuration",
            Self::Invalid => "invalid record",
            Self::InvalidId => "invalid id",
            Self::InvalidKey => "invalid key",
            Self::InvalidQuery => "invalid query",
            Self::Encode => "record cannot be encoded",
            Self::AlreadyExists => "already exists",
            Self::Conflict => "conflict",
            Self::UniqueViolation => "unique violation",
            Self::Locked => "store is locked",
            Self::ReadOnly => "store is read-only",
            Self::NewerVersion => "newer version",
            Self::Unrecognized => "not a store file",
            Self::TooLarge => "too large",
            Self::Rejected => "records rejected",
            Self::ExternalChange => "changed by someone else",
            Self::Io => "input/output",
            Self::NotDurable => "not durable yet",
            Self::Timeout => "timed out",
            Self::NestedTransaction => "nested transaction",
            Self::Closed => "store is closed",
            Self::Poisoned => "store is poisoned",
            Self::Internal => "internal error",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a call failed.
///
/// One word in size and cheap to clone, because a failed flush answers everybody who waited for
/// it with the same error.
///
/// # Display
///
/// One line: the kind, the message, then the context (`operation`, `collection`, `id`, `index`,
/// `path`), then the violations. The cause is *not* repeated there; walk
/// [`source`](std::error::Error::source) for it, as reporting crates do. No value of a record is
/// in it, only ids, names and paths.
///
/// # Example
///
/// ```
/// use larder_core::{Error, ErrorKind};
///
/// let error = Error::new(ErrorKind::InvalidId, "an id must not be empty")
///     .with_operation("save")
///     .with_collection("sessions");
/// assert_eq!(error.kind(), ErrorKind::InvalidId);
/// assert_eq!(
///     error.to_string(),
///     "invalid id: an id must not be empty (operation: save, collection: sessions)"
/// );
/// ```
#[derive(Clone)]
pub struct Error {
    repr: Arc<Repr>,
}

#[derive(Clone)]
struct Repr {
    kind: ErrorKind,
    message: Cow<'static, str>,
    operation: Option<&'static str>,
    collection: Option<String>,
    id: Option<String>,
    index: Option<String>,
    path: Option<PathBuf>,
    violations: Vec<Violation>,
    current: Option<Arc<dyn Any + Send + Sync>>,
    transient: bool,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of this kind with a message that says what to do about it.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        let repr = Repr {
            kind,
            message: message.into(),
            operation: None,
            collection: None,
            id: None,
            index: None,
            path: None,
            violations: Vec::new(),
            current: None,
            transient: matches!(kind, ErrorKind::NotDurable | ErrorKind::Timeout),
            source: None,
        };
        Self {
            repr: Arc::new(repr),
        }
    }

    fn edit(mut self, change: impl FnOnce(&mut Repr)) -> Self {
        change(Arc::make_mut(&mut self.repr));
        self
    }

    /// Says which verb failed. The innermost one stays: it knows best.
    #[must_use]
    pub fn with_operation(self, operation: &'static str) -> Self {
        self.edit(|repr| repr.operation = repr.operation.or(Some(operation)))
    }

    /// Says in which collection.
    #[must_use]
    pub fn with_collection(self, collection: impl Into<String>) -> Self {
        self.edit(|repr| repr.collection = Some(collection.into()))
    }

    /// Says at which record.
    #[must_use]
    pub fn with_id(self, id: impl Into<String>) -> Self {
        self.edit(|repr| repr.id = Some(id.into()))
    }

    /// Says under which index.
    #[must_use]
    pub fn with_index(self, index: impl Into<String>) -> Self {
        self.edit(|repr| repr.index = Some(index.into()))
    }

    /// Says at which file or directory.
    #[must_use]
    pub fn with_path(self, path: impl Into<PathBuf>) -> Self {
        self.edit(|repr| repr.path = Some(path.into()))
    }

    /// Adds the reasons why a record is not valid.
    #[must_use]
    pub fn with_violations(self, violations: Vec<Violation>) -> Self {
        self.edit(|repr| repr.violations = violations)
    }

    /// Carries the record that stands in the way.
    #[must_use]
    pub fn with_current<T: Send + Sync + 'static>(self, current: Arc<T>) -> Self {
        self.edit(|repr| repr.current = Some(current))
    }

    /// Sets the cause.
    #[must_use]
    pub fn with_source(self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        let source: Arc<dyn std::error::Error + Send + Sync> = Arc::from(source.into());
        self.edit(|repr| repr.source = Some(source))
    }

    /// Says that the same call may succeed later without a change by the caller.
    #[must_use]
    pub fn transient(self, transient: bool) -> Self {
        self.edit(|repr| repr.transient = transient)
    }

    /// What kind of thing went wrong.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.repr.kind
    }

    /// The message without kind and context.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.repr.message
    }

    /// The verb that failed (`save`, `open`, `flush`, ...), where known.
    #[must_use]
    pub fn operation(&self) -> Option<&'static str> {
        self.repr.operation
    }

    /// The collection it happened in, where known.
    #[must_use]
    pub fn collection(&self) -> Option<&str> {
        self.repr.collection.as_deref()
    }

    /// The id of the record, where known.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.repr.id.as_deref()
    }

    /// The index, where one is meant.
    #[must_use]
    pub fn index(&self) -> Option<&str> {
        self.repr.index.as_deref()
    }

    /// The file or directory, where one is meant.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.repr.path.as_deref()
    }

    /// Why the record is not valid: every reason, with its path in the record. Empty unless the
    /// kind is [`ErrorKind::Invalid`].
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        &self.repr.violations
    }

    /// The record that is there now, for [`ErrorKind::Conflict`], [`ErrorKind::AlreadyExists`] and
    /// [`ErrorKind::UniqueViolation`]. `None` if there is none, or if `T` is not the record type
    /// of the collection.
    #[must_use]
    pub fn current<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.repr
            .current
            .clone()
            .and_then(|current| current.downcast::<T>().ok())
    }

    /// Whether the same call may succeed later without a change by the caller: a full disk that is
    /// freed, a lock that is let go. A record that is invalid stays invalid.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.repr.transient
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let repr = &*self.repr;
        write!(f, "{}: {}", repr.kind, repr.message)?;
        let path = repr.path.as_ref().map(|path| path.display().to_string());
        let context = [
            ("operation", repr.operation),
            ("collection", repr.collection.as_deref()),
            ("id", repr.id.as_deref()),
            ("index", repr.index.as_deref()),
            ("path", path.as_deref()),
        ];
        let mut separator = " (";
        for (name, value) in context {
            if let Some(value) = value {
                write!(f, "{separator}{name}: {value}")?;
                separator = ", ";
            }
        }
        if separator == ", " {
            f.write_str(")")?;
        }
        for (position, violation) in repr.violations.iter().enumerate() {
            write!(f, "{}{violation}", if position == 0 { ": " } else { "; " })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let repr = &*self.repr;
        f.debug_struct("Error")
            .field("kind", &repr.kind)
            .field("message", &repr.message)
            .field("operation", &repr.operation)
            .field("collection", &repr.collection)
            .field("id", &repr.id)
            .field("index", &repr.index)
            .field("path", &repr.path)
            .field("violations", &repr.violations)
            .field("transient", &repr.transient)
            .field("source", &repr.source)
            .finish_non_exhaustive()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.repr.source.as_ref().map(|source| &**source as _)
    }
}

impl From<larder_schema::SchemaError> for Error {
    fn from(error: larder_schema::SchemaError) -> Self {
        Self::new(ErrorKind::Config, "the schema cannot be used").with_source(error)
    }
}

/// For conversions that cannot fail where one that can is asked for.
impl From<std::convert::Infallible> for Error {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error as _;

    #[test]
    fn an_error_is_one_word() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
        assert_eq!(size_of::<Result<()>>(), size_of::<usize>());
    }

    #[test]
    fn display_does_not_repeat_the_source() {
        let error = Error::new(ErrorKind::Io, "writing failed")
            .with_source(std::io::Error::other("the cause"))
            .with_path("/data/a.json");
        assert_eq!(
            error.to_string(),
            "input/output: writing failed (path: /data/a.json)"
        );
        assert_eq!(error.source().expect("a source").to_string(), "the cause");
    }

    #[test]
    fn current_gives_the_record_only_as_its_own_type() {
        let error = Error::new(ErrorKind::Conflict, "changed").with_current(Arc::new(7_u32));
        assert_eq!(error.current::<u32>().as_deref(), Some(&7));
        assert!(error.current::<String>().is_none());
    }

    #[test]
    fn the_innermost_operation_stays() {
        let error = Error::new(ErrorKind::Io, "x")
            .with_operation("sync")
            .with_operation("save");
        assert_eq!(error.operation(), Some("sync"));
    }
}
