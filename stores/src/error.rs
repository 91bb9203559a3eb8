//! What can go wrong with these stores.
//!
//! Owns [`Error`]: a rule of a store that refuses, or what Larder says.

use larder::{ErrorKind, Record};

use crate::gate::{GateStatus, ResolvedBy};
use crate::monitor_run::RunStatus;

/// A [`std::result::Result`] whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a store refused or failed. Unless it says otherwise, nothing was changed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such record.
    #[error("there is no {what} {id:?}")]
    NotFound {
        /// What it would be.
        what: &'static str,
        /// Its id.
        id: String,
    },
    /// Another record has what only one may have, such as a session's channel.
    #[error("{field} is taken: the {what} {holder:?} has it")]
    Taken {
        /// What kind of record has it.
        what: &'static str,
        /// The field, as it is called in the file.
        field: String,
        /// The id of the record that has it.
        holder: String,
        /// What Larder says.
        source: larder::Error,
    },
    /// This gate was resolved before, and otherwise: who came first has won.
    #[error("the gate {id:?} is {status} already{}", by_whom(*by))]
    GateResolved {
        /// Its id.
        id: String,
        /// How it was resolved.
        status: GateStatus,
        /// Who or what resolved it, as far as that was noted.
        by: Option<ResolvedBy>,
        /// When, in milliseconds since the epoch, as far as that was noted.
        at: Option<u64>,
        /// Its version since then.
        version: u64,
    },
    /// This monitor run is over, and not as somebody wants it.
    #[error("the monitor run {id:?} is {status} already")]
    RunEnded {
        /// Its id.
        id: String,
        /// How it ended.
        status: RunStatus,
    },
    /// Somebody else drives this monitor run, and is alive as far as the clock tells.
    #[error("the monitor run {id:?} is held by {owner:?}, until {until} ms since the epoch")]
    RunHeld {
        /// Its id.
        id: String,
        /// Who drives it.
        owner: String,
        /// Until when nobody else may, in milliseconds since the epoch.
        until: u64,
    },
    /// A rule of the store is against it.
    #[error("the {what} {id:?} does not take that: {reason}")]
    Refused {
        /// What it is.
        what: &'static str,
        /// Its id.
        id: String,
        /// Which rule.
        reason: &'static str,
    },
    /// The change was made and everybody sees it, but it is not on disk yet. The store keeps trying.
    #[error("the {what} {id:?} is changed, but not durable yet")]
    NotDurable {
        /// What was changed.
        what: &'static str,
        /// Its id.
        id: String,
        /// Why not.
        source: larder::Error,
    },
    /// What Larder says: [`larder::Error::kind`] tells what kind of thing went wrong.
    #[error(transparent)]
    Larder(#[from] larder::Error),
}

impl Error {
    /// There is no such record.
    pub(crate) fn not_found(what: &'static str, id: &str) -> Self {
        Self::NotFound {
            what,
            id: id.to_owned(),
        }
    }

    /// What Larder says to a write of a `T`, in the words of a store: who has a unique key.
    pub(crate) fn of_write<T: Record>(what: &'static str, error: larder::Error) -> Self {
        match (error.kind(), error.index(), error.current::<T>()) {
            (ErrorKind::UniqueViolation, Some(field), Some(holder)) => Self::Taken {
                what,
                field: field.to_owned(),
                holder: holder.id().to_owned(),
                source: error,
            },
            _ => Self::Larder(error),
        }
    }

    /// A rule of the store is against it.
    pub(crate) fn refused(what: &'static str, id: &str, reason: &'static str) -> Self {
        Self::Refused {
            what,
            id: id.to_owned(),
            reason,
        }
    }
}

fn by_whom(by: Option<ResolvedBy>) -> String {
    by.map_or_else(String::new, |by| format!(", by {by}"))
}
