//! `larder copy`, and what `backup` and `restore` share with it.
//!
//! Owns the rules of a copy and their order: look at both stores first, write last, believe nothing
//! before it was read back. Taking records over is `transfer.rs`, reading them back is `verify.rs`,
//! the answer is `report.rs`.

mod report;
mod transfer;
mod verify;

use std::path::Path;
use std::time::Duration;

use larder::{Query, RepositoryExt as _, Store};

use crate::args::CopyArgs;
use crate::failure::{Failure, Outcome};
use crate::open::Place;
use crate::output::{Output, counted, note};

pub(super) use report::report;
pub(super) use transfer::{Copied, Source, Target};
pub(super) use verify::{Verified, verify};

/// Flushes are asked for where they are due: each may write a whole collection.
const DEBOUNCE: Duration = Duration::from_secs(30);

pub(super) fn run(args: &CopyArgs, out: &mut Output) -> Outcome {
    let from = Place::parse(&args.from)?;
    let to = Place::parse(&args.to)?;
    between(&from, to, args.overwrite, out)
}

/// Copies one store into another, and reads back what is there then.
pub(super) fn between(from: &Place, to: Place, overwrite: bool, out: &mut Output) -> Outcome {
    let source = Source::open(from)?;
    check_configuration(&source, &to)?;
    check_target(&source, &to, overwrite)?;
    let to = to.with_default_debounce(DEBOUNCE);
    let target = Target::open(&source, &to)?;
    let copied = target.fill(&source, overwrite).inspect_err(|_| {
        note(format_args!(
            "the copy is not whole: {} may hold a part of it, and {} is as it was; once the cause \
             is mended, copy again with --overwrite",
            to.typed(),
            source.typed(),
        ));
    })?;
    let verified = read_back(copied, &to)?;
    report(&verified, to.typed(), out)
}

/// Opens a store that was written and closed, and compares what is in it.
pub(super) fn read_back(copied: Vec<Copied>, to: &Place) -> Result<Vec<Verified>, Failure> {
    let compare = || {
        let store = to.reader()?;
        let verified = verify(copied, &store)?;
        store.close().wait()?;
        Ok(verified)
    };
    compare().inspect_err(|_| {
        note(format_args!(
            "everything was written to {}, but it cannot be read back to verify it",
            to.typed()
        ));
    })
}

/// A collection that the configuration of TO describes is what that says, whatever is copied.
fn check_configuration(source: &Source, to: &Place) -> Result<(), Failure> {
    for definition in source.definitions() {
        let name = &definition.collection;
        let Some(configured) = to.config().collections.get(name) else {
            continue;
        };
        if configured.collection(name)?.definition()? != *definition {
            return Err(Failure::Request(format!(
                "the configuration file {} defines {name:?} in another way than {} does; copy to \
                 the URL of the store, or change the definition first",
                to.typed(),
                source.typed(),
            )));
        }
    }
    Ok(())
}

/// Whether TO may be written, as far as that can be told by reading it.
fn check_target(source: &Source, to: &Place, overwrite: bool) -> Result<(), Failure> {
    let Some(store) = to.reader_if_there()? else {
        return Ok(());
    };
    let stats = store.stats()?;
    let Some(path) = &stats.path else {
        return Err(Failure::Request(format!(
            "{} keeps nothing; copy to a store on disk",
            to.typed()
        )));
    };
    if is_same(source.path(), path) {
        return Err(Failure::Request(format!(
            "{} and {} are the same store",
            source.typed(),
            to.typed()
        )));
    }
    if overwrite {
        tell_others(source, &stats.collections, to);
    } else {
        check_empty(&store, source, to)?;
    }
    store.close().wait()?;
    Ok(())
}

/// Whether both paths lead to the same place.
pub(super) fn is_same(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    }
}

fn check_empty(store: &Store, source: &Source, to: &Place) -> Result<(), Failure> {
    let refuse = |what: String| {
        Failure::Request(format!(
            "{} is not empty: {what}; with --overwrite the collections that {} has are replaced \
             there",
            to.typed(),
            source.typed(),
        ))
    };
    for name in store.collections()? {
        let records = store.documents(&name)?.count(Query::all())?;
        if records > 0 {
            let records = usize::try_from(records).unwrap_or(usize::MAX);
            return Err(refuse(format!(
                "{name:?} has {}",
                counted(records, "record")
            )));
        }
    }
    // After the collections: what cannot be loaded from them is here.
    match store.quarantine()?.len() {
        0 => Ok(()),
        entries => Err(refuse(format!(
            "{} in quarantine",
            counted(entries, "record")
        ))),
    }
}

/// Says which collections of TO have nothing to do with the copy.
fn tell_others(source: &Source, there: &[String], to: &Place) {
    let others: Vec<String> = there
        .iter()
        .filter(|name| !source.definitions().any(|known| known.collection == **name))
        .map(|name| format!("{name:?}"))
        .collect();
    if !others.is_empty() {
        note(format_args!(
            "{} has no {}: what {} has of that stays as it is",
            source.typed(),
            others.join(", "),
            to.typed(),
        ));
    }
}
