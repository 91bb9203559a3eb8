//! Keys that a column does not hold as they are: of a type that the schema does not say, and whole
//! numbers beyond those of SQLite. They are found like others, before and after the store was closed.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test says what is wrong by panicking"
)]

mod sql;

use larder::prelude::*;
use larder::{AnyRepository, Collection, Document, Index, IndexDef, Query, UniqueIndex};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sql::Db;

/// A record whose indexes a person wrote, who took liberties.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Note {
    id: String,
    text: String,
    size: u64,
    level: i64,
    words: Vec<String>,
}

impl Note {
    /// The length of a string, where the string is.
    const LENGTH: Index<Note, u64> =
        Index::new("length", "/text", |note, keys| keys.one(&note.text.len()));
    /// A whole number that may be larger than SQLite's.
    const SIZE: Index<Note, u64> = Index::new("size", "/size", |note, keys| keys.one(&note.size));
    /// Text, where a number is.
    const LEVEL: UniqueIndex<Note, String> = UniqueIndex::new("level", "/level", |note, keys| {
        keys.one(&format!("level {}", note.level));
    });
    /// Numbers, where texts are.
    const WORDS: Index<Note, u64> = Index::multi("words", "/words", |note, keys| {
        keys.each(
            note.words
                .iter()
                .map(String::len)
                .collect::<Vec<_>>()
                .iter(),
        );
    });
}

impl Record for Note {
    const COLLECTION: &'static str = "notes";

    fn id(&self) -> &str {
        &self.id
    }

    fn indexes() -> Vec<IndexDef<Self>> {
        vec![
            Self::LENGTH.def(),
            Self::SIZE.def(),
            Self::LEVEL.def(),
            Self::WORDS.def(),
        ]
    }
}

const SIZES: [u64; 12] = [
    0,
    1,
    2,
    1 << 53,
    (1 << 53) + 1,
    i64::MAX as u64 - 1,
    i64::MAX as u64,
    i64::MAX as u64 + 1,
    i64::MAX as u64 + 2,
    u64::MAX - 1025,
    u64::MAX - 1,
    u64::MAX,
];

fn notes() -> Vec<Note> {
    let note = |(n, size): (usize, &u64)| Note {
        // The order of ids is not that of keys.
        id: format!("{}", (n * 5) % SIZES.len()),
        text: "x".repeat((n * 7) % SIZES.len()),
        size: *size,
        level: -i64::try_from(n).unwrap(),
        words: (0..n % 4).map(|word| "w".repeat(word * 3)).collect(),
    };
    let mut notes: Vec<Note> = SIZES.iter().enumerate().map(note).collect();
    notes.sort_by(|a, b| a.id.cmp(&b.id));
    notes
}

#[track_caller]
fn finds(
    repository: &AnyRepository<Note>,
    query: impl Into<Query<Note>>,
    wanted: impl IntoIterator<Item = Note>,
) {
    let query = query.into();
    let found = repository.find(query.clone()).unwrap();
    let found: Vec<Note> = found.iter().map(|note| Note::clone(note)).collect();
    let wanted: Vec<Note> = wanted.into_iter().collect();
    assert_eq!(found, wanted, "{query:?}");
    let counted = repository.count(query.clone()).unwrap();
    assert_eq!(counted, wanted.len() as u64, "{query:?}");
    for limit in [1, 3] {
        let first = repository.find(query.clone().limit(limit)).unwrap();
        assert!(first.iter().map(|it| &**it).eq(wanted.iter().take(limit)));
    }
}

