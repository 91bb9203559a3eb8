//! Human-approval gates: a question that an agent asks, and what became of it.
//!
//! | to know | read |
//! |---|---|
//! | what is on disk | [`Gate`] |
//! | what can be done, and what survives what | [`Gates`] |
//! | how to wait for a decision | [`Receipt`] |
//! | what is kept of gates that were put away | [`ArchivedGate`] |
//! | what becomes of pending gates at a start | [`GatesOnStart`], [`GatesAtStart`] |

mod archive;
mod change;
mod decision;
mod options;
mod receipt;
mod record;
mod start;
mod store;

pub use archive::ArchivedGate;
pub use decision::{Decider, Decision, NewGate};
pub use options::{GateOptions, GatesOnStart};
pub use receipt::Receipt;
pub use record::{Gate, GateKind, GateStatus, ResolvedAction, ResolvedBy};
pub use start::GatesAtStart;
pub use store::Gates;
