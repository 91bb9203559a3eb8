//! The record type of the model test, and the forms in which it is kept.
//!
//! Owns [`Rec`], written by hand so that no derive stands between the test and the store, and
//! [`Subject`]: the same record as a typed value, as a JSON value and as a document.

use larder::{
    Collection, Compound, Data, Document, Field, Index, IndexDef, Record, UniqueIndex, Violation,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The name of the collection.
pub const COLLECTION: &str = "recs";

/// More tags than this break the schema.
pub const MAX_TAGS: usize = 3;

/// A rank that [`Record::check`] refuses.
pub const REFUSED_RANK: i64 = 13;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Stage {
    #[serde(rename = "to do")]
    Todo,
    #[serde(rename = "Ärger")]
    Trouble,
    Done,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Meta {
    pub depth: i64,
}

/// One field of every kind that can be a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Rec {
    pub id: String,
    /// Written as `null` when it is not there.
    pub slug: Option<String>,
    /// Left out when it is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    pub code: Option<String>,
    pub rank: i64,
    pub ratio: f64,
    pub is_open: bool,
    pub stage: Stage,
    #[schemars(length(max = 3))]
    pub tags: Vec<String>,
    pub big: u64,
    pub weight: Option<f64>,
    #[serde(default)]
    pub notes: Vec<i64>,
    pub meta: Option<Meta>,
    /// Run-time only.
    #[serde(skip)]
    pub live: bool,
}

impl Rec {
    pub const SLUG: UniqueIndex<Rec, String> =
        UniqueIndex::new("slug", "/slug", |r, keys| keys.one(&r.slug));
    pub const LABEL: Index<Rec, String> =
        Index::new("label", "/label", |r, keys| keys.one(&r.label));
    pub const RANK: Index<Rec, i64> = Index::new("rank", "/rank", |r, keys| keys.one(&r.rank));
    pub const RATIO: Index<Rec, f64> = Index::new("ratio", "/ratio", |r, keys| keys.one(&r.ratio));
    pub const IS_OPEN: Index<Rec, bool> =
        Index::new("isOpen", "/isOpen", |r, keys| keys.one(&r.is_open));
    pub const TAGS: Index<Rec, String> =
        Index::multi("tags", "/tags", |r, keys| keys.each(&r.tags));
    pub const STAGE_LABEL: Index<Rec, Compound<(Stage, String)>> =
        Index::compound("stage+label", &["/stage", "/label"], |r, keys| {
            keys.one(&(&r.stage, &r.label));
        });
    pub const RANK_CODE: UniqueIndex<Rec, Compound<(i64, String)>> =
        UniqueIndex::compound("rank+code", &["/rank", "/code"], |r, keys| {
            keys.one(&(&r.rank, &r.code));
        });
    pub const STAGE: Field<Rec, Stage> = Field::new("/stage", |r, keys| keys.one(&r.stage));
    pub const BIG: Field<Rec, u64> = Field::new("/big", |r, keys| keys.one(&r.big));
    pub const WEIGHT: Field<Rec, f64> = Field::new("/weight", |r, keys| keys.one(&r.weight));
    pub const NOTES: Field<Rec, i64> = Field::multi("/notes", |r, keys| keys.each(&r.notes));

    pub fn json(&self) -> Value {
        serde_json::to_value(self).unwrap()
    }

    /// The JSON as text, in which -0.0 is not 0.0.
    pub fn text(&self) -> String {
        self.json().to_string()
    }
}

impl Record for Rec {
    const COLLECTION: &'static str = COLLECTION;

    fn id(&self) -> &str {
        &self.id
    }

    fn indexes() -> Vec<IndexDef<Self>> {
        vec![
            Self::SLUG.def(),
            Self::LABEL.def(),
            Self::RANK.def(),
            Self::RATIO.def(),
            Self::IS_OPEN.def(),
            Self::TAGS.def(),
            Self::STAGE_LABEL.def(),
            Self::RANK_CODE.def(),
        ]
    }

    fn check(&self) -> Result<(), Violation> {
        check_rank(self.rank)
    }
}

fn check_rank(rank: i64) -> Result<(), Violation> {
    if rank == REFUSED_RANK {
        return Err(Violation::new("/rank", "check", "this rank is not given"));
    }
    Ok(())
}

/// A form in which a store keeps a [`Rec`].
pub trait Subject: Data + Clone + std::fmt::Debug {
    /// Whether handles apply, and fields that are not in the JSON live in memory.
    const TYPED: bool;

    fn collection() -> Collection<Self>;
    fn make(rec: &Rec) -> Self;
    fn view(&self) -> Value;

    /// Whether this is that record, including what is not in the JSON where the form has it.
    fn is(&self, rec: &Rec) -> bool {
        let text: String = self.view().to_string();
        text == rec.text()
    }
}

impl Subject for Rec {
    const TYPED: bool = true;

    fn collection() -> Collection<Self> {
        Collection::of()
    }

    fn make(rec: &Rec) -> Self {
        rec.clone()
    }

    fn view(&self) -> Value {
        self.json()
    }

    fn is(&self, rec: &Rec) -> bool {
        let bits = |rec: &Self| (rec.ratio.to_bits(), rec.weight.map(f64::to_bits));
        self == rec && bits(self) == bits(rec)
    }
}

/// What [`Rec`] says of itself, said at run time.
fn described<T: Data>() -> Collection<T> {
    Collection::named(COLLECTION)
        .id("/id")
        .unique("slug")
        .index("label")
        .index("/rank")
        .index("ratio")
        .index("isOpen")
        .multi("tags")
        .compound(&["stage", "label"])
        .compound_unique(&["/rank", "code"])
        .schema(schemars::schema_for!(Rec).to_value())
}

impl Subject for Value {
    const TYPED: bool = false;

    fn collection() -> Collection<Self> {
        described().check(|value: &Value| check_rank(value["rank"].as_i64().unwrap_or_default()))
    }

    fn make(rec: &Rec) -> Self {
        rec.json()
    }

    fn view(&self) -> Value {
        self.clone()
    }
}

impl Subject for Document {
    const TYPED: bool = false;

    fn collection() -> Collection<Self> {
        described()
            .check(|it: &Document| check_rank(it.value()["rank"].as_i64().unwrap_or_default()))
    }

    fn make(rec: &Rec) -> Self {
        Document::parse(&serde_json::to_string_pretty(rec).unwrap()).unwrap()
    }

    fn view(&self) -> Value {
        serde_json::from_str(self.text()).unwrap()
    }
}
