//! Opening: a file of JSON, and a database.

use super::target::{Demand, Target};
use super::{Case, Entrant, Sizes, count};
use crate::contenders::Kind;
use crate::measure::Act;

pub(super) fn cases(sizes: Sizes) -> Vec<(Case, Vec<Target>)> {
    vec![json(sizes), sqlite(sizes)]
}

fn json(sizes: Sizes) -> (Case, Vec<Target>) {
    let ours = Kind::Json.label();
    let entrants = [
        Kind::Json,
        Kind::ByHand,
        Kind::Checked,
        Kind::Rustbreak,
        Kind::Floor,
    ];
    let case = Case {
        name: "json-open",
        title: format!("Open {} records of JSON", count(sizes.records)),
        about: "Each in a process that has done nothing before, until the first record was read. The \
                file is in the system's memory. The floor reads it and parses nothing.",
        entrants: entrants
            .map(|kind| Entrant::new(kind, Act::Open, sizes.records))
            .into(),
        millis: 0,
    };
    let targets = vec![
        Target::new(
            "JSON open: parse, validate, index; by hand is not validated",
            ours,
            Demand::AtMost(1.0, Kind::ByHand.label().into()),
        ),
        Target::new("JSON open", ours, Demand::Peak(3.5)),
        Target::new("JSON store, open", ours, Demand::Kept(3.0)),
    ];
    (case, targets)
}

fn sqlite(sizes: Sizes) -> (Case, Vec<Target>) {
    let of = |kind: Kind, records| {
        Entrant::new(kind, Act::Open, records).called(format!(
            "{}, {}",
            kind.label(),
            count(records)
        ))
    };
    let [small, middle, large] =
        [sizes.first, sizes.records, sizes.large].map(|records| of(Kind::Sqlite, records));
    let target = Target::new(
        format!("SQLite open: {} records", count(sizes.large)),
        large.label.clone(),
        Demand::AtMost(2.0, small.label.clone()),
    );
    let mut entrants = vec![large, small];
    if sizes.records != sizes.large {
        entrants.push(middle);
    }
    entrants.extend(
        [Kind::SqliteNormal, Kind::Redb, Kind::NativeDb].map(|kind| of(kind, sizes.records)),
    );
    let case = Case {
        name: "sqlite-open",
        title: "Open a database".to_owned(),
        about: "Each in a process that has done nothing before, until the first record was read. Ours \
                makes sure that the rows are those that it validated; the others make sure of nothing.",
        entrants,
        millis: 0,
    };
    (case, vec![target])
}
