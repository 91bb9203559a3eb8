//! `larder copy` from backend to backend and back, `larder backup` and `larder restore`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a helper of a test that cannot go on fails the test"
)]

mod common;

use std::collections::BTreeSet;

use common::{Case, STORE, fixtures, id, records};
use serde_json::Value;

const SQLITE: &str = "sqlite:./data.db";
const BACK: &str = "json:./back";
const COLLECTIONS: [&str; 3] = ["gates", "monitor-runs", "sessions"];

/// A store with all samples of a folder, and with indexes of every kind.
fn case(folder: &str) -> Case {
    let case = Case::new();
    for collection in COLLECTIONS {
        let indexes: &[&str] = match collection {
            "sessions" => &["--unique", "channelId", "--index", "categoryId,provider"],
            _ => &["--index", "sessionId", "--index", "tags[]"],
        };
        let fixture = format!("{folder}/{collection}.json");
        case.import(&fixture, collection, indexes);
    }
    case
}

fn export(case: &Case, store: &str, collection: &str) -> String {
    let args = ["export", store, collection, "--format", "ndjson"];
    case.run(&args).ended(0).out().to_owned()
}

/// All of the quarantine with its bytes, in an order that does not depend on the backend.
fn quarantine(case: &Case, store: &str) -> Vec<Value> {
    let listed = case.run(&["quarantine", "list", store, "--json"]).ended(0);
    let mut entries = listed.json_lines();
    entries.sort_by_key(|entry| entry["key"].as_str().unwrap().to_owned());
    entries
}

/// Whether two stores hold the same, as far as every other command can tell.
#[track_caller]
fn assert_same(case: &Case, one: &str, other: &str) {
    for collection in COLLECTIONS {
        assert_eq!(
            export(case, one, collection),
            export(case, other, collection),
            "{collection}"
        );
    }
    assert_eq!(quarantine(case, one), quarantine(case, other));
    let collections = |store| case.run(&["stats", store, "--json"]).ended(0).json();
    let (one, other) = (collections(one), collections(other));
    for (one, other) in one["collections"]
        .as_array()
        .unwrap()
        .iter()
        .zip(other["collections"].as_array().unwrap())
    {
        for field in ["name", "records", "indexes"] {
            assert_eq!(one[field], other[field], "{field}");
        }
    }
    assert_eq!(one["quarantined"], other["quarantined"]);
}

