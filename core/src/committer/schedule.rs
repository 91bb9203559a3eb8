//! When to flush: the committer's rules as a value, without a thread and without a clock.
//!
//! Owns [`Schedule`]: it is told what happens and what time it is, and says what to do next. The
//! thread, the locks and the waiting are in `mod.rs`.

use std::time::{Duration, Instant};

/// First pause after a failed flush; it doubles with every further failure.
pub(crate) const FIRST_BACKOFF: Duration = Duration::from_millis(50);
/// Longest pause between two attempts.
pub(crate) const LONGEST_BACKOFF: Duration = Duration::from_secs(30);

/// What the committer's thread does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing is to be done until somebody writes, waits or closes.
    Idle,
    /// Nothing is to be done before this time.
    Until(Instant),
    /// Flush now.
    Flush,
    /// Everything is durable and the store is closing: the thread ends.
    Finish,
    /// The store is closing and the flush cannot be made: the closing has failed.
    GiveUp,
}

/// How far the store has come, and how it fares.
#[derive(Debug)]
pub(crate) struct Schedule {
    debounce: Duration,
    attempts: u32,
    applied: u64,
    durable: u64,
    /// The highest sequence that somebody waits for.
    awaited: u64,
    /// Since when there is something to flush.
    window: Option<Instant>,
    /// Failures since the last success.
    streak: u32,
    last_attempt: Option<Instant>,
    retry_at: Option<Instant>,
    /// Somebody came to wait after the last attempt.
    impatient: bool,
    closing: Option<Closing>,
}

#[derive(Clone, Copy, Debug)]
struct Closing {
    /// Failures since the closing began.
    failures: u32,
    /// After this time the closing gives up.
    deadline: Option<Instant>,
}

impl Schedule {
    /// A schedule with this debounce window; waiters of a failing flush, and a closing, give up
    /// after so many attempts.
    pub(crate) fn new(debounce: Duration, attempts: u32) -> Self {
        Self {
            debounce,
            attempts: attempts.max(1),
            applied: 0,
            durable: 0,
            awaited: 0,
            window: None,
            streak: 0,
            last_attempt: None,
            retry_at: None,
            impatient: false,
            closing: None,
        }
    }

    pub(crate) fn applied(&self) -> u64 {
        self.applied
    }

    pub(crate) fn durable(&self) -> u64 {
        self.durable
    }

    pub(crate) fn streak(&self) -> u32 {
        self.streak
    }

    /// When the next attempt comes after one that failed. A waiter cuts the pause short, but not below
    /// the first pause: a busy caller must not turn a broken disk into a busy loop.
    pub(crate) fn retry_at(&self) -> Option<Instant> {
        let soonest = self.last_attempt.map(|last| last + FIRST_BACKOFF);
        if self.impatient {
            self.retry_at.min(soonest)
        } else {
            self.retry_at
        }
    }

    /// When the open window ends; `None` if none is open, or if it never ends by itself.
    pub(crate) fn window_end(&self) -> Option<Instant> {
        self.window?.checked_add(self.debounce)
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.is_some()
    }

