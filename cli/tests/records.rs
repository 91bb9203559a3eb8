//! `larder export`, `get`, `put`, `delete`, `count` and `find`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a helper of a test that cannot go on fails the test"
)]

mod common;

use common::{Case, STORE, id, records};

fn sessions() -> Case {
    let case = Case::new();
    let indexes = [
        "--unique",
        "channelId",
        "--index",
        "categoryId",
        "--index",
        "mode,provider",
    ];
    case.import("workspacecord/sessions.json", "sessions", &indexes)
        .ended(0);
    case
}

fn notes(lines: &str) -> Case {
    let case = Case::new();
    let args = ["import", "-", "--to", STORE, "-c", "notes"];
    case.run_with(&args, lines.as_bytes()).ended(0);
    case
}

fn ids(case: &Case, more: &[&str]) -> Vec<String> {
    let mut args = vec!["find", STORE, "notes", "--json"];
    args.extend(more);
    case.run(&args)
        .ended(0)
        .out()
        .lines()
        .filter_map(id)
        .collect()
}

#[test]
fn an_export_is_every_record_to_the_letter_in_id_order_and_stable() {
    let case = sessions();
    let mut wanted = records("workspacecord/sessions.json");
    wanted.sort_by_key(|record| id(record));
    let array = case.run(&["export", STORE, "sessions"]).ended(0);
    assert_eq!(array.out(), format!("[\n{}\n]\n", wanted.join(",\n")));
    assert_eq!(array.json().as_array().unwrap().len(), 60);
    let lines = case
        .run(&["export", STORE, "sessions", "--format", "ndjson"])
        .ended(0);
    assert_eq!(lines.out(), wanted.join("\n") + "\n");
    assert_eq!(
        case.run(&["export", STORE, "sessions", "--json"])
            .ended(0)
            .stdout,
        array.stdout
    );
}

#[test]
fn order_of_fields_and_spelling_of_numbers_stay() {
    let text = r#"{"z":1.0,"id":"a","n":[1e3,-0.0,12345678901234567890123,0.10],"é":"\u00e9\/"}"#;
    let case = notes(text);
    assert_eq!(
        case.run(&["get", STORE, "notes", "a"]).ended(0).out(),
        format!("{text}\n")
    );
    let ndjson = case
        .run(&["export", STORE, "notes", "--format", "ndjson"])
        .ended(0);
    assert_eq!(ndjson.out(), format!("{text}\n"));
    assert_eq!(
        case.run(&["find", STORE, "notes", "--json"]).ended(0).out(),
        format!("{text}\n")
    );
}

#[test]
fn an_export_without_all_records_says_so() {
    let case = notes("{\"id\":\"a\"}\n");
    case.file("data/notes.json", "[{\"id\":\"a\"},{\"id\":7}]");
    let ran = case.run(&["export", STORE, "notes"]).ended(1);
    assert_eq!(ran.out(), "[\n{\"id\":\"a\"}\n]\n");
    assert!(
        ran.stderr
            .contains("1 record of \"notes\" cannot be loaded"),
        "{}",
        ran.stderr
    );
}

