//! What opening a file finds, whatever the file holds: every loss is an issue, and no byte is lost.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::type_complexity,
    reason = "a test says what is wrong by panicking"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use larder::prelude::*;
use larder::{
    Action, AnyRepository, Collection, Document, ErrorKind, Issue, IssueKind, OnInvalid, Query,
    StoreConfig,
};
use serde_json::{Value, json};

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/fixtures")
            .join(name),
    )
    .unwrap()
}

/// A store directory in which one collection's file is these bytes.
struct Dir {
    dir: tempfile::TempDir,
    bytes: Vec<u8>,
}

impl Dir {
    fn with(bytes: impl AsRef<[u8]>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("sessions.json"), &bytes).unwrap();
        Self {
            dir,
            bytes: bytes.as_ref().to_vec(),
        }
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("sessions.json")
    }

    fn config(&self) -> StoreConfig {
        StoreConfig::new(format!("json:{}?debounce=1h", self.dir.path().display()))
    }

    fn open(&self) -> Opened {
        Self::try_open(self.config()).unwrap_or_else(|error| panic!("{error}"))
    }

    fn try_open(config: StoreConfig) -> larder::Result<Opened> {
        let store = Store::open(config)?;
        let collection = Collection::named("sessions")
            .unique("channelId")
            .index("categoryId");
        let records = store.collection(collection.schema(schema()))?;
        Ok(Opened { store, records })
    }

    /// The copy of the original that was made before anything is written.
    fn corrupt_copy(&self) -> Option<Vec<u8>> {
        let copies: Vec<PathBuf> = std::fs::read_dir(self.dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.to_str().unwrap().contains("sessions.json.corrupt-"))
            .collect();
        assert!(copies.len() <= 1, "{copies:?}");
        copies.first().map(|path| std::fs::read(path).unwrap())
    }
}

struct Opened {
    store: Store,
    records: AnyRepository<Document>,
}

impl Opened {
    fn issues(&self) -> Vec<Issue> {
        self.records.load_report().issues().to_vec()
    }

    fn ids(&self) -> Vec<String> {
        let all = self.records.find(Query::all()).unwrap();
        all.iter()
            .map(|record| record.value()["id"].as_str().unwrap().to_owned())
            .collect()
    }

    /// The bytes in quarantine.
    fn rejected(&self) -> BTreeSet<Vec<u8>> {
        let entries = self.store.quarantine().unwrap();
        entries.iter().map(|entry| entry.bytes().to_vec()).collect()
    }
}

fn schema() -> Value {
    json!({
        "type": "object",
        "required": ["id", "n"],
        "properties": {"id": {"type": "string"}, "n": {"type": "integer"}},
    })
}

fn envelope(records: &[Value]) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(format!("json:{}", dir.path().display())).unwrap();
    let collection = Collection::named("sessions")
        .unique("channelId")
        .index("categoryId");
    let sessions = store
        .collection::<Value>(collection.schema(schema()))
        .unwrap();
    sessions
        .save_all(records.iter().cloned())
        .unwrap()
        .wait()
        .unwrap();
    std::fs::read(dir.path().join("sessions.json")).unwrap()
}

#[test]
fn only_not_found_is_empty() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(format!("json:{}", dir.path().join("new/store").display())).unwrap();
    let records = store
        .collection::<Value>(Collection::named("sessions"))
        .unwrap();
    assert!(records.load_report().is_clean());
    assert_eq!(records.count(Query::all()).unwrap(), 0);
}

#[test]
fn a_blank_file_as_a_power_cut_leaves_it_opens_with_an_issue_and_a_copy() {
    for bytes in [b"".as_slice(), b" \n\n", &[0; 4096]] {
        let dir = Dir::with(bytes);
        let opened = dir.open();
        let [issue] = opened.issues().try_into().unwrap();
        assert_eq!(issue.kind(), IssueKind::Syntax);
        assert_eq!(
            (issue.position().line, issue.position().column),
            (Some(1), Some(1))
        );
        assert_eq!(dir.corrupt_copy().unwrap(), bytes);
    }
}

