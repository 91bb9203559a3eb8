//! Fields that hold a time, and times as the integers that stand in them.
//!
//! Owns [`TimeField`] and [`UnixMillis`]: which fields are times, and how one is read and compared.
//! What a time is good for is in `expiry.rs` and `retention.rs`.

use std::borrow::Cow;
use std::fmt;
use std::ops::Bound;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use larder_schema::Pointer;

use crate::collection::pointer_text;
use crate::error::{Error, ErrorKind, Result};
use crate::index::{Extract, Field, Index, Keys, Paths, UniqueIndex};
use crate::json_fields::JsonFields as _;
use crate::key::{Key, KeyError};
use crate::query::{Query, Target, Test};
use crate::record::Data;
use crate::view::View;

/// A type that serde writes as an integer: milliseconds since the Unix epoch, negative before it.
///
/// `u64` and `i64` are such types. Implement it for a type of your own that is written so; a record
/// in which it is written otherwise has no time in that field.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no time in milliseconds",
    note = "a time is kept as an integer, milliseconds since the Unix epoch: `u64`, `i64`, or an \
            `Option` of one",
    note = "a type of your own that serde writes so may implement `UnixMillis`"
)]
pub trait UnixMillis {}

impl UnixMillis for u64 {}
impl UnixMillis for i64 {}

/// How the field of a record is read.
enum Reader<T> {
    Typed(Extract<T>),
    Path(Pointer),
    /// It cannot be, for this reason. Told when it is used, so that it can be written in one line.
    Wrong(&'static str),
}

impl<T> Clone for Reader<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Typed(extract) => Self::Typed(*extract),
            Self::Path(path) => Self::Path(path.clone()),
            Self::Wrong(why) => Self::Wrong(why),
        }
    }
}

/// A field that holds a time: an integer, in milliseconds since the Unix epoch.
///
/// Made of a typed handle (`Session::LAST_ACTIVITY`), or of a path as people type it
/// (`"lastActivity"`, `"state.since"`, `"/a/b"`).
///
/// A record in which the field is absent or null has no time there. Neither has one in which it is
/// anything but an integer, such as text, `12.5` or a list; whether that may be in it at all is the
/// schema's to say. (`12.0` is the integer 12, as it is for every index.)
pub struct TimeField<T> {
    path: Cow<'static, str>,
    reader: Reader<T>,
}

impl<T> Clone for TimeField<T> {
    fn clone(&self) -> Self {
        Self {
            path: self.path.clone(),
            reader: self.reader.clone(),
        }
    }
}

impl<T> fmt::Debug for TimeField<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TimeField").field(&self.path).finish()
    }
}

impl<T> TimeField<T> {
    fn of_handle(paths: Paths, multi: bool, extract: Extract<T>) -> Self {
        let (path, reader) = match paths {
            Paths::One(path) if multi => (path, Reader::Wrong("a list is no time")),
            Paths::One(path) => (path, Reader::Typed(extract)),
            Paths::Many(_) => ("", Reader::Wrong("a compound key is no time")),
        };
        Self {
            path: path.into(),
            reader,
        }
    }

    /// The JSON pointer of the field.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether it can be read at all.
    pub(crate) fn check(&self) -> Result<()> {
        match &self.reader {
            Reader::Wrong(why) => Err(Error::new(
                ErrorKind::Config,
                format!("the field of times {:?} cannot be one: {why}", self.path),
            )),
            Reader::Typed(_) | Reader::Path(_) => Ok(()),
        }
    }
}

impl<T: Data> TimeField<T> {
    /// The time of a record, in milliseconds since the epoch; `None` if it has none.
    fn read(&self, record: &T) -> Option<i128> {
        let key = match &self.reader {
            Reader::Typed(extract) => {
                let mut keys = Keys::default();
                extract(record, &mut keys);
                keys.finish().ok()?.into_iter().next_back()?
            }
            Reader::Path(path) => View::new(record).key(path).ok()?,
            Reader::Wrong(_) => return None,
        };
        match key {
            Key::Int(millis) => Some(millis.get()),
            _ => None,
        }
    }

    /// Whether the record has a time here, and it is not after this one.
    pub(crate) fn is_until(&self, record: &T, until: Millis) -> bool {
        self.read(record).is_some_and(|time| time <= until.0)
    }

