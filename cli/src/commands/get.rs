//! `larder get`.
//!
//! Owns nothing but the command.

use larder::Repository as _;

use crate::args::GetArgs;
use crate::failure::{Outcome, Verdict};
use crate::open::{Place, collection};
use crate::output::{Output, note};

pub(super) fn run(args: &GetArgs, out: &mut Output) -> Outcome {
    let place = Place::parse(&args.at.url)?;
    let store = place.reader()?;
    let repository = collection(&store, &args.at.collection, &place)?;
    if let Some(record) = repository.get(&args.id)? {
        out.line(record.text())?;
        return Ok(Verdict::Clean);
    }
    note(format_args!(
        "there is no record {:?} in {:?}",
        args.id, args.at.collection
    ));
    Ok(Verdict::Problems)
}