#[test]
fn single_records_come_and_go() {
    let case = notes("{\"id\":\"a\"}\n");
    let put = |text: &str, more: &[&str]| {
        let mut args = vec!["put", STORE, "notes"];
        args.extend(more);
        case.run_with(&args, text.as_bytes())
    };
    assert_eq!(
        put("{ \"id\": \"b\",\n \"n\": 1.0 }\n", &[]).ended(0).out(),
        "b\n"
    );
    assert_eq!(
        put("{\"id\":\"b\",\"n\":2}", &["--json"]).ended(0).json()["id"],
        "b"
    );
    assert_eq!(
        case.run(&["get", STORE, "notes", "b"]).ended(0).out(),
        "{\"id\":\"b\",\"n\":2}\n"
    );
    assert!(
        put("{\"id\":\"b\"}", &["--insert"])
            .ended(1)
            .stderr
            .contains("already exists")
    );
    assert!(put("{\"id\":\"\"}", &[]).ended(1).stderr.contains("empty"));
    assert!(
        put("{\"id\":", &[])
            .ended(1)
            .stderr
            .contains("not JSON at line 1")
    );
    assert_eq!(case.run(&["count", STORE, "notes"]).ended(0).out(), "2\n");

    let ran = case
        .run(&["delete", STORE, "notes", "b", "nobody", "--json"])
        .ended(1);
    assert_eq!(
        ran.json(),
        serde_json::json!({"deleted": ["b"], "missing": ["nobody"]})
    );
    assert_eq!(
        case.run(&["delete", STORE, "notes", "a"]).ended(0).out(),
        "a\n"
    );
    let ran = case.run(&["get", STORE, "notes", "a"]).ended(1);
    assert!(
        ran.stdout.is_empty() && ran.stderr.contains("\"a\""),
        "{}",
        ran.stderr
    );
    assert_eq!(
        case.run(&["count", STORE, "notes", "--json"])
            .ended(0)
            .json()["count"],
        0
    );
}

#[test]
fn a_mistyped_store_or_collection_is_not_a_new_one() {
    let case = notes("{\"id\":\"a\"}\n");
    for args in [
        &["put", "json:./nowhere", "notes"][..],
        &["delete", "json:./nowhere", "notes", "a"],
        &["get", "json:./nowhere", "notes", "a"],
        &["check", "json:./nowhere"],
        &["quarantine", "purge", "json:./nowhere", "--all"],
    ] {
        case.run_with(args, b"{\"id\":\"x\"}").ended(2);
        assert!(!case.path("nowhere").exists(), "{args:?}");
    }
    let ran = case
        .run_with(&["put", STORE, "note"], b"{\"id\":\"x\"}")
        .ended(2);
    assert!(
        ran.stderr.contains("the store has: notes"),
        "{}",
        ran.stderr
    );
    let ran = case.run(&["get", "./data", "notes", "a"]).ended(2);
    assert!(ran.stderr.contains("write json:./data"), "{}", ran.stderr);
}

#[test]
fn a_condition_on_an_indexed_field_goes_through_the_index() {
    let case = sessions();
    let category = "categoryId=1100000000000000000";
    let args = ["find", STORE, "sessions", "--where", category];
    let explain = case.run(&[&args[..], &["--explain"]].concat()).ended(0);
    assert!(
        explain.out().starts_with("index categoryId ("),
        "{}",
        explain.out()
    );
    let plan = case
        .run(&[&args[..], &["--explain", "--json"]].concat())
        .ended(0)
        .json();
    let found = case
        .run(&[&args[..], &["--json"]].concat())
        .ended(0)
        .json_lines();
    assert_eq!(
        (&plan["access"], &plan["index"]),
        (&"index".into(), &"categoryId".into())
    );
    assert_eq!(
        (&plan["rows_read"], &plan["rows"]),
        (&found.len().into(), &60.into())
    );
    assert!(!found.is_empty() && found.len() < 60);
    assert!(
        found
            .iter()
            .all(|record| record["categoryId"] == "1100000000000000000")
    );

    let scan = [
        "find",
        STORE,
        "sessions",
        "--where",
        "projectName=atlas",
        "--explain",
    ];
    assert!(
        case.run(&scan)
            .ended(0)
            .out()
            .starts_with("scan in id order")
    );
    let unique = [
        "find",
        STORE,
        "sessions",
        "--where",
        "channelId=x",
        "--explain",
    ];
    assert!(
        case.run(&unique)
            .ended(0)
            .out()
            .starts_with("unique index channelId")
    );
}

