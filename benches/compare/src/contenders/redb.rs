//! redb: a store of keys and values, so the indexes are tables that the program keeps in step.
//!
//! Its defaults: `Durability::Immediate`, so a commit is synced when it returns. The values are the
//! JSON of the records. Of an index only what differs is written. It validates nothing.

use redb::{
    Database, MultimapTableDefinition, ReadableDatabase as _, TableDefinition, WriteTransaction,
};

use super::{Contender, Place};
use crate::outcome::Outcome;
use crate::records::{RANGE_LIMIT, Session};

const SESSIONS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("sessions");
const CHANNELS: TableDefinition<'_, &str, &str> = TableDefinition::new("by channel");
const CATEGORIES: MultimapTableDefinition<'_, &str, &str> =
    MultimapTableDefinition::new("by category");
const ACTIVITIES: TableDefinition<'_, (u64, &str), ()> = TableDefinition::new("by activity");

pub(crate) struct Redb(Database);

impl Redb {
    fn commit(&self, sessions: &[Session]) -> Outcome {
        let transaction = self.0.begin_write()?;
        for session in sessions {
            put(&transaction, session)?;
        }
        Ok(transaction.commit()?)
    }
}

fn put(transaction: &WriteTransaction, session: &Session) -> Outcome {
    let id = session.id.as_str();
    let text = serde_json::to_vec(session)?;
    let mut table = transaction.open_table(SESSIONS)?;
    let old: Option<Session> = table
        .insert(id, text.as_slice())?
        .map(|old| serde_json::from_slice(old.value()))
        .transpose()?;
    let old = old.as_ref();
    if old.is_none_or(|old| old.channel_id != session.channel_id) {
        let mut channels = transaction.open_table(CHANNELS)?;
        if let Some(old) = old {
            channels.remove(old.channel_id.as_str())?;
        }
        channels.insert(session.channel_id.as_str(), id)?;
    }
    if old.is_none_or(|old| old.category_id != session.category_id) {
        let mut categories = transaction.open_multimap_table(CATEGORIES)?;
        if let Some(old) = old {
            categories.remove(old.category_id.as_str(), id)?;
        }
        categories.insert(session.category_id.as_str(), id)?;
    }
    if old.is_none_or(|old| old.last_activity != session.last_activity) {
        let mut activities = transaction.open_table(ACTIVITIES)?;
        if let Some(old) = old {
            activities.remove((old.last_activity, id))?;
        }
        activities.insert((session.last_activity, id), ())?;
    }
    Ok(())
}

impl Contender for Redb {
    type Held = Session;

    fn open(place: &Place) -> Outcome<Self> {
        let database = Database::create(place.file("data.redb"))?;
        let transaction = database.begin_read()?;
        if transaction.open_table(SESSIONS).is_err() {
            // The first transaction makes the tables.
            let founding = database.begin_write()?;
            founding.open_table(SESSIONS)?;
            founding.open_table(CHANNELS)?;
            founding.open_multimap_table(CATEGORIES)?;
            founding.open_table(ACTIVITIES)?;
            founding.commit()?;
        }
        drop(transaction);
        Ok(Self(database))
    }

    fn get(&self, id: &str) -> Outcome<Option<Session>> {
        let table = self.0.begin_read()?.open_table(SESSIONS)?;
        let found = table.get(id)?;
        Ok(found
            .map(|text| serde_json::from_slice(text.value()))
            .transpose()?)
    }

    fn unique(&self, channel: &str) -> Outcome<Option<Session>> {
        let transaction = self.0.begin_read()?;
        let channels = transaction.open_table(CHANNELS)?;
        let Some(id) = channels.get(channel)? else {
            return Ok(None);
        };
        let found = transaction.open_table(SESSIONS)?.get(id.value())?;
        Ok(found
            .map(|text| serde_json::from_slice(text.value()))
            .transpose()?)
    }

    fn index(&self, category: &str) -> Outcome<Vec<Session>> {
        let transaction = self.0.begin_read()?;
        let table = transaction.open_table(SESSIONS)?;
        let categories = transaction.open_multimap_table(CATEGORIES)?;
        let mut found = Vec::new();
        for id in categories.get(category)? {
            if let Some(text) = table.get(id?.value())? {
                found.push(serde_json::from_slice(text.value())?);
            }
        }
        Ok(found)
    }

    fn range(&self, from: u64) -> Outcome<Vec<Session>> {
        let transaction = self.0.begin_read()?;
        let table = transaction.open_table(SESSIONS)?;
        let activities = transaction.open_table(ACTIVITIES)?;
        let mut found = Vec::new();
        for entry in activities.range((from, "")..)?.take(RANGE_LIMIT) {
            if let Some(text) = table.get(entry?.0.value().1)? {
                found.push(serde_json::from_slice(text.value())?);
            }
        }
        Ok(found)
    }

    fn save_awaited(&self, session: Session) -> Outcome {
        self.commit(&[session])
    }

    fn batch(&self, sessions: Vec<Session>) -> Outcome {
        self.commit(&sessions)
    }

    fn pair(&self, first: Session, second: Session) -> Outcome {
        self.commit(&[first, second])
    }
}