/// Every condition on every key, against a walk over these.
#[track_caller]
fn agrees(repository: &AnyRepository<Note>, notes: &[Note]) {
    let by = |pick: &dyn Fn(&Note) -> bool| -> Vec<Note> {
        notes.iter().filter(|note| pick(note)).cloned().collect()
    };
    finds(repository, Query::all(), by(&|_| true));
    for size in SIZES {
        finds(repository, Note::SIZE.is(size), by(&|it| it.size == size));
        finds(
            repository,
            Note::SIZE.range(size..),
            by(&|it| it.size >= size),
        );
        finds(
            repository,
            Note::SIZE.range(..size),
            by(&|it| it.size < size),
        );
        finds(
            repository,
            Note::SIZE.range(2..=size),
            by(&|it| it.size >= 2 && it.size <= size),
        );
        let two = [size, 1];
        finds(
            repository,
            Note::SIZE.any_of(two),
            by(&|it| two.contains(&it.size)),
        );
    }
    let mut sorted = notes.to_vec();
    sorted.sort_by_key(|note| note.size);
    finds(
        repository,
        Query::all().order_by(Note::SIZE.asc()),
        sorted.clone(),
    );
    let above = Note::SIZE.range(1..).order_by(Note::SIZE.desc());
    sorted.retain(|note| note.size >= 1);
    sorted.reverse();
    finds(repository, above, sorted);
    // Page by page it is the same.
    let mut query = Query::all().order_by(Note::SIZE.asc()).limit(5);
    let mut paged = Vec::new();
    loop {
        let page = repository.page(query.clone()).unwrap();
        paged.extend(page.records.iter().map(|note| note.size));
        let Some(next) = page.next else { break };
        query = query.after(next);
    }
    let mut sizes: Vec<u64> = notes.iter().map(|note| note.size).collect();
    sizes.sort_unstable();
    assert_eq!(paged, sizes);

    for length in 0..13 {
        let of = |note: &Note| note.text.len() as u64;
        finds(
            repository,
            Note::LENGTH.is(length),
            by(&|it| of(it) == length),
        );
        finds(
            repository,
            Note::LENGTH.range(length..),
            by(&|it| of(it) >= length),
        );
        let words = |note: &Note, length| note.words.iter().any(|it| it.len() as u64 == length);
        finds(
            repository,
            Note::WORDS.is(length),
            by(&|it| words(it, length)),
        );
    }
    finds(
        repository,
        Note::WORDS.is_none(),
        by(&|it| it.words.is_empty()),
    );
    let mut sorted = notes.to_vec();
    sorted.sort_by_key(|note| (note.text.len(), note.id.clone()));
    finds(
        repository,
        Query::all().order_by(Note::LENGTH.asc()),
        sorted,
    );
    for note in notes {
        let level = format!("level {}", note.level);
        finds(repository, Note::LEVEL.is(&level), [note.clone()]);
    }
    finds(repository, Note::LEVEL.is("level 1"), []);
}

#[test]
fn keys_that_no_schema_speaks_of_are_found_before_and_after_a_close() {
    let db = Db::new();
    let all = notes();
    let store = db.store();
    let repository = store.repository::<Note>().unwrap();
    // One by one: the column widens on the way.
    for (n, note) in all.iter().enumerate() {
        repository.save(note.clone()).unwrap().detach();
        agrees(&repository, &all[..=n]);
    }
    store.close().wait().unwrap();
    drop((store, repository));

    let before = db.files();
    let reader = Store::open(db.config().read_only(true)).unwrap();
    agrees(&reader.repository().unwrap(), &all);
    drop(reader);
    assert_eq!(db.files(), before);

    let store = db.store();
    let repository = store.repository::<Note>().unwrap();
    assert!(repository.load_report().is_clean());
    agrees(&repository, &all);
    for note in &all {
        let twin = Note {
            id: "twin".to_owned(),
            ..note.clone()
        };
        let refused = repository.save(twin).unwrap_err();
        assert_eq!(refused.kind(), larder::ErrorKind::UniqueViolation);
    }
    repository.delete(&all[3].id).unwrap().wait().unwrap();
    let mut left = all.clone();
    left.remove(3);
    agrees(&repository, &left);
    drop((store, repository));
    assert_eq!(sql::integrity(&db.sql()), "ok");
}

#[test]
fn rows_of_others_have_such_keys_too() {
    let all = notes();
    for write_while_open in [true, false] {
        let db = Db::new();
        let (store, repository) = (db.store(), db.store().repository::<Note>().unwrap());
        let kept = write_while_open.then_some((store, repository));
        let other = db.sql();
        for note in &all {
            let doc = serde_json::to_string(note).unwrap();
            let insert = "INSERT INTO notes(id, doc) VALUES(?1, ?2)";
            other.execute(insert, [&note.id, &doc]).unwrap();
        }
        if let Some((_, repository)) = &kept {
            agrees(repository, &all);
        }
        drop(kept);
        let repository = db.store().repository::<Note>().unwrap();
        assert!(repository.load_report().is_clean());
        agrees(&repository, &all);
    }
}

