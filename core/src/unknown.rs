//! Fields of a stored record that its type does not know.
//!
//! Owns finding them, and carrying them over when the record is saved: a program that is rolled
//! back must not strip what the newer one wrote. What they are, as text, is the schema crate's
//! [`Extra`].

use larder_schema::{Extra, Tree};

use crate::admission::{Admission, Admitted, Rejection};
use crate::alike::same_items;
use crate::encode::encode;
use crate::error::{Error, ErrorKind, Result};
use crate::record::Data;
use crate::view::is_plain_json;

impl<T: Data> Admission<T> {
    /// Whether records may have fields that the type does not know, and that are to stay.
    #[must_use]
    pub fn preserves_unknown(&self) -> bool {
        self.policy().preserve_unknown && !is_plain_json::<T>()
    }

    /// What of a stored text the type that read it does not know.
    pub(crate) fn unknown_of(&self, tree: &Tree<'_>, text: &str, record: &T) -> Option<Extra> {
        if !self.preserves_unknown() {
            return None;
        }
        // The schema of a type names what the type reads; one that was given may name more.
        if self.schema_is_the_types() && self.validator().names_all(tree) {
            return None;
        }
        unknown(text, record)
    }

    /// The text of a record that is to be saved over a stored one, with what the type does not know
    /// of that. `None` if there is no such thing.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] if the two do not go together; nothing was changed.
    pub fn carry_over(
        &self,
        stored: &str,
        admitted: &Admitted<T>,
        text: &str,
    ) -> Result<Option<String>> {
        // Most often every field of the stored text is in the new one.
        if !self.preserves_unknown() || Extra::between(stored, text).is_none() {
            return Ok(None);
        }
        let Ok(before) = serde_json::from_str::<T>(stored) else {
            return Ok(None);
        };
        match unknown(stored, &before) {
            Some(extra) => self
                .keep(&extra, &before, admitted, text)
                .map(|it| Some(it.0)),
            None => Ok(None),
        }
    }

    /// As [`carry_over`](Self::carry_over), where what the type does not know of the record that is
    /// there was found before. Gives it as it is now, too.
    pub(crate) fn keep(
        &self,
        extra: &Extra,
        before: &T,
        admitted: &Admitted<T>,
        text: &str,
    ) -> Result<(String, Option<Extra>)> {
        let known = encode(before)?;
        let refuse = |rejection: Rejection| {
            Error::new(
                ErrorKind::Invalid,
                "fields of the stored record that the record type does not know do not go together \
                 with this one; to let go of them, delete the record and insert it anew",
            )
            .with_id(&*admitted.id)
            .with_violations(rejection.violations)
        };
        let all = extra.put_back(text, &known);
        let read = self.read(&all).map_err(refuse)?;
        if is_written_as(&*read.record, text) {
            return Ok((all, read.unknown));
        }
        // Some of it is known to the record that it is now, such as another variant, which says itself
        // whether it has it.
        let mut rest = extra.clone();
        for place in extra.places() {
            let mut alone = extra.clone();
            alone.retain(|other| *other == place);
            let with = serde_json::from_str::<T>(&alone.put_back(text, &known));
            if !with.is_ok_and(|record| is_written_as(&record, text)) {
                rest.retain(|other| *other != place);
            }
        }
        let some = rest.put_back(text, &known);
        let read = self.read(&some).map_err(refuse)?;
        Ok((some, read.unknown))
    }
}

/// What of a stored text the record that was read from it does not write, and does not need.
fn unknown<T: Data>(stored: &str, record: &T) -> Option<Extra> {
    let known = encode(record).ok()?;
    let mut extra = Extra::between(stored, &known)?;
    // It is read as nothing where it stands, and so it is beside what the type writes: a name that is
    // read as another one would be there twice.
    let is_needless = |extra: &Extra| {
        [extra.without(stored), extra.put_back(&known, &known)]
            .iter()
            .all(|text| {
                serde_json::from_str::<T>(text).is_ok_and(|record| is_written_as(&record, &known))
            })
    };
    if is_needless(&extra) {
        return Some(extra);
    }
    // Some of it is read after all, under another name than it is written: that has moved to the new
    // name. What can be left out alone is unknown.
    let mut needless = Vec::new();
    for place in extra.places() {
        let mut alone = extra.clone();
        alone.retain(|other| *other == place);
        if is_needless(&alone) {
            needless.push(place);
        }
    }
    extra.retain(|place| needless.contains(place));
    (!extra.is_empty()).then_some(extra)
}

/// Whether a record is written as this text, but for the order of what has none: a map or a set that
/// was read anew may have another.
fn is_written_as<T: Data>(record: &T, text: &str) -> bool {
    encode(record).is_ok_and(|written| written == text || same_items(&written, text))
}
