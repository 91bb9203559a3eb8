//! Sessions: what they promise, on every backend.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::needless_pass_by_value,
    missing_docs,
    reason = "a test fails by panicking"
)]

mod backends;

use std::sync::Arc;

use backends::{Place, on_every_backend};
use larder::{ErrorKind, Query, Repository as _, RepositoryExt as _};
use larder_stores::bus::Subscription;
use larder_stores::session::{
    Mode, NewSession, Provider, Session, SessionKind, Sessions, Step, WorkflowStatus,
};
use larder_stores::{Bus, Error, Event, Options, SetClock, Told};

on_every_backend![
    a_session_is_durable_when_it_is_given,
    ids_come_from_labels_and_are_free,
    a_taken_channel_is_refused_with_who_has_it,
    what_is_missing_is_named,
    changes_have_names,
    a_change_that_is_none_writes_and_tells_nothing,
    there_has_to_be_one,
    a_reason_is_one_while_it_waits,
    an_end_frees_channel_and_id,
    an_archived_session_keeps_its_id,
    several_are_made_together_or_not_at_all,
    inside_of_a_transaction_the_other_verbs_are_refused,
    they_are_found,
    the_nearest_is_by_components,
    run_time_fields_are_reset,
    whoever_is_told_finds_it,
    threads_are_told_in_the_order_of_their_writes,
];

struct Setup {
    place: Place,
    clock: Arc<SetClock>,
    sessions: Sessions,
    events: Subscription,
}

impl Setup {
    fn new(place: Place) -> Self {
        let clock = Arc::new(SetClock::new(1_000));
        let (sessions, events) = Self::open(&place, &clock);
        Self {
            place,
            clock,
            sessions,
            events,
        }
    }

    fn open(place: &Place, clock: &Arc<SetClock>) -> (Sessions, Subscription) {
        let bus = Bus::new();
        let events = bus.subscribe(4096);
        let options = Options::new().clock(Arc::clone(clock)).bus(bus);
        (Sessions::open(place.store(), options).unwrap(), events)
    }

    fn reopen(&mut self) {
        self.place.reopen();
        (self.sessions, self.events) = Self::open(&self.place, &self.clock);
    }

    fn create(&self, label: &str, channel: &str) -> Arc<Session> {
        self.sessions.create(new(label, channel)).unwrap()
    }

    fn told(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.events.try_next())
            .map(|told| match told {
                Told::Event(event) => Event::clone(&event),
                Told::Missed(lost) => panic!("{lost} missed"),
            })
            .collect()
    }
}

fn new(label: &str, channel: &str) -> NewSession {
    NewSession::new(Provider::Claude, label)
        .channel(channel)
        .category("cat")
        .project("atlas")
        .directory("/srv/atlas")
}

fn created(id: &str, channel: &str) -> Event {
    Event::SessionCreated {
        session_id: id.to_owned(),
        channel_id: channel.to_owned(),
        parent_channel_id: None,
    }
}

fn larder(error: Error) -> larder::Error {
    match error {
        Error::Larder(error) => error,
        other => panic!("{other:?}"),
    }
}

fn a_session_is_durable_when_it_is_given(place: Place) {
    let mut it = Setup::new(place);
    let session = it.create("Fix login", "c-1");
    assert_eq!(it.place.store().health().pending(), 0);
    assert_eq!(
        (&*session.id, &*session.agent_label),
        ("fix-login", "Fix login")
    );
    assert_eq!(
        (
            session.created_at,
            session.last_activity,
            session.workflow_state.updated_at
        ),
        (1_000, 1_000, 1_000)
    );
    assert_eq!(session.workflow_state.status, WorkflowStatus::Idle);
    assert_eq!(it.told(), [created("fix-login", "c-1")]);
    it.reopen();
    assert_eq!(it.sessions.get("fix-login").unwrap(), Some(session));
    assert_eq!(it.told(), []);
}