/// The names in the directory of a case.
fn names(case: &Case) -> BTreeSet<String> {
    let entries = std::fs::read_dir(case.path(".")).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn records_come_back_to_the_letter() {
    let case = case("workspacecord");
    let there = case.run(&["copy", STORE, SQLITE, "--json"]).ended(0).json();
    assert_eq!(there["collections"].as_array().unwrap().len(), 3);
    let stats = case.run(&["stats", SQLITE, "--json"]).ended(0).json();
    assert_eq!(stats["backend"], "sqlite");
    for collection in COLLECTIONS {
        // What the program wrote that made the samples, and not only what the first store gave.
        let mut wanted = records(&format!("workspacecord/{collection}.json"));
        wanted.sort_by_key(|record| id(record));
        let there = export(&case, SQLITE, collection);
        assert_eq!(there.lines().collect::<Vec<_>>(), wanted, "{collection}");
    }
    assert_same(&case, STORE, SQLITE);
    case.run(&["check", SQLITE]).ended(0);

    // The digests say the same of both backends, so they are the same.
    let back = case.run(&["copy", SQLITE, BACK, "--json"]).ended(0).json();
    assert_eq!(there, back);
    for collection in COLLECTIONS {
        for file in [
            format!("{collection}.json"),
            format!("{collection}.collection.json"),
        ] {
            assert_eq!(
                case.read(&format!("back/{file}")),
                case.read(&format!("data/{file}")),
                "{file}"
            );
        }
    }
}

#[test]
fn rejected_records_come_back_to_the_byte() {
    let case = case("workspacecord-damaged");
    let there = case.run(&["copy", STORE, SQLITE, "--json"]).ended(0).json();
    let entries = quarantine(&case, STORE);
    assert!(entries.len() > 13);
    assert_eq!(there["quarantined"], entries.len());
    assert_same(&case, STORE, SQLITE);
    let back = case.run(&["copy", SQLITE, BACK, "--json"]).ended(0).json();
    assert_eq!(there, back);
    assert_same(&case, STORE, BACK);
    for entry in entries {
        let show = |store| {
            let key = entry["key"].as_str().unwrap();
            case.run(&["quarantine", "show", store, key])
                .ended(0)
                .stdout
        };
        assert_eq!(show(STORE), show(BACK));
    }
}

#[test]
fn bytes_that_are_no_text_are_copied() {
    let case = Case::new();
    let lines = b"{\"id\":\"a\",\"n\":1e3}\n{\"id\":\"b\",\"t\":\"\xff\"}\n";
    case.run_with(&["import", "-", "--to", STORE, "-c", "notes"], lines)
        .ended(1);
    case.run(&["copy", STORE, SQLITE]).ended(0);
    case.run(&["copy", SQLITE, BACK]).ended(0);
    let entries = quarantine(&case, BACK);
    assert_eq!(entries, quarantine(&case, STORE));
    let key = entries[0]["key"].as_str().unwrap();
    let shown = case.run(&["quarantine", "show", SQLITE, key]).ended(0);
    assert_eq!(shown.stdout, b"{\"id\":\"b\",\"t\":\"\xff\"}");
}

#[test]
fn samples_that_are_no_store_yet_are_copied_in_place() {
    let case = Case::new();
    for collection in COLLECTIONS {
        let file = format!("workspacecord-damaged/truncated/{collection}.json");
        let bytes = std::fs::read(fixtures().join(file)).unwrap();
        case.file(&format!("data/{collection}.json"), bytes);
    }
    let before: Vec<_> = COLLECTIONS
        .map(|collection| case.read(&format!("data/{collection}.json")))
        .into();
    let ran = case.run(&["copy", STORE, SQLITE]).ended(1);
    assert_eq!(
        ran.out().matches(", 1 in quarantine, verified").count(),
        3,
        "{}",
        ran.out()
    );
    // Now they are in quarantine, which is no problem of the store.
    case.run(&["copy", SQLITE, BACK]).ended(0);
    assert_eq!(quarantine(&case, BACK).len(), 3);
    case.run(&["check", BACK]).ended(0);
    let after: Vec<_> = COLLECTIONS
        .map(|collection| case.read(&format!("data/{collection}.json")))
        .into();
    assert_eq!(after, before);
}

#[test]
fn a_database_that_is_not_empty_is_replaced_only_when_told_so() {
    let case = case("workspacecord");
    let old = b"{\"id\":\"old\",\"k\":1}\n";
    for collection in ["gates", "other"] {
        case.run_with(&["import", "-", "--to", SQLITE, "-c", collection], old)
            .ended(0);
    }
    let ran = case.run(&["copy", STORE, SQLITE]).ended(2);
    assert!(ran.stderr.contains("--overwrite"), "{}", ran.stderr);
    assert_eq!(case.run(&["count", SQLITE, "gates"]).out(), "1\n");
    let ran = case.run(&["copy", STORE, SQLITE, "--overwrite"]).ended(0);
    assert!(ran.stderr.contains("\"other\""), "{}", ran.stderr);
    for collection in COLLECTIONS {
        assert_eq!(
            export(&case, STORE, collection),
            export(&case, SQLITE, collection)
        );
    }
    assert_eq!(
        export(&case, SQLITE, "other").as_bytes(),
        &old[..],
        "it stays as it is"
    );
    case.run(&["check", SQLITE]).ended(0);
    case.run(&["copy", SQLITE, SQLITE]).ended(2);
}

#[test]
fn one_word_of_a_configuration_switches_the_backend() {
    let case = Case::new();
    let configure = |backend: &str, path: &str| {
        let text = format!(
            "backend = \"{backend}\"\npath = \"{path}\"\n[collections.notes]\nindexes = [\"n\"]\n"
        );
        case.file("larder.toml", text)
    };
    let config = configure("json", "./store");
    case.run_with(&["put", config, "notes"], b"{\"id\":\"a\",\"n\":1}")
        .ended(0);
    // A directory is no database, and is not taken for one.
    configure("sqlite", "./store");
    let ran = case.run(&["count", config, "notes"]).ended(2);
    assert!(ran.stderr.contains("store"), "{}", ran.stderr);

    configure("json", "./store");
    case.run(&["copy", config, "sqlite:./store.db"]).ended(0);
    configure("sqlite", "./store.db");
    let found = case
        .run(&["find", config, "notes", "--where", "n=1", "--json"])
        .ended(0);
    assert_eq!(found.out(), "{\"id\":\"a\",\"n\":1}\n");
}

#[test]
fn a_backup_is_a_store_and_is_restored_to_any_backend() {
    let case = case("workspacecord-damaged");
    let made = case.run(&["backup", STORE, "b.db", "--json"]).ended(0);
    // Nothing else is left behind.
    let wanted = ["b.db", "data"].map(ToOwned::to_owned);
    assert_eq!(names(&case), BTreeSet::from(wanted));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = case.path("b.db").metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    assert_same(&case, STORE, "sqlite:./b.db");
    case.run(&["check", "sqlite:b.db"]).ended(0);
    let bytes = case.read("b.db");
    for to in [BACK, "sqlite:./back.db"] {
        let restored = case.run(&["restore", "b.db", to, "--json"]).ended(0);
        assert_eq!(restored.json(), made.json());
        assert_same(&case, STORE, to);
        case.run(&["check", to]).ended(0);
    }
    assert_eq!(case.read("b.db"), bytes);
}

#[test]
fn a_database_is_backed_up_too() {
    let case = case("workspacecord");
    case.run(&["copy", STORE, SQLITE]).ended(0);
    case.run(&["backup", SQLITE, "b.db"]).ended(0);
    assert_same(&case, STORE, "sqlite:b.db");
    let ran = case
        .run(&["backup", SQLITE, "data.db", "--overwrite"])
        .ended(2);
    assert!(
        ran.stderr.contains("put the backup elsewhere"),
        "{}",
        ran.stderr
    );
    assert_same(&case, STORE, SQLITE);
}

#[test]
fn a_backup_that_is_there_is_replaced_only_when_told_so() {
    let case = case("workspacecord");
    case.run(&["backup", STORE, "b.db"]).ended(0);
    let before = case.read("b.db");
    case.run(&["delete", STORE, "gates", "nothing"]).ended(1);
    case.run_with(
        &["import", "-", "--to", STORE, "-c", "more"],
        b"{\"id\":\"a\"}\n",
    )
    .ended(0);
    let ran = case.run(&["backup", STORE, "b.db"]).ended(2);
    assert!(
        ran.stderr.contains("--overwrite replaces it"),
        "{}",
        ran.stderr
    );
    // A backup that fails leaves the one before.
    case.run(&["backup", "json:./nowhere", "b.db", "--overwrite"])
        .ended(2);
    assert_eq!(case.read("b.db"), before);
    case.run(&["backup", STORE, "b.db", "--overwrite"]).ended(0);
    let wanted = ["b.db", "data"].map(ToOwned::to_owned);
    assert_eq!(names(&case), BTreeSet::from(wanted));
    assert_eq!(case.run(&["count", "sqlite:b.db", "more"]).out(), "1\n");
}

#[test]
fn a_database_that_somebody_has_open_is_not_replaced_by_a_backup() {
    let case = case("workspacecord");
    case.run(&["backup", STORE, "b.db"]).ended(0);
    let before = case.read("b.db");
    let file = case.path("b.db");
    let open = larder::Store::open(format!("sqlite:{}", file.display())).unwrap();
    let ran = case.run(&["backup", STORE, "b.db", "--overwrite"]).ended(2);
    for says in ["the database at b.db is or was open", "name another file"] {
        assert!(ran.stderr.contains(says), "{}", ran.stderr);
    }
    assert_eq!(case.read("b.db"), before);
    open.close().wait().unwrap();
    drop(open);
    // Who only looks into it leaves files beside it, which are in nobody's way.
    case.run(&["stats", "sqlite:b.db"]).ended(0);
    case.run(&["backup", STORE, "b.db", "--overwrite"]).ended(0);
}

#[test]
fn a_backup_of_a_damaged_store_is_made_and_says_so() {
    let case = Case::new();
    case.file("data/c.json", "[{\"id\":\"a\"},{\"id\":\"b\"");
    let before = case.read("data/c.json");
    let ran = case.run(&["backup", STORE, "b.db"]).ended(1);
    assert!(
        ran.stderr
            .contains("1 record of \"c\" cannot be loaded: b.db has them in quarantine"),
        "{}",
        ran.stderr
    );
    assert!(ran.out().starts_with("c: 1 record, "), "{}", ran.out());
    assert_eq!(case.read("data/c.json"), before);
    case.run(&["restore", "b.db", BACK]).ended(0);
    assert_eq!(quarantine(&case, BACK).len(), 1);
}

#[test]
fn a_restore_keeps_the_rules_of_a_copy() {
    let case = case("workspacecord");
    case.run(&["backup", STORE, "b.db"]).ended(0);
    let ran = case.run(&["restore", "b.db", STORE]).ended(2);
    assert!(ran.stderr.contains("is not empty"), "{}", ran.stderr);
    let id = id(export(&case, STORE, "gates").lines().next().unwrap()).unwrap();
    case.run(&["delete", STORE, "gates", &id]).ended(0);
    case.run(&["restore", "b.db", STORE, "--overwrite"])
        .ended(0);
    assert_same(&case, STORE, "sqlite:b.db");
    for (file, says) in [
        ("nothing.db", "cannot read nothing.db"),
        ("sqlite:b.db", "leave out sqlite:"),
        ("data/gates.json", ""),
    ] {
        let ran = case.run(&["restore", file, BACK]).ended(2);
        assert!(ran.stderr.contains(says), "{file}: {}", ran.stderr);
    }
    assert!(!case.path("back").exists());
    let ran = case
        .run(&["restore", "b.db", "sqlite:./b.db", "--overwrite"])
        .ended(2);
    assert!(ran.stderr.contains("are the same store"), "{}", ran.stderr);
}
