//! Writers that come at once share a transaction.
//!
//! Owns [`Queue`]: whoever finds nobody writing leads, and takes along everybody who comes while it
//! writes. To begin and to end a transaction costs as much as a save does, and to wait for a lock
//! costs more. What each of them does is a [`Job`]'s; each has its own place in the store's order, and
//! is refused or done by itself.
//!
//! The leader runs jobs of others. One that panics takes nobody with it: it is rolled back, and the
//! panic goes on in the thread it came from.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use larder_core::backend::{Journal, Turn};
use larder_core::{Error, ErrorKind, StoreChange, Write};
use parking_lot::{Condvar, Mutex};
use rusqlite::Connection;

use crate::database::Database;
use crate::error::SqliteError;

/// So many at most share a transaction: whoever leads has a caller, too, who waits for its end.
const LARGEST: usize = 64;

/// What came of a job in its transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Changed,
    Unchanged,
    /// What it did is rolled back.
    Refused,
}

/// A change that may share its transaction with others.
pub(crate) trait Job: Send {
    /// Makes the change. It keeps for itself what came of it.
    fn run(&mut self, connection: &Connection) -> Verdict;

    /// The transaction has ended: whether the change was committed.
    fn settle(&mut self, committed: bool);

    /// What it changed, for those who listen; asked only if somebody does.
    fn changes(&mut self) -> Vec<StoreChange>;

    /// Whether one that is refused has changed nothing.
    fn is_atomic(&self) -> bool;
}

/// What came of a job.
#[derive(Debug)]
pub(crate) enum Turnout {
    /// It is visible, or changed nothing.
    Done(Write<()>),
    /// The job knows why.
    Refused,
    /// The transaction failed; nothing was changed.
    Failed(Error),
    /// The transaction that it shared failed, which may be for another's sake.
    Alone,
}

/// Where somebody waits for another to do his job.
#[derive(Default)]
struct Seat {
    state: Mutex<State>,
    wake: Condvar,
}

/// What a thread panicked with.
type Panic = Box<dyn Any + Send>;

#[derive(Default)]
enum State {
    #[default]
    Waits,
    Leads,
    Done(Turnout),
    Panicked(Panic),
}

impl Seat {
    fn set(&self, state: State) {
        *self.state.lock() = state;
        self.wake.notify_one();
    }

    /// What came of the job; `None` if it is for this thread to lead.
    fn wait(&self) -> Option<Turnout> {
        let mut state = self.state.lock();
        loop {
            match std::mem::take(&mut *state) {
                State::Waits => self.wake.wait(&mut state),
                State::Leads => return None,
                State::Done(turnout) => return Some(turnout),
                State::Panicked(cause) => {
                    drop(state);
                    resume_unwind(cause)
                }
            }
        }
    }
}

#[derive(Clone)]
struct Guest {
    job: Arc<Mutex<dyn Job>>,
    seat: Arc<Seat>,
}

impl Guest {
    /// Runs the job; if it panics, as if it was refused.
    fn run(&self, connection: &Connection) -> Result<(Verdict, Option<Panic>), Error> {
        let mut job = self.job.lock();
        let savepoint = (!job.is_atomic()).then_some(());
        let step = |sql: &str| {
            connection
                .prepare_cached(sql)
                .and_then(|mut step| step.execute([]))
                .map_err(SqliteError::sql("share a transaction"))
        };
        if savepoint.is_some() {
            step("SAVEPOINT guest")?;
        }
        let ran = catch_unwind(AssertUnwindSafe(|| job.run(connection)));
        let (verdict, panic) = match ran {
            Ok(verdict) => (verdict, None),
            Err(cause) => (Verdict::Refused, Some(cause)),
        };
        if savepoint.is_some() {
            if verdict == Verdict::Refused {
                step("ROLLBACK TO guest")?;
            }
            step("RELEASE guest")?;
        }
        Ok((verdict, panic))
    }
}

#[derive(Default)]
struct Waiting {
    guests: Vec<Guest>,
    /// Whether somebody leads, or is to lead.
    led: bool,
}

/// Those who wait for their turn to write.
#[derive(Default)]
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
}

/// The right to lead. When it is given up, one of those who wait gets it.
struct Lead<'q>(&'q Queue);

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        let mut waiting = self.0.waiting.lock();
        match waiting.guests.first() {
            Some(next) => next.seat.set(State::Leads),
            None => waiting.led = false,
        }
    }
}

/// Those who share a transaction, and what came of each.
#[derive(Default)]
struct Party(Vec<(Guest, Verdict, Option<Panic>)>);

