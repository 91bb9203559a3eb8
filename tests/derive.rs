//! Owns what a derived record means when it is kept: names, kinds and types of its handles, seen
//! through the memory store. What a wrong use says is tested beside the derive; that it writes what a
//! person would is the matter of `by_hand.rs`.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a helper of tests fails like a test"
)]

#[path = "derive/lints.rs"]
mod lints;
#[path = "derive/nothing_in_scope.rs"]
mod nothing_in_scope;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};

use larder::prelude::*;
use larder::{
    Compound, ErrorKind, Field, Index, IndexDefinition, MemoryRepository, MemoryStore, Query,
    UniqueIndex, Violation,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Provider {
    ClaudeCode,
    #[serde(rename = "cdx")]
    Codex,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct ChannelId(String);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Record)]
#[serde(rename_all = "camelCase")]
#[record(collection = "sessions", version = 2)]
#[record(index(BY_PROVIDER = (provider, provider_session_id)))]
#[record(unique(BY_PLACE = (category_id, position)))]
struct Session {
    #[record(id)]
    #[serde(rename = "name")]
    id: String,
    #[record(unique)]
    channel_id: ChannelId,
    #[record(index)]
    category_id: String,
    position: Option<u32>,
    #[record(index)]
    provider_session_id: Option<String>,
    #[record(index)]
    tags: Vec<String>,
    #[record(index)]
    provider: Provider,
    #[record(index)]
    r#type: Option<Box<str>>,
    last_activity: u64,
    #[serde(skip)]
    is_generating: bool,
}

fn session(id: &str) -> Session {
    Session {
        id: id.to_owned(),
        channel_id: ChannelId(format!("c-{id}")),
        category_id: "cat".to_owned(),
        position: None,
        provider_session_id: None,
        tags: Vec::new(),
        provider: Provider::ClaudeCode,
        r#type: None,
        last_activity: 0,
        is_generating: true,
    }
}

fn store(sessions: impl IntoIterator<Item = Session>) -> MemoryRepository<Session> {
    let repository = MemoryStore::new().repository().unwrap();
    repository.save_all(sessions).unwrap().wait().unwrap();
    repository
}

fn found(sessions: &MemoryRepository<Session>, query: impl Into<Query<Session>>) -> Vec<String> {
    let records = sessions.find(query).unwrap();
    records.iter().map(|session| session.id.clone()).collect()
}

fn one(name: &str, unique: bool, path: &str) -> IndexDefinition {
    IndexDefinition {
        name: name.to_owned(),
        unique,
        multi: false,
        fields: vec![path.to_owned()],
    }
}

fn indexes<T: Record>() -> Vec<IndexDefinition> {
    larder::Collection::<T>::of().definition().unwrap().indexes
}

#[test]
fn a_record_says_where_and_how_it_is_kept() {
    assert_eq!(Session::COLLECTION, "sessions");
    assert_eq!(Session::VERSION, 2);
    assert_eq!(Session::ID_PATH, "/name");
    assert_eq!(Record::id(&session("a")), "a");
    assert_eq!(
        indexes::<Session>(),
        [
            one("channelId", true, "/channelId"),
            one("categoryId", false, "/categoryId"),
            one("providerSessionId", false, "/providerSessionId"),
            IndexDefinition {
                multi: true,
                ..one("tags", false, "/tags")
            },
            one("provider", false, "/provider"),
            one("type", false, "/type"),
            IndexDefinition {
                fields: vec!["/provider".to_owned(), "/providerSessionId".to_owned()],
                ..one("BY_PROVIDER", false, "")
            },
            IndexDefinition {
                fields: vec!["/categoryId".to_owned(), "/position".to_owned()],
                ..one("BY_PLACE", true, "")
            },
        ]
    );
}

#[test]
fn handles_have_the_types_that_conditions_are_written_with() {
    let _: Field<Session, String> = Session::ID;
    let _: UniqueIndex<Session, ChannelId> = Session::CHANNEL_ID;
    let _: Index<Session, String> = Session::PROVIDER_SESSION_ID;
    let _: Index<Session, String> = Session::TAGS;
    let _: Index<Session, String> = Session::TYPE;
    let _: Index<Session, Compound<(Provider, String)>> = Session::BY_PROVIDER;
    let _: UniqueIndex<Session, Compound<(String, u32)>> = Session::BY_PLACE;
    let _: Field<Session, u64> = Session::LAST_ACTIVITY;
}

