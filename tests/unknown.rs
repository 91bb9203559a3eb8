//! Fields that a record type does not know: they survive load, update and save. The same on JSON
//! and SQLite.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::needless_pass_by_value,
    missing_docs,
    reason = "a test fails by panicking"
)]

use std::collections::{HashMap, HashSet};

use larder::prelude::*;
use larder::{Collection, Document, ErrorKind, Query, StoreConfig};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// As the older program knows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "sessions")]
struct Old {
    #[record(id)]
    id: String,
    #[record(index)]
    turns: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    state: OldState,
    #[serde(default)]
    steps: Vec<OldStep>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
struct OldState {
    status: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct OldStep {
    name: String,
}

/// As the newer program knows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "sessions")]
struct New {
    #[record(id)]
    id: String,
    #[serde(default)]
    cost: f64,
    turns: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    state: NewState,
    #[serde(default)]
    steps: Vec<NewStep>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
struct NewState {
    #[serde(default)]
    since: u64,
    status: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct NewStep {
    name: String,
    #[serde(default)]
    took: u64,
}

fn new(id: &str) -> New {
    New {
        id: id.into(),
        cost: 1.5,
        turns: 1,
        note: Some("n".into()),
        state: NewState {
            since: 7,
            status: "idle".into(),
        },
        steps: vec![
            NewStep {
                name: "x".into(),
                took: 1,
            },
            NewStep {
                name: "y".into(),
                took: 2,
            },
        ],
        model: Some("m".into()),
    }
}

struct Setup {
    dir: tempfile::TempDir,
    scheme: &'static str,
}

impl Setup {
    fn new(scheme: &'static str) -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            scheme,
        }
    }

    fn config(&self) -> StoreConfig {
        StoreConfig::new(match self.scheme {
            "json" => format!("json:{}", self.dir.path().join("data").display()),
            _ => format!("sqlite:{}", self.dir.path().join("data.db").display()),
        })
    }

    fn with<T: Record>(&self, act: impl FnOnce(&Store, &dyn Repository<T>)) {
        let store = Store::open(self.config()).unwrap();
        let repository = store.repository::<T>().unwrap();
        assert!(
            repository.load_report().is_clean(),
            "{:?}",
            store.load_report()
        );
        act(&store, &*repository);
        store.close().wait().unwrap();
    }