    /// Whether a failure is now old enough to be told to those who wait.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.streak >= self.attempts
    }

    /// Everything up to `sequence` is visible. True if the thread may have to be woken: the first
    /// change opens the window, later ones do not extend it.
    pub(crate) fn wrote(&mut self, sequence: u64, now: Instant) -> bool {
        self.applied = self.applied.max(sequence);
        let opens = self.window.is_none() && self.applied > self.durable;
        if opens {
            self.window = Some(now);
        }
        opens
    }

    /// Somebody waits for `sequence`. True if the thread may have to be woken.
    pub(crate) fn awaits(&mut self, sequence: u64) -> bool {
        if sequence <= self.durable {
            return false;
        }
        let news = sequence > self.awaited || (self.streak > 0 && !self.impatient);
        self.awaited = self.awaited.max(sequence);
        self.impatient = true;
        news
    }

    /// The store is to close: flush now, and give up after the attempts or at the deadline.
    pub(crate) fn close(&mut self, deadline: Option<Instant>) {
        let failures = self.closing.map_or(0, |closing| closing.failures);
        self.closing = Some(Closing { failures, deadline });
        self.retry_at = None;
    }

    /// The closing was given up: the store is open again.
    pub(crate) fn reopen(&mut self) {
        self.closing = None;
    }

    /// A flush begins: the window is closed, later changes open the next.
    pub(crate) fn flushing(&mut self, now: Instant) {
        self.last_attempt = Some(now);
        self.retry_at = None;
        self.impatient = false;
        self.window = None;
    }

    /// A flush made everything up to `durable` durable.
    pub(crate) fn flushed(&mut self, durable: u64, now: Instant) {
        self.durable = self.durable.max(durable);
        self.streak = 0;
        self.retry_at = None;
        // A change during the flush may have been taken along by it. Then its window must not stay
        // open, or the next change would not open one and nobody would wake the thread.
        let dirty = self.applied > self.durable;
        self.window = dirty.then(|| self.window.unwrap_or(now));
    }

    /// A flush failed. `jitter` is between 0 and 1 and takes up to half of the pause, so that
    /// stores on one full disk do not all come back at once.
    pub(crate) fn failed(&mut self, now: Instant, jitter: f64) {
        self.streak = self.streak.saturating_add(1);
        if let Some(closing) = &mut self.closing {
            closing.failures += 1;
        }
        // A closing starts over: whoever closes waits for it.
        let failures = self.closing.map_or(self.streak, |closing| closing.failures);
        let doublings = failures.saturating_sub(1).min(16);
        let pause = FIRST_BACKOFF
            .saturating_mul(1 << doublings)
            .min(LONGEST_BACKOFF);
        self.retry_at = Some(now + pause.mul_f64(1.0 - jitter.clamp(0.0, 1.0) / 2.0));
    }

    /// What to do at this time.
    pub(crate) fn next(&self, now: Instant) -> Step {
        let dirty = self.applied > self.durable;
        if let Some(closing) = self.closing {
            if !dirty {
                return Step::Finish;
            }
            let late = closing.deadline.is_some_and(|deadline| now >= deadline);
            // At least one attempt, however late it is.
            if closing.failures > 0 && (late || closing.failures >= self.attempts) {
                return Step::GiveUp;
            }
            let wake = match (self.retry_at, closing.deadline) {
                // Before the first attempt the deadline does not count.
                (Some(retry), Some(deadline)) if closing.failures > 0 => Some(retry.min(deadline)),
                (retry, _) => retry,
            };
            return at(wake, now);
        }
        if !dirty {
            return Step::Idle;
        }
        if self.streak > 0 {
            return at(self.retry_at(), now);
        }
        if self.awaited > self.durable {
            return Step::Flush;
        }
        match self.window.map(|start| start.checked_add(self.debounce)) {
            // A window beyond the clock's range never ends by itself.
            Some(None) => Step::Idle,
            Some(end) => at(end, now),
            None => Step::Flush,
        }
    }
}

