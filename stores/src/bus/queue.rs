//! What one listener has not read yet.
//!
//! Owns [`Queue`], which is bounded, and [`Told`].

use std::collections::VecDeque;
use std::sync::Arc;

use event_listener::{Event as News, EventListener};
use parking_lot::Mutex;

use crate::event::Event;

/// What a listener is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// This happened.
    Event(Arc<Event>),
    /// So many events came before the next one and are lost to this listener, because it did not
    /// keep up. It should look at the stores.
    Missed(u64),
}

pub(super) struct Queue {
    capacity: usize,
    waiting: Mutex<Waiting>,
    news: News,
}

#[derive(Default)]
struct Waiting {
    events: VecDeque<Arc<Event>>,
    missed: u64,
    closed: bool,
}

/// What a listener finds.
pub(super) enum Next {
    Told(Told),
    /// Nothing yet.
    Empty,
    /// Nothing, and nothing will come.
    Closed,
}

impl Queue {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            waiting: Mutex::default(),
            news: News::new(),
        }
    }

    /// The oldest make room. Whoever waits is woken by [`wake`](Self::wake). After the end nothing is
    /// taken any more.
    pub(super) fn push(&self, events: &[Arc<Event>]) {
        let mut waiting = self.waiting.lock();
        if waiting.closed {
            return;
        }
        for event in events {
            if waiting.events.len() >= self.capacity {
                waiting.events.pop_front();
                waiting.missed += 1;
            }
            waiting.events.push_back(Arc::clone(event));
        }
    }

    pub(super) fn wake(&self) {
        self.news.notify(usize::MAX);
    }

    pub(super) fn next(&self) -> Next {
        let mut waiting = self.waiting.lock();
        if waiting.missed > 0 {
            return Next::Told(Told::Missed(std::mem::take(&mut waiting.missed)));
        }
        match waiting.events.pop_front() {
            Some(event) => Next::Told(Told::Event(event)),
            None if waiting.closed => Next::Closed,
            None => Next::Empty,
        }
    }

    pub(super) fn news(&self) -> EventListener {
        self.news.listen()
    }

    /// What is in it can still be read.
    pub(super) fn close(&self) {
        self.waiting.lock().closed = true;
        self.wake();
    }

    /// Nothing can be read any more.
    pub(super) fn end(&self) {
        let left = {
            let mut waiting = self.waiting.lock();
            waiting.closed = true;
            waiting.missed = 0;
            std::mem::take(&mut waiting.events)
        };
        drop(left);
        self.wake();
    }
}
