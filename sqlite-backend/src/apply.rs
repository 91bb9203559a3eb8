//! Changing a collection: every operation of a list, in one transaction.
//!
//! Owns [`apply`]. The transaction is begun when everything is done that needs no lock; what it finds
//! wrong rolls all of it back. When it is committed everybody sees it, in this process and in others.
//! What is done in it is `act.rs`.

use std::collections::HashMap;
use std::sync::Arc;

use larder_core::backend::check_id;
use larder_core::{Data, Error, ErrorKind, LoadReport, Op, Outcome, Result, StoreChange, Write};
use parking_lot::Mutex;
use rusqlite::Connection;

use crate::act::{Act, Before, Change, Done, Expected, Ready};
use crate::combine::{Job, Queue, Turnout, Verdict};
use crate::keys::Halt;
use crate::rows::Rows;

/// More operations than this change more pages than they should be copied before.
const LARGE: usize = 16;

/// The operations of one call, as a job for whoever writes.
struct Work<T> {
    rows: Arc<Rows<T>>,
    ops: Vec<Ready<T>>,
    /// Why the operation after these cannot be; told only if these can.
    impossible: Option<Error>,
    result: Option<Result<Done<T>, Halt>>,
    /// The ids whose records readers may see before the commit has returned.
    prepared: Vec<Arc<str>>,
}

impl<T: Data> Job for Work<T> {
    fn run(&mut self, connection: &Connection) -> Verdict {
        let result = self.act(connection);
        let verdict = match &result {
            Ok(done) if done.changed => Verdict::Changed,
            Ok(_) => Verdict::Unchanged,
            Err(_) => Verdict::Refused,
        };
        self.result = Some(result);
        verdict
    }

    fn settle(&mut self, committed: bool) {
        let ids = std::mem::take(&mut self.prepared);
        self.rows.live.settle(ids.iter(), committed);
    }

    fn changes(&mut self) -> Vec<StoreChange> {
        let Some(Ok(done)) = &mut self.result else {
            return Vec::new();
        };
        let name = &self.rows.name;
        let told = done.changes.iter_mut();
        told.filter_map(|change| {
            let before = change.before.read();
            let (id, after) = (Arc::clone(&change.id), change.after.clone());
            StoreChange::of(name, &Outcome { id, before, after })
        })
        .collect()
    }

    fn is_atomic(&self) -> bool {
        // The keys of lists are written before the row, which a unique key may refuse.
        self.ops.len() <= 1 && !self.rows.has_lists()
    }

    fn is_large(&self) -> bool {
        self.ops.len() > LARGE || self.ops.iter().any(|op| matches!(op, Ready::Clear))
    }
}

impl<T: Data> Work<T> {
    fn act(&mut self, connection: &Connection) -> Result<Done<T>, Halt> {
        let shape = self.rows.shape().ok_or_else(|| {
            Error::new(ErrorKind::ReadOnly, "the store was opened for reading only")
        })?;
        let mut act = Act {
            rows: &self.rows,
            shape: &shape,
            done: Done {
                changes: Vec::with_capacity(self.ops.len()),
                changed: false,
            },
            ahead: HashMap::new(),
        };
        act.all(connection, &self.ops, self.impossible.clone())?;
        let Act { done, ahead, .. } = act;
        // Only now: what was refused must not hide what others of this transaction have saved.
        for (id, next) in ahead {
            let next = next.as_ref().map(|(text, record)| (text.as_str(), record));
            self.rows.live.prepare(&id, next, false);
            self.prepared.push(id);
        }
        Ok(done)
    }
}

/// Does all of these or none of them, in this order.
pub(crate) fn apply<T: Data>(
    rows: &Arc<Rows<T>>,
    ops: Vec<Op<T>>,
) -> Result<Write<Vec<Outcome<T>>>> {
    let name = rows.admission.collection().name();
    try_apply(rows, ops).map_err(|error| error.with_collection(name))
}

