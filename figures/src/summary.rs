//! Adding up what the proofs left, and the table.
//!
//! Owns [`Summary`]. A number stands in the table only if it is of a program that is still there as it was built;
//! what failed, what was cut off and what did not run is said by name beneath it.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::suites::{Kind, LISTED, Parts, Row, SUITES, Suite};
use crate::{BEGUN, built, directory, plain};

/// How a suite fared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// How many of its parts hold.
    pub done: usize,
    /// The parts that failed, or were cut off.
    pub failed: Vec<String>,
    /// The parts of a program that was built anew since.
    pub stale: usize,
    /// How many parts there should be; none if that is not known, because the part that says it did not run.
    pub expected: Option<usize>,
}

impl State {
    /// Whether all of it ran, and holds.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.failed.is_empty() && self.stale == 0 && self.expected == Some(self.done)
    }
}

/// What a run looked at.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    counts: BTreeMap<(Row, Kind), u64>,
    suites: BTreeMap<&'static str, State>,
    begun: Option<Duration>,
}

impl Summary {
    /// Adds up what is there.
    #[must_use]
    pub fn gather() -> Self {
        Self::of(&directory(), SUITES)
    }

    pub(crate) fn of(dir: &Path, suites: &'static [Suite]) -> Self {
        let mut summary = Self::default();
        let begun = fs::metadata(dir.join(BEGUN)).and_then(|it| it.modified());
        summary.begun = begun.ok().and_then(|it| it.elapsed().ok());
        for suite in suites {
            summary.add(suite, &dir.join(plain(suite.name)));
        }
        summary
    }

    fn add(&mut self, suite: &'static Suite, dir: &Path) {
        let mut state = State::default();
        if let Parts::Of(parts) = suite.parts {
            state.expected = Some(parts);
        }
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            let part = entry.file_name().to_string_lossy().into_owned();
            let text = fs::read_to_string(entry.path()).unwrap_or_default();
            let mut lines = text.lines();
            let outcome = lines.next().unwrap_or_default();
            let program = lines.next().and_then(|line| line.split_once(' '));
            let is_now = |(time, path): (&str, &str)| built(Path::new(path)).to_string() == time;
            if !program.is_some_and(is_now) {
                state.stale += 1;
                continue;
            }
            if outcome != "done" {
                state.failed.push(part);
                continue;
            }
            state.done += 1;
            let mut applicable = None;
            for (count, kind) in lines.filter_map(|line| line.split_once(' ')) {
                let count = count.parse().unwrap_or(0);
                // What the list says of the cases is how many apply, not that they hold.
                if part == plain(LISTED) && kind == Kind::Cases.as_str() {
                    applicable = usize::try_from(count).ok();
                    continue;
                }
                let kinds = suite.kinds.iter().filter(|it| it.as_str() == kind);
                for (row, kind) in suite
                    .rows
                    .iter()
                    .flat_map(|row| kinds.clone().map(move |it| (*row, *it)))
                {
                    *self.counts.entry((row, kind)).or_default() += count;
                }
            }
            if let (Parts::Cases, Some(applicable)) = (suite.parts, applicable) {
                state.expected = Some(applicable + 1);
            }
        }
        state.failed.sort();
        self.suites.insert(suite.name, state);
    }

    /// The number in a place of the table; none if nothing of the kind was done.
    #[must_use]
    pub fn count(&self, row: Row, kind: Kind) -> Option<u64> {
        self.counts.get(&(row, kind)).copied()
    }

    /// How a suite fared.
    #[must_use]
    pub fn suite(&self, name: &str) -> Option<&State> {
        self.suites.get(name)
    }

    /// Whether every suite ran, all of it, and holds.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.begun.is_some() && self.suites.values().all(State::is_whole)
    }

    fn cell(&self, row: Row, kind: Kind, suites: &[Suite]) -> String {
        let mut all = suites
            .iter()
            .filter(|it| it.rows.contains(&row) && it.kinds.contains(&kind))
            .peekable();
        if all.peek().is_none() {
            return "-".to_owned();
        }
        let is_whole = all.all(|suite| self.suite(suite.name).is_some_and(State::is_whole));
        match (self.count(row, kind), is_whole) {
            (Some(count), true) => grouped(count),
            // Some of it is missing: what, is said beneath.
            (Some(count), false) => format!("{} *", grouped(count)),
            (None, true) => "0".to_owned(),
            (None, false) => "not run".to_owned(),
        }
    }
}

