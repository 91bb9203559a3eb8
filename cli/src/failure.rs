//! How a command ends: clean, with problems found, or not at all.
//!
//! Owns [`Verdict`] and [`Failure`], the exit status of each, and how a failure is told. It does
//! not decide what is a problem: each command does.

use std::error::Error as StdError;
use std::fmt;
use std::io::{self, Write as _};

use larder::{Error, ErrorKind};

/// A command that ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// All is well.
    Clean,
    /// It ran, and found something wrong, or did not find what was asked for.
    Problems,
}

impl Verdict {
    /// [`Problems`](Self::Problems) if there are some.
    pub(crate) fn of(problems: bool) -> Self {
        if problems {
            Self::Problems
        } else {
            Self::Clean
        }
    }

    /// The exit status.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Clean => 0,
            Self::Problems => 1,
        }
    }
}

/// A command that did not run to its end.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The library says why.
    Store(Error),
    /// Something could not be read.
    Read {
        /// What.
        what: String,
        /// Why.
        error: io::Error,
    },
    /// Something else could not be done with a file.
    File {
        /// What.
        what: String,
        /// Why.
        error: io::Error,
    },
    /// The answer could not be written.
    Write(io::Error),
    /// The request makes no sense.
    Request(String),
}

/// The end of a command.
pub(crate) type Outcome = Result<Verdict, Failure>;

impl Failure {
    /// The exit status: 1 where a record was looked at and refused, 2 where nothing could be done.
    pub(crate) fn code(&self) -> u8 {
        match self {
            // Whoever read the answer has had enough, as `head` does.
            Self::Write(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
            Self::Store(error) if is_about_a_record(error) => 1,
            _ => 2,
        }
    }

    /// Writes it to standard error, with its causes.
    pub(crate) fn tell(&self) {
        if self.code() == 0 {
            return;
        }
        // If standard error is gone, there is nobody to tell.
        let mut err = io::stderr().lock();
        let _ = writeln!(err, "larder: {self}");
        let mut cause = self.source();
        while let Some(error) = cause {
            let _ = writeln!(err, "  caused by: {error}");
            cause = error.source();
        }
        if matches!(self, Self::Store(error) if error.kind() == ErrorKind::NotDurable) {
            let _ = writeln!(
                err,
                "larder: this command ends now; what is not durable is lost"
            );
        }
    }
}

/// Whether the record is what is wrong, and not the request or the machine.
pub(crate) fn is_about_a_record(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Invalid
            | ErrorKind::InvalidId
            | ErrorKind::InvalidKey
            | ErrorKind::Encode
            | ErrorKind::AlreadyExists
            | ErrorKind::Conflict
            | ErrorKind::UniqueViolation
    )
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::Read { what, .. } => write!(f, "cannot read {what}"),
            Self::File { what, .. } => write!(f, "cannot {what}"),
            Self::Write(_) => f.write_str("cannot write to standard output"),
            Self::Request(message) => f.write_str(message),
        }
    }
}

impl StdError for Failure {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Store(error) => error.source(),
            Self::Read { error, .. } | Self::File { error, .. } | Self::Write(error) => Some(error),
            Self::Request(_) => None,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}