    fn document(&self, id: &str) -> String {
        let store = Store::open(self.config()).unwrap();
        let all = Collection::<Document>::named("sessions");
        let text = store.collection(all).unwrap().get(id).unwrap().unwrap();
        text.text().to_owned()
    }
}

macro_rules! on_both_backends {
    ($($name:ident,)*) => {
        mod json { $(#[test] fn $name() { super::$name(super::Setup::new("json")); })* }
        mod sqlite { $(#[test] fn $name() { super::$name(super::Setup::new("sqlite")); })* }
    };
}

on_both_backends![
    an_old_and_a_new_type_take_turns,
    every_verb_keeps_them,
    they_go_with_the_record,
    it_can_be_switched_off,
    a_name_that_is_read_under_another_does_not_come_back,
    an_old_name_that_says_nothing_is_in_nobodys_way,
    what_a_variant_knows_it_says_itself,
    the_order_of_maps_and_sets_hides_nothing,
    what_does_not_go_together_is_refused,
    documents_are_replaced_as_a_whole,
];

fn an_old_and_a_new_type_take_turns(it: Setup) {
    it.with::<New>(|_, sessions| sessions.save(new("a")).unwrap().wait().map(drop).unwrap());
    for turn in 2..6 {
        it.with::<Old>(|_, sessions| {
            sessions
                .update("a", |s| {
                    s.turns = turn * 10;
                    s.state.status = format!("turn {turn}");
                    s.steps[1].name = format!("y{turn}");
                    s.note = None;
                })
                .unwrap()
                .wait()
                .unwrap();
            assert_eq!(sessions.find(Old::TURNS.is(turn * 10)).unwrap().len(), 1);
        });
        it.with::<New>(|_, sessions| {
            let read = sessions.get("a").unwrap().unwrap();
            let mut expected = new("a");
            expected.turns = turn * 10;
            expected.state.status = format!("turn {turn}");
            expected.steps[1].name = format!("y{turn}");
            expected.note = None;
            assert_eq!(*read, expected);
            sessions
                .update("a", |s| s.turns += 1)
                .unwrap()
                .wait()
                .unwrap();
        });
    }
    assert_eq!(
        it.document("a"),
        r#"{"id":"a","cost":1.5,"turns":51,"state":{"since":7,"status":"turn 5"},"steps":[{"name":"x","took":1},{"name":"y5","took":2}],"model":"m"}"#
    );
}

fn every_verb_keeps_them(it: Setup) {
    it.with::<New>(|_, sessions| {
        for id in ["a", "b", "c", "d"] {
            sessions.save(new(id)).unwrap().detach();
        }
    });
    it.with::<Old>(|store, sessions| {
        let read = |id| Old::clone(&sessions.get(id).unwrap().unwrap());
        // A value that was made anew, and two saves one after the other.
        let mut fresh = read("a");
        fresh.turns = 2;
        sessions.save(fresh.clone()).unwrap().detach();
        fresh.turns = 3;
        sessions.save(fresh).unwrap().detach();
        let before = sessions.get("b").unwrap().unwrap();
        let mut next = Old::clone(&before);
        next.turns = 3;
        sessions.replace(&before, next).unwrap().detach();
        let (mut c, mut d) = (read("c"), read("d"));
        c.turns = 3;
        d.turns = 2;
        sessions.save_all([c, d]).unwrap().detach();
        store
            .transaction(|tx| tx.update::<Old>("d", |s| s.turns += 1))
            .unwrap()
            .detach();
        // What was read is still what is there: what is not known is not compared.
        let again = sessions.get("a").unwrap().unwrap();
        sessions
            .replace(&again, Old::clone(&again))
            .unwrap()
            .detach();
    });
    for id in ["a", "b", "c", "d"] {
        let mut expected = new(id);
        expected.turns = 3;
        let document: New = serde_json::from_str(&it.document(id)).unwrap();
        assert_eq!(document, expected);
    }
}

fn they_go_with_the_record(it: Setup) {
    it.with::<New>(|_, sessions| sessions.save(new("a")).unwrap().detach());
    it.with::<Old>(|store, sessions| {
        let old = Old::clone(&sessions.get("a").unwrap().unwrap());
        sessions.delete("a").unwrap().detach();
        sessions.insert(old.clone()).unwrap().detach();
        store
            .transaction(|tx| {
                tx.of::<Old>()?.clear()?;
                tx.insert(old)
            })
            .unwrap()
            .detach();
    });
    let document: Value = serde_json::from_str(&it.document("a")).unwrap();
    assert_eq!(document.get("cost"), None);
    assert_eq!(document["state"], json!({"status": "idle"}));
}

fn it_can_be_switched_off(it: Setup) {
    it.with::<New>(|_, sessions| sessions.save(new("a")).unwrap().detach());
    let store = Store::open(it.config().preserve_unknown(false)).unwrap();
    let sessions = store.repository::<Old>().unwrap();
    sessions.update("a", |s| s.turns = 2).unwrap().detach();
    store.close().wait().unwrap();
    let document: Value = serde_json::from_str(&it.document("a")).unwrap();
    assert_eq!(document.get("cost"), None);
}

/// Reads `label` where an older program wrote it, and writes `name`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "sessions")]
struct Renaming {
    #[record(id)]
    id: String,
    #[serde(alias = "label")]
    #[schemars(skip)]
    name: String,
}

fn a_name_that_is_read_under_another_does_not_come_back(it: Setup) {
    let store = Store::open(it.config()).unwrap();
    let all = Collection::<Value>::named("sessions");
    let raw = store.collection(all).unwrap();
    raw.save(json!({"id": "a", "label": "x", "extra": 1}))
        .unwrap()
        .detach();
    store.close().wait().unwrap();
    it.with::<Renaming>(|_, sessions| {
        sessions
            .update("a", |s| s.name.push('!'))
            .unwrap()
            .wait()
            .unwrap();
    });
    assert_eq!(it.document("a"), r#"{"extra":1,"id":"a","name":"x!"}"#);
}

impl Setup {
    /// The one record as another program wrote it.
    fn of(self, document: Value) -> Self {
        let store = Store::open(self.config()).unwrap();
        let raw = store
            .collection(Collection::<Value>::named("sessions"))
            .unwrap();
        raw.save(document).unwrap().detach();
        store.close().wait().unwrap();
        self
    }
}

/// Both were called otherwise once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "sessions")]
struct Renamed {
    #[record(id)]
    id: String,
    #[serde(default, alias = "label")]
    name: Option<String>,
    #[serde(default, alias = "times")]
    turns: u32,
}

fn an_old_name_that_says_nothing_is_in_nobodys_way(it: Setup) {
    let it = it.of(json!({"id": "a", "label": null, "times": 0, "extra": 1}));
    it.with::<Renamed>(|_, sessions| {
        sessions
            .update("a", |s| (s.name, s.turns) = (Some("x".into()), 3))
            .unwrap()
            .wait()
            .unwrap();
    });
    let document: Value = serde_json::from_str(&it.document("a")).unwrap();
    assert_eq!(
        document,
        json!({"id": "a", "name": "x", "turns": 3, "extra": 1})
    );
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "sessions")]
struct Step {
    #[record(id)]
    id: String,
    work: Work,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind")]
enum Work {
    Idle,
    Busy {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        with: Option<String>,
    },
}

fn what_a_variant_knows_it_says_itself(it: Setup) {
    let it = it.of(json!({"id": "a", "work": {"kind": "Idle", "with": "x", "extra": 1}}));
    let busy = Step {
        id: "a".into(),
        work: Work::Busy { with: None },
    };
    it.with::<Step>(|_, sessions| {
        assert_eq!(sessions.get("a").unwrap().unwrap().work, Work::Idle);
        sessions.save(busy.clone()).unwrap().wait().unwrap();
        assert_eq!(*sessions.get("a").unwrap().unwrap(), busy);
    });
    it.with::<Step>(|_, sessions| {
        assert_eq!(*sessions.get("a").unwrap().unwrap(), busy);
    });
    let document: Value = serde_json::from_str(&it.document("a")).unwrap();
    assert_eq!(document["work"], json!({"kind": "Busy", "extra": 1}));
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "sessions")]
struct Unordered {
    #[record(id)]
    id: String,
    counts: HashMap<String, u32>,
    names: HashSet<String>,
}

fn the_order_of_maps_and_sets_hides_nothing(it: Setup) {
    let names: Vec<String> = (0..20).map(|number| format!("n{number}")).collect();
    let counts: HashMap<&String, usize> = names.iter().zip(0..).collect();
    let it = it.of(json!({"id": "a", "counts": counts, "names": names, "extra": 1}));
    it.with::<Unordered>(|_, sessions| {
        for _ in 0..2 {
            sessions
                .update("a", |s| *s.counts.entry("n0".into()).or_default() += 1)
                .unwrap()
                .wait()
                .unwrap();
        }
    });
    let document: Value = serde_json::from_str(&it.document("a")).unwrap();
    assert_eq!(
        (&document["extra"], &document["counts"]["n0"]),
        (&json!(1), &json!(2))
    );
}

fn what_does_not_go_together_is_refused(it: Setup) {
    #[derive(Clone, Debug, Serialize, Deserialize)]
    struct Part {
        id: String,
        kind: String,
    }
    let schema = json!({
        "type": "object",
        "properties": {"id": {"type": "string"}, "kind": {"type": "string"}},
        "required": ["id", "kind"],
        "if": {"properties": {"kind": {"const": "plain"}}},
        "then": {"properties": {"detail": false}}
    });
    let store = Store::open(it.config()).unwrap();
    let all = Collection::<Value>::named("sessions").schema(schema.clone());
    let raw = store.collection(all).unwrap();
    raw.save(json!({"id": "a", "kind": "rich", "detail": 1}))
        .unwrap()
        .detach();
    store.close().wait().unwrap();
    let store = Store::open(it.config()).unwrap();
    let parts = store
        .collection(
            Collection::<Part>::named("sessions")
                .schema(schema)
                .unique("kind"),
        )
        .unwrap();
    let plain = Part {
        id: "a".into(),
        kind: "plain".into(),
    };
    let refused = parts.save(plain.clone()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Invalid);
    assert!(refused.message().contains("does not know"), "{refused}");
    assert_eq!(parts.get("a").unwrap().unwrap().kind, "rich");
    // Also where it would take a unique key: the record itself is judged first.
    let other = Part {
        id: "b".into(),
        ..plain.clone()
    };
    parts.save(other).unwrap().detach();
    let refused = parts.save(plain.clone()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Invalid);
    parts.delete("b").unwrap().detach();
    parts.delete("a").unwrap().detach();
    parts.insert(plain).unwrap().wait().unwrap();
}

fn documents_are_replaced_as_a_whole(it: Setup) {
    let store = Store::open(it.config()).unwrap();
    let all = Collection::<Document>::named("sessions");
    let raw = store.collection(all).unwrap();
    for text in [r#"{"id":"a","x":1}"#, r#"{"id":"a","y":2}"#] {
        raw.save(Document::parse(text).unwrap()).unwrap().detach();
    }
    assert_eq!(raw.count(Query::all()).unwrap(), 1);
    store.close().wait().unwrap();
    assert_eq!(it.document("a"), r#"{"id":"a","y":2}"#);
}
