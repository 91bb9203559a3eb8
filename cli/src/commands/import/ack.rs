//! Answering an import record by record.
//!
//! Owns the protocol of `--ack`, and its two threads: one takes records in as they come, the other
//! waits until each is durable and says so. So many records share a flush, and an answer never
//! waits for the next record.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use larder::{Position, RecordFile, Store, Write};

use super::importer::{Importer, Offered};
use super::report::{Reason, Report};
use super::stream::{Input, Lines};
use crate::args::ImportArgs;
use crate::failure::Failure;
use crate::output::Output;

/// How many records may be ahead of their answers.
const AHEAD: usize = 65_536;

/// An answer that is true once its write is durable.
struct Answer {
    write: Write<()>,
    text: String,
}

/// Takes in everything that comes, and answers it.
pub(super) fn run(
    importer: Importer,
    store: &Store,
    args: &ImportArgs,
    out: &mut Output,
) -> Result<Report, Failure> {
    let lines = Lines::open(&args.file)?;
    let (sender, receiver) = sync_channel(AHEAD);
    let collection = args.target.collection().to_owned();
    let feeder = thread::Builder::new()
        .name("larder-import".to_owned())
        .spawn(move || feed(importer, lines, &collection, &sender))
        .map_err(|error| Failure::Read {
            what: "the input in a thread".to_owned(),
            error,
        })?;
    match answer(&receiver, out) {
        Ok(()) => {}
        // The feeder may be waiting for a line that never comes, so it is not waited for. What was
        // taken in is made durable all the same.
        Err(Failure::Write(_)) => {
            store.close().wait()?;
            let message = "nobody reads the acknowledgements any more";
            return Err(Failure::Request(message.to_owned()));
        }
        Err(failure) => return Err(failure),
    }
    match feeder.join() {
        Ok(report) => report,
        Err(_) => Err(Failure::Request(
            "the import stopped; this is a bug".to_owned(),
        )),
    }
}

/// Says of each record that it is durable, in the order of the input.
fn answer(receiver: &Receiver<Answer>, out: &mut Output) -> Result<(), Failure> {
    for Answer { write, text } in receiver {
        write.wait()?;
        out.line_now(text)?;
    }
    Ok(())
}

/// Takes in records until there are no more, or nobody answers any more.
fn feed(
    mut importer: Importer,
    lines: Lines,
    collection: &str,
    answers: &SyncSender<Answer>,
) -> Result<Report, Failure> {
    let source = lines.source().to_owned();
    match lines.recognise()? {
        Input::Lines(mut lines) => {
            let mut count = 0;
            while let Some(line) = lines.next()? {
                let position = Position::in_source(&*source)
                    .at_record(count)
                    .at_line(line.number, None);
                count += 1;
                let offered = importer.offer(&line.bytes, position)?;
                if answers.send(Answer::new(count, offered)).is_err() {
                    break;
                }
            }
        }
        Input::Whole(bytes) => {
            let file = RecordFile::parse(bytes, &source, collection)?;
            for (record, count) in file.records().zip(1..) {
                let offered = importer.offer(record.bytes, record.position)?;
                if answers.send(Answer::new(count, offered)).is_err() {
                    break;
                }
            }
            for damage in file.damage() {
                importer.damage(damage)?.detach();
            }
            importer.remark(file.issues());
        }
    }
    Ok(importer.into_report())
}

impl Answer {
    fn new(count: u64, offered: Offered) -> Self {
        let text = match &offered.refused {
            None => format!("ACK {count}"),
            Some(issue) => format!("NAK {count} {}", Reason(issue)),
        };
        Self {
            write: offered.write,
            text,
        }
    }
}
