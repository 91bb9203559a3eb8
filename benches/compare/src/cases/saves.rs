//! One thread that saves: visible, awaited, in batches.

use super::target::{Demand, Target};
use super::{Case, Entrant, Sizes, count};
use crate::contenders::Kind;
use crate::measure::Act;

const DATABASES: [Kind; 4] = [Kind::Sqlite, Kind::SqliteFull, Kind::Redb, Kind::NativeDb];

pub(super) fn cases(sizes: Sizes) -> Vec<(Case, Vec<Target>)> {
    let mut cases = json(sizes);
    cases.extend(sqlite(sizes));
    cases
}

fn json(sizes: Sizes) -> Vec<(Case, Vec<Target>)> {
    let ours = Kind::Json.label();
    let encode = "serde_json encode";
    let entrants = |act| {
        [Kind::Json, Kind::Memory, Kind::ByHand]
            .map(|kind| Entrant::new(kind, act, sizes.records))
            .into_iter()
            .chain([Entrant::new(Kind::Floor, act, sizes.records).called(encode)])
            .map(Entrant::on_its_own)
            .collect()
    };
    let target = |line| {
        vec![Target::new(
            line,
            ours,
            Demand::AtMost(2.5, encode.to_owned()),
        )]
    };
    let changed = Case {
        name: "json-save",
        title: format!("Save among {} records, not awaited", count(sizes.records)),
        about: "One of the three indexed fields changes. Ours encodes, validates, reads back and indexes; \
                by hand puts it into its maps and does nothing else.",
        entrants: entrants(Act::Save),
        millis: 150,
    };
    let same = Case {
        name: "json-save-same-keys",
        title: format!(
            "Save among {} records, not awaited, no key changes",
            count(sizes.records)
        ),
        about: "The same, but for the index.",
        entrants: entrants(Act::SaveNoKey),
        millis: 150,
    };
    let tail = Case {
        name: "json-save-while-flushing",
        title: format!(
            "Save among {} records while another thread flushes all the time",
            count(sizes.records)
        ),
        about: "One save every 50 µs, each timed. The floor encodes the record beside a thread that \
                writes and syncs the same bytes: what it takes at most is the machine's doing.",
        entrants: [Kind::Json, Kind::ByHand, Kind::Floor]
            .map(|kind| Entrant::new(kind, Act::SaveWhileFlushing, sizes.records))
            .into(),
        millis: 2_000,
    };
    let tail_target = Target::new(
        "JSON save while flushes run",
        ours,
        Demand::TailUnder(100_000.0),
    );
    vec![
        (changed, target("JSON save, validated, indexed")),
        (
            same,
            target("JSON save, validated, indexed; no key changes"),
        ),
        (tail, vec![tail_target]),
    ]
}

fn sqlite(sizes: Sizes) -> Vec<(Case, Vec<Target>)> {
    let ours = Kind::Sqlite.label();
    let visible = |name, title: &str, act| Case {
        name,
        title: title.to_owned(),
        about: "Committed and seen by every process, not synced.",
        entrants: [Kind::Sqlite, Kind::SqliteNormal]
            .map(|kind| Entrant::new(kind, act, sizes.records))
            .into(),
        millis: 200,
    };
    let durable = |name, title: &str, act, millis| Case {
        name,
        title: title.to_owned(),
        about: "On disk and synced when it returns, for each of them.",
        entrants: DATABASES
            .map(|kind| Entrant::new(kind, act, sizes.records))
            .into(),
        millis,
    };
    let normal = |line| {
        let other = Kind::SqliteNormal.label().into();
        vec![Target::new(line, ours, Demand::AtMost(1.4, other))]
    };
    let full = |line, factor| {
        let other = Kind::SqliteFull.label().into();
        vec![Target::new(line, ours, Demand::AtMost(factor, other))]
    };
    let mut awaited = durable(
        "sqlite-awaited",
        "Save in a database, awaited",
        Act::Awaited,
        400,
    );
    awaited.entrants.push(
        Entrant::new(Kind::SqliteNormal, Act::Awaited, sizes.records)
            .called("rusqlite, NORMAL: not synced"),
    );
    vec![
        (
            visible("sqlite-save", "Save in a database, not awaited", Act::Save),
            normal("SQLite save, visible, validated"),
        ),
        (
            visible(
                "sqlite-save-same-keys",
                "Save in a database, not awaited, no key changes",
                Act::SaveNoKey,
            ),
            normal("SQLite save, visible, validated; no key changes"),
        ),
        (awaited, full("SQLite save, awaited, 1 thread", 1.1)),
        (
            durable(
                "sqlite-batch",
                "Batch of 1,000 in a database, awaited",
                Act::Batch,
                300,
            ),
            full("SQLite batch of 1,000, awaited", 1.2),
        ),
        (
            durable(
                "sqlite-pair",
                "Transaction of two in a database, awaited",
                Act::Pair,
                300,
            ),
            Vec::new(),
        ),
    ]
}
