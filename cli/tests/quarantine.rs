//! `larder quarantine`: exact bytes, back through validation, gone only when told so.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a helper of a test that cannot go on fails the test"
)]

mod common;

use common::{Case, STORE};

const BAD: &str = "{ \"id\": \"b\", \"n\": \"one\" }";

/// A store with one good record and one bad one in quarantine, and the key of that.
fn case() -> (Case, String) {
    let case = Case::new();
    case.file("s.json", "{\"properties\":{\"n\":{\"type\":\"integer\"}}}");
    let file = case.file("a.json", format!("[{{\"id\":\"a\",\"n\":1}},\n{BAD}]"));
    case.run(&[
        "import", file, "--to", STORE, "-c", "c", "--schema", "s.json",
    ])
    .ended(1);
    let key = keys(&case).remove(0);
    (case, key)
}

fn keys(case: &Case) -> Vec<String> {
    let lines = case
        .run(&["quarantine", "list", STORE, "--json"])
        .ended(0)
        .json_lines();
    lines
        .iter()
        .map(|line| line["key"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn the_list_says_what_where_and_why() {
    let (case, key) = case();
    let [line] = &case
        .run(&["quarantine", "list", STORE, "--json"])
        .ended(0)
        .json_lines()[..]
    else {
        panic!("not one line");
    };
    assert_eq!(
        (&line["collection"], &line["id"]),
        (&"c".into(), &"b".into())
    );
    assert_eq!((&line["record"], &line["line"]), (&1.into(), &2.into()));
    assert_eq!(
        (&line["kind"], &line["bytes"]),
        (&"schema".into(), &BAD.len().into())
    );
    assert_eq!(line["violations"][0]["path"], "/n");
    let table = case.run(&["quarantine", "list", STORE]).ended(0);
    assert!(
        table.out().lines().nth(1).unwrap().starts_with(&key),
        "{}",
        table.out()
    );
    assert!(table.out().contains("schema: /n: type"), "{}", table.out());
    let other = case
        .run(&["quarantine", "list", STORE, "-c", "other"])
        .ended(0);
    assert!(other.stdout.is_empty());
}

#[test]
fn show_writes_the_exact_bytes_and_nothing_else() {
    let (case, key) = case();
    for key in [&key[..], &key[..3], &key.to_uppercase()] {
        assert_eq!(
            case.run(&["quarantine", "show", STORE, key]).ended(0).out(),
            BAD
        );
    }
    let entry = case
        .run(&["quarantine", "show", STORE, &key, "--json"])
        .ended(0)
        .json();
    assert_eq!((&entry["text"], &entry["key"]), (&BAD.into(), &key.into()));
    let ran = case.run(&["quarantine", "show", STORE, "zz"]).ended(1);
    assert!(ran.stdout.is_empty() && ran.stderr.contains("\"zz\""));
}

#[test]
fn a_beginning_that_several_keys_share_is_refused() {
    let case = Case::new();
    let bad: Vec<String> = (0..40).map(|n| n.to_string()).collect();
    let file = case.file("a.json", format!("[{}]", bad.join(",")));
    case.run(&["import", file, "--to", STORE, "-c", "c"])
        .ended(1);
    let keys = keys(&case);
    assert_eq!(keys.len(), 40);
    // Forty keys, sixteen digits: two begin with the same one.
    let first = keys.iter().map(|key| &key[..1]);
    let shared = first
        .clone()
        .find(|digit| first.clone().filter(|d| d == digit).count() > 1);
    let ran = case
        .run(&["quarantine", "show", STORE, shared.unwrap()])
        .ended(2);
    assert!(ran.stderr.contains("give more of it"), "{}", ran.stderr);
    let ran = case
        .run(&["quarantine", "purge", STORE, shared.unwrap(), "--yes"])
        .ended(2);
    assert!(ran.stderr.contains("give more of it"), "{}", ran.stderr);
    case.run(&["quarantine", "show", STORE, ""]).ended(2);
    assert_eq!(self::keys(&case).len(), 40);
}

#[test]
fn what_is_still_bad_stays_in_quarantine() {
    let (case, key) = case();
    let ran = case.run(&["quarantine", "restore", STORE, &key]).ended(1);
    assert!(
        ran.stderr.contains("stays in quarantine: invalid record"),
        "{}",
        ran.stderr
    );
    assert_eq!(keys(&case), [&*key]);
    let ran = case
        .run(&["quarantine", "restore", STORE, &key, "zz", "--json"])
        .ended(1);
    assert_eq!(ran.json()["refused"][0]["key"], *key);
    assert_eq!(case.run(&["count", STORE, "c"]).out(), "1\n");
}

#[test]
fn a_mended_record_comes_back() {
    let (case, key) = case();
    let args = ["quarantine", "restore", STORE, &key[..6], "--file", "-"];
    let ran = case.run_with(&args, b"{\"id\":\"b\",\"n\":1.0}").ended(0);
    assert_eq!(ran.out(), format!("{key}\n"));
    assert_eq!(
        case.run(&["get", STORE, "c", "b"]).ended(0).out(),
        "{\"id\":\"b\",\"n\":1.0}\n"
    );
    assert!(keys(&case).is_empty());
}

#[test]
fn a_record_comes_back_unchanged_once_the_schema_allows_it() {
    let (case, key) = case();
    let none = case.file("none.json", "[]");
    let any = case.file("any.json", "true");
    case.run(&["import", none, "--to", STORE, "-c", "c", "--schema", any])
        .ended(0);
    let ran = case
        .run(&["quarantine", "restore", STORE, &key, &key[..4], "--json"])
        .ended(0);
    assert_eq!(ran.json()["restored"], serde_json::json!([key]));
    let got = case.run(&["get", STORE, "c", "b"]).ended(0);
    assert_eq!(got.out(), "{\"id\":\"b\",\"n\":\"one\"}\n");
    assert!(keys(&case).is_empty());
}

#[test]
fn a_record_that_is_there_is_replaced_only_when_told_so() {
    let case = Case::new();
    let file = case.file("a.json", "[{\"id\":\"a\",\"n\":1},{\"id\":\"a\",\"n\":2}]");
    case.run(&["import", file, "--to", STORE, "-c", "c"])
        .ended(1);
    let key = keys(&case).remove(0);
    let ran = case.run(&["quarantine", "restore", STORE, &key]).ended(1);
    assert!(ran.stderr.contains("already exists"), "{}", ran.stderr);
    case.run(&["quarantine", "restore", STORE, &key, "--replace"])
        .ended(0);
    assert_eq!(
        case.run(&["get", STORE, "c", "a"]).out(),
        "{\"id\":\"a\",\"n\":1}\n"
    );
}

#[test]
fn purged_is_gone() {
    let (case, key) = case();
    let second = case.file("b.json", "[7]");
    case.run(&["import", second, "--to", STORE, "-c", "d"])
        .ended(1);
    assert_eq!(keys(&case).len(), 2);
    case.run(&["quarantine", "purge", STORE]).ended(2);
    let ran = case
        .run(&["quarantine", "purge", STORE, "--all", "-c", "d", "--json"])
        .ended(0);
    assert_eq!(ran.json()["purged"], 1);
    assert_eq!(keys(&case), [&*key]);
    case.run(&["quarantine", "purge", STORE, "zz", &key, "--yes"])
        .ended(1);
    assert!(keys(&case).is_empty());
    let ran = case.run(&["quarantine", "purge", STORE, "--all"]).ended(0);
    assert!(ran.stderr.contains("0 records purged"), "{}", ran.stderr);
}

/// A store whose record `b` was repaired, and the key of its original.
fn repaired() -> (Case, String) {
    let case = Case::new();
    case.file("s.json", "{\"properties\":{\"n\":{\"type\":\"integer\"}}}");
    let url = "json:./data?on_invalid=repair";
    case.run_with(
        &[
            "import", "-", "--to", STORE, "-c", "c", "--schema", "s.json",
        ],
        b"{\"id\":\"a\"}",
    )
    .ended(0);
    case.file("data/c.json", format!("[{{\"id\":\"a\"}},{BAD}]"));
    // Whoever opens it for writing repairs it.
    case.run_with(&["put", url, "c"], b"{\"id\":\"a\",\"n\":1}")
        .ended(0);
    let got = case.run(&["get", STORE, "c", "b"]).ended(0);
    assert_eq!(got.out(), "{\"id\":\"b\"}\n");
    let key = keys(&case).remove(0);
    (case, key)
}

#[test]
fn who_restores_over_a_repaired_record_is_told_how() {
    let (case, key) = repaired();
    let mended = case.file("mended.json", "{\"id\":\"b\",\"n\":1}");
    let args = ["quarantine", "restore", STORE, &key, "--file", mended];
    let ran = case.run(&args).ended(1);
    for words in [
        "stays in quarantine: already exists",
        "`larder get json:./data c b`",
        &format!("`larder quarantine show json:./data {key}`"),
        "--replace",
        &format!("`larder quarantine purge json:./data {key}`"),
    ] {
        assert!(ran.stderr.contains(words), "{words} in {}", ran.stderr);
    }
    assert_eq!(keys(&case), [&*key]);
    assert_eq!(
        case.run(&["get", STORE, "c", "b"]).out(),
        "{\"id\":\"b\"}\n"
    );
    let mut args = args.to_vec();
    args.push("--replace");
    case.run(&args).ended(0);
    assert_eq!(
        case.run(&["get", STORE, "c", "b"]).out(),
        "{\"id\":\"b\",\"n\":1}\n"
    );
    assert!(keys(&case).is_empty());
}

#[test]
fn the_original_of_a_repaired_record_does_not_come_back_as_it_is() {
    let (case, key) = repaired();
    let ran = case
        .run(&["quarantine", "restore", STORE, &key, "--replace"])
        .ended(1);
    assert!(
        ran.stderr.contains("stays in quarantine: invalid record"),
        "{}",
        ran.stderr
    );
    assert_eq!(
        case.run(&["get", STORE, "c", "b"]).out(),
        "{\"id\":\"b\"}\n"
    );
    assert_eq!(keys(&case), [&*key]);
}

#[test]
fn a_mended_record_is_about_the_same_record_unless_told_otherwise() {
    let (case, key) = case();
    let other = b"{\"id\":\"z\",\"n\":1}";
    let args = ["quarantine", "restore", STORE, &key, "--file", "-"];
    for more in [&[][..], &["--replace"]] {
        let ran = case.run_with(&[&args[..], more].concat(), other).ended(1);
        assert!(
            ran.stderr
                .contains("the mended record is \"z\", and the rejected one is \"b\"; --other-id"),
            "{}",
            ran.stderr
        );
        assert_eq!(keys(&case), [&*key]);
        assert_eq!(case.run(&["count", STORE, "c"]).out(), "1\n");
    }
    let ran = case.run_with(&args, b"{\"n\":1}").ended(1);
    assert!(ran.stderr.contains("invalid id"), "{}", ran.stderr);
    let ran = case
        .run_with(&args, b"{\"id\":\"b\",\"n\":\"two\"}")
        .ended(1);
    assert!(ran.stderr.contains("invalid record"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("two"), "a value: {}", ran.stderr);
    case.run_with(&args, b"{\"id\":\"b\",").ended(1);
    assert_eq!(keys(&case), [&*key]);
    case.run_with(&[&args[..], &["--other-id"]].concat(), other)
        .ended(0);
    assert_eq!(
        case.run(&["get", STORE, "c", "z"]).out(),
        "{\"id\":\"z\",\"n\":1}\n"
    );
    assert!(keys(&case).is_empty());
    // Where there is nothing to compare with, any id is right.
    let file = case.file("c.json", "[{\"n\":1}]");
    case.run(&["import", file, "--to", STORE, "-c", "c"])
        .ended(1);
    let key = keys(&case).remove(0);
    let args = ["quarantine", "restore", STORE, &key, "--file", "-"];
    case.run_with(&args, b"{\"id\":\"new\",\"n\":1}").ended(0);
    let help = case.run(&["quarantine", "restore", "--help"]).ended(0);
    assert!(help.out().contains("Examples:"), "{}", help.out());
}

#[test]
fn two_entries_of_one_record_do_not_replace_each_other() {
    let case = Case::new();
    let file = case.file(
        "a.json",
        "[{\"id\":\"a\",\"n\":1},{\"id\":\"a\",\"n\":2},{\"id\":\"a\",\"n\":3}]",
    );
    case.run(&["import", file, "--to", STORE, "-c", "c"])
        .ended(1);
    let [first, second] = &keys(&case)[..] else {
        panic!("not two entries");
    };
    let args = ["quarantine", "restore", STORE, first, second, "--replace"];
    let ran = case.run(&args).ended(1);
    assert_eq!(ran.out(), format!("{first}\n"));
    assert!(ran.stderr.contains("would be lost"), "{}", ran.stderr);
    assert_eq!(keys(&case), [&**second]);
}
