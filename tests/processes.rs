//! Several processes on one SQLite store: one that is killed at any moment, and two that write at once.
//!
//! A test runs itself once more as the other process; how the two speak is `peer`. How many rounds
//! there are depends on `LARDER_PROOF`: `long` is for a night.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test says what is wrong by panicking, and the moment of a kill is a time"
)]

mod peer;
mod sql;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::time::{Duration, Instant};

use larder::prelude::*;
use larder::{AnyRepository, Query};
use peer::{Peer, other, role, said, say};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sql::{Db, count, integrity};

const WRITERS: u32 = 4;

fn is_long() -> bool {
    std::env::var_os("LARDER_PROOF").is_some_and(|proof| proof == "long")
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "marks", version = 1)]
#[record(unique(BY_PLACE = (writer, n)))]
struct Mark {
    #[record(id)]
    id: String,
    #[record(index)]
    writer: u32,
    n: u64,
    #[record(index)]
    tags: Vec<String>,
    fill: String,
}

fn mark(writer: u32, n: u64) -> Mark {
    Mark {
        id: format!("{writer}-{n:08}"),
        writer,
        n,
        tags: vec![format!("w{writer}"), format!("m{}", n % 10)],
        // Some records need several pages.
        fill: "x".repeat(if n % 50 == 49 { 20_000 } else { 50 }),
    }
}

/// Saves marks until it is killed, each from where its writer's stopped.
fn write_marks(db: &str) {
    let store = Store::open(format!("sqlite:{db}")).unwrap();
    let marks = store.repository::<Mark>().unwrap();
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let marks = &marks;
            scope.spawn(move || {
                let from = marks.count(Mark::WRITER.is(writer)).unwrap();
                for n in from.. {
                    marks.save(mark(writer, n)).unwrap().wait().unwrap();
                    say(&format!("{writer} {n}"));
                }
            });
        }
    });
}

/// That what is there is a prefix of what each writer wrote, and the indexes agree.
#[track_caller]
fn is_a_prefix(marks: &AnyRepository<Mark>, acknowledged: &BTreeMap<u32, u64>) {
    for writer in 0..WRITERS {
        let found = marks.find(Mark::WRITER.is(writer)).unwrap();
        for (n, found) in found.iter().enumerate() {
            assert_eq!(**found, mark(writer, n as u64), "a gap, or another record");
        }
        let there = found.len() as u64;
        let wanted = acknowledged.get(&writer).map_or(0, |last| last + 1);
        assert!(
            there >= wanted,
            "writer {writer}: {there} of {wanted} acknowledged are there"
        );
        let tag = format!("w{writer}");
        assert_eq!(marks.count(Mark::TAGS.is(&tag)).unwrap(), there);
        if let Some(last) = found.last() {
            let key = (writer, last.n);
            assert_eq!(
                marks.find_one(Mark::BY_PLACE.is(key)).unwrap().as_ref(),
                Some(last)
            );
        }
    }
}