#[test]
fn a_unique_index_finds_one_and_refuses_a_second() {
    let sessions = store([session("a"), session("b")]);
    let found = sessions
        .find_one(Session::CHANNEL_ID.is(ChannelId("c-b".to_owned())))
        .unwrap();
    assert_eq!(found.unwrap().id, "b");
    let twin = Session {
        channel_id: ChannelId("c-a".to_owned()),
        ..session("c")
    };
    let error = sessions.save(twin).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UniqueViolation);
}

#[test]
fn a_field_that_serde_skips_is_neither_kept_nor_found() {
    let sessions = store([session("a")]);
    let json = serde_json::to_value(&*sessions.get("a").unwrap().unwrap()).unwrap();
    assert_eq!(json.get("isGenerating"), None);
    assert_eq!(json["channelId"], json!("c-a"));
}

#[test]
fn an_option_is_found_by_what_is_in_it_and_by_its_absence() {
    let sessions = store([
        session("a"),
        Session {
            provider_session_id: Some("p".to_owned()),
            r#type: Some("x-1".into()),
            ..session("b")
        },
    ]);
    assert_eq!(
        found(&sessions, Session::PROVIDER_SESSION_ID.is("p")),
        ["b"]
    );
    assert_eq!(
        found(&sessions, Session::PROVIDER_SESSION_ID.is_none()),
        ["a"]
    );
    assert_eq!(found(&sessions, Session::TYPE.starts_with("x-")), ["b"]);
}

#[test]
fn a_list_is_found_by_each_of_its_elements() {
    let tagged = |id: &str, tags: &[&str]| Session {
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        ..session(id)
    };
    let sessions = store([
        tagged("a", &["x", "y", "x"]),
        tagged("b", &["y"]),
        tagged("c", &[]),
    ]);
    assert_eq!(found(&sessions, Session::TAGS.is("x")), ["a"]);
    assert_eq!(found(&sessions, Session::TAGS.is("y")), ["a", "b"]);
    assert_eq!(
        found(&sessions, Session::TAGS.any_of(["x", "y"])),
        ["a", "b"]
    );
    assert_eq!(found(&sessions, Session::TAGS.is_none()), ["c"]);
}

#[test]
fn an_enum_is_found_by_its_variants() {
    let sessions = store([
        session("a"),
        Session {
            provider: Provider::Codex,
            ..session("b")
        },
    ]);
    assert_eq!(
        found(&sessions, Session::PROVIDER.is(Provider::Codex)),
        ["b"]
    );
    assert_eq!(
        found(
            &sessions,
            Session::PROVIDER.any_of([Provider::ClaudeCode, Provider::Codex])
        ),
        ["a", "b"]
    );
}

#[test]
fn a_compound_index_is_found_whole_and_by_its_beginning() {
    let of = |id: &str, provider, name: Option<&str>| Session {
        provider,
        provider_session_id: name.map(str::to_owned),
        ..session(id)
    };
    let sessions = store([
        of("a", Provider::Codex, Some("2")),
        of("b", Provider::Codex, Some("1")),
        of("c", Provider::ClaudeCode, Some("1")),
        of("d", Provider::Codex, None),
    ]);
    let by = Session::BY_PROVIDER;
    assert_eq!(found(&sessions, by.is((Provider::Codex, "1"))), ["b"]);
    assert_eq!(
        found(&sessions, by.leading((Provider::Codex,))),
        ["a", "b", "d"]
    );
    let ordered = by.leading((Provider::Codex,)).order_by(by.asc());
    assert_eq!(found(&sessions, ordered), ["d", "b", "a"]);
}

#[test]
fn a_unique_compound_index_binds_only_keys_without_none() {
    let at = |id: &str, position| Session {
        position,
        ..session(id)
    };
    let sessions = store([at("a", Some(1)), at("b", None), at("c", None)]);
    let error = sessions.save(at("d", Some(1))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UniqueViolation);
    let found = sessions.find_one(Session::BY_PLACE.is(("cat", 1))).unwrap();
    assert_eq!(found.unwrap().id, "a");
}

