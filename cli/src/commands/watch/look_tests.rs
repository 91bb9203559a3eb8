//! Tests of what is believed of a look, with a source that changes while it is read.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;

use larder::Document;

use super::{COMMIT_PAUSES, Change, TRIES, Watch};
use crate::commands::watch::source::{Identity, Mark, Marks, Source, Take};
use crate::commands::watch::stop::Stop;
use crate::failure::Failure;

/// A store at one moment: of each collection the number in its one record, and whether a commit is
/// under way. A collection with no number cannot be read.
#[derive(Clone, Debug, Default)]
struct Moment {
    numbers: BTreeMap<&'static str, Option<u64>>,
    in_commit: bool,
}

/// A store that becomes the next moment after each reading of a collection and each look at a commit.
#[derive(Clone, Default)]
struct Scripted {
    moments: Rc<RefCell<VecDeque<Moment>>>,
    reads: Rc<Cell<u32>>,
}

impl Scripted {
    fn now(&self) -> Moment {
        self.moments.borrow()[0].clone()
    }

    fn go_on(&self) {
        let mut moments = self.moments.borrow_mut();
        if moments.len() > 1 {
            moments.pop_front();
        }
    }

    fn then(&self, moments: &[Moment]) {
        self.moments.borrow_mut().extend(moments.iter().cloned());
    }
}

impl Source for Scripted {
    fn marks(&mut self) -> Result<Marks, Failure> {
        let now = self.now();
        let mark = |(name, number): (&&str, &Option<u64>)| {
            let mark = Mark::Revision {
                opened: 1,
                revision: number.unwrap_or(u64::MAX),
            };
            ((*name).to_owned(), mark)
        };
        let marks = Marks {
            collections: now.numbers.iter().map(mark).collect(),
            commit: now
                .in_commit
                .then(|| Identity::of(&std::fs::metadata(".").unwrap())),
        };
        if now.in_commit {
            self.go_on();
        }
        Ok(marks)
    }

    fn read(&mut self, collection: &str, take: &mut Take<'_>) -> Result<(), Failure> {
        self.reads.set(self.reads.get() + 1);
        let number = self.now().numbers[collection];
        self.go_on();
        let Some(number) = number else {
            return Err(Failure::Request("it cannot be read".to_owned()));
        };
        let record = format!("{{\"n\":{number}}}");
        let _: ControlFlow<()> = take("r", Arc::new(Document::parse(&record).unwrap()));
        Ok(())
    }
}

fn moment(c: u64, d: u64) -> Moment {
    Moment {
        numbers: BTreeMap::from([("c", Some(c)), ("d", Some(d))]),
        in_commit: false,
    }
}

fn in_commit(c: u64, d: u64) -> Moment {
    Moment {
        in_commit: true,
        ..moment(c, d)
    }
}

/// A watch of a store that was `moment(0, 0)` at the first look, and its source.
fn begun(stop: &Stop) -> (Watch<'_>, Scripted) {
    let source = Scripted::default();
    source.then(&[moment(0, 0)]);
    let mut watch = Watch::new(Box::new(source.clone()), false, stop);
    watch.begin(|_, _| Ok(())).unwrap();
    assert_eq!(watch.counts(), (2, 2));
    source.reads.set(0);
    (watch, source)
}

fn texts(changes: &[(String, Vec<Change>)]) -> Vec<String> {
    changes
        .iter()
        .flat_map(|(name, changes)| changes.iter().map(move |change| (name, change)))
        .map(|(name, change)| {
            let after = change.after.as_ref().map_or("gone", |record| record.text());
            format!("{name}: {after}")
        })
        .collect()
}

#[test]
fn what_did_not_change_is_not_read() {
    let stop = Stop::never();
    let (mut watch, source) = begun(&stop);
    assert!(watch.look().is_empty());
    source.then(&[moment(0, 1)]);
    source.go_on();
    assert_eq!(texts(&watch.look()), ["d: {\"n\":1}"]);
    assert_eq!(source.reads.get(), 1);
}

#[test]
fn a_look_that_the_store_changed_under_begins_again() {
    let stop = Stop::never();
    let (mut watch, source) = begun(&stop);
    // Both are another; between the two readings both are changed once more.
    source.then(&[moment(1, 1), moment(2, 2)]);
    source.go_on();
    assert_eq!(texts(&watch.look()), ["c: {\"n\":2}", "d: {\"n\":2}"]);
    assert_eq!(source.reads.get(), 4);
    assert!(watch.look().is_empty(), "nothing is told twice");
}

#[test]
fn a_store_that_never_rests_is_believed_in_the_end() {
    let stop = Stop::never();
    let (mut watch, source) = begun(&stop);
    source.then(&(1..100).map(|n| moment(n, n)).collect::<Vec<_>>());
    source.go_on();
    let told = texts(&watch.look());
    assert_eq!(told, ["c: {\"n\":5}", "d: {\"n\":6}"]);
    assert_eq!(source.reads.get(), 2 * TRIES);
    // What was read too early is told at the next look.
    source.moments.borrow_mut().truncate(1);
    assert_eq!(texts(&watch.look()), ["c: {\"n\":7}", "d: {\"n\":7}"]);
}

#[test]
fn a_commit_that_is_half_way_is_waited_for() {
    let stop = Stop::never();
    let (mut watch, source) = begun(&stop);
    source.then(&[in_commit(0, 0)]);
    source.then(&vec![in_commit(1, 0); 8]);
    source.then(&[moment(1, 1)]);
    source.go_on();
    assert_eq!(texts(&watch.look()), ["c: {\"n\":1}", "d: {\"n\":1}"]);
    assert_eq!(source.reads.get(), 2);
}

#[test]
fn a_commit_that_a_crash_left_is_waited_for_once() {
    let stop = Stop::never();
    let (mut watch, source) = begun(&stop);
    let pauses = COMMIT_PAUSES as usize;
    source.then(&vec![in_commit(1, 0); pauses + 5]);
    source.go_on();
    assert_eq!(texts(&watch.look()), ["c: {\"n\":1}"]);
    let left = source.moments.borrow().len();
    assert!(left < 5, "it was waited for: {left}");
    source.then(&[in_commit(2, 0)]);
    while source.moments.borrow().len() > 1 {
        source.go_on();
    }
    assert_eq!(texts(&watch.look()), ["c: {\"n\":2}"]);
}

#[test]
fn what_cannot_be_read_is_as_it_was_and_keeps_nothing_back() {
    let stop = Stop::never();
    let (mut watch, source) = begun(&stop);
    let mut broken = moment(1, 0);
    broken.numbers.insert("d", None);
    source.then(&[broken]);
    source.go_on();
    assert_eq!(texts(&watch.look()), ["c: {\"n\":1}"]);
    assert_eq!(watch.counts(), (2, 2));
    assert!(watch.look().is_empty());
    source.then(&[moment(1, 3)]);
    source.go_on();
    assert_eq!(texts(&watch.look()), ["d: {\"n\":3}"]);
    // A collection that is not there any more is another matter.
    let mut gone = moment(1, 3);
    gone.numbers.remove("c");
    source.then(&[gone]);
    source.go_on();
    assert_eq!(texts(&watch.look()), ["c: gone"]);
}