#[test]
fn conditions_mean_what_they_say() {
    let case = notes(concat!(
        "{\"id\":\"a\",\"n\":5,\"s\":\"5\",\"in\":{\"x\":true},\"tags\":[\"p\",\"q\"]}\n",
        "{\"id\":\"b\",\"n\":\"5\",\"s\":\"fix-login\",\"in\":{\"x\":false}}\n",
        "{\"id\":\"c\",\"n\":10,\"s\":\"\",\"in\":{\"x\":null},\"tags\":[\"q\"]}\n",
    ));
    for (condition, wanted) in [
        ("n=5", &["a", "b"][..]),
        ("n=\"5\"", &["b"]),
        ("n>5", &["c"]),
        ("n>=5", &["a", "c"]),
        ("n<10", &["a"]),
        ("n<=10", &["a", "c"]),
        ("n>=\"5\"", &["b"]),
        ("s^=fix", &["b"]),
        ("s=", &["c"]),
        ("in.x=true", &["a"]),
        ("/in/x:none", &["c"]),
        ("tags:none", &["b"]),
        ("tags=q", &["a", "c"]),
    ] {
        assert_eq!(ids(&case, &["--where", condition]), wanted, "{condition}");
        let count = case
            .run(&["count", STORE, "notes", "--where", condition])
            .ended(0);
        assert_eq!(count.out(), format!("{}\n", wanted.len()));
    }
    assert_eq!(ids(&case, &["--where", "n=5", "--where", "s=5"]), ["a"]);
    let ran = case.run(&["find", STORE, "notes", "--where", "n"]).ended(2);
    assert!(ran.stderr.contains("F:none"), "{}", ran.stderr);
}

#[test]
fn pages_follow_one_another() {
    let case = notes(concat!(
        "{\"id\":\"a\",\"n\":1}\n{\"id\":\"b\",\"n\":3}\n{\"id\":\"c\",\"n\":2}\n",
        "{\"id\":\"d\",\"n\":3}\n{\"id\":\"e\"}\n",
    ));
    let order = ["--order-by", "n", "--desc"];
    assert_eq!(ids(&case, &order), ["b", "d", "c", "a", "e"]);
    let mut seen = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let mut args = vec!["find", STORE, "notes", "--json", "--limit", "2"];
        args.extend(order);
        args.extend(after.iter().flat_map(|after| ["--after", after]));
        let ran = case.run(&args).ended(0);
        seen.push(ran.out().lines().filter_map(id).collect::<Vec<_>>());
        if ran.stderr.is_empty() {
            break;
        }
        let next: serde_json::Value = serde_json::from_str(&ran.stderr).unwrap();
        after = Some(next["next"].as_str().unwrap().to_owned());
    }
    assert_eq!(seen, [vec!["b", "d"], vec!["c", "a"], vec!["e"]]);
    let ran = case.run(&["find", STORE, "notes", "--limit", "2"]).ended(0);
    assert!(
        ran.stderr.contains("the next page: --after '"),
        "{}",
        ran.stderr
    );
    case.run(&["find", STORE, "notes", "--after", "nonsense"])
        .ended(2);
}

#[test]
fn the_table_is_for_people() {
    let case = notes(concat!(
        "{\"text\":\"a\\u001b[2Jb\",\"id\":\"a\",\"deep\":{\"x\":1}}\n",
        "{\"text\":\"0123456789012345678901234567890123456789x\",\"id\":\"b\"}\n",
    ));
    let ran = case.run(&["find", STORE, "notes"]).ended(0);
    let lines: Vec<&str> = ran.out().lines().collect();
    assert_eq!(
        lines[0].split_whitespace().collect::<Vec<_>>(),
        ["id", "text"]
    );
    assert_eq!(
        lines[1].split_whitespace().collect::<Vec<_>>(),
        ["a", "a\\u{1b}[2Jb"]
    );
    assert!(
        lines[2].ends_with("012345678901234567890123456789012345678…"),
        "{}",
        lines[2]
    );
    let ran = case
        .run(&["find", STORE, "notes", "--fields", "deep.x,id"])
        .ended(0);
    let lines: Vec<&str> = ran.out().lines().collect();
    assert_eq!(
        lines[0].split_whitespace().collect::<Vec<_>>(),
        ["deep.x", "id"]
    );
    assert_eq!(lines[1].split_whitespace().collect::<Vec<_>>(), ["1", "a"]);
    let ran = case
        .run(&["find", STORE, "notes", "--where", "id=nobody"])
        .ended(0);
    assert!(ran.stdout.is_empty() && ran.stderr.contains("nothing found"));
}
