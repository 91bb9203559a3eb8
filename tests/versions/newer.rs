//! Data of a newer version: refused, or opened for reading.

use super::*;

pub(crate) fn newer_data_is_refused_and_not_touched(it: Setup) {
    let it = it.of_first();
    it.open().repository::<Fourth>().unwrap();
    let before = it.documents();
    let store = it.open();
    let error = store.repository::<First>().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NewerVersion);
    store.close().wait().unwrap();
    assert_eq!(it.documents(), before);
}

/// As the first program reads what the fourth wrote: of that it knows the id and the turns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "sessions", version = 3)]
pub(crate) struct Third {
    #[record(id)]
    id: String,
    #[serde(default)]
    label: String,
    turns: f64,
}

pub(crate) fn newer_data_opens_for_reading_where_so_configured(it: Setup) {
    let it = it.of_first();
    it.open().repository::<Fourth>().unwrap();
    let before = it.documents();
    let store = Store::open(it.config().on_newer(OnNewer::ReadOnly)).unwrap();
    let sessions = store.repository::<Third>().unwrap();
    assert_eq!(sessions.count(Query::all()).unwrap(), 2);
    let report = sessions.load_report();
    assert_eq!(report.count_of(IssueKind::NewerVersion), 1);
    let read = sessions.get("a").unwrap().unwrap();
    let refused = sessions.save(Third::clone(&read)).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::NewerVersion);
    assert!(refused.to_string().contains("version 4"), "{refused}");
    assert_eq!(
        sessions.delete("a").unwrap_err().kind(),
        ErrorKind::NewerVersion
    );
    let refused = store.transaction(|tx| {
        assert_eq!(tx.get::<Third>("a")?.as_deref(), Some(&*read));
        assert_eq!(tx.count::<Third>(Query::all())?, 2);
        tx.delete::<Third>("a")
    });
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::NewerVersion);
    // Another collection of the store is as ever.
    let notes = store
        .collection(Collection::<Value>::named("notes"))
        .unwrap();
    notes.save(json!({"id": "n"})).unwrap().wait().unwrap();
    assert!(sessions.get("a").unwrap().is_some());
    store.close().wait().unwrap();
    assert_eq!(it.documents(), before);
    let store = it.open();
    assert!(
        store
            .repository::<Fourth>()
            .unwrap()
            .load_report()
            .is_clean()
    );
    assert!(
        store
            .documents("notes")
            .unwrap()
            .get("n")
            .unwrap()
            .is_some()
    );
}

pub(crate) fn what_newer_data_refuses_has_a_quarantine(it: Setup) {
    let it = it.of_first();
    let newer = |store: &Store| {
        let all = Collection::<Value>::named("sessions").with_version(5);
        let sessions = store.collection(all).unwrap();
        sessions.save(json!({"id": "d"})).unwrap().wait().unwrap();
    };
    let store = it.open();
    newer(&store);
    store.close().wait().unwrap();
    let before = it.documents();
    let config = it.config().on_newer(OnNewer::ReadOnly);
    let store = Store::open(config).unwrap();
    let sessions = store.repository::<First>().unwrap();
    let known = store.quarantine().unwrap().len();
    let issue = Issue::new("sessions", IssueKind::Schema, Action::Dropped, "refused");
    let entry = Quarantined::new(issue, b"{\"offered\":true}");
    store.reject(vec![entry]).unwrap().wait().unwrap();
    assert_eq!(store.quarantine().unwrap().len(), known + 1);
    drop(sessions);
    store.close().wait().unwrap();
    assert_eq!(it.documents(), before);
    let kept = it.open().quarantine().unwrap();
    assert!(kept.iter().any(|it| it.bytes() == b"{\"offered\":true}"));
}
