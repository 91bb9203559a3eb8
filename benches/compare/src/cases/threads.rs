//! Many threads that save at once.

use super::target::{Demand, Target};
use super::{Case, Entrant, Sizes, count};
use crate::contenders::Kind;
use crate::measure::Act;

pub(super) fn cases(sizes: Sizes) -> Vec<(Case, Vec<Target>)> {
    vec![json(sizes), sqlite(sizes), crowd(sizes)]
}

fn json(sizes: Sizes) -> (Case, Vec<Target>) {
    let entrants = [Kind::Json, Kind::ByHand, Kind::Rustbreak];
    let case = Case {
        name: "json-threads",
        title: format!(
            "8 threads of awaited saves among {} records of JSON",
            count(sizes.small)
        ),
        about: "The time in which they together make one save durable. By hand each save writes the file \
                under the mutex.",
        entrants: entrants
            .map(|kind| Entrant::new(kind, Act::Awaited, sizes.small).threads(8))
            .into(),
        millis: 800,
    };
    let target = Target::new(
        "JSON, 8 threads of awaited saves",
        Kind::Json.label(),
        Demand::Faster(6.0, Kind::ByHand.label().into()),
    );
    (case, vec![target])
}

fn sqlite(sizes: Sizes) -> (Case, Vec<Target>) {
    let entrants = [Kind::Sqlite, Kind::SqliteFull, Kind::Redb, Kind::NativeDb];
    let case = Case {
        name: "sqlite-threads",
        title: "8 threads of awaited saves in a database".to_owned(),
        about: "The time in which they together make one save durable. rusqlite has one connection \
                behind a mutex; redb and native_db have one writer at a time.",
        entrants: entrants
            .map(|kind| Entrant::new(kind, Act::Awaited, sizes.records).threads(8))
            .into(),
        millis: 800,
    };
    let target = Target::new(
        "SQLite save, awaited, 8 threads",
        Kind::Sqlite.label(),
        Demand::Faster(2.5, Kind::SqliteFull.label().into()),
    );
    (case, vec![target])
}

fn crowd(sizes: Sizes) -> (Case, Vec<Target>) {
    let free = "larder, SQLite: not awaited";
    let case = Case {
        name: "sqlite-crowd",
        title: "64 threads of saves in a database".to_owned(),
        about: "The time in which they together make one save, awaited and durable, or not.",
        entrants: [
            Entrant::new(Kind::Sqlite, Act::Awaited, sizes.records),
            Entrant::new(Kind::Sqlite, Act::Save, sizes.records).called(free),
            Entrant::new(Kind::SqliteFull, Act::Awaited, sizes.records),
        ]
        .map(|entrant| entrant.threads(64))
        .into(),
        millis: 800,
    };
    let target = Target::new(
        "SQLite save, awaited, 64 threads",
        Kind::Sqlite.label(),
        Demand::Faster(0.7, free.to_owned()),
    );
    (case, vec![target])
}
