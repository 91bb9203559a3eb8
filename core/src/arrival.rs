//! How a text from the disk becomes a record in the view, when it is not one as it stands.
//!
//! Owns [`Arrival`] and [`Policy`]: data of an older version is migrated, and what is not valid is
//! mended where the store is configured to. What a valid text is, is `admission.rs`; where the
//! originals are kept is the backend's.

use std::borrow::Cow;

use larder_schema::{Pointer, Tree};

use crate::admission::{Admission, Admitted, Rejection};
use crate::error::{Error, ErrorKind, Result};
use crate::issue::IssueKind;
use crate::record::Data;

/// What a store was configured to do with what it finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// Whether a record that is not valid is mended, if its schema says how.
    pub repair: bool,
    /// Whether fields of a stored record that its type does not know stay when it is saved.
    pub preserve_unknown: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            repair: false,
            preserve_unknown: true,
        }
    }
}

/// A record from the disk that may come in.
#[derive(Debug)]
pub struct Arrival<T> {
    /// The record.
    pub admitted: Admitted<T>,
    /// Its text, if that is another than the one on the disk: it was migrated or mended.
    pub text: Option<String>,
    /// Whether it was migrated.
    pub migrated: bool,
    /// If it was mended: what was wrong, with a message of what was done. The original belongs in
    /// quarantine.
    pub mended: Option<Rejection>,
}

impl<T: Data> Admission<T> {
    /// A record from the disk, of data of this version.
    ///
    /// # Errors
    ///
    /// Why it cannot come in: [`IssueKind::Migration`] if it could not be migrated, or is not valid
    /// after that, else as [`read`](Self::read).
    pub fn arrive(&self, text: &str, version: u32) -> Result<Arrival<T>, Rejection> {
        let migrated = self.migrate(text, version)?;
        let now = migrated.as_deref().unwrap_or(text);
        let rejection = match self.read(now) {
            Ok(admitted) => {
                return Ok(Arrival {
                    admitted,
                    migrated: migrated.is_some(),
                    text: migrated,
                    mended: None,
                });
            }
            Err(rejection) => rejection,
        };
        if let Some((admitted, text, mended)) = self.mend(now, &rejection) {
            return Ok(Arrival {
                admitted,
                text: Some(text),
                migrated: migrated.is_some(),
                mended: Some(mended),
            });
        }
        Err(match migrated {
            Some(_) => Rejection {
                kind: IssueKind::Migration,
                message: Cow::Owned(format!(
                    "after the migration from version {version}: {}",
                    rejection.message
                )),
                // It is of a text that nobody has.
                place: None,
                ..rejection
            },
            None => rejection,
        })
    }

    /// Whether data of this version has to be migrated.
    #[must_use]
    pub fn migrates(&self, version: u32) -> bool {
        let collection = self.collection();
        version < collection.version() && !collection.migrations().is_empty()
    }

    /// Checks that there is a way from this version of the data to the collection's.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] with the step that is missing. Nothing was touched.
    pub fn check_migrations(&self, version: u32) -> Result<()> {
        if !self.migrates(version) {
            return Ok(());
        }
        let collection = self.collection();
        collection
            .migrations()
            .check(version, collection.version())
            .map_err(|error| {
                Error::new(
                    ErrorKind::Config,
                    format!(
                        "the records are of version {version}, and cannot be migrated to version \
                         {}: {error}; nothing was touched",
                        collection.version()
                    ),
                )
                .with_collection(collection.name())
            })
    }

    fn migrate(&self, text: &str, version: u32) -> Result<Option<String>, Rejection> {
        if !self.migrates(version) {
            return Ok(None);
        }
        // What is no JSON, or has one key twice, is told as such.
        let Ok(tree) = Tree::parse(text) else {
            return Ok(None);
        };
        let collection = self.collection();
        let id = id_at(&tree, self.id_path());
        let reject = |message: String| {
            let mut rejection = Rejection::new(IssueKind::Migration, message);
            rejection.id = id.map(ToOwned::to_owned);
            rejection
        };
        let migrated = collection
            .migrations()
            .apply(text, version, collection.version())
            .map_err(|error| reject(error.to_string()))?;
        let same_id = Tree::parse(&migrated)
            .is_ok_and(|tree| id.is_none() || id_at(&tree, self.id_path()) == id);
        if !same_id {
            return Err(reject("the migration changed the id".to_owned()));
        }
        Ok(Some(migrated))
    }

    /// The record of a text that was mended, with that text, what was wrong and what was done.
    fn mend(&self, text: &str, wrong: &Rejection) -> Option<(Admitted<T>, String, Rejection)> {
        if !self.policy().repair || wrong.kind != IssueKind::Schema {
            return None;
        }
        let repaired = self.validator().repair(text, self.id_path())?;
        let steps: Vec<String> = repaired.steps().iter().map(ToString::to_string).collect();
        let admitted = self.read(repaired.text()).ok()?;
        let mended = Rejection {
            message: Cow::Owned(format!("repaired: {}", steps.join("; "))),
            repairs: repaired.steps().into(),
            ..wrong.clone()
        };
        Some((admitted, repaired.into_text(), mended))
    }
}

fn id_at<'t>(tree: &'t Tree<'_>, path: &Pointer) -> Option<&'t str> {
    tree.pointer(path).and_then(Tree::as_str)
}
