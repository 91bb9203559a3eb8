//! What a process that was killed has left.
//!
//! Owns [`Disk`]: it reads, and changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use larder::{Query, Record, RepositoryExt as _, Store, StoreConfig};
use larder_stores::gate::{ArchivedGate, Gate, GateStatus};
use larder_stores::monitor_run::MonitorRun;
use larder_stores::session::{ArchivedSession, Session};

use crate::facts::Fact;

type Records<T> = BTreeMap<String, Arc<T>>;

#[derive(Debug, Default)]
pub(crate) struct Disk {
    /// Those in the archive, too.
    pub(crate) gates: Records<Gate>,
    pub(crate) archived_gates: usize,
    pub(crate) runs: Records<MonitorRun>,
    pub(crate) sessions: Records<Session>,
    pub(crate) archive: Records<ArchivedSession>,
}

impl Disk {
    /// Nothing, if the process did not come so far.
    pub(crate) fn read(url: &str) -> Self {
        let path = url.split_once(':').unwrap().1;
        if !Path::new(path).exists() {
            return Self::default();
        }
        let store = match Store::open(StoreConfig::new(url).read_only(true)) {
            Ok(store) => store,
            // Killed while a database was made: it is for who may write to finish or undo that, and
            // nothing is in it yet.
            Err(error) if error.to_string().contains("open it once for writing") => {
                return Self::default();
            }
            Err(error) => panic!("{error:?}"),
        };
        let mut gates = all(&store);
        let archived = all::<ArchivedGate>(&store);
        for archived in archived.values() {
            let gate = Arc::new(archived.gate.clone());
            let other = gates.insert(archived.id.clone(), gate);
            assert!(other.is_none(), "{} is here and there", archived.id);
        }
        let disk = Self {
            gates,
            archived_gates: archived.len(),
            runs: all(&store),
            sessions: all(&store),
            archive: all(&store),
        };
        let report = store.load_report();
        assert!(report.is_clean(), "{:?}", report.issues());
        assert!(store.quarantine().unwrap().is_empty());
        disk
    }

    pub(crate) fn pending(&self) -> BTreeSet<String> {
        let pending = self.gates.values().filter(|it| !it.status.is_terminal());
        pending.map(|it| it.id.clone()).collect()
    }

    pub(crate) fn running(&self) -> BTreeSet<String> {
        let running = self.runs.values().filter(|it| !it.status.is_terminal());
        running.map(|it| it.id.clone()).collect()
    }

    pub(crate) fn live(&self) -> BTreeSet<String> {
        self.sessions.keys().cloned().collect()
    }

    /// How many runs, archived gates and archived sessions there are.
    pub(crate) fn sizes(&self) -> (usize, usize, usize) {
        (self.runs.len(), self.archived_gates, self.archive.len())
    }

    /// What is seen is as good as what was said.
    pub(crate) fn facts(&self) -> Vec<Fact> {
        let gate = |it: &Arc<Gate>| Fact::Gate(it.id.clone(), it.status.to_string(), it.version);
        let run =
            |it: &Arc<MonitorRun>| Fact::Run(it.id.clone(), it.status.to_string(), it.iteration);
        let live = self
            .sessions
            .keys()
            .map(|id| Fact::Session(id.clone(), false));
        let archived = self
            .archive
            .keys()
            .map(|id| Fact::Session(id.clone(), true));
        let facts = self.gates.values().map(gate);
        facts
            .chain(self.runs.values().map(run))
            .chain(live)
            .chain(archived)
            .collect()
    }

    /// Each record is one that may be, beside the others.
    pub(crate) fn is_consistent(&self, expiry: u64) {
        for id in self.sessions.keys() {
            assert!(!self.archive.contains_key(id), "{id} is here and there");
        }
        let mut asking = BTreeSet::new();
        for gate in self.gates.values() {
            let id = &gate.session_id;
            let is_pending = gate.status == GateStatus::Pending;
            assert_eq!(gate.version, if is_pending { 1 } else { 2 }, "{gate:?}");
            assert_eq!(gate.resolved_at.is_none(), is_pending, "{gate:?}");
            // A session and its first gate are made as one.
            let is_archived = self.archive.contains_key(id);
            assert!(is_archived || self.sessions.contains_key(id), "{gate:?}");
            if is_pending {
                let session = self.sessions.get(id).unwrap();
                assert_eq!(session.active_human_gate_id.as_ref(), Some(&gate.id));
            }
            if gate.status == GateStatus::Expired {
                let due = gate.created_at + expiry;
                assert!(
                    gate.resolved_at.unwrap() >= due,
                    "before its time: {gate:?}"
                );
            }
            asking.insert(id);
        }
        for id in self.sessions.keys().chain(self.archive.keys()) {
            assert!(asking.contains(id), "{id} has no gate");
        }
        let mut driven = BTreeSet::new();
        for run in self.runs.values() {
            // One that was given up would have been begun again from nothing.
            let expected = ["running", "completed", "blocked"];
            assert!(expected.contains(&&*run.status.to_string()), "{run:?}");
            if run.status.is_terminal() {
                assert!(self.archive.contains_key(&run.session_id), "{run:?}");
                assert_eq!(run.lease, None, "{run:?}");
            } else {
                assert!(self.sessions.contains_key(&run.session_id), "{run:?}");
                assert_eq!(run.lease.as_ref().unwrap().owner, "orchestrator");
                assert!(driven.insert(&run.session_id), "a second one: {run:?}");
            }
        }
    }

    /// Nothing waits for anybody.
    pub(crate) fn is_at_rest(&self) {
        assert_eq!(self.pending(), BTreeSet::new());
        assert_eq!(self.running(), BTreeSet::new());
        assert_eq!(self.live(), BTreeSet::new());
    }
}

fn all<T: Record>(store: &Store) -> Records<T> {
    let records = store.repository::<T>().unwrap().find(Query::all()).unwrap();
    records
        .into_iter()
        .map(|record| (record.id().to_owned(), record))
        .collect()
}