fn ids_come_from_labels_and_are_free(place: Place) {
    let it = Setup::new(place);
    let long = "a very long label that nobody would ever write on any day";
    let labels = ["x", "X!", "x-2", "x", "?!", long, long];
    let ids: Vec<String> = (0..)
        .zip(labels)
        .map(|(number, label): (u32, _)| it.create(label, &format!("c-{number}")).id.clone())
        .collect();
    assert_eq!(
        ids,
        [
            "x",
            "x-2",
            "x-2-2",
            "x-3",
            "session",
            "a-very-long-label-that-nobody-would-ever-write-on",
            "a-very-long-label-that-nobody-would-ever-write-o-2",
        ]
    );
}

fn a_taken_channel_is_refused_with_who_has_it(place: Place) {
    let mut it = Setup::new(place);
    it.create("a", "c-1");
    it.create("b", "c-2");
    it.told();
    let refused = it.sessions.create(new("other", "c-1")).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "channelId is taken: the session \"a\" has it"
    );
    let moved = it.sessions.update("b", |b| b.channel_id = "c-1".into());
    let Err(Error::Taken { holder, source, .. }) = moved else {
        panic!("it is taken");
    };
    assert_eq!(holder, "a");
    assert_eq!(source.kind(), ErrorKind::UniqueViolation);
    assert_eq!(it.told(), []);
    assert!(it.sessions.get("other").unwrap().is_none());
    assert_eq!(it.sessions.get("b").unwrap().unwrap().channel_id, "c-2");
    // Nothing waits for what was refused.
    let other = it.create("other", "c-3");
    assert_eq!(it.told(), [created(&other.id, "c-3")]);
}

fn what_is_missing_is_named(place: Place) {
    let mut it = Setup::new(place);
    let lacking = NewSession::new(Provider::Codex, "")
        .channel("c-1")
        .project("atlas");
    let refused = larder(it.sessions.create(lacking).unwrap_err());
    assert_eq!(refused.kind(), ErrorKind::Invalid);
    let mut paths: Vec<&str> = refused
        .violations()
        .iter()
        .map(larder::Violation::path)
        .collect();
    paths.sort_unstable();
    assert_eq!(paths, ["/agentLabel", "/categoryId", "/directory"]);
    assert_eq!(it.told(), []);
}

fn changes_have_names(place: Place) {
    let mut it = Setup::new(place);
    it.create("a", "c-1");
    it.told();
    it.clock.set(2_000);
    let sessions = &it.sessions;
    let turn = sessions.begin_turn("a").unwrap().wait().unwrap();
    assert_eq!(
        (turn.current_turn, turn.message_count, turn.is_generating),
        (1, 1, true)
    );
    assert_eq!((turn.last_activity, turn.created_at), (2_000, 1_000));
    let resolved = sessions.set_human_resolved("a", true).unwrap();
    assert!(resolved.wait().unwrap().human_resolved);
    it.clock.set(3_000);
    let end = sessions
        .end_turn("a", 0.25)
        .unwrap()
        .into_visible()
        .unwrap();
    assert_eq!((end.total_cost.0, end.last_activity), (0.25, 3_000));
    assert!(!end.is_generating && end.human_resolved);
    let next = sessions.begin_turn("a").unwrap().into_visible().unwrap();
    assert!(!next.human_resolved);
    let planned = sessions.set_mode("a", Mode::Plan).unwrap().into_visible();
    assert_eq!(planned.unwrap().mode, Mode::Plan);
    let statuses = [
        WorkflowStatus::WorkerRunning,
        WorkflowStatus::Retrying,
        WorkflowStatus::MonitorReview,
        WorkflowStatus::Completed,
        WorkflowStatus::Blocked,
        WorkflowStatus::Error,
        WorkflowStatus::Idle,
    ];
    it.clock.set(4_000);
    for (iteration, status) in (1..).zip(statuses) {
        let step = Step::to(status).iteration(iteration);
        let session = sessions.advance("a", step).unwrap().into_visible().unwrap();
        let state = &session.workflow_state;
        assert_eq!(
            (state.status, state.iteration, state.updated_at),
            (status, iteration, 4_000)
        );
    }
    assert_eq!(
        it.told(),
        [Event::SessionModeChanged {
            session_id: "a".into(),
            before: Mode::Normal,
            now: Mode::Plan,
        }]
    );
}

