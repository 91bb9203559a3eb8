//! The sessions of a store.
//!
//! Owns [`Sessions`]: creating, changing, ending and finding them. What one is, is `record.rs`; what can
//! happen to it, `change.rs`.

use std::path::Path;
use std::sync::Arc;

use larder::{
    AnyRepository, ErrorKind, Query, Repository as _, RepositoryExt as _, Store, Transaction, Write,
};

use super::change::{self, Step};
use super::directory;
use super::label;
use super::new::NewSession;
use super::record::{ArchivedSession, Session};
use super::vocabulary::{Mode, Provider};
use crate::bus::{Bus, Pending};
use crate::error::{Error, Result};
use crate::gate::Gate;
use crate::options::Options;

const SESSION: &str = "session";

/// The sessions of a store. Clones are handles on the same sessions.
///
/// ```
/// use larder::Store;
/// use larder_stores::session::{Mode, NewSession, Provider, Sessions, Step};
/// use larder_stores::Options;
///
/// # let dir = tempfile::tempdir().unwrap();
/// # let url = format!("json:{}", dir.path().display());
/// let store = Store::open(url)?; // "json:./data", "sqlite:./data.db", "memory:"
/// let sessions = Sessions::open(&store, Options::new())?;
/// let new = NewSession::new(Provider::Claude, "Fix the login")
///     .channel("c-1").category("cat-7").project("atlas").directory("/srv/atlas");
/// let session = sessions.create(new)?; // on disk
/// assert_eq!(session.id, "fix-the-login");
/// sessions.begin_turn(&session.id)?.detach(); // seen at once, on disk soon
/// sessions.advance(&session.id, Step::await_human("May I push?"))?.wait()?; // on disk
/// assert!(sessions.nearest("/srv/atlas/src")?.is_some_and(|it| it.is_generating));
/// sessions.archive(&session.id)?.wait()?; // gone from here, and kept there
/// # Ok::<(), larder_stores::Error>(())
/// ```
///
/// # What survives what
///
/// | | the process is killed | the machine loses power |
/// |---|---|---|
/// | a session that [`create`](Self::create) gave | kept | kept |
/// | a change, an end, an archiving that was awaited | kept | kept |
/// | the same, not awaited | kept on SQLite, on JSON after the debounce window | kept after the window |
/// | a session in the archive that is gone from here | both or neither | both or neither |
/// | [`is_generating`](Session::is_generating) | false | false |
///
/// # Errors
///
/// Every verb has those of Larder ([`Error::Larder`]): [`Invalid`](larder::ErrorKind::Invalid) with the
/// place for a record that its schema refuses, [`Closed`](larder::ErrorKind::Closed),
/// [`ReadOnly`](larder::ErrorKind::ReadOnly), [`Io`](larder::ErrorKind::Io), and inside of a transaction
/// on the same store [`NestedTransaction`](larder::ErrorKind::NestedTransaction): there the verbs that
/// end in `_in` are to be used. A verb that changes a session has [`Error::NotFound`] if there is none
/// with this id. Nothing was changed then, and nothing is told.
///
/// # Events
///
/// [`SessionCreated`](crate::Event::SessionCreated), [`SessionEnded`](crate::Event::SessionEnded),
/// [`SessionModeChanged`](crate::Event::SessionModeChanged) and
/// [`SessionAwaitingHuman`](crate::Event::SessionAwaitingHuman), on the bus of the options, whichever
/// verb makes the change. What is written through [`repository`](Self::repository) is not told.
#[derive(Clone, Debug)]
pub struct Sessions {
    store: Store,
    live: AnyRepository<Session>,
    archive: AnyRepository<ArchivedSession>,
    options: Options,
}

#[expect(
    clippy::missing_errors_doc,
    reason = "they are told above, once for all"
)]
impl Sessions {
    /// Opens the collections `sessions` and `sessions-archive`, which are made if they are not there.
    /// What was dropped or mended while they were loaded is in [`Store::load_report`].
    pub fn open(store: &Store, options: Options) -> Result<Self> {
        Ok(Self {
            live: store.repository()?,
            archive: store.repository()?,
            store: store.clone(),
            options,
        })
    }

    /// Where the events of sessions are published.
    #[must_use]
    pub fn bus(&self) -> &Bus {
        &self.options.bus
    }

