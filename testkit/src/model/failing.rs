//! What must hold while flushes fail.
//!
//! Owns [`Flushes`], what the model knows of the disk, and what is compared after somebody waited for it. How
//! a disk is made to fail is the setup's to say.

use larder_core::{Backend, Error, ErrorKind, HealthState};

use super::runner::Runner;
use super::steps::Failing;
use crate::setup::{Ability, Setup};

/// After so many failed flushes in a row whoever waits is told: one alone is nobody's business.
pub(super) const ATTEMPTS: u32 = 2;

/// How flushes fare from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flushes {
    Work,
    /// So many fail at most.
    FailAtMost(u32),
    FailUntilRepaired,
}

/// What a wait must come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Must {
    Succeed,
    Fail,
    Either,
}

impl<S: Setup> Runner<'_, S> {
    /// What a wait for everything that is visible must come to.
    fn must(&self) -> Must {
        match self.flushes {
            _ if !self.is_pending => Must::Succeed,
            Flushes::Work | Flushes::FailAtMost(0) => Must::Succeed,
            // Once somebody was told of a failure, the next attempt that fails is told at once.
            Flushes::FailAtMost(times) if times < ATTEMPTS && !self.is_tried_again => Must::Succeed,
            Flushes::FailAtMost(_) => Must::Either,
            Flushes::FailUntilRepaired => Must::Fail,
        }
    }

    /// Somebody has waited for everything that is visible now.
    pub(super) fn waited(&mut self, outcome: Result<(), Error>, what: &str) {
        let must = self.must();
        let Err(error) = outcome else {
            assert_ne!(
                must,
                Must::Fail,
                "{what}: it is acknowledged, and no flush can be made"
            );
            return self.acknowledged(what);
        };
        assert_ne!(must, Must::Succeed, "{what}: {error}");
        self.failed(&error, what);
        self.states.push(self.now.clone());
    }

    /// Everything that is visible is durable.
    fn acknowledged(&mut self, what: &str) {
        self.states = vec![self.now.clone()];
        self.is_pending = false;
        self.is_tried_again = false;
        let health = self.it().store.health();
        assert!(
            health.is_healthy() && !health.is_dirty(),
            "{what}: the health after all was acknowledged: {health}"
        );
    }

    /// A wait or a closing was told that it failed: so does the health, and nothing is forgotten.
    fn failed(&mut self, error: &Error, what: &str) {
        assert_eq!(error.kind(), ErrorKind::NotDurable, "{what}: {error}");
        let health = self.it().store.health();
        let tells = match self.flushes {
            // The store may have tried again since, and flushed.
            Flushes::FailAtMost(_) if !health.is_dirty() => health.is_healthy(),
            _ => matches!(health.state, HealthState::Failing { attempts, .. } if attempts > 0),
        };
        assert!(tells, "{what}: the health after a failed flush: {health}");
        if self.flushes == Flushes::FailUntilRepaired {
            assert!(health.is_dirty(), "{what}: what failed is not pending");
        }
        if let Flushes::FailAtMost(times) = &mut self.flushes {
            // The first who is told waited for so many attempts, and whoever comes next for one.
            *times = times.saturating_sub(if self.is_tried_again { 1 } else { ATTEMPTS });
        }
        self.is_tried_again = true;
        self.ran.told += 1;
    }

    /// Flushes fail from now on; `false` if this setup cannot bring that about.
    pub(super) fn fail(&mut self, failing: Failing, what: &str) -> bool {
        let setup = self.it().setup;
        if !setup.abilities().contains(&Ability::Fail) {
            return false;
        }
        self.repair();
        if self.is_tried_again {
            // The store is about to flush by itself: whether it comes before the failure nobody can say.
            let flushed = self.it().store.flush().wait();
            self.waited(flushed, what);
        }
        self.flushes = match failing {
            Failing::Times(times) => {
                if !setup.fail_times(times) {
                    return false;
                }
                Flushes::FailAtMost(times)
            }
            Failing::UntilRepaired => {
                setup.fail(true);
                Flushes::FailUntilRepaired
            }
        };
        self.ran.faults += 1;
        true
    }

    /// Flushes work from now on; `false` if they did before.
    pub(super) fn repair(&mut self) -> bool {
        if self.flushes == Flushes::Work {
            return false;
        }
        self.flushes = Flushes::Work;
        self.it().setup.fail(false);
        true
    }

    /// A store that cannot flush does not close: it says so, and is open as before. Then it is repaired.
    /// `true` if it was closed all the same, by a flush that could be made.
    pub(super) fn close_while_failing(&mut self, what: &str) -> bool {
        if self.flushes == Flushes::Work {
            return false;
        }
        let mut is_closed = false;
        if self.is_pending {
            let (must, closed) = (self.must(), self.it().store.close().wait());
            match closed {
                Ok(()) => {
                    assert_ne!(
                        must,
                        Must::Fail,
                        "{what}: it closes, and no flush can be made"
                    );
                    is_closed = true;
                }
                Err(error) => {
                    assert_ne!(must, Must::Succeed, "{what}: {error}");
                    self.failed(&error, what);
                    self.check(what);
                    let told = self.told(what);
                    assert!(told.is_empty(), "{what}: {told:?} is told");
                }
            }
        }
        self.repair();
        is_closed
    }
}
