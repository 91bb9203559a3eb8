//! What people and programs are given.
//!
//! Owns [`Report`], everything that was measured, and how figures are written. `table` is for a
//! terminal, `markdown` for `docs/performance.md`, `plot` is the picture, `machine` says where it was.

pub(crate) mod machine;
pub(crate) mod markdown;
pub(crate) mod plot;
pub(crate) mod table;

use serde::Serialize;

use crate::cases::growth::Grown;
use crate::cases::target::Verdict;
use crate::measure::rounds::Figures;
use machine::Machine;

/// One case and what was measured of it.
#[derive(Debug, Serialize)]
pub(crate) struct Section {
    pub(crate) name: &'static str,
    pub(crate) title: String,
    pub(crate) about: &'static str,
    pub(crate) figures: Vec<Figures>,
}

/// Everything.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) rounds: u32,
    pub(crate) seconds: u64,
    pub(crate) sections: Vec<Section>,
    pub(crate) targets: Vec<Verdict>,
    pub(crate) growth: Vec<Grown>,
}

/// `1234567.0` nanoseconds as `1.23 ms`.
pub(crate) fn duration(nanos: f64) -> String {
    let (value, unit) = if nanos < 1e3 {
        (nanos, "ns")
    } else if nanos < 1e6 {
        (nanos / 1e3, "µs")
    } else if nanos < 1e9 {
        (nanos / 1e6, "ms")
    } else {
        (nanos / 1e9, "s")
    };
    format!("{} {unit}", three_digits(value))
}

/// As many digits as mean something.
pub(crate) fn three_digits(value: f64) -> String {
    if value < 10.0 {
        format!("{value:.2}")
    } else if value < 100.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}

/// `72_000_000` as `72 MB`.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub(crate) fn bytes(count: u64) -> String {
    let count = count as f64;
    if count < 1e6 {
        format!("{} kB", three_digits(count / 1e3))
    } else {
        format!("{} MB", three_digits(count / 1e6))
    }
}

/// Of a figure and ours: how many times as long it took.
pub(crate) fn beside(figures: &Figures, ours: &Figures) -> String {
    let ratios = crate::measure::stats::ratios(&figures.nanos, &ours.nanos);
    crate::measure::stats::median(&ratios)
        .map_or_else(String::new, |ratio| format!("{} x", three_digits(ratio)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits_and_a_unit() {
        assert_eq!(duration(61.4), "61.4 ns");
        assert_eq!(duration(1_234.0), "1.23 µs");
        assert_eq!(duration(150_000.0), "150 µs");
        assert_eq!(duration(2.5e9), "2.50 s");
        assert_eq!(bytes(75_400_000), "75.4 MB");
    }
}