#[test]
fn a_field_without_an_index_orders_and_narrows() {
    let at = |id: &str, last_activity| Session {
        last_activity,
        ..session(id)
    };
    let sessions = store([at("a", 5), at("b", 9), at("c", 7)]);
    let query = Session::LAST_ACTIVITY
        .range(6..)
        .order_by(Session::LAST_ACTIVITY.desc());
    assert_eq!(found(&sessions, query), ["b", "c"]);
    let all = Query::all().order_by(Session::LAST_ACTIVITY.asc()).limit(2);
    assert_eq!(found(&sessions, all), ["a", "c"]);
    assert_eq!(found(&sessions, Session::ID.is("c")), ["c"]);
}

/// Every spelling of a list.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "lists")]
struct Lists {
    #[record(id)]
    id: String,
    #[record(index)]
    deque: VecDeque<u8>,
    #[record(index)]
    tree: BTreeSet<String>,
    #[record(index)]
    hash: HashSet<u8>,
    #[record(index)]
    boxed: Box<[Box<str>]>,
    #[record(index)]
    array: [u8; 2],
    #[record(index)]
    maybe: Option<Vec<u8>>,
    #[record(index)]
    maybe_boxed: Option<Box<[u8]>>,
    #[record(index)]
    of_options: Vec<Option<u8>>,
    plain: Option<Vec<Cow<'static, str>>>,
}

#[test]
fn every_spelling_of_a_list_is_a_list() {
    let lists = MemoryStore::new().repository::<Lists>().unwrap();
    let record = Lists {
        id: "a".to_owned(),
        deque: [1].into(),
        tree: ["x".to_owned()].into(),
        hash: [2, 3].into(),
        boxed: ["y".into(), "z".into()].into(),
        array: [4, 5],
        maybe: Some(vec![6, 7]),
        maybe_boxed: Some([8].into()),
        of_options: vec![None, Some(9)],
        plain: Some(vec!["w".into()]),
    };
    lists.save(record).unwrap().wait().unwrap();
    let none = Lists {
        id: "b".to_owned(),
        ..Lists::default()
    };
    lists.save(none).unwrap().wait().unwrap();
    for query in [
        Lists::DEQUE.is(1),
        Lists::TREE.is("x"),
        Lists::HASH.is(3),
        Lists::BOXED.is("z"),
        Lists::ARRAY.is(5),
        Lists::MAYBE.is(7),
        Lists::MAYBE_BOXED.is(8),
        Lists::OF_OPTIONS.is(9),
        Lists::PLAIN.is("w"),
    ] {
        assert_eq!(lists.find(query).unwrap()[0].id, "a");
    }
    for query in [Lists::MAYBE.is_none(), Lists::PLAIN.is_none()] {
        assert_eq!(lists.find(query).unwrap()[0].id, "b");
    }
    assert!(indexes::<Lists>().iter().all(|index| index.multi));
}

macro_rules! renamed {
    ($($name:ident $rule:literal $path:literal,)*) => {$(
        #[derive(Serialize, Deserialize, JsonSchema, Record)]
        #[serde(rename_all = $rule)]
        #[record(collection = "renamed")]
        struct $name {
            #[record(id)]
            id_of_this: String,
        }
    )*

    #[test]
    fn every_rule_of_serde_gives_the_path_that_serde_writes() {
        $(
            assert_eq!($name::ID_PATH, $path);
            let record = $name { id_of_this: "x".to_owned() };
            let json = serde_json::to_value(&record).unwrap();
            assert_eq!(json.pointer($name::ID_PATH), Some(&json!("x")));
            let store = MemoryStore::new().repository::<$name>().unwrap();
            store.save(record).unwrap().wait().unwrap();
        )*
    }};
}

