//! What can go wrong with these stores.
//!
//! Owns [`Error`]: a rule of a store that refuses, or what Larder says.

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
    /// What Larder says: [`larder::Error::kind`] tells what kind of thing went wrong.
    #[error(transparent)]
    Larder(#[from] larder::Error),
}
