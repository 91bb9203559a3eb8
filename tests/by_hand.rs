//! Owns the promise that the derive writes what a person would: one struct, once derived and once
//! by hand, is one collection.

#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a helper of tests fails like a test"
)]

use larder::prelude::*;
use larder::{Collection, MemoryStore, Query};
use serde_json::Value;

/// What both structs need, in the module of each.
macro_rules! common {
    () => {
        use larder::Violation;
        use schemars::JsonSchema;
        use serde::{Deserialize, Serialize};

        #[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "lowercase")]
        pub(crate) enum Provider {
            Claude,
            Codex,
        }

        pub(crate) fn check(session: &Session) -> Result<(), Violation> {
            if session.turn > 1_000 {
                return Err(Violation::new("/turn", "check", "too many turns"));
            }
            Ok(())
        }
    };
}

mod derived {
    common!();

    #[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, larder::Record)]
    #[serde(rename_all = "camelCase")]
    #[record(collection = "sessions", version = 4, check = check)]
    #[record(index(BY_PROVIDER = (provider, provider_session_id)))]
    #[record(unique(BY_TURN = (channel_id, turn)))]
    pub(crate) struct Session {
        #[record(id)]
        pub(crate) own_id: String,
        #[record(unique)]
        pub(crate) channel_id: String,
        #[record(index)]
        #[serde(rename = "cat")]
        pub(crate) category_id: Option<String>,
        #[record(index)]
        pub(crate) tags: Option<Vec<String>>,
        pub(crate) provider: Provider,
        pub(crate) provider_session_id: Option<String>,
        #[record(expires)]
        pub(crate) turn: u64,
    }
}

mod by_hand {
    use larder::{Compound, Expiry, Field, Index, IndexDef, Record, UniqueIndex};

    common!();

    #[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "camelCase")]
    pub(crate) struct Session {
        pub(crate) own_id: String,
        pub(crate) channel_id: String,
        #[serde(rename = "cat")]
        pub(crate) category_id: Option<String>,
        pub(crate) tags: Option<Vec<String>>,
        pub(crate) provider: Provider,
        pub(crate) provider_session_id: Option<String>,
        pub(crate) turn: u64,
    }

    impl Session {
        pub(crate) const CHANNEL_ID: UniqueIndex<Self, String> =
            UniqueIndex::new("channelId", "/channelId", |s, keys| keys.one(&s.channel_id));
        pub(crate) const CATEGORY_ID: Index<Self, String> =
            Index::new("cat", "/cat", |s, keys| keys.one(&s.category_id));
        pub(crate) const TAGS: Index<Self, String> = Index::multi("tags", "/tags", |s, keys| {
            if let Some(tags) = &s.tags {
                keys.each(tags);
            }
        });
        pub(crate) const TURN: Field<Self, u64> = Field::new("/turn", |s, keys| keys.one(&s.turn));
        pub(crate) const BY_PROVIDER: Index<Self, Compound<(Provider, String)>> = Index::compound(
            "BY_PROVIDER",
            &["/provider", "/providerSessionId"],
            |s, keys| keys.one(&(&s.provider, &s.provider_session_id)),
        );
        pub(crate) const BY_TURN: UniqueIndex<Self, Compound<(String, u64)>> =
            UniqueIndex::compound("BY_TURN", &["/channelId", "/turn"], |s, keys| {
                keys.one(&(&s.channel_id, &s.turn));
            });
    }

    impl Record for Session {
        const COLLECTION: &'static str = "sessions";
        const VERSION: u32 = 4;
        const ID_PATH: &'static str = "/ownId";

        fn id(&self) -> &str {
            &self.own_id
        }

        fn indexes() -> Vec<IndexDef<Self>> {
            vec![
                Self::CHANNEL_ID.def(),
                Self::CATEGORY_ID.def(),
                Self::TAGS.def(),
                Self::BY_PROVIDER.def(),
                Self::BY_TURN.def(),
            ]
        }

        fn expiry() -> Option<Expiry<Self>> {
            Some(Expiry::at(Self::TURN))
        }

        fn check(&self) -> Result<(), Violation> {
            check(self)
        }
    }
}

#[test]
fn the_definition_is_the_same() {
    let derived = Collection::<derived::Session>::of().definition().unwrap();
    let by_hand = Collection::<by_hand::Session>::of().definition().unwrap();
    assert_eq!(derived, by_hand);
    assert_eq!(derived.indexes.len(), 5);
}

/// What the same queries find, and how; and what the same bad record is refused for.
macro_rules! answers {
    ($module:ident) => {{
        use $module::{Provider, Session};

        let sessions = MemoryStore::new().repository::<Session>().unwrap();
        for number in 0..20_u64 {
            let session = Session {
                own_id: format!("s-{number}"),
                channel_id: format!("c-{}", number * 7 % 20),
                category_id: (number % 3 != 0).then(|| format!("cat-{}", number % 3)),
                tags: (number % 4 != 0).then(|| vec![format!("t{}", number % 2), "all".into()]),
                provider: [Provider::Claude, Provider::Codex][usize::from(number % 5 == 0)],
                provider_session_id: (number % 2 == 0).then(|| number.to_string()),
                turn: number * 3 % 11,
            };
            sessions.save(session).unwrap().wait().unwrap();
        }
        let now = std::time::UNIX_EPOCH + std::time::Duration::from_millis(3);
        let queries: Vec<Query<Session>> = vec![
            Session::CHANNEL_ID.is("c-7").into(),
            Session::CATEGORY_ID.is("cat-2"),
            Session::CATEGORY_ID.is_none(),
            Session::TAGS.is("t1").and(Session::TURN.range(4..)),
            Session::TAGS.is_none().order_by(Session::TURN.desc()),
            Session::BY_PROVIDER.is((Provider::Codex, "10")),
            Session::BY_PROVIDER
                .leading((Provider::Claude,))
                .order_by(Session::BY_PROVIDER.desc()),
            Session::BY_TURN.leading(("c-3",)),
            Query::all().order_by(Session::TURN.asc()).limit(7),
            sessions.collection().expiry().unwrap().expired_at(now),
        ];
        let mut answers: Vec<Value> = Vec::new();
        for query in queries {
            let plan = format!("{:?}", sessions.explain(query.clone()).unwrap());
            let found = sessions.find(query).unwrap();
            assert!(!found.is_empty(), "{plan}");
            answers.push(plan.into());
            answers.extend(
                found
                    .iter()
                    .map(|record| serde_json::to_value(&**record).unwrap()),
            );
        }
        let turns = sessions
            .update("s-1", |session| session.turn = 2_000)
            .unwrap_err();
        answers.push(format!("{turns:?}").into());
        answers
    }};
}

#[test]
fn queries_find_the_same_in_the_same_way() {
    let derived = answers!(derived);
    assert_eq!(derived, answers!(by_hand));
    assert!(derived.len() > 20);
}
