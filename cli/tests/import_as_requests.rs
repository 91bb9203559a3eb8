//! `larder import --as`: what it does with a request, a store and a record that do not fit it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a helper of a test that cannot go on fails the test"
)]

mod common;

use common::{Case, STORE};
use larder::{Collection, Document, Issue, Query, Repository as _, RepositoryExt as _};
use larder_stores::gate::{Gate, GateStatus, Gates};
use larder_stores::monitor_run::{MonitorRuns, RunOptions, RunStatus};
use larder_stores::{Options, SetClock};

const SQLITE: &str = "sqlite:./data.db";
const BOTH: [&str; 2] = [STORE, SQLITE];

/// A gate with this turn.
fn gate(id: &str, turn: &str, status: &str) -> String {
    format!(
        r#"{{"id":"{id}","sessionId":"s","provider":"claude","type":"notification","summary":"?","turn":{turn},"version":1,"createdAt":5,"status":"{status}"}}"#
    )
}

/// The schema says `integer`; the type says how it is spelled, and how large it may be.
#[test]
fn what_only_the_type_refuses_is_refused_with_the_place() {
    let turns = ["1", "1.0", "18446744073709551615", "1e30", "2"];
    let gates: Vec<String> = turns
        .iter()
        .zip(0..)
        .map(|(turn, number)| gate(&format!("g{number}"), turn, "approved"))
        .collect();
    let file = format!("[{}]", gates.join(","));
    let typed = Case::new();
    typed.file("data/gates.json", &file);
    let report = typed
        .open(STORE)
        .repository::<Gate>()
        .unwrap()
        .load_report();
    let by_type: Vec<_> = report
        .issues()
        .iter()
        .map(|it| it.position().record)
        .collect();
    assert_eq!(by_type, [Some(1), Some(3)]);
    for to in BOTH {
        let case = Case::new();
        let name = case.file("gates.json", &file);
        let ran = case.import_as(name, to, "gates", &[]).ended(1);
        let lines: Vec<&str> = ran.out().lines().collect();
        let reason =
            "schema: /turn: type: the schema accepts this, but the record type cannot read it";
        assert_eq!(
            lines,
            [
                "3 records kept, 2 dropped",
                &format!("record 1, line 1, id \"g1\": {reason}"),
                &format!("record 3, line 1, id \"g3\": {reason}"),
            ]
        );
        // Nothing that the store cannot read is taken for verified.
        let store = case.open(to);
        let repository = store.repository::<Gate>().unwrap();
        let found = repository
            .find(Gate::STATUS.is(GateStatus::Approved))
            .unwrap();
        let turns: Vec<u64> = found.iter().map(|gate| gate.turn).collect();
        assert_eq!(turns, [1, u64::MAX, 2]);
        assert!(repository.load_report().is_clean());
    }
}

#[test]
fn answers_and_all_or_nothing_ask_the_type_too() {
    let lines = format!(
        "{}\n{}\n",
        gate("a", "1", "approved"),
        gate("b", "1.0", "approved")
    );
    for to in BOTH {
        let case = Case::new();
        let args = [
            "import",
            "-",
            "--to",
            to,
            "--as",
            "gates",
            "--on-invalid",
            "reject",
        ];
        let ran = case.run_with(&args, lines.as_bytes()).ended(1);
        assert!(
            ran.out()
                .starts_with("nothing imported: 1 record refused\n"),
            "{}",
            ran.out()
        );
        assert!(!case.path("data").exists() && !case.path("data.db").exists());

        let args = ["import", "-", "--to", to, "--as", "gates", "--ack"];
        let ran = case.run_with(&args, lines.as_bytes()).ended(1);
        let answers: Vec<&str> = ran.out().lines().collect();
        assert_eq!(answers[0], "ACK 1");
        assert!(
            answers[1].starts_with("NAK 2 schema: /turn: type: "),
            "{answers:?}"
        );
        assert_eq!(answers.len(), 2);
        let entries = case
            .run(&["quarantine", "list", to, "--json"])
            .ended(0)
            .json_lines();
        assert_eq!(entries[0]["text"], lines.lines().nth(1).unwrap());
    }
}

