//! What to find: conditions, order, limit and cursor, as a value that every backend understands.
//!
//! Owns [`Query`] and its parts. The methods of the handles that make them are in `conditions.rs`. It
//! does not run anything: `table/` does for memory, each database backend does for itself.

use std::borrow::Cow;
use std::fmt;
use std::ops::{Bound, RangeBounds as _};
use std::sync::Arc;

use smallvec::SmallVec;

use crate::collection::pointer_text;
use crate::cursor::Cursor;
use crate::index::Extract;
use crate::key::{Key, KeyError};

/// What a condition or an order is about.
pub enum Target<T> {
    /// An index of the collection, by name.
    Index(Cow<'static, str>),
    /// A field, by its path; served by an index on that one path where there is one.
    Field {
        /// JSON pointer of the field.
        path: Cow<'static, str>,
        /// Whether the field's type is a list. A field by its path alone ([`Target::field`]) may
        /// hold either; a condition on it holds if it holds for an element.
        multi: bool,
        /// How to read it from the record, where the type is known; else from its JSON.
        extract: Option<Extract<T>>,
    },
}

impl<T> Target<T> {
    /// A field by its path, as people type it: `categoryId`, `workflowState.status`, `/a/b`.
    #[must_use]
    pub fn field(path: &str) -> Self {
        Self::Field {
            path: pointer_text(path).into(),
            multi: false,
            extract: None,
        }
    }

    /// The name in plans, errors and cursors.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Index(name) => name,
            Self::Field { path, .. } => path,
        }
    }
}

/// As [`Target::field`].
impl<T> From<&str> for Target<T> {
    fn from(field: &str) -> Self {
        Self::field(field)
    }
}

impl<T> Clone for Target<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Index(name) => Self::Index(name.clone()),
            Self::Field {
                path,
                multi,
                extract,
            } => Self::Field {
                path: path.clone(),
                multi: *multi,
                extract: *extract,
            },
        }
    }
}

impl<T> fmt::Debug for Target<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name())
    }
}

/// What must hold for a key. Under a multi-valued index it is enough that it holds for one key.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Test {
    /// The key is this one.
    Is(Key),
    /// The key is one of these.
    AnyOf(Vec<Key>),
    /// The key lies in this range. Only keys of the bounds' kind are in it: a range of numbers
    /// holds no text, and no range holds none.
    Range(Bound<Key>, Bound<Key>),
    /// The key is text that starts with this.
    StartsWith(String),
    /// The key is compound and starts with these components.
    Leading(Vec<Key>),
    /// The field is not there or null; for a list: it is empty, or an element is null.
    IsNone,
}

impl Test {
    /// Whether a key passes.
    #[must_use]
    pub fn matches(&self, key: &Key) -> bool {
        match self {
            Self::Is(wanted) => key == wanted,
            Self::AnyOf(wanted) => wanted.contains(key),
            Self::IsNone => key.is_none(),
            Self::StartsWith(prefix) => {
                matches!(key, Key::Text(text) if text.starts_with(prefix.as_str()))
            }
            Self::Leading(parts) => match key {
                Key::Compound(key) => key.starts_with(parts),
                _ => false,
            },
            Self::Range(from, to) => {
                let of_kind = |bound: &Bound<Key>| match bound {
                    Bound::Included(bound) | Bound::Excluded(bound) => bound.same_kind(key),
                    Bound::Unbounded => true,
                };
                !key.is_none()
                    && of_kind(from)
                    && of_kind(to)
                    && (from.as_ref(), to.as_ref()).contains(key)
            }
        }
    }
}

/// One condition of a query.
#[derive(Clone)]
pub struct Condition<T> {
    pub(crate) target: Target<T>,
    pub(crate) test: Test,
}

impl<T> Condition<T> {
    /// A condition on this target.
    #[must_use]
    pub fn new(target: Target<T>, test: Test) -> Self {
        Self { target, test }
    }

    /// What it is about.
    #[must_use]
    pub fn target(&self) -> &Target<T> {
        &self.target
    }

    /// What must hold.
    #[must_use]
    pub fn test(&self) -> &Test {
        &self.test
    }
}

/// As [`Display`](fmt::Display): without the values.
impl<T> fmt::Debug for Condition<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Plans show the shape of a condition, not its values, which may be secrets.
impl<T> fmt::Display for Condition<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.target.name();
        match &self.test {
            Test::Is(_) => write!(f, "{name} is ?"),
            Test::AnyOf(keys) => write!(f, "{name} any of {}", keys.len()),
            Test::StartsWith(_) => write!(f, "{name} starts with ?"),
            Test::Leading(parts) => write!(f, "{name} leading {}", parts.len()),
            Test::IsNone => write!(f, "{name} is none"),
            Test::Range(..) => write!(f, "{name} in range"),
        }
    }
}

/// One key of an order.
#[derive(Clone, Debug)]
pub struct Order<T> {
    pub(crate) target: Target<T>,
    pub(crate) descending: bool,
}

impl<T> Order<T> {
    /// From the smallest key up, or from the largest down.
    #[must_use]
    pub fn new(target: Target<T>, descending: bool) -> Self {
        Self { target, descending }
    }

    /// What is ordered by.
    #[must_use]
    pub fn target(&self) -> &Target<T> {
        &self.target
    }

    /// Whether the largest key comes first.
    #[must_use]
    pub fn is_descending(&self) -> bool {
        self.descending
    }
}

/// A residual condition in code.
pub type Filter<T> = Arc<dyn Fn(&T) -> bool + Send + Sync>;