/// With commas, as people read it.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.begun {
            Some(begun) => writeln!(
                f,
                "Of the run that began {} minutes ago:\n",
                begun.as_secs() / 60
            )?,
            None => writeln!(
                f,
                "Nobody said where the run begins: this may be of several.\n"
            )?,
        }
        let heads = Kind::ALL.map(|kind| kind.as_str().to_owned());
        let mut lines = vec![(String::new(), heads)];
        for row in Row::ALL {
            let cells = Kind::ALL.map(|kind| self.cell(row, kind, SUITES));
            lines.push((row.as_str().to_owned(), cells));
        }
        let name = lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let mut widths = [0; Kind::ALL.len()];
        for (_, cells) in &lines {
            for (width, cell) in widths.iter_mut().zip(cells) {
                *width = cell.len().max(*width);
            }
        }
        for (row, cells) in &lines {
            write!(f, "{row:<name$}")?;
            for (cell, width) in cells.iter().zip(&widths) {
                write!(f, "  {cell:>width$}")?;
            }
            writeln!(f)?;
        }
        writeln!(f, "\n-: there is nothing of the kind to run.")?;
        if self.suites.values().any(|state| !state.is_whole()) {
            writeln!(f, "*: not all of it:")?;
        }
        for (name, state) in self.suites.iter().filter(|(_, state)| !state.is_whole()) {
            let State {
                done,
                failed,
                stale,
                expected,
            } = state;
            let of = expected.map_or("an unknown number".to_owned(), |it| it.to_string());
            write!(f, "  {name}: ")?;
            if *done == 0 && failed.is_empty() && *stale == 0 {
                writeln!(f, "not run")?;
                continue;
            }
            write!(f, "{done} of {of} parts hold")?;
            if !failed.is_empty() {
                write!(f, "; {} failed: {}", failed.len(), failed.join(", "))?;
            }
            if *stale > 0 {
                write!(f, "; {stale} are of an older build and do not count")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::Proof;

    /// A directory of a test's own, which is gone with it.
    struct Place(PathBuf);

    impl Place {
        fn new(test: &str) -> Self {
            let name = format!("larder-figures-{}-{test}", std::process::id());
            let dir = std::env::temp_dir().join(name);
            fs::create_dir_all(&dir).unwrap();
            fs::write(dir.join(BEGUN), "").unwrap();
            Self(dir)
        }

        fn begin(&self, suite: &str, part: &str) -> Proof {
            Proof::begin_in(&self.0, suite, part)
        }

        fn summary(&self) -> Summary {
            Summary::of(&self.0, SUITES)
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    const MODEL: &str = "model of memory";
    const SEVERAL: &str = "model of one collection";
    const CASES: &str = "conformance of memory";

    fn cell(summary: &Summary, row: Row, kind: Kind) -> String {
        summary.cell(row, kind, SUITES)
    }

    #[test]
    fn what_did_not_run_is_no_pass_and_no_zero() {
        let summary = Place::new("nothing").summary();
        assert_eq!(cell(&summary, Row::Memory, Kind::Histories), "not run");
        assert_eq!(cell(&summary, Row::Memory, Kind::CrashStates), "-");
        assert!(summary.to_string().contains("  model of memory: not run\n"));
        assert!(!summary.is_whole());
    }

    #[test]
    fn what_is_done_is_added_up_on_each_of_its_lines() {
        let place = Place::new("done");
        place
            .begin(MODEL, "histories")
            .done(&[(Kind::Histories, 5)]);
        for part in ["types", "values", "documents"] {
            for _ in 0..600 {
                place.begin(SEVERAL, part).done(&[(Kind::Histories, 1)]);
            }
        }
        let summary = place.summary();
        assert!(summary.suite(SEVERAL).unwrap().is_whole());
        // All of memory's are there; of JSON's and SQLite's, the kit's did not run.
        // (The model of transactions did not, either: it is on every line.)
        assert_eq!(summary.count(Row::Memory, Kind::Histories), Some(1805));
        assert_eq!(cell(&summary, Row::Memory, Kind::Histories), "1,805 *");
        place
            .begin("model of transactions", "every backend")
            .done(&[(Kind::Histories, 1)]);
        let summary = place.summary();
        assert_eq!(cell(&summary, Row::Memory, Kind::Histories), "1,806");
        assert_eq!(cell(&summary, Row::Json, Kind::Histories), "1,801 *");
    }

    #[test]
    fn what_failed_or_was_cut_off_is_told_and_stays_failed() {
        let place = Place::new("failed");
        drop(place.begin(SEVERAL, "types"));
        // What shrinks a failure runs it again, and may hold then.
        place.begin(SEVERAL, "types").done(&[(Kind::Histories, 1)]);
        std::mem::forget(place.begin(SEVERAL, "values"));
        let summary = place.summary();
        let state = summary.suite(SEVERAL).unwrap();
        assert_eq!(state.failed, ["types", "values"]);
        assert_eq!(cell(&summary, Row::Memory, Kind::Histories), "not run");
        let text = summary.to_string();
        let says = "  model of one collection: 0 of 3 parts hold; 2 failed: types, values\n";
        assert!(text.contains(says), "{text}");
    }

    #[test]
    fn what_an_older_build_left_does_not_count() {
        let place = Place::new("stale");
        place
            .begin(MODEL, "histories")
            .done(&[(Kind::Histories, 5)]);
        let file = place.0.join(plain(MODEL)).join("histories");
        let text = fs::read_to_string(&file).unwrap();
        let (state, rest) = text.split_once('\n').unwrap();
        let (_, path) = rest.split_once(' ').unwrap();
        fs::write(&file, format!("{state}\n1 {path}")).unwrap();
        let summary = place.summary();
        assert_eq!(summary.suite(MODEL).unwrap().stale, 1);
        assert_eq!(cell(&summary, Row::Memory, Kind::Histories), "not run");
        assert!(summary.to_string().contains("1 are of an older build"));
    }

    #[test]
    fn cases_are_as_many_as_apply() {
        let place = Place::new("cases");
        place
            .begin(CASES, LISTED)
            .done(&[(Kind::Cases, 2), (Kind::NotApplicable, 7)]);
        place.begin(CASES, "one").done(&[(Kind::Cases, 1)]);
        assert!(!place.summary().suite(CASES).unwrap().is_whole());
        place.begin(CASES, "two").done(&[(Kind::Cases, 1)]);
        let summary = place.summary();
        assert!(summary.suite(CASES).unwrap().is_whole());
        assert_eq!(cell(&summary, Row::Memory, Kind::Cases), "2");
        assert_eq!(cell(&summary, Row::Memory, Kind::NotApplicable), "7");
    }

    #[test]
    fn without_a_beginning_nothing_is_whole() {
        let place = Place::new("beginning");
        fs::remove_file(place.0.join(BEGUN)).unwrap();
        let summary = place.summary();
        assert!(!summary.is_whole());
        assert!(summary.to_string().starts_with("Nobody said where"));
    }
}
