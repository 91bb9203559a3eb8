//! Rejected, not destroyed: a record that cannot come in leaves the view, is told as an issue, and its exact
//! bytes are kept in quarantine, from which it can be put back.

use std::collections::{BTreeMap, BTreeSet};

use larder_core::{
    Action, Backend, Collection, ErrorKind, Issue, IssueKind, OnInvalid, Options, Quarantined,
    Query, RepositoryExt,
};

use crate::agreement::agree;
use crate::pantry::{Pantry, patient, refused};
use crate::records::{Jar, jar, labelled};
use crate::setup::Setup;

/// As another program may write it: with spaces that no store of ours writes.
fn text(jar: &Jar) -> String {
    let text = serde_json::to_string(jar).unwrap();
    text.replacen("{\"id\":", "{ \"id\" : ", 1)
}

/// A text that is no jar, with a word in it that no message may repeat.
struct Bad {
    text: String,
    id: Option<&'static str>,
    kind: IssueKind,
}

const SECRET: &str = "hunter2";

fn bad() -> Vec<Bad> {
    let wrong = |id: &'static str, from: &str, to: &str, kind| Bad {
        text: {
            let text = text(&jar(id));
            assert!(text.contains(from), "{text}");
            text.replacen(from, to, 1)
        },
        id: Some(id),
        kind,
    };
    let secret = format!("\"grams\":\"{SECRET}\"");
    let no_json = format!("\"grams\":1,\"note\":{SECRET}");
    vec![
        wrong("b", "\"grams\":1", &secret, IssueKind::Schema),
        wrong("c", "\"grams\":1", "\"grams\":13", IssueKind::Schema),
        wrong(
            "d",
            "\"shelf\":\"top\"",
            "\"shelf\":\"\"",
            IssueKind::Schema,
        ),
        wrong("e", "\"grams\":1,", "", IssueKind::Schema),
        Bad {
            id: None,
            ..wrong(
                "f",
                "\"grams\":1,\"price\":null,\"note\":null",
                &no_json,
                IssueKind::Syntax,
            )
        },
    ]
}

/// A store in whose place another program has put these texts.
fn planted<'s, S: Setup>(setup: &'s S, texts: &[&str]) -> Pantry<'s, S> {
    planted_with(setup, texts, patient())
}

fn planted_with<'s, S: Setup>(setup: &'s S, texts: &[&str], options: Options) -> Pantry<'s, S> {
    let it = Pantry::stocked(setup, [jar("before")]);
    it.close().plant("jars", texts);
    Pantry::open_with(setup, options)
}

/// The bad ones between good ones.
fn among_good<'s, S: Setup>(setup: &'s S, bad: &[Bad], options: Options) -> Pantry<'s, S> {
    let good = [text(&labelled("a", "x")), text(&jar("z"))];
    let mut texts: Vec<&str> = bad.iter().map(|bad| bad.text.as_str()).collect();
    texts.insert(0, &good[0]);
    texts.push(&good[1]);
    planted_with(setup, &texts, options)
}

/// The bytes of an entry, for people. What the cases plant and offer is text.
fn shown(entry: &Quarantined) -> String {
    String::from_utf8_lossy(entry.bytes()).into_owned()
}

/// The bytes in quarantine.
fn kept<S: Setup>(it: &Pantry<'_, S>) -> BTreeSet<String> {
    let entries = it.store.quarantine().unwrap();
    let bytes: BTreeSet<String> = entries.iter().map(shown).collect();
    assert_eq!(
        bytes.len(),
        entries.len(),
        "something is in quarantine twice"
    );
    bytes
}

fn bytes_of(bad: &[Bad]) -> BTreeSet<String> {
    bad.iter().map(|bad| bad.text.clone()).collect()
}

/// What left the view, by id. What is no JSON counts under nothing: its id cannot be read there, but a database
/// may know it from its row.
fn dropped(issues: &[Issue]) -> BTreeMap<Option<&str>, &Issue> {
    let dropped = issues.iter().filter(|issue| issue.is_drop());
    dropped
        .map(|issue| {
            let id = issue.id().filter(|_| issue.kind() != IssueKind::Syntax);
            (id, issue)
        })
        .collect()
}

