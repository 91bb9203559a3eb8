//! What is counted: four calls on a store of two hundred sessions, through the public interface.
//!
//! Owns the store they run on. Everything is done once before, so that what happens only once (a statement
//! is prepared, a table grows) is not in the counts; and nothing is flushed meanwhile.

use larder::AnyRepository;
use larder::prelude::*;

use crate::records::{Session, session};

/// What is in the store.
const RECORDS: u64 = 200;
/// How often each path is gone.
pub(crate) const CALLS: u64 = 100;

pub(crate) const BACKENDS: [&str; 3] = ["memory", "json", "sqlite"];
/// The functions in [`measured`].
pub(crate) const PATHS: [&str; 4] = ["get", "unique", "index_of_20", "save"];

/// Each a function that is called once, and whose name is in the program.
mod measured {
    use std::hint::black_box;

    use larder::prelude::*;
    use larder::{AnyRepository, Result};

    use crate::records::Session;

    #[inline(never)]
    pub(super) fn get(sessions: &AnyRepository<Session>, asked: &[Session]) -> Result<()> {
        for session in asked {
            black_box(sessions.get(&session.id)?);
        }
        Ok(())
    }

    #[inline(never)]
    pub(super) fn unique(sessions: &AnyRepository<Session>, asked: &[Session]) -> Result<()> {
        for session in asked {
            black_box(sessions.find_one(Session::CHANNEL_ID.is(&session.channel_id))?);
        }
        Ok(())
    }

    #[inline(never)]
    pub(super) fn index_of_20(sessions: &AnyRepository<Session>, asked: &[Session]) -> Result<()> {
        for session in asked {
            black_box(sessions.find(Session::CATEGORY_ID.is(&session.category_id))?);
        }
        Ok(())
    }

    #[inline(never)]
    pub(super) fn save(sessions: &AnyRepository<Session>, saved: Vec<Session>) -> Result<()> {
        for session in saved {
            sessions.save(session)?.detach();
        }
        Ok(())
    }
}

/// Goes each path on a backend, [`CALLS`] times.
pub(crate) fn run(backend: &str) -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let url = match backend {
        "memory" => "memory:".to_owned(),
        "json" => format!("json:{}?debounce=1h", dir.path().display()),
        "sqlite" => format!("sqlite:{}", dir.path().join("data.db").display()),
        other => return Err(format!("there is no backend {other:?}").into()),
    };
    let store = Store::open(url)?;
    let sessions = store.repository::<Session>()?;
    sessions.save_all((0..RECORDS).map(session))?.wait()?;
    let asked: Vec<Session> = (0..CALLS).map(|it| session(it * 3 % RECORDS)).collect();
    // As a session is saved all day long: a count and a time have changed.
    let changed = |by: u64| {
        let saved = asked.iter().cloned().map(|session| Session {
            message_count: session.message_count + by,
            last_activity: session.last_activity + by,
            ..session
        });
        saved.collect::<Vec<_>>()
    };
    once(&sessions, &asked, changed(1))?;
    let saved = changed(2);
    measured::get(&sessions, &asked)?;
    measured::unique(&sessions, &asked)?;
    measured::index_of_20(&sessions, &asked)?;
    measured::save(&sessions, saved)?;
    store.close().wait()?;
    Ok(())
}

/// The same, not counted.
fn once(
    sessions: &AnyRepository<Session>,
    asked: &[Session],
    saved: Vec<Session>,
) -> larder::Result<()> {
    for session in asked {
        sessions.get(&session.id)?;
        sessions.find_one(Session::CHANNEL_ID.is(&session.channel_id))?;
        sessions.find(Session::CATEGORY_ID.is(&session.category_id))?;
    }
    for session in saved {
        sessions.save(session)?.detach();
    }
    Ok(())
}
