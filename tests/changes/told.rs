//! What is told: every change once, in the store's order, when it is visible.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::task::{Context, Poll, Wake, Waker};

use larder::prelude::*;
use larder::{
    AnyRepository, Change, ChangeEvent, ChangeKind, Error, ErrorKind, Query, StoreChange,
};

use crate::{EndIfFailed, Mark, Note, ROOM, Setup, changed, is_quiet, mark, note};

const WRITERS: u64 = 4;
const EACH: u64 = 150;

/// A record of either collection, as far as replaying has to tell them apart.
fn n_of(change: &StoreChange, after: bool) -> Option<u64> {
    match change.collection() {
        "notes" => {
            let record = if after {
                change.after::<Note>()
            } else {
                change.before()
            };
            record.map(|it| it.n)
        }
        "marks" => {
            let record = if after {
                change.after::<Mark>()
            } else {
                change.before()
            };
            record.map(|it| it.n)
        }
        other => panic!("there is no collection {other}"),
    }
}

/// Changes, applied one after the other.
#[derive(Default)]
struct Replay {
    records: BTreeMap<(String, String), u64>,
    sequence: u64,
    changes: u64,
}

impl Replay {
    fn event(&mut self, batch: &[StoreChange]) {
        // Writes that change something are numbered without a gap, and each is one event.
        self.sequence += 1;
        assert!(!batch.is_empty());
        for change in batch {
            assert_eq!(change.sequence(), self.sequence);
            let key = (change.collection().to_owned(), change.id().to_owned());
            let (before, after) = (n_of(change, false), n_of(change, true));
            let kind = match (before, after) {
                (None, Some(_)) => ChangeKind::Inserted,
                (Some(_), Some(_)) => ChangeKind::Updated,
                (Some(_), None) => ChangeKind::Deleted,
                (None, None) => panic!("{change:?} is no change"),
            };
            assert_eq!(change.kind(), kind);
            let was = match after {
                Some(n) => self.records.insert(key, n),
                None => self.records.remove(&key),
            };
            assert_eq!(was, before, "{change:?} begins with what is not there");
            self.changes += 1;
        }
    }

    /// What is there now of one collection.
    fn of(&self, collection: &str) -> BTreeMap<String, u64> {
        let records = self.records.iter();
        records
            .filter(|((of, _), _)| of == collection)
            .map(|((_, id), n)| (id.clone(), *n))
            .collect()
    }
}

/// Saves, deletes, transactions and clears; gives how many changes it made.
fn write(it: &Setup, writer: u64) -> u64 {
    let mut made = 0;
    for n in 0..EACH {
        let unique = writer * EACH + n + 1;
        let id = format!("{}", (writer + n) % 6);
        made += match (writer + n) % 10 {
            0..=3 => {
                it.save(&id, unique);
                1
            }
            4 => {
                let gone = it.notes.delete(&id).unwrap().into_visible().unwrap();
                u64::from(gone.is_some())
            }
            5 | 6 => it
                .store
                .transaction(|tx| {
                    tx.save(mark(&id, unique))?;
                    let gone = tx.delete::<Note>(&id)?;
                    tx.save(mark("all", unique))?;
                    let updated = tx.update::<Note>("0", |it| it.n = unique)?;
                    Ok(2 + u64::from(gone.is_some()) + u64::from(updated.is_some()))
                })
                .unwrap()
                .into_visible()
                .unwrap(),
            7 => {
                let all = (0..4).map(|k| note(&format!("{k}"), unique));
                it.notes.save_all(all).unwrap().detach();
                4
            }
            8 => {
                let refused = it.store.transaction(|tx| {
                    tx.save(note(&id, unique))?;
                    tx.of::<Mark>()?.clear()?;
                    Err::<(), _>(Error::new(ErrorKind::Internal, "on purpose"))
                });
                assert!(refused.is_err());
                0
            }
            _ if n % 20 == 19 => it.marks.clear().unwrap().into_visible().unwrap(),
            _ => it.notes.clear().unwrap().into_visible().unwrap(),
        };
    }
    made
}

pub(crate) fn a_fast_reader_is_told_everything_once_and_in_order(scheme: &str) {
    let it = Setup::new(scheme);
    let mut changes = it.store.listen(ROOM).unwrap();
    let mut of_notes = it.notes.listen(ROOM).unwrap();
    let first = it.sequence();
    let start = Barrier::new(4);
    std::thread::scope(|threads| {
        let _end = EndIfFailed(&it.store);
        let all = threads.spawn(move || {
            let mut replay = Replay {
                sequence: first,
                ..Replay::default()
            };
            while let Some(event) = changes.wait() {
                replay.event(&changed(Some(event)));
            }
            replay
        });
        let notes = threads.spawn(move || {
            let mut told: Vec<Change<Note>> = Vec::new();
            while let Some(event) = pollster::block_on(of_notes.next()) {
                told.extend(changed(Some(event)));
            }
            told
        });
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (it, start) = (&it, &start);
                threads.spawn(move || {
                    start.wait();
                    write(it, writer)
                })
            })
            .collect();
        let made: u64 = writers.into_iter().map(|it| it.join().unwrap()).sum();
        let notes_now = it.notes.find(Query::all()).unwrap();
        let notes_now = notes_now.iter().map(|it| (it.id.clone(), it.n)).collect();
        let marks_now = it.marks.find(Query::all()).unwrap();
        let marks_now = marks_now.iter().map(|it| (it.id.clone(), it.n)).collect();
        let last = it.sequence();
        it.store.close().wait().unwrap();
        let replay = all.join().unwrap();
        assert_eq!((replay.changes, replay.sequence), (made, last));
        assert_eq!(
            [&replay.of("notes"), &replay.of("marks")],
            [&notes_now, &marks_now]
        );
        is_its_part(&notes.join().unwrap(), &notes_now);
    });
}

