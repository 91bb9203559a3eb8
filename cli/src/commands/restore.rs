//! `larder restore`.
//!
//! Owns nothing but the command: it is a copy of a backup's file.

use super::copy;
use crate::args::RestoreArgs;
use crate::failure::{Failure, Outcome};
use crate::open::{Place, file_name};
use crate::output::Output;

pub(super) fn run(args: &RestoreArgs, out: &mut Output) -> Outcome {
    let file = file_name(&args.file)?;
    // A mistyped name is not an empty backup, whatever opening makes of it.
    std::fs::metadata(file).map_err(|error| Failure::Read {
        what: args.file.clone(),
        error,
    })?;
    let to = Place::parse(&args.url)?;
    copy::between(&Place::of_file(file), to, args.overwrite, out)
}
