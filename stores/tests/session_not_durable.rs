//! A session that cannot be made durable.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

use larder::{ErrorKind, Store, StoreConfig};
use larder_stores::session::{NewSession, Provider, Sessions};
use larder_stores::{Error, Options, Told};

/// Nothing can be written any more, so nobody may be told that it was.
#[test]
fn a_session_that_is_not_on_disk_is_there_and_said_not_to_be() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut config = StoreConfig::new(format!("json:{}", data.display()));
    config.flush_attempts = Some(1);
    config.drop_timeout = Some(std::time::Duration::ZERO);
    let store = Store::open(config).unwrap();
    let sessions = Sessions::open(&store, Options::new()).unwrap();
    let mut events = sessions.bus().subscribe(8);
    std::fs::remove_dir_all(&data).unwrap();
    let new = NewSession::new(Provider::Claude, "a")
        .channel("c-1")
        .category("cat")
        .project("atlas")
        .directory("/srv");
    let error = sessions.create(new).unwrap_err();
    let Error::NotDurable { id, source, .. } = error else {
        panic!("{error:?}");
    };
    assert_eq!((&*id, source.kind()), ("a", ErrorKind::NotDurable));
    assert!(sessions.get("a").unwrap().is_some());
    let Some(Told::Event(event)) = events.try_next() else {
        panic!("it is told");
    };
    assert_eq!((event.name(), event.session_id()), ("sessionCreated", "a"));
}
