//! What `save` accepts, `open` accepts: a record that the next open would reject is refused at the save, with
//! the reasons; and whatever was accepted comes back as it was.

use larder_core::{
    Backend, Collection, Document, ErrorKind, MAX_ID_BYTES, Query, Record, RepositoryExt, Violation,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::agreement::agree;
use crate::pantry::{Pantry, ids, patient, refused};
use crate::records::{Jar, jar, labelled};
use crate::setup::Setup;

/// Ids that look like something else.
const ODD_IDS: [&str; 14] = [
    " ",
    "\"quoted\"",
    "%00",
    "'; DROP TABLE jars; --",
    ".",
    "../../etc",
    "0",
    "A",
    "a\nb",
    "a\\b",
    "null",
    "é",
    "日本",
    "\u{10ffff}",
];

/// Records at the edges of what JSON and the type can hold.
fn odd() -> Vec<Jar> {
    let mut odd: Vec<Jar> = ODD_IDS.map(|id| labelled(id, id)).into();
    let note = |id: &str, note: &str| Jar {
        note: Some(note.to_owned()),
        ..jar(id)
    };
    odd.extend([
        note("n-control", "\0\u{1}\u{8}\t\r\n\u{1f}\u{7f}\u{2028}"),
        note("n-empty", ""),
        note("n-json", "{\"id\":\"x\"},\n],\"digest\":\"xxh3:0\"}"),
        note("n-large", &"ä\"\\".repeat(30_000)),
    ]);
    for (n, price) in [
        0.1,
        -0.5,
        1e300,
        5e-324,
        f64::MAX,
        f64::MIN,
        1.0 / 3.0,
        1e15,
    ]
    .into_iter()
    .enumerate()
    {
        odd.push(Jar {
            price: Some(price),
            row: Some([i64::MIN, i64::MAX, -1, 0, 1 << 53, (1 << 53) + 1, 2, 3][n]),
            place: Some(u32::MAX - u32::try_from(n).unwrap()),
            ..jar(&format!("p-{n}"))
        });
    }
    odd.push(Jar {
        contents: ["", "b", "a", "b", "\0", "日本"].map(str::to_owned).into(),
        ..jar("c-many")
    });
    odd
}

/// Texts with quotes and newlines, extreme numbers, empty and large: each is found as it was saved, and the
/// load finds nothing wrong.
pub fn what_is_saved_comes_back_the_same<S: Setup>(setup: &S) {
    let mut odd = odd();
    let it = Pantry::stocked(setup, odd.clone());
    odd.sort_by(|a, b| a.id.as_bytes().cmp(b.id.as_bytes()));
    let it = it.reopen();
    let report = it.store.load_report();
    assert!(report.is_clean(), "{:?}", report.issues());
    assert_eq!(it.all(), odd);
    agree(&*it.jars);
    let report = it.store.verify("jars").unwrap();
    assert!(report.is_clean(), "{:?}", report.issues());
}

/// An id is any text that is not empty, not too long and without NUL.
pub fn odd_ids_are_ids<S: Setup>(setup: &S) {
    let it = Pantry::open(setup);
    for id in ODD_IDS {
        it.put(labelled(id, id));
        assert_eq!(it.jars.get(id).unwrap().unwrap().id, id);
    }
    let mut sorted = ODD_IDS;
    sorted.sort_unstable();
    assert_eq!(it.ids().0, sorted, "bytewise");
    agree(&*it.jars);
    for id in ODD_IDS {
        it.jars.update(id, |jar| jar.grams = 2).unwrap().detach();
        let gone = it.jars.delete(id).unwrap().into_visible().unwrap();
        assert_eq!(gone.unwrap().grams, 2, "{id:?}");
    }
    assert!(it.all().is_empty());
}

/// Up to 1,024 bytes, and not one more.
pub fn the_longest_id_is_an_id<S: Setup>(setup: &S) {
    let it = Pantry::open(setup);
    let longest = "ä".repeat(MAX_ID_BYTES / 2);
    it.put(jar(&longest));
    assert_eq!(it.ids().0, [longest.as_str()]);
    let longer = longest + "i";
    let error = refused(it.jars.save(jar(&longer)));
    assert_eq!(error.kind(), ErrorKind::InvalidId, "{error}");
    assert!(it.jars.get(&longer).unwrap().is_none(), "nobody has it");
}

/// All of them at once, in the order of their paths, with id, collection and verb, and without any value.
pub fn every_violation_is_told<S: Setup>(setup: &S) {
    let it = Pantry::open(setup);
    let error = refused(it.jars.save(Jar {
        shelf: String::new(),
        grams: 98_765,
        note: Some("hunter2".to_owned()),
        ..jar("a")
    }));
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    let mut paths: Vec<&str> = error.violations().iter().map(Violation::path).collect();
    paths.sort_unstable();
    assert_eq!(paths, ["/grams", "/shelf"]);
    assert_eq!(error.operation(), Some("save"));
    assert_eq!((error.collection(), error.id()), (Some("jars"), Some("a")));
    assert!(!error.is_transient(), "it stays wrong");
    for value in ["98765", "hunter2"] {
        let told = format!("{error} {error:?}");
        assert!(!told.contains(value), "a value was told: {told}");
    }
}

/// What the type says is told as what the schema says.
pub fn a_rule_of_the_type_is_told<S: Setup>(setup: &S) {
    let it = Pantry::open(setup);
    let error = refused(it.jars.insert(Jar {
        grams: 13,
        ..jar("a")
    }));
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    let [violation] = error.violations() else {
        panic!("{error} is not of one rule")
    };
    assert_eq!(
        (violation.path(), violation.keyword()),
        ("/grams", "unlucky")
    );
    assert_eq!(error.operation(), Some("insert"));
}

/// Writes a field under a name that it does not read.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
struct Lopsided {
    id: String,
    #[serde(rename(serialize = "written", deserialize = "read"))]
    value: u32,
}

impl Record for Lopsided {
    const COLLECTION: &'static str = "lopsided";

    fn id(&self) -> &str {
        &self.id
    }
}

/// A type that does not read what it writes is refused at the save, not at the next open.
pub fn what_does_not_read_back_is_refused<S: Setup>(setup: &S) {
    let it = Pantry::open(setup);
    let lopsided = setup.collection(&it.store, Collection::<Lopsided>::of());
    let lopsided = lopsided.unwrap();
    let error = refused(lopsided.save(Lopsided {
        id: "a".to_owned(),
        value: 1,
    }));
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    assert_eq!(error.violations()[0].keyword(), "required", "{error}");
    assert_eq!(lopsided.count(Query::all()).unwrap(), 0);
}

/// So is one that nests deeper than a reader follows.
pub fn what_is_too_deep_to_be_read_is_refused<S: Setup>(setup: &S) {
    let it = Pantry::open(setup);
    let things = setup.collection(&it.store, Collection::<Value>::named("things"));
    let things = things.unwrap();
    let nested = |depth: usize| (0..depth).fold(Value::Null, |inner, _| json!([inner]));
    let error = refused(things.save(json!({"id": "a", "deep": nested(200)})));
    assert_eq!(error.kind(), ErrorKind::Encode, "{error}");
    things
        .save(json!({"id": "a", "deep": nested(100)}))
        .unwrap()
        .detach();
    assert_eq!(things.count(Query::all()).unwrap(), 1);
}

/// A collection that is described at run time is held to its schema as a type is to its own.
pub fn a_schema_given_at_run_time_is_held<S: Setup>(setup: &S) {
    let it = Pantry::open(setup);
    let schema = json!({
        "type": "object",
        "required": ["id", "n"],
        "properties": {"id": {"type": "string"}, "n": {"type": "integer", "minimum": 1}},
    });
    let things = Collection::<Value>::named("things")
        .unique("n")
        .schema(schema);
    let things = setup.collection(&it.store, things).unwrap();
    for bad in [
        json!({"id": "a"}),
        json!({"id": "a", "n": 0}),
        json!({"id": "a", "n": "1"}),
    ] {
        let error = refused(things.save(bad.clone()));
        assert_eq!(error.kind(), ErrorKind::Invalid, "{bad}: {error}");
        assert_eq!(error.violations().len(), 1, "{bad}: {error}");
    }
    things
        .save(json!({"id": "a", "n": 1, "more": [{}]}))
        .unwrap()
        .detach();
    let error = refused(things.save(json!({"id": "b", "n": 1})));
    assert_eq!(error.kind(), ErrorKind::UniqueViolation, "{error}");
    for no_id in [
        json!({"n": 2}),
        json!({"id": 7, "n": 2}),
        json!({"id": null, "n": 2}),
    ] {
        let error = refused(things.save(no_id.clone()));
        let wanted = [ErrorKind::Invalid, ErrorKind::InvalidId];
        assert!(wanted.contains(&error.kind()), "{no_id}: {error}");
    }
    assert_eq!(things.count(Query::all()).unwrap(), 1);
}

/// A document keeps its text: the order of its fields, and every digit of its numbers.
pub fn documents_keep_their_text<S: Setup>(setup: &S) {
    let texts = [
        r#"{"z":1,"id":"a","a":2}"#,
        r#"{"id":"b","n":1.10,"big":123456789012345678901234567890,"e":1E+2}"#,
        r#"{"id":"c","s":"\u00e9\/","o":{"b":[],"a":{}}}"#,
    ];
    let collection = || Collection::<Document>::named("texts").index("n");
    let store = setup.open(patient()).unwrap();
    let documents = setup.collection(&store, collection()).unwrap();
    let parsed = texts.map(|text| Document::parse(text).unwrap());
    documents.save_all(parsed).unwrap().detach();
    let look = |documents: &dyn larder_core::Repository<Document>| {
        let found = documents.find(Query::all()).unwrap();
        let found: Vec<String> = found.iter().map(|it| it.text().to_owned()).collect();
        assert_eq!(found, texts);
    };
    look(&*documents);
    store.close().wait().unwrap();
    drop((store, documents));
    let store = setup.open(patient()).unwrap();
    let documents = setup.collection(&store, collection()).unwrap();
    assert!(documents.load_report().is_clean());
    look(&*documents);
}

/// Reading everything again finds nothing wrong with what was saved. A collection that is not open is named.
pub fn verifying_finds_nothing_wrong<S: Setup>(setup: &S) {
    let it = Pantry::open(setup);
    it.jars.save_all(odd()).unwrap().detach();
    it.jars.delete("0").unwrap().detach();
    let report = it.store.verify("jars").unwrap();
    assert!(report.is_clean(), "{:?}", report.issues());
    let error = it.store.verify("nowhere").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    assert_eq!(ids(&*it.jars, Query::all()).len(), odd().len() - 1);
}

/// The store knows what a collection is, for tools that do not have its type.
pub fn the_definition_is_known<S: Setup>(setup: &S) {
    let it = Pantry::open(setup);
    // Before anything was saved, or was flushed.
    let definition = it.store.definition("jars").unwrap();
    assert_eq!(definition, Collection::<Jar>::of().definition().unwrap());
    let error = it.store.definition("no name").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
}

/// Also before the collection is opened again; and a collection made of it is the same.
pub fn the_definition_is_kept<S: Setup>(setup: &S) {
    let it = Pantry::stocked(setup, [labelled("a", "x")]);
    it.close();
    let store = setup.open(patient()).unwrap();
    let definition = store.definition("jars").unwrap();
    assert_eq!(definition, Collection::<Jar>::of().definition().unwrap());
    let documents = Collection::<Document>::from_definition(definition);
    let documents = setup.collection(&store, documents).unwrap();
    let found = documents.get("a").unwrap().unwrap();
    assert_eq!(found.value()["label"], "x");
    let twin = Document::parse(&found.text().replace("\"id\":\"a\"", "\"id\":\"b\"")).unwrap();
    let error = refused(documents.save(twin));
    assert_eq!(error.kind(), ErrorKind::UniqueViolation, "{error}");
    store.close().wait().unwrap();
    drop((store, documents));
    let it = Pantry::open(setup);
    assert_eq!(it.all(), [labelled("a", "x")]);
}
