//! Tests of the comparison of two looks: from what was before and the changes comes what is there.

use std::collections::BTreeMap;
use std::sync::Arc;

use larder::Document;
use proptest::prelude::*;

use super::{Change, Kind, Seen};

type Records = BTreeMap<String, u8>;

fn document(id: &str, n: u8) -> Arc<Document> {
    Arc::new(Document::parse(&format!("{{\"id\":\"{id}\",\"n\":{n}}}")).unwrap())
}

/// What a look at these records tells.
fn look(seen: &mut Seen, records: &Records) -> Vec<Change> {
    let mut stage = seen.stage("c");
    for (id, n) in records {
        stage.keep(id, document(id, *n));
    }
    let (now, changes) = stage.finish();
    seen.accept("c".to_owned(), now);
    changes
}

fn records() -> impl Strategy<Value = Records> {
    prop::collection::btree_map("[a-d]{1,2}", 0u8..3, 0..12)
}

proptest! {
    #[test]
    fn the_changes_lead_from_one_look_to_the_next(
        looks in prop::collection::vec(records(), 1..6),
        keeps: bool,
    ) {
        let mut seen = Seen::new(keeps);
        let mut before = Records::new();
        for after in looks {
            let changes = look(&mut seen, &after);
            let mut ids: Vec<_> = changes.iter().map(|change| Arc::clone(&change.id)).collect();
            ids.dedup();
            prop_assert_eq!(ids.len(), changes.len(), "one change a record");
            prop_assert!(ids.is_sorted());
            let mut led = before.clone();
            for change in &changes {
                let was = before.get(&*change.id).map(|n| document(&change.id, *n));
                let is = after.get(&*change.id).map(|n| document(&change.id, *n));
                prop_assert_ne!(&was, &is, "a change is one");
                let kind = match (&was, &is) {
                    (None, _) => Kind::Inserted,
                    (Some(_), Some(_)) => Kind::Updated,
                    (Some(_), None) => Kind::Deleted,
                };
                prop_assert_eq!(change.kind, kind);
                prop_assert_eq!(&change.before, &was.filter(|_| keeps));
                prop_assert_eq!(&change.after, &is);
                match after.get(&*change.id) {
                    Some(n) => led.insert(change.id.to_string(), *n),
                    None => led.remove(&*change.id),
                };
            }
            prop_assert_eq!(&led, &after);
            prop_assert!(look(&mut seen, &after).is_empty(), "nothing is told twice");
            prop_assert_eq!(seen.counts(), (after.len(), 1));
            before = after;
        }
    }
}

#[test]
fn hashes_alone_are_kept_unless_records_are_asked_for() {
    for keeps in [false, true] {
        let record = document("a", 1);
        let mut seen = Seen::new(keeps);
        let mut stage = seen.stage("c");
        stage.keep("a", Arc::clone(&record));
        let (now, changes) = stage.finish();
        seen.accept("c".to_owned(), now);
        drop(changes);
        assert_eq!(Arc::strong_count(&record), if keeps { 2 } else { 1 });
    }
}
