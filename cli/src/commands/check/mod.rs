//! `larder check`.
//!
//! Owns what is asked of a store and the form of the answer. Validating is what opening a collection
//! does; comparing indexes with records is `verify.rs`, what a repair would do is `plan.rs`.

mod plan;
mod verify;

use std::collections::BTreeMap;

use larder::{Issue, OnInvalid, Store};
use serde::{Serialize, Serializer};

use crate::args::CheckArgs;
use crate::failure::{Failure, Outcome, Verdict};
use crate::open::Place;
use crate::output::{Output, counted, plain};
use verify::IndexCheck;

/// What was found of a store.
#[derive(Debug, Serialize)]
struct Found {
    ok: bool,
    collections: Vec<Checked>,
    quarantined: usize,
}

/// What was found of one collection.
#[derive(Debug, Serialize)]
struct Checked {
    name: String,
    records: u64,
    dropped: usize,
    issues: Vec<Issue>,
    indexes: Vec<IndexCheck>,
    #[serde(serialize_with = "message", skip_serializing_if = "Option::is_none")]
    error: Option<larder::Error>,
    quarantined: usize,
}

#[expect(clippy::ref_option, reason = "the signature that serde asks for")]
fn message<S: Serializer>(error: &Option<larder::Error>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&error.as_ref().map(ToString::to_string).unwrap_or_default())
}

impl Checked {
    fn is_ok(&self) -> bool {
        self.error.is_none()
            && self.issues.is_empty()
            && self.indexes.iter().all(|index| index.problems.is_empty())
    }
}

pub(super) fn run(args: &CheckArgs, out: &mut Output) -> Outcome {
    if args.repair_plan {
        return plan::run(&args.at, out);
    }
    // Everything is to be told, so nothing is refused at the first bad record.
    let place = Place::parse(&args.at.url)?.with_on_invalid(OnInvalid::Drop);
    let store = place.reader()?;
    // Before a collection is opened: later those are in it that this opening would put there.
    let mut quarantined: BTreeMap<String, usize> = BTreeMap::new();
    for entry in store.quarantine()? {
        *quarantined
            .entry(entry.collection().to_owned())
            .or_default() += 1;
    }
    let names = place.collections(&store.stats()?);
    let collections: Vec<Checked> = names
        .into_iter()
        .map(|name| {
            let quarantined = quarantined.get(&name).copied().unwrap_or_default();
            check(&store, name, quarantined)
        })
        .collect();
    let found = Found {
        ok: collections.iter().all(Checked::is_ok),
        collections,
        quarantined: quarantined.values().sum(),
    };
    if out.is_json() {
        out.value(&found)?;
    } else {
        show(&found, out)?;
    }
    Ok(Verdict::of(!found.ok))
}

fn check(store: &Store, name: String, quarantined: usize) -> Checked {
    let mut checked = Checked {
        name,
        records: 0,
        dropped: 0,
        issues: Vec::new(),
        indexes: Vec::new(),
        error: None,
        quarantined,
    };
    let opened = store.documents(&checked.name).and_then(|repository| {
        let report = store.verify(&checked.name)?;
        checked.records = report.records();
        checked.dropped = report.dropped();
        checked.issues = report.issues().to_vec();
        verify::indexes(&*repository)
    });
    match opened {
        Ok(indexes) => checked.indexes = indexes,
        Err(error) => checked.error = Some(error),
    }
    checked
}

fn show(found: &Found, out: &mut Output) -> Result<(), Failure> {
    for collection in &found.collections {
        let verdict = if collection.is_ok() { "ok" } else { "NOT OK" };
        let records = usize::try_from(collection.records).unwrap_or(usize::MAX);
        out.line(format_args!(
            "{}: {verdict}: {}, {} dropped, {} checked, {} in quarantine",
            collection.name,
            counted(records, "record"),
            collection.dropped,
            match collection.indexes.len() {
                1 => "1 index".to_owned(),
                many => format!("{many} indexes"),
            },
            collection.quarantined,
        ))?;
        if let Some(error) = &collection.error {
            show_error(error, out)?;
        }
        for issue in &collection.issues {
            out.line(format_args!("  {}", plain(&issue.to_string())))?;
        }
        for index in &collection.indexes {
            for problem in &index.problems {
                out.line(format_args!("  index {}: {problem}", index.name))?;
            }
        }
    }
    if found.collections.is_empty() {
        out.line("the store is empty")?;
    }
    Ok(())
}

/// Why a collection cannot be opened.
fn show_error(error: &larder::Error, out: &mut Output) -> Result<(), Failure> {
    out.line(format_args!("  cannot be opened: {error}"))?;
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        out.line(format_args!("    caused by: {error}"))?;
        cause = error.source();
    }
    Ok(())
}
