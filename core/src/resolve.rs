//! From a query's names to the collection's indexes and fields.
//!
//! Owns [`Resolved`]: which index can serve a condition, and how a condition or an order reads a
//! record. So every backend means the same by a query, and tests and orders what its own way of
//! finding leaves undone. It does not touch rows.

use larder_schema::Pointer;

use crate::admission::Admission;
use crate::cursor::Cursor;
use crate::error::{Error, ErrorKind, Result};
use crate::index::{Extract, IndexDef, Keys};
use crate::json_fields::JsonFields;
use crate::key::Key;
use crate::key_set::KeySet;
use crate::query::{Condition, Query, Target, Test};
use crate::record::Data;
use crate::view::View;

/// How the keys of a record are read.
enum Reader<'q, T> {
    Index(&'q IndexDef<T>),
    Typed(Extract<T>),
    Path(Pointer),
}

impl<T: Data> Reader<'_, T> {
    /// A field that holds no key (an object, say) has none.
    fn keys(&self, record: &T, view: &View<'_, T>) -> Option<KeySet> {
        let keys = match self {
            Self::Index(index) => index.keys(record, view),
            Self::Typed(extract) => {
                let mut keys = Keys::default();
                extract(record, &mut keys);
                keys.finish()
            }
            Self::Path(path) => {
                let mut keys = Keys::default();
                match view.each_key(path, keys.as_mut()) {
                    Ok(()) => keys.finish(),
                    Err(error) => Err(error),
                }
            }
        };
        keys.ok()
    }
}

/// A condition with the index that can serve it.
pub struct ResolvedCondition<'q, T> {
    pub(crate) condition: &'q Condition<T>,
    pub(crate) index: Option<usize>,
    reader: Reader<'q, T>,
}

impl<T> std::fmt::Debug for ResolvedCondition<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.condition.fmt(f)
    }
}

impl<T> ResolvedCondition<'_, T> {
    /// The condition.
    #[must_use]
    pub fn condition(&self) -> &Condition<T> {
        self.condition
    }

    /// The position of the index that can serve it.
    #[must_use]
    pub fn index(&self) -> Option<usize> {
        self.index
    }

    /// The path in the record's JSON that is read, where no index can serve and no typed handle
    /// reads the field.
    #[must_use]
    pub fn json_path(&self) -> Option<&Pointer> {
        match &self.reader {
            Reader::Path(path) => Some(path),
            Reader::Index(_) | Reader::Typed(_) => None,
        }
    }
}

impl<T: Data> ResolvedCondition<'_, T> {
    fn holds(&self, record: &T, view: &View<'_, T>) -> bool {
        let test = self.condition.test();
        self.reader
            .keys(record, view)
            .is_some_and(|keys| keys.iter().any(|key| test.matches(key)))
    }
}

/// One key of the order, with the index that has that order.
pub struct ResolvedOrder<'q, T> {
    pub(crate) index: Option<usize>,
    pub(crate) descending: bool,
    reader: Reader<'q, T>,
}

impl<T> std::fmt::Debug for ResolvedOrder<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResolvedOrder")
            .field("index", &self.index)
            .field("descending", &self.descending)
            .finish_non_exhaustive()
    }
}

impl<T> ResolvedOrder<'_, T> {
    /// The position of the index that has this order.
    #[must_use]
    pub fn index(&self) -> Option<usize> {
        self.index
    }

    /// Whether the largest key comes first.
    #[must_use]
    pub fn is_descending(&self) -> bool {
        self.descending
    }
}

/// A query whose names were looked up.
pub struct Resolved<'q, T> {
    pub(crate) query: &'q Query<T>,
    pub(crate) conditions: Vec<ResolvedCondition<'q, T>>,
    pub(crate) order: Vec<ResolvedOrder<'q, T>>,
}

impl<T> std::fmt::Debug for Resolved<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Resolved").field(self.query).finish()
    }
}

