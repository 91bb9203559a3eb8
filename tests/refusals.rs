//! What a save refuses, on every backend: a clear error, and nothing changed.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::type_complexity,
    reason = "a test says what is wrong by panicking"
)]

use larder::prelude::*;
use larder::{
    AnyRepository, Collection, ErrorKind, IndexDef, Query, Store, UniqueIndex, Violation,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Job {
    id: String,
    #[schemars(length(min = 1))]
    channel: String,
    #[schemars(range(max = 10))]
    tries: u32,
    cost: Option<f64>,
}

impl Job {
    const CHANNEL: UniqueIndex<Job, String> =
        UniqueIndex::new("channel", "/channel", |job, keys| keys.one(&job.channel));
}

impl Record for Job {
    const COLLECTION: &'static str = "jobs";

    fn id(&self) -> &str {
        &self.id
    }

    fn indexes() -> Vec<IndexDef<Self>> {
        vec![Self::CHANNEL.def()]
    }

    fn check(&self) -> Result<(), Violation> {
        if self.tries == 7 {
            return Err(Violation::new(
                "/tries",
                "lucky",
                "seven tries are bad luck",
            ));
        }
        Ok(())
    }
}

fn job(id: &str) -> Job {
    Job {
        id: id.to_owned(),
        channel: format!("c-{id}"),
        tries: 1,
        cost: None,
    }
}

/// Runs a body on every backend, with one job in the collection already.
fn on_every_backend(body: impl Fn(&str, &Store, &AnyRepository<Job>)) {
    let dir = tempfile::tempdir().unwrap();
    let json = format!("json:{}?debounce=1h", dir.path().display());
    let sqlite = format!("sqlite:{}/data.db?debounce=1h", dir.path().display());
    for url in ["memory:", &json, &sqlite] {
        let store = Store::open(url).unwrap();
        let jobs = store.repository::<Job>().unwrap();
        jobs.save(job("there")).unwrap().wait().unwrap();
        body(url, &store, &jobs);
    }
}

/// Everything that a refused write must leave as it was.
fn state(
    store: &Store,
    jobs: &AnyRepository<Job>,
) -> (Vec<Job>, Option<Job>, u64, Option<Vec<u8>>) {
    let all = jobs
        .find(Query::all())
        .unwrap()
        .iter()
        .map(|job| Job::clone(job))
        .collect();
    let by_key = jobs
        .find_one(Job::CHANNEL.is("c-there"))
        .unwrap()
        .map(|job| Job::clone(&job));
    let file = store.stats().unwrap().path.map(|path| {
        // Of a database the log, which a change would make longer.
        let file = if path.is_dir() {
            path.join("jobs.json")
        } else {
            path.with_extension("db-wal")
        };
        std::fs::read(file).unwrap()
    });
    (all, by_key, store.health().applied, file)
}

#[track_caller]
fn refused(kind: ErrorKind, write: impl Fn(&AnyRepository<Job>) -> larder::Error) {
    on_every_backend(|url, store, jobs| {
        let before = state(store, jobs);
        let error = write(jobs);
        assert_eq!(error.kind(), kind, "{url}: {error}");
        assert_eq!(error.collection(), Some("jobs"), "{url}: {error}");
        assert!(!error.is_transient(), "{url}: {error}");
        store.flush().wait().unwrap();
        assert_eq!(
            state(store, jobs),
            before,
            "{url}: a refused write changed something"
        );
    });
}

fn save(jobs: &AnyRepository<Job>, job: Job) -> larder::Error {
    jobs.save(job).unwrap_err()
}

#[test]
fn a_record_that_its_schema_rejects_is_refused_with_every_violation() {
    refused(ErrorKind::Invalid, |jobs| {
        let error = save(
            jobs,
            Job {
                channel: String::new(),
                tries: 99,
                ..job("x")
            },
        );
        let paths: Vec<&str> = error.violations().iter().map(Violation::path).collect();
        assert_eq!(paths, ["/channel", "/tries"]);
        assert!(
            !error.to_string().contains("99"),
            "a message holds a value: {error}"
        );
        assert_eq!(error.operation(), Some("save"));
        assert_eq!(error.id(), Some("x"));
        error
    });
}

#[test]
fn a_record_that_breaks_a_rule_of_its_type_is_refused() {
    refused(ErrorKind::Invalid, |jobs| {
        let error = save(
            jobs,
            Job {
                tries: 7,
                ..job("x")
            },
        );
        assert_eq!(error.violations()[0].keyword(), "lucky");
        error
    });
}

#[test]
fn a_number_that_is_not_one_is_refused_and_not_turned_into_nothing() {
    for cost in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        refused(ErrorKind::Encode, |jobs| {
            save(
                jobs,
                Job {
                    cost: Some(cost),
                    ..job("x")
                },
            )
        });
    }
}

