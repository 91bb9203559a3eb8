//! The verbs on memory and on JSON, beside what a program would write by hand.
//!
//! `cargo bench --bench repository`. Compare figures of one run only: machines differ, ratios less.

#![allow(
    clippy::expect_used,
    reason = "a bench that cannot run says why by panicking"
)]

mod common;

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;

use common::{Session, session};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use larder::prelude::*;
use larder::{AnyRepository, Query};

const RECORDS: u64 = 10_000;

/// A store on each backend, filled.
fn stores() -> Vec<(
    &'static str,
    Store,
    AnyRepository<Session>,
    tempfile::TempDir,
)> {
    ["memory", "json"]
        .into_iter()
        .map(|name| {
            let dir = tempfile::tempdir().expect("a directory");
            let url = match name {
                "memory" => "memory:".to_owned(),
                _ => format!("json:{}?debounce=1h", dir.path().display()),
            };
            let store = Store::open(url).expect("a store");
            let sessions = store.repository::<Session>().expect("a repository");
            sessions
                .save_all((0..RECORDS).map(session))
                .expect("valid")
                .wait()
                .expect("durable");
            (name, store, sessions, dir)
        })
        .collect()
}

fn reads(criterion: &mut Criterion) {
    let by_hand: HashMap<String, Arc<Session>> = (0..RECORDS)
        .map(session)
        .map(|s| (s.id.clone(), Arc::new(s)))
        .collect();
    let ids: Vec<String> = (0..RECORDS)
        .map(|n| session(n * 7919 % RECORDS).id)
        .collect();
    let mut group = criterion.benchmark_group("get");
    let mut at = ids.iter().cycle();
    group.bench_function("hash map by hand", |bench| {
        bench.iter(|| black_box(at.next().and_then(|id| by_hand.get(id)).cloned()));
    });
    let stores = stores();
    for (name, _, sessions, _) in &stores {
        group.bench_function(*name, |bench| {
            bench.iter(|| black_box(at.next().map(|id| sessions.get(id))));
        });
    }
    group.finish();
    let mut group = criterion.benchmark_group("find");
    for (name, _, sessions, _) in &stores {
        let mut number = (0..RECORDS).cycle();
        group.bench_function(format!("unique/{name}"), |bench| {
            bench.iter(|| {
                let channel = (1_200_000_000_000_000_000 + number.next().unwrap_or(0)).to_string();
                black_box(sessions.find_one(Session::CHANNEL_ID.is(channel)))
            });
        });
        group.bench_function(format!("index of 20/{name}"), |bench| {
            bench.iter(|| {
                let category = 1_100_000_000_000_000_000 + number.next().unwrap_or(0) / 20;
                black_box(sessions.find(Session::CATEGORY_ID.is(category.to_string())))
            });
        });
        group.bench_function(format!("newest 20/{name}"), |bench| {
            let newest = Query::all()
                .order_by(Session::LAST_ACTIVITY.desc())
                .limit(20);
            bench.iter(|| black_box(sessions.query(&newest)));
        });
    }
    group.finish();
}

fn writes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("save");
    let mut number = (0..RECORDS).cycle();
    group.bench_function("serde_json encode by hand", |bench| {
        bench.iter_batched(
            || session(number.next().unwrap_or(0)),
            |session| black_box(serde_json::to_string(&session)),
            BatchSize::SmallInput,
        );
    });
    let stores = stores();
    for (name, _, sessions, _) in &stores {
        group.bench_function(format!("detached/{name}"), |bench| {
            bench.iter_batched(
                || session(number.next().unwrap_or(0)),
                |session| sessions.save(session).expect("valid").detach(),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
    let mut group = criterion.benchmark_group("durable");
    group.sample_size(20);
    for (name, _, sessions, _) in &stores {
        group.bench_function(format!("awaited save among 10,000/{name}"), |bench| {
            bench.iter(|| {
                sessions
                    .save(session(number.next().unwrap_or(0)))
                    .expect("valid")
                    .wait()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, reads, writes);
criterion_main!(benches);