fn a_change_that_is_none_writes_and_tells_nothing(place: Place) {
    let mut it = Setup::new(place);
    let session = it.create("a", "c-1");
    it.told();
    let applied = it.place.store().health().applied;
    let same = it.sessions.set_mode("a", session.mode).unwrap();
    assert_eq!(same.wait().unwrap(), session);
    it.sessions.set_human_resolved("a", false).unwrap().detach();
    assert_eq!(it.place.store().health().applied, applied);
    assert_eq!(it.told(), []);
}

fn there_has_to_be_one(place: Place) {
    let it = Setup::new(place);
    let sessions = &it.sessions;
    let refused = [
        sessions.set_mode("a", Mode::Auto).err(),
        sessions.end("a").err(),
        sessions.archive("a").err(),
    ];
    for refused in refused {
        assert_eq!(refused.unwrap().to_string(), "there is no session \"a\"");
    }
}

fn a_reason_is_one_while_it_waits(place: Place) {
    let mut it = Setup::new(place);
    it.create("a", "c-1");
    it.told();
    let ask = |reason: &str| {
        let step = Step::await_human(reason).worker_summary("done");
        it.sessions.advance("a", step).unwrap().wait().unwrap()
    };
    let asked = ask("push?");
    assert_eq!(asked.workflow_state.status, WorkflowStatus::AwaitingHuman);
    assert_eq!(
        asked.workflow_state.awaiting_human_reason.as_deref(),
        Some("push?")
    );
    ask("push?"); // nothing new
    ask("release?");
    let step = Step::to(WorkflowStatus::WorkerRunning);
    let goes_on = it.sessions.advance("a", step).unwrap().wait().unwrap();
    assert_eq!(goes_on.workflow_state.awaiting_human_reason, None);
    let said = &goes_on.workflow_state.last_worker_summary;
    assert_eq!(said.as_deref(), Some("done"));
    ask("release?");
    let reasons: Vec<Option<String>> = it
        .told()
        .into_iter()
        .map(|event| match event {
            Event::SessionAwaitingHuman { reason, .. } => reason,
            other => panic!("{other:?}"),
        })
        .collect();
    let expected = ["push?", "release?", "release?"].map(|it| Some(it.to_owned()));
    assert_eq!(reasons, expected);
}

fn an_end_frees_channel_and_id(place: Place) {
    let mut it = Setup::new(place);
    let first = it.create("a", "c-1");
    assert_eq!(it.sessions.end("a").unwrap().wait().unwrap(), first);
    it.clock.set(5_000);
    let second = it.create("a", "c-1");
    assert_eq!((&*second.id, second.created_at), ("a", 5_000));
    let ended = Event::SessionEnded {
        session_id: "a".into(),
        channel_id: "c-1".into(),
        archived: false,
    };
    assert_eq!(it.told(), [created("a", "c-1"), ended, created("a", "c-1")]);
}

fn an_archived_session_keeps_its_id(place: Place) {
    let mut it = Setup::new(place);
    let session = it.create("a", "c-1");
    it.clock.set(9_000);
    let archived = it.sessions.archive("a").unwrap().wait().unwrap();
    assert_eq!(
        (
            archived.archived_at,
            &archived.session,
            &*archived.category_id
        ),
        (9_000, &*session, "cat")
    );
    it.reopen();
    assert!(it.sessions.get("a").unwrap().is_none());
    let kept = it.sessions.archived().get("a").unwrap();
    assert_eq!(kept, Some(archived));
    // The channel is free, the id is not.
    assert_eq!(it.create("a", "c-1").id, "a-2");
    assert!(it.sessions.archive("a").is_err());
}

