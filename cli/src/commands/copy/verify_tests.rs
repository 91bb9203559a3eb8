//! Tests of `verify.rs`: a copy that differs in one thing is no copy.

use larder::{Action, Collection, Issue, IssueKind, Position, Quarantined};

use super::*;

/// A collection, its records and its quarantine, in a store of its own.
struct There<'t> {
    index: &'t str,
    records: &'t [&'t str],
    rejected: &'t [&'t str],
}

const WHOLE: There<'_> = There {
    index: "n",
    records: &[r#"{"id":"a","n":1}"#, r#"{"id":"b","n":1.0}"#],
    rejected: &["7", "8"],
};

impl There<'_> {
    fn store(&self) -> (Store, AnyRepository<Document>) {
        let store = Store::open("memory:").unwrap();
        let collection = Collection::<Document>::named("c").index(self.index);
        let repository = store.collection(collection).unwrap();
        let records = self.records.iter();
        repository
            .save_all(records.map(|text| Document::parse(text).unwrap()))
            .unwrap()
            .detach();
        let rejected = self.rejected.iter().zip(0..);
        let entries = rejected.map(|(bytes, record)| {
            let issue = Issue::new("c", IssueKind::Schema, Action::Dropped, "no object");
            let issue = issue.at(Position::default().at_record(record));
            Quarantined::new(issue, bytes.as_bytes())
        });
        store.reject(entries.collect()).unwrap().detach();
        (store, repository)
    }

    fn copied(&self) -> Copied {
        let (store, repository) = self.store();
        let keys = store.quarantine().unwrap();
        Copied {
            definition: store.definition("c").unwrap(),
            content: content(&repository, &Progress::new("", 0), |_| Ok(())).unwrap(),
            quarantined: keys.iter().map(|entry| entry.key().to_owned()).collect(),
            dropped: 0,
        }
    }

    /// What is wrong with this as a copy of the whole.
    fn problems(&self) -> Vec<String> {
        let (store, _) = self.store();
        let mut verified = verify(vec![WHOLE.copied()], &store).unwrap();
        verified.remove(0).problems
    }
}

#[test]
fn the_same_is_the_same() {
    assert_eq!(WHOLE.problems(), Vec::<String>::new());
    let turned = There {
        records: &[r#"{"id":"b", "n":1.0}"#, r#"{"id":"a","n":1}"#],
        ..WHOLE
    };
    assert_eq!(turned.problems(), Vec::<String>::new());
}

#[test]
fn a_record_less_one_more_and_one_of_another_spelling_are_found() {
    let one = r#"{"id":"a","n":1}"#;
    for (records, says) in [
        (&[one][..], "it has 1 record, xxh3:"),
        (
            &[one, r#"{"id":"b","n":1.0}"#, r#"{"id":"c"}"#],
            "it has 3 records, xxh3:",
        ),
        (&[one, r#"{"id":"b","n":1}"#], "it has 2 records, xxh3:"),
        (&[one, r#"{"n":1.0,"id":"b"}"#], "it has 2 records, xxh3:"),
    ] {
        let problems = There { records, ..WHOLE }.problems();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].starts_with(says), "{problems:?}");
        assert!(
            problems[0].contains(", and 2 records, xxh3:"),
            "{problems:?}"
        );
    }
}

#[test]
fn another_definition_is_found() {
    let problems = There {
        index: "m",
        ..WHOLE
    }
    .problems();
    assert_eq!(problems, ["its definition is another"]);
}

#[test]
fn quarantine_that_is_not_the_same_is_found() {
    for (rejected, says) in [
        (&["7"][..], "1 in quarantine, and 2 copied"),
        (&["7", "9"], "2 in quarantine, and 2 copied"),
        (&["7", "8", "9"], "3 in quarantine, and 2 copied"),
    ] {
        assert_eq!(There { rejected, ..WHOLE }.problems(), [says]);
    }
}

#[test]
fn a_collection_that_is_not_there_is_found() {
    let store = Store::open("memory:").unwrap();
    let verified = verify(vec![WHOLE.copied()], &store).unwrap();
    let problems = &verified[0].problems;
    assert!(
        problems[0].starts_with("it cannot be opened: "),
        "{problems:?}"
    );
    assert!(!verified[0].is_ok());
}