/// Who listens to one collection is told its part, in the same order.
fn is_its_part(told: &[Change<Note>], now: &BTreeMap<String, u64>) {
    assert!(told.is_sorted_by_key(|change| change.sequence));
    let mut records = BTreeMap::new();
    for change in told {
        let before = change.before.as_ref().map(|it| it.n);
        let was = match &change.after {
            Some(now) => records.insert(change.id.to_string(), now.n),
            None => records.remove(&*change.id),
        };
        assert_eq!(was, before, "{change:?}");
    }
    assert_eq!(records, *now);
}

/// Looks, on the very thread that tells and at that very moment, at what it is told of.
struct Look {
    notes: AnyRepository<Note>,
    marks: AnyRepository<Mark>,
    seen: AtomicU64,
}

impl Wake for Look {
    fn wake(self: Arc<Self>) {
        let n = self.notes.get("a").unwrap().map_or(0, |it| it.n);
        let indexed = self.notes.count(Note::N.is(n)).unwrap();
        let mark = self.marks.get("a").unwrap();
        let [of_mark, live] = mark.map_or([0, 0], |it| [it.n, u64::from(it.live)]);
        // The sum says which of them were there.
        let seen = 1000 * live + 100 * n + 10 * of_mark + indexed;
        self.seen.store(seen, Ordering::SeqCst);
    }
}

pub(crate) fn what_is_told_is_visible_at_that_moment(scheme: &str) {
    let it = Setup::new(scheme);
    let mut changes = it.store.changes().unwrap();
    let look = Arc::new(Look {
        notes: Arc::clone(&it.notes),
        marks: Arc::clone(&it.marks),
        seen: AtomicU64::new(0),
    });
    let waker = Waker::from(Arc::clone(&look));
    let mut told = |write: &dyn Fn(), wanted: u64| {
        let mut next = Box::pin(changes.next());
        let mut context = Context::from_waker(&waker);
        assert!(next.as_mut().poll(&mut context).is_pending());
        write();
        assert_eq!(look.seen.swap(0, Ordering::SeqCst), wanted);
        let Poll::Ready(event) = next.as_mut().poll(&mut context) else {
            panic!("it was woken for nothing");
        };
        changed(event);
    };
    told(&|| it.save("a", 1), 101);
    told(&|| it.save("a", 2), 201);
    told(
        &|| {
            let write = it.store.transaction(|tx| {
                tx.save(note("a", 3))?;
                tx.save(mark("a", 4))
            });
            write.unwrap().detach();
        },
        341,
    );
    // The same as JSON.
    let live = || Mark {
        live: true,
        ..mark("a", 4)
    };
    told(
        &|| {
            let write = it.store.transaction(|tx| tx.save(live()));
            write.unwrap().detach();
        },
        1341,
    );
    told(&|| it.marks.save(mark("a", 4)).unwrap().detach(), 341);
    told(&|| it.marks.save(live()).unwrap().detach(), 1341);
    told(&|| it.marks.clear().unwrap().detach(), 301);
    told(&|| it.notes.delete("a").unwrap().detach(), 0);
}

/// Every write makes the next version of one record or of two, most of them in a transaction that
/// goes on for a while: somebody begins to listen in the middle of it.
fn versions(it: &Setup, stop: &AtomicBool) {
    let mut n = 0;
    while !stop.load(Ordering::SeqCst) {
        n += 1;
        if n % 3 != 0 {
            let write = it.store.transaction(|tx| {
                tx.save(mark("b", n))?;
                let saved = tx.save(note("a", n));
                for _ in 0..100 {
                    std::thread::yield_now();
                }
                saved
            });
            write.unwrap().detach();
        } else {
            it.save("a", n);
        }
    }
}

pub(crate) fn a_subscription_leaves_no_gap_to_what_is_read_after_it(scheme: &str) {
    let it = Setup::new(scheme);
    let stop = AtomicBool::new(false);
    std::thread::scope(|threads| {
        threads.spawn(|| versions(&it, &stop));
        // However a round ends, the writer does.
        let _stop = StopAtEnd(&stop);
        for _ in 0..100 {
            let mut changes = it.store.listen(ROOM).unwrap();
            let read = it.notes.get("a").unwrap().map_or(0, |it| it.n);
            let mut first = None;
            let mut last = read;
            // Some that are told were read already; from the one after what was read on each comes.
            while last < read + 3 {
                for change in changed(changes.wait()) {
                    if change.collection() == "notes" {
                        let now = n_of(&change, true).unwrap();
                        assert!(first.is_none() || now == last + 1, "{now} after {last}");
                        first.get_or_insert(now);
                        last = now;
                    }
                }
            }
            let first = first.unwrap();
            assert!(first <= read + 1, "{read} was read, {first} was told first");
        }
    });
}

