//! Telling programs what is durable.
//!
//! Owns the lines that begin with `ledger`. Each is written after the fact that it tells of was
//! acknowledged as durable, and in one piece: whoever reads one may rely on it, also if this process is
//! killed in the next moment.
//!
//! | line | says |
//! |---|---|
//! | `ledger gate ID STATUS VERSION` | the gate is so |
//! | `ledger run ID STATUS ITERATION` | the run is so, or further |
//! | `ledger session ID live` or `archived` | the session is there, or in the archive |
//! | `ledger note starting`, `open`, `recovered` | the program is so far; what stands before `recovered` was found |

use std::fmt::Display;
use std::io::{Write as _, stdout};

use larder_stores::gate::Gate;
use larder_stores::monitor_run::MonitorRun;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Ledger {
    is_kept: bool,
}

impl Ledger {
    pub(crate) fn new(is_kept: bool) -> Self {
        Self { is_kept }
    }

    pub(crate) fn note(self, words: &str) {
        self.write(format_args!("note {words}"));
    }

    pub(crate) fn gate(self, gate: &Gate) {
        self.write(format_args!(
            "gate {} {} {}",
            gate.id, gate.status, gate.version
        ));
    }

    pub(crate) fn run(self, run: &MonitorRun) {
        self.write(format_args!(
            "run {} {} {}",
            run.id, run.status, run.iteration
        ));
    }

    pub(crate) fn session(self, id: &str, is: &str) {
        self.write(format_args!("session {id} {is}"));
    }

    fn write(self, fact: impl Display) {
        if self.is_kept {
            let line = format!("ledger {fact}\n");
            let mut out = stdout().lock();
            // If nobody reads it, nobody relies on it.
            let _ = out.write_all(line.as_bytes()).and_then(|()| out.flush());
        }
    }
}