#[test]
fn a_file_of_another_program_is_refused_and_not_touched() {
    let others: [&[u8]; 5] = [
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        b"{\"name\": \"package\", \"version\": \"1.0.0\"}",
        b"hello world\n",
        b"\"a string\"",
        b"[package]\nname = \"x\"\n",
    ];
    for bytes in others {
        let dir = Dir::with(bytes);
        let result = Dir::try_open(dir.config());
        let Err(error) = result else {
            panic!("opened {}", String::from_utf8_lossy(bytes))
        };
        assert_eq!(
            error.kind(),
            ErrorKind::Unrecognized,
            "{}",
            String::from_utf8_lossy(bytes)
        );
        assert!(error.path().unwrap().ends_with("sessions.json"));
        assert_eq!(std::fs::read(dir.file()).unwrap(), dir.bytes);
        assert_eq!(dir.corrupt_copy(), None);
    }
}

#[test]
fn a_newer_format_or_version_is_refused_and_not_touched() {
    let ours = String::from_utf8(envelope(&[json!({"id": "a", "n": 1})])).unwrap();
    let format = ours.replacen("{\"larder\":1", "{\"larder\":2", 1);
    // As a newer program would write it: with a digest that holds.
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(format!("json:{}", dir.path().display())).unwrap();
    let newer = Collection::<Value>::named("sessions").with_version(7);
    store
        .collection(newer)
        .unwrap()
        .save(json!({"id": "a"}))
        .unwrap()
        .wait()
        .unwrap();
    let version = std::fs::read_to_string(dir.path().join("sessions.json")).unwrap();
    let unsealed = format.split("],\"digest\"").next().unwrap().to_owned() + "]}\n";
    for text in [unsealed, version] {
        let dir = Dir::with(&text);
        let error = Dir::try_open(dir.config()).map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NewerVersion, "{text}");
        assert_eq!(std::fs::read(dir.file()).unwrap(), dir.bytes);
    }
}

#[test]
fn an_object_with_records_that_is_not_ours_is_refused() {
    for text in [
        "{\"version\":3,\"records\":[{\"id\":\"a\",\"n\":1}],\"nextId\":17}",
        "{\"collection\":\"sessions\",\"records\":[{\"id\":\"a\",\"n\":1}]}",
    ] {
        let dir = Dir::with(text);
        let error = Dir::try_open(dir.config()).map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unrecognized, "{text}");
        assert_eq!(std::fs::read(dir.file()).unwrap(), dir.bytes);
    }
}

#[test]
fn a_newer_file_without_a_whole_header_is_refused() {
    for text in [
        "{\"larder\":2,\"name\":\"sessions\",\"version\":1,\"records\":[{\"id\":\"a\",\"n\":1}]}",
        "{\"larder\":1,\"name\":\"sessions\",\"version\":9,\"records\":[{\"id\":\"a\",\"n\":1}]}",
    ] {
        let dir = Dir::with(text);
        let error = Dir::try_open(dir.config()).map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NewerVersion, "{text}");
        assert_eq!(std::fs::read(dir.file()).unwrap(), dir.bytes);
    }
}

#[test]
fn members_that_no_store_writes_are_kept_in_a_copy() {
    let text = "{\"larder\":1,\"collection\":\"sessions\",\"version\":1,\"note\":\"mine\",\
                \"records\":[{\"id\":\"a\",\"n\":1}]}";
    let dir = Dir::with(text);
    let opened = dir.open();
    assert_eq!(opened.ids(), ["a"]);
    assert_eq!(dir.corrupt_copy().unwrap(), text.as_bytes());
}

