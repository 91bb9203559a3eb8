//! How the stores are opened.
//!
//! Owns [`Stores`] and what they have in common: one store of Larder's below, one bus above.

use std::sync::Arc;

use larder::Store;
use larder_stores::gate::{GateOptions, Gates, GatesOnStart};
use larder_stores::monitor_run::{MonitorRuns, RunOptions, RunsOnStart};
use larder_stores::session::{Session, Sessions};
use larder_stores::{Bus, Options, Result};

use crate::args::Args;

/// What the runs of this program say of who drives them. It has the same name when it starts again, and so
/// knows what it left behind for its own.
const OWNER: &str = "orchestrator";

/// The category of this program's sessions. Those of others are left alone.
pub(crate) const CATEGORY: &str = "orchestrator";

#[derive(Debug)]
pub(crate) struct Stores {
    /// For transactions over several of the stores.
    pub(crate) store: Store,
    pub(crate) sessions: Sessions,
    pub(crate) gates: Gates,
    pub(crate) runs: MonitorRuns,
}

impl Stores {
    /// Opens them; that is all there is to recovering. What is said of pending gates and running runs
    /// afterwards is on disk when this returns.
    pub(crate) fn open(store: &Store, bus: &Bus, args: &Args) -> Result<Self> {
        let options = Options::new().bus(bus.clone());
        let gates = GateOptions::from(options.clone())
            .on_start(GatesOnStart::ResumePending)
            .expiry(Some(args.expiry));
        let runs = RunOptions::new(OWNER)
            .on_start(RunsOnStart::ResumeWithGoal)
            .options(options.clone());
        Ok(Self {
            store: store.clone(),
            sessions: Sessions::open(store, options)?,
            gates: Gates::open(store, gates)?,
            runs: MonitorRuns::open(store, runs)?,
        })
    }

    /// This program's sessions that are not over, the one that was active last first.
    pub(crate) fn live(&self) -> Result<Vec<Arc<Session>>> {
        self.sessions.in_category(CATEGORY)
    }
}
