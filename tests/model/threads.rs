//! Many threads on one store: no lost update, and no reader sees an index that disagrees with its
//! records.
//!
//! Owns both checks, generic over the URL.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, ScopedJoinHandle};

use larder::{AnyRepository, Query, RepositoryExt, Store};

use crate::rec::{Rec, Stage};

const WRITERS: i64 = 8;

pub fn rec(id: &str, rank: i64) -> Rec {
    Rec {
        id: id.to_owned(),
        slug: Some(format!("slug {rank}")),
        label: Some(rank.to_string()),
        code: None,
        rank,
        ratio: 0.5,
        is_open: rank % 2 == 0,
        stage: Stage::Todo,
        tags: vec![format!("t{}", rank % 3), format!("u{}", rank % 2)],
        big: 0,
        weight: None,
        notes: Vec::new(),
        meta: None,
        live: false,
    }
}

/// Everybody adds to the same record; some wait for the disk, some do not.
pub fn increments(url: &str, each: i64) {
    let store = Store::open(url).unwrap();
    let repo = store.repository::<Rec>().unwrap();
    repo.save(Rec {
        rank: 1000,
        slug: None,
        ..rec("one", 0)
    })
    .unwrap()
    .detach();
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let repo = &repo;
            scope.spawn(move || {
                for n in 0..each {
                    let write = repo.update("one", |it| it.rank += 1).unwrap();
                    if (n + writer) % 16 == 0 {
                        write.wait().unwrap();
                    } else {
                        write.detach();
                    }
                }
            });
        }
    });
    assert_eq!(
        repo.get("one").unwrap().unwrap().rank,
        1000 + WRITERS * each
    );
    store.close().wait().unwrap();
}

/// Records that always have the same relation between their fields move through every index,
/// in pairs that are written together, while readers look.
pub fn readers(url: &str, each: i64) {
    let store = Store::open(url).unwrap();
    let repo = store.repository::<Rec>().unwrap();
    let pair = |writer: i64, n: i64| {
        // In steps that tell half a pair from a whole one.
        let rank = 1_000_000 * (writer + 1) + 10 * n;
        [
            rec(&format!("{writer}a"), rank),
            rec(&format!("{writer}b"), rank + 1),
        ]
    };
    for writer in 0..WRITERS {
        repo.save_all(pair(writer, 0)).unwrap().detach();
    }
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let reading: Vec<_> = (0..3)
            .map(|reader| {
                let (repo, over) = (&repo, &over);
                scope.spawn(move || {
                    // At least once when all is quiet again.
                    loop {
                        let last = over.load(Ordering::SeqCst);
                        look(repo, reader);
                        if last {
                            break;
                        }
                    }
                })
            })
            .collect();
        let writing: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let repo = &repo;
                scope.spawn(move || {
                    for n in 1..=each {
                        repo.save_all(pair(writer, n)).unwrap().detach();
                    }
                })
            })
            .collect();
        let written: Vec<_> = writing.into_iter().map(ScopedJoinHandle::join).collect();
        over.store(true, Ordering::SeqCst);
        for end in written
            .into_iter()
            .chain(reading.into_iter().map(ScopedJoinHandle::join))
        {
            end.unwrap();
        }
    });
    store.close().wait().unwrap();
}

/// What holds at every moment, whatever the writers do.
fn look(repo: &AnyRepository<Rec>, reader: i64) {
    let all = usize::try_from(2 * WRITERS).unwrap();
    let open = repo.find(Rec::IS_OPEN.is(true)).unwrap();
    assert_eq!(open.len(), all / 2);
    assert!(open.iter().all(|it| it.is_open && it.rank % 2 == 0));
    let tag = format!("t{reader}");
    assert!(
        repo.find(Rec::TAGS.is(&tag))
            .unwrap()
            .iter()
            .all(|it| it.tags.contains(&tag))
    );
    assert_eq!(
        repo.count(Rec::TAGS.is("u0").and(Rec::IS_OPEN.is(false)))
            .unwrap(),
        0
    );
    let ranked = repo.find(Query::all().order_by(Rec::RANK.asc())).unwrap();
    assert_eq!(ranked.len(), all);
    // Pairs are written together, so they are seen together.
    for pair in ranked.chunks(2) {
        assert_eq!(pair[0].rank + 1, pair[1].rank);
        assert_eq!(pair[0].id[..1], pair[1].id[..1]);
    }
    for it in &ranked {
        let slug = it.slug.as_deref().unwrap();
        if let Some(found) = repo.find_one(Rec::SLUG.is(slug)).unwrap() {
            assert_eq!(found.rank, it.rank);
        }
    }
}