struct StopAtEnd<'a>(&'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

pub(crate) fn what_is_refused_or_taken_back_is_not_told(scheme: &str) {
    let it = Setup::new(scheme);
    let owned = |id: &str| Mark {
        of: Some("me".into()),
        ..mark(id, 0)
    };
    it.marks.save(owned("m")).unwrap().detach();
    it.save("a", 1);
    let mut changes = it.store.changes().unwrap();
    let mut of_notes = it.notes.changes().unwrap();
    let before = it.sequence();

    assert!(it.notes.insert(note("a", 2)).is_err());
    assert!(it.notes.save(note("", 2)).is_err());
    assert!(it.marks.save(owned("x")).is_err());
    // The first could be made, the second could not.
    assert!(it.marks.save_all([mark("y", 1), owned("x")]).is_err());
    let stale = Arc::new(note("a", 7));
    assert!(it.notes.replace(&stale, note("a", 8)).is_err());
    let refuse = |_: &mut Note| Err(Error::new(ErrorKind::Internal, "no"));
    assert!(it.notes.try_update("a", refuse).is_err());

    let taken_back = it.store.transaction(|tx| {
        tx.save(note("b", 1))?;
        tx.delete::<Note>("a")?;
        tx.save(owned("x"))
    });
    assert!(taken_back.is_err());
    let taken_back = it.store.transaction(|tx| {
        tx.save(note("b", 1))?;
        Err::<(), _>(Error::new(ErrorKind::Internal, "no"))
    });
    assert!(taken_back.is_err());
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _ = it.store.transaction(|tx| -> larder::Result<()> {
            tx.save(note("b", 1))?;
            std::panic::resume_unwind(Box::new("on purpose"))
        });
    }));
    assert!(panicked.is_err());

    is_quiet(&mut changes);
    assert!(of_notes.try_next().is_none());
    assert_eq!(it.sequence(), before);
    // Refused verbs in a transaction that goes on are no part of what it tells.
    let write = it.store.transaction(|tx| {
        assert!(tx.save(owned("x")).is_err());
        let marks = tx.of::<Mark>()?;
        assert!(marks.save_all([mark("y", 1), owned("x")]).is_err());
        tx.save(note("c", 1))
    });
    write.unwrap().detach();
    let batch = changed(changes.try_next());
    assert_eq!(batch.len(), 1, "{batch:?}");
    assert_eq!((batch[0].collection(), batch[0].id()), ("notes", "c"));
    is_quiet(&mut changes);
}

pub(crate) fn a_payload_is_what_the_repository_gives(scheme: &str) {
    let it = Setup::new(scheme);
    let in_memory = !it.is("sqlite");
    let mut changes = it.store.changes().unwrap();
    let mut of_notes = it.notes.changes().unwrap();
    let mut last: Option<Arc<Note>> = None;
    let mut told = |it: &Setup| {
        let change = changed(changes.try_next()).remove(0);
        let typed = changed(of_notes.try_next()).remove(0);
        assert_eq!(typed.id, change.id().into());
        let [before, after] = [change.before::<Note>(), change.after::<Note>()];
        assert_eq!((&before, &after), (&typed.before, &typed.after));
        // Nothing, where another type is named.
        assert!(change.before::<Mark>().is_none() && change.after::<Mark>().is_none());
        let now = it.notes.get("a").unwrap();
        assert_eq!((&before, &after), (&last, &now));
        if in_memory {
            let same = |a: &Option<Arc<Note>>, b: &Option<Arc<Note>>| match (a, b) {
                (Some(a), Some(b)) => Arc::ptr_eq(a, b),
                (a, b) => a.is_none() && b.is_none(),
            };
            assert!(same(&before, &last) && same(&typed.before, &last));
            assert!(same(&after, &now) && same(&typed.after, &now));
        }
        if let Some(mut after) = after {
            // It is shared: who wants to change it works on a copy.
            assert!(Arc::get_mut(&mut after).is_none());
            Arc::make_mut(&mut after).n = 1_000;
            assert_eq!(it.notes.get("a").unwrap(), now);
            assert_eq!(typed.after, now);
        }
        last = now;
    };
    it.save("a", 1);
    told(&it);
    it.notes.update("a", |it| it.n = 2).unwrap().detach();
    told(&it);
    let write = it.store.transaction(|tx| tx.save(note("a", 3)));
    write.unwrap().detach();
    told(&it);
    it.notes.clear().unwrap().detach();
    told(&it);
    let event = changes.try_next();
    assert!(!matches!(event, Some(ChangeEvent::Changed(_))));
}
