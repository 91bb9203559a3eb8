//! Tests of the comparison of indexes with records, with a repository that lies.

use std::sync::Arc;

use larder::{
    Collection, Condition, Document, Query, Repository, RepositoryExt as _, Result, Store, Target,
};
use larder_testkit::{Double, Doubled};

use super::indexes;

/// A repository whose index forgets one record.
#[derive(Debug)]
struct Forgetful {
    inner: Arc<dyn Repository<Document>>,
    index: &'static str,
    forgets: &'static str,
}

impl Double<Document> for Forgetful {
    fn inner(&self) -> &dyn Repository<Document> {
        &*self.inner
    }

    fn query(&self, query: &Query<Document>) -> Result<Vec<Arc<Document>>> {
        let by_index = query
            .conditions()
            .iter()
            .map(Condition::target)
            .any(|target| matches!(target, Target::Index(name) if name == self.index));
        let mut records = self.inner.query(query)?;
        records.retain(|record| !by_index || !record.text().contains(self.forgets));
        Ok(records)
    }
}

fn repository() -> Arc<dyn Repository<Document>> {
    let store = Store::open("memory:").unwrap();
    let collection = Collection::<Document>::named("c")
        .unique("n")
        .index("kind")
        .multi("tags")
        .compound(&["kind", "n"]);
    let repository = store.collection(collection).unwrap();
    for text in [
        r#"{"id":"a","n":1,"kind":"x","tags":["p","q","p"]}"#,
        r#"{"id":"b","n":2.5,"kind":"x","tags":[]}"#,
        r#"{"id":"c","kind":null,"tags":"q"}"#,
        r#"{"id":"d","n":100000000000000000000000000}"#,
    ] {
        repository
            .save(Document::parse(text).unwrap())
            .unwrap()
            .detach();
    }
    repository
}

#[test]
fn indexes_that_agree_have_no_problem() {
    let checks = indexes(&*repository()).unwrap();
    let told: Vec<_> = checks
        .iter()
        .map(|check| (&*check.name, check.keys))
        .collect();
    assert_eq!(told, [("n", 4), ("kind", 2), ("tags", 3), ("kind+n", 4)]);
    assert!(
        checks.iter().all(|check| check.problems.is_empty()),
        "{checks:?}"
    );
}

#[test]
fn a_record_that_an_index_forgot_is_found_missing() {
    for index in ["n", "kind", "tags", "kind+n"] {
        for forgets in ["\"a\"", "\"b\"", "\"c\"", "\"d\""] {
            let repository = Doubled(Forgetful {
                inner: repository(),
                index,
                forgets,
            });
            for check in indexes(&repository).unwrap() {
                assert_eq!(
                    check.name != index,
                    check.problems.is_empty(),
                    "{forgets} {check:?}"
                );
            }
        }
    }
}
