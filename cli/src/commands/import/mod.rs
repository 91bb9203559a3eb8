//! `larder import`.
//!
//! Owns the three ways of an import and their order: read and define first, open last, so that a
//! mistake touches nothing. Judging one record is `importer.rs`, answering record by record is
//! `ack.rs`, the report is `report.rs`.

mod ack;
mod importer;
mod report;
mod stream;

use std::time::Duration;

use larder::{
    AnyRepository, Collection, Document, Issue, OnInvalid, Query, RecordFile, Repository as _,
    RepositoryExt as _, Store,
};

use super::{document, read_all};
use crate::args::{ImportArgs, OnInvalidArg};
use crate::definition::{Resolved, resolve};
use crate::failure::{Failure, Outcome};
use crate::open::Place;
use crate::output::{Output, note};
use crate::progress::Progress;
use importer::Importer;
use report::Report;

/// One flush at the end, and few on the way: each writes the whole collection.
const DEBOUNCE: Duration = Duration::from_secs(30);

pub(super) fn run(args: &ImportArgs, out: &mut Output) -> Outcome {
    let place = Place::parse(&args.to)?;
    let on_invalid = match args.on_invalid {
        Some(OnInvalidArg::Drop) => OnInvalid::Drop,
        Some(OnInvalidArg::Reject) => OnInvalid::Reject,
        None => place.on_invalid(),
    };
    let place = place.with_on_invalid(on_invalid);
    if args.ack {
        if on_invalid == OnInvalid::Reject {
            return Err(Failure::Request(
                "--ack answers record by record, and cannot take all back: use --on-invalid drop"
                    .to_owned(),
            ));
        }
        let resolved = define(&place, args)?;
        let opened = Opened::new(&place, resolved, args)?;
        let report = ack::run(opened.importer, &opened.store, args, out)?;
        let report = finish(&opened.store, report, &opened.repository)?;
        report.tell(out.is_json());
        return Ok(report.verdict());
    }
    let place = place.with_default_debounce(DEBOUNCE);
    let file = RecordFile::parse(
        read_all(&args.file)?,
        source(args),
        args.target.collection(),
    )?;
    let report = if on_invalid == OnInvalid::Reject {
        all_or_nothing(&place, args, &file)?
    } else {
        let resolved = define(&place, args)?;
        let mut opened = Opened::new(&place, resolved, args)?;
        offer(&mut opened.importer, &file)?;
        finish(
            &opened.store,
            opened.importer.into_report(),
            &opened.repository,
        )?
    };
    report.write(out)?;
    Ok(report.verdict())
}

/// What positions in the input call it.
fn source(args: &ImportArgs) -> &str {
    if args.file == "-" {
        "standard input"
    } else {
        &args.file
    }
}

/// The collection that is meant; the store is only read.
fn define(place: &Place, args: &ImportArgs) -> Result<Resolved, Failure> {
    let there = place.reader_if_there()?;
    let resolved = resolve(place, there.as_ref(), &args.target, &args.definition);
    if let Some(store) = there {
        store.close().wait()?;
    }
    resolved
}

/// The store, ready to take records in.
struct Opened {
    store: Store,
    repository: AnyRepository<Document>,
    importer: Importer,
}

impl Opened {
    fn new(place: &Place, resolved: Resolved, args: &ImportArgs) -> Result<Self, Failure> {
        let store = place.writer()?;
        let repository = store.collection(resolved.collection)?;
        if !resolved.changes.is_empty() {
            note(format_args!(
                "the definition of {:?} changes: {}",
                args.target.collection(),
                resolved.changes.join(", ")
            ));
        }
        let importer = Importer::new(&store, &repository)?;
        Ok(Self {
            store,
            repository,
            importer,
        })
    }
}

/// Offers everything that is in a file.
fn offer(importer: &mut Importer, file: &RecordFile) -> Result<(), Failure> {
    let progress = Progress::new("importing", file.records().count() as u64);
    for record in file.records() {
        importer
            .offer(record.bytes, record.position)?
            .write
            .detach();
        progress.step();
    }
    for damage in file.damage() {
        importer.damage(damage)?.detach();
    }
    importer.remark(file.issues());
    Ok(())
}

/// Makes everything durable, and adds what opening the collection found.
fn finish(
    store: &Store,
    report: Report,
    repository: &AnyRepository<Document>,
) -> Result<Report, Failure> {
    let found = repository.load_report().issues().to_vec();
    // Even of an import of nothing the definition stays.
    store.reject(Vec::new())?.wait()?;
    store.close().wait()?;
    Ok(report.with_found(found))
}

/// Imports all records in one step, or none.
fn all_or_nothing(place: &Place, args: &ImportArgs, file: &RecordFile) -> Result<Report, Failure> {
    let there = place.reader_if_there()?;
    let resolved = resolve(place, there.as_ref(), &args.target, &args.definition)?;
    let trial = trial(there.as_ref(), &resolved.collection)?;
    if let Some(store) = there {
        store.close().wait()?;
    }
    let mut importer = Importer::new(&trial.0, &trial.1)?;
    offer(&mut importer, file)?;
    let mut report = importer.into_report();
    if report.has_problems() {
        return Ok(report.rejected());
    }

    let records = file.records().map(|record| document(record.bytes));
    let records = records.collect::<Result<Vec<_>, _>>()?;
    let opened = Opened::new(place, resolved, args)?;
    match opened.repository.save_all(records) {
        Ok(write) => write.detach(),
        // Somebody wrote to the store between the trial and now.
        Err(error) => match Issue::refused(args.target.collection(), &error) {
            Some(issue) => {
                report.issues.push(issue);
                return Ok(report.rejected());
            }
            None => return Err(error.into()),
        },
    }
    finish(&opened.store, report, &opened.repository)
}

/// The same collection in memory, with the records that are there if the new ones may collide with
/// them.
fn trial(
    there: Option<&Store>,
    collection: &Collection<Document>,
) -> Result<(Store, AnyRepository<Document>), Failure> {
    let store = Store::open("memory:")?;
    let repository = store.collection(collection.clone())?;
    let may_collide = collection.indexes().iter().any(larder::IndexDef::is_unique);
    if let Some(there) = there.filter(|_| may_collide) {
        let records = there.collection(collection.clone())?.find(Query::all())?;
        repository
            .save_all(records.iter().map(|record| Document::clone(record)))?
            .detach();
    }
    Ok((store, repository))
}
