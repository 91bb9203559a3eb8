//! What `larder import` makes of a definition, and of a request that makes no sense.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a helper of a test that cannot go on fails the test"
)]

mod common;

use common::{Case, STORE};

#[test]
fn a_definition_is_given_once_and_what_is_said_again_changes() {
    let case = Case::new();
    let file = case.file(
        "a.json",
        "[{\"id\":\"a\",\"k\":1},{\"id\":\"b\",\"k\":\"x\"}]",
    );
    case.run(&["import", file, "--to", STORE, "-c", "c", "--index", "k"])
        .ended(0);
    let none = case.file("none.json", "[]");
    let ran = case
        .run(&["import", none, "--to", STORE, "-c", "c"])
        .ended(0);
    assert_eq!(ran.stderr, "");

    let schema = case.file("s.json", "{\"properties\":{\"k\":{\"type\":\"integer\"}}}");
    let args = [
        "import", none, "--to", STORE, "-c", "c", "--schema", schema, "--unique", "u", "--json",
    ];
    let ran = case.run(&args).ended(1);
    assert!(
        ran.stderr.contains("another schema, unique index u"),
        "{}",
        ran.stderr
    );
    assert_eq!(ran.json()["found"][0]["id"], "b");
    assert_eq!(case.run(&["count", STORE, "c"]).out(), "1\n");
    // The old index is still there.
    let plan = case
        .run(&["find", STORE, "c", "--where", "k=1", "--explain"])
        .ended(0);
    assert!(plan.out().starts_with("index k "), "{}", plan.out());
    // And so is the definition, although nothing was imported.
    let bad = case
        .run_with(&["put", STORE, "c"], b"{\"id\":\"n\",\"k\":\"x\"}")
        .ended(1);
    assert!(bad.stderr.contains("/k"), "{}", bad.stderr);
}

#[test]
fn another_id_field_does_not_empty_a_collection() {
    let case = Case::new();
    let file = case.file("a.json", "[{\"id\":\"a\",\"key\":\"k\"},{\"id\":\"b\"}]");
    case.run(&["import", file, "--to", STORE, "-c", "c"])
        .ended(0);
    let ran = case
        .run(&["import", file, "--to", STORE, "-c", "c", "--id", "key"])
        .ended(2);
    assert!(
        ran.stderr.contains("1 of its records have none at /key"),
        "{}",
        ran.stderr
    );
    assert_eq!(case.run(&["count", STORE, "c"]).out(), "2\n");
}

#[test]
fn a_mistake_touches_nothing() {
    let case = Case::new();
    let file = case.file("a.json", "[]");
    let text = case.file("a.txt", "hello");
    let schema = case.file("s.json", "{\"type\":\"no such type\"}");
    for args in [
        &["import", "missing.json", "--to", STORE, "-c", "c"][..],
        &["import", text, "--to", STORE, "-c", "c"],
        &["import", file, "--to", STORE, "-c", "c", "--schema", schema],
        &[
            "import",
            file,
            "--to",
            STORE,
            "-c",
            "c",
            "--schema",
            "missing.json",
        ],
        &["import", file, "--to", STORE, "-c", "no/name"],
        &[
            "import", file, "--to", STORE, "-c", "c", "--unique", "tags[]",
        ],
        &[
            "import",
            file,
            "--to",
            STORE,
            "-c",
            "c",
            "--ack",
            "--on-invalid",
            "reject",
        ],
        &["import", file, "--to", "json:./data?speed=high", "-c", "c"],
        &["import", file, "--to", STORE],
    ] {
        let ran = case.run(args).ended(2);
        assert!(ran.stdout.is_empty() && !ran.stderr.is_empty(), "{args:?}");
        assert!(!case.path("data").exists(), "{args:?}");
    }
    let missing = case.run(&["import", "missing.json", "--to", STORE, "-c", "c"]);
    assert!(
        missing
            .stderr
            .starts_with("larder: cannot read missing.json\n  caused by: ")
    );
}
