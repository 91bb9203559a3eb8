//! `larder quarantine restore`.
//!
//! Owns the order "durable first, then purged", that a mended record is about the record that was
//! rejected, and what a person is told who cannot go on. Whether a record is valid is the library's.

use std::collections::BTreeSet;
use std::sync::Arc;

use larder::{
    Document, Error, ErrorKind, Quarantined, Repository as _, RepositoryExt as _, Store, Write,
};
use serde_json::json;

use super::super::{document, id_at, id_path, read_all};
use super::select;
use crate::args::QuarantineRestoreArgs;
use crate::failure::{Failure, Outcome, Verdict, is_about_a_record};
use crate::open::Place;
use crate::output::{Output, note, plain};

pub(super) fn run(args: &QuarantineRestoreArgs, out: &mut Output) -> Outcome {
    if args.file.is_some() && args.keys.len() > 1 {
        return Err(Failure::Request(
            "--file is the record of one entry".to_owned(),
        ));
    }
    let mended = match &args.file {
        Some(file) => Some(document(&read_all(file)?)?),
        None => None,
    };
    let store = Place::parse(&args.at.url)?.writer_of_existing()?;
    let (entries, mut verdict) = select(&store.quarantine()?, &args.keys)?;
    let mut writes = Vec::new();
    let mut refused = Vec::new();
    let mut taken = BTreeSet::new();
    for entry in &entries {
        match put_back(&store, entry, mended.as_ref(), args, &mut taken) {
            Ok(write) => writes.push((entry.key().to_owned(), write)),
            Err(error) if is_about_a_record(&error) => {
                note(format_args!("{} stays in quarantine: {error}", entry.key()));
                if error.kind() == ErrorKind::AlreadyExists {
                    how_to_go_on(args, entry, &error);
                }
                refused.push(json!({ "key": entry.key(), "reason": error.to_string() }));
                verdict = Verdict::Problems;
            }
            Err(error) => return Err(error.into()),
        }
    }
    let mut restored = Vec::new();
    for (key, write) in writes {
        write.wait()?;
        restored.push(key);
    }
    // Not before: until a record is durable its entry is the one copy that a crash cannot take.
    store.purge_quarantine(&restored)?;
    store.close().wait()?;
    if out.is_json() {
        out.value(&json!({ "restored": restored, "refused": refused }))?;
    } else {
        for key in &restored {
            out.line(key)?;
        }
    }
    Ok(verdict)
}

/// Visible when it returns, durable when awaited.
fn put_back(
    store: &Store,
    entry: &Quarantined,
    mended: Option<&Document>,
    args: &QuarantineRestoreArgs,
    taken: &mut BTreeSet<(String, String)>,
) -> Result<Write<Arc<Document>>, Error> {
    let repository = store.documents(entry.collection())?;
    let id_path = id_path(repository.collection())?;
    let record = match mended {
        Some(mended) => {
            if !args.other_id {
                check_id(entry, mended, &id_path)?;
            }
            mended.clone()
        }
        None => original(entry)?,
    };
    let place = id_at(&id_path, &record).map(|id| (entry.collection().to_owned(), id));
    if place.as_ref().is_some_and(|place| taken.contains(place)) {
        return Err(Error::new(
            ErrorKind::Conflict,
            "an entry with the same id was restored just now, and would be lost",
        ));
    }
    let write = if args.replace {
        repository.save(record)?
    } else {
        repository.insert(record)?
    };
    taken.extend(place);
    Ok(write)
}

/// The record as it was rejected.
fn original(entry: &Quarantined) -> Result<Document, Error> {
    let text = std::str::from_utf8(entry.bytes()).map_err(|error| {
        Error::new(ErrorKind::Encode, "the quarantined bytes are not UTF-8").with_source(error)
    })?;
    Document::parse(text)
}

/// Refuses a record that has another id than the rejected one: it would be purged for a record that
/// is not its own. One whose id could not be read may come back under any.
fn check_id(
    entry: &Quarantined,
    mended: &Document,
    id_path: &larder::Pointer,
) -> Result<(), Error> {
    let own = original(entry)
        .ok()
        .and_then(|record| id_at(id_path, &record));
    // In a database the row may have had another id than the record in it.
    let known: Vec<&str> = entry
        .issue()
        .id()
        .into_iter()
        .chain(own.as_deref())
        .collect();
    let found = id_at(id_path, mended);
    match (known.first(), found) {
        (Some(expected), Some(found)) if !known.contains(&&*found) => Err(Error::new(
            ErrorKind::InvalidId,
            format!(
                "the mended record is {found:?}, and the rejected one is {expected:?}; --other-id \
                 if that is meant"
            ),
        )),
        // Without an id it is refused as any record is.
        _ => Ok(()),
    }
}

/// There is a record with this id: which of the two is right, only a person knows.
fn how_to_go_on(args: &QuarantineRestoreArgs, entry: &Quarantined, error: &Error) {
    let (url, key, collection) = (&args.at.url, entry.key(), entry.collection());
    let id = plain(error.id().unwrap_or_default());
    note(format_args!(
        "to compare: `larder get {url} {collection} {id}` and `larder quarantine show {url} {key}`"
    ));
    note(format_args!(
        "then either restore with --replace, which puts this record in the place of that one, or \
         `larder quarantine purge {url} {key}`"
    ));
}
