//! `larder delete`.
//!
//! Owns nothing but the command.

use larder::RepositoryExt as _;
use serde_json::json;

use crate::args::DeleteArgs;
use crate::failure::{Outcome, Verdict};
use crate::open::{Place, collection};
use crate::output::{Output, note, plain};

pub(super) fn run(args: &DeleteArgs, out: &mut Output) -> Outcome {
    let place = Place::parse(&args.at.url)?;
    let store = place.writer_of_existing()?;
    let repository = collection(&store, &args.at.collection, &place)?;
    // All are visible before one is waited for, so that they share a flush.
    let writes = args
        .ids
        .iter()
        .map(|id| repository.delete(id).map(|write| (id, write)))
        .collect::<Result<Vec<_>, _>>()?;
    let mut deleted = Vec::new();
    let mut missing = Vec::new();
    for (id, write) in writes {
        let list = if write.wait()?.is_some() {
            &mut deleted
        } else {
            &mut missing
        };
        list.push(id);
    }
    store.close().wait()?;
    if out.is_json() {
        out.value(&json!({ "deleted": deleted, "missing": missing }))?;
    } else {
        for id in deleted {
            out.line(plain(id))?;
        }
        for id in &missing {
            note(format_args!(
                "there is no record {id:?} in {:?}",
                args.at.collection
            ));
        }
    }
    Ok(Verdict::of(!missing.is_empty()))
}
