//! Reading: by id, by a unique key, by an index, in an order.

use super::target::{Demand, Target};
use super::{Case, Entrant, Sizes, count};
use crate::contenders::Kind;
use crate::measure::Act;

/// By act: what it is called in memory, and in a database.
const READS: [(Act, &str, &str); 4] = [
    (Act::Get, "get", "sqlite-get"),
    (Act::Unique, "unique", "sqlite-unique"),
    (Act::Index, "index", "sqlite-index"),
    (Act::Range, "range", "sqlite-range"),
];

pub(super) fn cases(sizes: Sizes) -> Vec<(Case, Vec<Target>)> {
    let in_memory = READS.map(|(act, name, _)| memory(act, name, sizes));
    let databases = READS.map(|(act, _, name)| database(act, name, sizes));
    in_memory.into_iter().chain(databases).collect()
}

fn memory(act: Act, name: &'static str, sizes: Sizes) -> (Case, Vec<Target>) {
    let ours = [Kind::Json, Kind::Memory];
    let entrants = ours.into_iter().chain([Kind::Maps]);
    let case = Case {
        name,
        title: format!(
            "{} among {} records in memory",
            sentence(act),
            count(sizes.records)
        ),
        about: "In an order that has nothing to do with that of the keys. The map is bare: no lock, no \
                error type, and it is the right map for the key.",
        entrants: entrants
            .map(|kind| Entrant::new(kind, act, sizes.records))
            .collect(),
        millis: 100,
    };
    let targets = ours
        .into_iter()
        .filter_map(|kind| {
            let demand = match act {
                Act::Get | Act::Unique => Demand::AtMost(2.0, Kind::Maps.label().into()),
                Act::Index => Demand::Under(2_000.0),
                _ => return None,
            };
            let line = format!("{}: {}", kind.label(), act.words());
            Some(Target::new(line, kind.label(), demand))
        })
        .collect();
    (case, targets)
}

fn database(act: Act, name: &'static str, sizes: Sizes) -> (Case, Vec<Target>) {
    let plain = "rusqlite + serde_json";
    let mut entrants = vec![
        Entrant::new(Kind::Sqlite, act, sizes.records),
        Entrant::new(Kind::SqliteNormal, act, sizes.records).called(plain),
        Entrant::new(Kind::Redb, act, sizes.records).called("redb + serde_json"),
    ];
    // native_db's range gathers every key behind the bound, which takes longer than all others together.
    if act != Act::Range {
        entrants.push(Entrant::new(Kind::NativeDb, act, sizes.records));
    }
    let case = Case {
        name,
        title: format!(
            "{} among {} records in a database",
            sentence(act),
            count(sizes.records)
        ),
        about: "In an order that has nothing to do with that of the keys. Each gives records of the type, \
                parsed.",
        entrants,
        millis: 200,
    };
    let targets = match act {
        Act::Get | Act::Index => vec![Target::new(
            format!("SQLite {}", act.words()),
            Kind::Sqlite.label(),
            Demand::AtMost(1.25, plain.to_owned()),
        )],
        _ => Vec::new(),
    };
    (case, targets)
}

fn sentence(act: Act) -> &'static str {
    match act {
        Act::Get => "Get",
        Act::Unique => "Look-up by a unique key",
        Act::Index => "All 20 of an index's key",
        _ => "The first 20 of a range, in order,",
    }
}
