//! Waiting for what becomes of a gate.
//!
//! Owns [`Receipt`]. It changes nothing, but that it lets its own gate expire when it is time.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use larder::{Change, ChangeEvent, Changes, ErrorKind, Repository as _, RepositoryExt as _};

use super::record::Gate;
use super::store::Gates;
use crate::error::{Error, Result};

/// How long a blocking wait sleeps at most before it looks at the clock and at the store again: the
/// clock may be set, the machine may have slept, and another process may have decided.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The right to be told once what became of a gate: from [`Gates::receipt`].
///
/// It resolves when the gate is decided, expires or is invalidated, by whatever handle on the store in
/// this process, or was already when the receipt was made, such as before a restart, archived or not. The gate that it
/// gives is durable. After that it gives the same again.
///
/// | what you do | what you get |
/// |---|---|
/// | [`wait`](Self::wait) | the gate; blocks, and lets the gate expire when it is time |
/// | [`wait_timeout`](Self::wait_timeout) | the same, for so long at most |
/// | `.await`, or [`resolved`](Self::resolved) | the gate, on any executor. No executor, no timer: somebody must call [`Gates::expire_due`] |
/// | [`try_get`](Self::try_get) | the gate if it is resolved by now |
///
/// What another process did to the gate, in a database, is noticed by a blocking wait within about a
/// second, and by the others when they are asked anew. To drop a receipt is to stop waiting, and
/// nothing else; any number may wait for one gate.
///
/// # Errors
///
/// [`Error::NotFound`] if there is no such gate, or it was removed unresolved;
/// [`Error::Larder`] with [`Closed`](ErrorKind::Closed) if the store is closed meanwhile, with
/// [`Timeout`](ErrorKind::Timeout) if the time to wait is over, and with
/// [`NotDurable`](ErrorKind::NotDurable) if the gate is resolved, but that is not on disk yet. In all
/// these cases one may wait again.
#[derive(Debug)]
pub struct Receipt {
    gates: Gates,
    id: String,
    changes: Changes<Gate>,
    /// The gate as it was resolved, durably or not.
    seen: Option<Arc<Gate>>,
}

impl Receipt {
    pub(super) fn new(gates: Gates, id: &str) -> Result<Self> {
        // Listen before looking, or a decision in between would be missed.
        let changes = gates.repository.changes()?;
        let gate = gates.wherever(id)?;
        Ok(Self {
            gates,
            id: id.to_owned(),
            changes,
            seen: Some(gate).filter(|gate| gate.status.is_terminal()),
        })
    }

    /// The id of the gate.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Blocks until the gate is resolved.
    ///
    /// # Errors
    ///
    /// See [`Receipt`].
    pub fn wait(&mut self) -> Result<Arc<Gate>> {
        self.wait_until(None)
    }

    /// Blocks until the gate is resolved, for so long at most.
    ///
    /// # Errors
    ///
    /// See [`Receipt`].
    pub fn wait_timeout(&mut self, timeout: Duration) -> Result<Arc<Gate>> {
        // A timeout beyond the clock's range is "for ever".
        self.wait_until(Instant::now().checked_add(timeout))
    }

    /// The gate, if it is resolved by now.
    ///
    /// # Errors
    ///
    /// See [`Receipt`].
    pub fn try_get(&mut self) -> Result<Option<Arc<Gate>>> {
        match self.look()? {
            Some(gate) => self.durable(gate).map(Some),
            None => Ok(None),
        }
    }

    /// The gate, when it is resolved. The future may be dropped and asked for again.
    ///
    /// # Errors
    ///
    /// See [`Receipt`].
    pub async fn resolved(&mut self) -> Result<Arc<Gate>> {
        loop {
            if let Some(gate) = self.look()? {
                self.gates.repository.flush().await?;
                return Ok(gate);
            }
            loop {
                let event = self.changes.next().await.ok_or_else(closed)?;
                if self.heed(&event) {
                    break;
                }
            }
        }
    }

    fn wait_until(&mut self, deadline: Option<Instant>) -> Result<Arc<Gate>> {
        loop {
            if let Some(gate) = self.look()? {
                return self.durable(gate);
            }
            let again = Instant::now() + self.until_due().min(LOOK_AGAIN);
            let until = deadline.map_or(again, |deadline| deadline.min(again));
            loop {
                let left = until.saturating_duration_since(Instant::now());
                match self.changes.wait_timeout(left) {
                    Ok(Some(event)) if self.heed(&event) => break,
                    Ok(Some(_)) => {}
                    Ok(None) => return Err(closed()),
                    Err(_) if Some(until) == deadline => return self.last_look(),
                    Err(_) => break,
                }
            }
        }
    }

    /// The time to wait is over.
    fn last_look(&mut self) -> Result<Arc<Gate>> {
        match self.look()? {
            Some(gate) => self.durable(gate),
            None => Err(Error::Larder(
                larder::Error::new(
                    ErrorKind::Timeout,
                    "the gate was not resolved in the time that was given",
                )
                .with_id(&self.id),
            )),
        }
    }

    /// How long it takes until the gate expires, by the clock.
    fn until_due(&self) -> Duration {
        let gate = self.gates.get(&self.id).ok().flatten();
        let due = gate.and_then(|gate| self.gates.due(&gate));
        due.map_or(Duration::MAX, |due| {
            Duration::from_millis(due.saturating_sub(self.gates.now()))
        })
    }

    /// Whether it is worth while to look at the gate because of this.
    fn heed(&mut self, event: &ChangeEvent<Change<Gate>>) -> bool {
        let ChangeEvent::Changed(changes) = event else {
            return true; // Some were missed.
        };
        let mut ours = false;
        for change in changes.iter().filter(|change| *change.id == *self.id) {
            ours = true;
            // It may be gone by the time somebody looks.
            let gate = change.after.as_ref().or(change.before.as_ref());
            if let Some(gate) = gate.filter(|gate| gate.status.is_terminal()) {
                self.seen.get_or_insert_with(|| Arc::clone(gate));
            }
        }
        ours
    }

    /// The gate if it is resolved; it expires, if it is time.
    fn look(&mut self) -> Result<Option<Arc<Gate>>> {
        // So that nothing of it is missed if somebody asks only now and then.
        self.read_on();
        if self.seen.is_some() {
            return Ok(self.seen.clone());
        }
        let mut seen = self.gates.look_at(&self.id);
        if let Err(Error::NotFound { .. }) = seen {
            // Perhaps it was resolved and removed just now. A flush begins between writes, so what is
            // visible has been told then.
            self.gates.repository.flush().detach();
            self.read_on();
            seen = self.seen.clone().map_or(seen, |gate| Ok(Some(gate)));
        }
        self.seen = seen?;
        Ok(self.seen.clone())
    }

    /// Reads what was told and not read yet.
    fn read_on(&mut self) {
        while let Some(event) = self.changes.try_next() {
            self.heed(&event);
        }
    }

    fn durable(&self, gate: Arc<Gate>) -> Result<Arc<Gate>> {
        self.gates.repository.flush().wait()?;
        Ok(gate)
    }
}

fn closed() -> Error {
    Error::Larder(larder::Error::new(
        ErrorKind::Closed,
        "the store was closed while a gate was waited for",
    ))
}

/// As [`Receipt::resolved`].
impl IntoFuture for Receipt {
    type Output = Result<Arc<Gate>>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(mut self) -> Self::IntoFuture {
        Box::pin(async move { self.resolved().await })
    }
}
