//! What is asked of ours, and whether it is met.
//!
//! Owns [`Target`] and [`Verdict`]. A demand on two who took turns is judged by the median of the
//! ratios within each round, because that is what a busy machine disturbs least.

use serde::Serialize;

use crate::measure::rounds::Figures;
use crate::measure::stats::{ends, median, ratios};
use crate::output::{bytes, duration};

/// What is asked.
#[derive(Clone, Debug)]
pub(crate) enum Demand {
    /// At most so many times as long as another.
    AtMost(f64, String),
    /// At least so many times as fast as another.
    Faster(f64, String),
    /// Typically less than so many nanoseconds.
    Under(f64),
    /// All but one in a thousand less than so many nanoseconds.
    TailUnder(f64),
    /// Never more memory than so many times the files.
    Peak(f64),
    /// No more memory in the end than so many times the files.
    Kept(f64),
}

/// A line of the list of targets.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// What it is about.
    pub(crate) line: String,
    /// The entrant of ours.
    pub(crate) of: String,
    pub(crate) demand: Demand,
}

impl Target {
    pub(crate) fn new(line: impl Into<String>, of: impl Into<String>, demand: Demand) -> Self {
        Self {
            line: line.into(),
            of: of.into(),
            demand,
        }
    }

    #[cfg(test)]
    pub(crate) fn labels(&self) -> Vec<&str> {
        match &self.demand {
            Demand::AtMost(_, other) | Demand::Faster(_, other) => vec![&self.of, other],
            _ => vec![&self.of],
        }
    }

    /// What is asked, in words.
    pub(crate) fn wanted(&self) -> String {
        match &self.demand {
            Demand::AtMost(factor, other) => format!("at most {factor} x {other}"),
            Demand::Faster(factor, other) => format!("at least {factor} x as fast as {other}"),
            Demand::Under(nanos) => format!("under {}", duration(*nanos)),
            Demand::TailUnder(nanos) => format!("p99.9 under {}", duration(*nanos)),
            Demand::Peak(factor) => format!("peak memory at most {factor} x the file"),
            Demand::Kept(factor) => format!("memory kept at most {factor} x the file"),
        }
    }

    /// Judges it; `None` if what it is about was not measured.
    pub(crate) fn judge(&self, case: &str, figures: &[Figures]) -> Option<Verdict> {
        let find = |label: &str| figures.iter().find(|figures| figures.label == label);
        let ours = find(&self.of)?;
        let verdict = |result: String, met: bool| Verdict {
            case: case.to_owned(),
            line: self.line.clone(),
            wanted: self.wanted(),
            result,
            met,
        };
        Some(match &self.demand {
            Demand::AtMost(most, other) => {
                let (ratio, text) = of_rounds(&ratios(&ours.nanos, &find(other)?.nanos))?;
                verdict(text, ratio <= *most)
            }
            Demand::Faster(least, other) => {
                let (ratio, text) = of_rounds(&ratios(&find(other)?.nanos, &ours.nanos))?;
                verdict(text, ratio >= *least)
            }
            Demand::Under(nanos) => verdict(spread(&ours.nanos), ours.typical() < *nanos),
            Demand::TailUnder(nanos) => verdict(spread(&ours.tails), ours.tail()? < *nanos),
            Demand::Peak(factor) => of_bytes(ours.peak?, ours.bytes, *factor, verdict),
            Demand::Kept(factor) => of_bytes(ours.kept?, ours.bytes, *factor, verdict),
        })
    }
}

fn of_rounds(ratios: &[f64]) -> Option<(f64, String)> {
    let ratio = median(ratios)?;
    let (least, most) = ends(ratios)?;
    Some((ratio, format!("{ratio:.2} x ({least:.2} to {most:.2})")))
}

fn spread(figures: &[f64]) -> String {
    match (median(figures), ends(figures)) {
        (Some(middle), Some((least, most))) => format!(
            "{} ({} to {})",
            duration(middle),
            duration(least),
            duration(most)
        ),
        _ => String::new(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
fn of_bytes(
    used: u64,
    file: u64,
    factor: f64,
    verdict: impl Fn(String, bool) -> Verdict,
) -> Verdict {
    let ratio = used as f64 / file.max(1) as f64;
    verdict(
        format!("{ratio:.2} x ({} of {})", bytes(used), bytes(file)),
        ratio <= factor,
    )
}

/// A target and what came of it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Verdict {
    pub(crate) case: String,
    pub(crate) line: String,
    pub(crate) wanted: String,
    pub(crate) result: String,
    pub(crate) met: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contenders::Kind;

    fn figures(label: &str, nanos: &[f64]) -> Figures {
        Figures {
            label: label.to_owned(),
            kind: Kind::Json,
            records: 1,
            threads: 1,
            nanos: nanos.to_vec(),
            clock: crate::measure::clock::Clock::Wall,
            processor: Vec::new(),
            tails: Vec::new(),
            peak: Some(300),
            kept: Some(250),
            bytes: 100,
        }
    }

    #[test]
    fn a_slow_round_that_is_slow_for_both_decides_nothing() {
        let figures = [
            figures("ours", &[11.0, 110.0, 11.0]),
            figures("theirs", &[10.0, 100.0, 10.0]),
        ];
        let met = |demand| {
            Target::new("a case", "ours", demand)
                .judge("case", &figures)
                .map(|verdict| verdict.met)
        };
        assert_eq!(met(Demand::AtMost(1.15, "theirs".into())), Some(true));
        assert_eq!(met(Demand::AtMost(1.05, "theirs".into())), Some(false));
        assert_eq!(met(Demand::Faster(0.9, "theirs".into())), Some(true));
        assert_eq!(met(Demand::Faster(1.0, "theirs".into())), Some(false));
        assert_eq!(met(Demand::Peak(2.9)), Some(false));
        assert_eq!(met(Demand::Kept(2.5)), Some(true));
        assert_eq!(met(Demand::Under(11.0)), Some(false));
        assert_eq!(met(Demand::AtMost(1.0, "nobody".into())), None);
    }
}
