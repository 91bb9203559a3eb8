//! Opening what was written before: every record validated, or known to be good.

use criterion::{BatchSize, Criterion};

use crate::stores::Filled;

/// Comes last for a store: it is closed for it.
pub(crate) fn of(criterion: &mut Criterion, filled: &Filled) {
    if filled.backend == "memory" {
        return;
    }
    // On JSON every open reads and validates all of it; a database that nobody changed since it was
    // closed knows its rows to be good. One whose schema has changed is `cargo bench --bench open`.
    let case = match filled.backend {
        "json" => "open with validation",
        _ => "open after no change",
    };
    let mut group = criterion.benchmark_group("open");
    group.sample_size(10);
    group.bench_function(format!("{case}/{}", filled.name()), |bench| {
        filled.close();
        bench.iter_batched(|| (), |()| filled.open_again(), BatchSize::PerIteration);
    });
    group.finish();
}