fn several_are_made_together_or_not_at_all(place: Place) {
    let mut it = Setup::new(place);
    let (store, sessions) = (it.place.store(), &it.sessions);
    let refused = store.try_transaction(|tx| {
        let first = sessions.create_in(tx, new("a", "c-1"))?;
        let second = sessions.create_in(tx, new("a", "c-1"))?;
        Ok::<_, Error>((first, second))
    });
    assert!(matches!(refused.unwrap_err(), Error::Taken { holder, .. } if holder == "a"));
    assert_eq!(sessions.find(Query::all()).unwrap(), []);

    let (a, b, changed) = store
        .try_transaction(|tx| {
            let a = sessions.create_in(tx, new("a", "c-1"))?;
            let b = sessions.create_in(tx, new("a", "c-2").started_by(a.record()))?;
            let changed = sessions.update_in(tx, "a", |a| a.set_mode(Mode::Auto))?;
            Ok::<_, Error>((a, b, changed))
        })
        .unwrap()
        .wait()
        .unwrap();
    assert_eq!(it.events.try_next(), None);
    // Told in the order in which it happened, not in which it is committed.
    assert_eq!(changed.committed().mode, Mode::Auto);
    let b = b.committed();
    assert_eq!((b.kind, b.subagent_depth), (SessionKind::Subagent, 1));
    a.committed();
    let told = it.told();
    assert_eq!(told[1..2], [created("a", "c-1")]);
    assert_eq!(told[0].session_id(), "a-2");
    assert!(matches!(told[2], Event::SessionModeChanged { .. }));

    let moved = it.place.store().try_transaction(|tx| {
        let away = it.sessions.archive_in(tx, "a")?;
        let end = it.sessions.end_in(tx, "a-2")?;
        Ok::<_, Error>((away, end))
    });
    let (away, end) = moved.unwrap().wait().unwrap();
    away.committed();
    end.committed();
    let names: Vec<_> = it.told().iter().map(Event::name).collect();
    assert_eq!(names, ["sessionEnded", "sessionEnded"]);
    it.reopen();
    assert_eq!(it.sessions.find(Query::all()).unwrap(), []);
    assert_eq!(it.sessions.archived().count(Query::all()).unwrap(), 1);
}

fn inside_of_a_transaction_the_other_verbs_are_refused(place: Place) {
    let it = Setup::new(place);
    it.create("a", "c-1");
    let verbs = it.place.store().transaction(|_| {
        let refused = [
            it.sessions.create(new("b", "c-2")).err(),
            it.sessions.set_mode("a", Mode::Auto).err(),
            it.sessions.end("a").err(),
        ];
        Ok(refused.map(|error| larder(error.unwrap()).kind()))
    });
    let kinds = verbs.unwrap().wait().unwrap();
    assert_eq!(kinds, [ErrorKind::NestedTransaction; 3]);
    assert_eq!(it.sessions.find(Query::all()).unwrap().len(), 1);
}

fn they_are_found(place: Place) {
    let it = Setup::new(place);
    let parent = it.create("parent", "c-1");
    for (time, label) in [(3_000, "b"), (2_000, "a")] {
        it.clock.set(time);
        let child = new(label, label)
            .started_by(&parent)
            .provider_session("p-1")
            .category("other");
        it.sessions.create(child).unwrap();
    }
    let sessions = &it.sessions;
    let ids = |found: Vec<Arc<Session>>| -> Vec<String> {
        found.iter().map(|it| it.id.clone()).collect()
    };
    assert_eq!(sessions.in_channel("c-1").unwrap(), Some(parent));
    assert_eq!(sessions.in_channel("c-9").unwrap(), None);
    assert_eq!(ids(sessions.in_category("other").unwrap()), ["b", "a"]);
    assert_eq!(ids(sessions.started_from("c-1").unwrap()), ["b", "a"]);
    let named = sessions.of_provider(Provider::Claude, "p-1").unwrap();
    assert_eq!(named.unwrap().id, "b");
    assert_eq!(sessions.of_provider(Provider::Codex, "p-1").unwrap(), None);
    let recent = Query::all()
        .order_by(Session::LAST_ACTIVITY.desc())
        .limit(2);
    let plan = sessions.repository().explain(recent.clone()).unwrap();
    assert!(format!("{plan:?}").contains("lastActivity"), "{plan:?}");
    assert_eq!(ids(sessions.find(recent).unwrap()), ["b", "a"]);
}

