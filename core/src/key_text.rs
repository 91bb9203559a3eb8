//! The text of a key.
//!
//! Owns [`KeyText`]. An index compares keys far more often than it makes them, so a short text stands
//! in the key itself: comparing it reads no other place in memory, and making it allocates nothing.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use smol_str::SmolStr;

/// The text of a [`Key`](crate::Key). Text of up to 23 bytes is held in place, longer text is shared;
/// either way a clone copies no more than three words.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyText(SmolStr);

impl Deref for KeyText {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for KeyText {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl From<&str> for KeyText {
    fn from(text: &str) -> Self {
        Self(SmolStr::new(text))
    }
}

impl From<String> for KeyText {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<Box<str>> for KeyText {
    fn from(text: Box<str>) -> Self {
        Self(text.into())
    }
}

impl From<Cow<'_, str>> for KeyText {
    fn from(text: Cow<'_, str>) -> Self {
        Self(text.into())
    }
}

impl From<Arc<str>> for KeyText {
    fn from(text: Arc<str>) -> Self {
        Self(text.into())
    }
}

impl From<KeyText> for Arc<str> {
    fn from(text: KeyText) -> Self {
        text.0.into()
    }
}

impl fmt::Debug for KeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl fmt::Display for KeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}
