//! Writing the file anew after one change.

use super::target::{Demand, Target};
use super::{Case, Entrant, Sizes, count};
use crate::contenders::Kind;
use crate::measure::Act;

pub(super) fn cases(sizes: Sizes) -> Vec<(Case, Vec<Target>)> {
    let ours = Kind::Json.label();
    let entrants = [
        Kind::Json,
        Kind::ByHand,
        Kind::Rustbreak,
        Kind::Floor,
        Kind::Copy,
    ];
    let case = Case {
        name: "json-flush",
        title: format!(
            "Flush one change of {} records of JSON",
            count(sizes.records)
        ),
        about: "One record is saved, outside of the time; then the file is written, synced, renamed and \
                its directory synced. The floor does that with the same bytes, which it has ready.",
        entrants: entrants
            .map(|kind| Entrant::new(kind, Act::Flush, sizes.records))
            .into(),
        millis: 400,
    };
    let line = "JSON flush after one change";
    let targets = vec![
        Target::new(line, ours, Demand::AtMost(1.15, Kind::Floor.label().into())),
        Target::new(line, ours, Demand::Faster(3.5, Kind::ByHand.label().into())),
    ];
    vec![(case, targets)]
}