/// What to find.
///
/// All conditions must hold. Without an order the records come by id, bytewise; with an order,
/// records of equal keys come by id. Keys order as [`Key`] says, so none comes first (last when
/// descending).
///
/// ```
/// # use larder_core::{Field, Index, Query};
/// # #[derive(serde::Serialize, serde::Deserialize)]
/// # struct Session { category: String, last: u64 }
/// # const CATEGORY: Index<Session, String> = Index::new("category", "/category", |s, k| k.one(&s.category));
/// # const LAST: Field<Session, u64> = Field::new("/last", |s, k| k.one(&s.last));
/// let query: Query<Session> = CATEGORY
///     .is("cat-7")
///     .and(LAST.range(100..))
///     .filter(|session| session.last % 2 == 0)
///     .order_by(LAST.desc())
///     .limit(20);
/// ```
pub struct Query<T> {
    pub(crate) conditions: SmallVec<[Condition<T>; 1]>,
    pub(crate) filters: Vec<Filter<T>>,
    pub(crate) order: Vec<Order<T>>,
    pub(crate) limit: Option<usize>,
    pub(crate) after: Option<Cursor>,
    pub(crate) error: Option<KeyError>,
}

impl<T> Query<T> {
    /// Every record, by id.
    #[must_use]
    pub fn all() -> Self {
        Self {
            conditions: SmallVec::new(),
            filters: Vec::new(),
            order: Vec::new(),
            limit: None,
            after: None,
            error: None,
        }
    }

    /// The records for which this condition holds.
    #[must_use]
    pub fn when(condition: Condition<T>) -> Self {
        Self {
            conditions: smallvec::smallvec![condition],
            ..Self::all()
        }
    }

    pub(crate) fn tested(target: Target<T>, test: Result<Test, KeyError>) -> Self {
        match test {
            Ok(test) => Self::when(Condition::new(target, test)),
            // The error waits until the query runs, so that queries can be written in one line.
            Err(error) => Self {
                error: Some(error),
                ..Self::all()
            },
        }
    }

    /// Both hold. Order, limit and cursor of `other`, where set, replace those here.
    #[must_use]
    pub fn and(mut self, other: impl Into<Self>) -> Self {
        let other = other.into();
        self.conditions.extend(other.conditions);
        self.filters.extend(other.filters);
        if !other.order.is_empty() {
            self.order = other.order;
        }
        self.limit = other.limit.or(self.limit);
        self.after = other.after.or(self.after);
        self.error = self.error.or(other.error);
        self
    }

    /// A condition in code, applied to what the other conditions leave. It runs outside every
    /// lock, so it may use the store.
    #[must_use]
    pub fn filter(mut self, filter: impl Fn(&T) -> bool + Send + Sync + 'static) -> Self {
        self.filters.push(Arc::new(filter));
        self
    }

    /// Orders by this key; the first call gives the first key, the next the second, and so on.
    ///
    /// A typed handle on a list has no one place in an order: such a query is
    /// [`InvalidQuery`](crate::ErrorKind::InvalidQuery). A field by its path ([`Target::field`])
    /// that holds a list is ordered by its smallest element.
    #[must_use]
    pub fn order_by(mut self, order: Order<T>) -> Self {
        self.order.push(order);
        self
    }

    /// At most so many.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Only what comes after this place in the order: the `next` of an earlier
    /// [`page`](crate::RepositoryExt::page).
    #[must_use]
    pub fn after(mut self, cursor: Cursor) -> Self {
        self.after = Some(cursor);
        self
    }

    /// The conditions, all of which must hold.
    #[must_use]
    pub fn conditions(&self) -> &[Condition<T>] {
        &self.conditions
    }

    /// The order's keys, first first; the id comes after the last.
    #[must_use]
    pub fn order(&self) -> &[Order<T>] {
        &self.order
    }

    /// The limit.
    #[must_use]
    pub fn max(&self) -> Option<usize> {
        self.limit
    }
}

impl<T> Clone for Query<T> {
    fn clone(&self) -> Self {
        Self {
            conditions: self
                .conditions
                .iter()
                .map(|condition| Condition {
                    target: condition.target.clone(),
                    test: condition.test.clone(),
                })
                .collect(),
            filters: self.filters.clone(),
            order: self
                .order
                .iter()
                .map(|order| Order {
                    target: order.target.clone(),
                    descending: order.descending,
                })
                .collect(),
            limit: self.limit,
            after: self.after.clone(),
            error: self.error.clone(),
        }
    }
}

impl<T> fmt::Debug for Query<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let conditions: Vec<String> = self.conditions.iter().map(ToString::to_string).collect();
        f.debug_struct("Query")
            .field("conditions", &conditions)
            .field("filters", &self.filters.len())
            .field(
                "order",
                &self
                    .order
                    .iter()
                    .map(|o| o.target.name())
                    .collect::<Vec<_>>(),
            )
            .field("limit", &self.limit)
            .field("after", &self.after)
            .finish_non_exhaustive()
    }
}

/// A look-up by a unique key: at most one record. What
/// [`find_one`](crate::RepositoryExt::find_one) takes.
#[derive(Clone, Debug)]
pub struct Lookup<T>(pub(crate) Query<T>);

impl<T> Lookup<T> {
    /// Adds a condition; from then on it is a query like any other.
    #[must_use]
    pub fn and(self, other: impl Into<Query<T>>) -> Query<T> {
        self.0.and(other)
    }
}

impl<T> From<Lookup<T>> for Query<T> {
    fn from(lookup: Lookup<T>) -> Self {
        lookup.0
    }
}

impl<T> From<Condition<T>> for Query<T> {
    fn from(condition: Condition<T>) -> Self {
        Self::when(condition)
    }
}
