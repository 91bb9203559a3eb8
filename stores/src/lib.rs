//! The stores of an agent orchestrator, on [`larder`]: sessions, human-approval gates, monitor runs and
//! projects.
//!
//! No backend is named here: each store is made over a [`larder::Store`], whatever that is over. The
//! records are those of the program whose files the samples are, field for field, so that it can read
//! them back; fields that are not known here stay.
//!
//! | store | record | what survives what |
//! |---|---|---|
//! | `Projects` | `Project` | the shortest complete store: copy it |

pub mod bus;
mod clock;
mod error;
pub mod event;
mod ids;
mod number;
pub mod session;

pub use bus::{Bus, Told};
pub use clock::{Clock, SetClock, SystemClock};
pub use error::{Error, Result};
pub use event::Event;
pub use ids::{Ids, RandomIds, SerialIds};
pub use number::Cost;