    /// What time it is here, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.options.clock.now()
    }

    /// Creates a session, and gives it when it survives a loss of power; then it is told.
    ///
    /// Its id is the label in lower case with `-` for whatever is no letter and no digit, 50 characters
    /// at most; with `-2`, `-3` and so on if there is such a session, or was one that is in the archive.
    ///
    /// # Errors
    ///
    /// [`Error::Taken`] with the session that has the channel. With [`Error::NotDurable`] the session is
    /// there, seen and told, but not on disk yet; the store keeps trying.
    pub fn create(&self, new: NewSession) -> Result<Arc<Session>> {
        let write = self.store.try_transaction(|tx| self.create_in(tx, new))?;
        let mut created = None;
        let durable = write.map(|it| created = Some(it)).wait();
        // It is there, whether it is on disk or not.
        let session = created.map(Pending::committed).ok_or_else(|| {
            larder::Error::new(ErrorKind::Internal, "a transaction gave nothing back")
        })?;
        match durable {
            Ok(()) => Ok(session),
            Err(source) => Err(Error::NotDurable {
                what: SESSION,
                id: session.id.clone(),
                source,
            }),
        }
    }

    /// As [`create`](Self::create), inside a transaction of the caller: so that a session and its gate
    /// are there together, or neither is. See [`Pending`] for when it is told.
    ///
    /// ```
    /// # use larder::Store;
    /// # use larder_stores::session::{NewSession, Provider, Sessions};
    /// # use larder_stores::{Error, Options};
    /// # let store = Store::open("memory:")?;
    /// # let sessions = Sessions::open(&store, Options::new())?;
    /// # let new = || NewSession::new(Provider::Codex, "x")
    /// #     .category("cat-7").project("atlas").directory("/srv/atlas");
    /// let (parent, child) = store
    ///     .try_transaction(|tx| {
    ///         let parent = sessions.create_in(tx, new().channel("c-1"))?;
    ///         let child = new().channel("c-2").started_by(parent.record());
    ///         Ok::<_, Error>((parent, sessions.create_in(tx, child)?))
    ///     })?
    ///     .wait()?;
    /// let (parent, child) = (parent.committed(), child.committed()); // told now
    /// assert_eq!((&*parent.id, &*child.id), ("x", "x-2"));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn create_in(&self, tx: &Transaction<'_>, new: NewSession) -> Result<Pending<Session>> {
        let sessions = tx.of::<Session>()?;
        let archive = tx.of::<ArchivedSession>()?;
        let id = label::free_id(new.label(), |id| -> Result<bool> {
            Ok(sessions.get(id)?.is_none() && archive.get(id)?.is_none())
        })?;
        let session = sessions
            .insert(new.into_session(id, self.now()))
            .map_err(refused)?;
        // In the transaction: here the order of the writes is known.
        let place = self.bus().reserve(&session.id);
        let events = vec![change::created(&session)];
        Ok(Pending::new(session, place, events))
    }

    /// Changes a session. It need not be a new value: where nothing differs, nothing is written.
    ///
    /// # Errors
    ///
    /// [`Error::Taken`] if it would have another session's channel.
    pub fn update(
        &self,
        id: &str,
        change: impl FnOnce(&mut Session),
    ) -> Result<Write<Arc<Session>>> {
        let write = self
            .store
            .try_transaction(|tx| self.update_in(tx, id, change))?;
        Ok(write.map(Pending::committed))
    }

    /// As [`update`](Self::update), inside a transaction of the caller. The methods of [`Session`] are
    /// the changes that have names: `sessions.update_in(tx, id, |it| it.begin_turn(now))`.
    pub fn update_in(
        &self,
        tx: &Transaction<'_>,
        id: &str,
        change: impl FnOnce(&mut Session),
    ) -> Result<Pending<Session>> {
        let sessions = tx.of::<Session>()?;
        let before = sessions
            .get(id)?
            .ok_or_else(|| Error::not_found(SESSION, id))?;
        let mut session = Session::clone(&before);
        change(&mut session);
        if session == *before {
            return Ok(Pending::silent(before));
        }
        let session = sessions.replace(&before, session).map_err(refused)?;
        let events = change::changed(&before, &session);
        if events.is_empty() {
            return Ok(Pending::silent(session));
        }
        Ok(Pending::new(session, self.bus().reserve(id), events))
    }

    /// It works in another mode.
    pub fn set_mode(&self, id: &str, mode: Mode) -> Result<Write<Arc<Session>>> {
        self.update(id, |session| session.set_mode(mode))
    }

    /// It is given a message and begins a turn: one more, in which no human has answered yet. The agent
    /// writes from now on.
    pub fn begin_turn(&self, id: &str) -> Result<Write<Arc<Session>>> {
        let now = self.now();
        self.update(id, |session| session.begin_turn(now))
    }

    /// The agent has written, which has cost so many US dollars.
    pub fn end_turn(&self, id: &str, cost: f64) -> Result<Write<Arc<Session>>> {
        let now = self.now();
        self.update(id, |session| session.end_turn(now, cost))
    }

    /// Whether a human has answered in this turn.
    pub fn set_human_resolved(&self, id: &str, resolved: bool) -> Result<Write<Arc<Session>>> {
        self.update(id, |session| session.set_human_resolved(resolved))
    }

    /// It waits for this gate. The gate is mostly made in the same transaction: see
    /// [`Session::await_gate`].
    pub fn await_gate(&self, id: &str, gate: &Gate) -> Result<Write<Arc<Session>>> {
        let now = self.now();
        self.update(id, |session| session.await_gate(now, gate))
    }

    /// It knows what became of the gate that it waited for: see [`Session::take_answer`].
    pub fn take_answer(&self, id: &str, gate: &Gate) -> Result<Write<Arc<Session>>> {
        self.update(id, |session| session.take_answer(gate))
    }

    /// It goes a step in its work.
    pub fn advance(&self, id: &str, step: Step) -> Result<Write<Arc<Session>>> {
        let now = self.now();
        self.update(id, |session| session.advance(now, step))
    }

    /// The session is over: it is removed, and its channel is free. A new one may have its id.
    pub fn end(&self, id: &str) -> Result<Write<Arc<Session>>> {
        let write = self.store.try_transaction(|tx| self.end_in(tx, id))?;
        Ok(write.map(Pending::committed))
    }

    /// As [`end`](Self::end), inside a transaction of the caller.
    pub fn end_in(&self, tx: &Transaction<'_>, id: &str) -> Result<Pending<Session>> {
        let session = remove(tx, id)?;
        let place = self.bus().reserve(id);
        let events = vec![change::ended(&session, false)];
        Ok(Pending::new(session, place, events))
    }

    /// The session is over and put into the archive: there or here after a crash, never both or neither.
    /// Its channel is free, and its id is not given again, so that its gates and runs stay its own.
    pub fn archive(&self, id: &str) -> Result<Write<Arc<ArchivedSession>>> {
        let write = self.store.try_transaction(|tx| self.archive_in(tx, id))?;
        Ok(write.map(Pending::committed))
    }

    /// As [`archive`](Self::archive), inside a transaction of the caller.
    pub fn archive_in(&self, tx: &Transaction<'_>, id: &str) -> Result<Pending<ArchivedSession>> {
        let session = remove(tx, id)?;
        let archived = tx.insert(ArchivedSession {
            id: session.id.clone(),
            category_id: session.category_id.clone(),
            archived_at: self.now(),
            session: Session::clone(&session),
        })?;
        let place = self.bus().reserve(id);
        let events = vec![change::ended(&session, true)];
        Ok(Pending::new(archived, place, events))
    }

    /// The session with this id.
    pub fn get(&self, id: &str) -> Result<Option<Arc<Session>>> {
        Ok(self.live.get(id)?)
    }

    /// The session that has this channel.
    pub fn in_channel(&self, channel_id: &str) -> Result<Option<Arc<Session>>> {
        Ok(self.live.find_one(Session::CHANNEL_ID.is(channel_id))?)
    }

    /// The session that the provider calls so; of several the one that was active last.
    pub fn of_provider(
        &self,
        provider: Provider,
        provider_session_id: &str,
    ) -> Result<Option<Arc<Session>>> {
        let named = Session::BY_PROVIDER.is((provider, provider_session_id));
        Ok(self
            .live
            .find_first(named.order_by(Session::LAST_ACTIVITY.desc()))?)
    }

    /// The sessions in a category, the one that was active last first.
    pub fn in_category(&self, category_id: &str) -> Result<Vec<Arc<Session>>> {
        self.find(
            Session::CATEGORY_ID
                .is(category_id)
                .order_by(Session::LAST_ACTIVITY.desc()),
        )
    }

    /// The sessions that the one in this channel has started, the one that was active last first.
    pub fn started_from(&self, parent_channel_id: &str) -> Result<Vec<Arc<Session>>> {
        let started = Session::PARENT_CHANNEL_ID.is(parent_channel_id);
        self.find(started.order_by(Session::LAST_ACTIVITY.desc()))
    }

    /// The session that works nearest to a directory: in it, or else in the longest of those above it.
    /// Of several in the same directory it is the one that was active last.
    ///
    /// Paths are compared by their components as they are written, `.` and `..` resolved; nothing is
    /// looked up on the disk. Reads all sessions.
    pub fn nearest(&self, directory: impl AsRef<Path>) -> Result<Option<Arc<Session>>> {
        Ok(directory::nearest(
            self.find(Query::all())?,
            directory.as_ref(),
        ))
    }

    /// What a query finds.
    pub fn find(&self, query: impl Into<Query<Session>>) -> Result<Vec<Arc<Session>>> {
        Ok(self.live.find(query)?)
    }

    /// For everything else: to count, to page, to listen to each change. What is written through it
    /// obeys the schema and the unique channel, and is not told on the bus.
    #[must_use]
    pub fn repository(&self) -> &AnyRepository<Session> {
        &self.live
    }

    /// The sessions that were put away: to find them, and to let go of old ones.
    #[must_use]
    pub fn archived(&self) -> &AnyRepository<ArchivedSession> {
        &self.archive
    }
}

fn remove(tx: &Transaction<'_>, id: &str) -> Result<Arc<Session>> {
    tx.delete::<Session>(id)?
        .ok_or_else(|| Error::not_found(SESSION, id))
}

fn refused(error: larder::Error) -> Error {
    Error::of_write::<Session>(SESSION, error)
}
