//! Owns what a repair of a record gives: [`Repaired`], the steps that were taken, and the way in.
//! How a record is repaired is the matter of `patient.rs`, and what becomes of the original that
//! of whoever asked.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{patient::Patient, pointer::Pointer, tree::Tree, validator::Validator};

/// A record that is valid again, and what was done to it.
#[derive(Clone)]
pub struct Repaired {
    text: String,
    steps: Vec<Repair>,
}

impl Repaired {
    /// The record, in which everything that was not touched is as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The record, in which everything that was not touched is as it was written.
    #[must_use]
    pub fn into_text(self) -> String {
        self.text
    }

    /// What was done, in the order in which it was done. Never empty.
    #[must_use]
    pub fn steps(&self) -> &[Repair] {
        &self.steps
    }
}

/// Without the record, which may hold secrets.
impl fmt::Debug for Repaired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Repaired")
            .field("steps", &self.steps)
            .finish_non_exhaustive()
    }
}

/// One change that was made to a record: where and what. It never holds a value of the record.
///
/// It is shown as `/model: removed`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repair {
    path: Pointer,
    what: RepairKind,
}

impl Repair {
    /// The place that was changed, as it was in the record before any change.
    #[must_use]
    pub fn path(&self) -> &Pointer {
        &self.path
    }

    /// What was done there.
    #[must_use]
    pub fn what(&self) -> RepairKind {
        self.what
    }
}

impl fmt::Display for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.what)
    }
}

/// What was done at one place of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RepairKind {
    /// A property that was wrong, and that the record need not have, is gone.
    RemovedProperty,
    /// A wrong value was replaced by the default of the schema.
    UsedDefault,
    /// A property that has to be there was not, and now has the default of the schema.
    AddedDefault,
    /// An item of an array that was wrong is gone.
    RemovedItem,
}

impl fmt::Display for RepairKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RemovedProperty => "removed",
            Self::UsedDefault => "replaced by the default",
            Self::AddedDefault => "added with the default",
            Self::RemovedItem => "item removed",
        })
    }
}

impl Validator {
    /// Makes a record valid by the smallest changes that do: a wrong value becomes the `default`
    /// that the schema gives for it, if there is one which is valid there; else the property or
    /// the item goes; and a property that has to be there and is not gets its default. If that
    /// leaves something missing that has to be there, the object or array around it is what is
    /// wrong, and is treated in the same way.
    ///
    /// `None` if the record is valid as it is, if it is no JSON object, or if no such change
    /// makes it valid. The record itself is never replaced, and neither is the value at `id`: it
    /// stays what it is, and where it is. The work is bounded, so a very large record with very
    /// many faults is not repaired.
    ///
    /// Everything else stays exactly as it is written in `text`: the order of members and the
    /// spelling of numbers. Only whitespace around the members of a changed object is lost.
    ///
    /// ```
    /// use larder_schema::{Pointer, Validator};
    /// use serde_json::json;
    ///
    /// let sessions = Validator::from_document(json!({
    ///     "type": "object",
    ///     "required": ["id", "turn"],
    ///     "properties": {
    ///         "id": { "type": "string" },
    ///         "turn": { "type": "integer", "default": 0 },
    ///         "model": { "type": "string" },
    ///     },
    /// }))?;
    /// let id = Pointer::field("id")?;
    ///
    /// let repaired = sessions.repair(r#"{"id":"a","model":17,"cost":1.50}"#, &id).unwrap();
    /// assert_eq!(repaired.text(), r#"{"id":"a","cost":1.50,"turn":0}"#);
    /// let steps: Vec<_> = repaired.steps().iter().map(ToString::to_string).collect();
    /// assert_eq!(steps, ["/model: removed", "/turn: added with the default"]);
    ///
    /// assert!(sessions.repair(r#"{"id":17,"turn":0}"#, &id).is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn repair(&self, text: &str, id: &Pointer) -> Option<Repaired> {
        let tree = Tree::parse(text).ok()?;
        tree.as_object()?;
        // The verdict is far cheaper than the list of errors, which a valid record needs not.
        if self.check(&tree).is_empty() {
            return None;
        }
        let (text, steps) = Patient::new(self, text, id)?.heal()?;
        let steps = steps.into_iter().map(|(path, what)| Repair {
            path: Pointer::of(path),
            what,
        });
        Some(Repaired {
            text,
            steps: steps.collect(),
        })
    }
}