#[test]
fn what_was_acknowledged_survives_a_kill_at_any_moment() {
    if let Some(db) = role() {
        return write_marks(&db);
    }
    let db = Db::new();
    let mut acknowledged = BTreeMap::new();
    // Not the same moments every time, but told when it fails.
    let seed = std::time::SystemTime::UNIX_EPOCH
        .elapsed()
        .unwrap()
        .subsec_nanos();
    println!("seed {seed}");
    let mut random = u64::from(seed) | 1;
    for round in 0..if is_long() { 200 } else { 25 } {
        let test = "what_was_acknowledged_survives_a_kill_at_any_moment";
        let mut child = other(test, &db.path());
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let reader = std::thread::spawn(move || {
            let mut last = BTreeMap::new();
            let mut line = String::new();
            while out.read_line(&mut line).unwrap() > 0 {
                if let Some((writer, n)) = said(&line).and_then(|words| words.split_once(' ')) {
                    last.insert(writer.parse::<u32>().unwrap(), n.parse::<u64>().unwrap());
                }
                line.clear();
            }
            last
        });
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        // Some die while they open, some in the middle of their work.
        std::thread::sleep(Duration::from_micros(random % 150_000));
        child.kill().unwrap();
        let status = child.wait().unwrap();
        assert!(
            !status.success(),
            "round {round}: it ended before it was killed"
        );
        acknowledged.append(&mut reader.join().unwrap());

        if round % 3 == 2 {
            // The next one recovers what this one left, or we do.
            continue;
        }
        let store = db.store();
        let marks = store.repository::<Mark>().unwrap();
        assert!(
            marks.load_report().is_clean(),
            "round {round}: {}",
            store.load_report()
        );
        is_a_prefix(&marks, &acknowledged);
        assert_eq!(integrity(&db.sql()), "ok", "round {round}");
        if round % 3 == 0 {
            store.close().wait().unwrap();
        }
    }
    let marks = db.store().repository::<Mark>().unwrap();
    is_a_prefix(&marks, &acknowledged);
    let sum: u64 = acknowledged.values().sum();
    println!("{sum} saves were acknowledged");
    assert!(
        sum > 100,
        "the children did next to nothing: {acknowledged:?}"
    );
    let connection = db.sql();
    assert_eq!(integrity(&connection), "ok");
    let tags = count(&connection, "FROM \"marks.tags\"");
    assert_eq!(
        tags,
        2 * i64::try_from(marks.count(Query::all()).unwrap()).unwrap()
    );
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "counters", version = 1)]
struct Counter {
    #[record(id)]
    id: String,
    #[record(index)]
    value: u64,
}

const COUNTERS: u64 = 8;

/// Adds to shared counters from several threads; gives how often.
fn add(counters: &AnyRepository<Counter>) -> u64 {
    let begin = Instant::now();
    let goes_on = |done: u64| {
        if is_long() {
            begin.elapsed() < Duration::from_secs(10)
        } else {
            done < 1_000
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..2_u64)
            .map(|thread| {
                scope.spawn(move || {
                    let mut done = 0;
                    while goes_on(done) {
                        let id = format!("n{}", (done * 3 + thread) % COUNTERS);
                        let update = counters.update(&id, |counter| counter.value += 1);
                        // Some wait for the disk, some only see it done.
                        let update = update.unwrap_or_else(|error| panic!("{error:?}"));
                        if done % 10 == 0 {
                            update.wait().unwrap_or_else(|error| panic!("{error:?}"));
                        } else {
                            update.detach();
                        }
                        done += 1;
                    }
                    done
                })
            })
            .collect();
        threads.into_iter().map(|it| it.join().unwrap()).sum()
    })
}

#[test]
fn two_processes_that_write_lose_no_update_and_never_find_it_locked() {
    if let Some(db) = role() {
        let store = Store::open(format!("sqlite:{db}")).unwrap();
        let counters = store.repository::<Counter>().unwrap();
        say("ready");
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).unwrap();
        let added = add(&counters);
        store.close().wait().unwrap();
        return say(&format!("added {added}"));
    }
    let db = Db::new();
    let store = db.store();
    let counters = store.repository::<Counter>().unwrap();
    let all = (0..COUNTERS).map(|n| Counter {
        id: format!("n{n}"),
        value: 0,
    });
    counters.save_all(all).unwrap().wait().unwrap();
    let test = "two_processes_that_write_lose_no_update_and_never_find_it_locked";
    let mut peer = Peer::new(other(test, &db.path()));
    peer.hears("ready");
    peer.tell("go");
    let mut sum = add(&counters);
    let theirs: u64 = peer.says().strip_prefix("added ").unwrap().parse().unwrap();
    println!("{sum} here, {theirs} there");
    sum += theirs;
    peer.ends_well();
    let found = counters.find(Query::all()).unwrap();
    assert_eq!(found.iter().map(|it| it.value).sum::<u64>(), sum);
    for counter in &found {
        let by_value = counters.find(Counter::VALUE.is(counter.value)).unwrap();
        assert!(by_value.contains(counter));
    }
    store.close().wait().unwrap();
    drop((store, counters));
    assert_eq!(integrity(&db.sql()), "ok");
    let counters = db.store().repository::<Counter>().unwrap();
    assert_eq!(counters.find(Query::all()).unwrap(), found);
}

