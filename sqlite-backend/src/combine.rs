//! Writers that come at once share a transaction.
//!
//! Owns [`Queue`]: whoever finds nobody writing leads, and takes along everybody who comes while it
//! writes. To begin and to end a transaction costs as much as a save does, and to wait for a lock
//! costs more. What each of them does is a [`Job`]'s; each has its own place in the store's order, and
//! is refused or done by itself.
//!
//! The leader runs jobs of others. One that panics takes nobody with it: it is rolled back, and the
//! panic goes on in the thread it came from.
//!
//! | a job | what undoes it alone |
//! |---|---|
//! | that is refused having changed nothing | nothing has to |
//! | that is the first | the transaction is rolled back, and is over |
//! | any other | a savepoint |
//!
//! Under a savepoint SQLite keeps a copy of each page before it is changed, and one more for each
//! statement that changes it again; so a job that changes many is the first, or waits to be.

use std::any::Any;
use std::collections::VecDeque;
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

/// So long after somebody had to wait, in transactions, whoever leads lets others run for a moment, so
/// that they come along. A thread that writes alone would only lose its processor.
const COMPANY: u32 = 64;

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

    /// Whether it changes so much that a savepoint would be dear.
    fn is_large(&self) -> bool;
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
    is_large: bool,
}

impl Guest {
    fn new(job: Arc<Mutex<dyn Job>>) -> Self {
        let is_large = job.lock().is_large();
        Self {
            job,
            seat: Arc::default(),
            is_large,
        }
    }

    /// Runs the job; if it panics, as if it was refused. Gives whether the transaction can go on, too.
    fn run(&self, connection: &Connection, is_first: bool) -> Result<Ran, Error> {
        let mut job = self.job.lock();
        let is_atomic = job.is_atomic();
        let has_savepoint = !is_atomic && !is_first;
        let step = |sql: &str| {
            connection
                .prepare_cached(sql)
                .and_then(|mut step| step.execute([]))
                .map_err(SqliteError::sql("share a transaction"))
        };
        if has_savepoint {
            step("SAVEPOINT guest")?;
        }
        let ran = catch_unwind(AssertUnwindSafe(|| job.run(connection)));
        let (verdict, panic) = match ran {
            Ok(verdict) => (verdict, None),
            Err(cause) => (Verdict::Refused, Some(cause)),
        };
        let is_refused = verdict == Verdict::Refused;
        // After some errors SQLite has rolled back the whole transaction: what came after would be
        // committed statement by statement.
        let is_lost = connection.is_autocommit();
        if is_lost && !(is_first && is_refused) {
            return Err(SqliteError::RolledBack.into());
        }
        if has_savepoint {
            if is_refused {
                step("ROLLBACK TO guest")?;
            }
            step("RELEASE guest")?;
        }
        Ok(Ran {
            verdict,
            panic,
            is_over: is_lost || is_refused && !is_atomic && !has_savepoint,
        })
    }
}

/// What came of a job that was run.
struct Ran {
    verdict: Verdict,
    panic: Option<Panic>,
    /// Whether the transaction is to be rolled back, or was.
    is_over: bool,
}

#[derive(Default)]
struct Waiting {
    guests: VecDeque<Guest>,
    /// Whether somebody leads, or is to lead.
    led: bool,
    /// For how many more transactions others are expected.
    company: u32,
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
        match waiting.guests.front() {
            Some(next) => next.seat.set(State::Leads),
            None => waiting.led = false,
        }
    }
}

/// Those who share a transaction.
#[derive(Default)]
struct Party {
    /// What came of each job that was begun.
    ran: Vec<(Guest, Verdict, Option<Panic>)>,
    next: VecDeque<Guest>,
}

impl Party {
    /// Runs the job of the next; gives whether the transaction can go on, `None` if there is no next.
    fn run_next(&mut self, connection: &Connection) -> Result<Option<bool>, Error> {
        let is_first = self.ran.is_empty();
        let Some(guest) = self.next.pop_front() else {
            return Ok(None);
        };
        // Among them before it runs: it is told whatever happens.
        self.ran.push((guest.clone(), Verdict::Refused, None));
        let ran = guest.run(connection, is_first)?;
        if let Some(last) = self.ran.last_mut() {
            (last.1, last.2) = (ran.verdict, ran.panic);
        }
        Ok(Some(!ran.is_over))
    }