    /// The records that have a time here which is not after this one: by an index on the field, if
    /// there is one.
    pub(crate) fn until(&self, until: Millis) -> Query<T> {
        let extract = match &self.reader {
            Reader::Typed(extract) => Some(*extract),
            Reader::Path(_) => None,
            Reader::Wrong(why) => {
                return Query::tested(Target::field(&self.path), Err(KeyError::new(why)));
            }
        };
        let target = Target::Field {
            path: self.path.clone(),
            multi: false,
            extract,
        };
        // Bounded below by what is below every number: a database takes a range that is open at one
        // end for a large part of its records, and may rather read all of them than use the index.
        let test = Test::Range(
            Bound::Included(Key::Float(f64::MIN)),
            Bound::Included(Key::int(until.0)),
        );
        // A range of numbers holds fractions, and a list in which one is; those are no times.
        let field = self.clone();
        Query::tested(target, Ok(test)).filter(move |record| field.is_until(record, until))
    }
}

macro_rules! from_handle {
    ($($handle:ident),+) => {$(
        impl<T, K: UnixMillis> From<$handle<T, K>> for TimeField<T> {
            fn from(handle: $handle<T, K>) -> Self {
                Self::of_handle(handle.paths, handle.multi, handle.extract)
            }
        }
    )+};
}

from_handle!(Field, Index, UniqueIndex);

impl<T> From<&str> for TimeField<T> {
    fn from(field: &str) -> Self {
        let reader = match Pointer::field(field) {
            Ok(pointer) => Reader::Path(pointer),
            Err(_) => Reader::Wrong("this is not a path"),
        };
        Self {
            path: pointer_text(field).into(),
            reader,
        }
    }
}

/// The last whole millisecond that is not after a moment, since the epoch. As times are whole
/// milliseconds, one is after the moment exactly if it is after this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Millis(i128);

impl Millis {
    pub(crate) fn of(moment: SystemTime) -> Self {
        Self::before(moment, Duration::ZERO)
    }

    /// So long before a moment. Calculated in integers, because what is that long before need not
    /// be a time that the system's type can hold.
    pub(crate) fn before(moment: SystemTime, by: Duration) -> Self {
        const NANOS_PER_MILLI: i128 = 1_000_000;
        let nanos =
            |duration: Duration| i128::try_from(duration.as_nanos()).unwrap_or(i128::MAX / 2);
        let since_epoch = match moment.duration_since(UNIX_EPOCH) {
            Ok(after) => nanos(after),
            Err(before) => -nanos(before.duration()),
        };
        Self((since_epoch - nanos(by)).div_euclid(NANOS_PER_MILLI))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn a_moment_is_its_last_whole_millisecond() {
        let at = |nanos: i64| {
            let duration = Duration::from_nanos(nanos.unsigned_abs());
            let moment = if nanos < 0 {
                UNIX_EPOCH.checked_sub(duration)
            } else {
                UNIX_EPOCH.checked_add(duration)
            };
            Millis::of(moment.unwrap()).0
        };
        assert_eq!([at(0), at(999_999), at(1_000_000)], [0, 0, 1]);
        assert_eq!([at(-1), at(-1_000_000), at(-1_000_100)], [-1, -1, -2]);
        let age = Duration::from_nanos(1);
        assert_eq!(Millis::before(UNIX_EPOCH, age), Millis(-1));
        // Nothing overflows.
        assert!(Millis::before(UNIX_EPOCH, Duration::MAX).0 < i128::from(i64::MIN));
    }

    #[test]
    fn a_handle_on_several_keys_is_no_field_of_times() {
        let list = Index::<Value, u64>::multi("a", "/a", |_, _| {});
        let pair = Index::<Value, u64>::compound("AB", &["/a", "/b"], |_, _| {});
        for field in [TimeField::from(list), TimeField::from(pair)] {
            assert_eq!(field.check().unwrap_err().kind(), ErrorKind::Config);
            assert!(field.until(Millis(0)).error.is_some());
            assert!(!field.is_until(&json!({"a": 0, "b": 0}), Millis(0)));
        }
        let one = Index::<Value, u64>::new("a", "/a", |_, _| {});
        assert!(TimeField::from(one).check().is_ok());
    }

    #[test]
    fn what_is_no_integer_is_no_time() {
        let field = TimeField::<Value>::from("a.at");
        assert_eq!(field.path(), "/a/at");
        for (value, time) in [
            (json!(5), Some(5)),
            (json!(-5), Some(-5)),
            (json!(5.0), Some(5)),
            (json!(u64::MAX), Some(i128::from(u64::MAX))),
            (json!(5.5), None),
            (json!(null), None),
            (json!("5"), None),
            (json!(true), None),
            (json!([5]), None),
            (json!({"b": 5}), None),
        ] {
            assert_eq!(field.read(&json!({"a": {"at": value}})), time, "{value}");
        }
        assert_eq!(field.read(&json!({"at": 5})), None);
    }
}