impl Drop for Party {
    /// Whoever was not told what came of his job, because the leader panicked, does it himself.
    fn drop(&mut self) {
        for (guest, ..) in self.0.drain(..) {
            guest.seat.set(State::Done(Turnout::Alone));
        }
    }
}

impl Queue {
    /// Does a job: here, or by somebody who is at it already.
    pub(crate) fn run(
        &self,
        database: &Database,
        journal: &Journal,
        job: Arc<Mutex<dyn Job>>,
    ) -> Turnout {
        let seat = Arc::new(Seat::default());
        let leads = {
            let mut waiting = self.waiting.lock();
            waiting.guests.push(Guest {
                job,
                seat: Arc::clone(&seat),
            });
            !std::mem::replace(&mut waiting.led, true)
        };
        if !leads && let Some(turnout) = seat.wait() {
            return turnout;
        }
        {
            let _lead = Lead(self);
            share(database, journal, &|wanted| self.take(wanted));
        }
        seat.wait().unwrap_or(Turnout::Alone)
    }

    /// Does a job in a transaction of its own.
    pub(crate) fn run_alone(
        database: &Database,
        journal: &Journal,
        job: Arc<Mutex<dyn Job>>,
    ) -> Turnout {
        let seat = Arc::new(Seat::default());
        let only = Mutex::new(vec![Guest {
            job,
            seat: Arc::clone(&seat),
        }]);
        share(database, journal, &|_| std::mem::take(&mut *only.lock()));
        match seat.wait() {
            Some(Turnout::Alone) | None => Turnout::Failed(Error::new(
                ErrorKind::Internal,
                "a transaction of one failed for another's sake",
            )),
            Some(turnout) => turnout,
        }
    }

    /// Those who came first.
    fn take(&self, wanted: usize) -> Vec<Guest> {
        let mut waiting = self.waiting.lock();
        let taken = wanted.min(waiting.guests.len());
        waiting.guests.drain(..taken).collect()
    }
}

/// One transaction, for those who are there and for those who come meanwhile.
fn share(database: &Database, journal: &Journal, take: &dyn Fn(usize) -> Vec<Guest>) {
    let mut party = Party::default();
    let turn = match journal.turn() {
        Ok(turn) => turn,
        Err(error) => return fail(take(LARGEST), &error),
    };
    let written = database.write(|connection| -> Result<_, Error> {
        loop {
            // Whoever is about to come comes along.
            std::thread::yield_now();
            let next = take(LARGEST - party.0.len());
            if next.is_empty() {
                break;
            }
            for guest in next {
                // In the party before it runs: it is told whatever happens.
                party.0.push((guest.clone(), Verdict::Refused, None));
                let (verdict, panic) = guest.run(connection)?;
                if let Some(last) = party.0.last_mut() {
                    (last.1, last.2) = (verdict, panic);
                }
            }
        }
        let changed = party
            .0
            .iter()
            .any(|(_, verdict, _)| *verdict == Verdict::Changed);
        Ok(changed.then_some(()))
    });
    let committed = matches!(written, Ok(Some(())));
    for (guest, verdict, _) in &party.0 {
        let committed = committed && *verdict == Verdict::Changed;
        guest.job.lock().settle(committed);
    }
    let told = match written {
        Ok(_) => tell(&mut party, &turn),
        Err(error) if party.0.len() <= 1 => {
            let guests = party.0.drain(..).map(|(guest, ..)| guest);
            let guests: Vec<Guest> = guests.collect();
            let guests = if guests.is_empty() {
                take(LARGEST)
            } else {
                guests
            };
            drop(turn);
            return fail(guests, &error);
        }
        // Each does it again, and learns whether it was for his sake.
        Err(_) => Vec::new(),
    };
    drop(turn);
    for (seat, state) in told {
        seat.set(state);
    }
}

/// A place in the order for each who changed something.
fn tell(party: &mut Party, turn: &Turn<'_>) -> Vec<(Arc<Seat>, State)> {
    let guests = party.0.drain(..);
    guests
        .map(|(guest, verdict, panic)| {
            let state = match (panic, verdict) {
                (Some(cause), _) => State::Panicked(cause),
                (None, Verdict::Changed) => {
                    let changes = if turn.is_watched() {
                        guest.job.lock().changes()
                    } else {
                        Vec::new()
                    };
                    State::Done(Turnout::Done(turn.add((), Vec::new(), changes)))
                }
                (None, Verdict::Unchanged) => State::Done(Turnout::Done(turn.unchanged(()))),
                (None, Verdict::Refused) => State::Done(Turnout::Refused),
            };
            (guest.seat, state)
        })
        .collect()
}

fn fail(guests: Vec<Guest>, error: &Error) {
    for guest in guests {
        guest.seat.set(State::Done(Turnout::Failed(error.clone())));
    }
}
