//! `larder put`.
//!
//! Owns nothing but the command: what a record must be is the library's.

use larder::{Repository as _, RepositoryExt as _};
use serde_json::json;

use super::{document, id_at, id_path, read_stdin};
use crate::args::PutArgs;
use crate::failure::{Outcome, Verdict};
use crate::open::{Place, collection};
use crate::output::Output;

pub(super) fn run(args: &PutArgs, out: &mut Output) -> Outcome {
    let place = Place::parse(&args.at.url)?;
    let record = document(&read_stdin()?)?;
    let store = place.writer_of_existing()?;
    let repository = collection(&store, &args.at.collection, &place)?;
    let id_path = id_path(repository.collection())?;
    let write = if args.insert {
        repository.insert(record)?
    } else {
        repository.save(record)?
    };
    let record = write.wait()?;
    store.close().wait()?;
    let id = id_at(&id_path, &record).unwrap_or_default();
    if out.is_json() {
        out.value(&json!({ "id": id }))?;
    } else {
        out.line(crate::output::plain(&id))?;
    }
    Ok(Verdict::Clean)
}