/// A program has the database open, and goes on: gates of its own and imported ones.
#[test]
fn a_store_that_is_open_sees_gates_and_runs_as_they_were_imported() {
    let case = Case::new();
    let store = case.open(SQLITE);
    let clock = Options::new().clock(SetClock::new(1_000_000_000_000));
    let gates = Gates::open(&store, clock.clone()).unwrap();
    let runs = MonitorRuns::open(&store, RunOptions::new("bot").options(clock)).unwrap();
    let run = runs.begin("s", "make CI green", 6).unwrap();
    // Its time is over long since.
    let pending = gate("g", "1", "pending");
    let foreign = r#"{"id":"r","sessionId":"s","goal":"x","iteration":0,"maxIterations":1,"status":"running","startedAt":1,"lastCheckpointAt":1}"#;
    let file = case.file("g.ndjson", &pending).to_owned();
    case.import_as(&file, SQLITE, "gates", &[]).ended(0);
    let file = case.file("r.ndjson", foreign).to_owned();
    case.import_as(&file, SQLITE, "monitor-runs", &[]).ended(0);

    let text = |collection: &str, id: &str| {
        let ran = case.run(&["get", SQLITE, collection, id]).ended(0);
        ran.out().trim_end().to_owned()
    };
    assert_eq!(text("gates", "g"), pending);
    assert_eq!(text("monitor-runs", "r"), foreign);
    assert_eq!(gates.get("g").unwrap().unwrap().status, GateStatus::Pending);
    let ours = runs.get(&run.id).unwrap().unwrap();
    assert_eq!((ours.status, &ours.lease), (RunStatus::Running, &run.lease));
    // What becomes of it is the program's to say.
    assert_eq!(gates.expire_due(1_000_000_000_000).unwrap().len(), 1);
    store.close().wait().unwrap();
}

#[test]
fn another_definition_gives_way_and_its_records_are_judged() {
    for to in BOTH {
        let case = Case::new();
        let lines = format!(
            "{}\n{}\n",
            gate("a", "1", "pending"),
            gate("b", "1.0", "pending")
        );
        let args = [
            "import",
            "-",
            "--to",
            to,
            "-c",
            "gates",
            "--index",
            "turn",
            "--unique",
            "status,id",
        ];
        case.run_with(&args, lines.as_bytes()).ended(0);
        let new = case.file("new.json", gate("c", "2", "approved")).to_owned();
        let ran = case.import_as(&new, to, "gates", &["--json"]).ended(1);
        assert_eq!(
            ran.stderr,
            "larder: the definition of \"gates\" changes: another schema, index sessionId, index \
             status, index discordMessageId, no unique index status+id any more, no index turn any \
             more\n"
        );
        let found: Vec<Issue> = serde_json::from_value(ran.json()["found"].clone()).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].id(), Some("b"));
        assert_eq!(found[0].violations()[0].path(), "/turn");
        let again = case.import_as(&new, to, "gates", &[]).ended(0);
        assert_eq!(again.stderr, "");
        let store = case.open(to);
        let gates = store.repository::<Gate>().unwrap();
        assert!(gates.load_report().is_clean());
        assert_eq!(gates.count(Query::all()).unwrap(), 2);
    }
}

#[test]
fn records_with_their_ids_elsewhere_are_not_lost() {
    let case = Case::new();
    let odd = gate("a", "1", "pending").replace("\"id\"", "\"key\"");
    let args = ["import", "-", "--to", STORE, "-c", "gates", "--id", "key"];
    case.run_with(&args, odd.as_bytes()).ended(0);
    let new = case.file("new.json", gate("c", "2", "approved")).to_owned();
    let ran = case.import_as(&new, STORE, "gates", &[]).ended(2);
    let said = "1 of its records have none at /id";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
    assert_eq!(
        case.run(&["get", STORE, "gates", "a"])
            .ended(0)
            .out()
            .trim_end(),
        odd
    );
}

