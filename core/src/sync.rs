//! Threads, locks, wake-ups, the clock and chance: what decides in which order things happen.
//!
//! Owns the names only. The committer, the journal, the feed and whoever waits for them take these from
//! here and from nowhere else, so that `core/orders`, which builds these same sources, can put a scheduler
//! beneath them that tries one order of the threads after the other.

pub(crate) use std::sync::atomic::{AtomicBool, AtomicUsize};
pub(crate) use std::{thread, thread_local};

pub(crate) use event_listener::{Event, EventListener, Listener};
pub(crate) use parking_lot::{Condvar, Mutex, MutexGuard};

/// What time it is.
#[inline]
pub(crate) fn now() -> std::time::Instant {
    std::time::Instant::now()
}

/// A number between 0 and 1 that differs between stores; not worth a generator.
pub(crate) fn jitter() -> f64 {
    use std::hash::{BuildHasher, RandomState};
    f64::from(u16::try_from(RandomState::new().hash_one(0_u8) & 0xffff).unwrap_or(0)) / 65_535.0
}

#[cfg(test)]
mod tests {
    use super::jitter;

    #[test]
    fn a_jitter_is_between_zero_and_one_and_another_each_time() {
        let found: Vec<f64> = (0..64).map(|_| jitter()).collect();
        assert!(found.iter().all(|it| (0.0..=1.0).contains(it)), "{found:?}");
        let between = found.iter().filter(|it| **it > 0.0 && **it < 1.0);
        assert!(between.count() > 32, "{found:?}");
        assert!(
            found
                .windows(2)
                .any(|two| two[0].to_bits() != two[1].to_bits()),
            "{found:?}"
        );
    }
}