impl<'q, T: Data> Resolved<'q, T> {
    /// Looks up every name of a query.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidQuery`].
    pub fn new(admission: &'q Admission<T>, query: &'q Query<T>) -> Result<Self> {
        if let Some(error) = &query.error {
            return Err(Error::new(ErrorKind::InvalidQuery, error.to_string()));
        }
        let conditions = query
            .conditions
            .iter()
            .map(|condition| {
                let (index, reader) = look_up(admission, condition.target(), false)?;
                Ok(ResolvedCondition {
                    condition,
                    index,
                    reader,
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let order = query
            .order
            .iter()
            .map(|order| {
                let (index, reader) = look_up(admission, order.target(), true)?;
                let multi = match (index, order.target()) {
                    (Some(index), _) => admission
                        .indexes()
                        .get(index)
                        .is_some_and(IndexDef::is_multi),
                    (None, Target::Field { multi, .. }) => *multi,
                    (None, Target::Index(_)) => false,
                };
                if multi {
                    return Err(Error::new(
                        ErrorKind::InvalidQuery,
                        "a list has no one place in an order: order by another field",
                    )
                    .with_index(order.target().name().to_owned()));
                }
                Ok(ResolvedOrder {
                    index,
                    descending: order.is_descending(),
                    reader,
                })
            })
            .collect::<Result<Vec<_>>>()?;
        if let Some(cursor) = &query.after
            && cursor.order != order_names(query)
        {
            return Err(Error::new(
                ErrorKind::InvalidQuery,
                "the cursor comes from a query with another order",
            ));
        }
        Ok(Self {
            query,
            conditions,
            order,
        })
    }

    /// The conditions, all of which must hold.
    #[must_use]
    pub fn conditions(&self) -> &[ResolvedCondition<'q, T>] {
        &self.conditions
    }

    /// The order's keys, first first; the id comes after the last.
    #[must_use]
    pub fn order(&self) -> &[ResolvedOrder<'q, T>] {
        &self.order
    }

    /// The keys and the id after which the result begins.
    #[must_use]
    pub fn after(&self) -> Option<(&'q [Key], &'q str)> {
        let cursor = self.query.after.as_ref()?;
        Some((&cursor.keys, &cursor.id))
    }

    /// At most so many.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.query.limit.unwrap_or(usize::MAX)
    }

    /// Whether every condition that is not served already, and every filter, holds. Runs user
    /// code.
    pub fn admits(&self, record: &T, is_served: impl Fn(usize) -> bool) -> bool {
        let view = View::new(record);
        self.conditions
            .iter()
            .enumerate()
            .filter(|(position, _)| !is_served(*position))
            .all(|(_, condition)| condition.holds(record, &view))
            && self.query.filters.iter().all(|filter| filter(record))
    }

    /// Whether candidates for which these conditions hold need no further test.
    pub fn is_served_by(&self, is_served: impl Fn(usize) -> bool) -> bool {
        self.query.filters.is_empty() && (0..self.conditions.len()).all(is_served)
    }

    /// The record's keys in the order. Runs user code.
    #[must_use]
    pub fn order_keys(&self, record: &T) -> Vec<Key> {
        let view = View::new(record);
        self.order
            .iter()
            .map(|order| {
                let keys = order.reader.keys(record, &view);
                keys.and_then(|keys| keys.into_iter().next())
                    .unwrap_or(Key::None)
            })
            .collect()
    }

    /// Compares two places in the order.
    #[must_use]
    pub fn compare(&self, a: (&[Key], &str), b: (&[Key], &str)) -> std::cmp::Ordering {
        for ((order, a), b) in self.order.iter().zip(a.0).zip(b.0) {
            let ordering = if order.descending { b.cmp(a) } else { a.cmp(b) };
            if ordering.is_ne() {
                return ordering;
            }
        }
        a.1.as_bytes().cmp(b.1.as_bytes())
    }

    /// What is left to test after the served conditions, in words.
    pub fn residual(&self, is_served: impl Fn(usize) -> bool) -> Vec<String> {
        let conditions = self
            .conditions
            .iter()
            .enumerate()
            .filter(|(position, _)| !is_served(*position))
            .map(|(_, condition)| condition.condition.to_string());
        let filters = self.query.filters.iter().map(|_| "a filter".to_owned());
        conditions.chain(filters).collect()
    }
}

/// The index and the key of a query that asks for one key and nothing else, which most do: the rows of
/// that key are the result, and nothing has to be resolved.
pub(crate) fn one_key<'q, T: Data>(
    admission: &Admission<T>,
    query: &'q Query<T>,
) -> Option<(usize, &'q Key)> {
    let [only] = query.conditions.as_slice() else {
        return None;
    };
    let is_all = query.error.is_none()
        && query.filters.is_empty()
        && query.order.is_empty()
        && query.after.is_none();
    match (is_all, only.target(), only.test()) {
        (true, Target::Index(name), Test::Is(key)) => {
            let mut indexes = admission.indexes().iter();
            indexes
                .position(|index| index.name() == name)
                .map(|index| (index, key))
        }
        _ => None,
    }
}

/// Names and directions of a query's order, as a cursor holds them.
fn order_names<T>(query: &Query<T>) -> Vec<(String, bool)> {
    query
        .order
        .iter()
        .map(|order| (order.target().name().to_owned(), order.is_descending()))
        .collect()
}

/// The cursor after this record in the order of this query.
///
/// # Errors
///
/// [`ErrorKind::InvalidQuery`].
pub fn cursor_after<T: Data>(
    admission: &Admission<T>,
    query: &Query<T>,
    record: &T,
) -> Result<Cursor> {
    let resolved = Resolved::new(admission, query)?;
    let id = admission.id_of(record)?;
    Ok(Cursor {
        order: order_names(query),
        keys: resolved.order_keys(record),
        id,
    })
}

fn look_up<'q, T: Data>(
    admission: &'q Admission<T>,
    target: &'q Target<T>,
    for_order: bool,
) -> Result<(Option<usize>, Reader<'q, T>)> {
    let indexes = admission.indexes();
    match target {
        Target::Index(name) => {
            let found = indexes
                .iter()
                .enumerate()
                .find(|(_, index)| index.name() == name);
            let (position, index) = found.ok_or_else(|| {
                let known: Vec<&str> = indexes.iter().map(IndexDef::name).collect();
                Error::new(
                    ErrorKind::InvalidQuery,
                    format!(
                        "the collection has no such index; it has: {}",
                        known.join(", ")
                    ),
                )
                .with_index(name.clone())
            })?;
            Ok((Some(position), Reader::Index(index)))
        }
        Target::Field {
            path,
            multi,
            extract,
        } => {
            let serves = |index: &IndexDef<T>| {
                // A list and a scalar are not the same keys, unless nothing is known of the field;
                // and an index over lists has no order of records, with or without one.
                let fits = match extract {
                    Some(_) => index.is_multi() == *multi,
                    None => !(for_order && index.is_multi()),
                };
                index.paths() == [path.as_ref()] && fits
            };
            if let Some((position, index)) =
                indexes.iter().enumerate().find(|(_, index)| serves(index))
            {
                return Ok((Some(position), Reader::Index(index)));
            }
            if let Some(extract) = extract {
                return Ok((None, Reader::Typed(*extract)));
            }
            let pointer = Pointer::parse(path).map_err(|error| {
                Error::new(ErrorKind::InvalidQuery, format!("{path:?} is not a path"))
                    .with_source(error)
            })?;
            Ok((None, Reader::Path(pointer)))
        }
    }
}
