//! Ours, on each of its backends, through the public interface and nothing else.
//!
//! A collection of JSON files is flushed when somebody asks for it and not when a second is over, so
//! that a flush is in the figures that are about flushes. A database keeps its defaults.

use std::sync::Arc;

use larder::prelude::*;
use larder::{AnyRepository, Query};

use super::{Contender, Kind, Place};
use crate::outcome::{Outcome, fail};
use crate::records::{RANGE_LIMIT, Session};

pub(crate) struct Larder {
    sessions: AnyRepository<Session>,
    store: Store,
}

impl Contender for Larder {
    type Held = Arc<Session>;

    fn open(place: &Place) -> Outcome<Self> {
        let url = match place.kind {
            Kind::Memory => "memory:".to_owned(),
            Kind::Json => format!("json:{}?debounce=1h", place.dir.display()),
            _ => format!("sqlite:{}", place.file("data.db").display()),
        };
        let store = Store::open(url)?;
        let sessions = store.repository::<Session>()?;
        if !sessions.load_report().is_clean() {
            return fail("the records were not valid");
        }
        Ok(Self { sessions, store })
    }

    fn fill(&self, records: u64) -> Outcome {
        for from in (0..records).step_by(1_000) {
            let batch = (from..records.min(from + 1_000)).map(crate::records::session);
            self.sessions.save_all(batch)?.detach();
        }
        self.store.flush().wait()?;
        Ok(())
    }

    fn get(&self, id: &str) -> Outcome<Option<Arc<Session>>> {
        Ok(self.sessions.get(id)?)
    }

    fn unique(&self, channel: &str) -> Outcome<Option<Arc<Session>>> {
        Ok(self.sessions.find_one(Session::CHANNEL_ID.is(channel))?)
    }

    fn index(&self, category: &str) -> Outcome<Vec<Arc<Session>>> {
        Ok(self.sessions.find(Session::CATEGORY_ID.is(category))?)
    }

    fn range(&self, from: u64) -> Outcome<Vec<Arc<Session>>> {
        let query: Query<Session> = Session::LAST_ACTIVITY
            .range(from..)
            .order_by(Session::LAST_ACTIVITY.asc())
            .limit(RANGE_LIMIT);
        Ok(self.sessions.find(query)?)
    }

    fn save(&self, session: Session) -> Outcome {
        self.sessions.save(session)?.detach();
        Ok(())
    }

    fn save_awaited(&self, session: Session) -> Outcome {
        self.sessions.save(session)?.wait()?;
        Ok(())
    }

    fn batch(&self, sessions: Vec<Session>) -> Outcome {
        self.sessions.save_all(sessions)?.wait()?;
        Ok(())
    }

    fn pair(&self, first: Session, second: Session) -> Outcome {
        self.store
            .transaction(|tx| {
                tx.save(first)?;
                tx.save(second)
            })?
            .wait()?;
        Ok(())
    }

    fn flush(&self) -> Outcome {
        Ok(self.store.flush().wait()?)
    }

    fn settle(&self) -> Outcome {
        self.flush()
    }

    fn close(self) -> Outcome {
        Ok(self.store.close().wait()?)
    }
}