/// Flush when the time has come, or when no time was set.
fn at(time: Option<Instant>, now: Instant) -> Step {
    match time {
        Some(time) if time > now => Step::Until(time),
        _ => Step::Flush,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn schedule() -> (Schedule, Instant) {
        (Schedule::new(1000 * MS, 3), Instant::now())
    }

    #[test]
    fn the_window_starts_with_the_first_change_and_is_not_extended() {
        let (mut schedule, start) = schedule();
        assert_eq!(schedule.next(start), Step::Idle);
        assert!(schedule.wrote(1, start));
        assert!(!schedule.wrote(2, start + 900 * MS));
        assert_eq!(
            schedule.next(start + 900 * MS),
            Step::Until(start + 1000 * MS)
        );
        assert_eq!(schedule.next(start + 1000 * MS), Step::Flush);
    }

    #[test]
    fn a_waiter_ends_the_window_at_once() {
        let (mut schedule, start) = schedule();
        schedule.wrote(1, start);
        assert!(schedule.awaits(1));
        assert_eq!(schedule.next(start), Step::Flush);
    }

    #[test]
    fn a_change_during_a_flush_opens_the_next_window() {
        let (mut schedule, start) = schedule();
        schedule.wrote(1, start);
        schedule.flushing(start);
        schedule.wrote(2, start + 10 * MS);
        schedule.flushed(1, start + 20 * MS);
        assert_eq!(
            schedule.next(start + 20 * MS),
            Step::Until(start + 1010 * MS)
        );
        schedule.flushing(start + 1010 * MS);
        schedule.flushed(2, start + 1010 * MS);
        assert_eq!(schedule.next(start + 2000 * MS), Step::Idle);
    }

    #[test]
    fn a_change_that_a_running_flush_takes_along_leaves_no_window_open() {
        let (mut schedule, start) = schedule();
        schedule.wrote(1, start);
        schedule.flushing(start);
        schedule.wrote(2, start);
        schedule.flushed(2, start);
        assert_eq!(schedule.next(start), Step::Idle);
        assert!(schedule.wrote(3, start), "nobody would wake the thread");
        assert_eq!(schedule.next(start), Step::Until(start + 1000 * MS));
    }

    #[test]
    fn a_change_that_a_flush_took_along_before_it_was_told_opens_no_window() {
        let (mut schedule, start) = schedule();
        schedule.wrote(1, start);
        assert_eq!(schedule.window_end(), Some(start + 1000 * MS));
        schedule.flushing(start);
        schedule.flushed(2, start);
        assert!(!schedule.wrote(2, start));
        assert_eq!(schedule.window_end(), None);
        assert!(schedule.wrote(3, start), "nobody would wake the thread");
    }

    #[test]
    fn the_thread_is_woken_for_who_is_not_served_by_what_it_does_already() {
        let (mut schedule, start) = schedule();
        schedule.wrote(1, start);
        assert!(schedule.awaits(1));
        schedule.flushing(start);
        schedule.failed(start, 0.0);
        assert_eq!(schedule.retry_at(), Some(start + 50 * MS));
        assert!(schedule.awaits(1), "it would be tried later");
        assert!(!schedule.awaits(1), "it is tried soon");
        schedule.flushing(start);
        schedule.flushed(1, start);
        assert!(!schedule.awaits(1), "it is durable");
        schedule.wrote(2, start);
        assert!(schedule.awaits(2));
        assert!(!schedule.awaits(2), "it was asked for");
        schedule.flushing(start);
        assert!(!schedule.awaits(2), "it is under way");
    }

    #[test]
    fn a_window_without_end_is_ended_by_a_waiter_only() {
        let start = Instant::now();
        let mut schedule = Schedule::new(Duration::MAX, 3);
        schedule.wrote(1, start);
        assert_eq!(schedule.next(start), Step::Idle);
        schedule.awaits(1);
        assert_eq!(schedule.next(start), Step::Flush);
    }

    #[test]
    fn a_closing_in_an_outage_does_not_wait_for_the_long_pause() {
        let (mut schedule, start) = schedule();
        schedule.wrote(1, start);
        for _ in 0..12 {
            schedule.flushing(start);
            schedule.failed(start, 0.0);
        }
        schedule.close(Some(start + 10 * MS));
        assert_eq!(schedule.next(start), Step::Flush);
        schedule.flushing(start);
        schedule.failed(start, 0.0);
        assert_eq!(schedule.next(start), Step::Until(start + 10 * MS));
        assert_eq!(schedule.next(start + 10 * MS), Step::GiveUp);
    }

    #[test]
    fn a_failed_flush_stays_dirty_and_comes_back_later_and_later() {
        let (mut schedule, start) = schedule();
        schedule.wrote(1, start);
        let mut now = start;
        let mut pauses = Vec::new();
        for _ in 0..12 {
            schedule.flushing(now);
            schedule.failed(now, 0.0);
            let Step::Until(then) = schedule.next(now) else {
                panic!("must pause")
            };
            pauses.push((then - now).as_millis());
            now = then;
            assert_eq!(schedule.next(now), Step::Flush);
        }
        assert_eq!(pauses[..4], [50, 100, 200, 400]);
        assert_eq!(*pauses.last().unwrap(), 30_000);
        schedule.flushing(now);
        schedule.flushed(1, now);
        assert_eq!((schedule.streak(), schedule.next(now)), (0, Step::Idle));
    }

    #[test]
    fn a_waiter_cuts_a_pause_short_but_not_below_the_first() {
        let (mut schedule, start) = schedule();
        schedule.wrote(1, start);
        for _ in 0..8 {
            schedule.flushing(start);
            schedule.failed(start, 0.0);
        }
        assert_eq!(schedule.next(start), Step::Until(start + 6400 * MS));
        assert!(schedule.awaits(1));
        assert_eq!(schedule.next(start), Step::Until(start + 50 * MS));
        assert_eq!(schedule.next(start + 50 * MS), Step::Flush);
        // Nothing is to come any more while it is being made.
        schedule.flushing(start + 50 * MS);
        assert_eq!(schedule.retry_at(), None);
    }

    #[test]
    fn closing_flushes_at_once_and_gives_up_after_the_attempts() {
        let (mut schedule, start) = schedule();
        schedule.wrote(1, start);
        schedule.close(None);
        for _ in 0..3 {
            assert!(matches!(schedule.next(start + 40_000 * MS), Step::Flush));
            schedule.flushing(start);
            schedule.failed(start, 0.0);
        }
        assert_eq!(schedule.next(start), Step::GiveUp);
        schedule.reopen();
        assert!(matches!(schedule.next(start), Step::Until(_)));
        schedule.flushing(start);
        schedule.flushed(1, start);
        schedule.close(None);
        assert_eq!(schedule.next(start), Step::Finish);
    }

    #[test]
    fn a_closing_past_its_deadline_still_tries_once() {
        let (mut schedule, start) = schedule();
        schedule.wrote(1, start);
        schedule.close(Some(start));
        assert_eq!(schedule.next(start + MS), Step::Flush);
        schedule.flushing(start + MS);
        schedule.failed(start + MS, 0.0);
        assert_eq!(schedule.next(start + MS), Step::GiveUp);
    }

    #[test]
    fn jitter_shortens_a_pause_by_at_most_half() {
        let (mut schedule, start) = schedule();
        schedule.wrote(1, start);
        schedule.flushing(start);
        schedule.failed(start, 1.0);
        assert_eq!(schedule.next(start), Step::Until(start + 25 * MS));
    }
}