/// The good ones are in the view. Of each bad one there is an issue: its collection, its kind, its id where
/// that can be read, and that it was dropped.
pub fn what_is_not_valid_leaves_the_view_and_is_told<S: Setup>(setup: &S) {
    let bad = bad();
    let it = among_good(setup, &bad, patient());
    assert_eq!(it.ids().0, ["a", "z"]);
    agree(&*it.jars);
    let report = it.jars.load_report();
    assert_eq!(report.dropped(), bad.len(), "{:?}", report.issues());
    let dropped = dropped(report.issues());
    for bad in &bad {
        let issue = dropped
            .get(&bad.id)
            .unwrap_or_else(|| panic!("no issue of {}", bad.text));
        assert_eq!(issue.kind(), bad.kind, "{issue}");
        assert_eq!(issue.action(), Action::Dropped, "{issue}");
        assert_eq!(issue.collection(), "jars", "{issue}");
        assert!(!issue.message().is_empty(), "{issue}");
    }
    let of = |id| &dropped[&Some(id)];
    assert_eq!(
        of("b").violations()[0].path(),
        "/grams",
        "where it is wrong"
    );
    assert_eq!(of("c").violations()[0].keyword(), "unlucky");
    assert_eq!(of("d").violations()[0].path(), "/shelf");
    assert_eq!(of("e").violations()[0].keyword(), "required");
}

/// Values may be secrets.
pub fn no_issue_tells_a_value<S: Setup>(setup: &S) {
    let it = among_good(setup, &bad(), patient());
    let told = format!("{:?} {}", it.store.load_report(), it.store.load_report());
    let shown: Vec<String> = it
        .store
        .load_report()
        .issues()
        .iter()
        .map(ToString::to_string)
        .collect();
    let quarantine = format!("{:?}", it.store.quarantine().unwrap());
    for text in [told, shown.join("\n"), quarantine] {
        assert!(!text.contains(SECRET), "a value was told: {text}");
    }
}

/// Byte for byte, and each with the issue that says why.
pub fn its_exact_bytes_are_kept<S: Setup>(setup: &S) {
    let bad = bad();
    let it = among_good(setup, &bad, patient());
    assert_eq!(kept(&it), bytes_of(&bad));
    for entry in it.store.quarantine().unwrap() {
        let bad = bad.iter().find(|bad| bad.text.as_bytes() == entry.bytes());
        assert_eq!(entry.issue().kind(), bad.unwrap().kind);
        assert_eq!(entry.collection(), "jars");
        assert!(entry.issue().is_drop());
    }
    assert_eq!(it.store.stats().unwrap().quarantined, bad.len() as u64);
}

/// However often the store is opened, and whatever is saved beside it.
pub fn it_is_kept_once_and_for_good<S: Setup>(setup: &S) {
    let bad = bad();
    let mut it = among_good(setup, &bad, patient());
    let keys = |it: &Pantry<'_, S>| -> BTreeSet<String> {
        let entries = it.store.quarantine().unwrap();
        entries.iter().map(|entry| entry.key().to_owned()).collect()
    };
    let first = keys(&it);
    for id in ["g", "h", "i"] {
        it.put(jar(id));
        it = it.reopen();
        assert_eq!(kept(&it), bytes_of(&bad));
        assert_eq!(keys(&it), first, "an entry got another key");
    }
    assert_eq!(it.ids().0, ["a", "g", "h", "i", "z"]);
    it.jars.clear().unwrap().wait().unwrap();
    assert_eq!(kept(&it), bytes_of(&bad), "a clear is of the view");
}

/// What is rejected takes no key: its id and its unique key are free.
pub fn what_is_rejected_holds_no_key<S: Setup>(setup: &S) {
    let rejected = Jar {
        grams: 13,
        ..labelled("b", "x")
    };
    let it = planted(setup, &[&text(&rejected)]);
    assert!(it.jars.get("b").unwrap().is_none());
    it.jars.insert(labelled("c", "x")).unwrap().detach();
    it.jars.insert(jar("b")).unwrap().detach();
    agree(&*it.jars);
    let it = it.reopen();
    assert_eq!(it.ids().0, ["b", "c"]);
    assert_eq!(kept(&it), BTreeSet::from([text(&rejected)]));
}

