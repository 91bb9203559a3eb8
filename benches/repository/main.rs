//! Every verb on every backend, at 1,000, 10,000 and 100,000 records.
//!
//! `cargo bench --bench repository` is all of it, for half an hour; `-- sqlite/10000` or `-- save` is
//! what has that in its name. Compare figures of one run only: machines differ. What others cost who do
//! the same is `cargo run --release -p larder-compare`.
//!
//! It owns the list of cases. The stores are in `stores`, the cases in `reads`, `writes` and `opens`.

#![allow(
    clippy::expect_used,
    clippy::cast_precision_loss,
    reason = "a bench that cannot run says why by panicking"
)]

#[path = "../common/mod.rs"]
mod common;
mod opens;
mod reads;
mod stores;
mod writes;

use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};

use stores::{BACKENDS, Filled, SIZES};

fn all(criterion: &mut Criterion) {
    reads::by_hand(criterion);
    writes::by_hand(criterion);
    for backend in BACKENDS {
        for size in SIZES {
            let filled = Filled::new(backend, size);
            reads::of(criterion, &filled);
            writes::of(criterion, &filled);
            opens::of(criterion, &filled);
        }
    }
}

fn settings() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
}

criterion_group! {
    name = benches;
    config = settings();
    targets = all
}
criterion_main!(benches);