fn the_nearest_is_by_components(place: Place) {
    let it = Setup::new(place);
    for (label, directory) in [
        ("root", "/srv"),
        ("ab", "/srv/ab"),
        ("a", "/srv/a/"),
        ("deep", "/srv/a/x/../b"),
        ("deep", "/srv/a/b"),
        ("relative", "srv"),
    ] {
        let session = new(label, directory).directory(directory);
        it.sessions.create(session).unwrap();
    }
    let nearest = |path: &str| {
        let found = it.sessions.nearest(path).unwrap();
        found.map(|session| session.id.clone())
    };
    let id = |id: &str| Some(id.to_owned());
    assert_eq!(nearest("/srv/a"), id("a"));
    assert_eq!(nearest("/srv/a/c"), id("a"));
    assert_eq!(nearest("/srv/abc"), id("root"));
    assert_eq!(nearest("/srv/ab/c"), id("ab"));
    assert_eq!(nearest("/other"), None);
    assert_eq!(nearest("srv/x"), id("relative"));
    // Of one directory the first by id, or the one that was active last.
    assert_eq!(nearest("/srv/a/b/c"), id("deep"));
    it.clock.set(2_000);
    it.sessions.begin_turn("deep-2").unwrap().detach();
    assert_eq!(nearest("/srv/a/b/c/../c"), id("deep-2"));
}

fn run_time_fields_are_reset(place: Place) {
    let mut it = Setup::new(place);
    it.create("a", "c-1");
    it.sessions.begin_turn("a").unwrap().wait().unwrap();
    assert!(it.sessions.get("a").unwrap().unwrap().is_generating);
    it.reopen();
    let session = it.sessions.get("a").unwrap().unwrap();
    assert_eq!(session.current_turn, 1);
    assert_eq!(session.is_generating, !it.place.keeps());
}

fn whoever_is_told_finds_it(place: Place) {
    let it = Setup::new(place);
    let (send, heard) = std::sync::mpsc::channel();
    let sessions = it.sessions.clone();
    let listener = it.sessions.bus().listen(1024, move |told| {
        let Told::Event(event) = told else {
            panic!("missed")
        };
        let there = sessions.get(event.session_id()).unwrap().is_some();
        send.send((event.name(), there)).unwrap();
    });
    for number in 0..20 {
        let session = it.create("x", &format!("c-{number}"));
        assert_eq!(heard.recv().unwrap(), ("sessionCreated", true));
        it.sessions.end(&session.id).unwrap().detach();
        assert_eq!(heard.recv().unwrap(), ("sessionEnded", false));
    }
    drop(listener.unwrap());
}

fn threads_are_told_in_the_order_of_their_writes(place: Place) {
    const CHANGES: usize = 150;
    let mut it = Setup::new(place);
    it.create("a", "c-1");
    it.told();
    let modes = [Mode::Auto, Mode::Plan, Mode::Normal, Mode::Monitor];
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let sessions = &it.sessions;
            scope.spawn(move || {
                for number in 0..CHANGES {
                    let mode = modes[(thread + number * 3) % 4];
                    sessions.set_mode("a", mode).unwrap().detach();
                }
            });
        }
    });
    let told = it.told();
    assert!(told.len() >= CHANGES);
    let mut mode = Mode::Normal;
    for event in told {
        let Event::SessionModeChanged { before, now, .. } = event else {
            panic!("{event:?}");
        };
        assert_eq!(before, mode);
        mode = now;
    }
    assert_eq!(it.sessions.get("a").unwrap().unwrap().mode, mode);
}