    fn has_changed(&self) -> bool {
        let mut ran = self.ran.iter();
        ran.any(|(_, verdict, _)| *verdict == Verdict::Changed)
    }
}

impl Drop for Party {
    /// Whoever was not told what came of his job, because the transaction or its leader came to a bad
    /// end, does it himself.
    fn drop(&mut self) {
        let ran = self.ran.drain(..).map(|(guest, ..)| guest);
        for guest in ran.chain(self.next.drain(..)) {
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
        let guest = Guest::new(job);
        let seat = Arc::clone(&guest.seat);
        let (leads, in_company) = {
            let mut waiting = self.waiting.lock();
            waiting.guests.push_back(guest);
            let leads = !std::mem::replace(&mut waiting.led, true);
            waiting.company = if leads {
                waiting.company.saturating_sub(1)
            } else {
                COMPANY
            };
            (leads, waiting.company > 0)
        };
        if !leads && let Some(turnout) = seat.wait() {
            return turnout;
        }
        {
            let _lead = Lead(self);
            share(database, journal, &|taken| {
                if in_company {
                    // Whoever is about to come comes along.
                    std::thread::yield_now();
                }
                self.take(taken)
            });
        }
        seat.wait().unwrap_or(Turnout::Alone)
    }

    /// How many wait for whoever leads next, or leads and has not begun.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.lock().guests.len()
    }

    /// Does a job in a transaction of its own.
    pub(crate) fn run_alone(
        database: &Database,
        journal: &Journal,
        job: Arc<Mutex<dyn Job>>,
    ) -> Turnout {
        let guest = Guest::new(job);
        let seat = Arc::clone(&guest.seat);
        let only = Mutex::new(VecDeque::from([guest]));
        share(database, journal, &|_| std::mem::take(&mut *only.lock()));
        match seat.wait() {
            Some(Turnout::Alone) | None => Turnout::Failed(Error::new(
                ErrorKind::Internal,
                "a transaction of one failed for another's sake",
            )),
            Some(turnout) => turnout,
        }
    }

    /// Those who came first, for a transaction that so many share already.
    fn take(&self, taken: usize) -> VecDeque<Guest> {
        let mut waiting = self.waiting.lock();
        let wanted = LARGEST.saturating_sub(taken).min(waiting.guests.len());
        let mut large = waiting.guests.iter().take(wanted).enumerate();
        let large = large.find(|(place, guest)| guest.is_large && taken + place > 0);
        let wanted = large.map_or(wanted, |(place, _)| place);
        waiting.guests.drain(..wanted).collect()
    }
}

/// One transaction, for those who are there and for those who come meanwhile. `take` gives them, and is
/// told how many it has.
fn share(database: &Database, journal: &Journal, take: &dyn Fn(usize) -> VecDeque<Guest>) {
    let mut party = Party::default();
    let turn = match journal.turn() {
        Ok(turn) => turn,
        Err(error) => return fail(take(0), &error),
    };
    let written = database.write(|connection| -> Result<_, Error> {
        loop {
            party.next = take(party.ran.len());
            if party.next.is_empty() {
                break;
            }
            while let Some(goes_on) = party.run_next(connection)? {
                if !goes_on {
                    return Ok(None);
                }
            }
        }
        Ok(party.has_changed().then_some(()))
    });
    let committed = matches!(written, Ok(Some(())));
    for (guest, verdict, _) in &party.ran {
        let committed = committed && *verdict == Verdict::Changed;
        guest.job.lock().settle(committed);
    }
    let told = match written {
        Ok(_) => tell(&mut party, &turn),
        Err(error) if party.ran.len() <= 1 => {
            let guests = party.ran.drain(..).map(|(guest, ..)| guest);
            let guests: VecDeque<Guest> = guests.collect();
            let guests = if guests.is_empty() { take(0) } else { guests };
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
    let ran = party.ran.drain(..);
    ran.map(|(guest, verdict, panic)| {
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

fn fail(guests: VecDeque<Guest>, error: &Error) {
    for guest in guests {
        guest.seat.set(State::Done(Turnout::Failed(error.clone())));
    }
}
