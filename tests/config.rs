//! Configuration is strict: what is misspelt is an error that names what there is.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::type_complexity,
    reason = "a test says what is wrong by panicking"
)]

use std::time::Duration;

use larder::prelude::*;
use larder::{BackendKind, Document, Durability, ErrorKind, OnInvalid, Query, StoreConfig};

fn error_of(json: &str) -> String {
    serde_json::from_str::<StoreConfig>(json)
        .unwrap_err()
        .to_string()
}

#[test]
fn an_unknown_key_is_an_error_that_lists_the_known_ones() {
    let error = error_of(r#"{"url": "memory:", "debouce": "1s"}"#);
    assert!(
        error.contains("debouce") && error.contains("`debounce`"),
        "{error}"
    );
    let error = error_of(r#"{"url": "memory:", "collections": {"a": {"index": []}}}"#);
    assert!(
        error.contains("`index`") && error.contains("`indexes`"),
        "{error}"
    );
    let error = error_of(r#"{"url": "memory:", "on_invalid": "ignore"}"#);
    assert!(
        error.contains("ignore") && error.contains("`reject`"),
        "{error}"
    );
    let error = error_of(r#"{"url": "memory:", "debounce": "soon"}"#);
    assert!(error.contains("soon") && error.contains("250ms"), "{error}");
    let error = error_of(r#"{"backend": "postgres", "path": "./data"}"#);
    assert!(
        error.contains("postgres") && error.contains("`sqlite`"),
        "{error}"
    );
    let error = error_of(r#"{"backed": "json", "path": "./data"}"#);
    assert!(
        error.contains("backed") && error.contains("`backend`"),
        "{error}"
    );
}

#[test]
fn a_store_is_named_once_by_a_url_or_by_a_backend_and_a_path() {
    for (text, says) in [
        ("{}", "write url = \"json:./data\", or backend = \"json\""),
        (r#"{"debounce": "1s"}"#, "no store is named"),
        (r#"{"url": "json:./a", "backend": "json"}"#, "named twice"),
        (r#"{"url": "json:./a", "path": "./a"}"#, "named twice"),
        (r#"{"path": "./a"}"#, "write backend = \"json\" or"),
        (
            r#"{"backend": "json"}"#,
            "needs a directory; write path = \"./data\"",
        ),
        (
            r#"{"backend": "sqlite"}"#,
            "needs a file; write path = \"./data.db\"",
        ),
        (
            r#"{"backend": "json", "path": ""}"#,
            "backend = \"json\" needs a directory",
        ),
        (
            r#"{"backend": "memory", "path": "./a"}"#,
            "\"memory\" takes no path",
        ),
    ] {
        let config: StoreConfig = serde_json::from_str(text).unwrap();
        let error = Store::open(config).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{text}");
        assert!(error.to_string().contains(says), "{text}: {error}");
    }
    let config: StoreConfig = serde_json::from_str(r#"{"backend": "memory"}"#).unwrap();
    assert_eq!(config, StoreConfig::default().backend(BackendKind::Memory));
    Store::open(config).unwrap();
}

#[test]
fn a_path_is_taken_as_it_is_and_relative_to_the_file_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("larder.json");
    let write = |text: &str| std::fs::write(&file, text).unwrap();
    write(r#"{"backend": "json", "path": "./da%20ta?x"}"#);
    let config = StoreConfig::from_file(&file).unwrap();
    let there = dir.path().join("./da%20ta?x");
    assert_eq!(
        config,
        StoreConfig::default()
            .backend(BackendKind::Json)
            .path(&there)
    );
    Store::open(config).unwrap().close().wait().unwrap();
    assert!(there.is_dir());

    // One word, and nothing else.
    write(r#"{"backend": "sqlite", "path": "./data.db"}"#);
    let config = StoreConfig::from_file(&file).unwrap();
    assert_eq!(config.backend, Some(BackendKind::Sqlite));
    assert_eq!(config.path, Some(dir.path().join("./data.db")));
    write(r#"{"url": "sqlite:./data.db?debounce=0s"}"#);
    let config = StoreConfig::from_file(&file).unwrap();
    let there = dir.path().join("./data.db");
    assert_eq!(
        config.url,
        format!("sqlite:{}?debounce=0s", there.display())
    );

    write(r#"{"backend": "json"}"#);
    let error = StoreConfig::from_file(&file).unwrap_err();
    assert_eq!(error.path(), Some(&*file));
}

#[test]
fn a_configuration_survives_its_text_form() {
    let text = r#"{
        "url": "json:./data", "debounce": "250ms", "durability": "process-crash",
        "on_invalid": "reject", "on_external_change": "refuse", "read_only": true,
        "max_file_bytes": 1000, "flush_attempts": 2, "drop_timeout": "2m",
        "collections": {"s": {"id": "key", "unique": ["a"], "indexes": [["b", "c"], "tags[]"]}}
    }"#;
    let config: StoreConfig = serde_json::from_str(text).unwrap();
    assert_eq!(config.debounce, Some(Duration::from_millis(250)));
    assert_eq!(config.drop_timeout, Some(Duration::from_mins(2)));
    assert_eq!(config.durability, Some(Durability::ProcessCrash));
    assert_eq!(config.on_invalid, Some(OnInvalid::Reject));
    let again = |config: &StoreConfig| -> StoreConfig {
        serde_json::from_str(&serde_json::to_string(config).unwrap()).unwrap()
    };
    assert_eq!(again(&config), config);
    let config = StoreConfig::default()
        .backend(BackendKind::Sqlite)
        .path("./data.db");
    assert_eq!(again(&config), config);
}

#[test]
fn options_of_a_url_are_settings_and_strict_too() {
    for (url, says) in [
        ("memory:?debouce=1s", "the options are debounce, durability"),
        ("memory:?debounce=1s&debounce=2s", "set twice"),
        ("memory:?durability=none", "`power-loss`"),
        ("memory:?read_only=yes", "true or false"),
        ("memory:?flush_attempts=-1", "not such a number"),
    ] {
        let error = Store::open(url).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{url}");
        assert!(error.to_string().contains(says), "{url}: {error}");
    }
    let twice = StoreConfig::new("memory:?debounce=1s").debounce(Duration::ZERO);
    assert!(
        Store::open(twice)
            .unwrap_err()
            .to_string()
            .contains("set twice")
    );
    Store::open("memory:?debounce=0s&durability=power-loss&on_invalid=drop").unwrap();
}

#[test]
fn a_file_describes_a_store_and_its_collections() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(
        dir.path().join("session.schema.json"),
        r#"{"type": "object", "required": ["key"], "properties": {"n": {"type": "integer"}}}"#,
    )
    .unwrap();
    let path = dir.path().join("larder.json");
    std::fs::write(
        &path,
        r#"{"url": "json:./data?debounce=0s", "collections": {"sessions": {
            "id": "key", "schema": "session.schema.json", "unique": ["channel"], "indexes": ["n"]
        }}}"#,
    )
    .unwrap();
    let store = Store::open(StoreConfig::from_file(&path).unwrap()).unwrap();
    let sessions = store.documents("sessions").unwrap();
    let save = |text: &str| sessions.save(Document::parse(text).unwrap());
    save(r#"{"key": "a", "n": 5, "channel": "c"}"#)
        .unwrap()
        .wait()
        .unwrap();
    assert_eq!(
        save(r#"{"key": "b", "n": "x"}"#).unwrap_err().kind(),
        ErrorKind::Invalid
    );
    let taken = save(r#"{"key": "b", "channel": "c"}"#).unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::UniqueViolation);
    store.close().wait().unwrap();
    // Paths are relative to the file, and the definition is beside the data from now on.
    assert!(dir.path().join("data/sessions.json").exists());
    let store = Store::open(format!("json:{}", dir.path().join("data").display())).unwrap();
    let sessions = store.documents("sessions").unwrap();
    assert_eq!(sessions.count(Query::all()).unwrap(), 1);
    assert_eq!(sessions.collection().indexes().len(), 2);
    let error = store.documents("session").unwrap_err();
    assert!(
        error.to_string().contains("the store has: sessions"),
        "{error}"
    );
}

#[test]
fn a_file_that_is_no_configuration_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("larder.json");
    let error = StoreConfig::from_file(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.path().is_some());
    std::fs::write(&path, " ".repeat((1 << 20) + 1)).unwrap();
    let error = StoreConfig::from_file(&path).unwrap_err();
    assert!(error.to_string().contains("larger than"), "{error}");
    std::fs::write(&path, "{\"url\": \"memory:\", \"colections\": {}}").unwrap();
    let error = StoreConfig::from_file(&path).unwrap_err();
    assert!(error.to_string().contains("colections"), "{error}");
}

#[test]
fn a_collection_name_is_a_file_name_everywhere() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(format!("json:{}", dir.path().display())).unwrap();
    let open = |name: &str| {
        store
            .collection(larder::Collection::<serde_json::Value>::named(name))
            .map(|_| ())
    };
    for bad in ["", "../x", "a.b", "NUL", "a b"] {
        assert_eq!(open(bad).unwrap_err().kind(), ErrorKind::Config, "{bad}");
    }
    open("notes").unwrap();
    // One file on macOS and Windows.
    assert_eq!(open("Notes").unwrap_err().kind(), ErrorKind::Config);
}

#[test]
fn one_collection_is_not_opened_as_two_types() {
    let store = Store::open("memory:").unwrap();
    let named = || larder::Collection::<serde_json::Value>::named("notes");
    let first = store.collection(named()).unwrap();
    let again = store.collection(named()).unwrap();
    first.save(serde_json::json!({"id": "a"})).unwrap().detach();
    assert!(
        again.get("a").unwrap().is_some(),
        "both are the same collection"
    );
    let other = store.collection(larder::Collection::<Document>::named("notes"));
    assert_eq!(other.unwrap_err().kind(), ErrorKind::Config);
}
