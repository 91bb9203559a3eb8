//! What can go wrong in this backend, before it becomes the error that users see.
//!
//! Owns [`JsonError`] and its one way into [`larder_core::Error`]. What a failed call on the disk
//! leaves behind is told where the call is made.

use std::path::PathBuf;

use larder_core::{Error, ErrorKind};

use crate::disk::DiskError;
use crate::lock::LockError;
use crate::publish::Unpublished;

/// Why this backend refuses or fails.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JsonError {
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error(
        "the file was written in format {found}, this program knows format 1; it was not touched"
    )]
    NewerFormat { path: PathBuf, found: u64 },
    #[error(
        "the records are of version {found}, this program knows version {known}; they were not \
         touched"
    )]
    NewerVersion {
        path: PathBuf,
        found: u64,
        known: u32,
    },
    #[error(
        "the file is neither a store file nor a list of records; it was not touched. Move it away, \
         or give the collection another name"
    )]
    Unrecognised { path: PathBuf },
    #[error(
        "someone else changed the file since this store read or wrote it, and the store is \
         configured to refuse to replace it"
    )]
    ChangedBehindUs { path: PathBuf },
    #[error("the definition of the collection cannot be read")]
    Definition {
        path: PathBuf,
        source: serde_json::Error,
    },
    #[error("the definition is of a newer form, or of the collection {found:?}")]
    OtherDefinition { path: PathBuf, found: String },
    #[error(
        "this is not a commit record of Larder's, or it is damaged ({reason}); nothing was touched. If \
         it is somebody else's file, move it away. Else keep a copy of the directory before you remove \
         it: some collections may then be older than others"
    )]
    OddCommit { path: PathBuf, reason: String },
    #[error(
        "the commit record says that this file is the new content of {}, and it is not as it was \
         written: it has been damaged or changed; nothing was touched. Put the right file back; or \
         keep a copy of the directory and remove larder.commit: some collections may then be older \
         than others",
        target.display()
    )]
    OddTemp { path: PathBuf, target: PathBuf },
    #[error("the collection {other:?} is there, whose name differs only in case")]
    OtherCase { path: PathBuf, other: String },
}

impl From<Unpublished> for JsonError {
    fn from(failed: Unpublished) -> Self {
        Self::Disk(failed.error)
    }
}

impl From<JsonError> for Error {
    fn from(error: JsonError) -> Self {
        let message = error.to_string();
        match error {
            JsonError::Disk(disk) | JsonError::Lock(LockError::Disk(disk)) => of_disk(disk),
            JsonError::Lock(lock) => {
                let transient = matches!(
                    lock,
                    LockError::Held { .. } | LockError::HeldByReaders { .. }
                );
                // The lock's own words name the holder, and its cause, if there is one, follows.
                let mut error = Self::new(ErrorKind::Locked, message).transient(transient);
                if let LockError::Unsupported { source, .. } = lock {
                    error = error.with_source(source);
                }
                error
            }
            JsonError::NewerFormat { path, .. } | JsonError::NewerVersion { path, .. } => {
                Self::new(ErrorKind::NewerVersion, message).with_path(path)
            }
            JsonError::Unrecognised { path }
            | JsonError::OddCommit { path, .. }
            | JsonError::OddTemp { path, .. } => {
                Self::new(ErrorKind::Unrecognized, message).with_path(path)
            }
            JsonError::ChangedBehindUs { path } => {
                Self::new(ErrorKind::ExternalChange, message).with_path(path)
            }
            JsonError::Definition { path, source } => Self::new(ErrorKind::Config, message)
                .with_path(path)
                .with_source(source),
            JsonError::OtherDefinition { path, .. } | JsonError::OtherCase { path, .. } => {
                Self::new(ErrorKind::Config, message).with_path(path)
            }
        }
    }
}

fn of_disk(error: DiskError) -> Error {
    let path = error.path.clone();
    if error.is_too_large() {
        return Error::new(
            ErrorKind::TooLarge,
            "the file is larger than the limit; it was not read. Raise max_file_bytes, or keep \
             these records in a database",
        )
        .with_path(path)
        .with_source(error);
    }
    // Whatever the disk refuses today it may grant tomorrow: space is freed, a mount comes back,
    // permissions are set right.
    Error::new(ErrorKind::Io, format!("could not {}", error.op))
        .with_path(path)
        .with_source(error.source)
        .transient(true)
}
