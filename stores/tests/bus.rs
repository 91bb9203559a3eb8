//! The bus of events: who is told what, in which order, and what a slow or broken listener costs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use larder_stores::bus::{Listener, Reserved, Subscription};
use larder_stores::{Bus, Error, Event, Told};
use proptest::prelude::*;

fn gate(session: &str, number: usize) -> Event {
    Event::GateCreated {
        session_id: session.to_owned(),
        gate_id: format!("gate-{number}"),
        is_blocking: true,
    }
}

fn read(events: &mut Subscription) -> Vec<Told> {
    std::iter::from_fn(|| events.try_next()).collect()
}

fn told(session: &str, number: usize) -> Told {
    Told::Event(gate(session, number).into())
}

#[test]
fn everybody_is_told_everything_in_order() {
    let bus = Bus::new();
    bus.publish(gate("a", 0)); // nobody listens yet
    let mut one = bus.subscribe(8);
    let mut two = bus.subscribe(8);
    bus.publish(gate("a", 1));
    bus.publish(gate("b", 2));
    assert_eq!(read(&mut one), [told("a", 1), told("b", 2)]);
    drop(one);
    bus.publish(gate("a", 3));
    assert_eq!(read(&mut two), [told("a", 1), told("b", 2), told("a", 3)]);
}

#[test]
fn it_ends_with_the_last_handle() {
    let bus = Bus::new();
    let mut events = bus.subscribe(8);
    let waiting = std::thread::spawn({
        let mut events = bus.subscribe(8);
        move || std::iter::from_fn(|| events.wait()).collect::<Vec<_>>()
    });
    let other = bus.clone();
    bus.publish(gate("a", 1));
    drop(bus);
    other.publish(gate("a", 2));
    let place = other.reserve("a");
    drop(other);
    // A place is a handle, too.
    place.publish([gate("a", 3)]);
    let all = [told("a", 1), told("a", 2), told("a", 3)];
    assert_eq!(waiting.join().unwrap(), all);
    for expected in all {
        assert_eq!(pollster::block_on(events.next()), Some(expected));
    }
    assert_eq!(pollster::block_on(events.next()), None);
    assert_eq!(events.wait(), None);
    assert_eq!(events.try_next(), None);
}

#[test]
fn a_wait_with_a_timeout_loses_nothing() {
    let bus = Bus::new();
    let mut events = bus.subscribe(8);
    let Err(Error::Larder(error)) = events.wait_timeout(Duration::ZERO) else {
        panic!("nothing was published");
    };
    assert_eq!(error.kind(), larder::ErrorKind::Timeout);
    bus.publish(gate("a", 1));
    assert_eq!(
        events.wait_timeout(Duration::MAX).unwrap(),
        Some(told("a", 1))
    );
}

#[test]
fn a_place_keeps_its_session_in_order_and_nobody_else_waiting() {
    let bus = Bus::new();
    let mut events = bus.subscribe(16);
    let first = bus.reserve("a");
    let second = bus.reserve("a");
    bus.publish(gate("a", 4));
    bus.publish(gate("b", 5));
    assert_eq!(read(&mut events), [told("b", 5)]);
    second.publish([gate("a", 2), gate("a", 3)]);
    assert_eq!(read(&mut events), []);
    first.publish([gate("a", 1)]);
    assert_eq!(
        read(&mut events),
        [told("a", 1), told("a", 2), told("a", 3), told("a", 4)]
    );
    let dropped = bus.reserve("a");
    bus.publish(gate("a", 6));
    assert_eq!(read(&mut events), []);
    drop(dropped);
    assert_eq!(read(&mut events), [told("a", 6)]);
    assert!(format!("{bus:?}").contains("waiting_sessions: 0"));
}

#[test]
fn a_place_that_is_forgotten_does_not_hold_the_others_for_ever() {
    let bus = Bus::new();
    let mut events = bus.subscribe(4096);
    let late = bus.reserve("a");
    std::mem::forget(bus.reserve("a"));
    for number in 0..3000 {
        bus.publish(gate("a", number));
    }
    assert_eq!(read(&mut events).len(), 3000);
    late.publish([gate("a", 9)]);
    assert_eq!(read(&mut events), [told("a", 9)]);
    assert!(format!("{bus:?}").contains("waiting_sessions: 0"));
}

#[test]
fn a_listener_that_panics_is_told_the_next_and_disturbs_nobody() {
    let bus = Bus::new();
    let (send, heard) = mpsc::channel();
    let broken = bus
        .listen(8, move |told| {
            send.send(told.clone()).unwrap();
            panic!("as expected by the test");
        })
        .unwrap();
    let mut other = bus.subscribe(8);
    for number in 0..3 {
        bus.publish(gate("a", number));
        assert_eq!(heard.recv().unwrap(), told("a", number));
        assert_eq!(other.wait(), Some(told("a", number)));
    }
    drop(broken);
    // Its thread ends, and with it the closure.
    assert!(heard.recv().is_err());
    bus.publish(gate("a", 3));
    assert_eq!(other.wait(), Some(told("a", 3)));
}

#[test]
fn a_listener_that_finishes_has_heard_everything() {
    let bus = Bus::new();
    let (go, wait) = mpsc::channel::<()>();
    let (send, heard) = mpsc::channel();
    let slow = bus
        .listen(1024, move |told| {
            wait.recv().unwrap();
            send.send(told).unwrap();
        })
        .unwrap();
    for number in 0..500 {
        bus.publish(gate("a", number));
        go.send(()).unwrap();
    }
    slow.finish();
    bus.publish(gate("a", 500)); // to nobody
    let all: Vec<Told> = (0..500).map(|number| told("a", number)).collect();
    assert_eq!(heard.try_iter().collect::<Vec<_>>(), all);
    assert!(heard.recv().is_err(), "the closure is dropped");
    assert!(format!("{bus:?}").contains("listeners: 0"));
}

