//! The records that the cases keep.
//!
//! Owns [`Jar`], which has an index of every kind, and [`Recipe`], which is in another collection. What is
//! said of them by hand here is what the derive of `larder` would write.

use larder_core::{Compound, Field, Index, IndexDef, Record, UniqueIndex, Violation};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A record with an index of every kind, fields without one, rules, and a field at run time only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Jar {
    /// The id.
    pub id: String,
    /// A unique key, or none.
    pub label: Option<String>,
    /// An index; not empty, says the schema.
    #[schemars(length(min = 1))]
    pub shelf: String,
    /// An index over numbers, and over none.
    pub row: Option<i64>,
    /// The second half of a unique pair, or none.
    pub place: Option<u32>,
    /// An index over a list.
    pub contents: Vec<String>,
    /// No index. At most 1,000, says the schema; not 13, says the type.
    #[schemars(range(max = 1000))]
    pub grams: u32,
    /// No index, and a number that JSON may not be able to hold.
    pub price: Option<f64>,
    /// No index.
    pub note: Option<String>,
    /// At run time only: in no file.
    #[serde(skip)]
    pub is_open: bool,
}

impl Jar {
    /// Unique: at most one jar has a label.
    pub const LABEL: UniqueIndex<Self, String> =
        UniqueIndex::new("label", "/label", |jar, keys| keys.one(&jar.label));
    /// Several jars are on one shelf.
    pub const SHELF: Index<Self, String> =
        Index::new("shelf", "/shelf", |jar, keys| keys.one(&jar.shelf));
    /// Numbers, and none.
    pub const ROW: Index<Self, i64> = Index::new("row", "/row", |jar, keys| keys.one(&jar.row));
    /// One entry for each element.
    pub const CONTENTS: Index<Self, String> = Index::multi("contents", "/contents", |jar, keys| {
        keys.each(&jar.contents);
    });
    /// Compound: shelf, then row.
    pub const BY_ROW: Index<Self, Compound<(String, i64)>> =
        Index::compound("BY_ROW", &["/shelf", "/row"], |jar, keys| {
            keys.one(&(&jar.shelf, &jar.row));
        });
    /// Unique and compound: shelf, then place.
    pub const BY_PLACE: UniqueIndex<Self, Compound<(String, u32)>> =
        UniqueIndex::compound("BY_PLACE", &["/shelf", "/place"], |jar, keys| {
            keys.one(&(&jar.shelf, &jar.place));
        });
    /// Without an index.
    pub const GRAMS: Field<Self, u32> = Field::new("/grams", |jar, keys| keys.one(&jar.grams));
    /// Without an index.
    pub const PRICE: Field<Self, f64> = Field::new("/price", |jar, keys| keys.one(&jar.price));
    /// Without an index.
    pub const NOTE: Field<Self, String> = Field::new("/note", |jar, keys| keys.one(&jar.note));
}

impl Record for Jar {
    const COLLECTION: &'static str = "jars";

    fn id(&self) -> &str {
        &self.id
    }

    fn indexes() -> Vec<IndexDef<Self>> {
        vec![
            Self::LABEL.def(),
            Self::SHELF.def(),
            Self::ROW.def(),
            Self::CONTENTS.def(),
            Self::BY_ROW.def(),
            Self::BY_PLACE.def(),
        ]
    }

    fn check(&self) -> Result<(), Violation> {
        if self.grams == 13 {
            let message = "thirteen grams are bad luck";
            return Err(Violation::new("/grams", "unlucky", message));
        }
        Ok(())
    }
}

/// A jar with this id, on the shelf `top`, that has no other key.
#[must_use]
pub fn jar(id: &str) -> Jar {
    Jar {
        id: id.to_owned(),
        label: None,
        shelf: "top".to_owned(),
        row: None,
        place: None,
        contents: Vec::new(),
        grams: 1,
        price: None,
        note: None,
        is_open: false,
    }
}

/// The same with a label.
#[must_use]
pub fn labelled(id: &str, label: &str) -> Jar {
    Jar {
        label: Some(label.to_owned()),
        ..jar(id)
    }
}

/// A record of another collection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Recipe {
    /// The id.
    pub id: String,
    /// The jar that it is made of; an index.
    pub jar: String,
    /// No index.
    pub portions: u64,
}

impl Recipe {
    /// Several recipes are made of one jar.
    pub const JAR: Index<Self, String> =
        Index::new("jar", "/jar", |recipe, keys| keys.one(&recipe.jar));
}

impl Record for Recipe {
    const COLLECTION: &'static str = "recipes";
    const RUN_TIME_FIELDS: bool = false;

    fn id(&self) -> &str {
        &self.id
    }

    fn indexes() -> Vec<IndexDef<Self>> {
        vec![Self::JAR.def()]
    }
}

/// A recipe with this id, made of the jar `jar`.
#[must_use]
pub fn recipe(id: &str, portions: u64) -> Recipe {
    Recipe {
        id: id.to_owned(),
        jar: "jar".to_owned(),
        portions,
    }
}