fn try_apply<T: Data>(rows: &Arc<Rows<T>>, ops: Vec<Op<T>>) -> Result<Write<Vec<Outcome<T>>>> {
    rows.journal.check_writable()?;
    rows.check_known()?;
    let (ops, impossible) = prepare_all(rows, ops);
    let work = Work {
        rows: Arc::clone(rows),
        ops,
        impossible,
        result: None,
        prepared: Vec::new(),
    };

    let work = Arc::new(Mutex::new(work));
    let (database, journal) = (&*rows.database, &*rows.journal);
    let mut found = LoadReport::default();
    let mut alone = false;
    let (write, done) = loop {
        let job = Arc::clone(&work) as Arc<Mutex<dyn Job>>;
        let turnout = if alone {
            Queue::run_alone(database, journal, job)
        } else {
            database.queue().run(database, journal, job)
        };
        let result = work.lock().result.take();
        match (turnout, result) {
            (Turnout::Done(write), Some(Ok(done))) => break (write, done),
            (Turnout::Failed(error), _) | (Turnout::Refused, Some(Err(Halt::Error(error)))) => {
                // What was done on the way stays done.
                rows.tell(&found);
                return Err(error);
            }
            (Turnout::Refused, Some(Err(Halt::Narrow(index)))) => {
                found.merge(&rows.in_turn(|| rows.widen(index))?);
            }
            (Turnout::Refused, Some(Err(Halt::Unreadable(id)))) => {
                found.merge(&rows.in_turn(|| rows.adopt(Some(&id)))?);
            }
            (Turnout::Refused, Some(Err(Halt::Unverified))) => {
                found.merge(&rows.in_turn(|| rows.adopt(None))?);
            }
            (Turnout::Refused, Some(Err(Halt::Reshaped))) => rows.reshape()?,
            (Turnout::Alone, _) => alone = true,
            (Turnout::Done(_) | Turnout::Refused, _) => {
                return Err(Error::new(
                    ErrorKind::Internal,
                    "a job was done and left nothing behind",
                ));
            }
        }
    };
    // From here on nobody waits.
    let (outcomes, unreadable) = outcomes(done.changes);
    if !unreadable.is_empty() {
        // The write is made, so that this fails is no reason to refuse it.
        match rows.keep_unreadable(unreadable) {
            Ok(kept) => found.merge(&kept),
            Err(error) => tracing::error!(
                target: "larder::issue",
                %error,
                collection = rows.admission.collection().name(),
                "a record that the type cannot read was replaced, and is not in quarantine"
            ),
        }
    }
    rows.tell(&found);
    Ok(write.map(|()| outcomes))
}

/// What changes did, and the ids and texts of the records that they replaced and the type cannot read.
#[expect(clippy::type_complexity, reason = "read once, where it is given")]
pub(crate) fn outcomes<T: Data>(
    changes: Vec<Change<T>>,
) -> (Vec<Outcome<T>>, Vec<(Arc<str>, String)>) {
    let mut unreadable = Vec::new();
    let outcomes = changes
        .into_iter()
        .map(|change| outcome(change, &mut unreadable))
        .collect();
    (outcomes, unreadable)
}

/// What a change did, with the record that was there before. One that the type cannot read was in
/// nobody's view.
fn outcome<T: Data>(change: Change<T>, unreadable: &mut Vec<(Arc<str>, String)>) -> Outcome<T> {
    let before = match change.before {
        Before::Nothing => None,
        Before::Record(record) => Some(record),
        Before::Text(text) => {
            let record = serde_json::from_str(&text).ok().map(Arc::new);
            if record.is_none() {
                unreadable.push((Arc::clone(&change.id), text));
            }
            record
        }
    };
    Outcome {
        id: change.id,
        before,
        after: change.after,
    }
}

/// Everything about these operations that needs no lock. Stops at the first that cannot be: that is
/// told only after those before it were found to be possible.
pub(crate) fn prepare_all<T: Data>(
    rows: &Rows<T>,
    ops: Vec<Op<T>>,
) -> (Vec<Ready<T>>, Option<Error>) {
    let mut ready = Vec::with_capacity(ops.len());
    for op in ops {
        match prepare(rows, op) {
            Ok(op) => ready.push(op),
            Err(error) => return (ready, Some(error)),
        }
    }
    (ready, None)
}

/// Everything about one operation that needs no lock: most of the work of a save.
fn prepare<T: Data>(rows: &Rows<T>, op: Op<T>) -> Result<Ready<T>> {
    match op {
        Op::Put { record, expect } => {
            let (admitted, text) = rows.admission.admit(record)?;
            Ok(Ready::Put {
                admitted,
                text,
                expect: Expected::new(expect)?,
            })
        }
        Op::Delete { id, expect } => {
            check_id(&id).map_err(|rule| Error::new(ErrorKind::InvalidId, rule))?;
            Ok(Ready::Delete {
                id: id.into(),
                expect: Expected::new(expect)?,
            })
        }
        Op::Clear => Ok(Ready::Clear),
        _ => Err(Error::new(
            ErrorKind::Internal,
            "this operation is not known here",
        )),
    }
}
