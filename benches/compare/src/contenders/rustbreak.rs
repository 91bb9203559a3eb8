//! rustbreak: a `HashMap` in a file, as its documentation recommends: `PathDatabase`, whose saves are
//! atomic.
//!
//! It has RON, YAML and bincode; JSON is given to it as its documentation shows for an encoding of
//! one's own, so that the bytes on disk are the same. It does not sync the directory after its rename,
//! so that is done here. It has no indexes.

use std::collections::HashMap;
use std::io::Read;
use std::path::PathBuf;

use rustbreak::deser::DeSerializer;
use rustbreak::error::DeSerError;
use rustbreak::{DeSerResult, PathDatabase};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Contender, Place, sync_dir};
use crate::outcome::Outcome;
use crate::records::{Session, session};

/// JSON, for rustbreak.
#[derive(Clone, Debug, Default)]
pub(crate) struct Json;

impl<T: Serialize + DeserializeOwned> DeSerializer<T> for Json {
    fn serialize(&self, value: &T) -> DeSerResult<Vec<u8>> {
        serde_json::to_vec(value).map_err(|error| DeSerError::Other(error.into()))
    }

    fn deserialize<R: Read>(&self, mut from: R) -> DeSerResult<T> {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes)
            .map_err(|error| DeSerError::Other(error.into()))?;
        serde_json::from_slice(&bytes).map_err(|error| DeSerError::Other(error.into()))
    }
}

pub(crate) struct Rustbreak {
    database: PathDatabase<HashMap<String, Session>, Json>,
    dir: PathBuf,
}

impl Rustbreak {
    fn put(&self, sessions: impl IntoIterator<Item = Session>) -> Outcome {
        self.database.write(|map| {
            map.extend(
                sessions
                    .into_iter()
                    .map(|session| (session.id.clone(), session)),
            );
        })?;
        Ok(())
    }
}

impl Contender for Rustbreak {
    type Held = Session;

    fn open(place: &Place) -> Outcome<Self> {
        let path = place.file("sessions.json");
        Ok(Self {
            database: PathDatabase::load_from_path_or_default(path)?,
            dir: place.dir.clone(),
        })
    }

    fn fill(&self, records: u64) -> Outcome {
        self.batch((0..records).map(session).collect())
    }

    fn get(&self, id: &str) -> Outcome<Option<Session>> {
        Ok(self.database.read(|map| map.get(id).cloned())?)
    }

    fn save(&self, session: Session) -> Outcome {
        self.put([session])
    }

    fn save_awaited(&self, session: Session) -> Outcome {
        self.put([session])?;
        self.flush()
    }

    fn batch(&self, sessions: Vec<Session>) -> Outcome {
        self.put(sessions)?;
        self.flush()
    }

    fn pair(&self, first: Session, second: Session) -> Outcome {
        self.batch(vec![first, second])
    }

    fn flush(&self) -> Outcome {
        self.database.save()?;
        sync_dir(&self.dir)
    }
}
