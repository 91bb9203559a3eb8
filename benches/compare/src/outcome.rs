//! What can go wrong while the comparison runs: anything, and then it ends with a sentence.
//!
//! Owns the one error type. Nothing here is matched on, so it is boxed.

use std::error::Error;

/// What a step gives, or why the comparison cannot go on.
pub(crate) type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// An error that is a sentence.
pub(crate) fn fail<T>(message: impl Into<String>) -> Outcome<T> {
    Err(message.into().into())
}