#[test]
fn an_index_that_comes_later_has_keys_of_any_type() {
    let db = Db::new();
    let all = notes();
    let store = db.store();
    // As a program that knows no index put them.
    let schema = serde_json::to_value(schemars::schema_for!(Note)).unwrap();
    let plain = Collection::<Document>::named("notes").schema(schema);
    let plain = store.collection(plain).unwrap();
    let documents = all.iter().map(|note| serde_json::to_string(note).unwrap());
    let documents = documents.map(|text| Document::parse(&text).unwrap());
    plain.save_all(documents).unwrap().wait().unwrap();
    drop((store, plain));
    for _ in 0..2 {
        let store = db.store();
        let repository = store.repository::<Note>().unwrap();
        assert!(repository.load_report().is_clean());
        agrees(&repository, &all);
    }
}

#[test]
fn numbers_of_every_kind_are_one_order() {
    let db = Db::new();
    let numbers = [
        "-1e300",
        "-18446744073709551615.0",
        "-9223372036854775808",
        "-1.5",
        "-1",
        "-0.0",
        "0.5",
        "1",
        "1.5",
        "9007199254740992.0",
        "9007199254740993",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616.0",
        "1e300",
    ];
    let schemas = [
        serde_json::json!({}),
        serde_json::json!({"properties": {"n": {"type": "number"}}}),
        serde_json::json!({"properties": {"n": {"type": "integer"}}}),
    ];
    for (round, schema) in schemas.into_iter().enumerate() {
        let whole = round == 2;
        let name = format!("numbers{round}");
        let collection = || {
            Collection::<Document>::named(&name)
                .index("n")
                .schema(schema.clone())
        };
        let store = db.store();
        let documents: Vec<(String, Document)> = numbers
            .iter()
            .enumerate()
            .filter(|(_, number)| !whole || !number.contains(['.', 'e']))
            .map(|(n, number)| {
                let id = format!("{:02}", (n * 5) % numbers.len());
                let text = format!("{{\"id\":\"{id}\",\"n\":{number}}}");
                (id, Document::parse(&text).unwrap())
            })
            .collect();
        let order: Vec<&String> = documents.iter().map(|(id, _)| id).collect();
        let sorted = |records: &AnyRepository<Document>| {
            let n = || larder::Target::Index("n".into());
            let asc = Query::all().order_by(larder::Order::new(n(), false));
            let found = records.find(asc).unwrap();
            let ids: Vec<String> = found
                .iter()
                .map(|it| it.value()["id"].as_str().unwrap().to_owned())
                .collect();
            assert!(
                ids.iter().eq(order.iter().copied()),
                "{ids:?} is not {order:?}"
            );
            for (position, (id, document)) in documents.iter().enumerate() {
                let key = larder::Key::from_json(&document.value()["n"]).unwrap();
                let is = larder::Condition::new(n(), larder::Test::Is(key.clone()));
                let found = records.find(is).unwrap();
                assert_eq!(found.len(), 1, "{}", document.text());
                assert_eq!(found[0].value()["id"], **id);
                let from = std::ops::Bound::Included(key);
                let range = larder::Test::Range(from, std::ops::Bound::Unbounded);
                let above = larder::Condition::new(n(), range);
                let wanted = documents.len() - position;
                assert_eq!(
                    records.count(above).unwrap(),
                    wanted as u64,
                    "{}",
                    document.text()
                );
            }
        };
        let records = store.collection(collection()).unwrap();
        let all = documents.iter().map(|(_, document)| document.clone());
        records.save_all(all).unwrap().wait().unwrap();
        sorted(&records);
        drop((store, records));
        sorted(&db.store().collection(collection()).unwrap());
        let reader = Store::open(db.config().read_only(true)).unwrap();
        sorted(&reader.collection(collection()).unwrap());
    }
}
