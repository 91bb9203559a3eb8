//! `larder check --repair-plan`: what a repair would do, told and not done.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a helper of a test that cannot go on fails the test"
)]

mod common;

use std::collections::BTreeMap;

use common::{Case, STORE};
use larder::{OnInvalid, Repository as _, Store, StoreConfig};
use serde_json::{Value, json};

const DATABASE: &str = "sqlite:./data.db";

const SCHEMA: &str = r#"{
    "required": ["id", "turn"],
    "properties": {
        "turn": {"type": "integer", "default": 0},
        "model": {"type": "string"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "cost": {"type": "number"}
    }
}"#;

/// What stands under each id; only `good` is valid.
const RECORDS: [(&str, &str); 5] = [
    ("good", r#"{"id":"good","turn":1,"key":"k"}"#),
    (
        "mend",
        r#"{"id":"mend","model":"hunter2" ,"cost":"hunter3","tags":["a",7]}"#,
    ),
    ("lost", r#"{"id":"lost","turn":{"hunter4":1},"id2":0}"#),
    ("twin", r#"{"id":"twin","turn":1,"key":"k","model":17}"#),
    ("wide", r#"{"id":"wide","turn":true}"#),
];

/// A store with these records in the collection `c`, of which nobody knows yet that they are bad.
fn case(url: &str) -> Case {
    let case = Case::new();
    case.file("s.json", SCHEMA);
    let seed = b"{\"id\":\"good\",\"turn\":1,\"key\":\"k\"}";
    let args = [
        "import", "-", "--to", url, "-c", "c", "--schema", "s.json", "--unique", "key",
    ];
    case.run_with(&args, seed).ended(0);
    if url == STORE {
        let lines: Vec<&str> = RECORDS.iter().map(|(_, record)| *record).collect();
        case.file("data/c.json", format!("[\n{}\n]\n", lines.join(",\n")));
    } else {
        let sql = rusqlite::Connection::open(case.path("data.db")).unwrap();
        for (id, record) in RECORDS.iter().skip(1) {
            // As verified, as if the disk had changed them: an open does not look at such rows.
            sql.execute("INSERT INTO c (id, doc) VALUES (?1, ?2)", [id, record])
                .unwrap();
        }
        sql.execute("UPDATE c SET larder = 2", []).unwrap();
        assert_eq!(
            sql.query_row("SELECT count(*) FROM c WHERE larder = 0", [], |row| row
                .get::<_, i64>(0)),
            Ok(0)
        );
    }
    case
}

/// The file of the records, or the rows.
fn state(case: &Case, url: &str) -> Vec<u8> {
    if url == STORE {
        assert!(!case.path("data/c.quarantine.ndjson").exists());
        return case.read("data/c.json");
    }
    let sql = rusqlite::Connection::open(case.path("data.db")).unwrap();
    let sum = "SELECT group_concat(id || doc || larder, x'0a') || (SELECT count(*) FROM \
               larder_quarantine) FROM (SELECT * FROM c ORDER BY id)";
    let rows: String = sql.query_row(sum, [], |row| row.get(0)).unwrap();
    rows.into_bytes()
}

#[test]
fn it_tells_what_a_repair_would_do_and_changes_nothing() {
    for url in [STORE, DATABASE] {
        let case = case(url);
        let before = state(&case, url);
        let plan = case
            .run(&["check", url, "--repair-plan", "--json"])
            .ended(1);
        assert!(!plan.out().contains("hunter"), "a value: {}", plan.out());
        let plan = plan.json();
        assert_eq!(
            (&plan["ok"], &plan["repaired"], &plan["dropped"]),
            (&json!(false), &json!(3), &json!(1)),
            "{plan}"
        );
        let collection = &plan["collections"][0];
        assert_eq!(
            (&collection["name"], &collection["records"]),
            (&json!("c"), &json!(4))
        );
        let repairs: BTreeMap<&str, &Value> = collection["repaired"]
            .as_array()
            .unwrap()
            .iter()
            .map(|issue| (issue["id"].as_str().unwrap(), &issue["repairs"]))
            .collect();
        assert_eq!(
            json!(repairs),
            json!({
                "mend": [
                    {"path": "/cost", "what": "removed-property"},
                    {"path": "/tags/1", "what": "removed-item"},
                    {"path": "/turn", "what": "added-default"},
                ],
                "lost": [{"path": "/turn", "what": "used-default"}],
                "wide": [{"path": "/turn", "what": "used-default"}],
            })
        );
        // It could be repaired, and `good` has its key all the same.
        let dropped = &collection["dropped"][0];
        assert_eq!(
            (&dropped["id"], &dropped["kind"]),
            (&json!("twin"), &json!("unique-violation"))
        );

        let people = case.run(&["check", url, "--repair-plan"]).ended(1);
        for line in [
            "c: 3 records would be repaired, 1 dropped; 1 good as they are\n",
            "id \"mend\": /cost: removed; /tags/1: item removed; /turn: added with the default\n",
            "  dropped unique-violation: c: ",
            "in all: 3 records would be repaired, 1 dropped; nothing was changed\n",
        ] {
            assert!(people.out().contains(line), "{line} in {}", people.out());
        }
        assert!(!people.out().contains("hunter"), "{}", people.out());
        assert_eq!(state(&case, url), before);
    }
}

/// The plan is what comes of it.
#[test]
fn what_is_done_is_what_was_told() {
    let case = case(STORE);
    let told = case
        .run(&["check", STORE, "--repair-plan", "--json"])
        .ended(1)
        .json();
    let url = format!("json:{}", case.path("data").display());
    let store = Store::open(StoreConfig::new(url).on_invalid(OnInvalid::Repair)).unwrap();
    let report = store.documents("c").unwrap().load_report();
    assert_eq!(
        (
            json!(report.repaired()),
            json!(report.dropped() - 1),
            json!(report.records())
        ),
        // `twin` is repaired and then dropped.
        (
            json!(4),
            json!(0),
            told["collections"][0]["records"].clone()
        )
    );
    store.close().wait().unwrap();
    let plan = case.run(&["check", STORE, "--repair-plan"]).ended(0);
    assert!(
        plan.out()
            .contains("0 records would be repaired, 0 dropped; 4 good"),
        "{}",
        plan.out()
    );
}

#[test]
fn what_no_repair_helps_stays_dropped() {
    let case = Case::new();
    case.file("data/c.json", "[{\"id\":\"a\"},{\"n\":1},7,{\"id\":\"b\"");
    let ran = case
        .run(&["check", "json:./data?on_invalid=reject", "--repair-plan"])
        .ended(1);
    assert!(
        ran.out().starts_with("c: 0 records would be repaired, "),
        "{}",
        ran.out()
    );
    let json = case
        .run(&["check", STORE, "--repair-plan", "--json"])
        .ended(1)
        .json();
    let kinds: Vec<&str> = json["collections"][0]["dropped"]
        .as_array()
        .unwrap()
        .iter()
        .map(|issue| issue["kind"].as_str().unwrap())
        .collect();
    assert!(
        kinds.contains(&"invalid-id") && kinds.contains(&"schema"),
        "{json}"
    );
    case.file("data/d.json", "hello");
    let json = case
        .run(&["check", STORE, "--repair-plan", "--json"])
        .ended(1)
        .json();
    assert!(
        json["collections"][1]["error"]
            .as_str()
            .unwrap()
            .contains("not a store file")
    );
    assert_eq!(json["ok"], false);
    let ran = case.run(&["check", STORE, "--repair-plan"]).ended(1);
    assert!(ran.out().contains("  cannot be opened: "), "{}", ran.out());
}

#[test]
fn a_good_store_has_an_empty_plan() {
    let case = Case::new();
    case.run_with(
        &["import", "-", "--to", STORE, "-c", "c"],
        b"{\"id\":\"a\"}",
    )
    .ended(0);
    let json = case
        .run(&["check", STORE, "--repair-plan", "--json"])
        .ended(0)
        .json();
    assert_eq!(
        (&json["ok"], &json["repaired"], &json["dropped"]),
        (&json!(true), &json!(0), &json!(0))
    );
    case.run(&["check", "json:./nothing", "--repair-plan"])
        .ended(2);
}