#[test]
fn a_definition_of_another_form_is_not_lost_and_a_newer_one_refuses() {
    let dir = Dir::with("[{\"id\":\"a\",\"n\":1}]");
    let path = dir.dir.path().join("sessions.collection.json");
    let newer = "{\"larder\":1,\"collection\":\"sessions\",\"version\":9,\"id\":\"/id\"}";
    for text in [newer, "{\"larder\":2,\"what\":\"ever\"}"] {
        std::fs::write(&path, text).unwrap();
        let error = Dir::try_open(dir.config()).map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NewerVersion, "{text}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
    std::fs::write(&path, "somebody's").unwrap();
    let opened = dir.open();
    let new = Document::parse("{\"id\":\"b\",\"n\":2}").unwrap();
    opened.records.save(new).unwrap().wait().unwrap();
    let copies = std::fs::read_dir(dir.dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let copy = copies.filter(|path| path.to_str().unwrap().contains("collection.json.foreign-"));
    let copies: Vec<_> = copy
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    assert_eq!(copies, ["somebody's"]);
}

#[test]
fn a_truncated_file_gives_back_every_complete_record_and_keeps_the_original() {
    for name in ["sessions", "gates", "monitor-runs"] {
        let cut = fixture(&format!("workspacecord-damaged/truncated/{name}.json"));
        let whole: Vec<Value> =
            serde_json::from_slice(&fixture(&format!("workspacecord/{name}.json"))).unwrap();
        let dir = Dir::with(&cut);
        let store = Store::open(dir.config()).unwrap();
        let records: AnyRepository<Value> =
            store.collection(Collection::named("sessions")).unwrap();

        let complete = String::from_utf8_lossy(&cut).matches("\n  },").count();
        let expected: BTreeSet<&str> = whole
            .iter()
            .take(complete)
            .map(|record| record["id"].as_str().unwrap())
            .collect();
        let found = records.find(Query::all()).unwrap();
        let found: BTreeSet<&str> = found.iter().map(|r| r["id"].as_str().unwrap()).collect();
        assert_eq!(found, expected, "{name}");

        let report = records.load_report();
        let [issue] = report.issues() else {
            panic!("{name}: {report:?}")
        };
        assert_eq!(issue.kind(), IssueKind::Syntax);
        let lines = String::from_utf8_lossy(&cut).lines().count() as u64;
        let line = issue.position().line.unwrap();
        assert!(
            line <= lines && line > lines - 30,
            "{name}: line {line} of {lines}"
        );
        assert!(issue.position().column.is_some());
        // Before anything is written, and byte for byte.
        assert_eq!(std::fs::read(dir.file()).unwrap(), cut, "{name}");
        assert_eq!(dir.corrupt_copy().unwrap(), cut, "{name}");
    }
}

#[test]
fn a_damaged_file_that_is_opened_again_and_again_is_copied_once() {
    let dir = Dir::with(fixture("workspacecord-damaged/truncated/sessions.json"));
    for _ in 0..3 {
        dir.open().store.close().wait().unwrap();
        assert!(dir.corrupt_copy().is_some());
    }
    let quarantine = dir.open().store.quarantine().unwrap();
    let keys: BTreeSet<&str> = quarantine.iter().map(larder::Quarantined::key).collect();
    assert_eq!(
        keys.len(),
        quarantine.len(),
        "the same bytes are in quarantine twice"
    );
}

#[test]
fn a_bare_array_stays_a_bare_array_in_its_order_and_layout() {
    for name in ["sessions", "gates", "monitor-runs"] {
        let original = fixture(&format!("workspacecord/{name}.json"));
        let dir = Dir::with(&original);
        let store = Store::open(dir.config()).unwrap();
        let records: AnyRepository<Document> =
            store.collection(Collection::named("sessions")).unwrap();
        assert!(records.load_report().is_clean(), "{name}");
        // A record comes and goes: what is left is the file, byte for byte.
        records
            .save(Document::parse("{\"id\":\"new\",\"z\":1,\"a\":[]}").unwrap())
            .unwrap()
            .wait()
            .unwrap();
        let with_new = std::fs::read_to_string(dir.file()).unwrap();
        let tail = ",\n  {\n    \"id\": \"new\",\n    \"z\": 1,\n    \"a\": []\n  }\n]";
        assert!(with_new.trim_end().ends_with(tail), "{name}: {with_new}");
        records.delete("new").unwrap().wait().unwrap();
        assert_eq!(std::fs::read(dir.file()).unwrap(), original, "{name}");
    }
}

#[test]
fn what_we_write_is_plain_json_in_id_order_one_record_a_line() {
    let bytes = envelope(&[
        json!({"id": "b", "n": 2}),
        json!({"id": "a", "n": 1, "s": "\n\"日本"}),
    ]);
    let text = String::from_utf8(bytes).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(file["larder"], 1);
    assert_eq!(file["collection"], "sessions");
    assert_eq!(file["records"][0]["id"], "a");
    assert_eq!(file["records"][1], json!({"id": "b", "n": 2}));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 4);
    assert!(text.ends_with("\"}\n"));
    assert_eq!(lines[2], "{\"id\":\"b\",\"n\":2}");
}

#[test]
fn an_edit_by_hand_is_an_issue_and_no_more_than_that() {
    let text = String::from_utf8(envelope(&[json!({"id": "a", "n": 1})])).unwrap();
    let dir = Dir::with(text.replace("\"n\":1", "\"n\": 42"));
    let opened = dir.open();
    let [issue] = opened.issues().try_into().unwrap();
    assert_eq!(
        (issue.kind(), issue.action()),
        (IssueKind::Digest, Action::Kept)
    );
    assert_eq!(opened.records.get("a").unwrap().unwrap().value()["n"], 42);
}

#[test]
fn odd_records_are_dropped_one_by_one_with_their_exact_bytes() {
    let deep = format!(
        "{{\"id\":\"deep\",\"n\":1,\"d\":{}{}}}",
        "[".repeat(200),
        "]".repeat(200)
    );
    let odd: [(&[u8], IssueKind); 9] = [
        (deep.as_bytes(), IssueKind::Syntax),
        (
            b"{\"id\":\"utf8\",\"n\":1,\"s\":\"\xff\xfe\"}",
            IssueKind::Syntax,
        ),
        (b"{\"id\":\"twice\",\"n\":1,\"n\":2}", IssueKind::Syntax),
        (b"{\"id\":\"huge\",\"n\":1e999}", IssueKind::Syntax),
        (b"{\"id\":\"half\",\"n\":tru}", IssueKind::Syntax),
        (b"{\"n\":1}", IssueKind::Schema),
        (b"{\"id\":\"\",\"n\":1}", IssueKind::InvalidId),
        (b"null", IssueKind::Schema),
        (
            b"{\"id\":\"key\",\"n\":1,\"categoryId\":{}}",
            IssueKind::InvalidKey,
        ),
    ];
    let good: &[u8] = b"{\"id\":\"with\\n\\\"quotes\\\"\",\"n\":1}";
    let mut bytes = b"[\n".to_vec();
    for (record, _) in odd {
        bytes.extend_from_slice(record);
        bytes.extend_from_slice(b",\n");
    }
    bytes.extend_from_slice(good);
    bytes.extend_from_slice(b"\n]\n");

    let dir = Dir::with(&bytes);
    let opened = dir.open();
    assert_eq!(opened.ids(), ["with\n\"quotes\""]);
    let issues = opened.issues();
    assert_eq!(issues.len(), odd.len());
    for (position, (issue, (_, kind))) in issues.iter().zip(odd).enumerate() {
        assert_eq!(issue.kind(), kind, "record {position}: {issue}");
        assert_eq!(issue.position().record, Some(position as u64), "{issue}");
        assert_eq!(issue.position().line, Some(position as u64 + 2), "{issue}");
        assert_eq!(issue.action(), Action::Dropped, "{issue}");
    }
    assert_eq!(issues[6].id(), None, "an empty id is no id");
    assert_eq!(issues[4].id(), None);
    assert_eq!(issues[8].id(), Some("key"));
    let rejected: BTreeSet<Vec<u8>> = odd.iter().map(|(record, _)| record.to_vec()).collect();
    assert_eq!(opened.rejected(), rejected);
    // The file itself is as it was until somebody writes.
    assert_eq!(std::fs::read(dir.file()).unwrap(), bytes);
}

#[test]
fn a_byte_order_mark_is_no_damage() {
    let mut bytes = b"\xef\xbb\xbf".to_vec();
    bytes.extend_from_slice(&fixture("workspacecord/gates.json"));
    let dir = Dir::with(&bytes);
    let store = Store::open(dir.config()).unwrap();
    let records = store
        .collection::<Value>(Collection::named("sessions"))
        .unwrap();
    assert_eq!(records.count(Query::all()).unwrap(), 60);
    assert_eq!(records.load_report().dropped(), 0);
}

#[test]
fn of_two_records_with_one_id_the_later_stays() {
    let dir = Dir::with("[{\"id\":\"a\",\"n\":1},{\"id\":\"a\",\"n\":2}]");
    let opened = dir.open();
    assert_eq!(opened.records.get("a").unwrap().unwrap().value()["n"], 2);
    let [issue] = opened.issues().try_into().unwrap();
    assert_eq!(
        (issue.kind(), issue.position().record),
        (IssueKind::DuplicateId, Some(0))
    );
    assert_eq!(
        opened.rejected(),
        BTreeSet::from([b"{\"id\":\"a\",\"n\":1}".to_vec()])
    );
}

#[test]
fn of_two_records_with_one_unique_key_the_smaller_id_stays() {
    let dir = Dir::with(
        "[{\"id\":\"z\",\"n\":1,\"channelId\":\"c\"},{\"id\":\"a\",\"n\":2,\"channelId\":\"c\"}]",
    );
    let opened = dir.open();
    assert_eq!(opened.ids(), ["a"]);
    let [issue] = opened.issues().try_into().unwrap();
    assert_eq!(
        (issue.kind(), issue.id()),
        (IssueKind::UniqueViolation, Some("z"))
    );
    assert!(issue.message().contains("\"a\"") && issue.message().contains("channelId"));
}

#[test]
fn a_store_that_is_told_to_reject_opens_whole_or_not_at_all() {
    let dir = Dir::with("[{\"id\":\"a\",\"n\":1},{\"id\":\"b\",\"n\":\"secret\"}]");
    let error = Dir::try_open(dir.config().on_invalid(OnInvalid::Reject))
        .map(|_| ())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected);
    assert!(
        error.to_string().contains("/n") && !error.to_string().contains("secret"),
        "{error}"
    );
    assert_eq!(std::fs::read(dir.file()).unwrap(), dir.bytes);
    let there: Vec<_> = std::fs::read_dir(dir.dir.path()).unwrap().collect();
    assert_eq!(there.len(), 2, "only the file and the lock: {there:?}");
}

