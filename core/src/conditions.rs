//! What can be asked of an index or a field: the methods of the typed handles.
//!
//! Owns the way from `Session::CATEGORY_ID.is("x")` to a [`Query`]. What a condition means is in
//! `query.rs`.

use std::ops::{Bound, RangeBounds};

use crate::index::{Field, Index, UniqueIndex};
use crate::key::KeyError;
use crate::key_arg::{Compound, KeyArg, LeadingKeyArg};
use crate::query::{Lookup, Order, Query, Target, Test};

fn any_of<K: ?Sized, A: KeyArg<K>>(keys: impl IntoIterator<Item = A>) -> Result<Test, KeyError> {
    Ok(Test::AnyOf(
        keys.into_iter()
            .map(|key| key.to_key())
            .collect::<Result<_, _>>()?,
    ))
}

fn range<K: ?Sized, A: KeyArg<K>>(range: &impl RangeBounds<A>) -> Result<Test, KeyError> {
    let bound = |bound: Bound<&A>| match bound {
        Bound::Included(key) => key.to_key().map(Bound::Included),
        Bound::Excluded(key) => key.to_key().map(Bound::Excluded),
        Bound::Unbounded => Ok(Bound::Unbounded),
    };
    Ok(Test::Range(
        bound(range.start_bound())?,
        bound(range.end_bound())?,
    ))
}

macro_rules! conditions {
    ($handle:ident, |$this:ident| $target:expr) => {
        impl<T, K: ?Sized> $handle<T, K> {
            fn target(&self) -> Target<T> {
                let $this = self;
                $target
            }

            /// The key is one of these.
            pub fn any_of<A: KeyArg<K>>(&self, keys: impl IntoIterator<Item = A>) -> Query<T> {
                Query::tested(self.target(), any_of(keys))
            }

            /// The key lies in this range; see [`Test::Range`].
            pub fn range<A: KeyArg<K>>(&self, keys: impl RangeBounds<A>) -> Query<T> {
                Query::tested(self.target(), range(&keys))
            }

            /// The field holds nothing (for a list: is empty).
            pub fn is_none(&self) -> Query<T> {
                Query::tested(self.target(), Ok(Test::IsNone))
            }

            /// Order: from the smallest key up.
            pub fn asc(&self) -> Order<T> {
                Order::new(self.target(), false)
            }

            /// Order: from the largest key down.
            pub fn desc(&self) -> Order<T> {
                Order::new(self.target(), true)
            }
        }

        impl<T, K: ?Sized> From<$handle<T, K>> for Target<T> {
            fn from(handle: $handle<T, K>) -> Self {
                handle.target()
            }
        }

        impl<T> $handle<T, String> {
            /// The key starts with this text, bytewise.
            pub fn starts_with(&self, prefix: impl Into<String>) -> Query<T> {
                Query::tested(self.target(), Ok(Test::StartsWith(prefix.into())))
            }
        }

        impl<T, K> $handle<T, Compound<K>> {
            /// The key starts with these components, given as a tuple: `leading((provider,))`.
            pub fn leading(&self, keys: impl LeadingKeyArg<Compound<K>>) -> Query<T> {
                Query::tested(self.target(), keys.to_keys().map(Test::Leading))
            }
        }
    };
}

conditions!(Index, |this| Target::Index(this.name.into()));
conditions!(UniqueIndex, |this| Target::Index(this.name.into()));
conditions!(Field, |this| Target::Field {
    path: this.name.into(),
    multi: this.multi,
    extract: Some(this.extract),
});

impl<T, K: ?Sized> Index<T, K> {
    /// The key is this one.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "keys are mostly literals: no `&` there"
    )]
    pub fn is(&self, key: impl KeyArg<K>) -> Query<T> {
        Query::tested(self.target(), key.to_key().map(Test::Is))
    }
}

impl<T, K: ?Sized> Field<T, K> {
    /// The field is this.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "keys are mostly literals: no `&` there"
    )]
    pub fn is(&self, key: impl KeyArg<K>) -> Query<T> {
        Query::tested(self.target(), key.to_key().map(Test::Is))
    }
}

impl<T, K: ?Sized> UniqueIndex<T, K> {
    /// The key is this one: at most one record.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "keys are mostly literals: no `&` there"
    )]
    pub fn is(&self, key: impl KeyArg<K>) -> Lookup<T> {
        Lookup(Query::tested(self.target(), key.to_key().map(Test::Is)))
    }
}