renamed! {
    Lower "lowercase" "/id_of_this",
    Upper "UPPERCASE" "/ID_OF_THIS",
    Pascal "PascalCase" "/IdOfThis",
    Camel "camelCase" "/idOfThis",
    Snake "snake_case" "/id_of_this",
    ScreamingSnake "SCREAMING_SNAKE_CASE" "/ID_OF_THIS",
    Kebab "kebab-case" "/id-of-this",
    ScreamingKebab "SCREAMING-KEBAB-CASE" "/ID-OF-THIS",
}

fn not_backwards(span: &Odd) -> Result<(), Violation> {
    if span.until < span.from {
        return Err(Violation::new(
            "/until",
            "check",
            "the end is before the start",
        ));
    }
    Ok(())
}

/// Names and attributes that are seldom.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Record)]
#[serde(
    rename_all(
        serialize = "SCREAMING-KEBAB-CASE",
        deserialize = "SCREAMING-KEBAB-CASE"
    ),
    tag = "kind"
)]
#[record(collection = "odd", check = not_backwards)]
struct Odd {
    #[record(id)]
    #[serde(rename = "a/b~c")]
    slashed: String,
    #[cfg_attr(all(), serde(rename = "seen"))]
    #[record(index)]
    conditional: u8,
    #[serde(rename(serialize = "new", deserialize = "new"), alias = "old")]
    #[record(index)]
    aliased: u8,
    from: u8,
    until: u8,
    version: u8,
    #[record(skip)]
    skipped: u8,
    map: BTreeMap<String, u8>,
}

impl Odd {
    // Would not compile if the field had a handle.
    const SKIPPED: u8 = 1;
    const MAP: u8 = 2;
}

#[test]
fn seldom_names_and_attributes() {
    assert_eq!(Odd::ID_PATH, "/a~1b~0c");
    assert_eq!(
        indexes::<Odd>(),
        [one("seen", false, "/seen"), one("new", false, "/new")]
    );
    assert_eq!(Odd::UNTIL.name(), "/UNTIL");
    assert_eq!((Odd::SKIPPED, Odd::MAP), (1, 2));
    // The handle of the field comes before the constant of the trait.
    let _: Field<Odd, u8> = Odd::VERSION;
    assert_eq!(<Odd as Record>::VERSION, 1);

    let store = MemoryStore::new().repository::<Odd>().unwrap();
    let odd = Odd {
        slashed: "x".to_owned(),
        conditional: 1,
        aliased: 2,
        from: 3,
        until: 4,
        version: 5,
        skipped: 6,
        map: BTreeMap::new(),
    };
    store.save(odd.clone()).unwrap().wait().unwrap();
    assert!(store.get("x").unwrap().is_some());
    let error = store.save(Odd { until: 2, ..odd }).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
}

/// What a macro passes on is wrapped in invisible delimiters.
macro_rules! through_a_macro {
    ($name:ident, $ty:ty) => {
        #[derive(Serialize, Deserialize, JsonSchema, Record)]
        #[record(collection = "wrapped")]
        struct $name {
            #[record(id)]
            id: String,
            #[record(index)]
            value: $ty,
        }
    };
}

through_a_macro!(Wrapped, Option<Vec<String>>);

#[test]
fn a_type_that_a_macro_passed_on_is_seen_through() {
    let _: Index<Wrapped, String> = Wrapped::VALUE;
    assert!(indexes::<Wrapped>()[0].multi);
}

mod privacy {
    use super::{Deserialize, JsonSchema, Record, Serialize};

    #[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
    enum Secret {
        One,
    }

    #[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Record)]
    #[record(collection = "privacy", index(BOTH = (open, secret)))]
    pub(crate) struct Private {
        #[record(id)]
        pub id: String,
        pub(super) open: u8,
        #[record(index)]
        secret: Secret,
    }

    pub(super) fn record() -> Private {
        let _ = (Private::BOTH, Private::SECRET);
        Private {
            id: "a".to_owned(),
            open: 1,
            secret: Secret::One,
        }
    }
}

#[test]
fn a_handle_is_as_visible_as_its_field() {
    let store = MemoryStore::new().repository().unwrap();
    store.save(privacy::record()).unwrap().wait().unwrap();
    assert_eq!(store.count(privacy::Private::OPEN.is(1)).unwrap(), 1);
}