#[test]
fn quarantine_can_be_restored_and_purged() {
    let dir = Dir::with("[{\"id\":\"a\",\"n\":1},{\"id\":\"a\",\"n\":2},{\"id\":\"b\"}]");
    let opened = dir.open();
    let entries = opened.store.quarantine().unwrap();
    let older = entries
        .iter()
        .find(|entry| entry.issue().id() == Some("a"))
        .unwrap();
    let broken = entries
        .iter()
        .find(|entry| entry.issue().id() == Some("b"))
        .unwrap();
    assert_eq!(
        opened.records.restore(broken).unwrap_err().kind(),
        ErrorKind::Invalid
    );
    assert_eq!(
        opened.records.restore(older).unwrap_err().kind(),
        ErrorKind::AlreadyExists
    );
    opened.records.delete("a").unwrap().detach();
    opened.records.restore(older).unwrap().wait().unwrap();
    assert_eq!(opened.records.get("a").unwrap().unwrap().value()["n"], 1);
    assert_eq!(
        opened
            .store
            .purge_quarantine(&[older.key().to_owned()])
            .unwrap(),
        1
    );
    opened.store.close().wait().unwrap();

    let opened = dir.open();
    assert_eq!(opened.ids(), ["a"]);
    assert_eq!(
        opened.rejected(),
        BTreeSet::from([b"{\"id\":\"b\"}".to_vec()])
    );
}

#[test]
fn a_read_only_store_reads_the_same_and_writes_nothing() {
    let dir = Dir::with("[{\"id\":\"a\",\"n\":1},{\"id\":\"b\"}]");
    let opened = Dir::try_open(dir.config().read_only(true)).unwrap();
    let beside = Dir::try_open(dir.config().read_only(true)).unwrap();
    for opened in [&opened, &beside] {
        assert_eq!(opened.ids(), ["a"]);
        assert_eq!(opened.rejected().len(), 1);
        let new = Document::parse("{\"id\":\"c\",\"n\":3}").unwrap();
        assert_eq!(
            opened.records.save(new).unwrap_err().kind(),
            ErrorKind::ReadOnly
        );
    }
    let error = Dir::try_open(dir.config()).map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
    drop((opened, beside));
    assert_eq!(std::fs::read(dir.file()).unwrap(), dir.bytes);
    assert!(!dir.dir.path().join("sessions.quarantine.ndjson").exists());
}