#[test]
fn ids_that_cannot_be_are_refused() {
    let long = "i".repeat(2048);
    for id in ["", "a\0b", &long] {
        refused(ErrorKind::InvalidId, |jobs| {
            save(
                jobs,
                Job {
                    channel: "c".to_owned(),
                    ..job(id)
                },
            )
        });
    }
}

#[test]
fn ids_that_look_odd_are_ids_all_the_same() {
    let longest = "i".repeat(1024);
    on_every_backend(|url, store, jobs| {
        for id in ["a\nb", "\"quoted\"", "日本", "../../etc", " ", &longest] {
            jobs.save(job(id)).unwrap().wait().unwrap();
            assert_eq!(jobs.get(id).unwrap().unwrap().id, id, "{url}");
        }
        if url != "memory:" {
            store.close().wait().unwrap();
            let store = Store::open(url).unwrap();
            assert!(store.load_report().is_clean());
            let jobs = store.repository::<Job>().unwrap();
            assert_eq!(jobs.get("a\nb").unwrap().unwrap().id, "a\nb");
            assert_eq!(jobs.count(Query::all()).unwrap(), 7);
        }
    });
}

#[test]
fn a_unique_key_that_is_taken_is_refused_with_the_record_that_has_it() {
    refused(ErrorKind::UniqueViolation, |jobs| {
        let error = save(
            jobs,
            Job {
                channel: "c-there".to_owned(),
                ..job("x")
            },
        );
        assert_eq!(error.index(), Some("channel"));
        assert_eq!(error.current::<Job>().unwrap().id, "there");
        error
    });
}

#[test]
fn inserting_over_a_record_is_refused_with_that_record() {
    refused(ErrorKind::AlreadyExists, |jobs| {
        let error = jobs
            .insert(Job {
                tries: 2,
                ..job("there")
            })
            .unwrap_err();
        assert_eq!(error.current::<Job>().unwrap().tries, 1);
        error
    });
}

#[test]
fn replacing_what_was_changed_is_refused_with_what_is_there() {
    refused(ErrorKind::Conflict, |jobs| {
        let stale = std::sync::Arc::new(Job {
            tries: 9,
            ..job("there")
        });
        let error = jobs
            .replace(
                &stale,
                Job {
                    tries: 3,
                    ..job("there")
                },
            )
            .unwrap_err();
        assert_eq!(error.current::<Job>().unwrap().tries, 1);
        error
    });
    refused(ErrorKind::Conflict, |jobs| {
        let gone = std::sync::Arc::new(job("gone"));
        let error = jobs.replace(&gone, job("gone")).unwrap_err();
        assert!(error.current::<Job>().is_none());
        error
    });
}

#[test]
fn a_batch_is_refused_as_a_whole() {
    refused(ErrorKind::UniqueViolation, |jobs| {
        let twin = Job {
            channel: "c-a".to_owned(),
            ..job("b")
        };
        jobs.save_all([job("a"), twin]).unwrap_err()
    });
    refused(ErrorKind::Invalid, |jobs| {
        jobs.save_all([
            job("a"),
            job("b"),
            Job {
                tries: 11,
                ..job("c")
            },
        ])
        .unwrap_err()
    });
}