/// The file of the other program, where it lies, stays one that it can read.
#[test]
fn records_come_into_the_file_of_the_other_program() {
    let case = Case::new();
    case.file(
        "data/gates.json",
        format!("[{}]", gate("a", "1", "pending")),
    );
    let new = case.file("new.json", gate("b", "2", "pending")).to_owned();
    case.import_as(&new, STORE, "gates", &[]).ended(0);
    let gates: Vec<Gate> = serde_json::from_slice(&case.read("data/gates.json")).unwrap();
    let ids: Vec<&str> = gates.iter().map(|gate| &*gate.id).collect();
    assert_eq!(ids, ["a", "b"]);
}

#[test]
fn newer_records_than_the_type_knows_are_left_alone() {
    for to in BOTH {
        let case = Case::new();
        let store = case.open(to);
        let newer = Collection::<Document>::named("gates").with_version(2);
        let gates = store.collection(newer).unwrap();
        gates
            .save(Document::parse(r#"{"id":"a"}"#).unwrap())
            .unwrap()
            .wait()
            .unwrap();
        store.close().wait().unwrap();
        drop((gates, store));
        let new = case.file("new.json", gate("c", "2", "approved")).to_owned();
        let ran = case.import_as(&new, to, "gates", &[]).ended(2);
        assert!(ran.stderr.contains("version 2"), "{}", ran.stderr);
        assert!(!ran.stderr.contains("changes"), "{}", ran.stderr);
        assert_eq!(case.run(&["count", to, "gates"]).ended(0).out(), "1\n");
    }
}

#[test]
fn a_type_says_all_of_a_collection_and_nothing_else_may() {
    let case = Case::new();
    let file = case.file("a.json", "[]");
    for option in [
        &["--collection", "sessions"][..],
        &["--schema", "s.json"],
        &["--id", "id"],
        &["--unique", "channelId"],
        &["--index", "categoryId"],
    ] {
        let ran = case.import_as(file, STORE, "sessions", option).ended(2);
        assert!(ran.stdout.is_empty());
        let (name, said) = (option[0], &ran.stderr);
        assert!(said.contains("cannot be used with"), "{said}");
        assert!(
            said.contains("--as <TYPE>") && said.contains(name),
            "{said}"
        );
    }
    let ran = case.run(&["import", file, "--to", STORE]).ended(2);
    assert!(
        ran.stderr.contains("<--collection <NAME>|--as <TYPE>>"),
        "{}",
        ran.stderr
    );

    let config = "url = \"json:./data\"\n[collections.gates]\nid = \"key\"\n";
    let config = case.file("larder.toml", config);
    let ran = case.import_as(file, config, "gates", &[]).ended(2);
    assert!(
        ran.stderr.contains("larder.toml defines \"gates\""),
        "{}",
        ran.stderr
    );
    case.import_as(file, config, "sessions", &["--on-invalid", "reject"])
        .ended(0);
    assert!(case.path("data/sessions.collection.json").exists());
}

#[test]
fn the_names_are_told_where_one_is_wanted() {
    let case = Case::new();
    let file = case.file("a.json", "[]");
    let ran = case.import_as(file, STORE, "session", &[]).ended(2);
    let names = "[possible values: sessions, gates, monitor-runs, projects]";
    assert!(ran.stderr.contains(names), "{}", ran.stderr);
    let help = case.run(&["import", "--help"]).ended(0);
    for name in ["sessions", "gates", "monitor-runs", "projects"] {
        let line = format!("- {name}: ");
        let lines = help.out().lines().map(str::trim_start);
        assert_eq!(
            lines.filter(|it| it.starts_with(&line)).count(),
            1,
            "{name}"
        );
    }
    assert!(!case.path("data").exists());
}
