//! The commands, one file each.
//!
//! Owns which file a command is in, and what several of them share.

mod backup;
mod check;
mod copy;
mod count;
mod delete;
mod export;
mod find;
mod get;
mod import;
mod put;
mod quarantine;
mod restore;
mod stats;
mod watch;

use std::io::Read as _;

use crate::args::Command;
use crate::failure::{Failure, Outcome};
use crate::output::Output;

/// Runs a command.
pub(crate) fn run(command: Command, out: &mut Output) -> Outcome {
    match command {
        Command::Import(args) => import::run(&args, out),
        Command::Export(args) => export::run(&args, out),
        Command::Get(args) => get::run(&args, out),
        Command::Put(args) => put::run(&args, out),
        Command::Delete(args) => delete::run(&args, out),
        Command::Count(args) => count::run(&args, out),
        Command::Find(args) => find::run(&args, out),
        Command::Check(args) => check::run(&args, out),
        Command::Copy(args) => copy::run(&args, out),
        Command::Backup(args) => backup::run(&args, out),
        Command::Restore(args) => restore::run(&args, out),
        Command::Quarantine(command) => quarantine::run(command, out),
        Command::Stats(args) => stats::run(&args, out),
        Command::Watch(args) => watch::run(&args, out),
    }
}

/// All of a file, or of standard input for `-`.
fn read_all(file: &str) -> Result<Vec<u8>, Failure> {
    if file == "-" {
        return read_stdin();
    }
    std::fs::read(file).map_err(|error| Failure::Read {
        what: file.to_owned(),
        error,
    })
}

/// All of standard input.
fn read_stdin() -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    match std::io::stdin().lock().read_to_end(&mut bytes) {
        Ok(_) => Ok(bytes),
        Err(error) => Err(Failure::Read {
            what: "standard input".to_owned(),
            error,
        }),
    }
}

/// The one JSON document that these bytes are.
fn document(bytes: &[u8]) -> Result<larder::Document, Failure> {
    let refuse = |message| larder::Error::new(larder::ErrorKind::Encode, message);
    let text = std::str::from_utf8(bytes)
        .map_err(|error| refuse(format!("not UTF-8 from byte {}", error.valid_up_to())))?;
    Ok(larder::Document::parse(text)?)
}

/// The id of a record, if there is text at this path.
fn id_at(path: &larder::Pointer, document: &larder::Document) -> Option<String> {
    let value = document.value();
    path.resolve(&value)?.as_str().map(ToOwned::to_owned)
}

/// The path of a collection's ids.
fn id_path(
    collection: &larder::Collection<larder::Document>,
) -> Result<larder::Pointer, larder::Error> {
    larder::Pointer::parse(collection.id_path()).map_err(|error| {
        larder::Error::new(larder::ErrorKind::Config, "the id path is no JSON pointer")
            .with_collection(collection.name())
            .with_source(error)
    })
}