#[test]
fn a_listener_may_finish_itself() {
    let bus = Bus::new();
    let itself = Arc::new(Mutex::new(None::<Listener>));
    let (send, heard) = mpsc::channel();
    let listener = bus.listen(8, {
        let itself = Arc::clone(&itself);
        move |told| {
            send.send(told).unwrap();
            if let Some(listener) = itself.lock().unwrap().take() {
                listener.finish();
            }
        }
    });
    // It is told nothing before it has itself.
    *itself.lock().unwrap() = Some(listener.unwrap());
    bus.publish(gate("a", 1));
    assert_eq!(heard.iter().collect::<Vec<_>>(), [told("a", 1)]);
}

#[test]
fn a_listener_that_hangs_makes_nobody_wait() {
    let bus = Bus::new();
    let (entered, is_in) = mpsc::channel();
    let (go_on, gate_opens) = mpsc::channel::<()>();
    let (send, heard) = mpsc::channel();
    let slow = bus
        .listen(4, move |told| {
            entered.send(()).unwrap();
            let _ = gate_opens.recv();
            send.send(told).unwrap();
        })
        .unwrap();
    bus.publish(gate("a", 0));
    is_in.recv().unwrap();
    for number in 1..=100 {
        bus.publish(gate("a", number));
    }
    drop(go_on);
    let mut all: Vec<Told> = Vec::new();
    while all.last() != Some(&told("a", 100)) {
        all.push(heard.recv().unwrap());
    }
    let mut expected = vec![told("a", 0), Told::Missed(96)];
    expected.extend((97..=100).map(|number| told("a", number)));
    assert_eq!(all, expected);
    drop(slow);
}

#[test]
fn an_event_is_json_with_its_name() {
    let event = Event::SessionEnded {
        session_id: "fix-login".into(),
        channel_id: "c-1".into(),
        archived: false,
    };
    let json = serde_json::to_value(&event).unwrap();
    assert_eq!(
        json,
        serde_json::json!({
            "event": event.name(), "sessionId": "fix-login", "channelId": "c-1", "archived": false
        })
    );
    assert_eq!(serde_json::from_value::<Event>(json).unwrap(), event);
}

#[derive(Clone, Debug)]
enum Step {
    Publish(usize),
    Reserve(usize),
    /// Uses the place of a session that was taken so long ago, for so many events.
    Use(usize, prop::sample::Index, usize),
    Read(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..3usize).prop_map(Step::Publish),
        2 => (0..3usize).prop_map(Step::Reserve),
        3 => (0..3usize, any::<prop::sample::Index>(), 0..3usize)
            .prop_map(|(session, which, count)| Step::Use(session, which, count)),
        3 => (0..6usize).prop_map(Step::Read),
    ];
    prop::collection::vec(step, 0..120)
}

const SESSIONS: [&str; 3] = ["a", "b", "c"];

/// The number of a place, and its events once they are known.
type Place = (usize, Option<Vec<Event>>);

/// What should happen: for each session its places in order, each empty or with its events.
#[derive(Default)]
struct Model {
    places: BTreeMap<&'static str, VecDeque<Place>>,
    told: Vec<Event>,
}

impl Model {
    fn fill(&mut self, session: &'static str, number: usize, events: Vec<Event>) {
        let places = self.places.get_mut(session).unwrap();
        let place = places.iter_mut().find(|place| place.0 == number).unwrap();
        place.1 = Some(events);
        while matches!(places.front(), Some((_, Some(_)))) {
            self.told.extend(places.pop_front().unwrap().1.unwrap());
        }
    }
}

proptest! {
    /// Told and missed together are what was published, in the order of the places, and the events
    /// that are told are the newest.
    #[test]
    fn told_and_missed_are_everything(capacity in 1..6usize, steps in steps()) {
        let bus = Bus::new();
        let mut events = bus.subscribe(capacity);
        let mut model = Model::default();
        let mut open: BTreeMap<&str, Vec<(usize, Reserved)>> = BTreeMap::new();
        let mut number = 0;
        let mut heard = 0;
        for step in steps {
            number += 1;
            match step {
                Step::Publish(session) => {
                    let session = SESSIONS[session];
                    bus.publish(gate(session, number));
                    model.places.entry(session).or_default().push_back((number, None));
                    model.fill(session, number, vec![gate(session, number)]);
                }
                Step::Reserve(session) => {
                    let session = SESSIONS[session];
                    open.entry(session).or_default().push((number, bus.reserve(session)));
                    model.places.entry(session).or_default().push_back((number, None));
                }
                Step::Use(session, which, count) => {
                    let session = SESSIONS[session];
                    let places = open.entry(session).or_default();
                    if places.is_empty() {
                        continue;
                    }
                    let (place, reserved) = places.remove(which.index(places.len()));
                    let what: Vec<Event> =
                        (0..count).map(|nth| gate(session, number * 1000 + nth)).collect();
                    match count {
                        0 => drop(reserved),
                        _ => reserved.publish(what.clone()),
                    }
                    model.fill(session, place, what);
                }
                Step::Read(times) => {
                    for _ in 0..times {
                        let unread = model.told.len() - heard;
                        let expected = match unread {
                            0 => None,
                            _ if unread > capacity => {
                                heard = model.told.len() - capacity;
                                Some(Told::Missed((unread - capacity) as u64))
                            }
                            _ => {
                                heard += 1;
                                Some(Told::Event(model.told[heard - 1].clone().into()))
                            }
                        };
                        prop_assert_eq!(events.try_next(), expected);
                    }
                }
            }
        }
    }
}
