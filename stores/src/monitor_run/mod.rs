//! Monitor runs: a loop that drives a session towards a goal, iteration by iteration.
//!
//! | to know | read |
//! |---|---|
//! | what is on disk | [`MonitorRun`] |
//! | what can be done, and what survives what | [`MonitorRuns`] |
//! | what becomes of running runs at a start | [`RunsOnStart`], [`Reconciled`] |

mod checkpoint;
mod options;
mod reconcile;
mod record;
mod retain;
mod store;

pub use checkpoint::Checkpoint;
pub use options::{RunOptions, RunsOnStart};
pub use reconcile::Reconciled;
pub use record::{Lease, MonitorRun, RunStatus};
pub use store::MonitorRuns;