#[test]
fn an_update_that_refuses_or_changes_the_id_changes_nothing() {
    refused(ErrorKind::InvalidId, |jobs| {
        jobs.update("there", |job| job.id = "elsewhere".to_owned())
            .unwrap_err()
    });
    refused(ErrorKind::Conflict, |jobs| {
        jobs.try_update("there", |job| {
            job.tries = 2;
            Err(larder::Error::new(ErrorKind::Conflict, "not now").with_collection("jobs"))
        })
        .unwrap_err()
    });
}

#[test]
fn a_default_that_the_file_does_not_have_is_indexed_as_the_record_has_it() {
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Task {
        id: String,
        #[serde(default = "open")]
        status: String,
        #[serde(default)]
        weight: f32,
    }

    fn open() -> String {
        "open".to_owned()
    }

    let dir = tempfile::tempdir().unwrap();
    std::fs::write(
        dir.path().join("tasks.json"),
        "[{\"id\":\"a\",\"weight\":0.1}]",
    )
    .unwrap();
    let store = Store::open(format!("json:{}", dir.path().display())).unwrap();
    let tasks = Collection::<Task>::named("tasks")
        .index("status")
        .index("weight");
    let tasks = store.collection(tasks).unwrap();
    let is = |status: &str| {
        let test = larder::Test::Is(larder::Key::text(status));
        tasks
            .count(larder::Condition::new(
                larder::Target::field("status"),
                test,
            ))
            .unwrap()
    };
    assert_eq!(is("open"), 1);
    tasks
        .update("a", |task| task.status = "done".to_owned())
        .unwrap()
        .wait()
        .unwrap();
    assert_eq!((is("open"), is("done")), (0, 1));
}

#[test]
fn a_store_that_is_opened_for_reading_refuses_writes_on_every_backend() {
    let dir = tempfile::tempdir().unwrap();
    for url in [
        "memory:".to_owned(),
        format!("json:{}", dir.path().display()),
    ] {
        let store = Store::open(format!("{url}?read_only=true")).unwrap();
        let jobs = store.repository::<Job>().unwrap();
        let refused = [
            jobs.save(job("a")).map(|_| ()).unwrap_err(),
            jobs.clear().map(|_| ()).unwrap_err(),
            store.purge_quarantine(&[]).map(|_| ()).unwrap_err(),
        ];
        for error in refused {
            assert_eq!(error.kind(), ErrorKind::ReadOnly, "{url}: {error}");
        }
        store.flush().wait().unwrap();
        store.close().wait().unwrap();
        assert_eq!(
            jobs.get("a").unwrap_err().kind(),
            ErrorKind::Closed,
            "{url}"
        );
    }
}

#[test]
fn a_record_whose_type_reads_another_id_is_dropped_and_not_updated_for_ever() {
    #[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
    struct Lower {
        #[serde(deserialize_with = "lower")]
        id: String,
    }

    fn lower<'de, D: serde::Deserializer<'de>>(from: D) -> Result<String, D::Error> {
        Ok(String::deserialize(from)?.to_lowercase())
    }

    impl Record for Lower {
        const COLLECTION: &'static str = "lower";

        fn id(&self) -> &str {
            &self.id
        }
    }

    let dir = tempfile::tempdir().unwrap();
    let text = "[{\"id\":\"ABC\"},{\"id\":\"abd\"}]";
    std::fs::write(dir.path().join("lower.json"), text).unwrap();
    let store = Store::open(format!("json:{}", dir.path().display())).unwrap();
    let records = store.repository::<Lower>().unwrap();
    let report = records.load_report();
    assert_eq!(report.count_of(larder::IssueKind::InvalidId), 1);
    assert_eq!(records.count(Query::all()).unwrap(), 1);
    assert!(
        records
            .update("ABC", |_| {})
            .unwrap()
            .wait()
            .unwrap()
            .is_none()
    );
    assert_eq!(store.quarantine().unwrap()[0].bytes(), b"{\"id\":\"ABC\"}");
}
