//! `larder count`.
//!
//! Owns nothing but the command: conditions are `where_clause.rs`.

use larder::RepositoryExt as _;
use serde_json::json;

use crate::args::CountArgs;
use crate::failure::{Outcome, Verdict};
use crate::open::{Place, collection};
use crate::output::Output;
use crate::where_clause::Clause;

pub(super) fn run(args: &CountArgs, out: &mut Output) -> Outcome {
    let place = Place::parse(&args.at.url)?;
    let store = place.reader()?;
    let repository = collection(&store, &args.at.collection, &place)?;
    let count = repository.count(Clause::query(&args.clauses))?;
    if out.is_json() {
        out.value(&json!({ "count": count }))?;
    } else {
        out.line(count)?;
    }
    Ok(Verdict::Clean)
}
