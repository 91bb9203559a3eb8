//! What a type must say to be kept: its id, its collection, its version and its indexes.
//!
//! Owns [`Record`] and [`Data`]. The derive of `larder` writes the implementation; whatever it
//! writes can be written by hand.

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use larder_schema::{Migrations, Violation};

use crate::expiry::Expiry;
use crate::index::IndexDef;

/// What can be kept at all: it becomes JSON, comes back from it, and is shared between threads.
/// Implemented for every such type.
pub trait Data: Serialize + DeserializeOwned + Send + Sync + 'static {}

impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> Data for T {}

/// A type whose values are kept in a collection of their own.
///
/// Mostly derived (`#[derive(Record)]`). By hand:
///
/// ```
/// use larder_core::{Index, IndexDef, Record, UniqueIndex};
/// use schemars::JsonSchema;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
/// #[serde(rename_all = "camelCase")]
/// struct Session {
///     id: String,
///     channel_id: String,
///     category_id: String,
/// }
///
/// impl Session {
///     const CHANNEL_ID: UniqueIndex<Session, String> =
///         UniqueIndex::new("channelId", "/channelId", |s, keys| keys.one(&s.channel_id));
///     const CATEGORY_ID: Index<Session, String> =
///         Index::new("categoryId", "/categoryId", |s, keys| keys.one(&s.category_id));
/// }
///
/// impl Record for Session {
///     const COLLECTION: &'static str = "sessions";
///
///     fn id(&self) -> &str {
///         &self.id
///     }
///
///     fn indexes() -> Vec<IndexDef<Self>> {
///         vec![Self::CHANNEL_ID.def(), Self::CATEGORY_ID.def()]
///     }
/// }
/// ```
pub trait Record: Data + JsonSchema {
    /// The name of the collection: letters, digits, `-` and `_`, at most 64, beginning with a
    /// letter. It names a file or a table, so it must not change when the type is renamed.
    const COLLECTION: &'static str;

    /// The version of the record's form on disk. Data of a newer version is never rewritten.
    const VERSION: u32 = 1;

    /// JSON pointer of the id.
    const ID_PATH: &'static str = "/id";

    /// Whether records have fields that live at run time only (`#[serde(skip)]`) and must be found
    /// again by who reads a record that was saved. A store that does not hold its records in memory
    /// then holds those that were saved since it was opened. `true` unless it is known better: the
    /// derive says `false` for a type without such a field of its own.
    const RUN_TIME_FIELDS: bool = true;

    /// The id: not empty, at most 1,024 bytes, without NUL. It is the string that stands in the
    /// JSON at [`ID_PATH`](Self::ID_PATH).
    fn id(&self) -> &str;

    /// The indexes.
    #[must_use]
    fn indexes() -> Vec<IndexDef<Self>> {
        Vec::new()
    }

    /// How records of older versions become records of this one: functions on JSON from version n to
    /// n + 1, which are chained from whatever version the data has.
    ///
    /// They run when a collection of an older version is opened, record by record. Before the first
    /// change is written a backup is made, which opens with the old program. A record whose migration
    /// fails, or that is not valid after it, goes to quarantine as it was, and the others are
    /// migrated. Opened for reading, the view is migrated and nothing is written: a dry run, whose
    /// [load report](crate::LoadReport::migrated) says what would be.
    ///
    /// Without any, data of an older version is taken as it is. With some, a step that is missing
    /// refuses the open. Data of a newer version is never migrated: see
    /// [`OnNewer`](crate::OnNewer).
    ///
    /// ```
    /// use larder_core::Migrations;
    ///
    /// let migrations = Migrations::new()
    ///     .step(1, |record| {
    ///         let record = record.as_object_mut().ok_or("not an object")?;
    ///         let name = record.remove("label").ok_or("there is no label")?;
    ///         record.insert("name".to_owned(), name);
    ///         Ok(())
    ///     })
    ///     .step(2, |record| {
    ///         record["tags"] = serde_json::json!([]);
    ///         Ok(())
    ///     });
    /// let migrated = migrations.apply(r#"{"id":"a","label":"x"}"#, 1, 3)?;
    /// assert_eq!(migrated, r#"{"id":"a","name":"x","tags":[]}"#);
    /// # Ok::<(), larder_core::MigrationError>(())
    /// ```
    #[must_use]
    fn migrations() -> Migrations {
        Migrations::default()
    }

    /// When records expire; `None` if they do not expire at all. See [`Expiry`].
    #[must_use]
    fn expiry() -> Option<Expiry<Self>> {
        None
    }

    /// Rules that no schema can say, such as "the end is not before the start". Checked wherever
    /// the schema is: when a record is saved and when it is loaded. A large file is loaded by several
    /// threads at once, so a check, and the type's serde code, must not depend on the order of records
    /// or on the thread.
    ///
    /// # Errors
    ///
    /// The rule that is broken. Its message must not hold values of the record.
    fn check(&self) -> Result<(), Violation> {
        Ok(())
    }
}
