//! Saves that wait and saves that do not, batches, transactions, many threads, and the flush.

use std::hint::black_box;
use std::time::Instant;

use criterion::{BatchSize, Criterion};
use larder::prelude::*;

use crate::common::{Session, session};
use crate::stores::Filled;

/// Each of so many threads saves and waits.
const THREADS: u64 = 8;

/// What no save can be without.
pub(crate) fn by_hand(criterion: &mut Criterion) {
    let mut number = (0..10_000).cycle();
    criterion.bench_function("save detached/serde_json encode by hand", |bench| {
        bench.iter_batched(
            || session(number.next().unwrap_or(0)),
            |session| black_box(serde_json::to_string(&session)),
            BatchSize::SmallInput,
        );
    });
}

/// The record of this number with something else in it, and another key under one index.
fn changed(number: u64, nth: u64) -> Session {
    let mut session = session(number);
    session.message_count += nth;
    session.last_activity += nth * 1_000;
    session
}

pub(crate) fn of(criterion: &mut Criterion, filled: &Filled) {
    let name = filled.name();
    let mut nth = 0;
    let mut numbers = filled.numbers();
    let mut next = || {
        nth += 1;
        changed(numbers.next().unwrap_or(0), nth)
    };
    criterion.bench_function(&format!("save detached/{name}"), |bench| {
        let open = filled.open();
        bench.iter_batched(
            &mut next,
            |session| open.sessions.save(session).expect("valid").detach(),
            BatchSize::SmallInput,
        );
        open.store.flush().wait().expect("durable");
    });

    let mut group = criterion.benchmark_group("durable");
    group.sample_size(10);
    group.bench_function(format!("save awaited/{name}"), |bench| {
        let open = filled.open();
        bench.iter_batched(
            &mut next,
            |session| open.sessions.save(session).expect("valid").wait(),
            BatchSize::PerIteration,
        );
    });
    group.bench_function(format!("batch of 1,000 awaited/{name}"), |bench| {
        let open = filled.open();
        bench.iter_batched(
            || (0..1_000).map(|_| next()).collect::<Vec<_>>(),
            |sessions| open.sessions.save_all(sessions).expect("valid").wait(),
            BatchSize::PerIteration,
        );
    });
    group.bench_function(format!("transaction of two awaited/{name}"), |bench| {
        let open = filled.open();
        bench.iter_batched(
            || (next(), next()),
            |(first, second)| {
                let both = open.store.transaction(|tx| {
                    tx.save(first)?;
                    tx.save(second)
                });
                both.expect("valid").wait()
            },
            BatchSize::PerIteration,
        );
    });
    group.bench_function(format!("flush after one change/{name}"), |bench| {
        let open = filled.open();
        bench.iter_batched(
            || open.sessions.save(next()).expect("valid").detach(),
            |()| open.store.flush().wait(),
            BatchSize::PerIteration,
        );
    });
    group.bench_function(format!("8 threads of saves awaited/{name}"), |bench| {
        let open = filled.open();
        // The time in which all of them together make one save durable.
        bench.iter_custom(|saves| {
            let each = saves.div_ceil(THREADS);
            let start = Instant::now();
            std::thread::scope(|scope| {
                for thread in 0..THREADS {
                    scope.spawn(move || {
                        for nth in 0..each {
                            let session = changed((thread * 7_919 + nth) % filled.size, nth);
                            let write = open.sessions.save(session).expect("valid");
                            write.wait().expect("durable");
                        }
                    });
                }
            });
            start
                .elapsed()
                .mul_f64(saves as f64 / (each * THREADS) as f64)
        });
    });
    group.finish();
}