/// Two records with one unique key: the one with the smaller id stays, whichever comes first.
pub fn of_two_with_one_key_the_smaller_id_stays<S: Setup>(setup: &S) {
    let [z, b, a] = ["z", "b", "a"].map(|id| text(&labelled(id, "x")));
    let it = planted(setup, &[&z, &b, &a]);
    assert_eq!(it.ids().0, ["a"]);
    let report = it.jars.load_report();
    let dropped = dropped(report.issues());
    let ids: Vec<_> = dropped.keys().copied().collect();
    assert_eq!(ids, [Some("b"), Some("z")]);
    for issue in dropped.values() {
        assert_eq!(issue.kind(), IssueKind::UniqueViolation, "{issue}");
    }
    assert_eq!(kept(&it), BTreeSet::from([b, z]));
    agree(&*it.jars);
}

/// When nothing is in its way any more it is put back, and its entry can be purged.
pub fn what_was_rejected_can_be_restored<S: Setup>(setup: &S) {
    let [a, z] = ["a", "z"].map(|id| text(&labelled(id, "x")));
    let it = planted(setup, &[&a, &z]);
    let [entry] = it.store.quarantine().unwrap().try_into().unwrap();
    let error = refused(it.jars.restore(&entry));
    assert_eq!(error.kind(), ErrorKind::UniqueViolation, "{error}");
    it.jars.delete("a").unwrap().detach();
    let restored = it.jars.restore(&entry).unwrap().wait().unwrap();
    assert_eq!(*restored, labelled("z", "x"));
    let keys = [entry.key().to_owned()];
    assert_eq!(it.store.purge_quarantine(&keys).unwrap(), 1);
    assert_eq!(it.store.purge_quarantine(&keys).unwrap(), 0, "it is gone");
    let it = it.reopen();
    assert_eq!(it.all(), [labelled("z", "x")]);
    assert!(it.store.quarantine().unwrap().is_empty());
    agree(&*it.jars);
}

/// What is wrong still, or in the way of what is there, is not put back, and stays where it is.
pub fn what_is_still_wrong_is_not_restored<S: Setup>(setup: &S) {
    let bad = bad();
    let it = among_good(setup, &bad, patient());
    for entry in it.store.quarantine().unwrap() {
        let error = refused(it.jars.restore(&entry));
        let wanted = match entry.issue().kind() {
            // The bytes are no record of the type at all, or one that is not valid.
            IssueKind::Syntax => [ErrorKind::Encode; 2],
            _ => [ErrorKind::Invalid, ErrorKind::Encode],
        };
        assert!(wanted.contains(&error.kind()), "{error}");
        assert!(!error.to_string().contains(SECRET), "{error}");
    }
    assert_eq!(it.ids().0, ["a", "z"]);
    assert_eq!(kept(&it), bytes_of(&bad));
}

/// A purge forgets what it is told and nothing else.
pub fn a_purge_forgets_what_it_is_told<S: Setup>(setup: &S) {
    let bad = bad();
    let it = among_good(setup, &bad, patient());
    let entries = it.store.quarantine().unwrap();
    let unknown = ["0000000000000000".to_owned()];
    assert_eq!(it.store.purge_quarantine(&unknown).unwrap(), 0);
    let (gone, stay) = entries.split_at(2);
    let keys: Vec<String> = gone.iter().map(|entry| entry.key().to_owned()).collect();
    assert_eq!(it.store.purge_quarantine(&keys).unwrap(), 2);
    let stay: BTreeSet<String> = stay.iter().map(shown).collect();
    assert_eq!(kept(&it), stay);
    // The records that were purged must not be found wrong anew.
    it.put(jar("g"));
    let it = it.reopen();
    assert_eq!(kept(&it), stay);
}

/// A store that is told to reject opens a collection whole or not at all, and touches nothing.
pub fn a_store_may_refuse_what_is_not_valid<S: Setup>(setup: &S) {
    let bad = bad();
    let it = Pantry::stocked(setup, [jar("before")]);
    let texts: Vec<&str> = bad.iter().map(|bad| bad.text.as_str()).collect();
    it.close().plant("jars", &texts);
    let strict = Options {
        on_invalid: OnInvalid::Reject,
        ..patient()
    };
    let store = setup.open(strict).unwrap();
    let error = setup.collection(&store, Collection::<Jar>::of()).map(drop);
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected, "{error}");
    assert!(!error.to_string().contains(SECRET), "{error}");
    assert!(
        error.to_string().contains("/grams"),
        "it says where: {error}"
    );
    store.close().wait().unwrap();
    drop(store);
    let it = Pantry::open(setup);
    assert!(it.all().is_empty());
    assert_eq!(kept(&it), bytes_of(&bad));
}

