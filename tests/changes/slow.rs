//! Who does not keep up: what is lost, that it is told how much, and that nobody else notices.

use std::collections::VecDeque;
use std::sync::Arc;

use larder::prelude::*;
use larder::{ChangeEvent, Query};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::{Mark, Note, ROOM, Setup, changed, is_quiet, mark, note};

const CAPACITY: usize = 16;

#[derive(Clone, Debug)]
enum Step {
    Save(u8),
    Delete(u8),
    Clear,
    /// A transaction that saves so many notes and so many marks.
    Together(usize, usize),
    /// So many times, as far as there is something.
    Read(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..6_u8).prop_map(Step::Save),
        3 => (0..6_u8).prop_map(Step::Delete),
        1 => Just(Step::Clear),
        4 => (0..6_usize, 0..6_usize).prop_map(|(a, b)| Step::Together(a, b)),
        1 => (0..40_usize, 0..40_usize).prop_map(|(a, b)| Step::Together(a, b)),
        3 => (1..8_usize).prop_map(Step::Read),
    ]
}

/// What one reader should find: the newest whole events that there is room for, and before them how
/// many changes there was none for.
#[derive(Default)]
struct Expected {
    events: VecDeque<(u64, usize)>,
    missed: u64,
}

impl Expected {
    fn tell(&mut self, sequence: u64, changes: usize) {
        if changes == 0 {
            return;
        }
        self.events.push_back((sequence, changes));
        let mut held: usize = self.events.iter().map(|(_, changes)| changes).sum();
        // The newest stays, however large it is.
        while held > CAPACITY && self.events.len() > 1 {
            let (_, gone) = self.events.pop_front().unwrap();
            held -= gone;
            self.missed += gone as u64;
        }
    }

    /// One look; gives how many changes it accounts for.
    fn read<C: std::fmt::Debug>(
        &mut self,
        event: Option<ChangeEvent<C>>,
        sequence: impl Fn(&C) -> u64,
    ) -> u64 {
        if self.missed > 0 {
            let missed = std::mem::take(&mut self.missed);
            assert!(
                matches!(event, Some(ChangeEvent::Missed(told)) if told == missed),
                "{event:?}, not {missed} missed"
            );
            return missed;
        }
        let Some((wanted, changes)) = self.events.pop_front() else {
            assert!(event.is_none(), "{event:?}, not nothing");
            return 0;
        };
        let batch = changed(event);
        assert_eq!(batch.len(), changes);
        assert!(batch.iter().all(|change| sequence(change) == wanted));
        changes as u64
    }

    fn is_read(&self) -> bool {
        self.missed == 0 && self.events.is_empty()
    }
}

fn interleaved(scheme: &str, steps: &[Step]) {
    let it = Setup::new(scheme);
    let mut all = it.store.listen(CAPACITY).unwrap();
    let mut notes = it.notes.listen(CAPACITY).unwrap();
    let mut expected = [Expected::default(), Expected::default()];
    let (mut made, mut told) = ([0, 0], [0, 0]);
    let mut read = |expected: &mut [Expected; 2], told: &mut [u64; 2]| {
        told[0] += expected[0].read(all.try_next(), larder::StoreChange::sequence);
        told[1] += expected[1].read(notes.try_next(), |change| change.sequence);
    };
    for step in steps {
        let (of_notes, of_marks) = match step {
            Step::Save(id) => {
                it.save(&id.to_string(), 1);
                (1, 0)
            }
            Step::Delete(id) => {
                let gone = it.notes.delete(&id.to_string()).unwrap();
                (usize::from(gone.into_visible().unwrap().is_some()), 0)
            }
            Step::Clear => {
                let gone = it.notes.clear().unwrap().into_visible().unwrap();
                (usize::try_from(gone).unwrap(), 0)
            }
            Step::Together(of_notes, of_marks) => {
                let write = it.store.transaction(|tx| {
                    for n in 0..*of_notes {
                        tx.save(note(&n.to_string(), 2))?;
                    }
                    for n in 0..*of_marks {
                        tx.save(mark(&n.to_string(), 2))?;
                    }
                    Ok(())
                });
                write.unwrap().detach();
                (*of_notes, *of_marks)
            }
            Step::Read(times) => {
                for _ in 0..*times {
                    read(&mut expected, &mut told);
                }
                continue;
            }
        };
        let sequence = it.sequence();
        expected[0].tell(sequence, of_notes + of_marks);
        expected[1].tell(sequence, of_notes);
        made[0] += (of_notes + of_marks) as u64;
        made[1] += of_notes as u64;
    }
    while !expected.iter().all(Expected::is_read) {
        read(&mut expected, &mut told);
    }
    read(&mut expected, &mut told);
    assert_eq!(told, made);
}

