//! The record types that `--as` knows.
//!
//! Owns [`RecordType`]: their names, and the collection of each. The types themselves, with their
//! schemas, indexes and rules, are those of `larder-stores`. No store of that crate is opened here:
//! what a store does to its records when it starts is not what an import does.

use clap::ValueEnum;
use larder::{Collection, Document, Error, Record, Violation};
use larder_stores::gate::Gate;
use larder_stores::monitor_run::MonitorRun;
use larder_stores::project::Project;
use larder_stores::session::Session;
use serde_path_to_error::{Path, Segment};

/// A record type of `larder-stores`, called as its collection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RecordType {
    /// Agents at work, each in a channel of its own
    Sessions,
    /// Questions that wait for the decision of a person
    Gates,
    /// Runs of a monitor that drives a session to a goal
    MonitorRuns,
    /// Directories that agents work in
    Projects,
}

impl RecordType {
    /// What the collection is called.
    pub(crate) fn collection(self) -> &'static str {
        match self {
            Self::Sessions => Session::COLLECTION,
            Self::Gates => Gate::COLLECTION,
            Self::MonitorRuns => MonitorRun::COLLECTION,
            Self::Projects => Project::COLLECTION,
        }
    }

    /// The collection, for records that keep their text.
    pub(crate) fn documents(self) -> Result<Collection<Document>, Error> {
        match self {
            Self::Sessions => documents::<Session>(),
            Self::Gates => documents::<Gate>(),
            Self::MonitorRuns => documents::<MonitorRun>(),
            Self::Projects => documents::<Project>(),
        }
    }
}

/// The collection of a record type, for documents: they keep the order of their fields, the spelling
/// of their numbers and what the type does not know, and are refused where the type is.
///
/// The definition is the type's to the letter, so that a database takes what was verified here for
/// verified when a program opens it with the type. Therefore the type is asked here: it may refuse what
/// its schema accepts.
fn documents<T: Record>() -> Result<Collection<Document>, Error> {
    let typed = Collection::<T>::of();
    Ok(Collection::from_definition(typed.definition()?)
        .with_migrations(typed.migrations().clone())
        .check(check::<T>))
}

/// Whether the type can read a record that its schema accepts, and has nothing against it.
fn check<T: Record>(document: &Document) -> Result<(), Violation> {
    match serde_json::from_str::<T>(document.text()) {
        Ok(record) => record.check(),
        // Once more, only now: noting the path costs time.
        Err(_) => Err(unreadable::<T>(document.text())),
    }
}

/// Where the type cannot read a record. What it says of it may hold the value, and is not told.
fn unreadable<T: Record>(text: &str) -> Violation {
    let mut reader = serde_json::Deserializer::from_str(text);
    let path = match serde_path_to_error::deserialize::<_, T>(&mut reader) {
        Ok(_) => String::new(),
        Err(error) => pointer(error.path()),
    };
    Violation::new(
        path,
        "type",
        "the schema accepts this, but the record type cannot read it",
    )
}

/// A path as a JSON pointer, as far as it leads through JSON.
fn pointer(path: &Path) -> String {
    path.iter()
        .map_while(|segment| match segment {
            Segment::Map { key } => Some(format!("/{}", key.replace('~', "~0").replace('/', "~1"))),
            Segment::Seq { index } => Some(format!("/{index}")),
            Segment::Enum { .. } | Segment::Unknown => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    use larder::{ErrorKind, Migrations, Query, Repository as _, RepositoryExt as _, Store};
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};

    /// A type with what none of those of `--as` has yet: a rule that no schema says, and a past.
    #[derive(Debug, Serialize, Deserialize, JsonSchema, Record)]
    #[record(collection = "spans", version = 2, check = in_order, migrations = migrations)]
    struct Span {
        #[record(id)]
        id: String,
        from: u64,
        to: u64,
        #[serde(default)]
        #[record(skip)]
        parts: Vec<Part>,
    }

    #[derive(Debug, Serialize, Deserialize, JsonSchema)]
    struct Part {
        #[serde(rename = "a/b")]
        length: u64,
    }

    fn in_order(span: &Span) -> Result<(), Violation> {
        if span.from <= span.to {
            Ok(())
        } else {
            Err(Violation::new("/to", "order", "it ends before it begins"))
        }
    }

    fn migrations() -> Migrations {
        Migrations::new().step(1, |record| {
            record["to"] = record["from"].clone();
            Ok(())
        })
    }

    fn document(text: &str) -> Document {
        Document::parse(text).unwrap()
    }

    #[test]
    fn a_name_is_that_of_the_collection() {
        for record_type in RecordType::value_variants() {
            let name = record_type.to_possible_value().unwrap();
            assert_eq!(name.get_name(), record_type.collection());
            assert!(name.get_help().is_some());
            let documents = record_type.documents().unwrap();
            assert_eq!(documents.name(), record_type.collection());
        }
    }

    #[test]
    fn what_the_type_refuses_is_refused_with_the_place() {
        let store = Store::open("memory:").unwrap();
        let spans = store.collection(documents::<Span>().unwrap()).unwrap();
        let refused = |text: &str| {
            let error = spans.save(document(text)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid);
            error.violations()[0].to_string()
        };
        assert_eq!(
            refused(r#"{"id":"a","from":2,"to":1}"#),
            "/to: order: it ends before it begins"
        );
        let unreadable = "type: the schema accepts this, but the record type cannot read it";
        assert_eq!(
            refused(r#"{"id":"a","from":1.0,"to":1}"#),
            format!("/from: {unreadable}")
        );
        assert_eq!(
            refused(r#"{"id":"a","from":1,"to":1,"parts":[{"a/b":1},{"a/b":1e3}]}"#),
            format!("/parts/1/a~1b: {unreadable}")
        );
        let good = r#"{"to":2,"id":"a","later":1.0,"from":1}"#;
        spans.save(document(good)).unwrap().detach();
        assert_eq!(spans.get("a").unwrap().unwrap().text(), good);
    }

    #[test]
    fn records_of_an_older_version_are_migrated() {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("json:{}", dir.path().display());
        let store = Store::open(&url).unwrap();
        let old = store.collection(Collection::named("spans")).unwrap();
        old.save(document(r#"{"id":"a","from":1}"#))
            .unwrap()
            .wait()
            .unwrap();
        store.close().wait().unwrap();

        let store = Store::open(&url).unwrap();
        let spans = store.collection(documents::<Span>().unwrap()).unwrap();
        assert_eq!(spans.load_report().migrated().len(), 1);
        let records = spans.find(Query::all()).unwrap();
        assert_eq!(records[0].text(), r#"{"id":"a","from":1,"to":1}"#);
    }
}