/// A store that is told to mend drops what its schema lets it drop, says so, and keeps the original.
pub fn a_store_may_mend_what_is_not_valid<S: Setup>(setup: &S) {
    let wrong = text(&labelled("b", "x")).replacen("\"note\":null", "\"note\":7", 1);
    let hopeless = text(&jar("c")).replacen("\"shelf\":\"top\"", "\"shelf\":7", 1);
    let repair = Options {
        on_invalid: OnInvalid::Repair,
        ..patient()
    };
    let it = planted_with(setup, &[&wrong, &hopeless], repair);
    assert_eq!(it.all(), [labelled("b", "x")]);
    let report = it.jars.load_report();
    assert_eq!((report.repaired(), report.dropped()), (1, 1));
    let mended = report.issues().iter().find(|issue| issue.id() == Some("b"));
    let mended = mended.unwrap();
    assert_eq!(mended.action(), Action::Repaired);
    assert!(!mended.repairs().is_empty(), "{mended}");
    assert_eq!(kept(&it), BTreeSet::from([wrong, hopeless]));
    agree(&*it.jars);
    let it = it.reopen();
    assert_eq!(it.all(), [labelled("b", "x")]);
}

/// Opened for reading, the view is the same, the rejected are told, and nothing is changed.
pub fn for_reading_nothing_is_changed<S: Setup>(setup: &S) {
    let bad = bad();
    let read_only = Options {
        read_only: true,
        ..patient()
    };
    for _ in 0..2 {
        let it = among_good(setup, &bad, read_only.clone());
        assert_eq!(it.ids().0, ["a", "z"]);
        assert_eq!(it.jars.load_report().dropped(), bad.len());
        assert_eq!(kept(&it), bytes_of(&bad));
        it.close();
        // Whoever opens it for writing finds all of it.
        let it = Pantry::open(setup);
        assert_eq!(it.ids().0, ["a", "z"]);
        assert_eq!(kept(&it), bytes_of(&bad));
        it.close();
    }
}

/// The report of the store is that of its collections together.
pub fn the_store_reports_what_its_collections_report<S: Setup>(setup: &S) {
    let bad = bad();
    let it = among_good(setup, &bad, patient());
    let of = |issues: &[Issue]| -> BTreeSet<String> {
        let dropped = issues.iter().filter(|issue| issue.is_drop());
        dropped.map(ToString::to_string).collect()
    };
    let all = of(it.store.load_report().issues());
    assert_eq!(all, of(it.jars.load_report().issues()));
    assert_eq!(all.len(), bad.len());
    assert!(it.recipes.load_report().is_clean());
}

/// An entry of a record that was offered from elsewhere and refused.
fn offered(text: &str) -> Quarantined {
    let issue = Issue::new("jars", IssueKind::Schema, Action::Dropped, "it was offered");
    Quarantined::new(issue, text.as_bytes())
}

/// Records that were offered and refused can be kept, once each, if their collection is open.
pub fn what_was_offered_can_be_kept<S: Setup>(setup: &S) {
    let it = Pantry::open(setup);
    let entries = || vec![offered("{\"id\":1}"), offered("no JSON")];
    for _ in 0..2 {
        it.store.reject(entries()).unwrap().wait().unwrap();
        let wanted = ["{\"id\":1}", "no JSON"].map(str::to_owned);
        assert_eq!(kept(&it), BTreeSet::from(wanted));
    }
    let issue = Issue::new("nowhere", IssueKind::Schema, Action::Dropped, "offered");
    let error = refused(it.store.reject(vec![Quarantined::new(issue, b"{}")]));
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    assert_eq!(it.jars.count(Query::all()).unwrap(), 0);
    it.jars.clear().unwrap().detach();
    assert_eq!(kept(&it).len(), 2, "a clear is of the view");
    let keys = [it.store.quarantine().unwrap()[0].key().to_owned()];
    assert_eq!(it.store.purge_quarantine(&keys).unwrap(), 1);
    assert_eq!(kept(&it).len(), 1);
}

/// And is found after the machine has stopped, if it was awaited.
pub fn what_was_offered_is_durable<S: Setup>(setup: &S) {
    let it = Pantry::open(setup);
    let entry = offered("{\"id\":1}");
    it.store
        .reject(vec![entry.clone()])
        .unwrap()
        .wait()
        .unwrap();
    let it = it.crash();
    let [found] = it.store.quarantine().unwrap().try_into().unwrap();
    assert_eq!(found, entry, "with its time and its reason");
}
