//! `larder export`.
//!
//! Owns the forms of an export. Which records there are, and their order, is the library's.

use larder::{Query, Repository as _, RepositoryExt as _};

use crate::args::{ExportArgs, Format};
use crate::failure::{Outcome, Verdict};
use crate::open::{Place, collection};
use crate::output::Output;

pub(super) fn run(args: &ExportArgs, out: &mut Output) -> Outcome {
    let place = Place::parse(&args.at.url)?;
    let store = place.reader()?;
    let repository = collection(&store, &args.at.collection, &place)?;
    let records = repository.find(Query::all())?;
    match args.format {
        Format::Ndjson => {
            for record in &records {
                out.line(record.text())?;
            }
        }
        Format::Json => {
            out.line("[")?;
            for (position, record) in records.iter().enumerate() {
                let comma = if position + 1 < records.len() {
                    ","
                } else {
                    ""
                };
                out.line(format_args!("{}{comma}", record.text()))?;
            }
            out.line("]")?;
        }
    }
    Ok(Verdict::of(repository.load_report().dropped() > 0))
}
