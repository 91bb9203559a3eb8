//! `larder watch`.
//!
//! Owns the form of a line, and when it ends. Which looks are believed is `look.rs`, what was seen
//! `seen.rs`, what is looked at `source.rs` with the two sources, and the signals are `stop.rs`.

mod database;
mod files;
mod look;
mod seen;
mod source;
mod stop;

use larder::{BackendKind, Document};
use serde::Serialize;
use serde_json::json;

use crate::args::WatchArgs;
use crate::failure::{Failure, Outcome, Verdict};
use crate::open::Place;
use crate::output::{Output, counted, note, note_line};
use database::Database;
use files::Files;
use look::Watch;
use seen::{Change, Kind};
use source::Source;
use stop::Stop;

/// A change, as it is printed.
#[derive(Serialize)]
struct Line<'a> {
    collection: &'a str,
    id: &'a str,
    kind: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Nullable<'a>>,
    after: Option<&'a Document>,
}

/// A record, or null where there is none.
#[derive(Serialize)]
#[serde(transparent)]
struct Nullable<'a>(Option<&'a Document>);

pub(super) fn run(args: &WatchArgs, out: &mut Output) -> Outcome {
    let place = Place::parse(&args.url)?;
    let only = args.collection.clone();
    let stop = Stop::new()?;
    let (backend, path) = place.config().place()?;
    let source: Box<dyn Source> = match (backend, path) {
        (BackendKind::Json, Some(dir)) => Box::new(Files::new(place.clone(), dir, only)),
        (BackendKind::Sqlite, Some(file)) => Box::new(Database::new(place.clone(), file, only)),
        _ => return Err(not_to_be_watched(backend)),
    };
    let mut watch = Watch::new(source, args.before, &stop);
    let mut printer = Printer {
        out,
        before: args.before,
        left: if args.once { Some(1) } else { args.count },
    };
    // It also refuses options of the URL that do not exist.
    place.holder()?;
    watch.begin(|collection, change| {
        if args.initial {
            printer.line(collection, &change)
        } else {
            Ok(())
        }
    })?;
    printer.out.finish()?;
    if stop.is_stopped() {
        return Ok(Verdict::Clean);
    }
    let (records, collections) = watch.counts();
    if let Some(name) = args.collection.as_ref().filter(|_| collections == 0) {
        return Err(Failure::Request(format!(
            "there is no collection {name:?} in {}",
            args.url
        )));
    }
    if printer.out.is_json() {
        let url = place.url();
        note_line(json!({ "watching": url, "collections": collections, "records": records }));
    } else {
        note(format_args!(
            "watching {}: {} in {}",
            place.url(),
            counted(records, "record"),
            counted(collections, "collection"),
        ));
    }
    while !printer.is_done() && !stop.wait(args.interval) {
        for (collection, changes) in watch.look() {
            for change in changes {
                if printer.is_done() || stop.is_stopped() {
                    break;
                }
                printer.print(&collection, &change)?;
            }
        }
        printer.out.finish()?;
    }
    Ok(Verdict::Clean)
}

fn not_to_be_watched(backend: BackendKind) -> Failure {
    Failure::Request(match backend {
        BackendKind::Memory => "memory: is a store within one program: no other can see it, so \
                                there is nothing to watch"
            .to_owned(),
        other => format!("a store on {other} cannot be watched"),
    })
}

/// Prints changes, as many as were asked for.
struct Printer<'o> {
    out: &'o mut Output,
    before: bool,
    left: Option<u64>,
}

impl Printer<'_> {
    fn is_done(&self) -> bool {
        self.left == Some(0)
    }

    /// One line. It goes out with the others of its look.
    fn print(&mut self, collection: &str, change: &Change) -> Result<(), Failure> {
        self.line(collection, change)?;
        self.left = self.left.map(|left| left.saturating_sub(1));
        Ok(())
    }

    fn line(&mut self, collection: &str, change: &Change) -> Result<(), Failure> {
        self.out.value(&Line {
            collection,
            id: &change.id,
            kind: change.kind,
            before: self.before.then_some(Nullable(change.before.as_deref())),
            after: change.after.as_deref(),
        })
    }
}