#[test]
fn a_read_after_the_commit_of_another_process_sees_it() {
    if let Some(db) = role() {
        let store = Store::open(format!("sqlite:{db}")).unwrap();
        let counters = store.repository::<Counter>().unwrap();
        say("ready");
        // What is asked for is made visible, and no more: nobody waits for the disk.
        for line in std::io::stdin().lines() {
            match line.unwrap().split_once(' ') {
                Some(("save", n)) => {
                    let value = n.parse().unwrap();
                    let id = "shared".to_owned();
                    counters.save(Counter { id, value }).unwrap().detach();
                }
                Some(("delete", _)) => counters.delete("shared").unwrap().detach(),
                Some(("see", n)) => {
                    let value = n.parse::<u64>().unwrap();
                    let found = counters.find(Counter::VALUE.is(value)).unwrap();
                    assert_eq!(found.len(), 1, "{value} is not seen");
                }
                other => panic!("{other:?}"),
            }
            say("done");
        }
        return;
    }
    let db = Db::new();
    let store = db.store();
    let counters = store.repository::<Counter>().unwrap();
    let test = "a_read_after_the_commit_of_another_process_sees_it";
    let mut peer = Peer::new(other(test, &db.path()));
    peer.hears("ready");
    let readers = Store::open(db.config().read_only(true)).unwrap();
    let reads = readers.repository::<Counter>().unwrap();
    for n in 0..200 {
        peer.tell(&format!("save {n}"));
        peer.hears("done");
        for counters in [&counters, &reads] {
            assert_eq!(counters.get("shared").unwrap().unwrap().value, n);
            assert_eq!(counters.count(Counter::VALUE.is(n)).unwrap(), 1);
            assert_eq!(counters.count(Query::all()).unwrap(), 1);
        }
        // And the other way.
        let updated = counters.update("shared", |counter| counter.value += 1_000);
        updated.unwrap().detach();
        peer.tell(&format!("see {}", n + 1_000));
        peer.hears("done");
        peer.tell("delete it");
        peer.hears("done");
        assert_eq!(counters.get("shared").unwrap(), None);
        assert_eq!(reads.find(Query::all()).unwrap(), []);
    }
    peer.ends_well();
}

#[test]
fn a_process_that_is_killed_with_the_lock_leaves_it_to_the_others() {
    if let Some(db) = role() {
        // In the middle of a transaction, as the other program.
        let connection = rusqlite::Connection::open(db).unwrap();
        connection
            .execute_batch("BEGIN IMMEDIATE; DELETE FROM counters")
            .unwrap();
        say("begun");
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).unwrap();
        return;
    }
    let db = Db::new();
    let store = db.store();
    let counters = store.repository::<Counter>().unwrap();
    let counter = |id: &str| Counter {
        id: id.to_owned(),
        value: 1,
    };
    counters.save(counter("a")).unwrap().wait().unwrap();
    let test = "a_process_that_is_killed_with_the_lock_leaves_it_to_the_others";
    let mut peer = Peer::new(other(test, &db.path()));
    peer.hears("begun");
    std::thread::scope(|scope| {
        let save = scope.spawn(|| counters.save(counter("b")).unwrap().wait());
        assert_eq!(counters.count(Query::all()).unwrap(), 1);
        peer.child.kill().unwrap();
        peer.child.wait().unwrap();
        save.join().unwrap().unwrap();
    });
    assert_eq!(counters.count(Query::all()).unwrap(), 2);
    assert!(store.load_report().is_clean());
}