pub(crate) fn what_a_slow_reader_lost_is_known_exactly(scheme: &str) {
    let long = std::env::var("LARDER_PROOF").is_ok_and(|proof| proof == "long");
    let config = ProptestConfig {
        cases: if long { 2_000 } else { 50 },
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    TestRunner::new(config)
        .run(&vec(step(), 1..60), |steps| {
            interleaved(scheme, &steps);
            Ok(())
        })
        .unwrap();
}

pub(crate) fn readers_are_independent(scheme: &str) {
    let it = Setup::new(scheme);
    let mut fast = it.store.listen(2).unwrap();
    let mut slow = it.store.listen(2).unwrap();
    let mut large = it.store.listen(ROOM).unwrap();
    let mut of_marks = it.marks.listen(2).unwrap();
    let dropped = it.store.listen(2).unwrap();
    for n in 1..=9 {
        it.save("a", n);
        let batch = changed(fast.try_next());
        assert_eq!(batch[0].after::<Note>().unwrap().n, n);
        is_quiet(&mut fast);
    }
    drop(dropped);
    drop(it.store.listen(2).unwrap());
    it.marks.save(mark("m", 10)).unwrap().detach();
    assert!(matches!(slow.try_next(), Some(ChangeEvent::Missed(8))));
    assert_eq!(changed(slow.try_next())[0].after::<Note>().unwrap().n, 9);
    assert_eq!(changed(slow.try_next())[0].collection(), "marks");
    is_quiet(&mut slow);
    assert_eq!(changed(of_marks.try_next()).len(), 1);
    assert!(of_marks.try_next().is_none());
    let told = std::iter::from_fn(|| large.try_next()).map(|event| changed(Some(event)).len());
    assert_eq!(told.sum::<usize>(), 10);
    // Who begins later is told what comes later.
    let mut late = it.store.listen(2).unwrap();
    is_quiet(&mut late);
    it.save("a", 11);
    for changes in [&mut fast, &mut slow, &mut large, &mut late] {
        let told = std::iter::from_fn(|| changes.try_next()).last();
        assert_eq!(changed(told)[0].after::<Note>().unwrap().n, 11);
    }
}

pub(crate) fn a_reader_that_is_dropped_costs_nothing(scheme: &str) {
    let it = Setup::new(scheme);
    let saved = |n| {
        let record = it.notes.save(note("a", n)).unwrap();
        Arc::downgrade(&record.into_visible().unwrap())
    };
    let one = it.store.listen(ROOM).unwrap();
    let other = it.notes.listen(ROOM).unwrap();
    let mut records: Vec<_> = (0..100).map(saved).collect();
    it.notes.clear().unwrap().detach();
    // They are kept for those who have not read them.
    assert!(records.iter().all(|record| record.upgrade().is_some()));
    drop(one);
    assert!(records.iter().all(|record| record.upgrade().is_some()));
    drop(other);
    // And for nobody else, neither those that waited nor those that come.
    records.extend((0..100).map(saved));
    it.notes.clear().unwrap().detach();
    assert_eq!(it.notes.count(Query::all()).unwrap(), 0);
    let kept = records.iter().filter(|it| it.upgrade().is_some());
    assert_eq!(kept.count(), 0);
    // What is lost, or was read, is kept for nobody, too.
    let mut small = it.store.listen(2).unwrap();
    let records: Vec<_> = (0..10).map(saved).collect();
    it.marks
        .save_all([mark("m", 1), mark("k", 1)])
        .unwrap()
        .detach();
    it.notes.clear().unwrap().detach();
    while small.try_next().is_some() {}
    assert!(records.iter().all(|record| record.upgrade().is_none()));
    assert!(small.try_next().is_none());
    assert_eq!(it.marks.find(Query::<Mark>::all()).unwrap().len(), 2);
}
