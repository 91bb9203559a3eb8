//! Which arguments a condition on a field of type `K` accepts.
//!
//! Owns [`KeyArg`], which makes a key of the wrong type a compile error, and [`Compound`], which
//! marks the type of a compound key.

use std::marker::PhantomData;
use std::sync::Arc;

use serde::Serialize;

use crate::key::{Key, KeyError};
use crate::key_encode::key_of;

/// A value that can be compared with a field of type `K`: a `K`, a `&K`, a `&str` for text, or a
/// tuple of such for a [`Compound`] index.
///
/// ```compile_fail
/// use larder_core::{Index, Query};
/// # #[derive(serde::Serialize, serde::Deserialize)]
/// # struct Session { turn: u64 }
/// const TURN: Index<Session, u64> = Index::new("turn", "/turn", |r, keys| keys.one(&r.turn));
/// let query: Query<Session> = TURN.is("five"); // a `&str` is no `u64`
/// ```
pub trait KeyArg<K: ?Sized> {
    /// The key.
    ///
    /// # Errors
    ///
    /// A value that JSON cannot hold as one scalar, such as NaN.
    fn to_key(&self) -> Result<Key, KeyError>;
}

impl<K: Serialize> KeyArg<K> for K {
    fn to_key(&self) -> Result<Key, KeyError> {
        key_of(self)
    }
}

impl<K: Serialize> KeyArg<K> for &K {
    fn to_key(&self) -> Result<Key, KeyError> {
        key_of(*self)
    }
}

impl KeyArg<String> for &str {
    fn to_key(&self) -> Result<Key, KeyError> {
        Ok(Key::text(*self))
    }
}

impl KeyArg<String> for &&str {
    fn to_key(&self) -> Result<Key, KeyError> {
        Ok(Key::text(**self))
    }
}

/// The type of a compound key: `Compound<(Provider, String)>`. Never constructed.
#[derive(Debug)]
pub struct Compound<K>(PhantomData<fn(K)>);

macro_rules! compound {
    ($($part:ident $arg:ident $position:tt),+) => {
        impl<$($part,)+ $($arg: KeyArg<$part>,)+> KeyArg<Compound<($($part,)+)>> for ($($arg,)+) {
            fn to_key(&self) -> Result<Key, KeyError> {
                Ok(Key::Compound(Arc::from([$(self.$position.to_key()?,)+])))
            }
        }
    };
}

compound!(A X 0, B Y 1);
compound!(A X 0, B Y 1, C Z 2);
compound!(A X 0, B Y 1, C Z 2, D W 3);

/// The leading components of a [`Compound`] key, from the first on.
pub trait LeadingKeyArg<K> {
    /// The keys of the leading components.
    ///
    /// # Errors
    ///
    /// As for [`KeyArg::to_key`].
    fn to_keys(&self) -> Result<Vec<Key>, KeyError>;
}

macro_rules! leading {
    (($($part:ident),+) ; $($used:ident $arg:ident $position:tt),+) => {
        impl<$($part,)+ $($arg: KeyArg<$used>,)+> LeadingKeyArg<Compound<($($part,)+)>>
            for ($($arg,)+)
        {
            fn to_keys(&self) -> Result<Vec<Key>, KeyError> {
                Ok(vec![$(self.$position.to_key()?,)+])
            }
        }
    };
}

leading!((A, B); A X 0);
leading!((A, B, C); A X 0);
leading!((A, B, C); A X 0, B Y 1);
leading!((A, B, C, D); A X 0);
leading!((A, B, C, D); A X 0, B Y 1);
leading!((A, B, C, D); A X 0, B Y 1, C Z 2);
