//! The three collections: one with a unique index and run-time fields, one with an index over a
//! list, one of JSON values whose index holds keys of every kind.
//!
//! Owns [`Row`], from which a record of each is made, and [`Form`], a record type as the test needs
//! it. What a row is as JSON is written twice, here by serde and in `books.rs` by hand.

use larder::{Collection, Data, Record, Violation};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A balance that the type's own check refuses.
pub const REFUSED: i64 = 13;

/// More tags than this break the schema.
pub const MAX_TAGS: usize = 3;

/// One of the collections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    Accounts,
    Posts,
    Notes,
}

impl Which {
    pub const ALL: [Self; 3] = [Self::Accounts, Self::Posts, Self::Notes];

    pub fn name(self) -> &'static str {
        match self {
            Self::Accounts => "accounts",
            Self::Posts => "posts",
            Self::Notes => "notes",
        }
    }
}

/// What a record of any of the three is made of.
#[derive(Clone, Debug)]
pub struct Row {
    pub id: String,
    /// Of accounts: unique, if it is there.
    pub owner: Option<&'static str>,
    /// Of posts.
    pub tags: Vec<&'static str>,
    /// Of notes: any value, and no key if it is an object.
    pub value: Value,
    pub n: i64,
    /// Of accounts, at run time only.
    pub live: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "accounts", check = check_balance)]
pub struct Account {
    #[record(id)]
    pub id: String,
    #[record(unique)]
    pub owner: Option<String>,
    #[record(index)]
    pub n: i64,
    #[serde(skip)]
    pub live: bool,
}

fn check_balance(account: &Account) -> Result<(), Violation> {
    if account.n == REFUSED {
        return Err(Violation::new("/n", "check", "this balance is not given"));
    }
    Ok(())
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "posts")]
pub struct Post {
    #[record(id)]
    pub id: String,
    #[record(index)]
    #[schemars(length(max = 3))]
    pub tags: Vec<String>,
    #[record(index)]
    pub n: i64,
}

/// A record type of one of the collections.
pub trait Form: Data + Clone + std::fmt::Debug {
    const WHICH: Which;

    fn collection() -> Collection<Self>;
    fn make(row: &Row) -> Self;

    fn is_live(&self) -> bool {
        false
    }
}

impl Form for Account {
    const WHICH: Which = Which::Accounts;

    fn collection() -> Collection<Self> {
        Collection::of()
    }

    fn make(row: &Row) -> Self {
        Self {
            id: row.id.clone(),
            owner: row.owner.map(str::to_owned),
            n: row.n,
            live: row.live,
        }
    }

    fn is_live(&self) -> bool {
        self.live
    }
}

impl Form for Post {
    const WHICH: Which = Which::Posts;

    fn collection() -> Collection<Self> {
        Collection::of()
    }

    fn make(row: &Row) -> Self {
        Self {
            id: row.id.clone(),
            tags: row.tags.iter().map(|tag| (*tag).to_owned()).collect(),
            n: row.n,
        }
    }
}

impl Form for Value {
    const WHICH: Which = Which::Notes;

    fn collection() -> Collection<Self> {
        Collection::named("notes").index("value")
    }

    fn make(row: &Row) -> Self {
        json!({"id": row.id, "value": row.value, "n": row.n})
    }
}
