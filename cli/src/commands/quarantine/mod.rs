//! `larder quarantine list`, `show`, `restore` and `purge`.
//!
//! Owns finding entries by the beginning of a key, and the question before a purge. Putting a record
//! back is `restore.rs`; keeping the bytes is the library's.

mod restore;

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use larder::Quarantined;
use serde_json::{Value, json};

use crate::args::{QuarantineCommand, QuarantineListArgs, QuarantinePurgeArgs, QuarantineShowArgs};
use crate::failure::{Failure, Outcome, Verdict};
use crate::open::Place;
use crate::output::{Output, counted, note, plain};

pub(super) fn run(command: QuarantineCommand, out: &mut Output) -> Outcome {
    match command {
        QuarantineCommand::List(args) => list(&args, out),
        QuarantineCommand::Show(args) => show(&args, out),
        QuarantineCommand::Restore(args) => restore::run(&args, out),
        QuarantineCommand::Purge(args) => purge(&args, out),
    }
}

fn list(args: &QuarantineListArgs, out: &mut Output) -> Outcome {
    let store = Place::parse(&args.at.url)?.reader()?;
    let entries = of_collection(store.quarantine()?, args.collection.as_deref());
    if out.is_json() {
        for entry in &entries {
            out.value(&as_json(entry))?;
        }
    } else if entries.is_empty() {
        note(format_args!("nothing is in quarantine"));
    } else if args.bytes {
        for entry in &entries {
            let [key, collection, id, record, line, since, reason] = row(entry);
            let about =
                format!("{key} {collection} record {record} line {line} {id} {since} {reason}");
            out.line(plain(&about))?;
            out.bytes(entry.bytes())?;
            out.line("")?;
        }
    } else {
        let header = [
            "key",
            "collection",
            "id",
            "record",
            "line",
            "since",
            "reason",
        ];
        out.table(
            &header,
            entries.iter().map(|entry| row(entry).into()).collect(),
        )?;
    }
    Ok(Verdict::Clean)
}

fn of_collection(entries: Vec<Quarantined>, collection: Option<&str>) -> Vec<Quarantined> {
    let is_in = |entry: &Quarantined| collection.is_none_or(|name| entry.collection() == name);
    entries.into_iter().filter(is_in).collect()
}

fn row(entry: &Quarantined) -> [String; 7] {
    let (issue, position) = (entry.issue(), entry.issue().position());
    let number = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
    let reason = match issue.violations() {
        [] => issue.message().to_owned(),
        [first, ..] => first.to_string(),
    };
    [
        entry.key().to_owned(),
        entry.collection().to_owned(),
        issue.id().unwrap_or_default().to_owned(),
        number(position.record),
        number(position.line),
        entry
            .since()
            .split('.')
            .next()
            .unwrap_or_default()
            .to_owned(),
        format!("{}: {reason}", issue.kind()),
    ]
}

fn as_json(entry: &Quarantined) -> Value {
    let mut value = json!(entry.issue());
    let mut whole = json!(entry);
    if let Value::Object(fields) = &mut value {
        // The record itself, exactly: as text where it is UTF-8.
        for form in ["text", "base64"] {
            if let Some(bytes) = whole.get_mut(form) {
                fields.insert(form.to_owned(), bytes.take());
            }
        }
        fields.insert("key".to_owned(), json!(entry.key()));
        fields.insert("since".to_owned(), json!(entry.since()));
        fields.insert("bytes".to_owned(), json!(entry.bytes().len()));
    }
    value
}

fn show(args: &QuarantineShowArgs, out: &mut Output) -> Outcome {
    let store = Place::parse(&args.at.url)?.reader()?;
    let entries = store.quarantine()?;
    let Some(entry) = find(&entries, &args.key)? else {
        return Ok(missing(&args.key));
    };
    if out.is_json() {
        out.value(entry)?;
    } else {
        out.bytes(entry.bytes())?;
    }
    Ok(Verdict::Clean)
}

/// The entry whose key begins so.
fn find<'e>(entries: &'e [Quarantined], key: &str) -> Result<Option<&'e Quarantined>, Failure> {
    let key = key.to_ascii_lowercase();
    let mut matching = entries.iter().filter(|entry| entry.key().starts_with(&key));
    match (matching.next(), matching.count()) {
        (Some(_), _) if key.is_empty() => Err(Failure::Request("a key is not empty".to_owned())),
        (Some(entry), 0) => Ok(Some(entry)),
        (Some(_), others) => Err(Failure::Request(format!(
            "the keys of {} entries begin with {key}; give more of it",
            others + 1
        ))),
        (None, _) => Ok(None),
    }
}

fn missing(key: &str) -> Verdict {
    note(format_args!(
        "no entry of the quarantine has the key {key:?}"
    ));
    Verdict::Problems
}

/// Each entry once, and whether one was not found.
fn select(
    entries: &[Quarantined],
    keys: &[String],
) -> Result<(Vec<Quarantined>, Verdict), Failure> {
    let mut selected: Vec<Quarantined> = Vec::new();
    let mut verdict = Verdict::Clean;
    for key in keys {
        match find(entries, key)? {
            Some(entry) if selected.iter().any(|known| known.key() == entry.key()) => {}
            Some(entry) => selected.push(entry.clone()),
            None => verdict = missing(key),
        }
    }
    Ok((selected, verdict))
}

fn purge(args: &QuarantinePurgeArgs, out: &mut Output) -> Outcome {
    let place = Place::parse(&args.at.url)?;
    // Selected while others may read, so that nobody waits for the answer to the question.
    let (entries, verdict) = {
        let store = place.reader()?;
        let entries = store.quarantine()?;
        if args.all {
            (
                of_collection(entries, args.collection.as_deref()),
                Verdict::Clean,
            )
        } else {
            select(&entries, &args.keys)?
        }
    };
    if !entries.is_empty() && !args.yes && !confirmed(entries.len())? {
        return Err(Failure::Request("nothing was purged".to_owned()));
    }
    let keys: Vec<String> = entries.iter().map(|entry| entry.key().to_owned()).collect();
    let purged = if keys.is_empty() {
        0
    } else {
        let store = place.writer()?;
        let purged = store.purge_quarantine(&keys)?;
        store.close().wait()?;
        purged
    };
    if out.is_json() {
        out.value(&json!({ "purged": purged }))?;
    } else {
        let purged = usize::try_from(purged).unwrap_or(usize::MAX);
        note(format_args!("{} purged", counted(purged, "record")));
    }
    Ok(verdict)
}

/// Asks, where there is somebody to answer.
fn confirmed(entries: usize) -> Result<bool, Failure> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return Ok(true);
    }
    let question = format!(
        "Forget {} for good? [y/N] ",
        counted(entries, "rejected record")
    );
    let mut answer = String::new();
    let asked = io::stderr()
        .write_all(question.as_bytes())
        .and_then(|()| stdin.lock().read_line(&mut answer));
    asked.map_err(|error| Failure::Read {
        what: "the answer".to_owned(),
        error,
    })?;
    Ok(matches!(
        answer.trim().to_ascii_lowercase().as_str(),
        "y" | "yes"
    ))
}
