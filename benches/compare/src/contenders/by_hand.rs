//! What a program does that keeps its records by itself: maps in memory, and one JSON file.
//!
//! [`Maps`] is the maps alone, as fast as they can be read: without a lock. [`ByHand`] is the whole: a
//! mutex around them, and a careful save. It validates nothing.

#![expect(
    clippy::disallowed_methods,
    reason = "this is how it is done without Larder"
)]

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serializer as _;

use super::{Contender, Place, sync_dir};
use crate::outcome::Outcome;
use crate::records::{RANGE_LIMIT, Session, session};

/// A map per key.
#[derive(Default)]
pub(crate) struct Maps {
    ids: HashMap<String, Arc<Session>>,
    channels: HashMap<String, Arc<Session>>,
    categories: HashMap<String, Vec<Arc<Session>>>,
    activities: BTreeMap<(u64, String), Arc<Session>>,
}

impl Maps {
    pub(crate) fn of(sessions: Vec<Session>) -> Self {
        let mut maps = Self {
            ids: HashMap::with_capacity(sessions.len()),
            channels: HashMap::with_capacity(sessions.len()),
            ..Self::default()
        };
        for session in sessions {
            maps.add(Arc::new(session));
        }
        maps
    }

    fn add(&mut self, session: Arc<Session>) {
        self.channels
            .insert(session.channel_id.clone(), Arc::clone(&session));
        self.categories
            .entry(session.category_id.clone())
            .or_default()
            .push(Arc::clone(&session));
        self.activities.insert(
            (session.last_activity, session.id.clone()),
            Arc::clone(&session),
        );
        self.ids.insert(session.id.clone(), session);
    }

    fn put(&mut self, session: Session) {
        if let Some(old) = self.ids.remove(&session.id) {
            self.channels.remove(&old.channel_id);
            if let Some(others) = self.categories.get_mut(&old.category_id) {
                others.retain(|other| other.id != old.id);
            }
            self.activities
                .remove(&(old.last_activity, session.id.clone()));
        }
        self.add(Arc::new(session));
    }

    fn range(&self, from: u64) -> Vec<Arc<Session>> {
        self.activities
            .range((from, String::new())..)
            .take(RANGE_LIMIT)
            .map(|(_, session)| Arc::clone(session))
            .collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }
}

impl Contender for Maps {
    type Held = Arc<Session>;

    fn open(place: &Place) -> Outcome<Self> {
        Ok(Self::of((0..place.records).map(session).collect()))
    }

    fn fill(&self, _records: u64) -> Outcome {
        Ok(())
    }

    fn get(&self, id: &str) -> Outcome<Option<Arc<Session>>> {
        Ok(self.ids.get(id).cloned())
    }

    fn unique(&self, channel: &str) -> Outcome<Option<Arc<Session>>> {
        Ok(self.channels.get(channel).cloned())
    }

    fn index(&self, category: &str) -> Outcome<Vec<Arc<Session>>> {
        Ok(self.categories.get(category).cloned().unwrap_or_default())
    }

    fn range(&self, from: u64) -> Outcome<Vec<Arc<Session>>> {
        Ok(self.range(from))
    }
}

/// Maps behind a mutex, and the file that they are written to.
pub(crate) struct ByHand {
    maps: Mutex<Maps>,
    path: PathBuf,
}

impl ByHand {
    fn lock(&self) -> MutexGuard<'_, Maps> {
        self.maps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, maps: &Maps) -> Outcome {
        let temp = self.path.with_extension("tmp");
        let mut writer = BufWriter::with_capacity(1 << 20, File::create(&temp)?);
        let mut json = serde_json::Serializer::new(&mut writer);
        json.collect_seq(maps.ids.values().map(|session| &**session))?;
        writer.flush()?;
        writer.get_ref().sync_all()?;
        drop(writer);
        std::fs::rename(&temp, &self.path)?;
        sync_dir(self.path.parent().unwrap_or(Path::new(".")))
    }
}

impl Contender for ByHand {
    type Held = Arc<Session>;

    fn open(place: &Place) -> Outcome<Self> {
        let path = place.file("sessions.json");
        let sessions: Vec<Session> = if path.exists() {
            // Faster than a reader that gives it piece by piece.
            serde_json::from_slice(&std::fs::read(&path)?)?
        } else {
            Vec::new()
        };
        Ok(Self {
            maps: Mutex::new(Maps::of(sessions)),
            path,
        })
    }

    fn fill(&self, records: u64) -> Outcome {
        self.batch((0..records).map(session).collect())
    }

    fn get(&self, id: &str) -> Outcome<Option<Arc<Session>>> {
        Ok(self.lock().ids.get(id).cloned())
    }

    fn save(&self, session: Session) -> Outcome {
        self.lock().put(session);
        Ok(())
    }

    fn save_awaited(&self, session: Session) -> Outcome {
        let mut maps = self.lock();
        maps.put(session);
        self.write(&maps)
    }

    fn batch(&self, sessions: Vec<Session>) -> Outcome {
        let mut maps = self.lock();
        for session in sessions {
            maps.put(session);
        }
        self.write(&maps)
    }

    fn pair(&self, first: Session, second: Session) -> Outcome {
        self.batch(vec![first, second])
    }

    fn flush(&self) -> Outcome {
        self.write(&self.lock())
    }
}
